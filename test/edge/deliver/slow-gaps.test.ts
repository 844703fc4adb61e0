/** What a slow subscriber is told of events that were lost before they came to its thread: at once, later, or never. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { MISSED_RUNS_MAX } from '../../../src/limits.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES_MAX } from './fake-thread.ts';

/** A subscriber with so many bytes in its queue that it is slow. */
function slowWith(queued: number, devices: readonly number[]): { thread: FakeThread; socket: FakeSocket } {
  const thread = new FakeThread();
  const socket = thread.subscriber(devices);
  thread.lag(socket, queued);
  return { thread, socket };
}

/** So many gaps of a device, each of one event. */
function lose(thread: FakeThread, device: number, gaps: number): void {
  for (let n = 0; n < gaps; n++) thread.overload(device, 1);
  thread.poll();
}

describe('a slow subscriber of whose device events were lost', () => {
  it('is told at once while up to half of what its queue may hold waits', () => {
    const { thread, socket } = slowWith(QUEUE_BYTES_MAX / 2, [0]);
    lose(thread, 0, 1);
    expect(socket.news()).toBe('gap d0:1-1 overload');
  });

  it('has at most so many gaps of a device to be told of later: one more closes it', () => {
    const { thread, socket } = slowWith(QUEUE_BYTES_MAX / 2 + 1, [0, 1]);
    for (const device of [0, 1]) lose(thread, device, MISSED_RUNS_MAX);
    expect([socket.closeCode, socket.news()]).toEqual([undefined, '']);
    lose(thread, 1, 1);
    expect([socket.closeCode, thread.count('closedLagging')]).toEqual([closes.slow.code, 1]);
  });

  it('is told nothing any more once it is to be closed', () => {
    const { thread, socket } = slowWith(QUEUE_BYTES_MAX / 4, [0]);
    socket.session.close(closes.slow);
    lose(thread, 0, 1);
    expect(socket.news()).toBe('');
  });

  it.each(['before', 'after'])(
    'is told of gaps %s the event that is kept for it, and no more devices than there is room for',
    (where) => {
      const { thread, socket } = slowWith(QUEUE_BYTES_MAX / 2 + 1, [0, 1]);
      const gaps = 8; // more than half of what makes it slow
      if (where === 'before') lose(thread, 0, gaps);
      for (const device of [0, 1]) thread.events(device, 'normal');
      if (where === 'after') lose(thread, 0, gaps);
      socket.stalled = true;
      socket.drainTo(0);
      const told = socket.news();
      expect(told.match(/gap d0/g)).toHaveLength(gaps);
      expect(told).toMatch(where === 'before' ? /d0:9$/ : /^d0:1 /);
      socket.drainTo(0);
      expect(socket.news()).toBe('d1:1');
    },
  );
});
