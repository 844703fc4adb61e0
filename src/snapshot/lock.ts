/**
 * One hub a snapshot file: a socket beside it, FILE.lock, that the hub listens on for as long as it may write. The
 * kernel forgets a listener with its process, so a hub that was killed leaves nothing but a name that nobody answers.
 * Holds on one host, containers included; hubs of two hosts on one network file system do not see each other.
 */
import { closeSync, linkSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SnapshotRefused } from './files.ts';

/** `sun_path` without its terminator, on Linux and the BSDs alike. */
const SOCKET_PATH_BYTES_MAX = 103;
/** A hub that is stopped or has no descriptor left holds its lock without a word. */
const ANSWER_MS_MAX = 500;
/** Each try means that another hub came or went just then. */
const TRIES_MAX = 5;
const RETRY_MS = 20;

const lockOf = (file: string): string => `${file}.lock`;

export class SnapshotLock {
  /** Why two hubs could use the file after all; undefined where it is locked. */
  readonly warning: string | undefined;
  #release: (() => void) | undefined;

  private constructor(release?: () => void, warning?: string) {
    this.#release = release;
    this.warning = warning;
  }

  /** @throws SnapshotRefused when another hub holds it */
  static async take(file: string): Promise<SnapshotLock> {
    let place: Place | undefined;
    try {
      place = placeOf(lockOf(resolve(file)));
      if (place === undefined) return new SnapshotLock(undefined, unlocked(file, 'its path is too long'));
      const { path, done } = place;
      const server = await listenAlone(file, path);
      return new SnapshotLock(() => {
        server.close(); // takes the name away, too
        done();
      });
    } catch (error) {
      place?.done();
      if (error instanceof SnapshotRefused) throw error;
      return new SnapshotLock(undefined, unlocked(file, String((error as NodeJS.ErrnoException).code)));
    }
  }

  /** The file may be another hub's from now on. A second call does nothing. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

const unlocked = (file: string, why: string): string =>
  `snapshot file ${JSON.stringify(file)} cannot be locked (${why}): no other hub may use it`;

/** A path that fits a socket's address. */
interface Place {
  readonly path: string;
  done(): void;
}

function placeOf(lock: string): Place | undefined {
  if (Buffer.byteLength(lock) <= SOCKET_PATH_BYTES_MAX) return { path: lock, done: () => {} };
  if (process.platform !== 'linux') return undefined;
  const directory = openSync(dirname(lock), 'r');
  const path = `/proc/self/fd/${directory}/${basename(lock)}`;
  const done = (): void => closeSync(directory);
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path, done };
  done();
  return undefined;
}

async function listenAlone(file: string, path: string): Promise<Server> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const before = identityOf(file, path);
    const server = await listenAt(path);
    if (server !== undefined) return server;
    const holder = await askHolder(path);
    if (holder !== undefined) throw inUse(file, holder);
    if (before !== undefined) removeStale(file, path, before);
    await sleep(RETRY_MS);
  }
  throw inUse(file, '');
}

/** @returns undefined when the name is taken */
function listenAt(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(String(process.pid)));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.on('error', () => {}); // no descriptor left: whoever asks gets no answer, and that is one
      resolve(server.unref());
    });
  });
}

/** @returns the process that listens there, '' where it does not say; undefined where there is none */
function askHolder(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    const end = (holder: string | undefined): void => {
      socket.destroy();
      resolve(holder);
    };
    socket.setTimeout(ANSWER_MS_MAX, () => end(''));
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('end', () => end(/^\d{1,10}$/.test(text) ? text : ''));
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' || code === 'ENOENT' ? undefined : ''),
    );
  });
}

/**
 * Takes away the name that a dead hub left, and only that: another hub may have done so and taken the lock meanwhile.
 * @param before what stood behind the name that nobody answered at
 */
function removeStale(file: string, path: string, before: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another hub has
  }
  try {
    if (identityOf(file, aside) !== before) linkSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Inodes are used again; when the socket was made does not change with its name. @throws SnapshotRefused when something else has the name */
function identityOf(file: string, path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (stats === undefined) return undefined;
  if (stats.isSocket()) return `${stats.ino} ${stats.mtimeNs}`;
  throw new SnapshotRefused(
    `snapshot file ${JSON.stringify(file)}: ${lockOf(file)} is in the way of its lock`,
  );
}

function inUse(file: string, pid: string): SnapshotRefused {
  const who = pid === '' ? 'another hub' : `another hub (process ${pid})`;
  return new SnapshotRefused(`snapshot file ${JSON.stringify(file)}: ${who} uses it; give each hub its own`);
}
