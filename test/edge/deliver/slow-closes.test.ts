import { describe, expect, it } from 'vitest';
import { MISSED_RUNS_MAX, SLOW_MS_MAX } from '../../../src/limits.ts';
import { FakeThread, QUEUE_BYTES, QUEUE_BYTES_MAX } from './fake-thread.ts';

describe('a slow subscriber is closed with 4108', () => {
  it('above the hard limit, when it is looked at', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow, QUEUE_BYTES_MAX);
    expect(slow.closeCode).toBeUndefined();
    thread.events(0, 'normal');
    thread.lag(slow, QUEUE_BYTES_MAX + 1);
    expect(slow.closeCode).toBe(4108);
    expect(slow.topics.size).toBe(0);
    expect(thread.count('closedOverQueue')).toBe(1);
    expect(thread.count('laggingSubscribers')).toBe(0);
    expect(thread.count('droppedLagging')).toBe(1);
  });

  it('above the hard limit, by the next high event', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    const other = thread.subscriber([0]);
    for (const socket of [slow, other]) thread.lag(socket);
    slow.queued = QUEUE_BYTES_MAX + 1;
    thread.events(0, 'high', 'normal', 'high');
    expect(slow.closeCode).toBe(4108);
    expect(other.news()).toBe('d0:1 d0:3');
    expect(thread.count('droppedSlow')).toBe(1);
    expect(thread.count('deliveries')).toBe(2);
  });

  it('above the hard limit, by answers that it does not read', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber();
    slow.stalled = true;
    for (let n = 0; n < 50; n++) thread.notice(slow, ['x'.repeat(128)]);
    thread.poll();
    expect(slow.closeCode).toBe(4108);
    expect(slow.queued).toBeLessThan(QUEUE_BYTES_MAX + 500);
  });

  it('after lagging for 30 seconds, without another event', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.clock.advance(SLOW_MS_MAX);
    thread.tick();
    expect(slow.closeCode).toBeUndefined();
    thread.clock.advance(1);
    thread.tick();
    expect(slow.closeCode).toBe(4108);
    expect(thread.count('closedLagging')).toBe(1);
  });

  it('but not after lagging twice for less', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    for (let turn = 0; turn < 2; turn++) {
      thread.lag(slow);
      thread.clock.advance(SLOW_MS_MAX - 1);
      thread.tick();
      slow.drainTo(0);
    }
    expect(slow.closeCode).toBeUndefined();
  });

  it('when it would have to be told of too many gaps', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    for (let n = 0; n < MISSED_RUNS_MAX; n++) thread.events(0, 'normal', 'high');
    expect(slow.closeCode).toBeUndefined();
    thread.events(0, 'normal', 'high');
    expect(slow.closeCode).toBe(4108);
  });

  it('at once where the hard limit is not above the other', () => {
    const thread = new FakeThread({ sendQueueBytes: QUEUE_BYTES, sendQueueMaxBytes: 500 });
    const slow = thread.subscriber([0]);
    thread.lag(slow, 501);
    expect(slow.closeCode).toBe(4108);
    expect(thread.count('laggingSubscribers')).toBe(0);
  });
});

describe('the budget of all queues', () => {
  it('takes the largest first, and only as many as it must', () => {
    const thread = new FakeThread({ sendQueuesTotalBytes: 2000, sendQueueBytes: 3000 });
    const sockets = [300, 1200, 100, 900, 0].map((queued) => {
      const socket = thread.subscriber([0]);
      socket.queued = queued;
      return socket;
    });
    thread.tick();
    expect(sockets.map(({ closeCode }) => closeCode)).toEqual([
      undefined,
      4108,
      undefined,
      undefined,
      undefined,
    ]);
    expect(thread.count('closedOverBudget')).toBe(1);
    expect(thread.count('queuedBytes')).toBe(2500);
  });

  it('is shared out over the threads, and 0 is none', () => {
    const closed = (options: { sendQueuesTotalBytes: number; fanoutThreads: number }): number => {
      const thread = new FakeThread({ ...options, sendQueueBytes: 3000 });
      const socket = thread.subscriber([0]);
      socket.queued = 1500;
      thread.tick();
      return thread.count('closedOverBudget');
    };
    expect(closed({ sendQueuesTotalBytes: 3000, fanoutThreads: 2 })).toBe(0);
    expect(closed({ sendQueuesTotalBytes: 3000, fanoutThreads: 3 })).toBe(1);
    expect(closed({ sendQueuesTotalBytes: 0, fanoutThreads: 1 })).toBe(0);
  });

  it('leaves the closed what waits for them, unless they hold as much again', () => {
    const thread = new FakeThread({ sendQueuesTotalBytes: 1500, sendQueueBytes: 3000 });
    const sockets = [1000, 1100, 1200].map((queued) => {
      const socket = thread.subscriber([0]);
      socket.queued = queued;
      return socket;
    });
    thread.tick();
    expect(sockets.map(({ closeCode }) => closeCode)).toEqual([undefined, 4108, 4108]);
    expect(sockets.map(({ terminated }) => terminated)).toEqual([false, false, false]);
    thread.tick();
    expect(sockets.map(({ terminated }) => terminated)).toEqual([false, false, true]);
  });

  it('counts the missed events that are kept', () => {
    const thread = new FakeThread({ sendQueuesTotalBytes: 20_000 });
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.event(0, 'normal', Buffer.from(JSON.stringify('x'.repeat(30_000))));
    thread.poll();
    thread.tick();
    expect(slow.closeCode).toBe(4108);
    const other = thread.subscriber([0]);
    other.queued = 10;
    thread.tick();
    expect(other.closeCode).toBeUndefined();
  });
});
