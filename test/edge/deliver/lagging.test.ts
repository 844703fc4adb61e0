import { describe, expect, it } from 'vitest';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { POLL_RECORDS_MAX } from '../../../src/limits.ts';
import { typeBits } from '../../../src/wire/events.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES, QUEUE_BYTES_MAX } from './fake-thread.ts';

const QUARTER = QUEUE_BYTES / 4;

describe('a subscriber whose queue passes its limit', () => {
  it('gets no low and normal events until a quarter is left, then a gap and the newest missed event', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.events(0, 'normal');
    thread.lag(slow);
    thread.events(0, 'normal', 'low');
    thread.events(0, 'normal');
    slow.drainTo(QUARTER + 1);
    expect(slow.news()).toBe('d0:1');
    slow.drainTo(QUARTER);
    expect(slow.news()).toBe('gap d0:2-3 slow d0:4');
    thread.events(0, 'low', 'normal');
    expect(slow.news()).toBe('d0:6 d0:5');
  });

  it('is left alone up to the limit', () => {
    const thread = new FakeThread();
    const reader = thread.subscriber([0]);
    thread.lag(reader, QUEUE_BYTES);
    thread.events(0, 'low');
    expect(reader.news()).toBe('d0:1');
    expect(thread.count('laggingSubscribers')).toBe(0);
  });

  it('gets high events meanwhile, and no gap covers one of them', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal', 'high', 'normal');
    thread.events(0, 'low', 'high');
    thread.events(0, 'high', 'normal', 'normal');
    expect(slow.news()).toBe('d0:2 d0:5 d0:6');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-1 slow gap d0:3-4 slow gap d0:7-7 slow d0:8');
  });

  it('gets what it missed without a gap when that is one event, and nothing when it is none', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0, 1, 2]);
    thread.lag(slow);
    thread.events(0, 'normal');
    thread.events(1, 'high');
    slow.drainTo(0);
    expect(slow.news()).toBe('d1:1 d0:1');
    thread.events(2, 'normal');
    expect(slow.news()).toBe('d2:1');
  });

  it('gets the newest of all it missed, whatever the order of priorities within a round', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'low', 'normal', 'normal', 'low');
    thread.events(0, 'low', 'normal');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-5 slow d0:6');
  });

  it('is told of each device by itself', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0, 1]);
    const reader = thread.subscriber([0, 1]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    thread.events(1, 'low', 'low', 'low');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-1 slow d0:2 gap d1:1-2 slow d1:3');
    expect(reader.news()).toBe('d0:1 d0:2 d1:1 d1:2 d1:3');
  });

  it('is told of what it missed itself, however long others lag, in its own encoding', () => {
    const thread = new FakeThread();
    const [first, second] = [thread.subscriber([0]), thread.subscriber([0], { binary: true })];
    thread.lag(first);
    thread.events(0, 'normal', 'normal');
    thread.lag(second);
    expect(second.news()).toBe('d0:1 d0:2');
    second.drainTo(0);
    expect(second.news()).toBe('');
    thread.lag(second);
    thread.events(0, 'normal', 'normal', 'normal');
    second.drainTo(0);
    expect(second.frames.at(-1)?.head).toBeDefined();
    expect(second.news()).toBe('gap d0:3-4 slow d0:5');
    thread.events(0, 'normal');
    first.drainTo(0);
    expect(first.news()).toBe('gap d0:1-5 slow d0:6');
    expect(second.news()).toBe('d0:6');
  });

  it('is told of every gap, however many there are, when others have recovered before', () => {
    const thread = new FakeThread();
    const [first, second] = [thread.subscriber([0]), thread.subscriber([0])];
    thread.lag(first);
    for (let n = 0; n < 100; n++) thread.events(0, 'normal', 'high');
    thread.lag(second);
    for (let n = 0; n < 100; n++) thread.events(0, 'normal', 'high');
    second.drainTo(0);
    first.drainTo(0);
    const gaps = (socket: FakeSocket) =>
      socket.frames.filter(({ op }) => op === 'gap').map(({ from }) => from);
    expect(gaps(first)).toEqual(Array.from({ length: 199 }, (_, n) => 2 * n + 1));
    expect(gaps(second)).toEqual(Array.from({ length: 99 }, (_, n) => 2 * n + 201));
  });

  it('may lag again and again', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    for (let round = 0; round < 3; round++) {
      thread.lag(slow);
      thread.events(0, 'normal', 'normal');
      slow.drainTo(0);
      thread.events(0, 'normal');
    }
    expect(slow.news()).toBe('gap d0:1-1 slow d0:2 d0:3 gap d0:4-4 slow d0:5 d0:6 gap d0:7-7 slow d0:8 d0:9');
  });

  it('is not taken for slow when the queue has drained before the round was over', () => {
    const thread = new FakeThread();
    const others = Array.from({ length: 5 * SHARD_SOCKETS_MAX }, () => thread.subscriber([0]));
    thread.event(0);
    thread.edge.poll(); // some shards have it, others wait
    others[0]!.queued = QUEUE_BYTES + 1;
    thread.tick();
    others[0]!.drainTo(0);
    thread.poll();
    thread.events(0, 'normal');
    expect(thread.count('laggingSubscribers')).toBe(0);
    expect(others.every((socket) => socket.story === 'd0:1 d0:2')).toBe(true);
  });

  it('has all of a round or nothing, when it falls behind within one', () => {
    const thread = new FakeThread();
    const others = Array.from({ length: 5 * SHARD_SOCKETS_MAX }, () => thread.subscriber([0]));
    const [early, late] = [others[0]!, others.at(-1)!];
    thread.event(0);
    thread.edge.poll();
    expect([early.story, late.story]).toEqual(['d0:1', '']);
    for (const slow of [early, late]) thread.lag(slow);
    thread.event(0);
    thread.poll();
    expect([early.story, late.story]).toEqual(['d0:1', 'd0:1']);
    for (const slow of [early, late]) slow.drainTo(0);
    expect([early.story, late.story]).toEqual(['d0:1 d0:2', 'd0:1 d0:2']);
  });

  it('is found within a poll in which much is published, before it is closed for it', () => {
    const thread = new FakeThread({ sendQueueBytes: 200_000, sendQueueMaxBytes: 400_000 });
    const slow = thread.subscriber([0]);
    slow.stalled = true;
    const large = Buffer.from(JSON.stringify('x'.repeat(20_000)));
    for (let n = 0; n < 100; n++) thread.event(0, 'normal', large);
    thread.edge.poll();
    expect(slow.closeCode).toBeUndefined();
    expect(slow.queued).toBeGreaterThan(200_000);
    expect(thread.count('laggingSubscribers')).toBe(1);
    expect(thread.count('deliveries') + thread.count('droppedLagging')).toBe(99); // one is kept
  });

  it('gets answers and notices while it lags', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.notice(slow);
    thread.event(0, 'normal');
    thread.notice(slow);
    thread.poll();
    thread.route.message(slow, Buffer.from('nonsense'), false);
    expect(slow.news()).toBe('status status error');
  });

  it('passes on at once what was lost before it came to this thread, and covers it once', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    thread.overload(0, 2);
    thread.events(0, 'normal', 'normal');
    expect(slow.news()).toBe('gap d0:3-4 overload');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-2 slow gap d0:5-5 slow d0:6');
  });

  it('is told later what was lost before it came to this thread, where half of what may wait does so', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow, QUEUE_BYTES_MAX / 2 + 1);
    thread.overload(0, 1);
    thread.events(0, 'normal', 'normal');
    thread.overload(0, 2);
    slow.queued = QUEUE_BYTES_MAX / 2;
    thread.overload(0, 1); // behind the others, though there is room
    thread.poll();
    expect(slow.news()).toBe('');
    slow.drainTo(0);
    expect(slow.news()).toBe(
      'gap d0:2-2 slow gap d0:1-1 overload d0:3 gap d0:4-5 overload gap d0:6-6 overload',
    );
    thread.events(0, 'normal');
    expect(slow.news()).toBe('d0:7');
  });

  it('is told of what was lost, but no more than once, when it asks for other types of the device', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow, QUEUE_BYTES_MAX / 2 + 1);
    thread.overload(0, 2);
    thread.attach(slow, 0, undefined, typeBits.message);
    thread.poll();
    expect(slow.news()).toBe('gap d0:1-2 overload');
    slow.drainTo(0);
    expect(slow.news()).toBe('');
  });

  it('is not told of what was lost of a device that it left', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow, QUEUE_BYTES_MAX / 2 + 1);
    thread.overload(0, 2);
    thread.detach(slow, 0);
    thread.attach(slow, 0);
    thread.poll();
    slow.drainTo(0);
    expect(slow.news()).toBe('');
  });

  it('is not closed for gaps of many devices, whatever it was before', () => {
    const devices = Array.from({ length: 1000 }, (_, device) => device);
    const thread = new FakeThread({ sendQueueBytes: 8 * 1024, sendQueueMaxBytes: 32 * 1024, devices: 1000 });
    const reader = thread.subscriber(devices);
    reader.stalled = true;
    thread.clock.advance(1000);
    for (const device of devices) thread.overload(device, 1);
    thread.poll();
    thread.tick();
    expect([reader.closeCode, thread.count('laggingSubscribers')]).toEqual([undefined, 1]);
    const told = new Set<string>();
    for (let reads = 0; reads < devices.length; reads++) {
      for (const { op, device } of reader.frames.splice(0)) if (op === 'gap') told.add(device!);
      reader.drainTo(0);
      thread.poll();
    }
    expect([told.size, reader.closeCode, thread.count('laggingSubscribers')]).toEqual([1000, undefined, 0]);
  });
});

