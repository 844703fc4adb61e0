/** How fast things happen: the counters once a second, and the difference over the last seconds. */
import type { Clock } from '../clock.ts';
import type { Watch } from '../edge/edge-timers.ts';

/** The window: long enough to smooth bursts, short enough that an operator sees a change at once. */
const SAMPLES_MAX = 10;

export interface EventTotals {
  readonly events: number;
  readonly deliveries: number;
}

export interface Rates {
  readonly windowSeconds: number;
  readonly eventsPerSecond: number;
  readonly deliveriesPerSecond: number;
}

export class RateSampler implements Watch {
  readonly tickMs = 1000;
  readonly #clock: Clock;
  readonly #read: () => EventTotals;
  /** Oldest first. */
  readonly #samples: (EventTotals & { readonly atMs: number })[] = [];

  constructor(clock: Clock, read: () => EventTotals) {
    this.#clock = clock;
    this.#read = read;
    this.tick();
  }

  /** Call every `tickMs`. */
  tick(): void {
    this.#samples.push({ atMs: this.#clock.now(), ...this.#read() });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** From the oldest sample to now. */
  rates(): Rates {
    const oldest = this.#samples[0];
    const windowSeconds = oldest === undefined ? 0 : (this.#clock.now() - oldest.atMs) / 1e3;
    if (oldest === undefined || windowSeconds <= 0) {
      return { windowSeconds: 0, eventsPerSecond: 0, deliveriesPerSecond: 0 };
    }
    const now = this.#read();
    return {
      windowSeconds,
      eventsPerSecond: (now.events - oldest.events) / windowSeconds,
      deliveriesPerSecond: (now.deliveries - oldest.deliveries) / windowSeconds,
    };
  }
}
