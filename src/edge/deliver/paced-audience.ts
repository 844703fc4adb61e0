/**
 * Who gets one device's events at a pace: its newest message, and its newest pong, at most once per interval. What is
 * more urgent comes at once. Until a turn comes only the newest event is kept, once per device for all who wait for it.
 */
import type { RecordViews } from '../../memory/ring.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews } from '../../records/event.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType, typeBit } from '../../wire/events.ts';
import type { Cohort, Cohorts } from './cohorts.ts';
import type { Pace } from './pace.ts';
import type { Paces } from './paces.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Types that are conflated, each for itself: the place of a type in lists by lane. */
const MESSAGE = 0;
const PONG = 1;
const LANES = [MESSAGE, PONG] as const;
type LaneIndex = (typeof LANES)[number];
const LANE_TYPES = [EventType.message, EventType.pong] as const;

/** An event that waits for its turn. */
export interface Waiting {
  /** A copy of it, at their start. Several may share it. */
  readonly views: RecordViews;
  /** How many it has replaced. */
  readonly replaced: number;
}

export const NONE_WAITING: readonly Waiting[] = [];

/** Events of one device and one type that wait for the turn of all who follow it at one pace. */
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
    this.#group.pace.hadTurn(this);
  }

  /** @param replacedOf how many events it replaced for one for whom so many waited; negative: it is not for that one */
  #send(views: RecordViews, offset: number, replaced: number, replacedOf: (waited: number) => number): void {
    const { audience, cohorts } = this.#group;
    const { paces, names } = audience;
    const late = this.#late;
    for (const cohort of cohorts) {
      if (late === undefined || !cohort.sessions.some((session) => late.has(session))) {
        paces.note(cohort, names, views, offset, replaced);
        continue;
      }
      // Not all get the same number. What was noted comes before: to vips, and of earlier events.
      paces.flush();
      for (const session of cohort.sessions) {
        const own = replacedOf(this.#waitedFor(session));
        if (own >= 0) paces.sendAlone(session, names, views, offset, own);
      }
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

/** Followers of the device at one pace: all have their turns together. */
class Group {
  readonly audience: PacedAudience;
  readonly pace: Pace;
  /** One for each kind of subscribers, vips first; none is empty. */
  cohorts: readonly Cohort[] = [];
  /** By lane. */
  readonly lanes = LANES.map((index) => new PacedLane(this, index));

  constructor(audience: PacedAudience, pace: Pace) {
    this.audience = audience;
    this.pace = pace;
  }

  has(session: SubscriberSession, kind: Cohorts): boolean {
    return this.cohorts.some((cohort) => cohort.kind === kind && cohort.sessions.includes(session));
  }

  join(session: SubscriberSession, kind: Cohorts): void {
    const before = this.cohorts.find((cohort) => cohort.kind === kind);
    this.#replace(before, kind.join(before ?? kind.empty, session));
  }

  /** @param kind which it is of */
  leave(session: SubscriberSession, kind: Cohorts): void {
    const before = this.cohorts.find((cohort) => cohort.kind === kind)!;
    this.#replace(before, kind.leave(before, session));
  }

  #replace(before: Cohort | undefined, after: Cohort): void {
    if (after === before) return;
    const others = this.cohorts.filter((cohort) => cohort !== before);
    if (after === after.kind.empty) this.cohorts = others;
    else this.cohorts = after.kind.terms.isVip ? [after, ...others] : [...others, after];
  }
}

export class PacedAudience {
  readonly names: DeviceNames;
  readonly paces: Paces;
  /** By lane: a copy of the newest event that anybody waits for. */
  readonly newest: RecordViews[] = [];
  /** Bits of the lanes whose copy somebody has taken along: it is not written over. */
  #taken = 0;
  /** One for each pace at which the device is followed. */
  #groups: Group[] = [];

  constructor(names: DeviceNames, paces: Paces) {
    this.names = names;
    this.paces = paces;
  }

  *sessions(): Iterable<SubscriberSession> {
    for (const { cohorts } of this.#groups) for (const { sessions } of cohorts) yield* sessions;
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  add(session: SubscriberSession): void {
    const kind = this.paces.enter(session);
    let group = this.#groups.find(({ pace }) => pace === kind.terms.pace);
    if (group === undefined) {
      group = new Group(this, kind.terms.pace);
      this.#groups = [...this.#groups, group];
    }
    group.join(session, kind);
    for (const lane of group.lanes) lane.add(session);
  }

  /** The subscriber is of another kind from here on. What waits for it goes on waiting, and its turns come as before. */
  move(session: SubscriberSession, from: Cohorts, to: Cohorts): void {
    const group = this.#groups.find((one) => one.has(session, from))!;
    group.join(session, to);
    group.leave(session, from);
  }

  /**
   * @param wanted bits of the event types of which it gets what waits now, as it goes on following the device. Else it
   *   gets nothing more: the hub has answered already that it does not follow the device
   */
  remove(session: SubscriberSession, wanted: number): void {
    this.#remove(session, (lane, waited) => {
      const isWanted = (typeBit(LANE_TYPES[lane], false) & wanted) !== 0;
      if (isWanted) this.paces.sendAlone(session, this.names, this.newest[lane]!, 0, waited - 1);
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
    const kind = paces.cohortsOf(session);
    const group = kind && this.#groups.find((one) => one.has(session, kind));
    if (kind === undefined || group === undefined) return;
    paces.flush(); // what was noted is before what waits
    for (const index of LANES) {
      const waited = group.lanes[index]!.remove(session);
      if (waited > 0) waits(index, waited);
    }
    group.leave(session, kind);
    paces.exit(session);
    if (group.cohorts.length === 0) this.#groups = this.#groups.filter((one) => one !== group);
  }

  /** An event of the device; it stays in the ring until the next flush. */
  event(views: RecordViews, offset: number): void {
    const index = laneOf(views.u8[offset + EventField.type]!);
    const isUrgent = index === undefined || isHigh(views, offset);
    let isKept = false;
    for (const { cohorts, lanes, pace } of this.#groups) {
      if (index === undefined) {
        for (const cohort of cohorts) this.paces.note(cohort, this.names, views, offset, 0);
        continue;
      }
      const lane = lanes[index]!;
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
