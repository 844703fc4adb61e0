import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestFlow, type RequestFlowDeps } from '../../../src/edge/deliver/request-flow.ts';
import { type Ask, hasRoom } from '../../../src/edge/deliver/request-queue.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { DEVICES_PER_SLICE } from '../../../src/limits.ts';
import { Notice } from '../../../src/records/replies.ts';
import type { Request } from '../../../src/records/requests.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { NO_PAST, type Past } from '../../../src/wire/subscriber-ops.ts';
import { FakeClock } from '../../support/fake-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Sent = string;

/** What goes to the owner, as `session:request` or `session:more request`. */
class Bench {
  readonly sent: Sent[] = [];
  /** As the owner gets them. */
  readonly requests: Request[] = [];
  /** Who was told to be no longer silent, with what had been sent by then. */
  readonly signs: string[] = [];
  /** Requests whose past is being looked up. */
  readonly searched = new Set<Sent>();
  /** Sessions whose searches are over. */
  readonly forgotten: number[] = [];
  isBehind = false;
  /** How long until a session can pay so much. */
  waitMs: (session: number, cost: number, now: number) => number = () => 0;
  readonly clock = new FakeClock();
  readonly flow: RequestFlow;

  constructor() {
    const line = {
      request: (request: Request) => {
        this.requests.push(request);
        this.sent.push(`${request.session}:${request.request}`);
      },
      more: (session: number, request: number) => void this.sent.push(`${session}:more ${request}`),
    } as unknown as RequestFlowDeps['line'];
    this.flow = new RequestFlow({
      line,
      clock: this.clock,
      charges: { waitMs: ({ number }, cost, now) => this.waitMs(number, cost, now) },
      resumeBytes: 1000,
      isBehind: () => this.isBehind,
      keptEventsMax: 50,
      names: { look: () => {}, forget: () => {} },
      searches: {
        isOver: ({ number }, { number: request }) => !this.searched.has(`${number}:${request}`),
        forget: ({ number }) => void this.forgotten.push(number),
      },
      goesOut: ({ number }) => void this.signs.push(`${number} after ${this.sent.length}`),
    });
  }

  /** What was sent since the last call. */
  news(): Sent[] {
    return this.sent.splice(0);
  }

  /** The answer has come and was sent to the peer. */
  answer(session: SubscriberSession, request: number, more = false): void {
    this.flow.answered(session, request, more);
    this.flow.advance(session);
  }
}

const peer = (number: number, address = 1): SubscriberSession & { bufferedBytes: number } =>
  ({ number, address, closing: false, bufferedBytes: 0, requests: undefined, lastRequest: 0 }) as never;

const subscribe = (count: number, more: Partial<Ask> = {}): Ask => ({
  op: 'subscribe',
  id: '',
  named: { devices: Array.from({ length: count }, (_, n) => `d-${n}`), filters: [], malformed: [] },
  types: ALL_TYPES,
  past: NO_PAST,
  ...more,
});
const follow = (...filters: readonly string[]): Partial<Ask> => ({
  named: { devices: [], filters, malformed: [] },
});
const list: Ask = { op: 'list', id: '', named: undefined, types: ALL_TYPES, past: NO_PAST };

