/** Tracks which events of one device were seen, to know which are missing. Pure. */
import type { DeviceEvent, Since, Snapshot } from './frames.ts';

/** Both included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** Ranges remembered beyond the first hole. With more, the hole counts as lost. */
const AHEAD_MAX = 1024;

export class Position {
  #epoch: string | undefined;
  /** Everything up to here was seen or is in a gap. undefined: nothing is expected, so nothing can be missing. */
  #upTo: number | undefined;
  /** Ranges seen beyond the first hole, in order: high-priority events overtake others. */
  #ahead: SeqRange[] = [];
  /** Replays up to here were seen before, */
  #floor = 0;
  /** and so were these, from `#ahead` when the connection was lost. */
  #overtaking: readonly SeqRange[] = [];
  /** By type, the highest number in the current numbering. */
  #newest: { [type: string]: number } = {};
  /** Where the running replay ends; the first live event shows that it is over. */
  #replayTo = 0;
  /** `#upTo` when the connection was lost, until the hub answers on the new one. */
  #before: number | undefined;

  /** Where the hub should go on from. undefined: unknown, or the hub keeps no history. */
  get since(): Since | undefined {
    if (this.#epoch === undefined || this.#upTo === undefined) return undefined;
    return { epoch: this.#epoch, seq: this.#upTo };
  }

  /** A live event arrived. @param isSparse holes do not mean that events are missing */
  live(seq: number, isSparse = false): void {
    if (this.#upTo === undefined) this.#upTo = seq;
    this.#advance(this.#replayTo);
    if (isSparse && this.#before === undefined) this.#advance(seq);
    else this.told({ from: seq, to: seq });
  }

  /** A replayed event arrived; replays come in order. @returns whether it is new */
  replayed(seq: number): boolean {
    if (seq <= this.#floor || this.#overtaking.some(({ from, to }) => from <= seq && seq <= to)) return false;
    this.#advance(seq);
    return true;
  }

  /** The hub says that it will not send these. @returns those that were not seen: urgent events overtake */
  gap(range: SeqRange): SeqRange[] {
    const missed = this.#unseen(range);
    this.told(range);
    return missed;
  }

  /** These were seen, or are in a gap. */
  told({ from, to }: SeqRange): void {
    if (this.#upTo === undefined || from <= this.#upTo + 1) {
      this.#upTo ??= to;
      this.#advance(to);
      return;
    }
    this.#ahead.push({ from, to });
    this.#ahead.sort((one, other) => one.from - other.from);
    if (this.#ahead.length > AHEAD_MAX) this.#advance(this.#ahead[0]!.to);
  }

  /** An event of the device itself arrived. @returns whether it is the newest of its type */
  noteNewest({ type, seq }: DeviceEvent): boolean {
    if (seq <= (this.#newest[type] ?? 0)) return false;
    this.#newest[type] = seq;
    return true;
  }

  /** There is a new connection, which will follow this device. */
  reconnected(): void {
    this.#before = this.#upTo;
  }

  /** Nothing is expected any more, so nothing will be missing. */
  forget(): void {
    this.#floor = Math.max(this.#floor, this.#upTo ?? 0);
    this.#upTo = undefined;
    this.#ahead = [];
    this.#before = undefined;
  }

  /** The application asks again: it also gets replays of events that it has seen. */
  askedAnew(): void {
    this.#floor = 0;
    this.#overtaking = [];
  }

  /**
   * The hub reports the device's last number.
   * @returns missing events that the hub will neither replay nor report
   */
  snapshot({ seq, epoch, recovered }: Pick<Snapshot, 'seq' | 'epoch' | 'recovered'>): SeqRange[] {
    const before = this.#before;
    const isOther = epoch !== undefined && this.#epoch !== undefined && epoch !== this.#epoch;
    // A lower number also means a new numbering: the hub was restarted, or had forgotten the device.
    const isAnew = isOther || (before !== undefined && seq < before);
    this.#epoch = epoch;
    this.#before = undefined;
    if (isAnew) {
      this.askedAnew();
      this.#newest = {};
    } else if (before !== undefined) {
      this.#floor = before;
      this.#overtaking = [...this.#ahead];
    }
    if (this.#upTo === undefined || (isAnew && before === undefined)) this.#restart(seq);
    else {
      if (isAnew) this.#restart(0);
      if (recovered !== undefined) this.#replayTo = seq;
      else if (before !== undefined) return this.gap({ from: 1, to: seq });
    }
    return [];
  }

  #restart(upTo: number): void {
    this.#upTo = upTo;
    this.#ahead = [];
    this.#replayTo = 0;
    // The numbering may have started anew while nothing was expected; without history the hub cannot tell.
    if (Object.values(this.#newest).some((seq) => seq > upTo)) this.#newest = {};
  }

  #unseen({ from: next, to: seq }: SeqRange): SeqRange[] {
    const missed: SeqRange[] = [];
    for (const { from, to } of [
      { from: 1, to: this.#upTo ?? 0 },
      ...this.#ahead,
      { from: seq + 1, to: seq },
    ]) {
      missed.push({ from: next, to: Math.min(from - 1, seq) });
      next = Math.max(next, to + 1);
    }
    return missed.filter(({ from, to }) => from <= to);
  }

  #advance(to: number): void {
    if (this.#upTo === undefined || to <= this.#upTo) return;
    this.#upTo = to;
    while (this.#ahead[0] !== undefined && this.#ahead[0].from <= this.#upTo + 1) {
      this.#upTo = Math.max(this.#upTo, this.#ahead.shift()!.to);
    }
  }
}
