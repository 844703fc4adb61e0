import { describe, expect, it } from 'vitest';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { Overload } from '../../src/supervise/overload.ts';

function setUp(settings: { overloadLagMs: number; overloadMemoryBytes: number }) {
  const main = new Counters(createCounters());
  const owner = new Counters(createCounters());
  const changes: boolean[] = [];
  const host = { resident: 0 };
  const overload = new Overload({
    settings,
    threads: [
      { thread: 'main', counters: main },
      { thread: 'owner', counters: owner },
    ],
    residentBytes: () => host.resident,
    changed: (overloaded) => changes.push(overloaded),
  });
  return { main, owner, host, overload, changes };
}

describe('overload', () => {
  it('is an event loop that is late twice in a row, of any thread, and is over when it is not', () => {
    const { owner, overload, changes } = setUp({ overloadLagMs: 500, overloadMemoryBytes: 0 });
    owner.cells[Counter.loopLagSeconds] = 0.6;
    overload.tick();
    expect(overload.reason).toBeUndefined();
    overload.tick();
    expect(overload.reason).toBe('overloaded: thread owner lags 600 ms behind');
    overload.tick();
    owner.cells[Counter.loopLagSeconds] = 0;
    overload.tick();
    expect(overload.reason).toBeUndefined();
    expect(changes).toEqual([true, false]);
  });

  it('is not one late second now and then', () => {
    const { main, overload, changes } = setUp({ overloadLagMs: 500, overloadMemoryBytes: 0 });
    for (const seconds of [3, 0, 3, 0, 3, 0]) {
      main.cells[Counter.loopLagSeconds] = seconds;
      overload.tick();
    }
    expect(changes).toEqual([]);
  });

  it('is more memory than set', () => {
    const { host, overload, changes } = setUp({ overloadLagMs: 0, overloadMemoryBytes: 100 * 1024 ** 2 });
    host.resident = 100 * 1024 ** 2;
    overload.tick();
    expect(overload.reason).toBeUndefined();
    host.resident = 150 * 1024 ** 2;
    overload.tick();
    expect(overload.reason).toBe('overloaded: 150 MiB of memory, more than 100');
    expect(changes).toEqual([true]);
  });

  it('is never, with 0 for both', () => {
    const { main, host, overload } = setUp({ overloadLagMs: 0, overloadMemoryBytes: 0 });
    main.cells[Counter.loopLagSeconds] = 100;
    host.resident = Number.MAX_SAFE_INTEGER;
    for (let ticks = 0; ticks < 5; ticks++) overload.tick();
    expect(overload.reason).toBeUndefined();
  });
});
