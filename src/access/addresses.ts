/**
 * What the hub knows about peers' addresses, shared by all threads that admit peers: connections, recent arrivals, and
 * wrong tokens.
 *
 * An address is a cell chosen by a hash with a secret seed. Two addresses may share a cell (one pair in 65,536) and
 * then share their limits: nothing is looked up, grows or has to be cleaned away. IPv6 counts by /64, which is what
 * one host is given.
 *
 * Memory, in 32-bit words: connections of each thread (the one column with a writer of its own each), then for each
 * cell two windows (second or minute, count) and the end of a ban.
 */
import { createHash } from 'node:crypto';
import { networkOf } from '../ip.ts';

const CELLS = 65_536;
const WINDOW_WORDS = 5;
/** A window's count stands behind the window's number. */
const Word = { second: 0, minute: 2, bannedUntil: 4 } as const;

export interface AddressMemory {
  /** Seed of the hash. */
  readonly seed: string;
  /** Threads that let peers in. */
  readonly threads: number;
  readonly words: SharedArrayBuffer;
}

/** @param threads that let peers in */
export function createAddresses(threads: number, seed: string): AddressMemory {
  return { seed, threads, words: new SharedArrayBuffer(4 * CELLS * (threads + WINDOW_WORDS)) };
}

/** The view of one thread. A cell number stands for an address. */
export class Addresses {
  readonly #seed: string;
  readonly #threads: number;
  readonly #thread: number;
  readonly #words: Int32Array;

  /** @param thread this thread's number, 0 to `threads` - 1 */
  constructor(memory: AddressMemory, thread: number) {
    this.#seed = memory.seed;
    this.#threads = memory.threads;
    this.#thread = thread;
    this.#words = new Int32Array(memory.words);
  }

  /** @param address in text form; whatever is no address shares one cell */
  cellOf(address: string): number {
    const digest = createHash('sha1').update(this.#seed).update(networkOf(address)).digest();
    return digest.readUInt16LE(0);
  }

  /** Open connections of all threads. */
  connections(cell: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++) {
      sum += Atomics.load(this.#words, thread * CELLS + cell);
    }
    return sum;
  }

  /** @param change 1 or -1 */
  count(cell: number, change: 1 | -1): void {
    Atomics.add(this.#words, this.#thread * CELLS + cell, change);
  }

  /** This thread starts: forgets what an earlier thread with its number counted, because its sockets are gone. */
  forgetConnections(): void {
    this.#words.fill(0, this.#thread * CELLS, (this.#thread + 1) * CELLS);
  }

  /** Takes note of a new connection. @returns how many came in this second, with this one @param nowMs hub clock */
  arrived(cell: number, nowMs: number): number {
    return this.#countIn(cell, Word.second, Math.floor(nowMs / 1e3));
  }

  /** Takes note of a wrong token. @returns how many came in this minute, with this one @param nowMs hub clock */
  failed(cell: number, nowMs: number): number {
    return this.#countIn(cell, Word.minute, Math.floor(nowMs / 60e3));
  }

  /** @param untilMs hub clock */
  ban(cell: number, untilMs: number): void {
    Atomics.store(this.#words, this.#at(cell, Word.bannedUntil), Math.ceil(untilMs / 1e3));
  }

  /** Seconds that the ban has still to go, 0 when there is none. @param nowMs hub clock */
  bannedForSeconds(cell: number, nowMs: number): number {
    return Math.max(0, Atomics.load(this.#words, this.#at(cell, Word.bannedUntil)) - Math.floor(nowMs / 1e3));
  }

  /** A window that ends between two threads' looks may lose a count or two: a limit, not a bill. */
  #countIn(cell: number, word: typeof Word.second | typeof Word.minute, window: number): number {
    const count = this.#at(cell, word + 1);
    if (Atomics.exchange(this.#words, this.#at(cell, word), window) !== window) {
      Atomics.store(this.#words, count, 0);
    }
    return Atomics.add(this.#words, count, 1) + 1;
  }

  #at(cell: number, word: number): number {
    return (this.#threads + word) * CELLS + cell;
  }
}
