import { describe, expect, it } from 'vitest';
import { POLL_RECORDS_MAX } from '../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { beatOf, createHeartbeat, Heart } from '../../src/memory/heartbeat.ts';
import { createRing, RING_BYTES_MIN, RingConsumer, RingProducer, Share } from '../../src/memory/ring.ts';
import { runOwnerLoop } from '../../src/owner/loop.ts';
import type { Owner } from '../../src/owner/owner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Step, WatchedSleeper } from '../support/interleaving.ts';

/** More than any of these tests needs: a loop that does not end fails. */
const TURNS_MAX = 500;

/** How the loop waited: it blocked asleep, or it paused awake. */
type Wait = readonly [how: 'block' | 'pause', ms: number];

/** The thread does not stop: `blocks` says what happens while it would. */
class BlockingSleeper extends WatchedSleeper {
  readonly waits: Wait[] = [];
  blocks: (ms: number) => void = () => {};

  override block(timeoutMs: number): void {
    this.waits.push(['block', timeoutMs]);
    if (this.isAsleep) this.blocks(timeoutMs);
    this.cancel();
  }

  override pause(ms: number): void {
    this.waits.push(['pause', ms]);
  }
}

class LoopBench {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly sleeper: BlockingSleeper;
  taken = 0;
  obeyed = 0;
  polls: number[] = [];
  hasBacklog = false;
  untilNextTimerMs = 5000;
  pauseMs = 0;
  isStopped = false;
  /** How long each poll takes. */
  turnsMs: number[] = [];
  /** Called before each poll. */
  turned: () => void = () => {};
  readonly heartbeat = createHeartbeat();
  readonly startMs = this.clock.nowMs;
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

  publish(records = 1): void {
    for (let n = 0; n < records; n++) this.#producer.claim(1, 8, Share.control);
    this.#producer.publish();
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
        this.turned();
        this.clock.nowMs += this.turnsMs.shift() ?? 0;
        const given = this.polls.shift();
        if (given !== undefined) return given;
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
      hasBacklog: () => this.hasBacklog,
      untilNextTimerMs: () => this.untilNextTimerMs,
    };
    runOwnerLoop({
      owner: owner as unknown as Owner,
      sleeper: this.sleeper,
      clock: this.clock,
      counters: this.counters,
      heart: new Heart(this.heartbeat, this.clock),
      pauseMs: this.pauseMs,
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
  function isSleptThrough(what: 'publish' | 'post', comesAt: number, ringsAt: number): boolean {
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

  it.each(['publish', 'post'] as const)('is not slept through, at whatever moment (%s)', (what) => {
    const lost: string[] = [];
    for (let comesAt = 0; comesAt < STEPS; comesAt++) {
      for (let ringsAt = comesAt; ringsAt < STEPS; ringsAt++) {
        if (isSleptThrough(what, comesAt, ringsAt)) lost.push(`${comesAt}, rung at ${ringsAt}`);
      }
    }
    expect(lost).toEqual([]);
  });
});

describe('the loop', () => {
  /** Ends at the n-th time that the loop waits. */
  function waitsOf(prepare: (bench: LoopBench) => void, count = 1): readonly Wait[] {
    const bench = new LoopBench(() => {
      if (bench.sleeper.waits.length >= count) bench.isStopped = true;
    });
    prepare(bench);
    bench.run();
    return bench.sleeper.waits;
  }

  it('sleeps until the next timer, and for a second at most', () => {
    expect(waitsOf(() => {})).toEqual([['block', 1000]]);
    const early = waitsOf((bench) => {
      bench.untilNextTimerMs = 40;
    });
    expect(early).toEqual([['block', 40]]);
  });

  it('looks again after a millisecond while records of its own wait for room', () => {
    const waits = waitsOf((bench) => {
      bench.hasBacklog = true;
    });
    expect(waits).toEqual([['block', 1]]);
  });

  it('does not wait after a full poll, nor before what comes meanwhile', () => {
    const waits = waitsOf((bench) => {
      bench.polls = [POLL_RECORDS_MAX, 3, 0];
    });
    expect(waits).toEqual([['block', 1000]]);
  });

  it('pauses under load without being woken, and not where it is set to 0', () => {
    const busy = (pauseMs: number) =>
      waitsOf((bench) => {
        bench.pauseMs = pauseMs;
        bench.polls = [100, 0, 0, 0];
      });
    expect(busy(2)).toEqual([['pause', 2]]);
    expect(busy(0)).toEqual([['block', 1000]]);
  });

  it('tells how late it was: by its longest turn of the last second', () => {
    const bench = new LoopBench(() => {});
    const lags: number[] = [];
    bench.turnsMs = [3, 250, 7, 800, 400, 700];
    bench.polls = bench.turnsMs.map(() => POLL_RECORDS_MAX);
    bench.sleeper.blocks = () => {
      bench.isStopped = true;
      bench.turned = () => {};
    };
    bench.turned = () => lags.push(bench.counters.cells[Counter.loopLagSeconds]!);
    bench.run();
    expect(lags).toEqual([0, 0, 0, 0, 0.8, 0.8, 0.7]);
  });

  it('beats every 100 ms at most', () => {
    const bench = new LoopBench(() => {});
    const beats: number[] = [];
    bench.turnsMs = [0, 60, 39, 1, 99, 1];
    bench.polls = bench.turnsMs.map(() => POLL_RECORDS_MAX);
    bench.sleeper.blocks = () => {
      bench.isStopped = true;
      bench.turned = () => {};
    };
    bench.turned = () => beats.push(beatOf(bench.heartbeat) - bench.startMs);
    bench.run();
    expect(beats).toEqual([-bench.startMs, 0, 0, 0, 100, 100, 200]);
  });
});
