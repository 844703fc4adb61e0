import { describe, expect, it } from 'vitest';
import { closes, errors } from '../../../src/codes.ts';
import { EventType, Priority } from '../../../src/wire/events.ts';
import { PublishOutcome } from '../../../src/wire/mqtt/host.ts';
import { connected, Peer } from './fake-host.ts';
import { layoutOf } from './layouts.ts';

const versions = [4, 5] as const;
const TOPIC = 'devices/dev-1/message';

describe('PUBLISH', () => {
  it('is an event of the device, with the priority of its type', () => {
    const peer = connected();
    peer.publish(TOPIC, '{"t":1}');
    peer.publish('devices/dev-1/pong', '');
    peer.publish('devices/dev-1/status', 'on');
    const common = { device: 'dev-1', packetId: 0 };
    expect(peer.host.events).toEqual([
      {
        ...common,
        type: EventType.message,
        priority: Priority.normal,
        payload: '{"t":1}',
        payloadIsJson: true,
        data: '{"t":1}',
        status: '',
      },
      {
        ...common,
        type: EventType.pong,
        priority: Priority.low,
        payload: '',
        payloadIsJson: true,
        data: '',
        status: '',
      },
      {
        ...common,
        type: EventType.status,
        priority: Priority.high,
        payload: 'on',
        payloadIsJson: true,
        data: '',
        status: 'on',
      },
    ]);
  });

  it('is classified as JSON or not', () => {
    const peer = connected();
    for (const payload of ['21.5', 'on', '', '{"a":']) peer.publish(TOPIC, payload);
    expect(peer.host.events.map(({ payloadIsJson }) => payloadIsJson)).toEqual([true, false, true, false]);
  });

  it('accepts a status object', () => {
    const peer = connected();
    peer.publish('devices/dev-1/status', '{"status":"on","data":{"w":7}}');
    expect(peer.host.events).toMatchObject([
      { status: 'on', data: '{"w":7}', payload: '{"status":"on","data":{"w":7}}', payloadIsJson: true },
    ]);
  });

  it('ignores the retain flag', () => {
    const peer = connected();
    peer.send({ cmd: 'publish', topic: TOPIC, payload: '1', qos: 0, dup: false, retain: true });
    expect(peer.host.events).toMatchObject([{ payload: '1' }]);
  });

  it('follows a custom topic layout', () => {
    const layout = layoutOf('{device+}/telemetry=message', '{device+}/state=status');
    const peer = connected({ layout }, { clientId: 'site-a.pump-3' });
    peer.publish('site-a/pump-3/telemetry', '1');
    peer.publish('site-a/pump-3/state', 'on');
    expect(peer.host.events).toMatchObject([
      { device: 'site-a.pump-3', type: EventType.message },
      { device: 'site-a.pump-3', type: EventType.status },
    ]);
  });
});

