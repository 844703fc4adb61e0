/** What main asks of the cluster link. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { answerTo } from '../../src/cluster/answers.ts';
import { Phase } from '../../src/cluster/beats.ts';
import type { LinkQuestion } from '../../src/cluster/commands.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import type { ClusterLink } from '../../src/cluster/link.ts';
import { HomeKind } from '../../src/cluster/records.ts';

const own = { node: 'a', version: '1.2.3', startedAtMs: 1000 };
const ofHost = { devices: 1, subscribers: 2, eventsPerSecond: 3, draining: false };
const crossed = { eventsSent: 4, eventsReceived: 5, gaps: 6 };
const host = { figures: () => ofHost, partsTaken: 0 };

interface Other {
  readonly node: string;
  readonly rttMs?: number;
}

/** A link that knows these nodes beside its own. @param counts of claims, one each time that they are looked at */
function linkWith(
  others: readonly Other[],
  recent: readonly string[] = [],
  counts: number[] = [],
  departures = { isBusy: false, onTheirWay: 0 },
) {
  const beat = {
    version: '1.2.2',
    startedAt: 2000,
    ...{ devices: 7, subscribers: 8, eventsPerSecond: 9, draining: true },
    ...{ eventsSent: 10, eventsReceived: 11, gaps: 12, phase: Phase.fenced },
  };
  const asked: unknown[] = [];
  const link = {
    operators: { change: (changes: unknown) => asked.push('change', changes) },
    node: {
      figures: { ...createLinkCounts(), ...crossed },
      phase: Phase.in,
      members: { all: others.map((other) => ({ rttMs: undefined, beat, ...other })), recent: () => recent },
      homes: {
        departures,
        isNewer: (...all: unknown[]) => asked.push('isNewer', ...all),
        claims: {
          get count() {
            return counts.length > 1 ? counts.shift() : counts[0];
          },
        },
      },
      locate: (device: string) => asked.push('locate', device),
      call: (...all: unknown[]) => asked.push('call', ...all),
    },
  } as unknown as ClusterLink;
  return { link, asked };
}

const ask = (link: ClusterLink | undefined, question: LinkQuestion) => answerTo(own, link, host, question);

describe('what main asks of the cluster', () => {
  it('is an error while there is no link', () => {
    expect(() => ask(undefined, { ask: 'nodes' })).toThrow('the cluster is disconnected');
  });

  it('goes to the node, with all that it says', () => {
    const { link, asked } = linkWith([]);
    const body = new Uint8Array(2);
    void ask(link, { ask: 'change', changes: [] });
    void ask(link, { ask: 'locate', device: 'dev-1' });
    void ask(link, { ask: 'call', node: 'b', name: 'admin', body });
    void ask(link, { ask: 'isNewer', subscriber: 'ann', number: 7 });
    expect(asked).toEqual([
      ...['change', [], 'locate', 'dev-1', 'call', 'b', 'admin', body],
      ...['isNewer', HomeKind.subscriber, 'ann', 7],
    ]);
  });

  it('are the nodes: this one, the others by their beats, and those that are lost', () => {
    const { link } = linkWith([{ node: 'b', rttMs: 1.5 }], ['a', 'b', 'c']);
    expect(ask(link, { ask: 'nodes' })).toEqual({
      alive: [
        { ...own, ...ofHost, ...crossed, phase: 'in', roundTripMs: undefined },
        {
          ...{ node: 'b', version: '1.2.2', startedAtMs: 2000 },
          ...{ devices: 7, subscribers: 8, eventsPerSecond: 9, draining: true },
          ...{ eventsSent: 10, eventsReceived: 11, gaps: 12, phase: 'fenced', roundTripMs: 1.5 },
        },
      ],
      lost: ['c'],
    });
  });

  it('are figures: how many nodes are alive, and how far the farthest is', () => {
    const others = [{ node: 'b', rttMs: 1.5 }, { node: 'c', rttMs: 20 }, { node: 'd' }];
    const counts = { ...createLinkCounts(), ...crossed };
    expect(ask(linkWith(others).link, { ask: 'figures' })).toEqual({ counts, nodes: 4, roundTripMs: 20 });
    expect(ask(linkWith([]).link, { ask: 'figures' })).toEqual({ counts, nodes: 1, roundTripMs: 0 });
  });
});

describe('a drain waits for others to take what has its home here', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** @param counts of what is left, at each look @returns whether all has gone, and after how long */
  async function leave(counts: number[]): Promise<[boolean, number]> {
    const startedAt = performance.now();
    const left = ask(linkWith([], [], counts).link, { ask: 'left' }) as Promise<boolean>;
    const done = left.then((all): [boolean, number] => [all, performance.now() - startedAt]);
    await vi.runAllTimersAsync();
    return done;
  }

  it('not at all where there is nothing', async () => {
    expect(await leave([0])).toEqual([true, 0]);
  });

  it('until the last has gone', async () => {
    expect(await leave([3, 2, 2, 1, 0])).toEqual([true, 80]);
  });

  it('until the last has arrived', async () => {
    const departures = { isBusy: false, onTheirWay: 1 };
    setTimeout(() => Object.assign(departures, { onTheirWay: 0 }), 410);
    const startedAt = performance.now();
    const left = ask(linkWith([], [], [0], departures).link, { ask: 'left' }) as Promise<boolean>;
    const done = left.then((all) => [all, performance.now() - startedAt]);
    await vi.runAllTimersAsync();
    expect(await done).toEqual([true, 420]);
  });

  it('for half a second where nobody takes the next', async () => {
    expect(await leave([3])).toEqual([false, 520]);
    const [all, afterMs] = await leave([9, ...Array.from({ length: 20 }, () => 8), 7]);
    expect([all, afterMs]).toEqual([false, 420 + 520]);
  });

  it('for as long as parts of it come', async () => {
    let looks = 0;
    const taking = {
      ...host,
      get partsTaken() {
        looks += 1;
        return Math.floor(Math.min(looks, 100) / 10); // a part each 200 ms, for two seconds
      },
    };
    const left = answerTo(own, linkWith([], [], [1]).link, taking, { ask: 'left' }) as Promise<boolean>;
    const startedAt = performance.now();
    const done = left.then((all) => [all, performance.now() - startedAt]);
    await vi.runAllTimersAsync();
    const [all, afterMs] = await done;
    expect([all, afterMs]).toEqual([false, 98 * 20 + 520]);
  });

  it('for as long as it waits for room on the way', async () => {
    const departures = { isBusy: true, onTheirWay: 0 };
    setTimeout(() => Object.assign(departures, { isBusy: false }), 2010);
    const startedAt = performance.now();
    const left = ask(linkWith([], [], [1], departures).link, { ask: 'left' }) as Promise<boolean>;
    const done = left.then((all) => [all, performance.now() - startedAt]);
    await vi.runAllTimersAsync();
    expect(await done).toEqual([false, 2000 + 520]);
  });

  it('for five seconds at most', async () => {
    expect(await leave(Array.from({ length: 1000 }, (_, n) => 2000 - n))).toEqual([false, 5000]);
  });
});
