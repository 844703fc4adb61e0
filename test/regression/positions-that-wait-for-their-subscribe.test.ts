/** A subscribe that was refused copied all positions that its peer had given before: ten milliseconds a frame. */
import { expect, it } from 'vitest';
import { REQUESTS_WAITING_MAX } from '../../src/limits.ts';
import { ALL_TYPES, type StreamPosition } from '../../src/wire/events.ts';
import { NO_PAST } from '../../src/wire/subscriber-ops.ts';
import { FakeThread } from '../edge/deliver/fake-thread.ts';

const FRAMES = 50;
const POSITIONS = 100_000;
const position: StreamPosition = { epoch: 'k3', seq: 41 };
const subscribe = Buffer.from(JSON.stringify({ op: 'subscribe', devices: ['d-1'] }));

it('a subscribe that is refused costs no more for the positions that wait', () => {
  const took = [0, POSITIONS].map((count) => {
    const thread = new FakeThread({ subscriberRate: 0 });
    const socket = thread.subscriber();
    const { session } = socket;
    const list = { op: 'list', id: '', named: undefined, types: ALL_TYPES, past: NO_PAST } as const;
    // One is with the owner, and as many as may wait do.
    for (let n = 0; n <= REQUESTS_WAITING_MAX; n++) thread.edge.request(session, list, 0);
    const since = new Map(Array.from({ length: count }, (_, n) => [`d-${n}`, position]));
    thread.edge.noteSince(session, { id: '', since });
    socket.frames.length = 0;
    const startedAt = performance.now();
    for (let n = 0; n < FRAMES; n++) thread.route.message(socket, subscribe, false);
    const ms = performance.now() - startedAt;
    expect(socket.frames.map(({ code }) => code)).toEqual(Array.from({ length: FRAMES }, () => 111));
    return ms;
  });
  expect(took[1]).toBeLessThan(50 + 10 * took[0]!);
});