describe('a lagging subscriber that changes its subscriptions', () => {
  it('gets nothing more of a device that it left or that was taken from it', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0, 1]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    thread.events(1, 'normal');
    thread.notice(slow);
    thread.detach(slow, 0);
    thread.poll();
    slow.drainTo(0);
    thread.events(0, 'high', 'normal');
    expect(slow.news()).toBe('status d1:1');
    expect(thread.count('droppedLagging')).toBe(2);
  });

  it('gets nothing of a device between the answer that ends it and the end of it', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    for (let n = 1; n < POLL_RECORDS_MAX; n++) thread.event(0, 'normal');
    thread.notice(slow);
    thread.detach(slow, 0);
    thread.edge.poll();
    slow.drainTo(0);
    expect(slow.story).toBe('status');
    thread.poll();
    expect(slow.story).toBe('status');
  });

  it('misses events of a new subscription from its snapshot on', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber();
    thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    thread.attach(slow, 0);
    thread.notice(slow);
    thread.events(0, 'normal', 'normal', 'high');
    expect(slow.news()).toBe('status d0:5');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:3-3 slow d0:4');
  });

  it('starts anew with a device that it left and entered again', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    const other = thread.subscriber([0]);
    for (const socket of [slow, other]) thread.lag(socket);
    thread.events(0, 'normal', 'normal');
    thread.detach(slow, 0);
    thread.events(0, 'normal');
    thread.attach(slow, 0);
    thread.events(0, 'normal', 'normal');
    for (const socket of [slow, other]) socket.drainTo(0);
    expect(slow.news()).toBe('gap d0:4-4 slow d0:5');
    expect(other.news()).toBe('gap d0:1-4 slow d0:5');
  });

  it('gets nothing of the device that had the slot before', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    thread.detach(slow, 0);
    thread.attach(slow, 0, 'another');
    thread.poll();
    slow.drainTo(0);
    thread.events(0, 'normal');
    expect(slow.news()).toBe('another:3');
  });

  it('may become a vip meanwhile, or be none any more', () => {
    for (const vip of [true, false]) {
      const thread = new FakeThread();
      const slow = thread.subscriber([0], { vip: !vip });
      thread.lag(slow);
      thread.events(0, 'normal', 'normal');
      thread.setVip(slow, vip);
      thread.events(0, 'normal', 'high');
      expect(slow.news()).toBe('d0:4');
      slow.drainTo(0);
      expect(slow.news()).toBe('gap d0:1-2 slow d0:3');
      thread.events(0, 'normal');
      expect(slow.news()).toBe('d0:5');
    }
  });

  it('loses and doubles nothing when it recovers as a vip, or as none, between two rounds', () => {
    for (const vip of [true, false]) {
      const thread = new FakeThread();
      for (let n = 0; n < 5 * SHARD_SOCKETS_MAX; n++) thread.subscriber([0]);
      const slow = thread.subscriber([0], { vip: !vip });
      thread.lag(slow);
      thread.setVip(slow, vip);
      thread.poll();
      thread.event(0);
      thread.edge.poll(); // the round takes more than one poll
      thread.event(0); // vips have this one, or miss it, before the others
      thread.edge.poll();
      if (vip) for (let shard = 2; shard <= 5; shard++) thread.edge.poll(); // with a vip, a shard a poll
      expect(thread.edge.deliverer.hasUnsent).toBe(true);
      slow.drainTo(0);
      thread.poll();
      thread.events(0, 'normal');
      expect(slow.news()).toBe('gap d0:1-1 slow d0:2 d0:3');
    }
  });

  it('has nothing kept for it once it is gone', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0, 1]);
    thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal', 'normal');
    expect(thread.count('laggingSubscribers')).toBe(1);
    thread.end(slow);
    thread.events(0, 'normal');
    thread.tick();
    expect(thread.count('laggingSubscribers')).toBe(0);
    expect(thread.count('droppedLagging')).toBe(2);
    expect(thread.edge.deliverer.hasUnsent).toBe(false);
  });
});

