/** What a deliverer does beside events of topics: MQTT clients, retained events, vips that come and go, ends. */
import { describe, expect, it } from 'vitest';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { LEAVES_PER_TURN } from '../../../src/edge/deliver/leavers.ts';
import { FollowedDevices } from '../../../src/edge/deliver/retained.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import type { Entry } from '../../../src/records/replies.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { ALL_TYPES, EventType, epochName } from '../../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import { Kind } from '../../../src/wire/mqtt/templates.ts';
import { FakeThread, QUEUE_BYTES } from './fake-thread.ts';

const ROOMY = { sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 } as const;

/** An MQTT client as far as events go. */
function mqttClient(thread: FakeThread, encoding: Encoding) {
  const { edge, link } = thread;
  const actor = { role: 'subscriber', id: 'mqtt', devices: undefined, vip: false } as const;
  const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
  const codec = { ...jsonSubscriberCodec, encoding, welcome: () => undefined };
  const terms = { codec, batched: false, every: 0, hold: false, wanted: undefined };
  const session = new SubscriberSession(admitted, edge.nextSession(), 0, terms);
  const topics: string[] = [];
  const join = (topic: string): void => void topics.push(topic);
  edge.open(session, { join, bufferedBytes: () => 0, remoteAddress: '' } as unknown as Connection<unknown>);
  link.joined(session.number, 0);
  link.attach(session.number, 0, 'd0', 0);
  link.flush();
  thread.poll();
  return { session, topics };
}

describe('events for MQTT clients', () => {
  it.each([
    [Encoding.mqtt3, 'm0'],
    [Encoding.mqtt5, 'n0'],
  ])(
    'go to every endpoint, those of the others not to one that has MQTT clients alone',
    (encoding, topic) => {
      const thread = new FakeThread({ ...ROOMY, mqttTopics: ['devices/{device}/{type}'] });
      const published: string[] = [];
      for (const [name, onlyMqtt] of [
        ['all', false],
        ['mqtt', true],
      ] as const) {
        const publish = (to: string, frame: Uint8Array, binary: boolean): void => {
          published.push(`${name} ${to} ${binary} ${Buffer.from(frame).includes('devices/d0/message')}`);
        };
        thread.edge.deliverer.attach({ publish, close: () => {} }, onlyMqtt);
      }
      const { topics } = mqttClient(thread, encoding);
      const socket = thread.subscriber([0]);
      thread.events(0, 'normal');
      expect(topics).toEqual([topic]);
      expect(published.sort()).toEqual(
        [`all ${topic} true true`, 'all j0 false false', `mqtt ${topic} true true`].sort(),
      );
      expect(socket.news()).toBe('d0:1');
      expect(thread.count('deliveries')).toBe(2);
    },
  );

  it('are none of types that have no topic', () => {
    const thread = new FakeThread({ ...ROOMY, mqttTopics: ['devices/{device}=message'] });
    const published: string[] = [];
    thread.edge.deliverer.attach({ publish: (topic) => void published.push(topic), close: () => {} }, true);
    mqttClient(thread, Encoding.mqtt5);
    thread.event(0, 'normal', undefined, EventType.pong);
    thread.poll();
    expect([published, thread.count('deliveries')]).toEqual([[], 0]);
    thread.events(0, 'normal');
    expect([published, thread.count('deliveries')]).toEqual([['n0'], 1]);
  });
});

describe('what devices have retained', () => {
  const followed = (deviceSlot: number): FollowedDevices => {
    const devices = new FollowedDevices();
    devices.add({ deviceSlot, generation: 0, seq: 0 } as never, Kind.presence);
    return devices;
  };

  it('is told under the name by which the session follows the device, while its queue has room', () => {
    const thread = new FakeThread({ subscriberRate: 1, subscriberBurst: 10 });
    const { rows } = thread.presence.devices;
    const socket = thread.subscriber([0]);
    for (const slot of [0, 1]) {
      rows.known[slot] = 1;
      rows.deviceState[slot] = DeviceState.online;
    }
    socket.frames.length = 0;
    socket.queued = QUEUE_BYTES / 2 + 1;
    const { retained } = thread.edge.deliverer;
    retained.send(socket.session, followed(0));
    expect(socket.frames).toEqual([]);
    socket.drainTo(QUEUE_BYTES / 2);
    expect(socket.frames).toMatchObject([{ device: 'd0', data: { state: 'online' } }]);
    expect(thread.usedMs(socket.session)).toBe(20); // a 50th
    retained.send(socket.session, followed(1));
    expect(socket.frames.at(-1)).toMatchObject({ device: '', data: { state: 'online' } }); // by that of its row
  });

  it('is not told any more of a device that was left, or to a session that has ended', () => {
    const thread = new FakeThread();
    const [left, gone] = [thread.subscriber([0]), thread.subscriber([0])];
    thread.presence.devices.rows.known[0] = 1;
    const { retained } = thread.edge.deliverer;
    for (const socket of [left, gone]) {
      socket.frames.length = 0;
      socket.queued = QUEUE_BYTES;
      retained.send(socket.session, followed(0));
    }
    thread.detach(left, 0);
    thread.poll();
    thread.route.closing(gone);
    for (const socket of [left, gone]) socket.drainTo(0);
    retained.tick();
    expect([left.frames, gone.frames]).toEqual([[], []]);
  });
});

