import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startEdgeTimers, type Watch } from '../../src/edge/edge-timers.ts';
import { LOOK_MS, STALL_MS } from '../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createHeartbeat, Heart } from '../../src/memory/heartbeat.ts';
import { FakeClock } from '../support/fake-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A thread's timers; what they did, in order. */
class Thread {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly log: string[] = [];
  readonly stop: () => void;

  constructor(...tickMs: readonly number[]) {
    const watched: Watch[] = tickMs.map((ms) => ({ tickMs: ms, tick: () => void this.log.push(`${ms}`) }));
    this.stop = startEdgeTimers(watched, this.counters, new Heart(createHeartbeat(), this.clock), (ms) => {
      this.log.push(`stalled ${ms}`);
    });
  }

  pass(ms: number): string[] {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      vi.advanceTimersByTime(10);
    }
    return this.log.splice(0);
  }

  /** The thread does not run for so long; then each timer that was due fires once. */
  stall(ms: number): string[] {
    this.clock.advance(ms);
    vi.advanceTimersByTime(LOOK_MS);
    return this.log.splice(0);
  }

  get lagSeconds(): number {
    return this.counters.cells[Counter.loopLagSeconds]!;
  }
}

describe('the timers of a thread that holds sockets', () => {
  it('look at each watch as often as it says', () => {
    const thread = new Thread(50, 200);
    expect(thread.pass(200).sort()).toEqual(['200', '50', '50', '50', '50']);
  });

  it('wake the thread once per step for all that look every so many steps, each in a step of its own', () => {
    const thread = new Thread(1000, 1000, 3 * LOOK_MS);
    expect(vi.getTimerCount()).toBe(1);
    const steps = Array.from({ length: 15 }, () => thread.pass(LOOK_MS));
    expect(steps.flat().filter((name) => name === '1000')).toHaveLength(6);
    expect(steps.flat().filter((name) => name === `${3 * LOOK_MS}`)).toHaveLength(5);
    expect(steps.every((told) => told.filter((name) => name === '1000').length < 2)).toBe(true);
  });

  it('tell how long the thread did not run, once, before anything looks at the peers', () => {
    const thread = new Thread(LOOK_MS, 50);
    thread.pass(200);
    const told = thread.stall(STALL_MS + 1000);
    expect(told[0]).toBe(`stalled ${STALL_MS + 1000}`);
    expect(told.filter((line) => line.startsWith('stalled'))).toHaveLength(1);
    expect(told.slice(1).sort()).toEqual([`${LOOK_MS}`, '50', '50', '50', '50']);
    expect(thread.pass(LOOK_MS).sort()).toEqual([`${LOOK_MS}`, '50', '50', '50', '50']);
  });

  it('tell of it where no watch fires, too', () => {
    const thread = new Thread(60_000);
    thread.pass(200);
    expect(thread.stall(STALL_MS + 1)).toEqual([`stalled ${STALL_MS + 1}`]);
  });

  it('tell nothing of a thread that was late by less than a stall', () => {
    const thread = new Thread();
    thread.pass(200);
    expect(thread.stall(STALL_MS)).toEqual([]);
  });

  it('stop', () => {
    const thread = new Thread(50);
    thread.stop();
    expect(thread.pass(1000)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the figure of how late the event loop runs', () => {
  it('is the worst of each second', () => {
    const thread = new Thread();
    let lateMs = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + lateMs);
    thread.pass(400);
    lateMs = 80; // from here on all is 80 ms later than it should be, which is noticed once
    thread.pass(400);
    expect(thread.lagSeconds).toBe(0);
    thread.pass(200);
    expect(thread.lagSeconds).toBeCloseTo(0.08, 6);
    thread.pass(800);
    expect(thread.lagSeconds).toBeCloseTo(0.08, 6);
    thread.pass(200);
    expect(thread.lagSeconds).toBeCloseTo(0, 6);
  });

  it('comes with the CPU time that the thread has used', () => {
    const thread = new Thread();
    thread.pass(800);
    expect(thread.counters.cells[Counter.cpuSeconds]).toBe(0);
    thread.pass(200);
    const told = thread.counters.cells[Counter.cpuSeconds]!;
    expect(process.platform === 'linux' ? told > 0 : told === 0).toBe(true);
  });
});
