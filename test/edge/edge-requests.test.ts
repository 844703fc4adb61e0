/** What peers ask of an edge: how much, and how much at once. */
import { describe, expect, it } from 'vitest';
import { NO_ALLOWANCE } from '../../src/edge/allowance.ts';
import type { GatewayDevice } from '../../src/edge/publish/gateway-device.ts';
import { REQUESTS_WAITING_MAX } from '../../src/limits.ts';
import { ALL_TYPES, type StreamPosition } from '../../src/wire/events.ts';
import { NO_PAST } from '../../src/wire/subscriber-ops.ts';
import { type FakeSocket, FakeThread, type ThreadOptions } from './deliver/fake-thread.ts';
import { openDevice, openGateway, welcome } from './edge-harness.ts';

const list = (id: string) => ({ op: 'list', id, named: undefined, types: ALL_TYPES, past: NO_PAST }) as const;

describe('a rate', () => {
  const RATES: ThreadOptions = { subscriberRate: 2, subscriberBurst: 4, deviceRate: 10, deviceBurst: 20 };

  it('that is exceeded is told with when to come again', () => {
    const thread = new FakeThread(RATES);
    const { edge, clock } = thread;
    const [socket, device] = [thread.subscriber(), openDevice(thread)];
    welcome(thread, device);
    socket.frames.length = device.frames.length = 0;
    const now = clock.now();
    expect([edge.charge(socket.session, 4, now), edge.charge(socket.session, 1, now)]).toEqual([true, false]);
    edge.refuseOverRate(socket.session, 1, '"r"', now);
    expect([edge.charge(device.session, 20, now), edge.charge(device.session, 1, now)]).toEqual([
      true,
      false,
    ]);
    edge.refuseOverRate(device.session, 1, '', now);
    expect(socket.frames).toEqual([
      {
        op: 'error',
        id: 'r',
        code: 111,
        message: 'more than 2 requests per second (burst 4)',
        retryAfterMs: 500,
      },
    ]);
    expect(device.frames).toEqual([
      { op: 'error', code: 111, message: 'more than 10 events per second (burst 20)', retryAfterMs: 100 },
    ]);
    expect([thread.count('droppedSubscriberRate'), thread.count('droppedRate')]).toEqual([1, 1]);
  });

  it('is told in the words of who is meant', () => {
    const thread = new FakeThread(RATES);
    const gateway = openGateway(thread);
    welcome(thread, gateway);
    gateway.frames.length = 0;
    const now = thread.clock.now();
    thread.edge.charge(gateway.session, 20, now);
    thread.edge.refuseOverRate(gateway.session, 1, '', now, gateway.session.codec.device('d-1'));
    expect(gateway.frames).toMatchObject([{ op: 'error', device: 'd-1', code: 111 }]);
  });

  it('follows the peer to its next connection', () => {
    const thread = new FakeThread(RATES);
    const { edge, clock } = thread;
    const first = openDevice(thread, { id: 'dev' });
    edge.charge(first.session, 15, clock.now());
    edge.close(first.session, 1006, false);
    const second = openDevice(thread, { id: 'dev' });
    expect(edge.charge(second.session, 6, clock.now())).toBe(false);
    expect(edge.charge(second.session, 5, clock.now())).toBe(true);
  });

  it('follows a device behind a gateway that says goodbye, too', () => {
    const thread = new FakeThread(RATES);
    const { edge, clock } = thread;
    const { session: gateway } = openGateway(thread);
    const first = edge.gateways.speak(gateway, 'dev', 0) as GatewayDevice;
    edge.charge(first, 15, clock.now());
    edge.gateways.goodbye(first);
    const second = edge.gateways.speak(gateway, 'dev', 0) as GatewayDevice;
    expect(second).not.toBe(first);
    expect([edge.charge(second, 6, clock.now()), edge.charge(second, 5, clock.now())]).toEqual([false, true]);
  });

  it('may be another after a reload, as may the budget of all queues', () => {
    const thread = new FakeThread(RATES);
    const { edge, clock } = thread;
    const behind = edge.gateways.speak(openGateway(thread).session, 'behind', 0) as GatewayDevice;
    const devices = [openDevice(thread).session, behind];
    for (const device of devices) edge.charge(device, 20, clock.now());
    Object.assign(edge.settings, { deviceRate: 0, sendQueuesTotalBytes: 5000 });
    edge.settingsChanged();
    expect(devices.map(({ allowance }) => allowance)).toEqual([NO_ALLOWANCE, NO_ALLOWANCE]);
    expect(edge.queueLimits.totalBytes).toBe(5000);
  });

  it('that waiting frames would far exceed is a flood', () => {
    const thread = new FakeThread(RATES);
    const { session } = thread.subscriber();
    thread.edge.charge(session, 1, thread.clock.now());
    expect(thread.edge.isFlood(session, 10)).toBe(false);
    expect(thread.edge.isFlood(session, 1000)).toBe(true);
  });
});

