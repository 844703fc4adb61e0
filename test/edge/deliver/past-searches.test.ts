import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PastSearches } from '../../../src/edge/deliver/past-searches.ts';
import { type Pending, queueOf } from '../../../src/edge/deliver/request-queue.ts';
import { FOUND_CELLS } from '../../../src/history/replay.ts';
import { KEPT_EVENTS_FOUND_MAX, KEPT_EVENTS_UNSENT_MAX, POLL_MS_MAX } from '../../../src/limits.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { type Past as Asked, NO_PAST } from '../../../src/wire/subscriber-ops.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { EPOCH, EPOCH_NAME, Past, type Peer } from './past-harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Time goes on with each device that is looked up. */
class Bench extends Past {
  readonly clock = new FakeClock();
  /** Slots, in the order of being looked up. */
  readonly looked: number[] = [];
  /** Sessions whose requests may go to the owner since. */
  readonly over: string[] = [];
  takesMs = 0;
  /** Events that wait for each session. */
  unsent = 0;
  readonly searches: PastSearches;

  constructor() {
    super({ devices: 200 });
    const { reader, devices } = this.history;
    this.searches = new PastSearches({
      clock: this.clock,
      reader: {
        walk: (device: { slot: number; generation: number }, wanted: never) => {
          this.clock.advance(this.takesMs);
          this.looked.push(device.slot);
          return reader.walk(device, wanted);
        },
      } as typeof reader,
      presence: { findDevice: (id) => (id.startsWith('d') ? Number(id.slice(1)) : -1), devices },
      charges: this.charges,
      unsentTo: () => this.unsent,
      over: (session) => void this.over.push(session.id),
    });
  }

  override device(messages = 0): number {
    const slot = super.device(messages);
    this.history.devices.rows.epoch[slot] = EPOCH;
    return slot;
  }

  /** What the peer is to ask of the owner next. */
  ask({ session }: Peer, devices: readonly (number | string)[], more: Partial<Pending> = {}): Pending {
    const names = devices.map((device) => (typeof device === 'number' ? `d${device}` : device));
    const pending: Pending = {
      ...{ op: 'subscribe', id: '', types: ALL_TYPES, past: { ...NO_PAST, history: 10 } },
      named: { devices: names, filters: [], malformed: [] },
      ...{ number: 1, work: 1, isPaged: false, isDeferred: false },
      ...more,
    };
    queueOf(session).waiting.push(pending);
    return pending;
  }

  isOver({ session }: Peer, pending: Pending): boolean {
    return this.searches.isOver(session, pending);
  }
}

const seqsOf = ({ found }: Pending) =>
  [...(found ?? [])].map(([id, { events }]) => [id, ...events.filter((_, cell) => cell % FOUND_CELLS === 1)]);

