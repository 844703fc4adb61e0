/** How fast things happen: the difference between now and a look of some seconds ago. */
import type { Totals } from './figures.ts';
import type { Look } from './looks.ts';
import type { Stats } from './stats-schemas.ts';

/** The window, in looks: long enough to smooth bursts, short enough that an operator sees a change at once. */
const LOOKS_MAX = 10;

export class RecentRates {
  /** Oldest first. */
  readonly #looks: Look[] = [];

  add(look: Look): void {
    this.#looks.push(look);
    if (this.#looks.length > LOOKS_MAX) this.#looks.shift();
  }

  /** From the oldest look to now. @param figures read at `nowMs` of the monotonic clock */
  upTo(nowMs: number, figures: Totals): Stats['rates'] {
    const oldest = this.#looks[0];
    const windowSeconds = oldest === undefined ? 0 : (nowMs - oldest.atMs) / 1e3;
    if (oldest === undefined || windowSeconds <= 0) {
      return { windowSeconds: 0, eventsPerSecond: 0, deliveriesPerSecond: 0 };
    }
    return {
      windowSeconds,
      eventsPerSecond: (eventsOf(figures) - eventsOf(oldest.figures)) / windowSeconds,
      deliveriesPerSecond: (figures.deliveries - oldest.figures.deliveries) / windowSeconds,
    };
  }
}

const eventsOf = ({ received: { pong, message, status } }: Totals): number => pong + message + status;