describe('what the subscribers of an edge ask', () => {
  it('goes to the owner at once while it is little', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    for (const one of [a, b]) for (let n = 0; n < 3; n++) bench.flow.submit(one, subscribe(10));
    expect(bench.news()).toEqual(['1:1', '1:2', '1:3', '2:1', '2:2', '2:3']);
  });

  it('waits while the owner is busy with a thousand devices, and peers take turns', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    for (let n = 0; n < 3; n++) bench.flow.submit(a, subscribe(1000));
    bench.flow.submit(b, subscribe(1000));
    bench.flow.submit(b, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['1:2']); // it had stood in line before the other came
    bench.answer(a, 2);
    expect(bench.news()).toEqual(['2:1']);
    bench.answer(b, 1);
    expect(bench.news()).toEqual(['1:3']);
    bench.answer(a, 3);
    expect(bench.news()).toEqual(['2:2']);
  });

  it('is a sign of life when it goes to the owner, before it does: it may have waited longer than a silence', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1000));
    bench.flow.submit(b, subscribe(1000));
    expect(bench.signs).toEqual(['1 after 0']);
    bench.answer(a, 1);
    expect(bench.signs).toEqual(['1 after 0', '2 after 1']);
  });

  it('is not passed by what others ask later, however little that is', () => {
    const bench = new Bench();
    const [a, b, c] = [peer(1), peer(2), peer(3)];
    bench.flow.submit(a, subscribe(500));
    bench.flow.submit(b, subscribe(1000));
    bench.flow.submit(c, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['2:1']);
    bench.answer(b, 1);
    expect(bench.news()).toEqual(['3:1']);
  });

  it('waits while the edge has not done what earlier answers bring', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.isBehind = true;
    bench.flow.submit(a, subscribe(10));
    expect(bench.news()).toEqual([]);
    bench.isBehind = false;
    bench.flow.takeTurns();
    expect(bench.news()).toEqual(['1:1']);
  });

  it('is refused when sixteen of its requests wait', () => {
    const bench = new Bench();
    const a = peer(1);
    const taken = Array.from({ length: 20 }, () => {
      const isTaken = hasRoom(a);
      if (isTaken) bench.flow.submit(a, subscribe(1000));
      return isTaken;
    });
    expect(taken.filter(Boolean)).toHaveLength(17); // one is with the owner
  });

  it('goes on when a peer leaves that the owner was busy with', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1000));
    bench.flow.submit(b, subscribe(1000));
    bench.news();
    bench.flow.forget(a);
    expect(bench.news()).toEqual(['2:1']);
  });
});

describe('a request that waits for other nodes', () => {
  it('keeps no other peer from asking', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1000));
    bench.flow.submit(b, subscribe(1000));
    expect(bench.news()).toEqual(['1:1']);
    bench.flow.deferred(a, 1);
    bench.flow.takeTurns();
    expect(bench.news()).toEqual(['2:1']);
    bench.answer(a, 1);
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual([]); // the other's is not answered, and that one does not wait
    bench.answer(b, 1);
    expect(bench.news()).toEqual(['1:2']);
  });

  it('keeps what its own peer asks next', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.submit(a, subscribe(1));
    bench.flow.deferred(a, 1);
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['1:2']);
  });

  it('is asked again of another owner, which may answer it at once', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1000));
    bench.flow.deferred(a, 1);
    bench.news();
    bench.flow.askAgain(a, () => new Set());
    bench.flow.submit(b, subscribe(1000));
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['2:1']);
  });

  it('is deferred once, and not after its answer', () => {
    const bench = new Bench();
    const [a, b, c] = [peer(1), peer(2), peer(3)];
    bench.flow.submit(a, subscribe(1000));
    for (let n = 0; n < 2; n++) bench.flow.deferred(a, 1);
    bench.answer(a, 1);
    bench.flow.deferred(a, 1);
    bench.flow.submit(b, subscribe(1000));
    bench.flow.submit(c, subscribe(1000));
    expect(bench.news()).toEqual(['1:1', '2:1']);
  });
});

