/** One device as a fan-out worker sees it: its names, and who of this worker's subscribers gets its events. */
import type { DeviceNames } from '../protocol/event-frames.ts';
import { Audience } from './audience.ts';
import { Missed } from './missed.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export class Topic {
  readonly names: DeviceNames;
  readonly json: Audience;
  readonly binary: Audience;
  /** Sent to one by one, before the others. */
  readonly vips: SubscriberSession[] = [];
  /** Who lags, apart by how they were sent to when they fell behind; undefined while nobody does. */
  laggards: Missed | undefined;
  laggingVips: Missed | undefined;
  /** Of the event that came last, or when the first subscriber joined. */
  lastSeq: number;

  constructor(slot: number, names: DeviceNames, lastSeq: number) {
    this.names = names;
    this.lastSeq = lastSeq;
    this.json = new Audience(`j${slot}`);
    this.binary = new Audience(`b${slot}`);
  }

  get isEmpty(): boolean {
    const { json, binary, vips, laggards, laggingVips } = this;
    if (laggards !== undefined || laggingVips !== undefined) return false;
    return json.total + binary.total + vips.length === 0;
  }

  get shardCount(): number {
    return Math.max(this.json.shards.length, this.binary.shards.length);
  }

  /** @returns the shard that it is in, for `remove` */
  add(session: SubscriberSession): number {
    if (session.vip) {
      this.vips.push(session);
      return 0;
    }
    const audience = this.#audienceOf(session);
    const shard = audience.add();
    session.join(audience.shards[shard]!);
    return shard;
  }

  /** @param open whether the socket still is; a closed one has left its topics by itself */
  remove(session: SubscriberSession, shard: number, open: boolean): void {
    if (session.vip) {
      this.vips.splice(this.vips.indexOf(session), 1);
      return;
    }
    const audience = this.#audienceOf(session);
    audience.remove(shard);
    if (open) session.leave(audience.shards[shard]!);
  }

  /** Where it is noted what a lagging subscriber misses from here on. */
  missedBy({ vip }: SubscriberSession): Missed {
    const missed = (vip ? this.laggingVips : this.laggards) ?? new Missed(this.names);
    if (vip) this.laggingVips = missed;
    else this.laggards = missed;
    return missed;
  }

  #audienceOf({ binary }: SubscriberSession): Audience {
    return binary ? this.binary : this.json;
  }
}
