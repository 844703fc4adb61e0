import { describe, expect, it } from 'vitest';
import { SUBSCRIBER_PATH, SubscriberRoute } from '../../../src/edge/deliver/subscriber-route.ts';
import { DEVICES_PER_SLICE, REQUESTS_WAITING_MAX, TRANSPORT_FRAME_FACTOR } from '../../../src/limits.ts';
import type { UpgradeAnswer } from '../../../src/transport/transport.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

function upgrade(thread: FakeThread, query: string, protocol = '') {
  const answer = thread.route.upgrade({
    query: `id=s-1${query}`,
    header: (name) => (name === 'sec-websocket-protocol' ? protocol : ''),
    remoteAddress: '',
  });
  if (answer instanceof Promise) throw new Error('it waits for something');
  return answer;
}

function accepted(query: string, protocol = '') {
  const answer = upgrade(new FakeThread(), query, protocol);
  if (!('session' in answer)) throw new Error(answer.message);
  return answer;
}

const frame = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

/** The peer sends a frame. */
function send(thread: FakeThread, socket: FakeSocket, value: unknown, binary = false): void {
  thread.route.message(socket, frame(value), binary);
}

/** A subscriber with nothing left to be told, on an edge whose owner has been told of it. */
function connected(options = {}): { thread: FakeThread; socket: FakeSocket } {
  const thread = new FakeThread(options);
  const socket = thread.subscriber();
  socket.frames.length = 0;
  thread.owner.take();
  return { thread, socket };
}

describe('an upgrade to /v1/subscribe', () => {
  it.each([
    ['&batch=maybe', 'batch: expected true or false'],
    ['&hold=1', 'hold: expected true or false'],
    ...['99', '60001', '1e3', '100.5', '-100', '', 'x', '100000', '0x100', ' 100'].map((every) => [
      `&every=${encodeURIComponent(every)}`,
      'every: expected a whole number of ms from 100 to 60000',
    ]),
    ['&devices=a,,b', 'devices: "" is not an id; '],
    ['&devices=a,no%20id', 'devices: "no id" is not an id; '],
    [`&devices=${Array.from({ length: 1001 }, (_, n) => n)}`, 'devices: 1001 ids; expected at most 1000'],
    ['&types=message,nope', 'types: "nope"; expected a list of message, status and pong'],
    ['&types=', 'types: ""; expected'],
    ['&nope=1', 'unknown query parameter "nope"'],
  ])('is refused with 400: %s', (query, message) => {
    const answer = upgrade(new FakeThread(), query!);
    expect(answer).toMatchObject({ status: 400, message: expect.stringContaining(message!) });
  });

  it('says what is an id where one is not', () => {
    expect(upgrade(new FakeThread(), '&devices=a,no%20id')).toMatchObject({
      message: expect.stringMatching(/is not an id; expected .*$/),
    });
  });

  it('makes a session that wants each event at once, by itself, and nothing yet', () => {
    const { session, protocol } = accepted('');
    const { batched, every, hold, wanted, encoding } = session;
    expect({ batched, every, hold, wanted, encoding, protocol }).toEqual({
      batched: false,
      every: 0,
      hold: false,
      wanted: undefined,
      encoding: 0,
      protocol: undefined,
    });
    expect(accepted('&devices=').session.wanted).toBeUndefined();
  });

  it.each([100, 60_000])('may ask for updates every %d ms', (every) => {
    expect(accepted(`&every=${every}`).session.every).toBe(every);
  });

  it('may ask for batches, and for what it has kept to be held', () => {
    const { batched, hold } = accepted('&batch=true&hold=true').session;
    expect([batched, hold]).toEqual([true, true]);
  });

  it.each([
    ['dat.v1.json', 0],
    ['dat.v1.binary', 1],
    ['other, dat.v1.binary', 1],
  ])('of the subprotocol %s gets its events so', (protocol, encoding) => {
    const answer = accepted('', protocol);
    expect([answer.session.encoding, protocol.endsWith(answer.protocol!)]).toEqual([encoding, true]);
  });

  it('may name devices, filters and types, which are asked for once it is welcomed', () => {
    expect(accepted('&devices=a,b.*,a&types=message,pong').session.wanted).toEqual({
      op: 'subscribe',
      id: '',
      named: { devices: ['a'], filters: ['b.*'], malformed: [] },
      types: 3,
      past: { last: false, history: 0, since: new Map() },
    });
    expect(accepted('&devices=a').session.wanted?.types).toBe(15);
  });

  it('may be answered later', async () => {
    const thread = new FakeThread();
    const admitted = { ok: false, reason: 'token', status: 401, message: 'no', headers: {} } as const;
    const upgrades = { admit: async () => admitted } as never;
    const answer: UpgradeAnswer<unknown> | Promise<unknown> = new SubscriberRoute(
      thread.edge,
      upgrades,
    ).upgrade({} as never);
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toBe(admitted);
  });

  it('is for frames some times as long as the hub takes, so that their peer is told', () => {
    const thread = new FakeThread({ maxMessageBytes: 1000 });
    const { path, frameBytesMax, queueBytesMax, handlers } = thread.route.route();
    expect([path, SUBSCRIBER_PATH]).toEqual(['/v1/subscribe', '/v1/subscribe']);
    expect([frameBytesMax, handlers]).toEqual([1000 * TRANSPORT_FRAME_FACTOR, thread.route]);
    expect(queueBytesMax).toBe(thread.edge.queueLimits.transportBytesMax);
  });
});