describe('where a node does not answer', () => {
  /** The owner waits for the node with all that it is sent. @returns what was sent */
  function defer(bench: Bench, peers: readonly SubscriberSession[]): Sent[] {
    const all: Sent[] = [];
    for (let news = bench.news(); news.length > 0; news = bench.news()) {
      all.push(...news);
      for (const sent of news) {
        const [number, request] = sent.split(':').map(Number);
        bench.flow.deferred(peers.find((one) => one.number === number)!, request!);
      }
      bench.flow.takeTurns();
    }
    return all;
  }

  /** So many ids ask for a thousand devices, again and again. @returns who waits for the node */
  function greedy(bench: Bench, count: number, addressOf: (n: number) => number = () => 1) {
    const peers = Array.from({ length: count }, (_, n) => peer(n + 1, addressOf(n)));
    const ask = subscribe(992);
    for (const one of peers) for (let n = 0; n < 3; n++) bench.flow.submit(one, ask);
    return { peers, waiting: defer(bench, peers) };
  }

  it('large requests take at most 48,000 devices, one id after the other', () => {
    const bench = new Bench();
    const { waiting, peers } = greedy(bench, 200, (n) => n);
    expect(waiting).toEqual(Array.from({ length: 48 }, (_, n) => `${n + 1}:1`));
    for (const one of peers.slice(0, 3)) bench.flow.answered(one, 1, false);
    bench.flow.advance(peers[0]!);
    expect(defer(bench, peers)).toEqual(['49:1', '50:1', '51:1']);
    for (const one of peers.slice(3, 6)) bench.flow.forget(one);
    expect(defer(bench, peers)).toEqual(['52:1', '53:1', '54:1']);
  });

  it('one address takes at most three quarters of that while it is alone, and shares the rest', () => {
    const bench = new Bench();
    const { waiting } = greedy(bench, 200);
    expect(waiting).toHaveLength(37);
    const others = Array.from({ length: 20 }, (_, n) => peer(1000 + n, 2));
    for (const one of others) bench.flow.submit(one, subscribe(992));
    expect(defer(bench, others)).toHaveLength(9);
    const third = peer(2000, 3);
    bench.flow.submit(third, subscribe(992));
    expect(defer(bench, [third])).toEqual(['2000:1']);
  });

  it('small requests of others go to the owner at once, from the same address too', () => {
    const bench = new Bench();
    greedy(bench, 200);
    const others = Array.from({ length: 100 }, (_, n) => peer(1000 + n));
    for (const one of others) {
      bench.flow.submit(one, subscribe(56));
      expect(defer(bench, [one])).toEqual([`${one.number}:1`]);
    }
  });

  it('what never waits for a node goes to the owner at once, however large it is', () => {
    const bench = new Bench();
    greedy(bench, 200);
    const other = peer(1000);
    for (const op of ['unsubscribe', 'pause'] as const) {
      bench.flow.submit(other, subscribe(992, { op }));
      bench.answer(other, other.lastRequest);
    }
    bench.flow.submit(other, list);
    bench.answer(other, 3, true);
    expect(bench.news()).toEqual(['1000:1', '1000:2', '1000:3', '1000:more 3']);
  });

  it('a page goes out before the request that waits for room', () => {
    const bench = new Bench();
    const { peers } = greedy(bench, 200);
    const last = peers.at(-1)!;
    bench.flow.noticed(last, Notice.resumed, true);
    bench.flow.advance(last);
    expect(bench.news()).toEqual(['200:more 0']);
    bench.flow.noticed(last, Notice.resumed, false);
    bench.flow.advance(last);
    for (const one of peers) bench.flow.answered(one, 1, false);
    bench.flow.takeTurns();
    expect(defer(bench, peers)).toContain('38:1');
  });

  it('everybody is answered in the end, once, and nothing is left', () => {
    const bench = new Bench();
    const peers = Array.from({ length: 150 }, (_, n) => peer(n + 1, n % 3));
    for (const one of peers) for (const count of [992, 30]) bench.flow.submit(one, subscribe(count));
    const all: Sent[] = [];
    for (let waiting = defer(bench, peers); waiting.length > 0; waiting = defer(bench, peers)) {
      all.push(...waiting);
      for (const sent of waiting) {
        const [number, request] = sent.split(':').map(Number);
        bench.answer(peers[number! - 1]!, request!);
      }
    }
    expect(all).toHaveLength(300);
    expect(new Set(all).size).toBe(300);
    expect(peers.filter(({ requests }) => requests !== undefined)).toEqual([]);
  });

  it('a session that ends leaves its place to those behind it', () => {
    const bench = new Bench();
    const { peers } = greedy(bench, 40);
    for (const one of peers.slice(37, 39)) bench.flow.forget(one);
    Object.assign(peers[0]!, { closing: true });
    bench.flow.answered(peers[1]!, 1, false);
    bench.flow.takeTurns();
    expect(defer(bench, peers)).toEqual(['40:1']);
  });

  it('a busy owner lets nobody lose a turn', () => {
    const bench = new Bench();
    const { peers } = greedy(bench, 40);
    const busy = peer(1000);
    bench.flow.submit(busy, subscribe(992, { op: 'pause' }));
    for (const one of peers) bench.flow.answered(one, 1, false);
    bench.flow.takeTurns();
    expect(bench.news()).toEqual(['1000:1']);
    bench.answer(busy, 1);
    expect(bench.news()).toEqual(['38:1']);
  });
});

