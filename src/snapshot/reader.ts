/**
 * Reads a snapshot file in bounded memory, whatever its size. It is proven whole before the first row is given out.
 * Blocks its thread: the owner reads before it serves anyone.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  END_LINE_BYTES_MAX,
  parseEnd,
  parseHeader,
  parseRow,
  SnapshotError,
  type SnapshotRow,
} from './format.ts';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export class SnapshotReader {
  /** When the snapshot was begun, wall-clock ms. */
  readonly atMs: number;
  readonly rowCount: number;
  readonly #file: number;
  /** Bytes before the end line. */
  readonly #bodyBytes: number;

  /**
   * Opens the file and reads all of it once, to see that it is whole: checksum, count and every row.
   * @throws SnapshotError when it is not; the file system's error when it cannot be read
   */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      const { bodyBytes, rows, sha256 } = readEnd(this.#file);
      this.#bodyBytes = bodyBytes;
      const hash = createHash('sha256');
      for (const chunk of chunksOf(this.#file, bodyBytes)) hash.update(chunk);
      if (hash.digest('hex') !== sha256) throw new SnapshotError('does not match its checksum');
      const [header = ''] = linesOf(this.#file, bodyBytes);
      this.atMs = parseHeader(header);
      this.rowCount = rows;
      let count = 0;
      for (const _row of this.rows()) count += 1;
      if (count !== rows) throw new SnapshotError(`holds ${count} rows, its end says ${rows}`);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  *rows(): Generator<SnapshotRow> {
    let number = 0;
    for (const line of linesOf(this.#file, this.#bodyBytes)) {
      number += 1;
      if (number > 1) yield parseRow(line, number);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Finds the last line, from the file's end. */
function readEnd(file: number): { bodyBytes: number; rows: number; sha256: string } {
  const { size } = fstatSync(file);
  if (size === 0) throw new SnapshotError('is empty');
  const tail = Buffer.alloc(Math.min(size, END_LINE_BYTES_MAX));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const start = tail.lastIndexOf(NEWLINE, tail.length - 2) + 1;
  const { rows, sha256 } = parseEnd(tail.toString('latin1', start));
  return { bodyBytes: size - (tail.length - start), rows, sha256 };
}

/** The first `bytes` bytes; each chunk is valid until the next is asked for. */
function* chunksOf(file: number, bytes: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; at < bytes; ) {
    const read = readSync(file, buffer, 0, Math.min(CHUNK_BYTES, bytes - at), at);
    if (read === 0) throw new SnapshotError('became shorter while it was read');
    at += read;
    yield buffer.subarray(0, read);
  }
}

/** The lines of the first `bytes` bytes, without their line breaks; what follows the last break is no line. */
function* linesOf(file: number, bytes: number): Generator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of chunksOf(file, bytes)) {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end < 0) {
      rest = Buffer.concat([rest, chunk]);
      continue;
    }
    const whole = Buffer.concat([rest, chunk.subarray(0, end)]);
    rest = Buffer.from(chunk.subarray(end + 1));
    yield* whole.toString('utf8').split('\n');
  }
}
