/**
 * The events that the slow subscribers of one device miss: their seqs, and the newest one, kept once for all. From the
 * moment they fell behind, all of them miss the same events, so each needs only one number.
 */
import { MISSED_RUNS_MAX } from '../../limits.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { EventField, seqOf } from '../../records/event.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { NOTHING_TAKEN, type Taken, type Waiting } from './paced-audience.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Up to this many, unneeded runs are kept, because finding them takes a walk over the slow subscribers. */
const TRIM_FROM_RUNS = 64;

export class Missed {
  readonly names: DeviceNames;
  /** By slow subscriber: the newest seq that others had missed when it fell behind; it misses the later ones. */
  readonly #since = new Map<SubscriberSession, number>();
  // Only for subscribers at a pace: a slow subscriber may have this object for a hundred thousand devices, mostly
  // without.
  /** By slow subscriber: events that waited for their turn when it fell behind. */
  #waits: Map<SubscriberSession, readonly Waiting[]> | undefined;
  /** By slow subscriber: when it had its last turns. */
  #turns: Map<SubscriberSession, readonly number[]> | undefined;
  /** By such event: how many subscribers wait for it. */
  #shared: Map<RecordViews, number> | undefined;
  #sharedBytes = 0;
  /** Missed seqs in ascending order, as flat pairs: first and last of each run. */
  #runs: number[] = [];
  /** Seqs of the round being passed, in its order: by priority. */
  readonly #fresh: number[] = [];
  #freshSeq = 0;
  #freshOffset = 0;
  #newest = 0;
  /** Slow subscribers that have missed something. */
  #waiting = 0;
  /** Slow subscribers, by encoding. */
  readonly #counts: number[] = encodings.map(() => 0);
  /** The newest event, at the start of these. */
  #kept: RecordViews | undefined;

  constructor(names: DeviceNames) {
    this.names = names;
  }

  get sessions(): IterableIterator<SubscriberSession> {
    return this.#since.keys();
  }

  get size(): number {
    return this.#since.size;
  }

  /** Slow subscribers of one encoding. */
  count(encoding: Encoding): number {
    return this.#counts[encoding]!;
  }

  /** Whether anything waited for its turn. */
  get hasWaiting(): boolean {
    return this.#waits !== undefined && this.#waits.size > 0;
  }

  has(session: SubscriberSession): boolean {
    return this.#since.has(session);
  }

  /** Bytes of the events kept. */
  get keptBytes(): number {
    return this.#sharedBytes + (this.#kept?.u8.length ?? 0);
  }

  /** Whether there are more runs of seqs than may be reported to a subscriber. */
  get isFull(): boolean {
    return this.#runs.length > 2 * MISSED_RUNS_MAX;
  }

  /** It misses the events that are noted from here on. */
  add(session: SubscriberSession, { waiting, turns }: Taken = NOTHING_TAKEN): void {
    this.#since.set(session, this.#newest);
    this.#counts[session.encoding]! += 1;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an empty list is as none, but takes memory
    if (turns.length > 0) {
      this.#turns ??= new Map();
      this.#turns.set(session, turns);
    }
    if (waiting.length === 0) return;
    this.#waits ??= new Map();
    this.#waits.set(session, waiting);
    for (const { views } of waiting) this.#share(views, 1);
  }

