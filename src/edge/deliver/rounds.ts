/**
 * Sends events in rounds, a few shards a step: between two steps the thread looks at its ring and its sockets. What
 * comes meanwhile goes to vips at once and to the others with the next round. With one shard a step:
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
  /** Of the current round, which is sent next; 0 when it has not begun. */
  #shard = 0;
  /** Of the round that events are added to; they are counted from 1. */
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
   * Sends to vips what is new, and to some shards of the others; gives room back to the ring.
   * @param now hub clock, ms
   * @param shards at most so many: the longer the step, the longer the next event waits for it
   */
  step(now: number, shards: number): void {
    this.#next.sendVips();
    if (this.#current.size === 0) this.#begin();
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a round that is over has nothing more to publish
    for (let shard = 0; shard < shards && this.#current.size > 0; shard++) this.#publishShard(now);
    if (this.#current.size === 0 && this.#next.size === 0) this.#ring.release();
  }

  /** Sends all that was added: what follows must come after it. @param now hub clock, ms */
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
