/**
 * Who gets one device's events at a pace: its newest message, and its newest pong, at most once per interval. What is
 * more urgent comes at once. Until a turn comes only the newest event is kept, once per device for all who wait for it.
 */
import type { RecordViews } from '../../memory/ring.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews } from '../../records/event.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType } from '../../wire/events.ts';
import type { Cohort, Cohorts } from './cohorts.ts';
import type { Paces } from './paces.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Types that are conflated, each for itself: the place of a type in lists by lane. */
const MESSAGE = 0;
const PONG = 1;
const LANES = [MESSAGE, PONG] as const;
type LaneIndex = (typeof LANES)[number];

/** An event that waits for its turn. */
export interface Waiting {
  /** A copy of it, at their start. Several may share it. */
  readonly views: RecordViews;
  /** How many it has replaced. */
  readonly replaced: number;
}

export const NONE_WAITING: readonly Waiting[] = [];

/** Events of one device and one type that wait for the turn of one kind of subscribers. */
export class PacedLane {
  /** Since the last turn. */
  waiting = 0;
  /** Step of the last turn, of the pace's counting. */
  turnStep = Number.NEGATIVE_INFINITY;
  /** Whether the pace will look at it. */
  isScheduled = false;
  /** Who came while others waited: how many events waited then, which are not for it. */
  #late: Map<SubscriberSession, number> | undefined;
  readonly #group: Group;
  readonly #index: LaneIndex;

  constructor(group: Group, index: LaneIndex) {
    this.#group = group;
    this.#index = index;
  }

  add(session: SubscriberSession): void {
    if (this.waiting === 0) return;
    this.#late ??= new Map();
    this.#late.set(session, this.waiting);
  }

  /** @returns the events that wait for the subscriber, which has left */
  remove(session: SubscriberSession): number {
    const waited = this.#waitedFor(session);
    this.#late?.delete(session);
    return waited;
  }

  /** Has the newest event sent to all who wait for it. @returns its length, bytes */
  takeTurn(): number {
    const newest = this.#group.audience.newest[this.#index]!;
    this.#send(newest, 0, this.waiting - 1, (waited) => waited - 1);
    this.#end();
    return eventBytes(newest, 0);
  }

  /** Has an event sent to everybody, with the next flush. It replaces those that wait. */
  pass(views: RecordViews, offset: number): void {
    this.#send(views, offset, this.waiting, (waited) => waited);
    this.#end();
    this.#group.cohorts.terms.pace.hadTurn(this);
  }

  /** @param replacedOf how many events it replaced for one for whom so many waited; negative: it is not for that one */
  #send(views: RecordViews, offset: number, replaced: number, replacedOf: (waited: number) => number): void {
    const { audience, cohort } = this.#group;
    const { paces, names } = audience;
    if (this.#late === undefined) {
      paces.note(cohort, names, views, offset, replaced);
      return;
    }
    // Not all get the same number.
    paces.flush();
    for (const session of cohort.sessions) {
      const own = replacedOf(this.#waitedFor(session));
      if (own >= 0) paces.sendAlone(session, names, views, offset, own);
    }
  }

  #waitedFor(session: SubscriberSession): number {
    return this.waiting - (this.#late?.get(session) ?? 0);
  }

  /** Nothing waits any more. */
  #end(): void {
    this.waiting = 0;
    this.#late = undefined;
  }
}

/** Followers of the device of one kind. */
class Group {
  readonly audience: PacedAudience;
  readonly cohorts: Cohorts;
  cohort: Cohort;
  /** By lane. */
  readonly lanes = LANES.map((index) => new PacedLane(this, index));

  constructor(audience: PacedAudience, cohorts: Cohorts) {
    this.audience = audience;
    this.cohorts = cohorts;
    this.cohort = cohorts.empty;
  }
}

export class PacedAudience {
  readonly names: DeviceNames;
  readonly paces: Paces;
  /** By lane: a copy of the newest event that anybody waits for. */
  readonly newest: RecordViews[] = [];
  /** Bits of the lanes whose copy somebody has taken along: it is not written over. */
  #taken = 0;
  /** There are as many as kinds of subscribers follow the device: one or two. */
  #groups: Group[] = [];

