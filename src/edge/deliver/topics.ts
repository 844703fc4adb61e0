/** The devices that one thread's subscribers get events of, and who gets them: joins, leaves, vips, gaps. */
import { encodings } from '../../wire/encodings.ts';
import { DeviceNames } from '../../wire/event-frames.ts';
import { NO_SHARD, SLOW } from './audience.ts';
import type { Publish } from './batch.ts';
import type { SlowSubscribers } from './slow-subscribers.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import { Topic } from './topic.ts';

const OVERLOAD_REASON = 'overload';

export class Topics {
  /** By device slot. */
  readonly #topics: Map<number, Topic>;
  readonly #slow: SlowSubscribers;
  readonly #publish: Publish;
  /** While a new owner says who gets what: whom it has named. */
  #confirmed: Map<SubscriberSession, Set<number>> | undefined;

  /** @param topics by device slot; the slow subscribers look into it too */
  constructor(topics: Map<number, Topic>, slow: SlowSubscribers, publish: Publish) {
    this.#publish = publish;
    this.#topics = topics;
    this.#slow = slow;
  }

  get(device: number): Topic | undefined {
    return this.#topics.get(device);
  }

  /**
   * From here on the subscriber gets the device's events.
   * @param seq the device's last, for whoever is the first @param sessions all of this thread's
   */
  join(
    session: SubscriberSession,
    device: number,
    id: string,
    seq: number,
    sessions: Iterable<SubscriberSession>,
  ): void {
    let topic = this.#topics.get(device);
    if (topic !== undefined && topic.names.id !== id) {
      // Another device has the slot, and an owner that died could not say so.
      for (const other of sessions) this.leave(other, device, !other.closing);
      topic = undefined;
    }
    if (topic === undefined) {
      topic = new Topic(device, new DeviceNames(id), seq);
      this.#topics.set(device, topic);
    }
    this.#confirm(session, device);
    if (session.shardOf(device) !== NO_SHARD) return;
    if (this.#slow.has(session)) this.#slow.join(session, device, topic);
    else session.addDevice(device, topic.add(session));
  }

  /** @param open whether the socket still is; a closed one has left its topics by itself */
  leave(session: SubscriberSession, device: number, open: boolean): void {
    const topic = this.#topics.get(device);
    const shard = session.shardOf(device);
    if (topic === undefined || shard === NO_SHARD) return;
    session.removeDevice(device);
    if (shard === SLOW) this.#slow.leave(session, topic);
    else topic.remove(session, shard, open);
    if (topic.isEmpty) this.#topics.delete(device);
  }

  leaveAll(session: SubscriberSession, open: boolean): void {
    for (const device of session.devices) this.leave(session, device, open);
  }

  setVip(session: SubscriberSession, vip: boolean): void {
    const devices = session.devices.filter((device) => session.shardOf(device) !== SLOW);
    for (const device of devices) {
      this.#topics.get(device)!.remove(session, session.shardOf(device), true);
      session.removeDevice(device);
    }
    session.vip = vip;
    for (const device of devices) session.addDevice(device, this.#topics.get(device)!.add(session));
    this.#slow.vipChanged(session);
  }

  /** Until `endResync` it is noted who joins what. */
  beginResync(): void {
    this.#confirmed = new Map();
  }

  /** Who did not join again leaves. @param sessions all of this thread's */
  endResync(sessions: Iterable<SubscriberSession>): void {
    const confirmed = this.#confirmed;
    this.#confirmed = undefined;
    if (confirmed === undefined) return;
    for (const session of sessions) {
      const devices = confirmed.get(session);
      for (const device of session.devices) {
        if (devices?.has(device) !== true) this.leave(session, device, !session.closing);
      }
    }
  }

  /** The device has come to `seq`: what did not come until now never will. */
  heardOf(device: number, seq: number): void {
    const topic = this.#topics.get(device);
    if (topic !== undefined && topic.lastSeq < seq) this.gap(device, topic.lastSeq + 1, seq);
  }

  #confirm(session: SubscriberSession, device: number): void {
    if (this.#confirmed === undefined) return;
    const devices = this.#confirmed.get(session);
    if (devices === undefined) this.#confirmed.set(session, new Set([device]));
    else devices.add(device);
  }

  /** Tells everyone who follows the device that events of it were lost on their way to this edge. */
  gap(device: number, from: number, to: number): void {
    const topic = this.#topics.get(device);
    if (topic === undefined) return;
    topic.lastSeq = to;
    const gap = { device: topic.names.id, from, to, reason: OVERLOAD_REASON };
    for (const [encoding, audience] of topic.audiences.entries()) {
      const frame = audience && encodings[encoding]!.gap(gap);
      if (frame === undefined) continue;
      const bytes = Buffer.from(frame);
      for (const shard of audience!.shards) this.#publish(shard, bytes, false);
    }
    for (const session of topic.vips) session.sendGap(gap);
    for (const sessions of topic.batched?.shards ?? []) for (const session of sessions) session.sendGap(gap);
    this.#slow.tell(topic, gap);
  }
}