  /** @returns the events that were kept for it */
  remove(session: SubscriberSession): number {
    const since = this.#since.get(session);
    if (since === undefined) return 0;
    const waiting = this.waitingFor(session);
    for (const { views } of waiting) this.#share(views, -1);
    this.#waits?.delete(session);
    this.#turns?.delete(session);
    this.#since.delete(session);
    this.#counts[session.encoding]! -= 1;
    // Stryker disable next-line ConditionalExpression,EqualityOperator,ArithmeticOperator: only when runs are looked for
    if (this.#runs.length > 2 * TRIM_FROM_RUNS) this.#trim();
    if (since === this.#newest) return waiting.length;
    this.#waiting -= 1;
    return waiting.length + 1;
  }

  /**
   * The subscriber gets an urgent event, which replaces a waiting one of its type.
   * @returns how many events it replaces
   */
  replace(session: SubscriberSession, type: number): number {
    const waiting = this.waitingFor(session);
    const replaced = waiting.find(({ views }) => views.u8[EventField.type] === type);
    if (replaced === undefined) return 0;
    this.#share(replaced.views, -1);
    this.#waits?.set(
      session,
      waiting.filter((one) => one !== replaced),
    );
    return replaced.replaced + 1;
  }

  /** The events that waited for their turn when the subscriber fell behind. */
  waitingFor(session: SubscriberSession): readonly Waiting[] {
    return this.#waits?.get(session) ?? NOTHING_TAKEN.waiting;
  }

  /** When it had its last turns, before it fell behind. */
  turnsOf(session: SubscriberSession): readonly number[] {
    return this.#turns?.get(session) ?? NOTHING_TAKEN.turns;
  }

  /**
   * Notes an event that the slow subscribers do not get.
   * @param offset where it is in the ring
   * @returns whether it is the first since `endRound`
   */
  note(seq: number, offset: number): boolean {
    // Stryker disable next-line EqualityOperator: no seq comes twice
    if (seq > this.#freshSeq) {
      this.#freshSeq = seq;
      this.#freshOffset = offset;
    }
    return this.#fresh.push(seq) === 1;
  }

  /** Where the newest event noted since `endRound` is in the ring. */
  get freshOffset(): number {
    return this.#freshOffset;
  }

  /**
   * Ends a round in which events were noted.
   * @param kept the newest of them, at the start of views that stay
   * @returns how many deliveries are lost by it: all but the newest event for each subscriber
   */
  endRound(kept: RecordViews): number {
    const fresh = this.#fresh.sort((one, other) => one - other);
    for (const seq of fresh) addRun(this.#runs, seq, seq);
    const { size } = this;
    const lost = fresh.length * size - (size - this.#waiting);
    this.#waiting = size;
    this.#newest = this.#freshSeq;
    fresh.length = 0;
    this.#kept = kept;
    return lost;
  }

  /** The event kept for a slow subscriber; none when it has missed nothing. */
  newestFor(session: SubscriberSession): RecordViews | undefined {
    return this.#since.get(session) === this.#newest ? undefined : this.#kept;
  }

  /** The seqs that a slow subscriber will never get, as flat pairs: first and last of each run. */
  gapsOf(session: SubscriberSession): number[] {
    // A waiting event is not sent if a newer one is.
    const isNewer = this.#since.get(session)! < this.#newest;
    return this.#missedBy(session, isNewer, this.#newest - 1);
  }

  /** Like `gapsOf`, if it does not get the kept event either. */
  allMissedBy(session: SubscriberSession): number[] {
    return this.#missedBy(session, true, this.#newest);
  }

  #missedBy(session: SubscriberSession, withWaiting: boolean, last: number): number[] {
    const since = this.#since.get(session)!;
    const gaps: number[] = [];
    if (withWaiting)
      for (const { views } of this.waitingFor(session)) addRun(gaps, seqOf(views), seqOf(views));
    const runs = this.#runs;
    // Stryker disable next-line EqualityOperator: behind the last there is no run
    for (let at = 0; at < runs.length; at += 2) {
      const from = Math.max(runs[at]!, since + 1);
      const to = Math.min(runs[at + 1]!, last);
      if (from <= to) addRun(gaps, from, to);
    }
    return gaps;
  }

  #share(views: RecordViews, by: 1 | -1): void {
    this.#shared ??= new Map();
    const before = this.#shared.get(views) ?? 0;
    if (before === 0 || before + by === 0) this.#sharedBytes += by * views.u8.length;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: 0 is as none, but would hold on to the event
    if (before + by > 0) this.#shared.set(views, before + by);
    else this.#shared.delete(views);
  }

  #trim(): void {
    let needed = this.#newest;
    for (const since of this.#since.values()) needed = Math.min(needed, since);
    // Stryker disable next-line EqualityOperator: a run more, of which nobody is told
    this.#runs = this.#runs.filter((_, at) => this.#runs[at | 1]! > needed);
  }
}

/** Adds a run of seqs after the existing ones. */
function addRun(runs: number[], from: number, to: number): void {
  if (runs.at(-1) === from - 1) runs[runs.length - 1] = to;
  else runs.push(from, to);
}
