import { describe, expect, it } from 'vitest';
import { isLong, type Pending, RequestQueue, unaskedOf } from '../../../src/edge/deliver/request-queue.ts';
import { DEVICES_PER_PAGE } from '../../../src/limits.ts';
import { NO_PAST } from '../../../src/wire/subscriber-ops.ts';

const pending = (work: number, state: Partial<Pending> = {}): Pending => ({
  op: 'subscribe',
  id: '',
  named: { devices: ['d'], filters: [], malformed: [] },
  types: 7,
  past: NO_PAST,
  number: 1,
  work,
  isPaged: false,
  isDeferred: false,
  ...state,
});

describe('the requests of a subscriber', () => {
  it('are work for the owner while it works off them or writes a page of theirs', () => {
    const queue = new RequestQueue();
    queue.inFlight.push(pending(10), pending(20, { isPaged: true }), pending(40, { isDeferred: true }));
    queue.waiting.push(pending(80));
    expect([queue.work, queue.deferredWork]).toEqual([10, 40]);
    queue.pages = new Map([
      [1, true],
      [2, false],
    ]);
    expect(queue.work).toBe(10 + DEVICES_PER_PAGE);
    expect(unaskedOf(queue)).toBe(2);
  });

  it('are over when nothing is asked, and nothing is to come', () => {
    const queue = new RequestQueue();
    expect([queue.isIdle, queue.isPaging, unaskedOf(queue)]).toEqual([true, false, undefined]);
    queue.inFlight.push(pending(1));
    expect(queue.isIdle).toBe(false);
    queue.inFlight.pop();
    queue.waiting.push(pending(1));
    expect(queue.isIdle).toBe(false);
    queue.waiting.pop();
    queue.pages = new Map([[0, false]]);
    expect([queue.isIdle, queue.isPaging]).toEqual([false, true]);
    queue.pages.clear();
    queue.pasts = new Map([['a*', { past: NO_PAST, types: 7 }]]);
    expect([queue.isIdle, queue.isPaging]).toEqual([false, false]);
    queue.pasts.clear();
    expect(queue.isIdle).toBe(true);
  });

  it('hold the positions that they were given until they are used, those of all filters of a request once', () => {
    const queue = new RequestQueue();
    const past = (count: number) => ({
      ...NO_PAST,
      since: new Map(Array.from({ length: count }, (_, n) => [`d${n}`, { epoch: 'e', seq: n }])),
    });
    const ofFilters = { past: past(100), types: 7 };
    queue.inFlight.push(pending(1, { past: past(1) }), pending(1));
    queue.waiting.push(pending(1, { past: past(10) }));
    expect(queue.positions).toBe(11);
    queue.pasts = new Map([
      ['a*', ofFilters],
      ['b*', ofFilters],
    ]);
    expect(queue.positions).toBe(111);
  });

  it('are long when they concern more devices than they name', () => {
    const ofFilter = { devices: [], filters: ['a*'], malformed: [] };
    expect(isLong(pending(1))).toBe(false);
    expect(isLong(pending(1, { named: undefined }))).toBe(true);
    expect(isLong(pending(1, { named: ofFilter }))).toBe(true);
  });
});
