/** What the owner says to one subscriber, from the record to the frame. */

import { describe, expect, it } from 'vitest';
import { splitNames } from '../../../src/access/pattern.ts';
import { EntryWriter, GapReason, NO_BYTES, Notice, Refusal } from '../../../src/records/replies.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { NO_PAST, type Past } from '../../../src/wire/subscriber-ops.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

/** A page that names the devices of these slots. */
const pageOf = (...slots: readonly number[]): Uint8Array => pageAt(0, ...slots);

/** The same of devices whose last event is this one. */
function pageAt(seq: number, ...slots: readonly number[]): Uint8Array {
  const page = new EntryWriter();
  for (const deviceSlot of slots) {
    const text = Buffer.from(`d${deviceSlot}`);
    const state = { deviceSlot, rowState: 2, deviceState: 1, lastSeen: 0, seq, epoch: 36, generation: 0 };
    page.add(state, text, 0, text.length, 0, 0);
  }
  return page.take();
}

class Bench {
  readonly thread: FakeThread;
  readonly socket: FakeSocket;

  constructor(options = {}) {
    this.thread = new FakeThread({ sendQueueBytes: 1e6, sendQueueMaxBytes: 1e7, ...options });
    this.socket = this.thread.subscriber();
    this.socket.frames.length = 0;
    this.thread.owner.take();
  }

  get session(): number {
    return this.socket.session.number;
  }

  ask(
    devices: readonly string[] | undefined,
    past: Past = NO_PAST,
    malformed: readonly string[] = [],
    op: 'subscribe' | 'unsubscribe' = 'subscribe',
  ): void {
    const named = devices && {
      ...splitNames(devices),
      malformed,
    };
    const ask = {
      op: devices === undefined ? 'list' : op,
      id: '"q"',
      named,
      types: ALL_TYPES,
      past,
    } as const;
    this.thread.edge.request(this.socket.session, ask, this.thread.clock.now());
  }

  say(write: (link: FakeThread['link']) => void): void {
    write(this.thread.link);
    this.thread.link.flush();
    this.thread.poll();
  }
}

const last: Past = { ...NO_PAST, last: true };
const since = (...slots: readonly number[]): Past => ({
  ...NO_PAST,
  since: new Map(slots.map((slot) => [`d${slot}`, { epoch: '10', seq: 0 }])),
});

describe('an answer', () => {
  it('names the devices, and those that were refused: by the owner, or as they are no ids', () => {
    const bench = new Bench();
    const { session } = bench;
    bench.ask(['d0', 'd1'], NO_PAST, ['no id']);
    bench.say((link) =>
      link.answer({ session, request: 1 }, pageOf(0), [{ device: 'd1', why: Refusal.denied }], false),
    );
    const [frame] = bench.socket.frames;
    expect(frame).toMatchObject({ op: 'subscribed', id: 'q', devices: [{ device: 'd0' }] });
    expect(frame?.errors?.map(({ device, code }) => [device, code])).toEqual([
      ['d1', 103],
      ['no id', 107],
    ]);
    expect(frame).not.toHaveProperty('more');
  });

  it('says what is followed of its filters', () => {
    const bench = new Bench();
    const { session } = bench;
    bench.ask(['x.*']);
    bench.say((link) =>
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'x.*', value: 3 }]),
    );
    expect(bench.socket.frames).toMatchObject([{ filters: [{ filter: 'x.*', matched: 3 }] }]);
  });

  it('of another owner to an unsubscribe is as the first would have been, though that was done already', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    bench.ask(['d0', 'd1'], NO_PAST, [], 'unsubscribe');
    bench.say((link) => link.resync());
    bench.say((link) => link.resynced());
    const refused = [0, 1].map((n) => ({ device: `d${n}`, why: Refusal.notSubscribed }));
    bench.say((link) => link.answer({ session, request: 1 }, NO_BYTES, refused, false));
    expect(socket.frames).toMatchObject([
      { op: 'unsubscribed', devices: ['d0'], errors: [{ device: 'd1', code: 120 }] },
    ]);
    expect(socket.topics.size).toBe(0);
  });

  it('to what was not asked is not told', () => {
    const bench = new Bench();
    const { session } = bench;
    bench.say((link) => link.answer({ session, request: 5 }, pageOf(0), [], false));
    expect(bench.socket.frames).toEqual([]);
  });

  it('of many pages goes on when its peer has read', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    bench.ask(undefined);
    expect(thread.owner.taken('request')).toHaveLength(1);
    socket.queued = 1e6;
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0), [], true));
    expect([socket.frames.splice(0).length, thread.owner.take()]).toEqual([1, []]);
    socket.drainTo(0);
    expect(thread.owner.take()).toEqual([{ record: 'more', session, request: 1 }]);
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(1), [], false));
    expect(socket.frames).toEqual([
      { op: 'list', id: 'q', devices: [{ device: 'd1', status: expect.any(String) }] },
    ]);
  });

  it.each([
    ['that names all devices costs as many as it has', undefined, 3 / 50],
    ['to a request that named them was paid for with it', ['d0', 'd1', 'd2'], 0],
  ])('%s', (_what, devices, cost) => {
    const bench = new Bench({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.ask(devices);
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0, 1, 2), [], false));
    expect(thread.usedMs(socket.session)).toBeCloseTo(cost * 1000, 6);
  });

  it('makes its subscriber slow where that does not read', () => {
    const bench = new Bench({ sendQueueBytes: 100, sendQueueMaxBytes: 1000 });
    bench.ask(['d0']);
    bench.socket.stalled = true;
    const { session } = bench;
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0), [], false));
    expect(bench.thread.count('laggingSubscribers')).toBe(1);
  });
});