describe('QoS 1', () => {
  it('is acknowledged once the hub has the event', () => {
    for (const version of versions) {
      const peer = connected({ version });
      peer.host.outcome = PublishOutcome.later;
      expect(peer.publish(TOPIC, '1', 1, 77)).toEqual([]);
      expect(peer.host.events).toMatchObject([{ packetId: 77 }]);
      peer.session.published(77, 0, false);
      expect(peer.said()).toMatchObject([{ cmd: 'puback', messageId: 77 }]);
      peer.host.outcome = PublishOutcome.taken;
      expect(peer.publish(TOPIC, '1', 1, 78)).toMatchObject([{ cmd: 'puback', messageId: 78 }]);
    }
  });

  it('tells MQTT 5 clients that nobody listens', () => {
    const peer = connected();
    peer.host.outcome = PublishOutcome.later;
    peer.publish(TOPIC, '1', 1, 7);
    peer.session.published(7, 0, true);
    expect(peer.said()).toMatchObject([{ cmd: 'puback', reasonCode: 0x10 }]);
    peer.host.outcome = PublishOutcome.skipped;
    expect(peer.publish(TOPIC, '1', 2, 8)).toMatchObject([{ cmd: 'pubrec', reasonCode: 0x10 }]);
    expect(peer.publish(TOPIC, '1', 2, 8, true)).toMatchObject([{ cmd: 'pubrec', reasonCode: 0 }]);
  });

  it('publishes a duplicate again: at least once', () => {
    const peer = connected();
    peer.publish(TOPIC, '1', 1, 7);
    peer.publish(TOPIC, '1', 1, 7, true);
    expect(peer.host.events).toHaveLength(2);
  });

  it('does not publish a duplicate again whose event is not answered yet: the answer to come is for both', () => {
    for (const version of versions) {
      const peer = connected({ version });
      peer.host.outcome = PublishOutcome.later;
      peer.publish(TOPIC, '1', 1, 7);
      peer.host.unanswered = [7];
      expect(peer.publish(TOPIC, '1', 1, 7, true)).toEqual([]);
      expect(peer.host.events).toHaveLength(1);
      expect(peer.publish(TOPIC, '2', 1, 7)).toEqual([]); // no duplicate, whatever its id
      expect(peer.host.events).toHaveLength(2);
    }
  });
});

describe('QoS 2', () => {
  it('publishes an event once, however often it is sent before PUBREL', () => {
    for (const version of versions) {
      const peer = connected({ version });
      expect(peer.publish(TOPIC, '1', 2, 7)).toMatchObject([{ cmd: 'pubrec', messageId: 7 }]);
      expect(peer.publish(TOPIC, '1', 2, 7, true)).toMatchObject([{ cmd: 'pubrec', messageId: 7 }]);
      expect(peer.host.events).toHaveLength(1);
      expect(peer.send({ cmd: 'pubrel', messageId: 7 })).toMatchObject([{ cmd: 'pubcomp', messageId: 7 }]);
      expect(peer.publish(TOPIC, '2', 2, 7)).toMatchObject([{ cmd: 'pubrec', messageId: 7 }]);
      expect(peer.host.events).toHaveLength(2);
    }
  });

  it('is acknowledged once if the event is sent twice before the hub has it', () => {
    const peer = connected();
    peer.host.outcome = PublishOutcome.later;
    expect(peer.publish(TOPIC, '1', 2, 7)).toEqual([]);
    expect(peer.publish(TOPIC, '1', 2, 7, true)).toEqual([]);
    peer.session.published(7, 0, false);
    expect(peer.said()).toMatchObject([{ cmd: 'pubrec', messageId: 7 }]);
    expect(peer.host.events).toHaveLength(1);
  });

  it('answers a PUBREL for an unknown packet id', () => {
    const five = connected();
    expect(five.send({ cmd: 'pubrel', messageId: 9 })).toMatchObject([{ cmd: 'pubcomp', reasonCode: 0x92 }]);
    const four = connected({ version: 4 });
    expect(four.send({ cmd: 'pubrel', messageId: 9 })).toMatchObject([{ cmd: 'pubcomp', messageId: 9 }]);
  });

  it('answers a PUBREC, though the hub sends nothing at QoS 2: its client waits for PUBREL', () => {
    const five = connected();
    expect(five.send({ cmd: 'pubrec', messageId: 9 })).toMatchObject([
      { cmd: 'pubrel', messageId: 9, reasonCode: 0x92 },
    ]);
    expect(five.send({ cmd: 'pubcomp', messageId: 9 })).toEqual([]);
    const four = connected({ version: 4 });
    expect(four.send({ cmd: 'pubrec', messageId: 9 })).toMatchObject([{ cmd: 'pubrel', messageId: 9 }]);
  });

  it('forgets an event that the hub refused', () => {
    const peer = connected();
    peer.host.outcome = errors.limit.code;
    expect(peer.publish(TOPIC, '1', 2, 7)).toMatchObject([{ cmd: 'pubrec', reasonCode: 0x97 }]);
    peer.host.outcome = PublishOutcome.taken;
    expect(peer.publish(TOPIC, '1', 2, 7, true)).toMatchObject([{ cmd: 'pubrec', reasonCode: 0 }]);
    expect(peer.host.events).toHaveLength(2);
  });

  it('allows 1024 open packet ids and closes beyond', () => {
    for (const version of versions) {
      const peer = connected({ version });
      for (let id = 1; id <= 1024; id++) peer.publish(TOPIC, '1', 2, id);
      expect(peer.host.ended).toBeUndefined();
      expect(peer.publish(TOPIC, '1', 2, 3, true)).toMatchObject([{ cmd: 'pubrec', messageId: 3 }]);
      const answers = peer.publish(TOPIC, '1', 2, 1025);
      expect(answers).toMatchObject(version === 5 ? [{ cmd: 'disconnect', reasonCode: 0x93 }] : []);
      expect(peer.host.ended?.code).toBe(closes.badFrame.code);
      expect(peer.host.events).toHaveLength(1024);
    }
  });

  it('frees a packet id with each PUBREL', () => {
    const peer = connected();
    for (let id = 1; id <= 5000; id++) {
      peer.publish(TOPIC, '1', 2, id);
      peer.send({ cmd: 'pubrel', messageId: id });
    }
    expect(peer.host.ended).toBeUndefined();
    expect(peer.host.events).toHaveLength(5000);
  });
});

