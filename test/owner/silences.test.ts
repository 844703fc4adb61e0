import { beforeEach, describe, expect, it } from 'vitest';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { Wheel } from '../../src/memory/wheel.ts';
import { Registry } from '../../src/owner/registry.ts';
import { Silences } from '../../src/owner/silences.ts';
import { SubscriberTimes } from '../../src/owner/subscriber-times.ts';
import type { Sweeps } from '../../src/owner/sweeps.ts';
import { NONE } from '../../src/presence/columns.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { Notice } from '../../src/records/replies.ts';
import { FakeClock } from '../support/fake-clock.ts';

const INACTIVE_MS = 60_000;
const REMOVED_MS = 300_000;
const HELD_MS = 10_000;
const TICK_MS = 10;

/** A connected subscriber that was heard last when the clock stood at its start; its sweeps are noted, not done. */
class Bench {
  readonly clock = new FakeClock();
  readonly heardMs = this.clock.nowMs;
  readonly wheel = new Wheel(4, this.clock.nowMs);
  readonly times = new SubscriberTimes({
    subscriberInactiveAfterMs: INACTIVE_MS,
    subscriberRemoveAfterMs: REMOVED_MS,
  });
  readonly slot: number;
  readonly rows;
  readonly silences: Silences;
  /** Rows that it holds are still being disconnected. */
  isSettling = false;
  /** Pages of what it kept are on their way to it. */
  isReconnecting = false;
  readonly #lines: string[] = [];

  constructor() {
    const registry = new Registry(createPresence({ devices: 4, subscribers: 4, subscriptions: 4 }), 1);
    const noticeName = (notice: number | undefined): string =>
      Object.keys(Notice).find((name) => Notice[name as keyof typeof Notice] === notice) ?? 'nobody is told';
    const sweeps: Pick<Sweeps, 'isSettling' | 'isReconnecting' | 'expireHeld' | 'input'> = {
      isSettling: () => this.isSettling,
      isReconnecting: () => this.isReconnecting,
      expireHeld: () => this.#lines.push('expireHeld'),
      input: (_slot, input, notice) => this.#lines.push(`${input}: ${noticeName(notice)}`),
    };
    const { clock, wheel } = this;
    const pulses = [new Pulse(createHeartbeat())];
    const deps = { registry, clock, wheel, pulses, sweeps: sweeps as Sweeps };
    this.silences = new Silences(deps, this.times);
    this.slot = registry.ensureSubscriberOf('s');
    this.rows = registry.subscribers.rows;
    this.rows.session[this.slot] = 64;
    this.hearsFrame();
    this.wheel.set(this.slot, this.heardMs + INACTIVE_MS);
  }

  /** Its edge has a frame of it. */
  hearsFrame(): void {
    Atomics.store(this.rows.lastSeen, this.slot, BigInt(this.clock.nowMs));
  }

  /** What its timer led to when it ran out at the time, which is in so many ms after it was heard first. */
  atMs(ms: number): string[] {
    this.clock.nowMs = this.heardMs + ms;
    this.wheel.cancel(this.slot);
    this.silences.timer(this.slot);
    return this.told();
  }

  told(): string[] {
    return this.#lines.splice(0);
  }

  /** When its timer runs out next, ms after it was heard first. */
  get dueMs(): number {
    return this.wheel.dueMs(this.slot) - this.heardMs;
  }

  get isSilent(): boolean {
    return this.rows.silent[this.slot] === 1;
  }
}

