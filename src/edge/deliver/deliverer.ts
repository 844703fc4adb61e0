/**
 * The deliver half of an edge: sends the devices' events to the subscribers whose connections this edge holds. Never
 * writes the presence table.
 */
import type { Clock } from '../../clock.ts';
import { closes } from '../../codes.ts';
import type { HistoryReader } from '../../history/reader.ts';
import { KEPT_EVENTS_FOUND_MAX } from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews, RingConsumer } from '../../memory/ring.ts';
import type { PresenceReader } from '../../presence/reader.ts';
import { EventField, EventFlag } from '../../records/event.ts';
import { type GapReason, readGap, readSeq } from '../../records/replies.ts';
import type { Endpoint } from '../../transport/transport.ts';
import type { Frame } from '../../wire/codec.ts';
import { DeviceNames } from '../../wire/event-frames.ts';
import { ALL_TYPES, typeBit } from '../../wire/events.ts';
import type { TopicLayout } from '../../wire/mqtt/topics.ts';
import type { Charges } from '../charges.ts';
import { NO_SHARD } from './audience.ts';
import type { PublishFrame } from './batch.ts';
import { EventEncoder } from './event-encoder.ts';
import { Leavers } from './leavers.ts';
import { Movers } from './movers.ts';
import { Paces } from './paces.ts';
import { Removals } from './removals.ts';
import { Replays } from './replays.ts';
import { Retained } from './retained.ts';
import { Rounds } from './rounds.ts';
import { type SendQueueLimits, SendQueues } from './send-queues.ts';
import { SlowSubscribers } from './slow-subscribers.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { Topic } from './topic.ts';
import { type Attached, Topics } from './topics.ts';

export interface DelivererDeps {
  readonly fromOwner: RingConsumer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly limits: SendQueueLimits;
  readonly reader: HistoryReader;
  readonly presence: PresenceReader;
  /** Of MQTT topics. */
  readonly layout?: TopicLayout | undefined;
  readonly charges: Pick<Charges, 'rows' | 'waitMs'>;
}

/** Shards per step, before the thread handles anything else: about five milliseconds, or one if vips wait. */
const SHARDS_PER_STEP = 4;
const SHARDS_PER_STEP_WITH_VIPS = 1;

