/** When turns come, of lanes without events. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pace } from '../../../src/edge/deliver/pace.ts';
import type { PacedLane } from '../../../src/edge/deliver/paced-audience.ts';
import { FakeClock } from '../../support/fake-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Lane {
  readonly name: string;
  waiting: number;
  turnStep: number;
  isScheduled: boolean;
}

class Bench {
  readonly clock = new FakeClock();
  /** Whose turns came together, and when: `a+b @20`. */
  readonly turns: string[] = [];
  readonly pace: Pace;
  readonly #startMs: number;

  constructor(every = 100) {
    this.#startMs = this.clock.nowMs; // a multiple of every step
    this.pace = new Pace(every, this.clock, (due, step) => {
      for (const lane of due) lane.turnStep = step;
      const names = due.map((lane) => (lane as unknown as Lane).name).join('+');
      this.turns.push(`${names} @${this.clock.nowMs - this.#startMs}`);
    });
  }

  lane(name: string, waiting = 1): Lane & PacedLane {
    const lane = { name, waiting, turnStep: Number.NEGATIVE_INFINITY, isScheduled: false };
    return Object.defineProperty(lane, 'isWaitedFor', { get: () => lane.waiting > 0 }) as never;
  }

  /** Time passes, and timers fire. */
  pass(ms: number): void {
    for (let n = 0; n < ms; n++) {
      this.clock.nowMs += 1;
      vi.advanceTimersByTime(1);
    }
  }

  news(): string[] {
    return this.turns.splice(0);
  }
}

describe('a turn', () => {
  it('comes one interval after the last', () => {
    const bench = new Bench();
    const lane = bench.lane('a');
    bench.pace.hadTurn(lane);
    bench.pass(30);
    bench.pace.schedule(lane);
    expect(lane.isScheduled).toBe(true);
    bench.pass(69);
    expect(bench.news()).toEqual([]);
    bench.pass(1);
    expect([bench.news(), lane.isScheduled]).toEqual([['a @100'], false]);
    bench.pace.schedule(lane);
    bench.pass(100);
    expect(bench.news()).toEqual(['a @200']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('comes at the end of a step, and never before the interval is over', () => {
    const bench = new Bench();
    bench.pass(1);
    const lane = bench.lane('a');
    bench.pace.hadTurn(lane); // within the step that ends at 20
    bench.pace.schedule(lane);
    bench.pass(118);
    expect(bench.news()).toEqual([]);
    bench.pass(1);
    expect(bench.news()).toEqual(['a @120']);
  });

  it('that is due already comes with the next step', () => {
    const bench = new Bench();
    bench.pass(30);
    const lane = bench.lane('a');
    bench.pace.schedule(lane);
    bench.pass(9);
    expect(bench.news()).toEqual([]);
    bench.pass(1);
    expect(bench.news()).toEqual(['a @40']);
  });

  it('comes together with those of the same step', () => {
    const bench = new Bench();
    const [a, b, c] = [bench.lane('a'), bench.lane('b'), bench.lane('c')];
    bench.pace.hadTurn(a);
    bench.pass(19);
    bench.pace.hadTurn(b);
    bench.pass(1);
    bench.pace.hadTurn(c);
    for (const lane of [c, b, a]) bench.pace.schedule(lane);
    bench.pass(200);
    expect(bench.news()).toEqual(['a @100', 'c+b @120']);
  });

  it('comes first where it is due first, whenever it was scheduled', () => {
    const bench = new Bench();
    const [late, soon] = [bench.lane('late'), bench.lane('soon')];
    bench.pace.hadTurn(late);
    bench.pace.schedule(late);
    bench.pass(10);
    bench.pace.schedule(soon);
    expect(vi.getTimerCount()).toBe(1);
    bench.pass(100);
    expect(bench.news()).toEqual(['soon @20', 'late @100']);
  });

  it('is no turn where nothing waits any more', () => {
    const bench = new Bench();
    const lane = bench.lane('a');
    bench.pace.schedule(lane);
    lane.waiting = 0;
    bench.pass(200);
    expect([bench.news(), lane.isScheduled, vi.getTimerCount()]).toEqual([[], false, 0]);
  });

  it('is put off by one that came meanwhile', () => {
    const bench = new Bench();
    const lane = bench.lane('a');
    bench.pace.hadTurn(lane);
    bench.pace.schedule(lane);
    bench.pass(60);
    bench.pace.hadTurn(lane);
    bench.pass(99);
    expect([bench.news(), lane.isScheduled]).toEqual([[], true]);
    bench.pass(1);
    expect(bench.news()).toEqual(['a @160']);
  });

  it('that is late because its thread was makes the next ones as late, and loses none', () => {
    const bench = new Bench();
    const [a, b] = [bench.lane('a'), bench.lane('b')];
    bench.pace.hadTurn(a);
    bench.pass(40);
    bench.pace.hadTurn(b);
    for (const lane of [a, b]) bench.pace.schedule(lane);
    bench.clock.nowMs += 290;
    bench.pace.tick();
    expect(bench.news()).toEqual(['a+b @330']);
    for (const lane of [a, b]) bench.pace.schedule(lane);
    bench.pass(89);
    expect(bench.news()).toEqual([]);
    bench.pass(1);
    expect(bench.news()).toEqual(['a+b @420']);
  });

  it('comes in steps that divide the interval, of 20 ms at most', () => {
    const bench = new Bench(250); // 13 steps
    const lane = bench.lane('a');
    bench.pace.hadTurn(lane);
    bench.pace.schedule(lane);
    bench.pass(249);
    expect(bench.news()).toEqual([]);
    bench.pass(1);
    expect(bench.news()).toEqual(['a @250']);
  });
});

describe('a lane', () => {
  it('is quiet when it had no turn for two intervals, or never', () => {
    const bench = new Bench();
    const lane = bench.lane('a');
    expect(bench.pace.isQuiet(lane)).toBe(true);
    bench.pace.hadTurn(lane);
    bench.pass(199);
    expect(bench.pace.isQuiet(lane)).toBe(false);
    bench.pass(1);
    expect(bench.pace.isQuiet(lane)).toBe(true);
  });
});

describe('the timer of a pace', () => {
  it('is set anew for each next turn, and is there only while one is to come', () => {
    const bench = new Bench();
    const [a, b] = [bench.lane('a'), bench.lane('b')];
    bench.pace.hadTurn(b);
    bench.pace.schedule(b);
    bench.pace.schedule(a);
    bench.pass(20);
    expect([bench.news(), vi.getTimerCount()]).toEqual([['a @20'], 1]);
    bench.pace.tick(); // nothing is due
    bench.pass(80);
    expect([bench.news(), vi.getTimerCount()]).toEqual([['b @100'], 0]);
    bench.pace.tick();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wake the thread before a turn is due', () => {
    const bench = new Bench();
    const lane = bench.lane('a');
    bench.pace.hadTurn(lane);
    bench.pace.schedule(lane);
    const before = Date.now();
    vi.advanceTimersToNextTimer();
    expect(Date.now() - before).toBe(100);
  });

  it('is set once for all turns of a step, and again where all that it was for is gone', () => {
    const bench = new Bench();
    const [a, b] = [bench.lane('a'), bench.lane('b')];
    bench.pace.schedule(a);
    bench.pace.stop();
    expect(vi.getTimerCount()).toBe(0);
    bench.pace.schedule(b);
    expect(vi.getTimerCount()).toBe(1);
    bench.pass(20);
    expect(bench.news()).toEqual(['a+b @20']);
  });
});
