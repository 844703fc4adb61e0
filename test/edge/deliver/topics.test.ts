/** Who gets a device's events: by types, by encoding, as vips, in batches, at a pace; and what they are told of holes. */
import { describe, expect, it } from 'vitest';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { MOVES_PER_TURN } from '../../../src/edge/deliver/movers.ts';
import { EventFlag } from '../../../src/records/event.ts';
import { GapReason } from '../../../src/records/replies.ts';
import { ALL_TYPES, EventType, typeBit, typeBits } from '../../../src/wire/events.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

const ROOMY = { sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 } as const;

/** A subscriber that gets these types of the device. */
function follower(thread: FakeThread, types: number, query = '', vip = false): FakeSocket {
  const socket = thread.subscriber([], { query, vip });
  limit(thread, socket, 0, types);
  return socket;
}

function limit(thread: FakeThread, socket: FakeSocket, device: number, types: number, id?: string): void {
  thread.attach(socket, device, id, types);
  thread.poll();
}

/** One event of each type, and one of the hub's: 1 to 4. */
function oneOfEach(thread: FakeThread): void {
  thread.event(0, 'normal', undefined, EventType.pong);
  thread.event(0, 'normal', undefined, EventType.message);
  thread.event(0, 'normal', undefined, EventType.status);
  thread.event(0, 'normal', undefined, EventType.status, EventFlag.fromHub);
  thread.poll();
}

const seqs = (socket: FakeSocket): string => socket.news().replaceAll('d0:', '');

describe('the types that a subscriber asks for', () => {
  it.each([
    ['all', ALL_TYPES, '1 2 3 4'],
    ['pongs', typeBits.pong, '1'],
    ['messages', typeBits.message, '2'],
    ['statuses', typeBits.status, '3 4'],
    ['statuses of the device itself', typeBit(EventType.status, false), '3'],
    ['what the hub says', typeBit(EventType.status, true), '4'],
    ['pongs and messages', typeBits.pong | typeBits.message, '1 2'],
  ])('are all that it gets: %s', (_what, types, told) => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, types);
    oneOfEach(thread);
    expect(seqs(socket)).toBe(told);
  });

  it.each(['', '&batch=true', '&every=1000'])(
    'may be others for each subscriber, however it is sent to (%j)',
    (query) => {
      const thread = new FakeThread(ROOMY);
      const sets = [ALL_TYPES, typeBits.message, typeBits.pong | typeBits.message, typeBits.message];
      const sockets = sets.map((types) => follower(thread, types, query));
      const vip = follower(thread, typeBits.pong, query, true);
      oneOfEach(thread);
      const told = sockets.map((socket) =>
        socket.frames
          .splice(0)
          .flatMap((frame) => (frame.op === 'batch' ? frame.events! : frame.op === 'event' ? [frame] : []))
          .map(({ seq }) => seq)
          .join(' '),
      );
      expect(told).toEqual(['1 2 3 4', '2', '1 2', '2']);
      expect(vip.frames.filter(({ seq, events }) => seq === 1 || events?.length === 1)).toHaveLength(1);
    },
  );

  it('may be others for each device', () => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, typeBits.message);
    limit(thread, socket, 1, typeBits.pong);
    for (const device of [0, 1]) {
      thread.event(device, 'normal', undefined, EventType.pong);
      thread.event(device, 'normal', undefined, EventType.message);
    }
    thread.poll();
    expect(socket.news()).toBe('d0:2 d1:1');
  });

  it('change when the owner says so, and nothing else does', () => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, typeBits.message);
    limit(thread, socket, 0, typeBits.message);
    oneOfEach(thread);
    limit(thread, socket, 0, typeBits.pong);
    oneOfEach(thread);
    limit(thread, socket, 0, ALL_TYPES);
    oneOfEach(thread);
    expect(seqs(socket)).toBe('2 5 9 10 11 12');
    expect([...socket.topics]).toEqual(['j0']);
  });

  it('go with the subscription: who comes back gets all', () => {
    const thread = new FakeThread(ROOMY);
    const [socket, other] = [follower(thread, typeBits.message), follower(thread, typeBits.pong)];
    thread.detach(socket, 0);
    thread.poll();
    limit(thread, socket, 0, ALL_TYPES);
    oneOfEach(thread);
    expect([seqs(socket), seqs(other)]).toEqual(['1 2 3 4', '1']);
    for (const gone of [socket, other]) thread.detach(gone, 0);
    thread.poll();
    oneOfEach(thread);
    expect([seqs(socket), seqs(other)]).toEqual(['', '']);
  });

  it('have topics of their own at the transport', () => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, typeBits.message);
    expect([...socket.topics]).toEqual(['j0t2']);
    const binary = thread.subscriber([], { binary: true });
    limit(thread, binary, 3, typeBits.pong | typeBits.message);
    expect([...binary.topics]).toEqual(['b3t3']);
  });

  it('hold for one that is slow too', () => {
    const thread = new FakeThread();
    const socket = follower(thread, typeBits.message);
    thread.lag(socket);
    oneOfEach(thread);
    thread.event(0, 'normal', undefined, EventType.message);
    thread.poll();
    socket.drainTo(0);
    expect(socket.news()).toBe('gap d0:2-2 slow d0:5');
  });
});

