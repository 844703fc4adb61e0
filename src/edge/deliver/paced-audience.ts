/**
 * Who gets one device's events at a pace: its newest message, and its newest pong, at most once per interval. What is
 * more urgent comes at once. Until a turn comes only the newest event is kept, once per device for all who wait for it.
 */
import type { RecordViews } from '../../memory/ring.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews } from '../../records/event.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType } from '../../wire/events.ts';
import type { Pace, Paces } from './pace.ts';
import type { SharedEncoding } from './shared-encoding.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Types that are conflated, each for itself: the place of a type in lists by lane. */
const MESSAGE = 0;
const PONG = 1;
const LANES = [MESSAGE, PONG] as const;
type LaneIndex = (typeof LANES)[number];

/** Lanes that had events waiting when a follower came: the lane's turns and its waiting events then, by lane. */
type Joined = readonly { readonly turns: number; readonly waiting: number }[];

/** Events of one device and one type that wait for the turn of one interval. */
export class PacedLane {
  /** Since the last turn. */
  waiting = 0;
  /** Turns so far. */
  turns = 0;
  /** Step of the last turn, of the pace's counting. */
  turnStep = Number.NEGATIVE_INFINITY;
  /** Whether the pace will look at it. */
  isScheduled = false;
  readonly #group: Group;
  readonly #index: LaneIndex;

  constructor(group: Group, index: LaneIndex) {
    this.#group = group;
    this.#index = index;
  }

  /** Nothing waits any more. */
  endTurn(): void {
    this.waiting = 0;
    this.turns += 1;
  }

  /** Has the newest event sent to all who wait for it. */
  takeTurn(shared: SharedEncoding, send: (session: SubscriberSession, conflated: number) => void): void {
    const { audience, members } = this.#group;
    audience.beginNewest(shared, this.#index);
    for (const [session, joined] of members) {
      const waited = this.waitedFor(joined);
      if (waited > 0) send(session, waited - 1);
    }
    this.endTurn();
  }

  /** Events that wait for a follower: what came before it did does not. */
  waitedFor(joined: Joined | undefined): number {
    const before = joined?.[this.#index];
    return before?.turns === this.turns ? this.waiting - before.waiting : this.waiting;
  }
}

/** Followers of the device with one interval. */
class Group {
  readonly audience: PacedAudience;
  readonly pace: Pace;
  /** With what waited when they came, if anything did. */
  readonly members = new Map<SubscriberSession, Joined | undefined>();
  /** By lane. */
  readonly lanes = LANES.map((index) => new PacedLane(this, index));

  constructor(audience: PacedAudience, pace: Pace) {
    this.audience = audience;
    this.pace = pace;
  }

  add(session: SubscriberSession): void {
    const someWait = this.lanes.some(({ waiting }) => waiting > 0);
    this.members.set(
      session,
      someWait ? this.lanes.map(({ turns, waiting }) => ({ turns, waiting })) : undefined,
    );
  }
}

export class PacedAudience {
  readonly #names: DeviceNames;
  readonly #paces: Paces;
  /** By interval, ms. */
  readonly #groups = new Map<number, Group>();
  /** By lane: a copy of the newest event that anybody waits for. */
  readonly #newest: RecordViews[] = [];

  constructor(names: DeviceNames, paces: Paces) {
    this.#names = names;
    this.#paces = paces;
  }

  *sessions(): Iterable<SubscriberSession> {
    for (const { members } of this.#groups.values()) yield* members.keys();
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  add(session: SubscriberSession): void {
    const { every } = session;
    const group = this.#groups.get(every) ?? new Group(this, this.#paces.hold(every));
    this.#groups.set(every, group);
    group.add(session);
  }

  /**
   * @param comesBack it is sent to otherwise from here on, and gets what waits. Else it gets nothing more: the hub has
   *   answered already that it does not follow the device
   */
  remove(session: SubscriberSession, comesBack: boolean): void {
    const group = this.#groups.get(session.every);
    if (group?.members.has(session) !== true) return;
    const joined = group.members.get(session);
    group.members.delete(session);
    if (comesBack) {
      for (const index of LANES) {
        const waited = group.lanes[index]!.waitedFor(joined);
        if (waited === 0) continue;
        this.#paces.shared.clear();
        this.beginNewest(this.#paces.shared, index);
        this.#paces.send(session, waited - 1);
      }
    }
    if (group.members.size > 0) return;
    this.#groups.delete(session.every);
    this.#paces.release(group.pace);
  }

  /** An event of the device. */
  event(views: RecordViews, offset: number): void {
    const index = laneOf(views.u8[offset + EventField.type]!);
    const isUrgent = index === undefined || isHigh(views, offset);
    let isKept = false;
    for (const group of this.#groups.values()) {
      const lane = index === undefined ? undefined : group.lanes[index]!;
      if (lane === undefined || isUrgent || (lane.waiting === 0 && group.pace.isQuiet(lane))) {
        this.#sendNow(group, lane, views, offset);
        continue;
      }
      if (!isKept) this.#keep(index!, views, offset);
      isKept = true;
      lane.waiting += 1;
      if (!lane.isScheduled) group.pace.schedule(lane);
    }
  }

  /** Makes the newest event of a lane the one to encode. */
  beginNewest(shared: SharedEncoding, index: LaneIndex): void {
    shared.begin(this.#newest[index]!, 0, this.#names);
  }

  /** @param lane whose waiting events it replaces; undefined for a type that never waits */
  #sendNow(group: Group, lane: PacedLane | undefined, views: RecordViews, offset: number): void {
    const { shared } = this.#paces;
    shared.clear();
    shared.begin(views, offset, this.#names);
    for (const [session, joined] of group.members) this.#paces.send(session, lane?.waitedFor(joined) ?? 0);
    if (lane === undefined) return;
    lane.endTurn();
    group.pace.hadTurn(lane);
  }

  #keep(index: LaneIndex, views: RecordViews, offset: number): void {
    const bytes = eventBytes(views, offset);
    const kept = this.#newest[index];
    if (kept === undefined || kept.u8.length < bytes) this.#newest[index] = privateViews(bytes);
    copyEvent(views, offset, this.#newest[index]!, 0, bytes);
  }
}

function laneOf(type: number): LaneIndex | undefined {
  if (type === EventType.message) return MESSAGE;
  return type === EventType.pong ? PONG : undefined;
}
