/**
 * Decides when a node checks its time-outs: often while messages come and go, because an acknowledgement waits only 20
 * ms; rarely otherwise, because each check wakes the thread, and all other time-outs are at least a quarter of a
 * second.
 */
import type { Clock } from '../clock.ts';
import { BUSY_MS, QUIET_TICK_MS, TICK_MS } from './limits.ts';

export class Ticker {
  readonly #clock: Clock;
  readonly #tick: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isQuiet = false;
  #busyAtMs: number;

  /** Starts. */
  constructor(clock: Clock, tick: () => void) {
    this.#clock = clock;
    this.#tick = tick;
    this.#busyAtMs = clock.now();
    this.#wait(TICK_MS);
  }

  /** A message came, or will be sent. */
  busy(): void {
    this.#busyAtMs = this.#clock.now();
    if (this.#isQuiet && this.#timer !== undefined) this.#wait(TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#isQuiet = ms === QUIET_TICK_MS;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), ms);
  }

  #look(): void {
    this.#tick();
    if (!this.#isQuiet && this.#clock.now() - this.#busyAtMs > BUSY_MS) this.#wait(QUIET_TICK_MS);
  }
}