describe('other types, asked for while events wait', () => {
  const MESSAGES = typeBits.message | typeBits.status;

  it.each(['&every=1000', '&every=1000&batch=true'])(
    'leave the newest that still is wanted to its turn, and the next to the one after (%s)',
    (query) => {
      const thread = new FakeThread(ROOMY);
      const [socket, other] = [follower(thread, ALL_TYPES, query), follower(thread, ALL_TYPES, query)];
      for (const type of [EventType.message, EventType.pong])
        for (let n = 0; n < 3; n++) thread.event(0, 'normal', undefined, type);
      thread.poll();
      for (const one of [socket, other]) one.frames.length = 0;
      limit(thread, socket, 0, MESSAGES);
      thread.pass(900);
      expect(socket.frames).toEqual([]);
      thread.pass(120);
      expect(socket.frames).toMatchObject([{ seq: 3, conflated: 1 }]);
      thread.events(0, 'normal');
      thread.pass(900);
      expect(socket.frames).toHaveLength(1);
      expect(other.news()).not.toBe('');
    },
  );

  it.each([false, true])('bring no second update within an interval (slow meanwhile: %s)', (isSlow) => {
    const thread = new FakeThread();
    const socket = follower(thread, ALL_TYPES, '&every=1000');
    thread.events(0, 'normal');
    if (isSlow) thread.lag(socket);
    limit(thread, socket, 0, MESSAGES);
    thread.events(0, 'normal');
    socket.drainTo(0);
    thread.events(0, 'normal');
    expect(seqs(socket)).toBe('1');
  });

  it('keep nobody else waiting for longer than an interval', () => {
    const thread = new FakeThread(ROOMY);
    const other = follower(thread, MESSAGES, '&every=1000');
    thread.events(0, 'normal', 'normal');
    thread.pass(900);
    const socket = follower(thread, ALL_TYPES, '&every=1000');
    thread.events(0, 'normal');
    limit(thread, socket, 0, MESSAGES);
    thread.pass(120);
    expect([other, socket].map(seqs)).toEqual(['1 3', '3']);
  });

  it('leave no hole untold to one that is slow, and what it misses from then on is told as ever', () => {
    const thread = new FakeThread();
    const socket = follower(thread, ALL_TYPES);
    thread.lag(socket);
    thread.events(0, 'normal', 'high', 'normal', 'normal');
    expect(seqs(socket)).toBe('2');
    limit(thread, socket, 0, MESSAGES);
    expect(seqs(socket)).toBe('gap 1-1 slow gap 3-4 slow');
    thread.events(0, 'normal', 'normal');
    socket.drainTo(0);
    expect(seqs(socket)).toBe('gap 5-5 slow 6');
    expect(thread.count('droppedLagging')).toBe(4);
  });

  it('tell one that is slow and at a pace of what waited for its turn', () => {
    const thread = new FakeThread();
    const socket = follower(thread, ALL_TYPES, '&every=1000');
    thread.events(0, 'normal', 'normal', 'normal');
    thread.lag(socket);
    expect(seqs(socket)).toBe('1');
    limit(thread, socket, 0, MESSAGES);
    expect(seqs(socket)).toBe('gap 3-3 slow');
    socket.drainTo(0);
    expect(seqs(socket)).toBe('');
  });
});

describe('an event that nobody could number', () => {
  it.each([ALL_TYPES, typeBits.message])('is delivered, and changes nothing for gaps (types %d)', (types) => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, types);
    thread.events(0, 'normal', 'normal');
    thread.unnumbered(0);
    thread.poll();
    thread.link.seq(0, 2);
    thread.link.flush();
    thread.poll();
    expect(seqs(socket)).toBe('1 2 0');
  });
});