describe('the Receive Maximum', () => {
  it('limits unacknowledged events in MQTT 5', () => {
    const peer = connected();
    peer.host.outcome = PublishOutcome.later;
    for (let id = 1; id <= 1024; id++) peer.publish(TOPIC, '1', 1, id);
    peer.session.published(1, 0, false);
    peer.said();
    peer.publish(TOPIC, '1', 1, 1025);
    expect(peer.host.ended).toBeUndefined();
    expect(peer.publish(TOPIC, '1', 1, 1026)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x93 }]);
  });

  it('counts each QoS 2 event once, before and after the hub has it', () => {
    const peer = connected();
    peer.host.outcome = PublishOutcome.later;
    for (let id = 1; id <= 1024; id++) peer.publish(TOPIC, '1', 2, id);
    for (let id = 1; id <= 512; id++) peer.session.published(id, 0, false);
    expect(peer.host.ended).toBeUndefined();
    peer.said();
    expect(peer.publish(TOPIC, '1', 1, 1025)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x93 }]);
  });

  it('does not exist in 3.1.1, where packet ids are the limit', () => {
    const peer = connected({ version: 4 });
    peer.host.outcome = PublishOutcome.later;
    for (let id = 1; id <= 65_535; id++) peer.publish(TOPIC, '1', 1, id);
    expect(peer.host.ended).toBeUndefined();
    peer.publish(TOPIC, '1', 1, 1);
    expect(peer.host.ended).toBeDefined();
  });
});

