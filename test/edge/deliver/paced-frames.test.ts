/** What subscribers at a pace get together: whose bytes are shared, in which order, in frames of which size. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX } from '../../../src/edge/deliver/outbox-frames.ts';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { EventType } from '../../../src/wire/events.ts';
import type { Frame } from '../../support/frames.ts';
import { type FakeSocket, FakeThread, type SubscriberOptions } from './fake-thread.ts';

const EVERY_MS = 1000;
const ROOMY = { sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 } as const;

let thread: FakeThread;
beforeEach(() => {
  thread = new FakeThread(ROOMY);
});

/** A subscriber at a pace, and the frames with events that its connection was handed. */
function follower(devices: readonly number[], { query = '&batch=true', ...more }: SubscriberOptions = {}) {
  const socket = thread.subscriber(devices, { ...more, query: `&every=${EVERY_MS}${query}` });
  const handed: Uint8Array[] = [];
  const send = socket.send.bind(socket);
  socket.send = (frame, binary) => {
    if (typeof frame !== 'string') handed.push(frame);
    send(frame, binary);
  };
  return { socket, handed };
}

/** An event of each device, twice: the first goes at once, the second waits. */
function twice(devices: readonly number[], payload?: Uint8Array): void {
  for (let n = 0; n < 2; n++) {
    for (const device of devices) thread.event(device, 'normal', payload);
    thread.poll();
  }
}

const pass = (): void => thread.pass(EVERY_MS + PACE_STEP_MS_MAX);

interface Told {
  readonly device: string;
  readonly seq: number;
}

function eventsOf(socket: FakeSocket): string[] {
  return socket.frames.splice(0).flatMap((frame) => {
    const events = (
      frame.op === 'batch' ? frame.events : frame.op === 'event' ? [frame] : []
    ) as readonly Told[];
    return events.map(({ device, seq }) => `${device}:${seq}`);
  });
}

const devices = [1, 2, 3];

describe('subscribers at a pace', () => {
  it('that follow the same devices get the same bytes', () => {
    const all = [follower(devices), follower(devices), follower(devices)];
    twice(devices);
    pass();
    expect(thread.edge.deliverer.paces.cohortCount).toBe(1);
    for (const { handed } of all) {
      expect(handed).toHaveLength(2);
      expect(handed.every((frame, n) => frame === all[0]!.handed[n])).toBe(true);
    }
    expect(eventsOf(all[1]!.socket)).toEqual(['d1:1', 'd2:1', 'd3:1', 'd1:2', 'd2:2', 'd3:2']);
  });

  it('that follow one device less get one frame too, of what they follow', () => {
    const [some, other] = [follower(devices), follower(devices)];
    const fewer = follower([1, 3]);
    twice(devices);
    pass();
    for (const { handed } of [some, other, fewer]) expect(handed).toHaveLength(2);
    expect(eventsOf(some.socket).sort()).toEqual(['d1:1', 'd1:2', 'd2:1', 'd2:2', 'd3:1', 'd3:2']);
    expect(other.handed[0]).toBe(some.handed[0]);
    expect(eventsOf(fewer.socket).sort()).toEqual(['d1:1', 'd1:2', 'd3:1', 'd3:2']);
  });

  it('that leave a device get no event of it, and the others still do', () => {
    const [some, other] = [follower(devices), follower(devices)];
    twice(devices);
    thread.detach(some.socket, 2);
    thread.poll();
    pass();
    expect(eventsOf(some.socket).sort()).toEqual(['d1:1', 'd1:2', 'd2:1', 'd3:1', 'd3:2']);
    expect(eventsOf(other.socket)).toHaveLength(6);
  });

  it('that are closed while others wait get nothing more', () => {
    const [some, other] = [follower(devices), follower(devices)];
    twice(devices);
    thread.end(some.socket);
    pass();
    expect(eventsOf(some.socket)).toHaveLength(3);
    expect(eventsOf(other.socket)).toHaveLength(6);
    thread.end(other.socket);
    expect(thread.edge.deliverer.paces.cohortCount).toBe(0);
  });

  it.each([
    ['JSON', {}],
    ['binary', { binary: true, query: '' }],
    ['events by themselves', { query: '' }],
  ] as const)('get what they follow in %s, beside others in batches', (_how, options) => {
    const [batched, plain] = [follower(devices), follower([1, 2], options)];
    twice(devices);
    pass();
    expect(eventsOf(batched.socket)).toHaveLength(6);
    const told = plain.socket.frames.flatMap((frame) => {
      if (frame.op === 'batch') return frame.events as readonly Frame[];
      return frame.seq === undefined ? [] : [frame];
    });
    expect(told).toHaveLength(4);
  });

  it('get high events first of what goes at once', () => {
    const { socket } = follower(devices);
    thread.event(1);
    thread.event(2, 'low', undefined, EventType.pong);
    thread.event(3, 'high');
    thread.poll();
    expect(eventsOf(socket)).toEqual(['d3:1', 'd1:1', 'd2:1']);
  });

  it('are sent to after vips', () => {
    const order: string[] = [];
    const note = (name: string, { socket }: { readonly socket: FakeSocket }): void => {
      const send = socket.send.bind(socket);
      socket.send = (frame, binary) => {
        order.push(name);
        send(frame, binary);
      };
    };
    note('other', follower(devices));
    note('vip', follower(devices, { vip: true }));
    twice([1]);
    pass();
    expect(order).toEqual(['vip', 'other', 'vip', 'other']);
  });

  it('get frames of a bounded size, with everything in them once', () => {
    const large = Buffer.from(JSON.stringify('x'.repeat(BATCH_BYTES_MAX / 3)));
    const many = [1, 2, 3, 4, 5, 6, 7];
    const all = [follower(many), follower(many), follower([1, 2, 3, 4, 5])];
    twice(many, large);
    pass();
    for (const { handed, socket } of all) {
      for (const frame of handed) expect(frame.length).toBeLessThanOrEqual(BATCH_BYTES_MAX + 100);
      const told = eventsOf(socket);
      expect(new Set(told).size).toBe(told.length);
    }
    expect(all[0]!.handed.length).toBeLessThan(2 * many.length);
  });
});

describe('more subscribers at a pace than one set may hold', () => {
  it('all get what they follow', () => {
    const all = Array.from({ length: 300 }, () => follower([1], { query: '' }));
    twice([1]);
    pass();
    expect(thread.edge.deliverer.paces.cohortCount).toBe(2);
    for (const { socket } of all) expect(eventsOf(socket)).toEqual(['d1:1', 'd1:2']);
  });
});
