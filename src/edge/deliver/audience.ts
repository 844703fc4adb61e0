/**
 * The sockets of one thread that get a device's events in one encoding. The transport writes to all sockets of a topic
 * at once. So that nothing else waits for a thousand writes, the sockets are spread over shards of bounded size, each
 * of which is a topic of the transport.
 */
import type { Encoding } from '../../wire/encodings.ts';

/** At 4 to 5 µs a write, a shard holds its thread for about a millisecond. */
export const SHARD_SOCKETS_MAX = 256;

/**
 * Where a socket may be instead of a shard: nowhere, or among the slow subscribers, which are in no transport topic.
 */
export const NO_SHARD = -1;
export const SLOW = -2;

/** What is added to the shard of a session that is sent to by itself, and is in no topic of the transport either. */
export const BY_ITSELF = 2 ** 20;

interface Shard {
  readonly name: string;
  count: number;
}

/** Shared by all audiences with only the first shard. */
const NO_SHARDS: readonly Shard[] = [];

export class Audience {
  readonly encoding: Encoding;
  /** The topic's audience in another encoding. */
  readonly next: Audience | undefined;
  /**
   * Name of the first shard at the transport. Most audiences have no other, so this is a member of the object itself.
   */
  readonly name: string;
  #inFirst = 0;
  #others: readonly Shard[] = NO_SHARDS;

  constructor(encoding: Encoding, name: string, next?: Audience) {
    this.encoding = encoding;
    this.name = name;
    this.next = next;
  }

  get total(): number {
    return this.#others.reduce((sum, { count }) => sum + count, this.#inFirst);
  }

  get shardCount(): number {
    return 1 + this.#others.length;
  }

  /** Sockets in a shard, 0 for one that is not there. */
  count(shard: number): number {
    return shard === 0 ? this.#inFirst : (this.#others[shard - 1]?.count ?? 0);
  }

  /** The name at the transport of a shard that is there. */
  nameOf(shard: number): string {
    return shard === 0 ? this.name : this.#others[shard - 1]!.name;
  }

  /** @returns the first shard with room; the caller joins the socket to it */
  add(): number {
    let shard = 0;
    while (this.count(shard) === SHARD_SOCKETS_MAX) shard += 1;
    if (shard === this.shardCount)
      this.#others = [...this.#others, { name: `${this.name}.${shard}`, count: 0 }];
    this.#change(shard, 1);
    return shard;
  }

  remove(shard: number): void {
    this.#change(shard, -1);
  }

  #change(shard: number, by: 1 | -1): void {
    if (shard === 0) this.#inFirst += by;
    else this.#others[shard - 1]!.count += by;
  }
}
