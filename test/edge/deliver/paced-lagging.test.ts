/** Subscribers at a pace that do not keep up: they fall behind and recover like any other, as their queue allows. */
import { beforeEach, describe, expect, it } from 'vitest';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { EventType } from '../../../src/wire/events.ts';
import type { Frame } from '../../support/frames.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES } from './fake-thread.ts';

const EVERY_MS = 1000;

let thread: FakeThread;
beforeEach(() => {
  thread = new FakeThread();
});

const pass = (ms = EVERY_MS + PACE_STEP_MS_MAX): void => thread.pass(ms);

/** What came since the last look: seqs, each with how many events it replaced, and gaps. */
function news({ frames }: FakeSocket): string {
  return frames
    .splice(0)
    .flatMap((frame): readonly Frame[] => (frame.op === 'batch' ? frame.events! : [frame]))
    .map(({ op, seq, conflated, from, to }) => {
      if (op === 'gap') return `gap ${from}-${to}`;
      return op === 'event' ? `${seq}${conflated === undefined ? '' : `(${conflated})`}` : op;
    })
    .filter((told) => told !== 'welcome')
    .join(' ');
}

/** As many messages of device 0, one after the other. */
function messages(count: number): void {
  for (let n = 0; n < count; n++) thread.events(0, 'normal');
}

