/** The devices that one thread's subscribers get events of, and who gets them: joins, leaves, vips, gaps. */
import { DeviceNames } from '../protocol/event-frames.ts';
import { gapFrame } from '../protocol/hub-frames.ts';
import { LAGGING, NO_SHARD } from './audience.ts';
import type { Publish } from './batch.ts';
import type { Laggards } from './laggards.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import { Topic } from './topic.ts';

const OVERLOAD_REASON = 'overload';

export class Topics {
  /** By device slot. */
  readonly #topics: Map<number, Topic>;
  readonly #laggards: Laggards;
  /** While a new owner says who gets what: whom it has named. */
  #confirmed: Map<SubscriberSession, Set<number>> | undefined;

  /** @param topics by device slot; the laggards look into it too */
  constructor(topics: Map<number, Topic>, laggards: Laggards) {
    this.#topics = topics;
    this.#laggards = laggards;
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
    if (this.#laggards.has(session)) this.#laggards.join(session, device, topic);
    else session.addDevice(device, topic.add(session));
  }

  /** @param open whether the socket still is; a closed one has left its topics by itself */
  leave(session: SubscriberSession, device: number, open: boolean): void {
    const topic = this.#topics.get(device);
    const shard = session.shardOf(device);
    if (topic === undefined || shard === NO_SHARD) return;
    session.removeDevice(device);
    if (shard === LAGGING) this.#laggards.leave(session, topic);
    else topic.remove(session, shard, open);
    if (topic.isEmpty) this.#topics.delete(device);
  }

  leaveAll(session: SubscriberSession, open: boolean): void {
    for (const device of session.devices) this.leave(session, device, open);
  }

  setVip(session: SubscriberSession, vip: boolean): void {
    const devices = session.devices.filter((device) => session.shardOf(device) !== LAGGING);
    for (const device of devices) {
      this.#topics.get(device)!.remove(session, session.shardOf(device), true);
      session.removeDevice(device);
    }
    session.vip = vip;
    for (const device of devices) session.addDevice(device, this.#topics.get(device)!.add(session));
    this.#laggards.vipChanged(session);
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
  heardOf(device: number, seq: number, publish: Publish): void {
    const topic = this.#topics.get(device);
    if (topic !== undefined && topic.lastSeq < seq) this.gap(device, topic.lastSeq + 1, seq, publish);
  }

  #confirm(session: SubscriberSession, device: number): void {
    if (this.#confirmed === undefined) return;
    const devices = this.#confirmed.get(session);
    if (devices === undefined) this.#confirmed.set(session, new Set([device]));
    else devices.add(device);
  }

  /** Tells everyone who follows the device that events of it were lost on their way to this thread. */
  gap(device: number, from: number, to: number, publish: Publish): void {
    const topic = this.#topics.get(device);
    if (topic === undefined) return;
    topic.lastSeq = to;
    const text = gapFrame(topic.names.id, from, to, OVERLOAD_REASON);
    const frame = Buffer.from(text);
    for (const shard of [...topic.json.shards, ...topic.binary.shards]) publish(shard, frame, false);
    for (const session of topic.vips) session.send(text);
    for (const sessions of topic.batched?.shards ?? []) for (const session of sessions) session.send(text);
    this.#laggards.tell(topic, text);
  }
}