describe('an answer with the past', () => {
  it('says of each device whether all is there since its position, and holds its live events until it was sent', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    bench.ask(['d0', 'd1'], since(0));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0, 1), [], false);
      link.attach(session, 0, 'd0', 0);
      link.attach(session, 1, 'd1', 0);
    });
    expect(socket.frames).toMatchObject([
      { devices: [{ device: 'd0', recovered: true }, { device: 'd1' }], errors: [] },
    ]);
    const [, second] = (socket.frames[0] as { devices: readonly object[] }).devices;
    expect(second).not.toHaveProperty('recovered');
    for (const device of [0, 1]) thread.event(device);
    thread.poll();
    expect(socket.news()).toBe('subscribed d0:1 d1:1');
  });

  it('holds live events back while its peer does not read, then goes on with them', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    socket.queued = 500_001; // half of the limit is for what is live
    bench.ask(['d0'], since(0));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false);
      link.attach(session, 0, 'd0', 0);
    });
    thread.events(0, 'normal');
    thread.unnumbered(0);
    thread.poll();
    expect([socket.news(), socket.topics.size]).toEqual(['subscribed', 0]);
    socket.drainTo(500_000);
    thread.events(0, 'normal');
    expect(socket.news()).toBe('gap d0:1-1 history d0:2'); // nothing is kept here
  });

  it('covers what was lost meanwhile on its way to this edge', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    socket.queued = 500_001;
    bench.ask(['d0'], since(0));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false);
      link.attach(session, 0, 'd0', 0);
    });
    thread.gap(0, 1, 3, GapReason.overload);
    thread.poll();
    socket.drainTo(500_000);
    thread.events(0, 'normal');
    expect(socket.news()).toBe('subscribed gap d0:1-3 history d0:4');
  });

  it('refuses a position for a device whose events it gets already', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    bench.ask(['d0', 'd1'], since(0, 1));
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0, 1), [], false));
    expect(socket.frames).toMatchObject([
      { devices: [{ device: 'd1', recovered: true }], errors: [{ device: 'd0', code: 107 }] },
    ]);
  });

  it('holds back the events of a device that it gets already, to bring its past before', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    socket.queued = 6e5; // what it may get of the past would wait
    bench.ask(['d0'], last);
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false);
      link.attach(session, 0, 'd0', 0);
    });
    expect(socket.frames).toMatchObject([{ devices: [{ device: 'd0' }], errors: [] }]);
    const { replays } = thread.edge.deliverer;
    expect([replays.inUse, socket.topics.size]).toEqual([true, 0]);
    socket.drainTo(0);
    replays.tick();
    expect([replays.inUse, socket.topics.size]).toEqual([false, 1]);
    thread.events(0, 'normal');
    expect(socket.news()).toBe('subscribed d0:1');
  });

  it('leaves a slow subscriber of a device slow, and what it missed is told', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    thread.lag(socket, 1e6 + 1);
    thread.events(0, 'normal', 'normal');
    bench.ask(['d0'], last);
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false);
      link.attach(session, 0, 'd0', 2);
    });
    socket.drainTo(0);
    expect(socket.news()).toBe('subscribed gap d0:1-1 slow d0:2');
  });

  it('takes one that is about to get the events for one that does', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    socket.queued = 6e5; // more than half of the limit: the replay waits
    for (const request of [1, 2]) {
      bench.ask(['d0'], since(0));
      bench.say((link) => link.answer({ session, request }, pageOf(0), [], false));
    }
    expect(socket.frames).toMatchObject([
      { devices: [{ device: 'd0' }], errors: [] },
      { devices: [], errors: [{ device: 'd0' }] },
    ]);
    const { deliverer } = thread.edge;
    expect([deliverer.isFollowing(socket.session, 0), deliverer.isFollowing(socket.session, 1)]).toEqual([
      true,
      false,
    ]);
    thread.detach(socket, 0);
    thread.poll();
    expect(deliverer.isFollowing(socket.session, 0)).toBe(false);
  });

  it('that another owner gives is as the first would have been, though the device is followed by then', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 1);
    thread.poll();
    bench.ask(['d0', 'd1'], since(0, 1));
    bench.say((link) => link.resync());
    bench.say((link) => {
      for (const device of [0, 1, 2]) link.attach(session, device, `d${device}`, 0);
      link.resynced();
    });
    for (const device of [0, 2]) thread.event(device);
    thread.poll();
    expect(socket.news()).toBe('d2:1');
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageAt(1, 0, 1), [], false);
      link.attach(session, 0, 'd0', 1);
    });
    expect(socket.frames[0]).toMatchObject({
      devices: [{ device: 'd0', recovered: false }],
      errors: [{ device: 'd1', code: 107 }], // the first would have refused it too
    });
    thread.event(0);
    thread.poll();
    expect(socket.news()).toBe('subscribed gap d0:1-1 history d0:2'); // nothing is kept here
  });

  it('ends where another owner does not say that the device is followed', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    socket.queued = 6e5;
    bench.ask(['d0', 'd1'], since(0, 1));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0, 1), [], false);
      for (const device of [0, 1]) link.attach(session, device, `d${device}`, 0);
    });
    bench.say((link) => link.resync());
    bench.say((link) => {
      link.attach(session, 1, 'd1', 0);
      link.resynced();
    });
    const { deliverer } = thread.edge;
    socket.queued = 0;
    deliverer.replays.tick();
    const followed = [0, 1].map((device) => deliverer.isFollowing(socket.session, device));
    expect([followed, deliverer.replays.inUse]).toEqual([[false, true], false]);
  });
});