describe('a frame of a subscriber', () => {
  it('asks the owner', () => {
    const { thread, socket } = connected();
    send(thread, socket, { op: 'subscribe', id: 1, devices: ['a', 'b.*'], types: ['message'] });
    send(thread, socket, { op: 'pause' });
    send(thread, socket, { op: 'unsubscribe', devices: ['a'] });
    send(thread, socket, { op: 'list', id: 'l' });
    const { number: session } = socket.session;
    const sent = {
      record: 'request',
      session,
      filters: [],
      types: 15,
      past: false,
      slice: DEVICES_PER_SLICE,
    };
    expect(thread.owner.take()).toEqual([
      { ...sent, request: 1, op: 'subscribe', devices: ['a'], filters: ['b.*'], types: 2 },
    ]);
    thread.link.answer({ session, request: 1 }, new Uint8Array(0), [], false);
    thread.link.flush();
    thread.poll();
    expect(socket.frames).toEqual([{ op: 'subscribed', id: 1, devices: [], errors: [] }]);
    expect(thread.owner.take()).toEqual([{ ...sent, request: 2, op: 'pause', devices: undefined }]);
  });

  it('that lists asks for all', () => {
    const { thread, socket } = connected();
    send(thread, socket, { op: 'list', id: 'l' });
    expect(thread.owner.take()).toMatchObject([{ op: 'list', devices: undefined, types: 15, past: false }]);
    thread.link.answer({ session: socket.session.number, request: 1 }, new Uint8Array(0), [], false);
    thread.link.flush();
    thread.poll();
    expect(socket.frames).toEqual([{ op: 'list', id: 'l', devices: [] }]);
  });

  it('that says where it stands is kept for the next subscribe', () => {
    const { thread, socket } = connected();
    send(thread, socket, { op: 'since', since: { a: { epoch: 'e', seq: 1 } } });
    expect([thread.owner.take(), socket.frames]).toEqual([[], []]);
    send(thread, socket, { op: 'subscribe', devices: ['a'] });
    expect(thread.owner.take()).toMatchObject([{ op: 'subscribe', past: true }]);
  });

  it('that says where it stands is kept where the next subscribe is refused, for that which is taken', () => {
    const { thread, socket } = connected();
    const subscribe = { op: 'subscribe', devices: ['a'] };
    for (let n = 0; n <= REQUESTS_WAITING_MAX; n++) send(thread, socket, { op: 'list' });
    send(thread, socket, { op: 'since', since: { a: { epoch: 'e', seq: 1 } } });
    send(thread, socket, subscribe);
    expect(socket.frames).toMatchObject([{ op: 'error', code: 111 }]);
    for (let request = 1; request <= REQUESTS_WAITING_MAX + 1; request++) {
      thread.link.answer({ session: socket.session.number, request }, new Uint8Array(0), [], false);
      thread.link.flush();
      thread.poll();
    }
    thread.owner.take();
    for (const past of [true, false]) {
      send(thread, socket, subscribe);
      expect(thread.owner.take()).toMatchObject([{ op: 'subscribe', past }]);
    }
  });

  it('that only touches asks for nothing', () => {
    const { thread, socket } = connected();
    thread.clock.advance(1000);
    send(thread, socket, { op: 'touch' });
    expect([thread.owner.take(), socket.frames]).toEqual([[], []]);
    expect(socket.session.aliveAt).toBe(thread.clock.nowMs);
  });

  it('that is wrong is refused, and counts as activity all the same', () => {
    const { thread, socket } = connected();
    thread.clock.advance(1000);
    send(thread, socket, '{');
    send(thread, socket, { op: 'nope', id: 7 });
    send(thread, socket, '{"op":"list"}', true);
    expect(socket.frames).toMatchObject([
      { op: 'error', code: 107 },
      { op: 'error', code: 104, id: 7 },
      { op: 'error', code: 107, message: 'binary frame; expected a text frame with one JSON object' },
    ]);
    expect(thread.presence.subscribers.rows.lastSeen[socket.session.slot]).toBe(BigInt(thread.clock.nowMs));
  });

  it('that is too long or comes after the end is not looked at', () => {
    const { thread, socket } = connected({ maxMessageBytes: 20 });
    send(thread, socket, { op: 'touch', pad: 'x'.repeat(20) });
    expect([socket.closeCode, socket.frames.length]).toEqual([4000, 1]);
    thread.clock.advance(1000);
    send(thread, socket, '{');
    expect(socket.frames).toHaveLength(1);
    expect(socket.session.aliveAt).not.toBe(thread.clock.nowMs);
  });

  it('counts whole when it lies within a larger buffer', () => {
    const { thread, socket } = connected();
    const larger = frame(`xx${JSON.stringify({ op: 'list' })}xx`);
    thread.route.message(
      socket,
      new Uint8Array(larger.buffer, larger.byteOffset + 2, larger.length - 4),
      false,
    );
    expect(thread.owner.taken('request')).toHaveLength(1);
  });
});

