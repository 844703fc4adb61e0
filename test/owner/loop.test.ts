import { describe, expect, it } from 'vitest';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import type { Sleeper } from '../../src/memory/doorbell.ts';
import type { Heart } from '../../src/memory/heartbeat.ts';
import { runOwnerLoop } from '../../src/owner/loop.ts';
import type { Owner } from '../../src/owner/owner.ts';

interface Turn {
  /** Records that the poll finds, and how long it takes. */
  readonly records: number;
  readonly ms?: number;
  /** Until a timer is due, or at once where an answer goes on. */
  readonly timerMs?: number;
  /** Further ones came in while the poll went on. */
  readonly more?: boolean;
  /** Of the records, those that nobody waits for. */
  readonly unheard?: number;
  /** Joins used up the turn of a ring. */
  readonly cutShort?: boolean;
}

const PACE_MS = 4;
const BUSY: Turn = { records: 100 };
const IDLE: Turn = { records: 0 };
/** Under load, and nobody listens. */
const UNHEARD: Turn = { records: 100, unheard: 100 };

/** Plays the turns. @returns how the loop waited after each: `pause 4`, `block 1000`, or nothing */
function waitsOf(turns: readonly Turn[], paceMs = PACE_MS): string[] {
  let now = 0;
  let next = 0;
  const waits: string[] = [];
  const counters = new Counters(createCounters());
  const turn = (): Turn => turns[next - 1]!;
  const wait = (how: string, ms: number): void => {
    waits[next - 1] = `${how} ${ms}`;
    now += ms;
  };
  runOwnerLoop({
    owner: {
      poll() {
        waits[next] = '';
        next += 1;
        now += turn().ms ?? 0;
        counters.add(Counter.unheard, turn().unheard ?? 0);
        return turn().records;
      },
      hasRecords: () => turn().more === true,
      get isCutShort() {
        return turn().cutShort === true;
      },
      hasBacklog: () => false,
      untilNextTimerMs: () => turn().timerMs ?? Number.POSITIVE_INFINITY,
    } as unknown as Owner,
    sleeper: {
      announce() {},
      announceDoze() {},
      cancel: () => wait('stay', 0),
      pause: (ms: number) => wait('pause', ms),
      block: (ms: number) => wait('block', ms),
    } as Sleeper,
    clock: { now: () => now, wallNow: () => now },
    counters,
    heart: { beat: () => 0 } as unknown as Heart,
    paceMs,
    obeyCommands: () => (next === turns.length ? -1 : 0),
  });
  return waits.slice(0, -1); // after the last it was told to stop
}

describe('the loop of the owner', () => {
  it('sleeps until it is woken while traffic is thin', () => {
    expect(waitsOf([IDLE, { records: 1 }, { ...IDLE, timerMs: 30 }, IDLE])).toEqual([
      'block 1000',
      'block 1000',
      'block 30',
    ]);
  });

  it('stays awake where records came in just now', () => {
    expect(waitsOf([{ ...IDLE, more: true }, IDLE])).toEqual(['stay 0']);
  });

  it('does not pause where joins have held up what is behind them', () => {
    expect(waitsOf([BUSY, { ...BUSY, cutShort: true }, BUSY, BUSY])).toEqual([
      'pause 4',
      'stay 0',
      'pause 4',
    ]);
  });

  it('pauses under load, so that its polls are one pace apart', () => {
    expect(waitsOf([BUSY, BUSY, { ...BUSY, ms: 3 }, BUSY])).toEqual(['pause 4', 'pause 4', 'pause 1']);
  });

  it('pauses briefly where a timer is due or an answer goes on', () => {
    expect(waitsOf([{ ...BUSY, timerMs: 0 }, BUSY])).toEqual(['pause 1']);
  });

  it('dozes while nobody waits for what it finds, from the second look on', () => {
    expect(waitsOf([UNHEARD, UNHEARD, { ...UNHEARD, more: true }, UNHEARD])).toEqual([
      'stay 0',
      'block 25',
      'block 25',
    ]);
  });

  it('pauses as soon as somebody waits for a single record', () => {
    expect(waitsOf([UNHEARD, UNHEARD, { ...UNHEARD, unheard: 99 }, UNHEARD])).toEqual([
      'stay 0',
      'block 25',
      'pause 4',
    ]);
  });

  it('never pauses or dozes where each event is to be sent at once', () => {
    expect(waitsOf([BUSY, UNHEARD, BUSY], 0)).toEqual(['block 1000', 'block 1000']);
  });
});
