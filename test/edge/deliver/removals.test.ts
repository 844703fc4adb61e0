/** What subscribers are told of subscriptions that the hub has removed, by the ten thousand, on an edge. */
import { describe, expect, it, vi } from 'vitest';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { DEVICES_PER_PAGE } from '../../../src/limits.ts';
import { Notice } from '../../../src/records/replies.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { type FakeSocket, FakeThread, type ThreadOptions } from './fake-thread.ts';

const QUEUE = 8 * 1024;
const QUARTER = QUEUE / 4;
/** More than its queue may hold. */
const MANY = 10_000;

const named = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `d${from + at}`);

/** An edge whose subscribers are told of thousands. */
const threadOf = (options: ThreadOptions = {}): FakeThread =>
  new FakeThread({ sendQueueBytes: QUEUE, sendQueueMaxBytes: 4 * QUEUE, devices: MANY, ...options });

/** In notices of a thousand, as the owner gives them. */
function remove(
  thread: FakeThread,
  socket: FakeSocket,
  devices: readonly string[],
  notice: Notice = Notice.deniedByRule,
) {
  for (let at = 0; at < devices.length; at += DEVICES_PER_PAGE)
    thread.notice(socket, devices.slice(at, at + DEVICES_PER_PAGE), notice);
  thread.poll();
}

/** The frames since the last call, which all are `removed`. */
function removed(socket: FakeSocket): (readonly string[])[] {
  const frames = socket.frames.splice(0);
  expect(frames.filter(({ op }) => op !== 'removed')).toEqual([]);
  return frames.map(({ devices }) => devices as unknown as readonly string[]);
}

/** Reads what waits, again and again, until nothing more comes. @returns the devices of each `removed` */
function readAll(socket: FakeSocket): (readonly string[])[] {
  const pages = removed(socket);
  for (let before = -1; before < pages.length; ) {
    before = pages.length;
    socket.drainTo(0);
    pages.push(...removed(socket));
  }
  return pages;
}