describe('what a frame costs', () => {
  const names = (count: number, mark = ''): string[] =>
    Array.from({ length: count }, (_, n) => `d${n}${mark}`);
  const positions = (of: readonly string[]): object =>
    Object.fromEntries(of.map((name) => [name, { epoch: '', seq: 0 }]));

  it.each([
    ['a frame', { op: 'touch' }, 1],
    ['a frame that is wrong', '{', 1],
    ['a list', { op: 'list' }, 1],
    ['all devices', { op: 'pause' }, 1],
    ['50 ids', { op: 'unsubscribe', devices: names(50) }, 2],
    ['50 filters', { op: 'subscribe', devices: names(50, '*') }, 2],
    ['50 that are neither', { op: 'subscribe', devices: names(50, ' ') }, 2],
    ['50 of each', { op: 'subscribe', devices: [...names(50), ...names(50, '*'), ...names(50, ' ')] }, 4],
    ['100 positions', { op: 'since', since: positions(names(100)) }, 3],
    [
      'an id, and positions of 99 others',
      { op: 'subscribe', devices: ['x'], since: positions(names(99)) },
      3,
    ],
    ['50 ids with their positions', { op: 'subscribe', devices: names(50), since: positions(names(50)) }, 2],
  ])('is 1, and 1 more for 50 names: %s', (_what, value, cost) => {
    const { thread, socket } = connected({ subscriberRate: 1, subscriberBurst: 10 });
    send(thread, socket, value);
    expect(thread.usedMs(socket.session)).toBeCloseTo(cost * 1000, 6);
  });

  it('is not there once its rate is used up: then it asks for nothing', () => {
    const { thread, socket } = connected({ subscriberRate: 1, subscriberBurst: 1 });
    send(thread, socket, { op: 'touch' });
    send(thread, socket, { op: 'list', id: 'late' });
    expect(socket.frames).toEqual([
      {
        op: 'error',
        id: 'late',
        code: 111,
        message: 'more than 1 requests per second (burst 1)',
        retryAfterMs: 1000,
      },
    ]);
    expect(thread.owner.taken('request')).toEqual([]);
  });
});

