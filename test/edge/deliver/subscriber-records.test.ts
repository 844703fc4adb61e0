/** What the owner says to one subscriber that asked for, from the record to the frame. */
import { describe, expect, it } from 'vitest';
import type { Walked } from '../../../src/history/reader.ts';
import { FOUND_CELLS } from '../../../src/history/replay.ts';
import { GapReason, NO_BYTES, Refusal } from '../../../src/records/replies.ts';
import { NO_PAST } from '../../../src/wire/subscriber-ops.ts';
import type { Frame } from '../../support/frames.ts';
import { last, OwnerSays, pageAt, pageOf, since } from './owner-says.ts';

describe('an answer', () => {
  it('names the devices, and those that were refused: by the owner, or as they are no ids', () => {
    const bench = new OwnerSays();
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

  it('names a page of devices and filters, and is refused what is not subscribed', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.ask(undefined);
    bench.say((link) =>
      link.answer({ session, request: 1 }, pageOf(0), [], true, [{ filter: 'x.*', value: 2 }]),
    );
    expect(socket.frames.splice(0)).toMatchObject([
      { op: 'list', devices: [{ device: 'd0' }], filters: [{ filter: 'x.*' }], more: true },
    ]);
    bench.say((link) => link.answer({ session, request: 1 }, NO_BYTES, [], false));
    bench.ask(['d0'], NO_PAST, [], 'unsubscribe');
    const refused = [{ device: 'd0', why: Refusal.notSubscribed }];
    bench.say((link) => link.answer({ session, request: 2 }, NO_BYTES, refused, false));
    expect(socket.frames.at(-1)).toMatchObject({ op: 'unsubscribed', errors: [{ device: 'd0', code: 120 }] });
  });

  it('that waits for other nodes keeps nobody else from asking', () => {
    const bench = new OwnerSays();
    const { session, thread } = bench;
    bench.ask(['d*']); // as much as the owner does for an edge at a time
    const other = thread.subscriber();
    thread.owner.take();
    bench.ask(['e*'], NO_PAST, [], 'subscribe', other);
    expect(thread.owner.taken('request')).toEqual([]);
    bench.say((link) => link.deferred(session, 1));
    expect(thread.owner.taken('request')).toMatchObject([{ session: other.session.number }]);
  });

  it('says what is followed of its filters', () => {
    const bench = new OwnerSays();
    const { session } = bench;
    bench.ask(['x.*']);
    bench.say((link) =>
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'x.*', value: 3 }]),
    );
    expect(bench.socket.frames).toMatchObject([{ filters: [{ filter: 'x.*', matched: 3 }] }]);
  });

  it('of another owner to an unsubscribe is as the first would have been, though that was done already', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    for (const device of [0, 2]) thread.attach(socket, device);
    thread.poll();
    bench.ask(['d0', 'd1', 'd2'], NO_PAST, [], 'unsubscribe');
    bench.say((link) => link.resync());
    bench.say((link) => link.resynced());
    const refused = [0, 1].map((n) => ({ device: `d${n}`, why: Refusal.notSubscribed }));
    const other = { device: 'd2', why: Refusal.full }; // whatever the reason is
    bench.say((link) => link.answer({ session, request: 1 }, NO_BYTES, [...refused, other], false));
    const [{ op, devices, errors = [] }] = socket.frames as [Frame];
    expect([op, devices]).toEqual(['unsubscribed', ['d0']]);
    expect(errors.map(({ device, code }) => [device, code])).toEqual([
      ['d1', 120],
      ['d2', 106],
    ]);
    expect(socket.topics.size).toBe(0);
  });

  it('to what was not asked is not told', () => {
    const bench = new OwnerSays();
    const { session } = bench;
    bench.say((link) => link.answer({ session, request: 5 }, pageOf(0), [], false));
    expect(bench.socket.frames).toEqual([]);
  });

  it('of many pages goes on when its peer has read', () => {
    const bench = new OwnerSays();
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
    const bench = new OwnerSays({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.ask(devices);
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0, 1, 2), [], false));
    expect(thread.usedMs(socket.session)).toBeCloseTo(cost * 1000, 6);
  });

  it('makes its subscriber slow where that does not read', () => {
    const bench = new OwnerSays({ sendQueueBytes: 100, sendQueueMaxBytes: 1000 });
    bench.ask(['d0']);
    bench.socket.stalled = true;
    const { session } = bench;
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0), [], false));
    expect(bench.thread.count('laggingSubscribers')).toBe(1);
  });
});

describe('an answer with the past', () => {
  it('says of each device whether all is there since its position, and holds its live events until it was sent', () => {
    const bench = new OwnerSays();
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
    const bench = new OwnerSays();
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
    const bench = new OwnerSays();
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

  it('costs what was looked up for devices that are refused, or whose slots others have by now', () => {
    const bench = new OwnerSays({ subscriberRate: 1000, subscriberBurst: 1000 });
    const { session, thread, socket } = bench;
    bench.ask(['d0', 'd1'], since(0, 1));
    const walked = { events: Array(100 * FOUND_CELLS).fill(1) } as unknown as Walked;
    socket.session.requests!.inFlight[0]!.found = new Map([
      ['d0', walked],
      ['d1', { ...walked, device: { slot: 7, generation: 0 } }],
    ]);
    const before = thread.usedMs(socket.session);
    const refused = [{ device: 'd0', why: Refusal.denied }];
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(1), refused, false));
    expect(thread.usedMs(socket.session) - before).toBeCloseTo(200 / 50, 6); // a row is a 50th of a request
  });

  it('refuses a position for a device whose events it gets already', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    bench.ask(['d0', 'd1'], since(0, 1));
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0, 1), [], false));
    expect(socket.frames).toMatchObject([
      { devices: [{ device: 'd1', recovered: true }], errors: [{ device: 'd0', code: 107 }] },
    ]);
  });

  it('leaves a device that it gets already as it is, where it asks for the past of others', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    socket.queued = 6e5; // a replay would wait
    bench.ask(['d0', 'd1'], since(1));
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0, 1), [], false));
    const [first, second] = socket.frames[0]!.devices as readonly object[];
    expect([first, second]).toMatchObject([{ device: 'd0' }, { device: 'd1', recovered: true }]);
    expect(first).not.toHaveProperty('recovered');
    expect(socket.topics.size).toBe(1);
  });

  it.each([
    ['the last ones', last],
    ['so many', { ...NO_PAST, history: 5 }],
  ])('holds back the events of a device that it gets already, to bring its past before: %s', (_, past) => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    socket.queued = 6e5; // what it may get of the past would wait
    bench.ask(['d0'], past);
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
    const bench = new OwnerSays();
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
    const bench = new OwnerSays();
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
    const bench = new OwnerSays();
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
    const bench = new OwnerSays();
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
