import { describe, expect, it } from 'vitest';
import { DeferredWork } from '../../../src/edge/deliver/deferred-work.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import {
  REQUEST_WORK_DEFERRED,
  REQUEST_WORK_DEFERRED_LARGE,
  REQUEST_WORK_SMALL,
} from '../../../src/limits.ts';

const of = (address: number, number = 0) => ({ address, number }) as SubscriberSession;
const LARGE = REQUEST_WORK_SMALL + 1;

/** Who may go, in order; each goes. */
function taken(work: DeferredWork, places: Map<SubscriberSession, Parameters<DeferredWork['leave']>[0]>) {
  const all: number[] = [];
  for (const session of work.next()) {
    all.push(session.number);
    work.leave(places.get(session)!);
  }
  return all;
}

describe('room for requests that wait for other nodes', () => {
  it('is there for everything while nothing waits', () => {
    expect(new DeferredWork().hasRoom(of(1), REQUEST_WORK_DEFERRED * 2)).toBe(true);
  });

  it('is left for small requests when large ones have taken theirs', () => {
    const work = new DeferredWork();
    for (let address = 1; address <= 48; address++) work.add(of(address), REQUEST_WORK_DEFERRED_LARGE / 48);
    expect([work.hasRoom(of(99), LARGE), work.hasRoom(of(99), REQUEST_WORK_SMALL)]).toEqual([false, true]);
    work.remove(of(1), 1);
    expect(work.hasRoom(of(99), LARGE)).toBe(true);
    work.add(of(1), REQUEST_WORK_DEFERRED - REQUEST_WORK_DEFERRED_LARGE + 1);
    expect(work.hasRoom(of(99), REQUEST_WORK_SMALL)).toBe(false);
  });

  it('is left by an address for others: it has at most three times what is free', () => {
    const work = new DeferredWork();
    work.add(of(1), (REQUEST_WORK_DEFERRED * 3) / 4);
    expect([work.hasRoom(of(1), 1), work.hasRoom(of(2), 1)]).toEqual([true, true]);
    work.add(of(1), 1);
    expect([work.hasRoom(of(1), 1), work.hasRoom(of(2), 1)]).toEqual([false, true]);
    work.remove(of(1), 1);
    expect(work.hasRoom(of(1), 1)).toBe(true);
  });

  it('is not got back by an address for more than has ended', () => {
    const work = new DeferredWork();
    work.add(of(1), (REQUEST_WORK_DEFERRED * 3) / 4);
    work.add(of(1), 2);
    work.remove(of(1), 1);
    expect(work.hasRoom(of(1), 1)).toBe(false);
  });

  it.each([
    ['a small one', REQUEST_WORK_SMALL],
    ['a large one', LARGE],
  ])('is waited for by %s until that leaves', (_what, size) => {
    const work = new DeferredWork();
    expect(work.keepsNobody).toBe(true);
    const place = work.keep(of(1), size);
    expect(work.keepsNobody).toBe(false);
    work.leave(place);
    expect(work.keepsNobody).toBe(true);
  });

  it('is given to small requests first, then to one address after the other', () => {
    const work = new DeferredWork();
    const waiting = [
      [1, 10, LARGE],
      [1, 11, LARGE],
      [1, 12, LARGE],
      [2, 20, LARGE],
      [3, 30, REQUEST_WORK_SMALL],
    ].map(([address, number, size]) => {
      const session = of(address!, number);
      return [session, work.keep(session, size!)] as const;
    });
    expect(work.keepsNobody).toBe(false);
    expect(taken(work, new Map(waiting))).toEqual([30, 10, 20, 11, 12]);
    expect(work.keepsNobody).toBe(true);
  });

  it('is offered to nobody while there is none, and in the same order afterwards', () => {
    const work = new DeferredWork();
    work.add(of(9), REQUEST_WORK_DEFERRED_LARGE);
    const places = new Map([1, 2, 3].map((n) => of(n, n)).map((one) => [one, work.keep(one, LARGE)]));
    expect(taken(work, places)).toEqual([]);
    work.remove(of(9), 1000);
    expect(taken(work, places)).toEqual([1, 2, 3]);
  });

  it('is offered once to those who may not have it, until something becomes free', () => {
    const work = new DeferredWork();
    for (const address of [1, 2, 3]) work.keep(of(address, address), LARGE);
    const offered = () => [...work.next()].map(({ number }) => number);
    expect([offered(), offered()]).toEqual([[1, 2, 3], []]);
    work.remove(of(7), 0); // which makes nothing free
    expect(offered()).toEqual([]);
    work.add(of(7), 10);
    work.remove(of(7), 10);
    expect(offered()).toEqual([1, 2, 3]);
  });

  it('is offered again to whom the caller had no time for', () => {
    const work = new DeferredWork();
    for (const address of [1, 2]) work.keep(of(address, address), LARGE);
    for (let time = 0; time < 3; time++) {
      for (const { number } of work.next()) {
        expect(number).toBe(1);
        break;
      }
    }
  });

  it('is offered to a bounded number of addresses in one go, and to the rest in the next', () => {
    const work = new DeferredWork();
    for (let address = 0; address < 100; address++) work.keep(of(address, address), LARGE);
    const offered = () => [...work.next()].map(({ number }) => number);
    const [first, second] = [offered(), offered()];
    expect([first.length, second.length]).toEqual([64, 36]);
    expect([...first, ...second]).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(offered()).toEqual([]);
  });

  it('is waited for by nobody who has left, however often that is said', () => {
    const work = new DeferredWork();
    const place = work.keep(of(1, 1), LARGE);
    for (let time = 0; time < 2; time++) work.leave(place);
    expect([...work.next()]).toEqual([]);
    expect(work.keepsNobody).toBe(true);
  });
});
