/**
 * Writes the log's lines, each at once and in this thread, so that none is lost when the process ends right after. A
 * log that cannot be written (a full disk, a reader that has gone or stands still) costs lines and never the hub.
 */
import { writeSync } from 'node:fs';

/** A reader that stands still holds the hub up for this long, once; then lines are dropped until it reads again. */
const BLOCKED_MS_MAX = 100;
const PAUSE_MS = 5;
const NEWLINE = 0x0a;

type Write = (fd: number, bytes: Uint8Array, offset: number) => number;

export class LogOutput {
  readonly #fd: number;
  readonly #write: Write;
  /** Lines that could not be written, since the start. */
  droppedLines = 0;
  /** Of `droppedLines`, those that the log has not told of yet. */
  #untold = 0;
  /** Part of a line was written and the rest could not be. */
  #isTorn = false;
  #isBlocked = false;

  constructor(fd: number, write: Write = writeSync) {
    this.#fd = fd;
    this.#write = write;
  }

  /** @param line with its line break */
  write(line: string): void {
    const note = this.#untold === 0 ? '' : lost(this.#untold);
    if (this.#put(`${this.#isTorn ? '\n' : ''}${note}${line}`)) this.#untold = 0;
    else {
      this.droppedLines += 1;
      this.#untold += 1;
    }
  }

  /** @returns false when not all of it was written */
  #put(text: string): boolean {
    const bytes = Buffer.from(text);
    let at = 0;
    let pausesLeft = this.#isBlocked ? 0 : BLOCKED_MS_MAX / PAUSE_MS;
    try {
      while (at < bytes.length) {
        const written = this.#tryWrite(bytes, at);
        if (written < 0 && pausesLeft-- <= 0) {
          this.#isBlocked = true;
          break;
        }
        if (written < 0) Atomics.wait(pause, 0, 0, PAUSE_MS);
        else at += written;
      }
    } catch {
      // counted below
    }
    if (at > 0) this.#isTorn = bytes[at - 1] !== NEWLINE;
    if (at < bytes.length) return false;
    this.#isBlocked = false;
    return true;
  }

  /** @returns bytes written, -1 when the reader takes none now @throws what the file system throws */
  #tryWrite(bytes: Uint8Array, at: number): number {
    try {
      return this.#write(this.#fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return -1;
      throw error;
    }
  }
}

/** A line as those of the log are. */
function lost(lines: number): string {
  const time = new Date().toISOString();
  return `{"level":"warn","time":"${time}","lostLines":${lines},"msg":"log lines were lost"}\n`;
}

/** Nobody ever wakes it. */
const pause = new Int32Array(new SharedArrayBuffer(4));