describe('the requests of a subscriber', () => {
  it('are refused when sixteen wait, with when to come again', () => {
    const thread = new FakeThread();
    const { session, frames } = thread.subscriber();
    frames.length = 0;
    const now = thread.clock.now();
    for (let n = 0; n <= REQUESTS_WAITING_MAX; n++) thread.edge.request(session, list(''), now);
    expect(frames).toEqual([]); // one of them is with the owner
    thread.edge.request(session, list('"late"'), now);
    expect(frames).toEqual([
      {
        op: 'error',
        id: 'late',
        code: 111,
        message: 'too many requests of this subscriber wait for an answer',
        retryAfterMs: 50,
      },
    ]);
    expect(thread.count('droppedSubscriberRate')).toBe(1);
  });

  it('may come again later still where its rate is used up', () => {
    const thread = new FakeThread({ subscriberRate: 1, subscriberBurst: 1 });
    const { session, frames } = thread.subscriber();
    const now = thread.clock.now();
    thread.edge.charge(session, 1, now);
    for (let n = 0; n <= REQUESTS_WAITING_MAX + 1; n++) thread.edge.request(session, list(''), now);
    expect(frames.at(-1)).toMatchObject({ code: 111, retryAfterMs: 1000 });
  });

  it('wait while the edge has much of the owner before it', () => {
    const thread = new FakeThread();
    const sockets = [thread.subscriber(), thread.subscriber()];
    const [{ session }] = sockets as [FakeSocket];
    const filler = Buffer.alloc(16 * 1024 - 8 - 48); // with its header and its ack's 16 KiB
    thread.owner.take();
    thread.link.ack(1, 1, false, filler);
    thread.link.ack(1, 1, false, Buffer.alloc(64));
    thread.link.flush();
    thread.edge.request(session, list(''), 0);
    expect(thread.owner.take()).toEqual([]);
    thread.poll();
    expect(thread.owner.taken('request')).toHaveLength(1);
  });

  it('may come with a hundred thousand positions, those of requests that wait included', () => {
    const thread = new FakeThread();
    const { session, frames } = thread.subscriber();
    frames.length = 0;
    const position: StreamPosition = { epoch: 'e', seq: 1 };
    const positions = (count: number) =>
      new Map(Array.from({ length: count }, (_, n) => [`d-${n}`, position]));
    const refusal = {
      op: 'error',
      code: 106,
      message: 'more than 100000 positions wait to be used',
    };
    thread.edge.noteSince(session, { id: '', since: positions(100_000) });
    expect(frames).toEqual([]);
    thread.edge.noteSince(session, { id: '1', since: new Map([['more', position]]) });
    expect(frames.splice(0)).toEqual([{ ...refusal, id: 1 }]);
    thread.edge.noteSince(session, { id: '', since: positions(60_000) });
    thread.edge.request(session, { ...list(''), op: 'subscribe' }, 0, true);
    thread.edge.noteSince(session, { id: '2', since: positions(40_001) });
    expect(frames.splice(0)).toEqual([{ ...refusal, id: 2 }]);
    thread.edge.noteSince(session, { id: '', since: positions(40_000) });
    expect(frames).toEqual([]);
  });
});