describe('pages', () => {
  it('of a peer that does not read keep nobody from asking', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    a.bufferedBytes = 5000;
    bench.flow.submit(a, list);
    bench.answer(a, 1, true);
    expect(bench.news()).toEqual(['1:1']);
    bench.flow.submit(b, subscribe(1000));
    expect(bench.news()).toEqual(['2:1']);
    bench.answer(b, 1);
    a.bufferedBytes = 0;
    bench.flow.advance(a);
    expect(bench.news()).toEqual(['1:more 1']);
  });

  it('come one at a time, whoever they are for', () => {
    const bench = new Bench();
    const peers = [peer(1), peer(2), peer(3)];
    for (const one of peers) bench.flow.noticed(one, Notice.resumed, true);
    for (const one of peers) bench.flow.advance(one);
    expect(bench.news()).toEqual(['1:more 0']);
    bench.flow.noticed(peers[0]!, Notice.resumed, true);
    bench.flow.advance(peers[0]!);
    expect(bench.news()).toEqual(['2:more 0']);
    bench.flow.noticed(peers[1]!, Notice.resumed, false);
    bench.flow.advance(peers[1]!);
    expect(bench.news()).toEqual(['3:more 0']);
    bench.flow.noticed(peers[2]!, Notice.resumed, false);
    bench.flow.advance(peers[2]!);
    expect(bench.news()).toEqual(['1:more 0']);
  });

  it('that another owner knows nothing of are not waited for', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, list);
    bench.answer(a, 1, true);
    expect(bench.news()).toEqual(['1:1', '1:more 1']);
    bench.flow.askAgain(a, () => new Set());
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    bench.flow.submit(b, subscribe(1000));
    expect(bench.news()).toEqual(['2:1']);
  });

  it('is forgotten once it was answered and nothing more is to come', () => {
    const bench = new Bench();
    const session = peer(1);
    bench.flow.submit(session, subscribe(3));
    bench.flow.submit(session, list);
    bench.answer(session, 1);
    expect(session.requests).toBeDefined();
    bench.answer(session, 2, true);
    expect(session.requests).toBeDefined();
    bench.answer(session, 2);
    expect(session.requests).toBeUndefined();
    expect(bench.flow.answered(session, 1, false)).toBeUndefined();
    bench.flow.submit(session, subscribe(1));
    expect(bench.news().at(-1)).toBe('1:3');
  });
});

