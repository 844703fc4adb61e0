import { describe, expect, it } from 'vitest';
import { CrashLimit, isShortage } from '../../src/supervise/crash-limit.ts';
import { FakeClock } from '../support/fake-clock.ts';

const bug = new TypeError('no such slot');
const shortage = Object.assign(new Error('Worker initialization failure: EMFILE'), {
  code: 'ERR_WORKER_INIT_FAILED',
});

describe('threads that crash', () => {
  it('are started anew at once, then after longer and longer pauses, and not a sixth time in a minute', () => {
    const clock = new FakeClock();
    const limit = new CrashLimit(clock);
    const delays = ['owner', 'fanout-0', 'owner', 'owner', 'owner', 'owner'].map((thread) => {
      clock.advance(1000);
      return limit.note(thread, bug);
    });
    expect(delays).toEqual([0, 100, 200, 400, 800, undefined]);
  });

  it('count for a minute, each by itself', () => {
    const clock = new FakeClock();
    const limit = new CrashLimit(clock);
    const crashAt = (second: number): number | undefined => {
      clock.nowMs = 1_000_000 + second * 1000;
      return limit.note('owner', bug);
    };
    expect([0, 10, 20, 30, 40].map(crashAt)).toEqual([0, 100, 200, 400, 800]);
    expect(crashAt(60)).toBe(800); // the first one has aged, and no other
    expect(crashAt(75)).toBe(800);
    expect(crashAt(79.999)).toBeUndefined();
    expect(crashAt(200)).toBe(0);
  });

  it('are forgotten after a minute', () => {
    const clock = new FakeClock();
    const limit = new CrashLimit(clock);
    for (let n = 0; n < 50; n++) {
      clock.advance(20_000);
      expect(limit.note('owner', bug)).toBeLessThan(1000);
    }
  });
});

describe('a thread that cannot start', () => {
  it('is tried again after longer and longer pauses, for five minutes', () => {
    const clock = new FakeClock();
    const limit = new CrashLimit(clock);
    const delays: number[] = [];
    for (;;) {
      const delay = limit.note('owner', shortage);
      if (delay === undefined) break;
      delays.push(delay);
      clock.advance(delay);
    }
    expect(delays.slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(300_000);
    expect(delays.length).toBeLessThan(100);
  });

  it('is no crash, and begins with a short pause again once it has started', () => {
    const limit = new CrashLimit(new FakeClock());
    for (let n = 0; n < 20; n++) limit.note('owner', shortage);
    limit.started('owner');
    expect(limit.note('owner', shortage)).toBe(100);
    expect(limit.note('fanout-0', bug)).toBe(0);
  });
});

describe('a shortage', () => {
  it('is told from a bug by its code, also behind another error', () => {
    const emfile = Object.assign(new Error('x'), { code: 'EMFILE' });
    expect([shortage, emfile, new Error('cannot start', { cause: emfile })].map(isShortage)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      [bug, undefined, 'EMFILE', Object.assign(new Error('x'), { code: 'ENOENT' })].map(isShortage),
    ).toEqual([false, false, false, false]);
  });
});
