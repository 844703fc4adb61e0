import { describe, expect, it } from 'vitest';
import { POLL_RECORDS_MAX } from '../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import type { Sleeper } from '../../src/memory/doorbell.ts';
import type { Heart } from '../../src/memory/heartbeat.ts';
import { threadCpuSeconds } from '../../src/memory/thread-cpu.ts';
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
  /** Commands that waited. */
  readonly commands?: number;
}

const PAUSE_MS = 4;
const BUSY: Turn = { records: 100 };
const IDLE: Turn = { records: 0 };
/** Under load, and nobody listens. */
const UNHEARD: Turn = { records: 100, unheard: 100 };

/** When the loop starts, ms. */
const START_MS = 5000;

/** Plays the turns; of the last one the loop is told to stop. */
function play(turns: readonly Turn[], pauseMs = PAUSE_MS) {
  let now = START_MS;
  let next = 0;
  /** How the loop waited after each turn: `pause 4`, `block 1000`, or nothing. */
  const waits: string[] = [];
  /** What it did in each turn, in order. */
  const steps: string[][] = turns.map(() => []);
  /** When it beat, ms after its start. */
  const beats: number[] = [];
  const counters = new Counters(createCounters());
  counters.cells[Counter.loopLagSeconds] = -1;
  const turn = (): Turn => turns[next - 1]!;
  const wait = (how: string, ms: number): void => {
    waits[next - 1] = `${how} ${ms}`;
    now += Math.max(0, ms);
  };
  runOwnerLoop({
    owner: {
      poll() {
        waits[next] = '';
        steps[next]!.push('poll');
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
      announce: () => void steps[next - 1]!.push('announce'),
      announceDoze: () => void steps[next]!.push('announce doze'),
      cancel: () => wait('stay', 0),
      pause: (ms: number) => wait('pause', ms),
      block: (ms: number) => wait('block', ms),
    } as Sleeper,
    clock: { now: () => now, wallNow: () => now },
    counters,
    heart: { beat: () => beats.push(now - START_MS) } as unknown as Heart,
    pauseMs,
    obeyCommands: () => (next === turns.length ? -1 : (turn().commands ?? 0)),
  });
  return { waits: waits.slice(0, -1), steps, beats, cells: counters.cells };
}

const waitsOf = (turns: readonly Turn[], pauseMs = PAUSE_MS): string[] => play(turns, pauseMs).waits;

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

  it('stays awake where a poll was full, or commands came', () => {
    expect(waitsOf([{ records: POLL_RECORDS_MAX }, BUSY])).toEqual(['stay 0']);
    expect(waitsOf([{ records: POLL_RECORDS_MAX - 1 }, BUSY])).toEqual(['pause 4']);
    expect(waitsOf([{ ...IDLE, commands: 1 }, IDLE])).toEqual(['stay 0']);
  });

  it('announces its sleep after a poll: what comes after that wakes it', () => {
    expect(play([IDLE, IDLE]).steps).toEqual(Array(2).fill(['poll', 'announce']));
    expect(play([BUSY, BUSY]).steps).toEqual(Array(2).fill(['poll']));
  });

  it('announces a doze before the poll after which it dozes', () => {
    expect(play([UNHEARD, UNHEARD, BUSY, IDLE]).steps).toEqual([
      ['poll'],
      ['announce doze', 'poll'],
      ['announce doze', 'poll'],
      ['poll'],
    ]);
  });
});

describe('the signs of life of the owner', () => {
  it('are beats, at most one in a tenth of a second', () => {
    // A turn each 4 ms.
    expect(play(Array(60).fill(BUSY)).beats).toEqual([0, 100, 200]);
  });

  it('tell once a second how long the longest poll was, and what CPU the thread took', () => {
    const lag = (...ms: number[]): number =>
      play(ms.map((one) => ({ ...IDLE, ms: one }))).cells[Counter.loopLagSeconds]!;
    // From one turn to the next it sleeps for a second; the last turn is not counted.
    expect([lag(30, 0), lag(0, 0, 0), lag(30, 10, 0), lag(30, 10, 5, 0)]).toEqual([-1, 0, 0.03, 0.005]);
    const cpu = play([IDLE, IDLE, IDLE]).cells[Counter.cpuSeconds]!;
    expect(cpu > 0).toBe(threadCpuSeconds() !== undefined);
  });
});
