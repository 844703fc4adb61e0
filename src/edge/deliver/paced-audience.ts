/**
 * The subscribers that get one device's events at a pace: the newest message and the newest pong, at most once per
 * interval. Urgent events come at once. Until a turn comes, only the newest event is kept, once per device for all who
 * wait for it.
 */
import type { RecordViews } from '../../memory/ring.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews, seqOf } from '../../records/event.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType, Priority, typeBit } from '../../wire/events.ts';
import type { Cohort, Cohorts } from './cohorts.ts';
import type { Pace } from './pace.ts';
import type { Paces } from './paces.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Types that are conflated separately; the index of a type is that of its lane. */
const MESSAGE = 0;
const PONG = 1;
const LANES = [MESSAGE, PONG] as const;
type LaneIndex = (typeof LANES)[number];
const LANE_TYPES = [EventType.message, EventType.pong] as const;

/** A copy of up to this length is used again for the next event. Larger ones go when nobody waits for them. */
const REUSED_BYTES_MAX = 1024;

/** An event that waits for its turn. */
export interface Waiting {
  /** A copy of it, at their start. Several may share it. */
  readonly views: RecordViews;
  /** How many it has replaced. */
  readonly replaced: number;
}

/** What a subscriber takes along when it leaves one device's lanes, to bring it back later. */
export interface Taken {
  /** Events that wait for their turn, in the device's order. */
  readonly waiting: readonly Waiting[];
  /** By lane: step of the last turn; empty: it was in no lane. */
  readonly turns: readonly number[];
}

export const NOTHING_TAKEN: Taken = { waiting: [], turns: [] };

/** How a subscriber differs from the others of its lane. */
interface Late {
  /** Number of events that were waiting when it came; these are not for it. */
  readonly skipped: number;
  /** An event that it must still get; the others had it already, or will not get it. */
  readonly owed: Waiting | undefined;
}

/** Events of one device and one type that wait for the turn of all who follow it at one pace. */
export class PacedLane {
  /** Since the last turn. */
  waiting = 0;
  /** Step of the last turn, of the pace's counting. */
  turnStep = Number.NEGATIVE_INFINITY;
  /** Whether the pace will look at it. */
  isScheduled = false;
  /** Subscribers that came while others waited, or that are owed an event. */
  #late: Map<SubscriberSession, Late> | undefined;
  readonly #group: Group;
  readonly #index: LaneIndex;

  constructor(group: Group, index: LaneIndex) {
    this.#group = group;
    this.#index = index;
  }

  /** Slot of the device. */
  get device(): number {
    return this.#group.audience.device;
  }

  /** Whether an event waits for anybody. */
  get isWaitedFor(): boolean {
    return this.waiting > 0 || (this.#late?.size ?? 0) > 0;
  }

  add(session: SubscriberSession): void {
    if (this.waiting > 0) this.#isLate(session, undefined);
  }

  /** A new subscriber had its last turn at this step. Other waiting subscribers do not wait for it. */
  hadTurn(step: number): void {
    if (!this.isWaitedFor) this.turnStep = Math.max(this.turnStep, step);
  }

  /** The subscriber is in the lane and must still get an earlier event. @returns its length if it was sent, bytes */
  owe(session: SubscriberSession, owed: Waiting): number {
    const { audience, pace } = this.#group;
    if (!this.isWaitedFor && pace.isDue(this)) {
      pace.hadTurn(this);
      return audience.paces.sendAlone(session, audience.names, owed.views, 0, owed.replaced);
    }
    this.#isLate(session, owed);
    if (!this.isScheduled) pace.schedule(this);
    return 0;
  }

  #isLate(session: SubscriberSession, owed: Waiting | undefined): void {
    this.#late ??= new Map();
    this.#late.set(session, { skipped: this.waiting, owed });
  }

  /** @returns the event that waits for the subscriber, which has left; undefined: none does */
  remove(session: SubscriberSession): Waiting | undefined {
    const waits = this.#waitsFor(session);
    this.#late?.delete(session);
    return waits;
  }