describe('a foreign topic', () => {
  it.each([
    'devices/dev-2/message',
    'devices/dev-1/presence',
    'devices/dev-1/interest',
    'devices/dev-1/messages',
    'devices/dev-1',
    '$SYS/broker',
    'home/kitchen',
    'x'.repeat(60_000),
  ])('is refused: %s', (topic) => {
    const peer = connected();
    expect(peer.publish(topic, '1', 1, 5)).toMatchObject([
      { cmd: 'puback', messageId: 5, reasonCode: 0x87, properties: { reasonString: expect.any(String) } },
    ]);
    expect(peer.publish(topic, '1', 2, 6)).toMatchObject([{ cmd: 'pubrec', messageId: 6, reasonCode: 0x87 }]);
    expect(peer.host.ended).toBeUndefined();
    expect(peer.publish(topic, '1')).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x87 }]);
    expect(peer.host.ended?.code).toBe(closes.denied.code);
    expect(peer.host.events).toEqual([]);
    expect(peer.host.became).toEqual([]);
    expect(peer.host.counts).toEqual(['foreignTopic', 'foreignTopic', 'foreignTopic']);
    for (const qos of [0, 1, 2] as const) {
      const four = connected({ version: 4 });
      expect(four.publish(topic, '1', qos)).toEqual([]);
      expect(four.host.ended?.code).toBe(closes.denied.code);
    }
  });

  it('is every topic for a subscriber', () => {
    const peer = connected({ role: 'subscriber' });
    expect(peer.publish(TOPIC, '1', 1, 5)).toMatchObject([{ reasonCode: 0x87 }]);
    expect(peer.publish(TOPIC, '1')).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x87 }]);
  });

  it('is, for a gateway, that of a device that its token does not cover', () => {
    const peer = connected({ role: 'gateway' });
    peer.host.covered = ['dev-7'];
    expect(peer.publish('devices/dev-7/message', '1', 1, 5)).toMatchObject([
      { cmd: 'puback', reasonCode: 0 },
    ]);
    expect(peer.publish('devices/dev-8/message', '1', 1, 6)).toMatchObject([
      { cmd: 'puback', reasonCode: 0x87 },
    ]);
    expect(peer.publish('devices/dev-7/presence', '1', 1, 7)).toMatchObject([{ reasonCode: 0x87 }]);
    expect(peer.host.events).toMatchObject([{ device: 'dev-7' }]);
    expect(peer.host.became).toEqual([]);
  });

  it('is malformed rather than foreign if it is not a valid topic', () => {
    for (const topic of ['devices/+/message', 'devices/#', 'a\0b']) {
      const peer = connected();
      const reasonCode = topic.includes('\0') ? 0x81 : 0x90;
      expect(peer.publish(topic, '1', 1, 5)).toMatchObject([{ cmd: 'disconnect', reasonCode }]);
      expect(peer.host.counts).toEqual(['malformed']);
    }
  });
});

describe('an event that the hub refuses', () => {
  const cases = [
    [errors.rateLimit.code, 0x97, closes.rateLimit.code],
    [errors.limit.code, 0x97, closes.overCapacity.code],
    [errors.denied.code, 0x87, closes.denied.code],
    [errors.internal.code, 0x80, closes.overCapacity.code],
  ] as const;

  it.each(cases)('with error %i is answered with %i in MQTT 5', (error, reasonCode) => {
    const peer = connected();
    peer.host.outcome = error;
    expect(peer.publish(TOPIC, '1', 1, 7)).toMatchObject([
      { cmd: 'puback', messageId: 7, reasonCode, properties: { reasonString: expect.any(String) } },
    ]);
    peer.host.outcome = PublishOutcome.later;
    peer.publish(TOPIC, '1', 2, 8);
    peer.session.published(8, error, false);
    expect(peer.said()).toMatchObject([{ cmd: 'pubrec', messageId: 8, reasonCode }]);
    expect(peer.host.ended).toBeUndefined();
  });

  it.each(cases)('with error %i is not acknowledged in 3.1.1: the connection ends', (error, _, code) => {
    const peer = connected({ version: 4 });
    peer.host.outcome = error;
    expect(peer.publish(TOPIC, '1', 1, 7)).toEqual([]);
    expect(peer.host.ended?.code).toBe(code);
  });

  it('is counted at QoS 0, and the connection stays', () => {
    for (const version of versions) {
      const peer = connected({ version });
      peer.host.outcome = errors.rateLimit.code;
      expect(peer.publish(TOPIC, '1')).toEqual([]);
      expect(peer.host.ended).toBeUndefined();
      expect(peer.host.counts).toEqual(['refusedEvent']);
    }
  });

  it('may have an invalid status', () => {
    const peer = connected();
    expect(peer.publish('devices/dev-1/status', '{"state":1}', 1, 7)).toMatchObject([
      {
        reasonCode: 0x99,
        properties: { reasonString: expect.stringContaining('an object without "status"') },
      },
    ]);
    expect(peer.publish('devices/dev-1/status', '')).toEqual([]);
    expect(peer.host.counts).toEqual(['refusedEvent']);
    expect(peer.host.events).toEqual([]);
  });

  it('is answered without a reason string if the client wants none or accepts no packet that large', () => {
    const quiet = connected({}, { properties: { requestProblemInformation: false } });
    quiet.host.outcome = errors.limit.code;
    const [answer] = quiet.publish(TOPIC, '1', 1, 7);
    expect(answer).toMatchObject({ reasonCode: 0x97 });
    expect(answer).not.toHaveProperty('properties');
    const narrow = connected({}, { properties: { maximumPacketSize: 18 } });
    narrow.host.outcome = errors.limit.code;
    expect(narrow.publish(TOPIC, '1', 1, 7)[0]).not.toHaveProperty('properties');
  });
});

