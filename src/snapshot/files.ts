/**
 * The snapshot's files: FILE, the one before it as FILE.prev, the one being written as FILE.tmp, and one that could not
 * be read as FILE.corrupt. At any moment, a power cut included, FILE or FILE.prev is whole. Blocks its thread.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** The hub must not start: its snapshot cannot be restored, or could not be written. One line for the operator. */
export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused';
}

/** Who may be denied what is nobody's business but the hub's. */
const MODE = 0o600;

export const previousOf = (file: string): string => `${file}.prev`;
const temporaryOf = (file: string): string => `${file}.tmp`;
const corruptOf = (file: string): string => `${file}.corrupt`;

/** @throws SnapshotRefused when snapshots could not be written to this path */
export function checkWritable(file: string): void {
  const refuse = (why: string) => new SnapshotRefused(`snapshot file ${JSON.stringify(file)}: ${why}`);
  const directory = dirname(file);
  // A name of its own: the temporary file may be another hub's that this one was pointed at by mistake.
  const probe = `${file}.${process.pid}.probe`;
  try {
    closeSync(openSync(probe, 'wx', MODE));
    unlinkSync(probe);
    if (!statSync(file, { throwIfNoEntry: false })?.isDirectory()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw refuse(`its directory ${JSON.stringify(directory)} does not exist`);
    throw refuse(`its directory ${JSON.stringify(directory)} cannot be written: ${code}`);
  }
  throw refuse('it is a directory');
}

/**
 * Writes a snapshot: whole and on the disk under another name first, then it takes the place of FILE, which becomes
 * FILE.prev. When it cannot be written, nothing of it stays and both are as they were.
 * @returns its length, bytes
 * @throws what the file system or `chunks` throws
 */
export function writeSnapshot(file: string, chunks: Iterable<Uint8Array>): number {
  const temporary = temporaryOf(file);
  try {
    const bytes = writeDurably(temporary, chunks);
    if (exists(file)) keepPrevious(file);
    renameSync(temporary, file);
    syncDirectory(dirname(file));
    return bytes;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** FILE is FILE.prev too, until another takes its name: so it is never missing, where the file system has hard links. */
function keepPrevious(file: string): void {
  const previous = previousOf(file);
  rmSync(previous, { force: true });
  try {
    linkSync(file, previous);
  } catch {
    renameSync(file, previous);
  }
}

/**
 * FILE becomes FILE.prev, of which no numbering goes on: for a hub that cannot write another. Takes no room on the disk.
 * @throws what the file system throws
 */
export function setBack(file: string): void {
  if (!exists(file)) return;
  renameSync(file, previousOf(file));
  syncDirectory(dirname(file));
}

/** Puts a file that could not be read out of the way, so that the next snapshot does not push out FILE.prev. */
export function setAside(file: string): string {
  const corrupt = corruptOf(file);
  renameSync(file, corrupt);
  return corrupt;
}

/** Whether there is anything at this path. @throws Error when it cannot be told */
export function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function writeDurably(path: string, chunks: Iterable<Uint8Array>): number {
  rmSync(path, { force: true }); // left behind by a hub that was killed
  const file = openSync(path, 'wx', MODE);
  let bytes = 0;
  try {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      bytes += chunk.length;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Makes the renames durable. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