  constructor(names: DeviceNames, paces: Paces) {
    this.names = names;
    this.paces = paces;
  }

  *sessions(): Iterable<SubscriberSession> {
    for (const { cohort } of this.#groups) yield* cohort.sessions;
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  add(session: SubscriberSession): void {
    const cohorts = this.paces.enter(session);
    let group = this.#groups.find((one) => one.cohorts === cohorts);
    if (group === undefined) {
      group = new Group(this, cohorts);
      this.#groups = [...this.#groups, group];
    }
    group.cohort = cohorts.join(group.cohort, session);
    for (const lane of group.lanes) lane.add(session);
  }

  /**
   * @param comesBack it is sent to otherwise from here on, and gets what waits. Else it gets nothing more: the hub has
   *   answered already that it does not follow the device
   */
  remove(session: SubscriberSession, comesBack: boolean): void {
    this.#remove(session, (lane, waited) => {
      if (comesBack) this.paces.sendAlone(session, this.names, this.newest[lane]!, 0, waited - 1);
    });
  }

  /** Removes a subscriber, which takes along what waits for it. @returns that, in the device's order */
  takeOut(session: SubscriberSession): readonly Waiting[] {
    let waiting = NONE_WAITING;
    this.#remove(session, (lane, waited) => {
      this.#taken |= 1 << lane;
      waiting = [...waiting, { views: this.newest[lane]!, replaced: waited - 1 }];
    });
    return waiting.length < 2 ? waiting : [...waiting].sort((one, other) => seqOf(one) - seqOf(other));
  }

  /** @param waits what to do with the events of a lane that wait for it, the newest of so many */
  #remove(session: SubscriberSession, waits: (lane: LaneIndex, waited: number) => void): void {
    const { paces } = this;
    const cohorts = paces.cohortsOf(session);
    const group = this.#groups.find((one) => one.cohorts === cohorts);
    if (group === undefined || !group.cohort.sessions.includes(session)) return;
    paces.flush(); // what was noted is before what waits
    for (const index of LANES) {
      const waited = group.lanes[index]!.remove(session);
      if (waited > 0) waits(index, waited);
    }
    group.cohort = group.cohorts.leave(group.cohort, session);
    paces.exit(session);
    if (group.cohort === group.cohorts.empty) this.#groups = this.#groups.filter((one) => one !== group);
  }

  /** An event of the device; it stays in the ring until the next flush. */
  event(views: RecordViews, offset: number): void {
    const index = laneOf(views.u8[offset + EventField.type]!);
    const isUrgent = index === undefined || isHigh(views, offset);
    let isKept = false;
    for (const { cohort, lanes } of this.#groups) {
      if (index === undefined) {
        this.paces.note(cohort, this.names, views, offset, 0);
        continue;
      }
      const lane = lanes[index]!;
      const { pace } = cohort.kind.terms;
      if (isUrgent || (lane.waiting === 0 && pace.isQuiet(lane))) {
        lane.pass(views, offset);
        continue;
      }
      if (!isKept) this.#keep(index, views, offset);
      isKept = true;
      lane.waiting += 1;
      if (!lane.isScheduled) pace.schedule(lane);
    }
  }

  #keep(index: LaneIndex, views: RecordViews, offset: number): void {
    const bytes = eventBytes(views, offset);
    const kept = this.newest[index];
    const isTaken = ((this.#taken >> index) & 1) !== 0;
    if (kept === undefined || isTaken || kept.u8.length < bytes) this.newest[index] = privateViews(bytes);
    this.#taken &= ~(1 << index);
    copyEvent(views, offset, this.newest[index]!, 0, bytes);
  }
}

/** The number of an event that waits. */
export function seqOf({ views }: Waiting): number {
  return views.f64[EventField.seq >> 3]!;
}

function laneOf(type: number): LaneIndex | undefined {
  if (type === EventType.message) return MESSAGE;
  return type === EventType.pong ? PONG : undefined;
}
