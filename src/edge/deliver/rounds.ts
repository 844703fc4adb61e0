/**
 * Sends events in rounds, a few shards per step; between two steps the thread handles its ring and its sockets. Events
 * that arrive meanwhile go to vips at once and to the others with the next round. With one shard per step:
 *
 *   step    events of      vips        others
 *   1       1, 2           1, 2        shard 0 of 1, 2
 *   2       3              3           shard 1 of 1, 2
 *   3       –              –           shard 0 of 3
 */
import type { RingConsumer } from '../../memory/ring.ts';
import { Batch, type BatchDeps, type PublishFrame } from './batch.ts';
import type { Topic } from './topic.ts';

export class Rounds {
  readonly #ring: RingConsumer;
  readonly #publish: PublishFrame;
  #current: Batch;
  #next: Batch;
  /** The shard of the current round that is sent next; 0 when the round has not begun. */
  #shard = 0;
  /** Number of the round that events are added to, from 1. */
  #nextRound = 1;
  /** Position in the ring behind the events of the current round. */
  #currentEnd: number;

  constructor(ring: RingConsumer, deps: BatchDeps, publish: PublishFrame) {
    this.#ring = ring;
    this.#publish = publish;
    this.#current = new Batch(deps);
    this.#next = new Batch(deps);
    this.#currentEnd = ring.position;
  }

  /** Whether events wait for a further step. */
  get hasUnsent(): boolean {
    return this.#current.size + this.#next.size > 0;
  }

  /** True between rounds; only vips may already have newer events. */
  get isBetween(): boolean {
    return this.#current.size === 0;
  }

  /** @param offset the event record that the ring has just stepped to */
  add(offset: number, topic: Topic): void {
    topic.lastRound = this.#nextRound;
    this.#next.add(offset, topic);
  }

  /** Whether events of the topic wait for a further step. */
  hasUnsentOf({ lastRound }: Topic): boolean {
    if (lastRound === this.#nextRound) return true;
    return lastRound === this.#nextRound - 1 && this.#current.size > 0;
  }

  /**
   * Sends new events to vips, and the current round to some shards of the others; releases room in the ring.
   * @param now hub clock, ms
   * @param shards the most shards: the longer the step, the longer the next event waits
   */
  step(now: number, shards: number): void {
    this.#next.sendVips();
    if (this.#current.size === 0) this.#begin();
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a round that is over has nothing more to publish
    for (let shard = 0; shard < shards && this.#current.size > 0; shard++) this.#publishShard(now);
    if (this.#current.size === 0 && this.#next.size === 0) this.#ring.release();
  }

  /** Sends everything that was added, because later frames must come after it. @param now hub clock, ms */
  finish(now: number): void {
    this.#next.sendVips();
    while (this.hasUnsent) {
      if (this.#current.size === 0) this.#begin();
      this.#publishShard(now);
    }
  }

  #begin(): void {
    [this.#current, this.#next] = [this.#next, this.#current];
    this.#nextRound += 1;
    this.#currentEnd = this.#ring.position;
    this.#shard = 0;
    this.#current.begin();
  }

  #publishShard(now: number): void {
    const round = this.#current;
    round.publish(this.#shard, this.#publish, now);
    this.#shard += 1;
    if (this.#shard < round.shardCount) return;
    round.clear();
    this.#ring.releaseTo(this.#currentEnd);
  }
}
