/** One device as a fan-out worker sees it: its names, and who of this worker's subscribers gets its events. */
import type { DeviceNames } from '../protocol/event-frames.ts';
import { Audience } from './audience.ts';
import { BatchedAudience } from './batched-audience.ts';
import { Missed } from './missed.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export class Topic {
  readonly names: DeviceNames;
  readonly json: Audience;
  readonly binary: Audience;
  /** In either encoding; undefined until somebody asks for it. */
  batched: BatchedAudience | undefined;
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
    const { json, binary, batched, vips, laggards, laggingVips } = this;
    if (laggards !== undefined || laggingVips !== undefined) return false;
    return json.total + binary.total + (batched?.total ?? 0) + vips.length === 0;
  }

  get shardCount(): number {
    const { json, binary, batched } = this;
    return Math.max(json.shards.length, binary.shards.length, batched?.shards.length ?? 0);
  }

  /** @returns the shard that it is in, for `remove` */
  add(session: SubscriberSession): number {
    if (session.vip) {
      this.vips.push(session);
      return 0;
    }
    if (session.batched) {
      this.batched ??= new BatchedAudience();
      return this.batched.add(session);
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
    if (session.batched) {
      this.batched!.remove(session, shard);
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