describe('a page of a filter', () => {
  it('names devices that it follows from here on; the next is asked for where it waits', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(0, 1), 7, true, true));
    expect(socket.frames).toMatchObject([
      { op: 'subscribed', filter: 'x.*', devices: [{ device: 'd0' }, { device: 'd1' }], more: true },
    ]);
    expect(thread.owner.take()).toEqual([{ record: 'more', session, request: 7 }]);
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(2), 7, false));
    expect(socket.frames.at(-1)).toMatchObject({ devices: [{ device: 'd2' }], more: false });
    expect(thread.owner.take()).toEqual([]);
  });

  it('brings the past that its subscribe asked for, to the last page', () => {
    const bench = new Bench();
    const { session, socket } = bench;
    bench.ask(['d*'], since(0, 1, 2));
    bench.say((link) => {
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'd*', value: 3 }]);
      link.filterPage(session, 'd*', pageOf(0), 7, true, false);
      link.filterPage(session, 'd*', pageOf(1), 7, false);
      link.filterPage(session, 'd*', pageOf(2), 0, false);
    });
    const devices = socket.frames.slice(1).flatMap((frame) => frame.devices as readonly object[]);
    expect(devices).toMatchObject([
      { device: 'd0', recovered: true },
      { device: 'd1', recovered: true },
      { device: 'd2' },
    ]);
    expect(devices[2]).not.toHaveProperty('recovered');
  });

  it('brings no past that a refused subscribe asked for, and nothing is kept of that', () => {
    const bench = new Bench();
    const { session, socket } = bench;
    bench.ask(['d*', 'e*'], since(0));
    const refused = [{ device: 'd*', why: Refusal.tooManyFilters }];
    bench.say((link) =>
      link.answer({ session, request: 1 }, NO_BYTES, refused, false, [{ filter: 'e*', value: 0 }]),
    );
    bench.say((link) => link.filterPage(session, 'e*', NO_BYTES, 7, false));
    expect(socket.session.requests).toBeUndefined();
    bench.say((link) => link.filterPage(session, 'd*', pageOf(0), 8, false));
    expect(socket.frames.at(-1)?.devices?.[0]).not.toHaveProperty('recovered');
  });

  it('names what the session gets already, and says that its position was refused', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    bench.ask(['d*'], since(0, 1));
    bench.say((link) => {
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'd*', value: 2 }]);
      link.filterPage(session, 'd*', pageOf(0, 1), 7, false);
    });
    const [, page] = socket.frames;
    expect(page).toMatchObject({
      devices: [{ device: 'd0' }, { device: 'd1', recovered: true }],
      errors: [{ device: 'd0', code: 107 }],
    });
    expect(page?.devices?.[0]).not.toHaveProperty('recovered');
  });

  it('brings the past of a device once, though its request names it in several ways', () => {
    const bench = new Bench();
    const { session, socket } = bench;
    bench.ask(['d0', 'd*', '*'], since(0, 1));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false, [
        { filter: 'd*', value: 2 },
        { filter: '*', value: 2 },
      ]);
      link.attach(session, 0, 'd0', 0);
      for (const [n, filter] of ['d*', '*'].entries()) {
        link.filterPage(session, filter, pageOf(0, 1), 7 + n, false);
        for (const device of [0, 1]) link.attach(session, device, `d${device}`, 0);
      }
    });
    const [answer, ...pages] = socket.frames;
    expect(answer).toMatchObject({ devices: [{ device: 'd0', recovered: true }] });
    expect(pages).toMatchObject([
      { filter: 'd*', devices: [{ device: 'd0' }, { device: 'd1', recovered: true }] },
      { filter: '*', devices: [{ device: 'd0' }, { device: 'd1' }] },
    ]);
    for (const page of pages) expect(page).not.toHaveProperty('errors');
  });

  it('costs as many devices as it names', () => {
    const bench = new Bench({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(0, 1), 7, false));
    expect(thread.usedMs(socket.session)).toBeCloseTo(40, 6);
  });

  it('comes behind the events of its devices that came before', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    thread.event(0);
    bench.say((link) => link.filterPage(session, 'd*', pageOf(0), 7, false));
    expect(socket.news()).toBe('d0:1 subscribed');
  });
});