  /**
   * Has the newest event sent to all who wait for it.
   * @param step whose turn it is @returns the length of what is sent, bytes
   */
  takeTurn(step: number): number {
    const { audience, cohorts } = this.#group;
    const { paces, names } = audience;
    this.turnStep = step;
    // No event: the turn was for a subscriber that is owed one, and that may have left since.
    const newest = this.waiting > 0 ? audience.newest[this.#index]! : undefined;
    const list = newest === undefined ? 0 : this.#group.listOf(newest, 0);
    let bytes = newest === undefined ? 0 : eventBytes(newest, 0);
    for (const cohort of cohorts) {
      if (!this.#hasLate(cohort)) {
        if (newest !== undefined) paces.note(cohort, list, names, newest, 0, this.waiting - 1);
        continue;
      }
      paces.flush(); // noted events come first: those for vips, and earlier ones
      for (const session of cohort.sessions) {
        const waits = this.#waitsFor(session);
        if (waits === undefined) continue;
        const sent = paces.sendAlone(session, names, waits.views, 0, waits.replaced);
        if (waits.views !== newest) bytes += sent;
      }
    }
    this.#end();
    return bytes;
  }

  /** Sends an event to everybody with the next flush. It replaces waiting ones. */
  pass(views: RecordViews, offset: number): void {
    const { audience, cohorts, pace } = this.#group;
    const { paces, names } = audience;
    const list = this.#group.listOf(views, offset);
    for (const cohort of cohorts) {
      if (!this.#hasLate(cohort)) {
        paces.note(cohort, list, names, views, offset, this.waiting);
        continue;
      }
      paces.flush();
      for (const session of cohort.sessions)
        paces.sendAlone(session, names, views, offset, countOf(this.#waitsFor(session)));
    }
    this.#end();
    pace.hadTurn(this);
  }

  /** Whether not all members of the set get the same event, or the same number with it. */
  #hasLate({ sessions }: Cohort): boolean {
    const late = this.#late;
    return late !== undefined && sessions.some((session) => late.has(session));
  }

  /** @returns undefined: nothing waits for the subscriber */
  #waitsFor(session: SubscriberSession): Waiting | undefined {
    const { skipped = 0, owed } = this.#late?.get(session) ?? {};
    const waiting = this.waiting - skipped;
    if (waiting === 0) return owed;
    return { views: this.#group.audience.newest[this.#index]!, replaced: waiting - 1 + countOf(owed) };
  }

  /** Nothing waits any more. */
  #end(): void {
    this.waiting = 0;
    this.#late = undefined;
    this.#group.audience.letGo(this.#index);
  }
}

/** How many events are dropped along with a waiting one. */
function countOf(waits: Waiting | undefined): number {
  return waits === undefined ? 0 : waits.replaced + 1;
}

/** The device's followers at one pace: all have their turns together. */
class Group {
  readonly audience: PacedAudience;
  readonly pace: Pace;
  /** One for each kind of subscribers, vips first; none is empty. */
  cohorts: readonly Cohort[] = [];
  /** By lane. */
  readonly lanes = LANES.map((index) => new PacedLane(this, index));
  /** By type, two bits each: the last list that one of its events was noted in, before flush number `#flush`. */
  #lists = 0;
  #flush = 0;

  constructor(audience: PacedAudience, pace: Pace) {
    this.audience = audience;
    this.pace = pace;
  }

