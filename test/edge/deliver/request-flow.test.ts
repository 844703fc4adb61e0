import { describe, expect, it } from 'vitest';
import { type Ask, RequestFlow, type RequestFlowDeps } from '../../../src/edge/deliver/request-flow.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Notice } from '../../../src/records/replies.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { NO_PAST } from '../../../src/wire/subscriber-ops.ts';
import { FakeClock } from '../../support/fake-clock.ts';

type Sent = string;

/** What goes to the owner, as `session:request` or `session:more request`. */
class Bench {
  readonly sent: Sent[] = [];
  /** Who was told to be no longer silent, with what had been sent by then. */
  readonly signs: string[] = [];
  isBehind = false;
  readonly flow: RequestFlow;

  constructor() {
    const line = {
      request: ({ session, request }: { session: number; request: number }) =>
        void this.sent.push(`${session}:${request}`),
      more: (session: number, request: number) => void this.sent.push(`${session}:more ${request}`),
    } as unknown as RequestFlowDeps['line'];
    this.flow = new RequestFlow({
      line,
      clock: new FakeClock(),
      charges: { waitMs: () => 0 },
      resumeBytes: 1000,
      isBehind: () => this.isBehind,
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

const peer = (number: number): SubscriberSession & { bufferedBytes: number } =>
  ({ number, closing: false, bufferedBytes: 0, requests: undefined, lastRequest: 0 }) as never;

const subscribe = (count: number): Ask => ({
  op: 'subscribe',
  id: '',
  named: { devices: Array.from({ length: count }, (_, n) => `d-${n}`), filters: [], malformed: [] },
  types: ALL_TYPES,
  past: NO_PAST,
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
    const taken = Array.from({ length: 20 }, () => bench.flow.submit(a, subscribe(1000)));
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
    bench.flow.askAgain(a);
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