describe('what of the past a subscribe may bring', () => {
  it('is looked up at once where that takes no longer than a slice', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(2), bench.device(1)];
    const peer = bench.peer();
    const pending = bench.ask(peer, [a, b]);
    expect(bench.isOver(peer, pending)).toBe(true);
    expect(seqsOf(pending)).toEqual([
      ['d0', 2, 1],
      ['d1', 1],
    ]);
    expect([bench.isOver(peer, pending), bench.looked, bench.over]).toEqual([true, [0, 1], []]);
  });

  it('is looked up in slices, and others have their turns in between', () => {
    const bench = new Bench();
    bench.takesMs = POLL_MS_MAX / 2;
    const devices = Array.from({ length: 6 }, () => bench.device(1));
    const peer = bench.peer();
    const pending = bench.ask(peer, devices);
    const progress: number[] = [];
    for (let turn = 0; !bench.isOver(peer, pending); turn++) {
      progress.push(bench.looked.length);
      if (turn > 10) throw new Error('it is never over');
      vi.advanceTimersToNextTimer();
    }
    expect([progress, bench.over]).toEqual([[2, 4], ['s-1']]);
    expect(pending.found!.size).toBe(6);
  });

  it('is not looked up while more waits for the session than it can be sent for a while', () => {
    const bench = new Bench();
    const peer = bench.peer();
    const pending = bench.ask(peer, [bench.device(1)]);
    bench.unsent = KEPT_EVENTS_UNSENT_MAX + 1;
    expect(bench.isOver(peer, pending)).toBe(false);
    vi.advanceTimersByTime(100);
    expect([bench.looked, bench.over]).toEqual([[], []]);
    bench.unsent -= 1;
    vi.advanceTimersByTime(20);
    expect([bench.looked, bench.over]).toEqual([[0], ['s-1']]);
  });

  it('is waited for in the same way by who wants only the newest events of each device', () => {
    const bench = new Bench();
    const peer = bench.peer();
    const pending = bench.ask(peer, [bench.device(1)], { past: { ...NO_PAST, last: true } });
    bench.unsent = KEPT_EVENTS_UNSENT_MAX + 1;
    expect(bench.isOver(peer, pending)).toBe(false);
    bench.unsent -= 1;
    vi.advanceTimersByTime(20);
    expect([bench.looked, bench.over]).toEqual([[], ['s-1']]);
    expect(bench.isOver(peer, pending)).toBe(true);
  });

  it('is not looked up while too much is found for requests of all sessions, until these are answered', () => {
    const bench = new Bench();
    const each = 100;
    const device = bench.device(each);
    const many = KEPT_EVENTS_FOUND_MAX / each + 1;
    // The same again and again: it is found for each request.
    const asked = Array.from({ length: many }, () => {
      const peer = bench.peer();
      const pending = bench.ask(peer, [device], { past: { ...NO_PAST, history: each } });
      expect(bench.isOver(peer, pending)).toBe(true);
      return { peer, pending };
    });
    const [last, ends, used, unused] = [bench.peer(), ...asked.map(({ peer }) => peer)] as Peer[];
    const waiting = bench.ask(last!, [device]);
    const isWaiting = (): boolean => {
      vi.advanceTimersByTime(20);
      return waiting.found === undefined;
    };
    expect([bench.isOver(last!, waiting), isWaiting()]).toEqual([false, true]);
    queueOf(ends!.session).waiting.push(asked[0]!.pending);
    bench.searches.forget(ends!.session);
    expect(isWaiting()).toBe(false);
    const walked = bench.searches.take(asked[1]!.pending, 'd0');
    expect(walked!.events.length / FOUND_CELLS).toBe(each);
    expect(bench.searches.take(asked[1]!.pending, 'd0')).toBeUndefined();
    bench.searches.chargeUnused(used!.session, asked[1]!.pending);
    bench.searches.chargeUnused(unused!.session, asked[2]!.pending);
    const next = asked
      .slice(0, 3)
      .map(({ peer }) => bench.ask(peer, [device], { past: { ...NO_PAST, history: each } }));
    // What was given back three times, and the ten of the one that waited: two more find room, and not the third.
    expect(next.map((pending, n) => bench.isOver(asked[n]!.peer, pending))).toEqual([true, true, false]);
  });

  it('of two sessions takes turns', () => {
    const bench = new Bench();
    bench.takesMs = POLL_MS_MAX;
    const devices = Array.from({ length: 3 }, () => bench.device(1));
    const peers = [bench.peer(), bench.peer()];
    for (const peer of peers) expect(bench.isOver(peer, bench.ask(peer, devices))).toBe(false);
    while (bench.over.length < 2) vi.advanceTimersToNextTimer();
    expect(bench.looked).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('is what comes after the position of the device, where that is known', () => {
    const bench = new Bench();
    const device = bench.device(5);
    const ask = (epoch: string, seq: number): (string | number)[][] => {
      const past: Asked = { ...NO_PAST, since: new Map([['d0', { epoch, seq }]]) };
      const pending = bench.ask(bench.peer(), [device], { past });
      expect(bench.isOver(bench.peer(), pending)).toBe(true);
      return seqsOf(pending);
    };
    expect(ask(EPOCH_NAME, 3)).toEqual([['d0', 5, 4]]);
    for (const [epoch, seq] of [
      ['other', 3],
      [EPOCH_NAME, 6],
    ] as const)
      expect(ask(epoch, seq)).toEqual([['d0', 5, 4, 3, 2, 1]]);
  });

  it('is nothing of a device that is not there, has no event, or has no position', () => {
    const bench = new Bench();
    const [empty, other] = [bench.device(), bench.device(1)];
    const past: Asked = { ...NO_PAST, since: new Map([['d0', { epoch: EPOCH_NAME, seq: 0 }]]) };
    const peer = bench.peer();
    const pending = bench.ask(peer, ['none', empty, other], { past });
    expect(bench.isOver(peer, pending)).toBe(true);
    expect([pending.found!.size, bench.looked]).toEqual([0, [empty]]);
  });

  it.each<[string, Partial<Pending>]>([
    ['the newest of each kind', { past: { ...NO_PAST, last: true } }],
    ['nothing', { past: NO_PAST }],
    ['what filters match', { named: { devices: [], filters: ['*'], malformed: [] } }],
    ['a list of all', { op: 'list', named: undefined }],
    ['an end', { op: 'unsubscribe' }],
  ])('is not looked up for %s', (_what, more) => {
    const bench = new Bench();
    const peer = bench.peer();
    const pending = bench.ask(peer, [bench.device(1)], more);
    expect(bench.isOver(peer, pending)).toBe(true);
    expect([[...(pending.found ?? [])], bench.looked]).toEqual([[], []]);
  });
});

describe('what was looked up in vain', () => {
  it('costs as if it had been sent, once', () => {
    const bench = new Bench();
    const peer = bench.peer();
    const pending = bench.ask(peer, [bench.device(3), bench.device(2)]);
    bench.isOver(peer, pending);
    for (let n = 0; n < 2; n++) bench.searches.chargeUnused(peer.session, pending);
    expect(bench.charged).toEqual([3, 2]);
  });

  it('does so when the session ends, whose searches are over then', () => {
    const bench = new Bench();
    const peer = bench.peer();
    const devices = [bench.device(3), bench.device(2), bench.device(1)];
    const sent = bench.ask(peer, devices.slice(0, 1));
    expect(bench.isOver(peer, sent)).toBe(true);
    const { inFlight, waiting } = queueOf(peer.session);
    inFlight.push(waiting.pop()!);
    expect(bench.isOver(peer, bench.ask(peer, devices.slice(0, 1)))).toBe(true);
    bench.takesMs = POLL_MS_MAX;
    waiting.unshift(bench.ask(peer, devices.slice(1)));
    expect(bench.isOver(peer, waiting[0]!)).toBe(false);
    bench.searches.forget(peer.session);
    expect(bench.charged).toEqual([3, 3, 2]);
    vi.runAllTimers();
    expect([bench.looked, bench.over]).toEqual([[0, 0, 1], []]);
  });
});