describe('a connected subscriber', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('is silent after the time that is set, and looked at again when it is to be removed', () => {
    expect(bench.atMs(INACTIVE_MS - TICK_MS)).toEqual([]);
    expect([bench.isSilent, bench.dueMs]).toEqual([false, INACTIVE_MS]);
    expect(bench.atMs(INACTIVE_MS)).toEqual(['silence: silent']);
    expect([bench.isSilent, bench.dueMs]).toEqual([true, REMOVED_MS]);
  });

  it('is silent once, however often it is looked at', () => {
    bench.atMs(INACTIVE_MS);
    expect(bench.atMs(2 * INACTIVE_MS)).toEqual([]);
    expect([bench.isSilent, bench.dueMs]).toEqual([true, REMOVED_MS]);
  });

  it('is not silent when a frame came meanwhile', () => {
    bench.clock.nowMs += 1000;
    bench.hearsFrame();
    expect(bench.atMs(INACTIVE_MS)).toEqual([]);
    expect([bench.isSilent, bench.dueMs]).toEqual([false, INACTIVE_MS + 1000]);
  });

  it('is heard once, and has all its time again', () => {
    bench.atMs(INACTIVE_MS);
    bench.clock.nowMs += 1000;
    bench.hearsFrame();
    bench.silences.heard(bench.slot);
    bench.silences.heard(bench.slot);
    expect(bench.told()).toEqual(['activity: heard']);
    expect([bench.isSilent, bench.dueMs]).toEqual([false, 2 * INACTIVE_MS + 1000]);
  });

  it('loses its subscriptions when it was silent for too long, and is heard again with its next frame', () => {
    bench.atMs(INACTIVE_MS);
    expect(bench.atMs(REMOVED_MS)).toEqual(['expire: inactiveTooLong']);
    expect([bench.isSilent, bench.wheel.isSet(bench.slot)]).toEqual([true, false]);
    bench.silences.heard(bench.slot);
    expect(bench.told()).toEqual(['activity: heard']);
  });

  it('is not called silent while it reads what it kept', () => {
    bench.isReconnecting = true;
    expect(bench.atMs(REMOVED_MS)).toEqual([]);
    expect([bench.isSilent, bench.dueMs]).toEqual([false, REMOVED_MS + INACTIVE_MS]);
  });
});

describe('what a subscriber holds', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.times.hold(bench.slot, bench.heardMs + HELD_MS);
  });

  it('expires in its time, and the rest goes on with the next tick', () => {
    expect(bench.atMs(HELD_MS - TICK_MS)).toEqual([]);
    expect(bench.dueMs).toBe(HELD_MS);
    expect(bench.atMs(HELD_MS)).toEqual(['expireHeld']);
    expect(bench.dueMs).toBe(HELD_MS);
    expect(bench.atMs(HELD_MS + TICK_MS)).toEqual([]);
    expect(bench.dueMs).toBe(INACTIVE_MS);
  });

  it('does not expire before all of it is disconnected', () => {
    bench.isSettling = true;
    expect(bench.atMs(HELD_MS)).toEqual([]);
    expect(bench.dueMs).toBe(HELD_MS);
    bench.isSettling = false;
    expect(bench.atMs(HELD_MS + TICK_MS)).toEqual(['expireHeld']);
    expect(bench.atMs(HELD_MS + 2 * TICK_MS)).toEqual([]);
  });
});

describe('a subscriber that is gone', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.rows.session[bench.slot] = NONE;
  });

  it('loses its subscriptions without a word, and is nobody who is silent', () => {
    expect(bench.atMs(REMOVED_MS - TICK_MS)).toEqual([]);
    expect(bench.dueMs).toBe(REMOVED_MS);
    expect(bench.atMs(REMOVED_MS)).toEqual(['expire: nobody is told']);
    expect([bench.isSilent, bench.wheel.isSet(bench.slot)]).toEqual([false, false]);
  });

  it.each([2 * INACTIVE_MS, 2 * REMOVED_MS])('keeps a session for its own time: %i ms', (keptMs) => {
    bench.times.keep(bench.slot, bench.heardMs + keptMs);
    expect(bench.atMs(keptMs - TICK_MS)).toEqual([]);
    expect(bench.dueMs).toBe(keptMs);
    expect(bench.atMs(keptMs)).toEqual(['expire: nobody is told']);
    expect(bench.times.keptUntilMs(bench.slot)).toBeUndefined();
  });
});
