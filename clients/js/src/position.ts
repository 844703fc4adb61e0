/** Which events of one device were seen, so that what is missed is known. Pure. */
import type { DeviceEvent, Since, Snapshot } from './frames.ts';

/** Both included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** What came beyond a hole that is remembered; with more, the oldest hole is given up. */
const AHEAD_MAX = 1024;

export class Position {
  #epoch: string | undefined;
  /** All up to here was seen, or told to be missed. undefined: nothing is expected, so nothing can be missed. */
  #upTo: number | undefined;
  /** What was seen beyond the next hole, in order: urgent events overtake others. */
  #ahead: SeqRange[] = [];
  /** Replays up to here were seen before, */
  #floor = 0;
  /** and these: they were ahead when the connection was lost. */
  #overtaking: readonly SeqRange[] = [];
  /** By type, the highest number in the present numbering. */
  #newest: { [type: string]: number } = {};
  /** A replay reaches up to here; the first live event shows that it is over. */
  #replayTo = 0;
  /** `#upTo` when the connection was lost, until the hub tells on the new one where the count stands. */
  #before: number | undefined;

  /** Where to go on from, for the hub to replay the rest. undefined: not known, or the hub keeps no history. */
  get since(): Since | undefined {
    if (this.#epoch === undefined || this.#upTo === undefined) return undefined;
    return { epoch: this.#epoch, seq: this.#upTo };
  }

  /** A live event has come. @param isSparse holes are no sign that something is missing */
  live(seq: number, isSparse = false): void {
    if (this.#upTo === undefined) this.#upTo = seq;
    this.#advance(this.#replayTo);
    if (isSparse && this.#before === undefined) this.#advance(seq);
    else this.told({ from: seq, to: seq });
  }

  /** A replayed event has come; replays are in order. @returns whether it is new */
  replayed(seq: number): boolean {
    if (seq <= this.#floor || this.#overtaking.some(({ from, to }) => from <= seq && seq <= to)) return false;
    this.#advance(seq);
    return true;
  }

  /** These were seen, or are told to be missed. */
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

  /** An event of the device’s own has come. @returns whether no later one of its type came before it */
  noteNewest({ type, seq }: DeviceEvent): boolean {
    if (seq <= (this.#newest[type] ?? 0)) return false;
    this.#newest[type] = seq;
    return true;
  }

  /** There is a new connection, and this device will be followed on it. */
  reconnected(): void {
    this.#before = this.#upTo;
  }

  /** Nothing is expected any more, so nothing will be missed. */
  forget(): void {
    this.#floor = Math.max(this.#floor, this.#upTo ?? 0);
    this.#upTo = undefined;
    this.#ahead = [];
    this.#before = undefined;
  }

  /** The application asks anew: replays are for it, whatever it has seen. */
  askedAnew(): void {
    this.#floor = 0;
    this.#overtaking = [];
  }

  /**
   * The hub tells where the device's count stands. @returns what was missed and will neither be replayed nor told by
   * the hub
   */
  snapshot({ seq, epoch, recovered }: Pick<Snapshot, 'seq' | 'epoch' | 'recovered'>): SeqRange[] {
    const before = this.#before;
    const isOther = epoch !== undefined && this.#epoch !== undefined && epoch !== this.#epoch;
    // A lower number, too, means that the count began anew: the hub was started again, or had forgotten the device.
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
      else if (before !== undefined) return this.#skipTo(seq);
    }
    return [];
  }

  #restart(upTo: number): void {
    this.#upTo = upTo;
    this.#ahead = [];
    this.#replayTo = 0;
  }

  /** What was not seen up to there. */
  #skipTo(seq: number): SeqRange[] {
    const missed: SeqRange[] = [];
    let next = this.#upTo! + 1;
    for (const { from, to } of [...this.#ahead, { from: seq + 1, to: seq }]) {
      if (from > next && next <= seq) missed.push({ from: next, to: Math.min(from - 1, seq) });
      next = Math.max(next, to + 1);
    }
    this.#advance(seq);
    return missed;
  }

  #advance(to: number): void {
    if (this.#upTo === undefined || to <= this.#upTo) return;
    this.#upTo = to;
    while (this.#ahead[0] !== undefined && this.#ahead[0].from <= this.#upTo + 1) {
      this.#upTo = Math.max(this.#upTo, this.#ahead.shift()!.to);
    }
  }
}