describe('a hole in what comes to this edge', () => {
  const everybody = (thread: FakeThread, types = ALL_TYPES): FakeSocket[] => [
    follower(thread, types),
    follower(thread, types, '&batch=true'),
    follower(thread, types, '&every=1000'),
    follower(thread, types, '', true),
  ];

  it.each([
    [GapReason.overload, 'overload'],
    [GapReason.cluster, 'cluster'],
  ])('is told to everybody who follows the device, with why', (reason, why) => {
    const thread = new FakeThread(ROOMY);
    const binary = thread.subscriber([0], { binary: true });
    const sockets = [...everybody(thread), ...everybody(thread, typeBits.message), binary];
    const other = thread.subscriber([1]);
    const text: boolean[] = [];
    binary.send = (_frame, isBinary) => void text.push(!isBinary);
    thread.gap(0, 1, 3, reason);
    thread.poll();
    expect(sockets.slice(0, -1).map((socket) => socket.news())).toEqual(
      Array.from({ length: 8 }, () => `gap d0:1-3 ${why}`),
    );
    expect([text, other.news()]).toEqual([[true], '']);
  });

  it('is told to all shards of a topic', () => {
    const thread = new FakeThread(ROOMY);
    const sockets = Array.from({ length: SHARD_SOCKETS_MAX + 1 }, () => thread.subscriber([0]));
    const batched = Array.from({ length: SHARD_SOCKETS_MAX + 1 }, () =>
      thread.subscriber([0], { query: '&batch=true' }),
    );
    thread.gap(0, 1, 3, GapReason.overload);
    thread.poll();
    const told = [...sockets, ...batched].map((socket) => socket.news());
    expect(new Set(told)).toEqual(new Set(['gap d0:1-3 overload']));
  });

  it('is told up to where the device has come, from where it was', () => {
    const thread = new FakeThread(ROOMY);
    const sockets = [follower(thread, ALL_TYPES), follower(thread, typeBits.message)];
    thread.events(0, 'normal');
    for (const seq of [1, 3, 2, 3]) thread.link.seq(0, seq);
    thread.link.flush();
    thread.poll();
    expect(sockets.map((socket) => socket.news())).toEqual([
      'd0:1 gap d0:2-3 overload',
      'd0:1 gap d0:2-3 overload',
    ]);
  });

  it('is told from where an event of another type was, which it did not get', () => {
    const thread = new FakeThread(ROOMY);
    const socket = follower(thread, typeBits.pong);
    thread.events(0, 'normal');
    thread.link.seq(0, 2);
    thread.link.flush();
    thread.poll();
    expect(socket.news()).toBe('gap d0:2-2 overload');
  });
});

describe('a device that followers leave', () => {
  it.each([
    ['in its topics', '', false],
    ['in batches', '&batch=true', false],
    ['at a pace', '&every=1000', false],
    ['as a vip', '', true],
  ])('is forgotten with the last of them, and goes on for those that stay: %s', (_how, query, vip) => {
    const thread = new FakeThread(ROOMY);
    const [leaves, stays] = [
      follower(thread, ALL_TYPES, query, vip),
      follower(thread, ALL_TYPES, query, vip),
    ];
    thread.detach(leaves, 0);
    thread.events(0, 'normal');
    expect([leaves.frames.length, stays.frames.length]).toEqual([1, 2]); // with the welcome
    thread.detach(stays, 0);
    thread.poll();
    // Whoever comes is told nothing of what was before.
    thread.link.attach(leaves.session.number, 0, 'd0', 10);
    thread.link.seq(0, 10);
    thread.link.seq(0, 11);
    thread.link.flush();
    thread.poll();
    expect([leaves.news(), stays.frames.length]).toEqual(['gap d0:11-11 overload', 2]);
  });
});

describe('a slot that has become another device’s', () => {
  it('takes the followers of the one before out, whatever types they get', () => {
    const thread = new FakeThread(ROOMY);
    const [old, other, limited] = [
      thread.subscriber([0]),
      thread.subscriber([0]),
      follower(thread, typeBits.message),
    ];
    thread.attach(old, 0, 'new');
    thread.poll();
    limit(thread, limited, 0, typeBits.message, 'new');
    thread.event(0);
    thread.poll();
    expect([old, other, limited].map((socket) => socket.news())).toEqual(['new:1', '', 'new:1']);
  });
});

describe('a new owner’s word on who gets what', () => {
  it('holds for every device that it named, and for no other', () => {
    const thread = new FakeThread(ROOMY);
    const [socket, unnamed] = [thread.subscriber([0, 1, 2]), thread.subscriber([0])];
    thread.edge.deliverer.beginResync();
    for (const device of [0, 2]) thread.attach(socket, device);
    thread.poll();
    thread.edge.deliverer.endResync();
    thread.edge.deliverer.endResync(); // nothing is under way any more
    for (const device of [0, 1, 2]) thread.event(device);
    thread.poll();
    expect([socket.news(), unnamed.news()]).toEqual(['d0:1 d2:1', '']);
    expect([socket.topics.size, unnamed.topics.size]).toEqual([2, 0]);
  });

  it('does not touch the topics of a connection that is closing: it has left them by itself', () => {
    const thread = new FakeThread(ROOMY);
    const socket = thread.subscriber([0]);
    thread.edge.deliverer.beginResync();
    socket.session.closing = true;
    socket.topics.clear();
    expect(() => thread.edge.deliverer.endResync()).not.toThrow();
  });
});