describe('a subscriber whose subscriptions are removed by the thousand', () => {
  it('is told a page at a time, as it reads, of each once, and is neither closed nor slow', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.stalled = true;
    remove(thread, socket, named(0, MANY));
    thread.tick();
    expect([socket.closeCode, thread.count('laggingSubscribers')]).toEqual([undefined, 0]);
    expect(socket.queued).toBeLessThan(QUEUE);
    const pages = readAll(socket);
    expect(pages.flat()).toEqual(named(0, MANY));
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(DEVICES_PER_PAGE);
    expect(socket.closeCode).toBeUndefined();
  });

  it('is told at once while it reads', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    thread.notice(socket, named(0, 3), Notice.terminated);
    thread.poll();
    expect(socket.frames.splice(0).slice(1)).toEqual([
      { op: 'removed', devices: named(0, 3), code: 122, reason: 'device terminated' },
    ]);
  });

  it('is told by each page but the last of a kind that another follows, and the kinds take turns', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = QUARTER + 1;
    remove(thread, socket, named(0, 2000));
    remove(thread, socket, named(2000, 2005), Notice.gone);
    expect(socket.frames).toEqual([]);
    socket.drainTo(QUARTER);
    const told = socket.frames.map(({ devices = [], code, more }) => [devices[0], code, more]);
    expect(told[0]).toEqual(['d0', 103, true]);
    expect(told[1]).toEqual(['d2000', 123, undefined]);
    expect(told.slice(2).map(([, code]) => code)).toEqual(told.slice(2).map(() => 103));
    expect(told.map(([, , more]) => more)).toEqual(
      told.map((_, at) => (at === 1 || at === told.length - 1 ? undefined : true)),
    );
  });

  it('is told once of a device that is removed again before it was told', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = QUEUE;
    remove(thread, socket, named(0, 5), Notice.deniedByOperator);
    remove(thread, socket, named(3, 8), Notice.deniedByOperator);
    expect(readAll(socket)).toEqual([named(0, 8)]);
    remove(thread, socket, named(3, 4), Notice.deniedByOperator);
    expect(readAll(socket)).toEqual([['d3']]);
  });

  it('pays nothing for it', () => {
    const thread = threadOf({ subscriberRate: 1, subscriberBurst: 10 });
    const socket = thread.subscriber();
    remove(thread, socket, named(0, 100));
    expect(thread.usedMs(socket.session)).toBe(0);
  });

  it('keeps what it is still to be told when another owner takes over', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = QUEUE;
    remove(thread, socket, named(0, 5));
    thread.link.resync();
    thread.link.resynced();
    thread.link.flush();
    thread.poll();
    socket.drainTo(0);
    expect(removed(socket)).toEqual([named(0, 5)]);
  });

  it('leaves nothing behind when it goes', () => {
    const thread = threadOf();
    const [gone, other] = [thread.subscriber(), thread.subscriber()];
    for (const socket of [gone, other]) {
      socket.frames.length = 0;
      socket.queued = QUEUE;
      remove(thread, socket, named(0, 5));
    }
    thread.end(gone);
    const { removals } = thread.edge.deliverer;
    expect(removals.size).toBe(5); // of the other
    gone.drainTo(0);
    other.drainTo(0);
    expect([gone.frames, removed(other), removals.size]).toEqual([[], [named(0, 5)], 0]);
  });

  it('is not waited for any more when it goes', () => {
    vi.useFakeTimers();
    try {
      const thread = threadOf();
      const socket = thread.subscriber();
      socket.queued = QUEUE;
      remove(thread, socket, named(0, 5));
      thread.end(socket);
      vi.runOnlyPendingTimers();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is told of no more devices later than the hub has room for', () => {
    const thread = threadOf({ devices: 8 });
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = QUEUE;
    remove(thread, socket, named(0, 8), Notice.gone);
    expect(socket.frames).toEqual([]);
    remove(thread, socket, named(8, 9), Notice.gone);
    expect(removed(socket)).toEqual([named(0, 9)]);
  });

  it('is told of no more than that at once, in pages of a quarter of what its queue may hold', () => {
    const thread = threadOf({ devices: 8, sendQueueBytes: 40 }); // two ids of two bytes each, quoted, and a comma
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = 11;
    remove(thread, socket, named(0, 8));
    expect(socket.frames).toEqual([]);
    remove(thread, socket, ['e0', 'e1', 'e2', 'e3']);
    expect(removed(socket)).toEqual([
      ['d0', 'd1'],
      ['d2', 'd3'],
    ]);
  });

  it('is told of a device whose id is longer than a page', () => {
    const thread = threadOf({ sendQueueBytes: 40 });
    const socket = thread.subscriber();
    socket.frames.length = 0;
    const long = ['a'.repeat(128), 'b'.repeat(128)];
    remove(thread, socket, ['d0', ...long, 'd1']);
    expect(removed(socket)).toEqual([['d0'], ...long.map((id) => [id]), ['d1']]);
  });
});

describe('a device that is followed again', () => {
  const held = (): { thread: FakeThread; socket: FakeSocket } => {
    const thread = threadOf();
    const socket = thread.subscriber();
    thread.notice(socket, [], Notice.heard);
    socket.frames.length = 0;
    socket.queued = QUARTER + 1;
    remove(thread, socket, named(0, 3));
    remove(thread, socket, named(3, 5), Notice.gone);
    socket.frames.length = 0;
    return { thread, socket };
  };

  it('is told of as removed before the page that names it, and the others later', () => {
    const { thread, socket } = held();
    thread.appear(socket, 1);
    thread.poll();
    thread.event(1);
    thread.poll();
    const [first, second, third] = socket.frames.splice(0);
    expect(first).toMatchObject({ op: 'removed', devices: ['d1'], more: true });
    expect(second).toMatchObject({ op: 'subscribed', devices: [{ device: 'd1' }] });
    expect(third).toMatchObject({ op: 'event', device: 'd1' });
    socket.drainTo(0);
    expect(removed(socket)).toEqual([
      ['d0', 'd2'],
      ['d3', 'd4'],
    ]);
  });

  it('is told of as removed before a status that names it, and before its events', () => {
    const { thread, socket } = held();
    thread.notice(socket, ['d4', 'd5'], Notice.operatorActive);
    thread.attach(socket, 2);
    thread.poll();
    thread.event(2);
    thread.poll();
    expect(socket.frames.splice(0)).toMatchObject([
      { op: 'removed', devices: ['d4'], code: 123 },
      { op: 'status', devices: ['d4', 'd5'] },
      { op: 'removed', devices: ['d2'], code: 103 },
      { op: 'event', device: 'd2' },
    ]);
    socket.drainTo(0);
    expect(removed(socket)).toEqual([['d0', 'd1'], ['d3']]);
  });
});

