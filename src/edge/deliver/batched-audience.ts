/**
 * The sockets of one thread that get several of a device's events per frame. The transport cannot combine frames, so
 * these sockets are in none of its topics and get their events one by one. They are in shards, like an `Audience`, for
 * the same reason.
 */
import { SHARD_SOCKETS_MAX } from './audience.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export class BatchedAudience {
  readonly shards: SubscriberSession[][] = [[]];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** @returns the shard that it is in, for `remove` */
  add(session: SubscriberSession): number {
    let shard = this.shards.findIndex(({ length }) => length < SHARD_SOCKETS_MAX);
    if (shard < 0) shard = this.shards.push([]) - 1;
    this.shards[shard]!.push(session);
    this.#total += 1;
    return shard;
  }

  remove(session: SubscriberSession, shard: number): void {
    const sessions = this.shards[shard]!;
    sessions.splice(sessions.indexOf(session), 1);
    this.#total -= 1;
  }
}
