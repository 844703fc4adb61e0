/** The devices whose events one thread's subscribers get, and which subscribers get them: joins, leaves, vips, gaps. */
import { GapReason } from '../../records/replies.ts';
import { encodings } from '../../wire/encodings.ts';
import { DeviceNames } from '../../wire/event-frames.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import type { TopicLayout } from '../../wire/mqtt/topics.ts';
import { BY_ITSELF, NO_SHARD, SLOW } from './audience.ts';
import type { PublishFrame } from './batch.ts';
import { NOTHING_TAKEN, type Taken } from './paced-audience.ts';
import type { Paces } from './paces.ts';
import type { SlowSubscribers } from './slow-subscribers.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import { Topic } from './topic.ts';

const gapReasons = { [GapReason.overload]: 'overload', [GapReason.cluster]: 'cluster' } as const;

/** From here on a session gets the device's events. */
export interface Attached {
  readonly device: number;
  readonly id: string;
  /** Of the device's last event. */
  readonly seq: number;
  /** Bits of the event types that it gets. */
  readonly types: number;
}

/** Topics are kept by device and types; this is the key of one. */
export function topicKey(device: number, types: number): number {
  return device * (ALL_TYPES + 1) + types;
}

export class Topics {
  /** By `topicKey`. */
  readonly #topics: Map<number, Topic>;
  readonly #slow: SlowSubscribers;
  readonly #publish: PublishFrame;
  readonly #paces: Paces;
  /** By device: the sets of types, other than all, for which there is a topic; one bit each. */
  readonly #limited = new Map<number, number>();
  /** Layout of MQTT topics; undefined: nobody needs them. */
  readonly #layout: TopicLayout | undefined;
  /** While a new owner reports who gets what: the sessions that it has named. */
  #confirmed: Map<SubscriberSession, Set<number>> | undefined;

  /** @param topics by `topicKey`; shared with the slow subscribers @param layout of MQTT topics */
  constructor(
    topics: Map<number, Topic>,
    slow: SlowSubscribers,
    paces: Paces,
    publish: PublishFrame,
    layout: TopicLayout | undefined,
  ) {
    this.#layout = layout;
    this.#paces = paces;
    this.#publish = publish;
    this.#topics = topics;
    this.#slow = slow;
  }

  /** Whether any session gets some types only. */
  get hasLimited(): boolean {
    return this.#limited.size > 0;
  }

  /** Sets of types, other than all, that anybody gets of the device: bit `types` is set. */
  limitedOf(device: number): number {
    return this.#limited.get(device) ?? 0;
  }

  get(device: number, types: number): Topic | undefined {
    return this.#topics.get(topicKey(device, types));
  }

  /** From here on the subscriber gets the device's events. @param sessions all of this thread's, in groups */
  join(
    session: SubscriberSession,
    { device, id, seq, types }: Attached,
    sessions: readonly Iterable<SubscriberSession>[],
  ): void {
    this.#confirm(session, device);
    let taken = NOTHING_TAKEN;
    if (session.shardOf(device) !== NO_SHARD) {
      const before = this.#topicOf(session, device)!;
      if (before.types === types && before.names.id === id) return;
      if (before.names.id === id) taken = this.#takeOut(session, device, types);
      else this.leave(session, device, true);
    }
    let topic = this.get(device, types);
    if (topic !== undefined && topic.names.id !== id) {
      // Another device has the slot: a dead owner could not say so, or the previous device's followers are just
      // leaving.
      for (const group of sessions)
        for (const other of group) if (other.typesOf(device) === types) this.leave(other, device, true);
      topic = undefined;
    }
    if (topic === undefined) {
      topic = new Topic(device, types, new DeviceNames(id, this.#layout), seq, this.#paces);
      this.#topics.set(topicKey(device, types), topic);
      if (types !== ALL_TYPES) this.#limited.set(device, this.limitedOf(device) | (1 << types));
    }
    session.limit(device, types);
    if (this.#slow.has(session)) this.#slow.join(session, device, topic, taken);
    else session.addDevice(device, topic.add(session, taken));
  }

  /** @param open whether the connection is still open; a closed one has left its topics by itself */
  leave(session: SubscriberSession, device: number, open: boolean): void {
    const shard = session.shardOf(device);
    if (shard === NO_SHARD) return;
    const topic = this.#topicOf(session, device)!;
    session.removeDevice(device);
    if (shard === SLOW) this.#slow.leave(session, topic);
    else topic.remove(session, shard, open);
    this.#dropIfEmpty(topic, device);
  }

  /** The session is about to join again, for other types. A slow one gets a gap for what it missed. */
  #takeOut(session: SubscriberSession, device: number, types: number): Taken {
    const shard = session.shardOf(device);
    const topic = this.#topicOf(session, device)!;
    const taken = shard === SLOW ? this.#slow.takeOut(session, topic) : topic.takeOut(session, shard, types);
    session.removeDevice(device);
    this.#dropIfEmpty(topic, device);
    return taken;
  }

  /** The session leaves and is about to join again. @returns false if it must not, because it is slow */
  holdBack(session: SubscriberSession, device: number): boolean {
    const shard = session.shardOf(device);
    if (shard === SLOW) return false;
    const topic = this.#topicOf(session, device)!;
    session.removeDevice(device);
    topic.remove(session, shard, true, true);
    this.#dropIfEmpty(topic, device);
    return true;
  }

  #dropIfEmpty(topic: Topic, device: number): void {
    if (!topic.isEmpty) return;
    this.#topics.delete(topicKey(device, topic.types));
    const left = this.limitedOf(device) & ~(1 << topic.types); // of all types there is no bit
    if (left === 0) this.#limited.delete(device);
    else this.#limited.set(device, left);
  }

  /** The topic of the types that the session gets of the device. */
  #topicOf(session: SubscriberSession, device: number): Topic | undefined {
    return this.get(device, session.typesOf(device));
  }