describe('a vip that lags', () => {
  it('is treated as others are', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0], { vip: true });
    const vip = thread.subscriber([0], { vip: true });
    thread.lag(slow);
    thread.events(0, 'normal', 'high', 'normal');
    expect(slow.news()).toBe('d0:2');
    expect(vip.news()).toBe('d0:2 d0:1 d0:3');
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-1 slow d0:3');
    thread.events(0, 'normal');
    expect([slow.news(), vip.news()]).toEqual(['d0:4', 'd0:4']);
  });
});

describe('recovery', () => {
  it('goes device by device while there is room, and what has not come yet waits', () => {
    const thread = new FakeThread();
    const devices = Array.from({ length: 30 }, (_, device) => device);
    const slow = thread.subscriber(devices);
    thread.lag(slow);
    for (const device of devices) thread.events(device, 'normal', 'normal');
    slow.stalled = true;
    slow.drainTo(0);
    const told = slow.frames.filter(({ op }) => op === 'event').length;
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(devices.length);
    expect(slow.queued).toBeLessThanOrEqual(QUEUE_BYTES);
    expect(thread.count('laggingSubscribers')).toBe(1);
    thread.events(0, 'normal'); // of one that is back
    thread.events(29, 'normal'); // of one that is not
    slow.stalled = false;
    slow.drainTo(0);
    thread.poll();
    expect(thread.count('laggingSubscribers')).toBe(0);
    const of = (device: number) => slow.frames.filter(({ device: id }) => id === `d${device}`);
    for (const device of devices.slice(1, -1))
      expect(of(device)).toMatchObject([{ op: 'gap', from: 1, to: 1 }, { seq: 2 }]);
    expect(of(0)).toMatchObject([{ op: 'gap', from: 1, to: 1 }, { seq: 2 }, { seq: 3 }]);
    expect(of(29)).toMatchObject([{ op: 'gap', from: 1, to: 2 }, { seq: 3 }]);
  });

  it('does not need a device, nor an event', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber();
    thread.lag(slow);
    expect(thread.count('laggingSubscribers')).toBe(1);
    slow.drainTo(0);
    expect(thread.count('laggingSubscribers')).toBe(0);
  });

  it('comes with the next look where nobody says that the queue has drained', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.events(0, 'normal');
    slow.queued = QUARTER;
    thread.tick();
    expect(slow.news()).toBe('d0:1');
  });
});

describe('the books', () => {
  it('count each event for each subscriber once, as delivered or as dropped', () => {
    const thread = new FakeThread();
    const [slow, gone, reader] = [thread.subscriber([0]), thread.subscriber([0]), thread.subscriber([0])];
    for (const socket of [slow, gone]) thread.lag(socket);
    for (let n = 0; n < 10; n++) thread.events(0, 'normal', 'low', 'high');
    thread.end(gone);
    slow.drainTo(0);
    for (let n = 0; n < 10; n++) thread.events(0, 'normal', 'low', 'high');
    const delivered = [slow, gone, reader].map(
      ({ frames }) => frames.filter(({ op }) => op === 'event').length,
    );
    expect(delivered).toEqual([10 + 1 + 30, 10, 60]);
    expect(thread.count('deliveries')).toBe(41 + 10 + 60);
    expect(thread.count('droppedLagging')).toBe(19 + 20);
  });
});