describe('vips', () => {
  it('make the steps of a round short while there are any', () => {
    const shardsPerStep = (thread: FakeThread): number => {
      const published: string[] = [];
      thread.edge.deliverer.attach({ publish: (topic) => void published.push(topic), close: () => {} });
      thread.event(0);
      thread.edge.poll();
      const count = published.length;
      thread.poll();
      return count;
    };
    const thread = new FakeThread(ROOMY);
    for (let n = 0; n < 256 * 5; n++) thread.subscriber([0]);
    expect(shardsPerStep(thread)).toBe(4);
    const [one, other] = [thread.subscriber([], { vip: true }), thread.subscriber([], { vip: true })];
    thread.setVip(one, true); // it is one already
    thread.poll();
    expect(shardsPerStep(thread)).toBe(1);
    thread.setVip(one, false);
    thread.poll();
    thread.end(one);
    expect(shardsPerStep(thread)).toBe(1);
    thread.end(other);
    expect(shardsPerStep(thread)).toBe(4);
  });
});

describe('a deliverer', () => {
  it('has nothing to send before an event comes, and gives room back to the ring once it is sent', () => {
    const thread = new FakeThread(ROOMY);
    const { deliverer } = thread.edge;
    expect(deliverer.hasUnsent).toBe(false);
    const socket = thread.subscriber([0]);
    for (let n = 0; n < 3; n++) thread.events(0, 'normal');
    expect([socket.news(), deliverer.hasUnsent]).toEqual(['d0:1 d0:2 d0:3', false]);
    for (let n = 0; n < 100; n++) {
      thread.event(0, 'normal', Buffer.from(`"${'x'.repeat(100_000)}"`));
      thread.poll();
    }
    expect(socket.frames).toHaveLength(100); // more than the ring holds
  });

  it('gives room back to the ring, too, where nobody gets what came', () => {
    const thread = new FakeThread(ROOMY);
    for (let n = 0; n < 100; n++) {
      thread.event(0, 'normal', Buffer.from(`"${'x'.repeat(100_000)}"`)); // throws when the ring is full
      thread.poll();
    }
    expect(thread.seq(0)).toBe(100);
  });

  it('takes a session that has closed by itself out of its many topics, which it has left by then', async () => {
    const thread = new FakeThread(ROOMY);
    const devices = Array.from({ length: LEAVES_PER_TURN + 1 }, (_, device) => device);
    const socket = thread.subscriber(devices);
    thread.end(socket);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect([socket.session.devices, socket.topics.size]).toEqual([[], devices.length]);
  });

  it('knows of a session until its connection is over', () => {
    const thread = new FakeThread(ROOMY);
    const { sessions } = thread.edge.deliverer;
    const { session } = thread.subscriber();
    expect(sessions.get(session.number)).toBe(session);
    thread.edge.closing(session);
    expect(sessions.has(session.number)).toBe(true);
    thread.edge.close(session, 1000, true);
    expect(sessions.size).toBe(0);
  });
});

describe('a slow subscriber', () => {
  it('may recover before the owner has said anything', () => {
    const thread = new FakeThread();
    const socket = thread.connect();
    thread.lag(socket);
    expect(thread.count('laggingSubscribers')).toBe(1);
    socket.drainTo(0);
    expect(thread.count('laggingSubscribers')).toBe(0);
  });

  it('recovers when all that the owner has said was heard, not in the midst of it', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber([0, 1]);
    thread.lag(socket);
    for (const device of [0, 1]) thread.events(device, 'normal');
    socket.queued = 0;
    thread.notice(socket); // an answer is looked at, and what follows ends delivery
    thread.detach(socket, 0);
    thread.poll();
    expect(socket.news()).toBe('status d1:1');
  });
});

describe('a session that is told what it has missed', () => {
  /** It follows a device whose events another follows, too, and reads nothing for now. */
  function held(thread: FakeThread) {
    const socket = thread.subscriber();
    thread.events(0, 'normal');
    const entry = { device: 'd0', deviceSlot: 0, generation: 0, seq: 1, epoch: 0 } as Entry;
    const past = { last: false, history: 0, since: new Map([['d0', { epoch: epochName(0), seq: 0 }]]) };
    const { replays } = thread.edge.deliverer;
    socket.queued = QUEUE_BYTES;
    replays.begin(socket.session, entry, past, ALL_TYPES);
    replays.run(socket.session);
    thread.attach(socket, 0);
    thread.poll();
    socket.news();
    return socket;
  }

  it('is past the round under way before it is in the topic', () => {
    const thread = new FakeThread();
    for (let n = 0; n <= SHARD_SOCKETS_MAX; n++) thread.subscriber([0]);
    thread.subscriber([], { vip: true }); // a step takes one shard
    const socket = held(thread);
    thread.event(0);
    thread.edge.poll();
    expect(thread.edge.deliverer.hasUnsent).toBe(true);
    socket.drainTo(0);
    thread.poll();
    thread.events(0, 'normal');
    expect(socket.news()).toBe('gap d0:1-1 history gap d0:2-2 history d0:3');
  });

  it('is told once of what came meanwhile and is kept nowhere, a pong among it', () => {
    const thread = new FakeThread();
    const socket = held(thread);
    thread.event(0);
    thread.event(0, 'normal', undefined, EventType.pong);
    thread.poll();
    socket.drainTo(0);
    expect(socket.news()).toBe('gap d0:1-1 history gap d0:2-3 history');
  });
});