  setVip(session: SubscriberSession, vip: boolean): void {
    this.#move(session, () => {
      session.vip = vip;
    });
    this.#slow.vipChanged(session);
  }

  /**
   * The session, which gets each event by itself from here on, leaves the transport's topics. Between rounds only; not for
   * one at a pace, which is in none.
   * @param devicesMax at most so many devices @returns the devices done; fewer than `devicesMax` when none is left
   */
  takeOutOfTransport(session: SubscriberSession, devicesMax: number): number {
    if (session.vip) return 0; // it is in none
    const devices = session.someDevices(devicesMax, (shard) => shard >= 0 && shard < BY_ITSELF);
    for (const device of devices) this.#moveIn(this.#topicOf(session, device)!, session, device);
    return devices.length;
  }

  #moveIn(topic: Topic, session: SubscriberSession, device: number): void {
    topic.remove(session, session.shardOf(device), true);
    session.removeDevice(device, true);
    session.addDevice(device, topic.add(session));
  }

  /** The session stays in its topics, in another way. */
  #move(session: SubscriberSession, change: () => void): void {
    const devices = session.devices.filter((device) => session.shardOf(device) !== SLOW);
    if (session.every > 0) {
      const audiences = devices.map((device) => this.#topicOf(session, device)!.paced!);
      this.#paces.changeKind(session, audiences, change);
      return;
    }
    for (const device of devices) {
      this.#topicOf(session, device)!.remove(session, session.shardOf(device), true);
      session.removeDevice(device, true);
    }
    change();
    for (const device of devices) session.addDevice(device, this.#topicOf(session, device)!.add(session));
  }

  /** The device's names, if the session gets its events. */
  namesOf(session: SubscriberSession, device: number): DeviceNames | undefined {
    return session.shardOf(device) === NO_SHARD ? undefined : this.#topicOf(session, device)!.names;
  }

  /** From here until `endResync`, notes who joins what. */
  beginResync(): void {
    this.#confirmed = new Map();
  }

  /**
   * Sessions that did not join again leave.
   * @param sessions all of this thread's @param left called for each that leaves a device
   */
  endResync(
    sessions: Iterable<SubscriberSession>,
    left: (session: SubscriberSession, device: number) => void,
  ): void {
    const confirmed = this.#confirmed;
    this.#confirmed = undefined;
    if (confirmed === undefined) return;
    for (const session of sessions) {
      const devices = confirmed.get(session);
      for (const device of session.devices) {
        if (devices?.has(device) === true) continue;
        this.leave(session, device, !session.closing);
        left(session, device);
      }
    }
  }

  /** The device is at `seq` now: earlier events that have not arrived never will. */
  heardOf(device: number, seq: number): void {
    this.#slow.leaveFirst(device);
    for (const topic of this.ofDevice(device)) {
      if (topic.lastSeq < seq) this.#gap(topic, topic.lastSeq + 1, seq);
    }
  }

  #confirm(session: SubscriberSession, device: number): void {
    if (this.#confirmed === undefined) return;
    const devices = this.#confirmed.get(session);
    if (devices === undefined) this.#confirmed.set(session, new Set([device]));
    else devices.add(device);
  }

  /** Sends a gap to all followers of the device for events that were lost on their way to this edge. */
  gap(device: number, from: number, to: number, reason: GapReason): void {
    this.#slow.leaveFirst(device);
    for (const topic of this.ofDevice(device)) this.#gap(topic, from, to, reason);
  }

  /** The device's topics: one for each set of types that anybody gets of it. */
  ofDevice(device: number): Topic[] {
    const topics: Topic[] = [];
    for (let types = this.hasLimited ? 1 : ALL_TYPES; types <= ALL_TYPES; types++) {
      const topic = this.get(device, types);
      if (topic !== undefined) topics.push(topic);
    }
    return topics;
  }

  #gap(topic: Topic, from: number, to: number, why: GapReason = GapReason.overload): void {
    topic.lastSeq = to;
    const gap = { device: topic.names.id, from, to, reason: gapReasons[why] };
    for (let { audience } = topic; audience !== undefined; audience = audience.next) {
      const frame = encodings[audience.encoding]!.gap(gap);
      if (frame === undefined) continue;
      const bytes = Buffer.from(frame);
      for (let shard = 0; shard < audience.shardCount; shard++)
        this.#publish(audience.nameOf(shard), bytes, false, false);
    }
    for (const session of topic.vips) session.sendGap(gap);
    for (const session of topic.paced?.sessions() ?? []) session.sendGap(gap);
    for (const sessions of topic.batched?.shards ?? []) for (const session of sessions) session.sendGap(gap);
    this.#slow.tell(topic, gap);
  }
}
