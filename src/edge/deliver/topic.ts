/** One device as an edge sees it: its names, and who of this edge's subscribers gets its events. */
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import { Audience } from './audience.ts';
import { BatchedAudience } from './batched-audience.ts';
import { Missed } from './missed.ts';
import type { Paces } from './pace.ts';
import { PacedAudience } from './paced-audience.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export class Topic {
  readonly names: DeviceNames;
  /** Bits of the event types that its sessions get. */
  readonly types: number;
  /** By encoding; made when somebody asks for it. */
  readonly audiences: (Audience | undefined)[] = encodings.map(() => undefined);
  /** In either encoding; undefined until somebody asks for it. */
  batched: BatchedAudience | undefined;
  /** Those at a pace; undefined until there is one. */
  paced: PacedAudience | undefined;
  /** Sent to one by one, before the others. */
  readonly vips: SubscriberSession[] = [];
  /** Who is slow, apart by how they were sent to when they fell behind; undefined while nobody is. */
  slow: Missed | undefined;
  slowVips: Missed | undefined;
  /** Of the event that came last, or when the first subscriber joined. */
  lastSeq: number;
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
    const { audiences, batched, paced, vips, slow, slowVips } = this;
    if (paced?.isEmpty === false) return false;
    if (slow !== undefined || slowVips !== undefined || vips.length > 0) return false;
    return (batched?.total ?? 0) === 0 && audiences.every((audience) => (audience?.total ?? 0) === 0);
  }

  get shardCount(): number {
    let most = this.batched?.shards.length ?? 0;
    for (const audience of this.audiences) {
      if (audience !== undefined && audience.shards.length > most) most = audience.shards.length;
    }
    return most;
  }

  /** @returns the shard that it is in, for `remove` */
  add(session: SubscriberSession): number {
    if (session.every > 0) {
      this.paced ??= new PacedAudience(this.names, this.#paces);
      this.paced.add(session);
      return 0;
    }
    if (session.vip) {
      this.vips.push(session);
      return 0;
    }
    if (session.batched) {
      this.batched ??= new BatchedAudience();
      return this.batched.add(session);
    }
    const audience = this.#audienceOf(session.encoding);
    const shard = audience.add();
    session.join(audience.shards[shard]!);
    return shard;
  }

  /**
   * @param open whether the socket still is; a closed one has left its topics by itself
   * @param comesBack it goes on following the device, in another way
   */
  remove(session: SubscriberSession, shard: number, open: boolean, comesBack = false): void {
    if (session.every > 0) {
      this.paced?.remove(session, comesBack);
      if (this.paced?.isEmpty) this.paced = undefined;
      return;
    }
    if (session.vip) {
      this.vips.splice(this.vips.indexOf(session), 1);
      return;
    }
    if (session.batched) {
      this.batched!.remove(session, shard);
      return;
    }
    const audience = this.#audienceOf(session.encoding);
    audience.remove(shard);
    if (open) session.leave(audience.shards[shard]!);
  }

  /** Where it is noted what a slow subscriber misses from here on. */
  missedBy({ vip }: SubscriberSession): Missed {
    const missed = (vip ? this.slowVips : this.slow) ?? new Missed(this.names);
    if (vip) this.slowVips = missed;
    else this.slow = missed;
    return missed;
  }

  #audienceOf(encoding: Encoding): Audience {
    const made = this.audiences[encoding];
    if (made !== undefined) return made;
    const audience = new Audience(this.#topicName(encoding));
    this.audiences[encoding] = audience;
    return audience;
  }

  #topicName(encoding: Encoding): string {
    const name = `${encodings[encoding]!.topicPrefix}${this.#slot}`;
    return this.types === ALL_TYPES ? name : `${name}t${this.types}`;
  }
}
