/** One device as an edge sees it: its names, and which of this edge's subscribers get its events. */
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import { Audience, BY_ITSELF } from './audience.ts';
import { BatchedAudience } from './batched-audience.ts';
import { Missed } from './missed.ts';
import { NOTHING_TAKEN, PacedAudience, type Taken } from './paced-audience.ts';
import type { Paces } from './paces.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Shared by all topics without vips, so that an event need not fetch another array. */
const NO_VIPS: readonly SubscriberSession[] = [];

/**
 * The members that every event reads come first, within one or two cache lines: thousands of topics do not fit the
 * cache.
 */
export class Topic {
  readonly names: DeviceNames;
  /** Seq of the last event, or at the time when the first subscriber joined. */
  lastSeq: number;
  /** The first of the audiences, one per encoding; undefined until a subscriber needs one. */
  audience: Audience | undefined;
  /** Number of the last round that has events of it. */
  lastRound = 0;
  /** The most shards that any of its audiences has. */
  shardCount = 0;
  /** In either encoding; undefined until a subscriber needs it. */
  batched: BatchedAudience | undefined;
  /** Subscribers at a pace; undefined until there is one. */
  paced: PacedAudience | undefined;
  /** Vips, which get events directly, before the others. */
  vips = NO_VIPS;
  /** Slow subscribers, by how they got events before they became slow; undefined while there are none. */
  slowVips: Missed | undefined;
  slow: Missed | undefined;
  /** Bits of the event types that its sessions get. */
  readonly types: number;
  readonly #slot: number;
  readonly #paces: Paces;

  constructor(slot: number, types: number, names: DeviceNames, lastSeq: number, paces: Paces) {
    this.#paces = paces;
    this.#slot = slot;
    this.types = types;
    this.names = names;
    this.lastSeq = lastSeq;
  }

  get isEmpty(): boolean {
    const { batched, paced, vips, slow, slowVips } = this;
    if (paced?.isEmpty === false) return false;
    if (slow !== undefined || slowVips !== undefined || vips.length > 0) return false;
    if (batched !== undefined && batched.total > 0) return false;
    for (let { audience } = this; audience !== undefined; audience = audience.next) {
      if (audience.total > 0) return false;
    }
    return true;
  }

  /** @param taken what it took along from its previous place @returns the shard that it is in, for `remove` */
  add(session: SubscriberSession, taken = NOTHING_TAKEN): number {
    if (session.every > 0) {
      this.bringBack(session, taken);
      return 0;
    }
    if (session.vip) {
      this.vips = [...this.vips, session];
      return 0;
    }
    if (session.batched) {
      this.batched ??= new BatchedAudience();
      const shard = this.batched.add(session);
      this.shardCount = Math.max(this.shardCount, shard + 1);
      return BY_ITSELF + shard;
    }
    const audience = this.#audienceOf(session.encoding);
    const shard = audience.add();
    this.shardCount = Math.max(this.shardCount, shard + 1);
    session.join(audience.nameOf(shard));
    return shard;
  }

  /**
   * @param shard as `add` gave it, since when the session may have become one that is sent to by itself
   * @param open whether the socket still is; a closed one has left its topics by itself
   * @param comesBack it goes on following the device, in another way
   */
  remove(session: SubscriberSession, shard: number, open: boolean, comesBack = false): void {
    if (session.every > 0) {
      this.paced!.remove(session, comesBack);
      if (this.paced!.isEmpty) this.paced = undefined;
      return;
    }
    if (session.vip) {
      const left = this.vips.filter((vip) => vip !== session);
      this.vips = left.length > 0 ? left : NO_VIPS;
      return;
    }
    if (shard >= BY_ITSELF) {
      this.batched!.remove(session, shard - BY_ITSELF);
      return;
    }
    const audience = this.#audienceOf(session.encoding);
    audience.remove(shard);
    if (open) session.leave(audience.nameOf(shard));
  }

  /** Removes one that becomes slow or changes its types. @param types bits of those that it takes along */
  takeOut(session: SubscriberSession, shard: number, types = ALL_TYPES): Taken {
    if (session.every === 0) {
      this.remove(session, shard, true);
      return NOTHING_TAKEN;
    }
    const taken = this.paced!.takeOut(session, types);
    if (this.paced!.isEmpty) this.paced = undefined;
    return taken;
  }

  /** A subscriber at a pace is back with what it took along. @returns the bytes sent to it */
  bringBack(session: SubscriberSession, taken: Taken): number {
    this.paced ??= new PacedAudience(this.names, this.#slot, this.#paces);
    return this.paced.add(session, taken);
  }

  /** Where the events that a slow subscriber misses from here on are noted. */
  missedBy({ vip }: SubscriberSession): Missed {
    const missed = (vip ? this.slowVips : this.slow) ?? new Missed(this.names);
    if (vip) this.slowVips = missed;
    else this.slow = missed;
    return missed;
  }

  #audienceOf(encoding: Encoding): Audience {
    for (let { audience } = this; audience !== undefined; audience = audience.next) {
      if (audience.encoding === encoding) return audience;
    }
    this.audience = new Audience(encoding, this.#topicName(encoding), this.audience);
    return this.audience;
  }

  #topicName(encoding: Encoding): string {
    const name = `${encodings[encoding]!.topicPrefix}${this.#slot}`;
    return this.types === ALL_TYPES ? name : `${name}t${this.types}`;
  }
}