describe('a follower at a pace that falls behind', () => {
  const follower = (): FakeSocket => thread.subscriber([0], { query: `&every=${EVERY_MS}` });

  it('gets what waited when it has caught up, if nothing newer came, and not before', () => {
    const socket = follower();
    messages(3);
    news(socket);
    thread.lag(socket);
    pass();
    expect(news(socket)).toBe('');
    socket.drainTo(0);
    expect(news(socket)).toBe('3(1)');
    expect(thread.count('droppedLagging')).toBe(0);
    messages(2);
    pass();
    expect(news(socket)).toMatch(/5/);
  });

  it('is told that it missed what waited, if something newer came', () => {
    const socket = follower();
    messages(3);
    news(socket);
    thread.lag(socket);
    messages(2);
    socket.drainTo(0);
    expect(news(socket)).toBe('gap 3-4');
    pass();
    expect(news(socket)).toBe('5');
    expect(thread.count('droppedLagging')).toBe(2);
  });

  it('gets no second update of a device within its interval once it has caught up', () => {
    const [slow, other] = [follower(), follower()];
    messages(2); // the first comes at once
    thread.lag(slow);
    messages(1);
    slow.drainTo(0);
    pass(EVERY_MS - 2 * PACE_STEP_MS_MAX);
    expect([slow, other].map(news)).toEqual(['1 gap 2-2', '1']);
    pass(3 * PACE_STEP_MS_MAX);
    expect([slow, other].map(news)).toEqual(['3', '3(1)']);
    messages(1);
    thread.lag(slow);
    pass(EVERY_MS / 2);
    slow.drainTo(0);
    messages(1);
    expect([slow, other].map(news)).toEqual(['', '']);
    pass(EVERY_MS / 2 + PACE_STEP_MS_MAX);
    expect([slow, other].map(news)).toEqual(['5(1)', '5(1)']);
  });

  it('has its turns where they were when it follows the device alone', () => {
    const socket = follower();
    messages(2);
    pass();
    expect(news(socket)).toBe('1 2');
    thread.lag(socket);
    messages(1);
    pass(EVERY_MS / 2);
    socket.drainTo(0);
    messages(1);
    expect(news(socket)).toBe('');
    pass(EVERY_MS / 2 + PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('4(1)');
  });

  it('gets what it missed at once where its turn has come, and its next update one interval later', () => {
    const socket = follower();
    messages(1);
    thread.lag(socket);
    messages(1);
    pass();
    socket.drainTo(0);
    expect(news(socket)).toBe('1 2');
    messages(1);
    pass(EVERY_MS / 2);
    expect(news(socket)).toBe('');
    pass();
    expect(news(socket)).toBe('3');
  });

  it('takes along what it is still to get when it falls behind again, and loses it with the device', () => {
    const socket = follower();
    messages(1);
    for (let n = 0; n < 2; n++) {
      thread.lag(socket);
      if (n === 0) messages(1);
      socket.drainTo(0);
    }
    expect(news(socket)).toBe('1');
    thread.lag(socket);
    pass();
    expect(news(socket)).toBe('');
    socket.drainTo(0);
    expect(news(socket)).toBe('2');
    thread.lag(socket);
    messages(1);
    socket.drainTo(0);
    thread.detach(socket, 0);
    thread.poll();
    pass();
    expect(news(socket)).toBe('');
  });

  it('gets a status that it missed at once, and no more devices with it than there is room for', () => {
    const devices = [0, 1, 2];
    const socket = thread.subscriber(devices, { query: `&every=${EVERY_MS}` });
    thread.lag(socket);
    const payload = Buffer.from(JSON.stringify('x'.repeat(QUEUE_BYTES / 4)));
    for (const device of devices) thread.event(device, 'normal', payload, EventType.status);
    thread.poll();
    socket.stalled = true;
    socket.drainTo(0);
    expect(socket.news()).toBe('d0:1 d1:1');
    socket.drainTo(0);
    expect(socket.news()).toBe('d2:1');
  });

  it('gets an urgent event that replaces what it missed', () => {
    const socket = follower();
    messages(1);
    thread.lag(socket);
    messages(1);
    socket.drainTo(0);
    thread.events(0, 'high');
    pass();
    expect(news(socket)).toBe('1 3(1)');
  });

  it('gets what waited of each type, in the order of the device', () => {
    const socket = follower();
    for (const type of [EventType.message, EventType.pong, EventType.pong, EventType.message]) {
      thread.event(0, 'normal', undefined, type);
      thread.poll();
    }
    expect(news(socket)).toBe('1 2');
    thread.lag(socket);
    socket.drainTo(0);
    pass();
    expect(news(socket)).toBe('3 4');
  });

  it('leaves others what they wait for', () => {
    const [slow, other] = [follower(), follower()];
    messages(3);
    thread.lag(slow);
    messages(1);
    pass();
    slow.drainTo(0);
    expect([slow, other].map(news)).toEqual(['1 gap 3-3', '1 4(2)']);
    pass();
    expect([slow, other].map(news)).toEqual(['4', '']);
  });

  it('gets an urgent event at once, which replaces the message that waited', () => {
    const [slow, other] = [follower(), follower()];
    messages(3);
    thread.event(0, 'normal', undefined, EventType.pong);
    thread.event(0, 'normal', undefined, EventType.pong);
    thread.poll();
    expect([slow, other].map(news)).toEqual(['1 4', '1 4']);
    thread.lag(slow);
    thread.events(0, 'high');
    expect([slow, other].map(news)).toEqual(['6(2)', '6(2)']);
    thread.events(0, 'high');
    slow.drainTo(0);
    pass();
    expect([slow, other].map(news)).toEqual(['7 5', '7 5']);
    expect([thread.count('droppedLagging'), thread.edge.deliverer.sendQueues.slow()]).toEqual([0, []]);
  });

  it('hears nothing of what waited once it has left', () => {
    const socket = follower();
    messages(2);
    news(socket);
    thread.lag(socket);
    thread.detach(socket, 0);
    thread.poll();
    socket.drainTo(0);
    expect([news(socket), thread.count('droppedLagging')]).toEqual(['', 1]);
  });

  it('has had what the others of its round are still to get', () => {
    const socket = follower();
    messages(1);
    const bystanders = Array.from({ length: 1500 }, () => thread.subscriber([0]));
    thread.event(0);
    thread.edge.poll();
    thread.event(0, 'normal', undefined, EventType.status);
    thread.edge.poll();
    socket.queued = QUEUE_BYTES + 1;
    thread.tick();
    thread.poll();
    socket.drainTo(0);
    pass();
    expect(news(socket)).toBe('1 3 2');
    expect(bystanders.every(({ story }) => story === 'd0:2 d0:3')).toBe(true);
  });
});

describe('a follower at a pace of many devices that does not read', () => {
  const DEVICES = 500;
  const PAYLOAD = Buffer.from(JSON.stringify('x'.repeat(1000)));
  const LIMIT = 100_000;
  const devices = Array.from({ length: DEVICES }, (_, n) => n);
  const all = (): void => {
    for (const device of devices) thread.event(device, 'normal', PAYLOAD);
    thread.poll();
  };

  it.each(['', '&batch=true'])(
    'is slow before it is sent all that waits, and catches up in steps (%s)',
    (batch) => {
      thread = new FakeThread({ sendQueueBytes: LIMIT, sendQueueMaxBytes: 3 * LIMIT });
      const socket = thread.subscriber(devices, { query: `&every=${EVERY_MS}${batch}` });
      all();
      news(socket);
      all();
      socket.stalled = true;
      pass();
      expect(socket.queued).toBeGreaterThan(LIMIT);
      expect(socket.queued).toBeLessThan(2.5 * LIMIT);
      expect(thread.count('laggingSubscribers')).toBe(1);
      let steps = 0;
      for (; thread.count('laggingSubscribers') > 0; steps++) {
        socket.drainTo(0);
        expect(socket.queued).toBeLessThan(LIMIT);
      }
      expect(steps).toBeGreaterThan(3);
      expect(socket.closeCode).toBeUndefined();
      const told = news(socket).split(' ');
      expect(told).toEqual(devices.map(() => '2'));
    },
  );

  it('is slow as soon, together with more than can leave all their devices at once', () => {
    thread = new FakeThread({ sendQueueBytes: LIMIT, sendQueueMaxBytes: 3 * LIMIT });
    const sockets = Array.from({ length: 20 }, () =>
      thread.subscriber(devices, { query: `&every=${EVERY_MS}` }),
    );
    all();
    sockets.forEach(news);
    all();
    for (const socket of sockets) socket.stalled = true;
    pass();
    for (const { queued } of sockets) expect(queued).toBeLessThan(2.5 * LIMIT);
    expect(thread.count('laggingSubscribers')).toBe(sockets.length);
  });
});