describe('a topic alias', () => {
  const publish = (peer: Peer, topic: string, topicAlias: number, qos: 0 | 1 = 0) =>
    peer.send({
      cmd: 'publish',
      topic,
      payload: '1',
      qos,
      messageId: 9,
      dup: false,
      retain: false,
      properties: { topicAlias },
    });

  it('stands for the topic that it was last sent with', () => {
    const peer = connected();
    publish(peer, TOPIC, 32);
    publish(peer, '', 32);
    publish(peer, 'devices/dev-1/pong', 32);
    publish(peer, '', 32);
    const { message, pong } = EventType;
    expect(peer.host.events.map(({ type }) => type)).toEqual([message, message, pong, pong]);
    expect(peer.host.ended).toBeUndefined();
  });

  it('may stand for a foreign topic', () => {
    const peer = connected();
    expect(publish(peer, 'home', 1, 1)).toMatchObject([{ cmd: 'puback', reasonCode: 0x87 }]);
    expect(publish(peer, '', 1, 1)).toMatchObject([{ cmd: 'puback', reasonCode: 0x87 }]);
  });

  it('is set by a duplicate QoS 2 event too', () => {
    const kept = { subscriptions: [], packetIds: [9], scope: '' };
    const peer = new Peer();
    peer.host.joined = { ok: true, kept };
    peer.connect({ clean: false });
    const properties = { topicAlias: 3 };
    const packet = {
      cmd: 'publish',
      topic: TOPIC,
      payload: '1',
      qos: 2,
      messageId: 9,
      retain: false,
    } as const;
    expect(peer.send({ ...packet, dup: true, properties })).toMatchObject([{ cmd: 'pubrec', messageId: 9 }]);
    peer.send({ ...packet, topic: '', messageId: 10, dup: false, properties });
    expect(peer.host.events).toMatchObject([{ packetId: 10 }]);
  });

  it('is a protocol error before it is set', () => {
    expect(publish(connected(), '', 1)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x82 }]);
  });

  it('is limited to what the server announced', () => {
    expect(publish(connected(), TOPIC, 33)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x94 }]);
  });
});

describe('the rate limit', () => {
  it('charges packets other than events, and events that the session does not pass on', () => {
    const peer = connected();
    const chargeOf = (act: () => void): number => {
      const before = peer.host.charged;
      act();
      return peer.host.charged - before;
    };
    expect(chargeOf(() => peer.send({ cmd: 'pingreq' }))).toBe(1);
    expect(chargeOf(() => peer.send({ cmd: 'pubrel', messageId: 3 }))).toBe(1);
    expect(chargeOf(() => peer.send({ cmd: 'puback', messageId: 3 }))).toBe(1);
    expect(chargeOf(() => peer.publish('home', '1', 1))).toBe(1);
    expect(chargeOf(() => peer.publish('devices/dev-1/status', '', 1))).toBe(1);
    expect(chargeOf(() => peer.publish(TOPIC, '1', 2, 4))).toBe(0); // the hub charges events itself
    expect(chargeOf(() => peer.publish(TOPIC, '1', 2, 4, true))).toBe(1);
  });
});