describe('devices that are followed again, all that were removed for one reason', () => {
  it('are told of in one page that no other follows, and not again', () => {
    const thread = threadOf();
    const socket = thread.subscriber();
    socket.frames.length = 0;
    socket.queued = QUARTER + 1;
    remove(thread, socket, named(3, 5), Notice.gone);
    remove(thread, socket, named(0, 3));
    thread.notice(socket, ['d4', 'd3', 'd5', 'd4'], Notice.operatorActive);
    thread.poll();
    const [told, status] = socket.frames.splice(0);
    expect(told).toEqual({ op: 'removed', devices: ['d4', 'd3'], code: 123, reason: expect.any(String) });
    expect(status).toMatchObject({ op: 'status' });
    socket.drainTo(0);
    expect(removed(socket)).toEqual([named(0, 3)]);
  });
});

describe('a slow subscriber', () => {
  it('gets no page before it is told what it missed, though its peer has read', () => {
    const thread = threadOf();
    const socket = thread.subscriber([0]);
    socket.frames.length = 0;
    thread.lag(socket, QUEUE + 1);
    thread.events(0, 'normal');
    socket.queued = 0; // which the transport has not said yet
    thread.notice(socket, ['d1'], Notice.gone);
    thread.edge.poll();
    expect(socket.news()).toBe('');
    socket.drainTo(0);
    expect(socket.news()).toBe('d0:1 removed');
  });

  it('gets a page with each part of what it missed, so that neither waits for the other', () => {
    const thread = threadOf();
    const followed = [0, 1, 2];
    const socket = thread.subscriber(followed);
    socket.frames.length = 0;
    thread.lag(socket, QUEUE + 1);
    for (const device of followed) thread.events(device, 'normal');
    remove(thread, socket, named(10, 2010));
    expect(socket.frames).toEqual([]);
    socket.stalled = true;
    socket.drainTo(QUARTER);
    const first = socket.news();
    expect(first).toBe('d0:1 d1:1 d2:1 removed');
    expect([thread.count('laggingSubscribers'), socket.queued < QUEUE]).toEqual([0, true]);
    socket.stalled = false;
    socket.drainTo(0);
    expect(socket.news()).toMatch(/^removed( removed)+$/);
  });
});

describe('a notice', () => {
  const { removals } = threadOf().edge.deliverer;
  const takes = (encoding: Encoding, notice: Notice): boolean =>
    removals.takes({ encoding } as SubscriberSession, notice);

  it('waits for its peer where it is of a removal that no page of the owner names', () => {
    const waiting = Object.entries(Notice).filter(([, notice]) => takes(Encoding.json, notice));
    expect(waiting.map(([name]) => name)).toEqual([
      'deniedByOperator',
      'removedByOperator',
      'deniedByRule',
      'notCovered',
      'terminated',
      'gone',
    ]);
  });

  it('reaches an MQTT client at once: nobody is told, but it may have to follow the device anew', () => {
    expect(takes(Encoding.binary, Notice.terminated)).toBe(true);
    expect([Encoding.mqtt3, Encoding.mqtt5].map((one) => takes(one, Notice.terminated))).toEqual([
      false,
      false,
    ]);
  });
});