describe('a request', () => {
  it('says what is asked for, and whether the past is, and how much of it', () => {
    const bench = new Bench();
    const a = peer(1);
    const past: Past = { ...NO_PAST, last: true };
    bench.flow.submit(a, subscribe(2, { op: 'unsubscribe', types: 2 }));
    bench.flow.submit(a, subscribe(1, { past }));
    bench.flow.submit(a, subscribe(1, { wantsKept: true }));
    for (const request of [1, 2, 3]) bench.answer(a, request);
    bench.flow.submit(a, subscribe(0, follow('x.*')));
    bench.answer(a, 4);
    bench.flow.submit(a, list);
    bench.answer(a, 5);
    bench.flow.submit(a, subscribe(1, { past: { ...NO_PAST, history: 60 } }));
    const how = { past: false, slice: DEVICES_PER_SLICE };
    const request = { session: 1, op: 'subscribe', filters: [], types: ALL_TYPES, ...how };
    expect(bench.requests).toEqual([
      { ...request, request: 1, op: 'unsubscribe', devices: ['d-0', 'd-1'], types: 2 },
      { ...request, request: 2, devices: ['d-0'], past: true },
      { ...request, request: 3, devices: ['d-0'], past: true },
      { ...request, request: 4, devices: [], filters: ['x.*'] },
      { ...request, request: 5, op: 'list', devices: undefined },
      { ...request, request: 6, devices: ['d-0'], past: true, slice: 64 },
    ]);
  });

  it('waits while what it may bring is looked up, and keeps only what its own peer asks', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.searched.add('1:1');
    for (const one of [a, a, b]) bench.flow.submit(one, subscribe(1));
    expect(bench.news()).toEqual(['2:1']);
    bench.searched.clear();
    bench.flow.advance(a);
    expect(bench.news()).toEqual(['1:1', '1:2']);
    expect(bench.forgotten).toEqual([]);
    bench.flow.forget(a);
    expect(bench.forgotten).toEqual([1]);
  });

  it('is numbered from 1, and from 1 again after 2^31', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.submit(a, subscribe(1));
    a.lastRequest = 2 ** 31 - 1;
    for (let n = 0; n < 2; n++) bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:1', `1:${2 ** 31}`, '1:1']);
  });

  it('is known again when it is answered, and then no more', () => {
    const bench = new Bench();
    const a = peer(1);
    const ask = subscribe(1, { id: '"x"' });
    bench.flow.submit(a, ask);
    bench.flow.submit(a, { ...list, op: 'pause' });
    expect(bench.flow.answered(a, 7, false)).toBeUndefined();
    expect(bench.flow.answered(a, 1, false)).toMatchObject({ ...ask, isNamed: true });
    expect(bench.flow.answered(a, 1, false)).toBeUndefined();
    bench.flow.advance(a);
    expect(bench.flow.answered(a, 2, true)).toMatchObject({ op: 'pause', isNamed: false });
    expect(bench.flow.answered(a, 2, false)).toMatchObject({ op: 'pause' });
    expect(bench.flow.answered(a, 2, false)).toBeUndefined();
  });

  it('that is long has the owner to itself, as far as its subscriber goes', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1));
    bench.flow.submit(a, subscribe(0, follow('x.*')));
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
    bench.flow.submit(b, subscribe(1));
    expect(bench.news()).toEqual(['2:1']); // the long one keeps nobody waiting
    bench.answer(b, 1);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['1:2']);
    bench.answer(a, 2);
    expect(bench.news()).toEqual(['1:3']);
  });

  it('costs the owner as many devices as it names, and some for itself: a thousand at a time', () => {
    const fits = (first: number, second: number): boolean => {
      const bench = new Bench();
      bench.flow.submit(peer(1), subscribe(first));
      bench.flow.submit(peer(2), subscribe(second));
      return bench.news().length === 2;
    };
    expect([fits(492, 492), fits(493, 492), fits(0, 984), fits(0, 985)]).toEqual([true, false, true, false]);
  });

  it('of all devices, or of a filter, costs as much as a page does', () => {
    for (const ask of [list, subscribe(0, follow('x.*'))]) {
      const bench = new Bench();
      bench.flow.submit(peer(1), ask);
      bench.flow.submit(peer(2), subscribe(0));
      expect(bench.news()).toEqual(['1:1']);
    }
  });

  it('does not go out for a session that is closing', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(1000));
    bench.flow.submit(b, subscribe(1000));
    Object.assign(b, { closing: true });
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['1:1']);
  });

  it('is forgotten with its session, for good', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    for (let n = 0; n < 3; n++) bench.flow.submit(a, subscribe(1000));
    bench.flow.noticed(a, Notice.resumed, true);
    bench.flow.forget(a);
    bench.flow.forget(b);
    bench.flow.tick();
    expect(bench.news()).toEqual(['1:1']);
    expect(bench.flow.answered(a, 1, false)).toBeUndefined();
    bench.flow.submit(b, subscribe(1000));
    expect(bench.news()).toEqual(['2:1']);
  });

  it('costs the owner nothing any more once it is answered or its session is over, and nothing twice', () => {
    for (const end of ['answered', 'forgotten', 'paged', 'asked'] as const) {
      const bench = new Bench();
      const [a, b, c] = [peer(1), peer(2), peer(3)];
      bench.flow.submit(a, list);
      bench.answer(a, 1, true); // its next page is asked for
      if (end === 'answered') for (const more of [true, false]) bench.answer(a, 1, more);
      if (end === 'paged') bench.flow.answered(a, 1, true); // and is not asked for again
      if (end === 'asked') bench.flow.noticed(a, Notice.heard, true);
      if (end !== 'answered') bench.flow.forget(a);
      bench.news();
      bench.flow.submit(b, subscribe(984));
      bench.flow.submit(c, subscribe(1));
      expect([end, bench.news()]).toEqual([end, ['2:1']]);
    }
  });

  it('leaves nothing behind once it is answered, unless more of it is to come', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.submit(a, subscribe(1));
    bench.answer(a, 1);
    expect(a.requests).toBeUndefined();
    bench.flow.noticed(a, Notice.resumed, true);
    bench.flow.advance(a);
    expect(a.requests).toBeDefined();
    bench.flow.noticed(a, Notice.resumed, false);
    bench.flow.keepPast(
      a,
      { ...subscribe(0, follow('x.*')), past: { ...NO_PAST, last: true }, isNamed: true },
      [{ filter: 'x.*', value: 1 }],
    );
    bench.flow.advance(a);
    expect(bench.flow.pastOf(a, 'x.*', 1, false)).toBeDefined();
    bench.flow.advance(a);
    expect(a.requests).toBeUndefined();
  });

  it('goes out with all that waited behind a long one', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.submit(a, list);
    for (let n = 0; n < 3; n++) bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual(['1:2', '1:3', '1:4']);
  });

  it('goes out in turns where several sessions have waited', () => {
    const bench = new Bench();
    bench.isBehind = true;
    for (const one of [peer(1), peer(2)]) for (let n = 0; n < 2; n++) bench.flow.submit(one, subscribe(1));
    bench.isBehind = false;
    bench.flow.takeTurns();
    expect(bench.news()).toEqual(['1:1', '2:1', '1:2', '2:2']);
  });

  it('is nothing of a session that has never asked', () => {
    const bench = new Bench();
    bench.flow.advance(peer(1));
    bench.flow.tick();
    expect(bench.news()).toEqual([]);
  });

  it('that was not answered is asked again of another owner; those that wait go on waiting', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    bench.flow.submit(a, subscribe(500));
    bench.flow.submit(a, subscribe(400));
    bench.flow.submit(a, subscribe(1000));
    bench.flow.askAgain(b, () => new Set()); // has asked nothing
    bench.news();
    bench.flow.askAgain(a, () => new Set());
    expect(bench.news()).toEqual(['1:1', '1:2']);
    bench.answer(a, 1);
    expect(bench.news()).toEqual([]);
    bench.answer(a, 2);
    expect(bench.news()).toEqual(['1:3']);
  });
});