  /**
   * The list in which an event is noted: that of its priority, or a later one that an earlier event of its type is in,
   * because the events of a type keep their order.
   */
  listOf({ u8 }: RecordViews, offset: number): number {
    const { flushes } = this.audience.paces;
    if (this.#flush !== flushes) {
      this.#flush = flushes;
      this.#lists = 0;
    }
    const shift = u8[offset + EventField.type]! * 2;
    const list = Math.max(Priority.high - u8[offset + EventField.priority]!, (this.#lists >> shift) & 3);
    this.#lists = (this.#lists & ~(3 << shift)) | (list << shift);
    return list;
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
    // Stryker disable next-line ConditionalExpression: it would stand elsewhere among its like
    if (after === before) return;
    const others = this.cohorts.filter((cohort) => cohort !== before);
    if (after === after.kind.empty) this.cohorts = others;
    else this.cohorts = after.kind.terms.isVip ? [after, ...others] : [...others, after];
  }
}

export class PacedAudience {
  readonly names: DeviceNames;
  /** Slot of the device. */
  readonly device: number;
  readonly paces: Paces;
  /** By lane: a copy of the newest event that anybody waits for. */
  readonly newest: (RecordViews | undefined)[] = [];
  /** Bits of the lanes whose copy a subscriber may have taken along, so it must not be overwritten. */
  #taken = 0;
  /** One for each pace at which the device is followed. */
  #groups: Group[] = [];

  constructor(names: DeviceNames, device: number, paces: Paces) {
    this.names = names;
    this.device = device;
    this.paces = paces;
  }

  *sessions(): Iterable<SubscriberSession> {
    for (const { cohorts } of this.#groups) for (const { sessions } of cohorts) yield* sessions;
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  /**
   * A subscriber comes back with the events that wait for it; they are sent when their turn would have come.
   * @returns the bytes sent to it
   */
  add(session: SubscriberSession, { waiting, turns }: Taken): number {
    const { lanes } = this.#enter(session);
    for (const [index, turnStep] of turns.entries()) lanes[index]!.hadTurn(turnStep);
    let bytes = 0;
    for (const one of waiting) {
      const index = laneOf(one.views.u8[EventField.type]!);
      if (index !== undefined) bytes += lanes[index]!.owe(session, one);
      else bytes += this.paces.sendAlone(session, this.names, one.views, 0, one.replaced);
    }
    return bytes;
  }

  #enter(session: SubscriberSession): Group {
    const kind = this.paces.enter(session);
    let group = this.#groupAt(kind.terms.pace);
    if (group === undefined) {
      group = new Group(this, kind.terms.pace);
      this.#groups = [...this.#groups, group];
    }
    group.join(session, kind);
    for (const lane of group.lanes) lane.add(session);
    return group;
  }

  #groupAt(pace: Pace): Group | undefined {
    return this.#groups.find((group) => group.pace === pace);
  }

  /** @param session that follows the device */
  #groupOf(session: SubscriberSession): Group {
    return this.#groupAt(this.paces.cohortsOf(session)!.terms.pace)!;
  }

  /** The subscriber is of another kind from here on. Its waiting events keep waiting, and its turns come as before. */
  move(session: SubscriberSession, from: Cohorts, to: Cohorts): void {
    const group = this.#groupOf(session);
    group.join(session, to);
    group.leave(session, from);
  }

  /**
   * @param comesBack it continues to follow the device, and gets the waiting events. Otherwise it gets nothing more,
   *   since the hub has already answered that it does not follow the device
   */
  remove(session: SubscriberSession, comesBack: boolean): void {
    this.#remove(session, (_, { views, replaced }) => {
      if (comesBack) this.paces.sendAlone(session, this.names, views, 0, replaced);
    });
  }

  /** Removes a subscriber. @param types bits of those that it takes along */
  takeOut(session: SubscriberSession, types: number): Taken {
    const turns = this.#groupOf(session).lanes.map(({ turnStep }) => turnStep);
    const waiting: Waiting[] = [];
    this.#remove(session, (lane, waits) => {
      if ((typeBit(LANE_TYPES[lane], false) & types) === 0) return;
      this.#taken |= 1 << lane;
      waiting.push(waits);
    });
    return { waiting: waiting.sort((one, other) => seqOf(one.views) - seqOf(other.views)), turns };
  }

  /** @param take what to do with the event of a lane that waits for it */
  #remove(session: SubscriberSession, take: (lane: LaneIndex, waits: Waiting) => void): void {
    const { paces } = this;
    const group = this.#groupOf(session);
    paces.flush(); // noted events come before waiting ones
    for (const index of LANES) {
      const waits = group.lanes[index]!.remove(session);
      if (waits !== undefined) take(index, waits);
    }
    group.leave(session, paces.cohortsOf(session)!);
    paces.exit(session);
    if (group.cohorts.length > 0) return;
    this.#groups = this.#groups.filter((one) => one !== group);
    for (const index of LANES) this.letGo(index);
  }

  /** Keeps no large event for which nobody waits: there may be a hundred thousand devices. */
  letGo(index: LaneIndex): void {
    const kept = this.newest[index];
    if (kept === undefined || kept.u8.length <= REUSED_BYTES_MAX) return;
    if (this.#groups.every(({ lanes }) => lanes[index]!.waiting === 0)) this.newest[index] = undefined;
  }

  /** An event of the device; it stays in the ring until the next flush. */
  event(views: RecordViews, offset: number): void {
    const index = laneOf(views.u8[offset + EventField.type]!);
    const isUrgent = isHigh(views, offset);
    let isKept = false;
    for (const group of this.#groups) {
      const { cohorts, lanes, pace } = group;
      if (index === undefined) {
        const list = group.listOf(views, offset);
        for (const cohort of cohorts) this.paces.note(cohort, list, this.names, views, offset, 0);
        continue;
      }
      const lane = lanes[index]!;
      if (isUrgent || (lane.waiting === 0 && pace.isQuiet(lane))) {
        lane.pass(views, offset);
        continue;
      }
      // Stryker disable next-line ConditionalExpression: it would be copied again, for each pace
      if (!isKept) this.#keep(index, views, offset);
      // Stryker disable next-line BooleanLiteral: as above
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

function laneOf(type: number): LaneIndex | undefined {
  if (type === EventType.message) return MESSAGE;
  return type === EventType.pong ? PONG : undefined;
}
