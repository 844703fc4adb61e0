/**
 * Distinguishes a peer's silence from the hub's own: a thread that was stopped or busy for seconds has heard nobody,
 * and no peer may expire because of that. Every thread beats. The owner, which judges silence, subtracts the time that
 * a thread with sockets missed, and main notices which thread does not run (`health.ts`). All times are the hub
 * clock's, in whole ms.
 */
import type { Clock } from '../clock.ts';
import { STALL_MS } from '../limits.ts';

const BEAT = 0; // when the thread ran last; 0 before it ever did
const PAUSE_START = 1; // its last stall
const PAUSE_END = 2;
/** More than one rarely matters: a stall counts only for peers that were last heard before its end. */
const PAUSES_MAX = 16;

/** Memory for the heartbeat of one thread. */
export function createHeartbeat(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT);
}

/** When the thread ran last, hub clock, whole ms; 0 before it ever did. */
export function beatOf(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory), BEAT));
}

/** The thread's side. */
export class Heart {
  readonly #cells: BigInt64Array;
  readonly #clock: Clock;
  #lastMs = 0;

  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.#cells = new BigInt64Array(memory);
    this.#clock = clock;
  }

  /** Call every `LOOK_MS`. @returns how long the thread has just stalled, ms; 0 when it did not */
  beat(): number {
    const nowMs = Math.floor(this.#clock.now());
    const lastMs = this.#lastMs;
    const stalledMs = lastMs > 0 && nowMs - lastMs > STALL_MS ? nowMs - lastMs : 0;
    if (stalledMs > 0) {
      // The beat is stored last: a reader that sees it sees the pause too.
      Atomics.store(this.#cells, PAUSE_START, BigInt(lastMs));
      Atomics.store(this.#cells, PAUSE_END, BigInt(nowMs));
    }
    Atomics.store(this.#cells, BEAT, BigInt(nowMs));
    this.#lastMs = nowMs;
    return stalledMs;
  }
}

/** The judge's side, of one thread. */
export class Pulse {
  readonly #cells: BigInt64Array;
  readonly #pauses: { readonly startMs: number; readonly endMs: number }[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(memory);
  }

  /** How long a peer was silent, without the time in which its thread could not hear it. @param nowMs hub clock */
  silentMs(lastSeenMs: number, nowMs: number): number {
    const beatMs = this.#read();
    const heardUntilMs = beatMs === 0 ? nowMs : Math.min(nowMs, beatMs + STALL_MS);
    let silentMs = heardUntilMs - lastSeenMs;
    for (const { startMs, endMs } of this.#pauses) {
      silentMs -= Math.max(0, endMs - Math.max(startMs, lastSeenMs));
    }
    return Math.max(0, silentMs);
  }

  /** When the thread's last stall ended, or `nowMs` during a stall; 0 if there was none. */
  lastPauseEndMs(nowMs: number): number {
    const beatMs = this.#read();
    if (beatMs > 0 && nowMs - beatMs > STALL_MS) return nowMs;
    return this.#pauses.at(-1)?.endMs ?? 0;
  }

  #read(): number {
    const beatMs = Number(Atomics.load(this.#cells, BEAT));
    const endMs = Number(Atomics.load(this.#cells, PAUSE_END));
    if (endMs > (this.#pauses.at(-1)?.endMs ?? 0)) {
      const startMs = Number(Atomics.load(this.#cells, PAUSE_START));
      this.#pauses.push({ startMs, endMs });
      if (this.#pauses.length > PAUSES_MAX) this.#pauses.shift();
    }
    return beatMs;
  }
}