describe('the next page', () => {
  it('is asked for when the peer has read the last, which is looked at again by itself', () => {
    const bench = new Bench();
    const a = peer(1);
    a.bufferedBytes = 1001;
    bench.flow.submit(a, list);
    bench.answer(a, 1, true);
    expect([bench.news(), vi.getTimerCount()]).toEqual([['1:1'], 1]);
    bench.flow.advance(a);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(20);
    expect([bench.news(), vi.getTimerCount()]).toEqual([[], 1]);
    a.bufferedBytes = 1000;
    vi.advanceTimersByTime(19);
    expect(bench.news()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([bench.news(), vi.getTimerCount()]).toEqual([['1:more 1'], 0]);
  });

  it('is asked for when its peer can pay for it: 20 for a thousand devices', () => {
    const bench = new Bench();
    const a = peer(1);
    const asked: number[][] = [];
    let waitMs = 1;
    bench.waitMs = (...given) => {
      asked.push(given);
      return waitMs;
    };
    bench.flow.submit(a, list);
    bench.answer(a, 1, true);
    expect([bench.news(), asked]).toEqual([['1:1'], [[1, 20, bench.clock.nowMs]]]);
    waitMs = 0;
    bench.flow.tick();
    expect(bench.news()).toEqual(['1:more 1']);
  });

  it('keeps other requests of its subscriber waiting until the last has come', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.submit(a, list);
    bench.flow.submit(a, subscribe(1));
    bench.answer(a, 1, true);
    expect(bench.news()).toEqual(['1:1', '1:more 1']);
    bench.answer(a, 1, true);
    expect(bench.news()).toEqual(['1:more 1']);
    bench.answer(a, 1, false);
    expect(bench.news()).toEqual(['1:2']);
  });

  it('of the hub’s own notices keeps them waiting too', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.noticed(a, Notice.resumed, true);
    bench.flow.advance(a);
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:more 0']);
    bench.flow.noticed(a, Notice.resumed, false);
    bench.flow.advance(a);
    expect(bench.news()).toEqual(['1:1']);
  });

  it('is not asked for any more when the last has come unasked', () => {
    const bench = new Bench();
    const a = peer(1);
    for (const more of [true, false]) bench.flow.noticed(a, Notice.resumed, more);
    bench.flow.advance(a);
    bench.flow.tick();
    expect(bench.news()).toEqual([]);
  });

  it('of several that were promised is asked for one after the other', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.filterPage(a, 7, true, true);
    bench.flow.filterPage(a, 8, true, true);
    bench.flow.advance(a);
    expect(bench.news()).toEqual(['1:more 7']);
    bench.flow.filterPage(a, 7, false, false);
    bench.flow.advance(a);
    expect(bench.news()).toEqual(['1:more 8']);
    bench.flow.filterPage(a, 8, false, false);
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual(['1:1']);
  });

  it('that the owner sends unasked is its work until it has come, and is counted once', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    for (let n = 0; n < 3; n++) bench.flow.filterPage(a, 7, true, false);
    bench.flow.submit(b, subscribe(1));
    bench.flow.submit(a, subscribe(1));
    expect(bench.news()).toEqual([]);
    bench.flow.filterPage(a, 7, false, false);
    bench.flow.takeTurns();
    expect(bench.news()).toEqual(['2:1', '1:1']);
  });

  it('that is the only one, of one device that appeared, is nobody’s', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.filterPage(a, 0, false, false);
    bench.flow.noticed(a, Notice.heard, false);
    expect(a.requests).toBeUndefined();
    bench.flow.forget(a);
  });

  it('is owed until it has come, or its session is over', () => {
    const bench = new Bench();
    const [a, b] = [peer(1), peer(2)];
    expect(bench.flow.owedTo(a)).toBeUndefined();
    for (const one of [a, b]) bench.flow.noticed(one, Notice.inactiveTooLong, true);
    expect(bench.flow.owedTo(a)).toBe(Notice.inactiveTooLong);
    bench.flow.noticed(a, Notice.deniedByOperator, false); // one that stands alone
    bench.flow.filterPage(a, 0, false, false);
    expect(bench.flow.owedTo(a)).toBe(Notice.inactiveTooLong);
    bench.flow.noticed(a, Notice.inactiveTooLong, false);
    expect(bench.flow.owedTo(a)).toBeUndefined();
    bench.flow.forget(b);
    expect(bench.flow.owedTo(b)).toBeUndefined();
    bench.flow.submit(a, subscribe(1));
    expect(bench.flow.owedTo(a)).toBeUndefined();
  });
});

