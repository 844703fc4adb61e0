import { describe, expect, it } from 'vitest';
import { POLL_MS_MAX } from '../../src/limits.ts';
import { FakeThread } from './deliver/fake-thread.ts';

/** What a record takes; a sum of these is exact. */
const STEP_MS = 0.125;

describe('an edge', () => {
  it('looks at its sockets while it does what the owner says, however much that is', () => {
    const thread = new FakeThread({ sendQueueBytes: 1e6, sendQueueMaxBytes: 1e7 });
    const socket = thread.subscriber();
    const devices = Array.from({ length: 1000 }, (_, n) => n);
    for (const device of devices) thread.attach(socket, device);
    thread.event(999);
    const { clock } = thread;
    Object.defineProperty(clock, 'now', { value: () => (clock.nowMs += STEP_MS) }); // each record takes its time
    let polls = 0;
    do {
      const done = thread.edge.poll();
      polls += 1;
      expect(done).toBeGreaterThan(0);
      expect(done).toBeLessThanOrEqual(POLL_MS_MAX / STEP_MS);
      if (socket.topics.size < 1000) expect(thread.edge.hasUnsent).toBe(true);
    } while (thread.edge.hasRecords());
    expect(polls).toBeGreaterThan(10);
    thread.poll();
    expect(socket.topics.size).toBe(1000);
    expect(socket.news()).toBe('d999:1');
    expect(thread.edge.hasUnsent).toBe(false);
  });
});
