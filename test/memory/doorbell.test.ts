import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';

const WORD = 0;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A sleeper with two ringers, of threads of their own as it were, that count whom they wake. */
function setUp() {
  const memory = createDoorbell();
  const sleeper = new Sleeper(memory);
  const woken: SharedArrayBuffer[] = [];
  const wake = (word: Int32Array) => void woken.push(word.buffer as SharedArrayBuffer);
  return { memory, sleeper, woken, ringers: [new Ringer(memory, wake), new Ringer(memory, wake)] as const };
}

/** Runs while the sleeper is blocked, which then is woken or whose time is over. @returns the arguments of each wait */
function whileBlocked(run: () => void): Parameters<typeof Atomics.wait>[] {
  const waits: Parameters<typeof Atomics.wait>[] = [];
  vi.spyOn(Atomics, 'wait').mockImplementation((...wait: unknown[]) => {
    waits.push(wait as Parameters<typeof Atomics.wait>);
    run();
    return 'ok';
  });
  return waits;
}

const rings = ['hurry', 'ring', 'ringSoftly'] as const;

describe('a doorbell', () => {
  const states: Readonly<Record<string, (sleeper: Sleeper, run: () => void) => void>> = {
    'is awake': (sleeper, run) => {
      sleeper.announce();
      sleeper.cancel();
      run();
    },
    pauses: (sleeper, run) => {
      whileBlocked(run);
      sleeper.pause(5);
    },
    dozes: (sleeper, run) => {
      sleeper.announceDoze();
      run();
    },
    sleeps: (sleeper, run) => {
      sleeper.announce();
      run();
    },
  };

  it.each([
    ['is awake', []],
    ['pauses', ['hurry']],
    ['dozes', ['hurry', 'ring']],
    ['sleeps', ['hurry', 'ring', 'ringSoftly']],
  ])('wakes who %s by %j alone, once, whoever rings', (state, expected) => {
    const wakes = rings.filter((ring) => {
      const { memory, sleeper, woken, ringers } = setUp();
      states[state]!(sleeper, () => {
        for (const ringer of [...ringers, ...ringers]) ringer[ring]();
      });
      expect([[], [memory]]).toContainEqual(woken);
      return woken.length > 0;
    });
    expect(wakes).toEqual(expected);
  });

  it('is left to the other where two ring at once', () => {
    const { sleeper, woken, ringers } = setUp();
    sleeper.announce();
    const { load } = Atomics;
    const spy = vi.spyOn(Atomics, 'load').mockImplementation(((word: Int32Array, at: number) => {
      const state = load(word, at);
      spy.mockRestore();
      ringers[1].ring(); // between the look of the first and what it does
      return state;
    }) as typeof Atomics.load);
    ringers[0].ring();
    expect(woken).toHaveLength(1);
  });

  it('has lines of its own, so that nobody else’s stores slow down a look at it', () => {
    expect(createDoorbell().byteLength).toBe(128);
  });

  it('notifies a blocked thread, unless another way to wake it is given', () => {
    const memory = createDoorbell();
    const notify = vi.spyOn(Atomics, 'notify');
    new Sleeper(memory).announce();
    new Ringer(memory).ring();
    expect(notify.mock.calls).toEqual([[new Int32Array(memory), WORD]]);
  });
});

describe('a thread that blocks', () => {
  it.each(['announce', 'announceDoze'] as const)(
    'waits for a ring for as long as it says, after %s, and is awake afterwards',
    (announce) => {
      const { memory, sleeper, woken, ringers } = setUp();
      const waits = whileBlocked(() => {});
      sleeper[announce]();
      const [state] = new Int32Array(memory);
      sleeper.block(1234);
      expect(waits).toEqual([[new Int32Array(memory), WORD, state, 1234]]);
      ringers[0].ring();
      expect(woken).toEqual([]);
    },
  );

  it('does not when it was rung after the announcement, or announced nothing', () => {
    const { sleeper, ringers } = setUp();
    const waits = whileBlocked(() => {});
    sleeper.announce();
    ringers[0].ring();
    sleeper.block(600_000);
    sleeper.block(600_000);
    expect(waits).toEqual([]);
  });
});

describe('a thread that pauses', () => {
  it('waits for as long as it says, and is awake afterwards', () => {
    const { memory, sleeper, woken, ringers } = setUp();
    const waits = whileBlocked(() => {});
    sleeper.pause(5);
    expect(waits).toEqual([[new Int32Array(memory), WORD, expect.any(Number), 5]]);
    ringers[0].hurry();
    expect(woken).toEqual([]);
  });

  it('really sleeps: the wait is for the state that it has stored', () => {
    const { sleeper } = setUp();
    const results: string[] = [];
    const { wait } = Atomics;
    vi.spyOn(Atomics, 'wait').mockImplementation(((...all: Parameters<typeof wait>) => {
      const result = wait(...all);
      results.push(result);
      return result;
    }) as typeof wait);
    sleeper.pause(1);
    for (const announce of [() => sleeper.announce(), () => sleeper.announceDoze()]) {
      announce();
      sleeper.block(1);
    }
    expect(results).toEqual(['timed-out', 'timed-out', 'timed-out']);
  });

  it('does not wait where there is no time for it', () => {
    const { sleeper } = setUp();
    const waits = whileBlocked(() => {});
    sleeper.pause(0);
    expect(waits).toEqual([]);
  });
});