describe('the past that a subscribe to a filter asks for', () => {
  const past: Past = { ...NO_PAST, history: 5 };
  const asked = (more: Partial<Ask> = {}) =>
    ({ ...subscribe(0, { past, types: 2, ...follow('x.*', 'y.*') }), isNamed: true, ...more }) as const;
  const granted = ['x.*', 'y.*'].map((filter) => ({ filter, value: 1 }));

  it('comes with all pages of its devices, from the answer on', () => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.keepPast(a, asked(), granted);
    const of = (filter: string, page: number, more: boolean) => bench.flow.pastOf(a, filter, page, more);
    expect([of('x.*', 1, true), of('x.*', 1, true)]).toEqual([
      { past, types: 2 },
      { past, types: 2 },
    ]);
    expect(of('x.*', 1, false)).toEqual({ past, types: 2 });
    expect([of('x.*', 1, false), of('z.*', 1, false)]).toEqual([undefined, undefined]);
    expect(of('y.*', 0, false)).toBeUndefined(); // one that has just appeared has no past yet
    expect(of('y.*', 2, false)).toEqual({ past, types: 2 });
  });

  it.each([
    ['another op', asked({ op: 'resume' }), granted],
    ['no past', asked({ past: NO_PAST }), granted],
    ['a filter that was refused', asked(), granted.slice(1)],
  ])('is not kept of %s', (_what, answered, filters) => {
    const bench = new Bench();
    const a = peer(1);
    bench.flow.keepPast(a, answered, filters);
    expect(bench.flow.pastOf(a, 'x.*', 1, false)).toBeUndefined();
  });
});