describe('a notice', () => {
  it('names devices and filters, and costs as many devices as it names', () => {
    const bench = new Bench({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.say((link) =>
      link.notice(session, Notice.silent, pageOf(0, 1), false, [{ filter: 'x.*', value: 1 }]),
    );
    expect(socket.frames).toEqual([
      { op: 'status', devices: ['d0', 'd1'], filters: ['x.*'], status: 'inactive', reason: 'silent' },
    ]);
    expect(thread.usedMs(socket.session)).toBeCloseTo(40, 6);
  });

  it('of which another owner says the end is not ended twice', () => {
    const bench = new Bench();
    const { session, socket } = bench;
    bench.say((link) => link.notice(session, Notice.resumed, pageOf(0), true));
    bench.say((link) => link.resync());
    bench.say((link) => link.notice(session, Notice.resumed, pageOf(1), false));
    bench.say((link) => link.resynced());
    expect(socket.frames).toEqual([
      { op: 'resumed', devices: ['d0'], more: true },
      { op: 'resumed', devices: ['d1'], more: false },
    ]);
  });
});

describe('a record for a session', () => {
  it('says whether it is a vip', () => {
    const bench = new Bench();
    const { session, socket } = bench;
    for (const vip of [true, false]) {
      bench.say((link) => link.vip(session, vip));
      expect(socket.session.vip).toBe(vip);
    }
  });

  it('that is closing or gone is for nobody', () => {
    const bench = new Bench();
    const { session, thread, socket } = bench;
    bench.ask(['d0']);
    thread.owner.take();
    socket.session.closing = true;
    bench.say((link) => {
      for (const number of [session, 12_345]) {
        link.attach(number, 0, 'd0', 0);
        link.vip(number, true);
        link.notice(number, Notice.heard, pageOf(0), false);
        link.filterPage(number, 'x.*', pageOf(0), 0, false);
        link.detach(number, 0);
      }
      link.resync();
    });
    expect([socket.frames, socket.session.vip, socket.topics.size]).toEqual([[], false, 0]);
    expect(thread.owner.taken('request')).toEqual([]);
  });
});