describe('control frames of a subscriber', () => {
  it.each([
    ['pong', true],
    ['frame', false],
  ] as const)('are signs of life, and activity of its subscriptions if that is %s', (what, isActivity) => {
    for (const control of ['controlPong', 'controlPing'] as const) {
      const { thread, socket } = connected({ subscriberActivity: what });
      thread.clock.advance(1000);
      thread.route[control](socket);
      const { session } = socket;
      expect(session.aliveAt).toBe(thread.clock.nowMs);
      const seen = thread.presence.subscribers.rows.lastSeen[session.slot];
      expect(seen).toBe(isActivity ? BigInt(thread.clock.nowMs) : 0n);
    }
  });

  it('that ask for an answer cost as much as a frame', () => {
    const { thread, socket } = connected({ subscriberRate: 1, subscriberBurst: 10 });
    thread.route.controlPong(socket);
    expect(thread.usedMs(socket.session)).toBe(0);
    thread.route.controlPing(socket);
    expect(thread.usedMs(socket.session)).toBe(1000);
  });

  it('count for nothing once it is closing', () => {
    const { thread, socket } = connected({ subscriberRate: 1, subscriberBurst: 10 });
    socket.session.closing = true;
    thread.clock.advance(1000);
    thread.route.controlPong(socket);
    thread.route.controlPing(socket);
    expect(socket.session.aliveAt).not.toBe(thread.clock.nowMs);
    expect(thread.usedMs(socket.session)).toBe(0);
  });
});

describe('the end of a connection', () => {
  it.each([
    [1000, true],
    [1006, false],
  ])('with %d is a goodbye: %s', (code, clean) => {
    const { thread, socket } = connected();
    thread.route.close(socket, code);
    expect(thread.owner.take()).toMatchObject([{ record: 'leave', session: socket.session.number, clean }]);
    expect(thread.count('subscriberConnections')).toBe(0);
  });

  it('that this side begins ends its deliveries at once', () => {
    const { thread, socket } = connected();
    thread.attach(socket, 0);
    thread.poll();
    thread.route.closing(socket);
    expect([socket.session.closing, socket.topics.size]).toEqual([true, 0]);
  });

  it('is 4108 where the transport had to drop a frame for it', async () => {
    const { thread, socket } = connected();
    thread.route.dropped(socket);
    thread.route.dropped(socket);
    expect([socket.closeCode, socket.session.closing]).toEqual([undefined, true]); // not within the send
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.closeCode).toBe(4108);
    expect([thread.count('droppedSlow'), thread.count('closedOverQueue')]).toEqual([2, 1]);
  });

  it('comes before the next frame that would be sent to it', () => {
    const { thread, socket } = connected();
    const other = thread.subscriber([0]);
    thread.attach(socket, 0);
    thread.poll();
    const { send: sendOn } = socket;
    socket.send = () => thread.route.dropped(socket);
    thread.events(0, 'normal');
    expect(socket.closeCode).toBe(4108);
    socket.send = sendOn;
    thread.events(0, 'normal');
    expect([socket.news(), other.news()]).toEqual(['', 'd0:1 d0:2']);
  });
});
