/**
 * The sockets of one thread that get a device's events in one encoding. The transport writes to all sockets of a
 * topic in one go; so that nothing else waits for a thousand writes, they are spread over shards of bounded size,
 * each a topic of its own at the transport.
 */

/** At 4 to 5 µs a write, a shard holds its thread for about a millisecond. */
export const SHARD_SOCKETS_MAX = 256;

/** Where a socket may be beside a shard: nowhere, or among the slow subscribers, who are in no topic of the transport. */
export const NO_SHARD = -1;
export const SLOW = -2;

export class Audience {
  /** Name of each shard at the transport. */
  readonly shards: string[];
  readonly #name: string;
  readonly #counts = [0];
  #total = 0;

  constructor(name: string) {
    this.#name = name;
    this.shards = [name];
  }

  get total(): number {
    return this.#total;
  }

  /** Sockets in a shard, 0 for one that is not there. */
  count(shard: number): number {
    return this.#counts[shard] ?? 0;
  }

  /** @returns the first shard with room; the caller joins the socket to it */
  add(): number {
    let shard = this.#counts.findIndex((count) => count < SHARD_SOCKETS_MAX);
    if (shard < 0) {
      shard = this.#counts.push(0) - 1;
      this.shards.push(`${this.#name}.${shard}`);
    }
    this.#counts[shard]! += 1;
    this.#total += 1;
    return shard;
  }

  remove(shard: number): void {
    this.#counts[shard]! -= 1;
    this.#total -= 1;
  }
}
