/** The figures of the last minutes, as plots need them; a time without figures shows as a gap. */
import type { LiveFigures } from './live.ts';

/** Five minutes at a look a second. */
export const HISTORY_LENGTH = 300;
const GAP_MS = 3000;

export type Value = number | null;

export interface Sample {
  readonly at: number;
  /** null: nothing is known of this time. */
  readonly figures: LiveFigures | null;
}

export class History {
  /** Oldest first. */
  readonly samples: Sample[] = [];

  /** @returns false when it has these figures already */
  add(figures: LiveFigures): boolean {
    const last = this.samples.at(-1);
    if (last !== undefined && figures.at <= last.at && figures.startedAt === last.figures?.startedAt)
      return false;
    if (last !== undefined && figures.at - last.at > GAP_MS) this.#push({ at: last.at + 1, figures: null });
    this.#push({ at: figures.at, figures });
    return true;
  }

  /** Seconds since 1970. */
  times(): number[] {
    return this.samples.map(({ at }) => at / 1e3);
  }

  series(read: (figures: LiveFigures) => Value): Value[] {
    return this.samples.map(({ figures }) => (figures === null ? null : read(figures)));
  }

  /** The oldest figures of the hub that runs now. */
  firstOf(startedAt: number): LiveFigures | undefined {
    return this.samples.find(({ figures }) => figures?.startedAt === startedAt)?.figures ?? undefined;
  }

  #push(sample: Sample): void {
    this.samples.push(sample);
    if (this.samples.length > HISTORY_LENGTH) this.samples.shift();
  }
}