export class Deliverer {
  readonly sendQueues: SendQueues;
  readonly replays: Replays;
  readonly retained: Retained;
  readonly removals: Removals;
  readonly paces: Paces;
  /** By number, including those that are closing. */
  readonly sessions = new Map<number, SubscriberSession>();
  readonly #deps: DelivererDeps;
  readonly #topics: Topics;
  readonly #slow: SlowSubscribers;
  readonly #rounds: Rounds;
  readonly #leavers = new Leavers({
    leave: (session, device, open) => this.#topics.leave(session, device, open),
  });
  readonly #movers = new Movers({
    move: (session, devicesMax) => {
      if (!this.#rounds.isBetween) this.finish(); // a session changes its place between rounds only
      return session.closing ? 0 : this.#topics.takeOutOfTransport(session, devicesMax);
    },
  });
  /** Transports with subscribers of the hub's own protocol. */
  readonly #endpoints: Endpoint[] = [];
  /** All: each may have MQTT subscribers. */
  readonly #mqttEndpoints: Endpoint[] = [];
  /** Sessions that hit the transport's queue limit and must be closed. */
  readonly #overfull: SubscriberSession[] = [];
  /** Sessions with frames that leave in one write. */
  readonly #corked: SubscriberSession[] = [];
  #vipCount = 0;
  /** Whether all records of the owner have been read. */
  #caughtUp = true;

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
    const { fromOwner, counters, clock, limits } = deps;
    const encoder = new EventEncoder(fromOwner.views);
    const topics = new Map<number, Topic>();
    const sending = { views: fromOwner.views, encoder, counters };
    const slow = new SlowSubscribers({ ...sending, ...limits, topics, finishRounds: () => this.finish() });
    this.#slow = slow;
    this.paces = new Paces({
      encoder: new EventEncoder(fromOwner.views),
      clock,
      counters,
      turning: (device) => this.#turning(device),
      published: (bytes) => this.#published(bytes),
    });
    this.#topics = new Topics(topics, slow, this.paces, this.#publishTo, deps.layout);
    this.replays = new Replays({
      reader: deps.reader,
      encoder: new EventEncoder(fromOwner.views),
      clock,
      counters,
      queueBytes: limits.queueBytes / 2,
      foundMax: KEPT_EVENTS_FOUND_MAX,
      finish: () => this.finish(),
      join: (session, attached) => this.#join(session, attached),
      charges: deps.charges,
    });
    const namesById = (id: string): DeviceNames => new DeviceNames(id, deps.layout);
    this.retained = new Retained({
      reader: deps.reader,
      encoder: new EventEncoder(fromOwner.views),
      clock,
      counters,
      queueBytes: limits.queueBytes / 2,
      presence: deps.presence,
      // The records after the answer have not been read yet.
      namesOf: (session, device) =>
        this.#topics.namesOf(session, device) ?? namesById(deps.presence.deviceId(device)),
      namesById,
      charges: deps.charges,
    });
    this.#rounds = new Rounds(fromOwner, { ...sending, slow }, this.#publishTo);
    this.sendQueues = new SendQueues({
      sessions: this.sessions,
      slow,
      clock,
      counters,
      limits,
      isBetweenRounds: () => this.#rounds.isBetween,
      isCaughtUp: () => this.#caughtUp,
      recovering: (session) => this.removals.next(session),
    });
    this.removals = new Removals({
      clock,
      pageBytes: limits.pageResumeBytes,
      devicesMax: deps.presence.devices.capacity,
      isSlow: (session) => slow.has(session),
      sent: (session) => this.sendQueues.check(session),
    });
  }

  /** Where events are published; before the first poll. @param onlyMqtt it has no other subscribers */
  attach(endpoint: Endpoint, onlyMqtt = false): void {
    this.#mqttEndpoints.push(endpoint);
    if (!onlyMqtt) this.#endpoints.push(endpoint);
  }

  /** Before the records of a poll. */
  begin(): void {
    this.sendQueues.look();
    this.#caughtUp = false;
  }

  /** An event record, which stays in the ring until it is sent. */
  event(views: RecordViews, offset: number, bytes: number): void {
    const device = views.u32[(offset + EventField.device) >> 2]!;
    const seq = views.f64[(offset + EventField.seq) >> 3]!;
    if (this.replays.inUse && seq > 0) this.replays.event(device, seq);
    // Stryker disable next-line ConditionalExpression: who leaves a device while nobody has to does nothing
    if (this.#slow.isLeaving && this.#rounds.isBetween) this.#slow.leaveFirst(device);
    // No topic: the last subscriber has just closed, and the owner does not know that yet.
    const topic = this.#topics.get(device, ALL_TYPES);
    if (topic !== undefined) {
      if (seq > 0) topic.lastSeq = seq; // 0: nobody could number it
      this.#rounds.add(offset, topic);
      topic.paced?.event(views, offset);
    }
    // Stryker disable next-line ConditionalExpression: of a device that has none there is nothing to do, which costs more to see
    if (this.#topics.hasLimited) this.#limited(device, seq, offset);
    this.#published(bytes);
  }

  #turning(device: number): void {
    // Stryker disable next-line ConditionalExpression: who leaves a device while nobody has to does nothing
    if (!this.#slow.isLeaving) return;
    if (!this.#rounds.isBetween) this.finish();
    this.#slow.leaveFirst(device);
  }

  #published(bytes: number): void {
    if (!this.sendQueues.published(bytes)) return;
    this.finish(); // a subscriber that cannot take this much must become slow before it is closed
    this.sendQueues.look();
  }

  /** Sessions that get only some types of a device's events. */
  #limited(device: number, seq: number, offset: number): void {
    const { u8 } = this.#deps.fromOwner.views;
    const isHub = (u8[offset + EventField.flags]! & EventFlag.fromHub) !== 0;
    const bit = typeBit(u8[offset + EventField.type]!, isHub);
    const sets = this.#topics.limitedOf(device);
    for (let types = 1; sets >> types > 0; types++) {
      if (((sets >> types) & 1) === 0) continue;
      const topic = this.#topics.get(device, types)!;
      if (seq > 0) topic.lastSeq = seq;
      if ((types & bit) === 0) continue;
      this.#rounds.add(offset, topic);
      topic.paced?.event(this.#deps.fromOwner.views, offset);
    }
  }

  /**
   * Sends frames about a device that is new to the session once all of this poll's frames are known, together in one
   * write. Everything else that is sent to the session comes after them.
   */
  sendSoon(session: SubscriberSession, frame: Frame | undefined): void {
    if (session.sendSoon(frame)) this.#corked.push(session);
  }

  /** Sends the events so far if any are of this device, because later frames about it must come after them. */
  finishOf(device: number): void {
    // Stryker disable next-line ConditionalExpression: no topic has any then, which costs more to see
    if (!this.#rounds.hasUnsent) return;
    if (this.#topics.ofDevice(device).some((topic) => this.#rounds.hasUnsentOf(topic))) this.finish();
  }

  /** Sends all events so far, because later frames must come after them. */
  finish(): void {
    this.#uncork();
    this.paces.flush(); // first: the rounds give room back to the ring
    this.#rounds.finish(this.#deps.clock.now());
  }

  /** Call after the records of a poll; releases room in the ring. @param isCaughtUp whether all records were read */
  end(done: number, isCaughtUp: boolean): void {
    this.#uncork();
    this.paces.flush();
    this.#caughtUp = isCaughtUp;
    // Stryker disable next-line ConditionalExpression: a step without events gives the ring back what it has
    if (done === 0 && !this.hasUnsent) return;
    const shards = this.#vipCount > 0 ? SHARDS_PER_STEP_WITH_VIPS : SHARDS_PER_STEP;
    this.#rounds.step(this.#deps.clock.now(), shards);
  }

  /** Whether events wait for a further poll, even if no record comes. */
  get hasUnsent(): boolean {
    return this.#rounds.hasUnsent || this.sendQueues.hasWaiting;
  }

  /** From here on the session gets the device's events, of which `seq` was the last. */
  attachDevice(session: SubscriberSession, attach: Attached): void {
    if (!this.replays.attach(session, attach)) this.#join(session, attach);
  }

  #join(session: SubscriberSession, attached: Attached): void {
    this.#topics.join(session, attached, [this.sessions.values(), this.#leavers.sessions]);
  }

  /** Whether the session gets the device's events, or is about to. */
  isFollowing(session: SubscriberSession, device: number): boolean {
    return session.shardOf(device) !== NO_SHARD || this.replays.isHolding(session, device);
  }

  /** Ids of the devices whose events the session gets. */
  followedBy(session: SubscriberSession): ReadonlySet<string> {
    return new Set(session.devices.map((device) => this.#topics.namesOf(session, device)!.id));
  }

  /** The session stops getting the device's events until it is attached again. @returns false: not possible now */
  holdBack(session: SubscriberSession, device: number): boolean {
    return !this.replays.isHolding(session, device) && this.#topics.holdBack(session, device);
  }

  detachDevice(session: SubscriberSession, device: number): void {
    this.replays.detach(session, device);
    this.retained.detach(session, device);
    this.#topics.leave(session, device, true);
  }

  gap(views: RecordViews, offset: number): void {
    const { device, from, to, reason } = readGap(views, offset);
    this.replays.missed(device, to);
    this.#topics.gap(device, from, to, reason as GapReason);
    this.#published(0); // a frame without a record: a full ring may have one for each device
  }

  /** The device is at this number now: earlier events that have not arrived never will. */
  seq(views: RecordViews, offset: number): void {
    const { device, seq } = readSeq(views, offset);
    this.replays.missed(device, seq);
    this.#topics.heardOf(device, seq);
    this.#published(0);
  }

  setVip(session: SubscriberSession, vip: boolean): void {
    if (session.vip === vip) return;
    this.#vipCount += vip ? 1 : -1;
    this.#topics.setVip(session, vip);
  }

  /**
   * From here on the session gets each event by itself, not through a topic of the transport.
   * @param done called when it has left those of all its devices; not if the connection ends before
   */
  deliverOneByOne(session: SubscriberSession, done: () => void): void {
    session.batched = true;
    this.#movers.add(session, done);
  }

  /** Until `endResync` a new owner says who gets what. */
  beginResync(): void {
    this.#topics.beginResync();
    this.replays.beginResync();
  }

  endResync(): void {
    this.replays.endResync();
    const { sessions, retained } = this;
    this.#topics.endResync(sessions.values(), (session, device) => retained.detach(session, device));
  }

  /** It is over the transport's own limit and would miss events unnoticed, so it is closed; it may come back. */
  dropped(session: SubscriberSession): void {
    this.#deps.counters.add(Counter.droppedSlow);
    if (session.closing) return;
    session.closing = true;
    this.#deps.counters.add(Counter.closedOverQueue);
    // Not from within the send that hit the limit, but before anything else is sent to it.
    this.#overfull.push(session);
    setImmediate(() => this.#closeOverfull());
  }

  /** Sends nothing further to it, except for what already waits and the close frame. */
  closing(session: SubscriberSession): void {
    session.closing = true;
    this.replays.forget(session);
    this.retained.forget(session);
    this.removals.forget(session);
    this.#movers.forget(session);
    this.#leavers.add(session, true);
    this.sendQueues.forget(session);
  }

  /** The connection has ended; the session was closing. */
  closed(session: SubscriberSession): void {
    this.sessions.delete(session.number);
    this.#leavers.add(session, false);
    this.sendQueues.forget(session);
    if (session.vip) this.#vipCount -= 1;
  }

  /** Sends to the sessions of a topic; a session that exceeds its limit by this gets nothing after it. */
  readonly #publishTo: PublishFrame = (topic, frame, binary, onlyMqtt) => {
    const endpoints = onlyMqtt ? this.#mqttEndpoints : this.#endpoints;
    for (let i = 0; i < endpoints.length; i++) endpoints[i]!.publish(topic, frame, binary);
    // Stryker disable next-line ConditionalExpression,EqualityOperator: nobody is to be closed then, which costs more to see
    if (this.#overfull.length > 0) this.#closeOverfull();
  };

  #uncork(): void {
    for (let n = 0; n < this.#corked.length; n++) this.#corked[n]!.uncork();
    this.#corked.length = 0;
  }

  #closeOverfull(): void {
    for (const session of this.#overfull.splice(0)) session.close(closes.slow);
  }
}
