import { describe, expect, it } from 'vitest';
import { createHeartbeat, Heart } from '../../src/memory/heartbeat.ts';
import { Health } from '../../src/supervise/health.ts';
import { FakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const threads = ['owner', 'fanout-0'].map((thread) => ({ thread, heartbeat: createHeartbeat() }));
  const [owner, worker] = threads.map(({ heartbeat }) => new Heart(heartbeat, clock));
  const health = new Health(threads);
  const look = (seconds: number, ...beating: readonly (Heart | undefined)[]): void => {
    for (let passed = 0; passed < seconds; passed++) {
      clock.advance(1000);
      for (const heart of beating) heart?.beat();
      health.tick();
    }
  };
  return { clock, health, owner, worker, look };
}

describe('the health of the threads', () => {
  it('is good while all beat', () => {
    const { health, owner, worker, look } = setUp();
    look(60, owner, worker);
    expect([health.reason, health.deadReason, health.lateSeconds('owner')]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });

  it('names the thread that is late, and takes it for dead later', () => {
    const { health, owner, worker, look } = setUp();
    look(10, owner, worker);
    look(4, worker);
    expect(health.reason).toBeUndefined();
    look(1, worker);
    expect(health.reason).toBe('thread owner has not run for 5 s');
    expect(health.lateSeconds('owner')).toBe(5);
    expect(health.deadReason).toBeUndefined();
    look(10, worker);
    expect(health.deadReason).toBe('thread owner has not run for 15 s');
    look(1, owner, worker);
    expect([health.reason, health.deadReason]).toEqual([undefined, undefined]);
  });

  it('does not blame the threads for a time in which main did not look either', () => {
    const { clock, health, owner, worker, look } = setUp();
    look(10, owner, worker);
    clock.advance(3_600_000);
    health.tick();
    expect(health.reason).toBeUndefined();
    look(10, owner, worker);
    expect(health.reason).toBeUndefined();
  });

  it('knows nothing of main, which is who asks', () => {
    expect(setUp().health.lateSeconds('main')).toBe(0);
  });
});
