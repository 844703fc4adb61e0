/** Devices that filters find one by one, many at once: what their followers are told of them leaves together, in order. */
import { beforeEach, describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import type { Frame } from '../../support/frames.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

let thread: FakeThread;
beforeEach(() => {
  thread = new FakeThread({ sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 });
});

/** A subscriber with a count of the writes to its connection. */
function follower(query = ''): { readonly socket: FakeSocket; readonly writes: () => number } {
  const socket = thread.subscriber([], { query });
  let writes = 0;
  let isCorked = false;
  const { send } = socket;
  socket.send = (frame, binary) => {
    if (!isCorked) writes += 1;
    send.call(socket, frame, binary);
  };
  socket.cork = (body) => {
    writes += 1;
    isCorked = true;
    body();
    isCorked = false;
  };
  return { socket, writes: () => writes };
}

const devices = Array.from({ length: 20 }, (_, n) => n);

/** Pages and events, each with its device, in the order of coming. */
function told({ frames }: FakeSocket): string[] {
  return frames.splice(0).flatMap((frame) => {
    if (frame.op === 'batch')
      return (frame.events as readonly Frame[]).map(({ device }) => `event ${device}`);
    if (frame.op === 'event') return [`event ${frame.device}`];
    const [first] = (frame.devices ?? []) as readonly (Frame | string)[];
    if (first === undefined) return [];
    return [typeof first === 'string' ? `notice ${first}` : `page ${first.device}`];
  });
}

/** Each device appears to all of them, and the hub says that it is there. */
function storm(...sockets: readonly FakeSocket[]): void {
  for (const device of devices) {
    for (const socket of sockets) thread.appear(socket, device);
    thread.event(device);
  }
  thread.poll();
}

describe('devices that appear in one poll', () => {
  it.each([
    ['', 1],
    ['&batch=true', 2],
    ['&every=1000&batch=true', 2],
  ])(
    'reach a subscriber with %j in a write of pages, and one of events where they go by no topic',
    (query, most) => {
      const [one, other] = [follower(query), follower(query)];
      storm(one.socket, other.socket);
      for (const { socket, writes } of [one, other]) {
        const topicEvents = query === '' ? devices.length : 0; // the transport puts these together
        expect(writes() - topicEvents).toBeLessThanOrEqual(most);
        const all = told(socket);
        expect(all).toHaveLength(2 * devices.length);
        for (const device of devices)
          expect(all.indexOf(`page d${device}`)).toBeLessThan(all.indexOf(`event d${device}`));
      }
    },
  );

  it('are told of in writes of a bounded size', () => {
    const { socket, writes } = follower();
    for (let device = 0; device < 200; device++) thread.appear(socket, device);
    thread.poll();
    expect(told(socket)).toHaveLength(200);
    expect(writes()).toBe(Math.ceil(200 / 64));
  });

  it('are told of before an answer, and before the connection is closed', () => {
    const { socket } = follower();
    thread.appear(socket, 1);
    thread.notice(socket, ['other']);
    thread.poll();
    expect(told(socket)).toEqual(['page d1', 'notice other']);
    thread.appear(socket, 2);
    thread.poll();
    socket.session.close(closes.kicked);
    expect(told(socket)).toEqual(['page d2']);
  });
});

describe('the page of a device that has events', () => {
  it.each(['', '&batch=true', '&every=1000'])('comes behind those that it counts, with %j', (query) => {
    const [early, late] = [follower(query), follower(query)];
    thread.appear(early.socket, 1);
    thread.event(1);
    thread.event(1, 'high');
    thread.appear(late.socket, 1);
    thread.event(1, 'high');
    thread.poll();
    expect(told(early.socket)).toHaveLength(4);
    expect(told(late.socket)).toEqual(['page d1', 'event d1']);
  });
});