describe('a subscriber that is to get each event by itself', () => {
  it('leaves its topics and gets what came before and after, once and in order', () => {
    const thread = new FakeThread(ROOMY);
    const socket = thread.subscriber([0, 1]);
    thread.event(0);
    thread.edge.poll();
    thread.event(0);
    let isDone = false;
    thread.edge.deliverer.deliverOneByOne(socket.session, () => {
      isDone = true;
    });
    expect([socket.topics.size, isDone]).toEqual([0, true]);
    thread.poll();
    thread.event(1);
    thread.poll();
    expect(oneByOne(socket)).toEqual(['d0:1', 'd0:2', 'd1:1']);
  });

  it('leaves a bounded number of them in a turn, and misses nothing meanwhile', async () => {
    const count = 2 * MOVES_PER_TURN + 1;
    const thread = new FakeThread({ ...ROOMY, devices: count });
    const socket = thread.subscriber(Array.from({ length: count }, (_, device) => device));
    const left: number[] = [];
    let isDone = false;
    thread.edge.deliverer.deliverOneByOne(socket.session, () => {
      isDone = true;
    });
    for (let turn = 0; turn < 10 && !isDone; turn++) {
      left.push(socket.topics.size);
      for (const device of [0, MOVES_PER_TURN, count - 1]) thread.event(device);
      thread.edge.poll(); // a round may be under way in the next turn
      await new Promise(setImmediate);
    }
    expect([...left, socket.topics.size]).toEqual([MOVES_PER_TURN + 1, 1, 0]);
    for (const device of [0, MOVES_PER_TURN, count - 1]) thread.event(device);
    thread.poll();
    const all = oneByOne(socket);
    for (const device of [0, MOVES_PER_TURN, count - 1])
      expect(all.filter((one) => one.startsWith(`d${device}:`))).toEqual(
        [1, 2, 3].map((n) => `d${device}:${n}`),
      );
  });

  it('may become slow, a vip, and lose a device meanwhile', async () => {
    const count = 2 * MOVES_PER_TURN;
    const thread = new FakeThread({ ...ROOMY, sendQueueMaxBytes: 1e10, devices: count });
    const devices = Array.from({ length: count }, (_, device) => device);
    const [socket, vip, gone] = [1, 2, 3].map(() => thread.subscriber(devices)) as [
      FakeSocket,
      FakeSocket,
      FakeSocket,
    ];
    const done: string[] = [];
    thread.edge.deliverer.deliverOneByOne(socket.session, () => done.push('socket'));
    thread.edge.deliverer.deliverOneByOne(vip.session, () => done.push('vip'));
    thread.edge.deliverer.deliverOneByOne(gone.session, () => done.push('gone'));
    thread.setVip(vip, true);
    for (const device of [0, count - 1]) thread.detach(socket, device);
    thread.end(gone);
    thread.poll();
    thread.lag(socket, 2e9);
    socket.drainTo(0);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(done).toEqual(['socket', 'vip']);
    for (const device of [0, 1, count - 2]) thread.event(device);
    thread.poll();
    expect([oneByOne(socket), oneByOne(vip)]).toEqual([
      ['d1:1', `d${count - 2}:1`],
      ['d0:1', 'd1:1', `d${count - 2}:1`],
    ]);
    thread.setVip(vip, false);
    thread.event(1);
    thread.poll();
    expect([oneByOne(vip), vip.topics.size]).toEqual([['d1:2'], 0]);
  });
});

/** Its events since the last call. */
function oneByOne(socket: FakeSocket): string[] {
  return socket.frames
    .splice(0)
    .flatMap((frame) => (frame.op === 'batch' ? frame.events! : frame.op === 'event' ? [frame] : []))
    .map(({ device, seq }) => `${device}:${seq}`);
}

describe('where events are published', () => {
  it('is every endpoint, but that with MQTT clients alone for MQTT only', () => {
    const thread = new FakeThread(ROOMY);
    const published: string[] = [];
    const endpoint = (name: string) => ({
      publish: (topic: string) => void published.push(`${name} ${topic}`),
      close: () => {},
    });
    thread.edge.deliverer.attach(endpoint('second'));
    thread.edge.deliverer.attach(endpoint('mqtt'), true);
    const socket = thread.subscriber([0]);
    thread.event(0);
    thread.poll();
    expect([socket.news(), published]).toEqual(['d0:1', ['second j0']]);
  });
});
