import { describe, expect, it } from 'vitest';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Heart } from '../../src/memory/heartbeat.ts';
import { createRing, RING_BYTES_MIN, RingConsumer, RingProducer, Share } from '../../src/memory/ring.ts';
import { runOwnerLoop } from '../../src/owner/loop.ts';
import type { Owner } from '../../src/owner/owner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Step, WatchedSleeper } from '../support/interleaving.ts';

/** More than any of these tests needs: a loop that does not end fails. */
const TURNS_MAX = 500;

/** The thread does not stop: `blocks` says what happens while it would. */
class BlockingSleeper extends WatchedSleeper {
  blocks: () => void = () => {};

  override block(): void {
    if (this.isAsleep) this.blocks();
    this.cancel();
  }
}

class LoopBench {
  readonly clock = new FakeClock();
  readonly sleeper: BlockingSleeper;
  taken = 0;
  obeyed = 0;
  isStopped = false;
  readonly #commands: number[] = [];
  readonly #producer: RingProducer;
  readonly #consumer: RingConsumer;
  readonly #ringer: Ringer;
  readonly #step: Step;

  constructor(step: Step) {
    const [ring, doorbell] = [createRing(RING_BYTES_MIN), createDoorbell()];
    this.#step = step;
    this.#producer = new RingProducer(ring);
    this.#consumer = new RingConsumer(ring);
    this.#ringer = new Ringer(doorbell, () => {});
    this.sleeper = new BlockingSleeper(doorbell, step);
  }

  commit(records = 1): void {
    for (let n = 0; n < records; n++) this.#producer.claim(1, 8, Share.control);
    this.#producer.commit();
  }

  post(): void {
    this.#commands.push(1);
  }

  ring(): void {
    this.#ringer.ring();
  }

  run(): void {
    let turns = 0;
    const step = this.#step;
    const owner = {
      poll: (limit: number) => {
        if (++turns > TURNS_MAX) throw new Error('the loop goes round and round');
        step();
        let done = 0;
        while (done < limit && this.#consumer.next() >= 0) done += 1;
        this.#consumer.release();
        this.taken += done;
        step();
        return done;
      },
      hasRecords: () => {
        step();
        const { hasRecords } = this.#consumer;
        step();
        return hasRecords;
      },
      hasBacklog: () => false,
      untilNextTimerMs: () => Number.POSITIVE_INFINITY,
    };
    runOwnerLoop({
      owner: owner as unknown as Owner,
      sleeper: this.sleeper,
      clock: this.clock,
      counters: new Counters(createCounters()),
      heart: new Heart(createHeartbeat(), this.clock),
      pauseMs: 0,
      obeyCommands: () => {
        step();
        if (this.isStopped) return -1;
        const { length } = this.#commands.splice(0);
        this.obeyed += length;
        step();
        return length;
      },
    });
  }
}

describe('what comes while the owner goes to sleep', () => {
  const STEPS = 24;
  const done = (bench: LoopBench): number => bench.taken + bench.obeyed;

  /** @returns whether the loop slept for its whole time with the thing undone, which is what a lost wake looks like */
  function isSleptThrough(what: 'commit' | 'post', comesAt: number, ringsAt: number): boolean {
    let steps = 0;
    const actions = [
      [comesAt, () => bench[what]()],
      [ringsAt, () => bench.ring()],
    ] as const;
    const bench = new LoopBench(() => {
      for (const [at, act] of actions) if (at === steps) act();
      steps += 1;
      if (done(bench) > 0) bench.isStopped = true;
    });
    let slept = false;
    bench.sleeper.blocks = () => {
      // All that is still to come comes now.
      for (const [at, act] of actions) if (at >= steps) act();
      steps += STEPS;
      slept = bench.sleeper.isAsleep;
      bench.isStopped = slept;
    };
    bench.run();
    return slept || done(bench) !== 1;
  }

  it.each(['commit', 'post'] as const)('is not slept through, at whatever moment (%s)', (what) => {
    const lost: string[] = [];
    for (let comesAt = 0; comesAt < STEPS; comesAt++) {
      for (let ringsAt = comesAt; ringsAt < STEPS; ringsAt++) {
        if (isSleptThrough(what, comesAt, ringsAt)) lost.push(`${comesAt}, rung at ${ringsAt}`);
      }
    }
    expect(lost).toEqual([]);
  });
});
