import type { Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { errors } from '../../../src/codes.ts';
import { Kind } from '../../../src/wire/mqtt/templates.ts';
import { connected, Peer } from './fake-host.ts';
import { layoutOf } from './layouts.ts';

const versions = [4, 5] as const;
const { message, status, presence, pong } = Kind;
const ALL = pong | message | status | presence;

interface Filter {
  readonly topic: string;
  readonly rh?: number;
  readonly nl?: boolean;
}

function subscribe(peer: Peer, filters: readonly Filter[], messageId = 1, identifier?: number): Packet[] {
  return peer.send({
    cmd: 'subscribe',
    messageId,
    subscriptions: filters.map(({ topic, rh = 0, nl = false }) => ({ topic, qos: 0, rh, nl, rap: false })),
    ...(identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } }),
  });
}

/** The codes of the one SUBACK. */
function grantedOf([suback, ...more]: Packet[]): number[] {
  expect(more).toEqual([]);
  return (suback as unknown as { readonly granted: number[] }).granted;
}

describe('SUBSCRIBE', () => {
  it('follows the devices of its topic filters and grants QoS 0', () => {
    for (const version of versions) {
      const peer = connected({ version });
      expect(peer.subscribe('devices/dev-2/message', 'devices/+/status')).toMatchObject([
        { cmd: 'suback', messageId: 1, granted: [0, 0] },
      ]);
      expect(peer.host.follows).toEqual([
        [
          { name: 'dev-2', kinds: message, retained: message },
          { name: '*', kinds: status, retained: status },
        ],
      ]);
      expect(peer.host.became).toEqual(['subscriber']);
    }
  });

  it('is answered when the hub follows every matching device', () => {
    const peer = connected();
    peer.host.answersRequests = false;
    expect(peer.subscribe('devices/#')).toEqual([]);
    peer.host.later.shift()?.();
    expect(peer.said()).toMatchObject([{ cmd: 'suback', granted: [0] }]);
  });

  it('has a code for each refused topic filter', () => {
    const filters = [
      'devices/dev-2/#',
      'devices/+/x/message',
      '$share/g/#',
      'devices/dev-3/message',
      'devices/',
    ];
    const refusals = { 'dev-3': errors.denied.code };
    const five = connected();
    five.host.refusals = refusals;
    expect(five.subscribe(...filters)).toMatchObject([
      {
        granted: [0, 0x8f, 0x9e, 0x87, 0x8f],
        properties: { reasonString: expect.stringContaining('devices/+/x') },
      },
    ]);
    const four = connected({ version: 4 });
    four.host.refusals = refusals;
    expect(four.subscribe(...filters)).toMatchObject([{ granted: [0, 128, 128, 128, 128] }]);
  });

  it.each([
    [errors.denied.code, 0x87],
    [errors.limit.code, 0x97],
    [errors.rateLimit.code, 0x97],
    [errors.badRequest.code, 0x8f],
    [errors.internal.code, 0x80],
  ])('maps error %i of the hub to %i', (error, code) => {
    const peer = connected();
    peer.host.refusals = { 'dev-2': error };
    expect(peer.subscribe('devices/dev-2/#')).toMatchObject([{ granted: [code] }]);
  });

  it('does not ask the hub about filters that cannot be expressed', () => {
    const peer = connected();
    peer.subscribe('foo', '#/x');
    expect(peer.host.follows).toEqual([]);
    expect(peer.host.became).toEqual([]);
  });

  it('merges the types of topic filters for the same device', () => {
    const peer = connected();
    peer.subscribe('devices/dev-2/message', 'devices/dev-2/status');
    peer.subscribe('devices/dev-2/presence');
    expect(peer.host.follows).toEqual([
      [{ name: 'dev-2', kinds: message | status, retained: message | status }],
      [{ name: 'dev-2', kinds: message | status | presence, retained: presence }],
    ]);
  });

  it('grants a topic filter if some of its devices are denied', () => {
    const peer = connected({ layout: layoutOf('{device+}/telemetry=message') });
    peer.host.refusals = { 'site-a': errors.denied.code };
    expect(peer.subscribe('site-a/#')).toMatchObject([{ granted: [0] }]);
    expect(peer.host.follows[0]?.map(({ name }) => name)).toEqual(['site-a.*', 'site-a']);
  });

  it('may be repeated and is passed to the hub each time', () => {
    const peer = connected();
    peer.subscribe('devices/dev-2/#');
    expect(peer.subscribe('devices/dev-2/#')).toMatchObject([{ granted: [0] }]);
    expect(peer.host.follows).toHaveLength(2);
    expect(peer.session.subscriptions.count).toBe(1);
  });
});

describe('retain handling', () => {
  it('0 sends retained events each time, 1 when the subscription is new, 2 never', () => {
    const peer = connected();
    const retained = (): number[] => peer.host.follows.flat().map((follow) => follow.retained);
    for (const rh of [0, 0, 1, 2]) subscribe(peer, [{ topic: 'devices/dev-2/message', rh }]);
    expect(retained()).toEqual([message, message, 0, 0]);
    peer.unsubscribe('devices/dev-2/message');
    for (const rh of [1, 1]) subscribe(peer, [{ topic: 'devices/dev-2/message', rh }]);
    expect(retained().slice(4)).toEqual([message, 0]);
  });

  it('applies to each topic filter separately', () => {
    const peer = connected();
    subscribe(peer, [
      { topic: 'devices/dev-2/message', rh: 2 },
      { topic: 'devices/dev-2/status', rh: 0 },
    ]);
    expect(peer.host.follows).toEqual([[{ name: 'dev-2', kinds: message | status, retained: status }]]);
  });
});

describe('UNSUBSCRIBE', () => {
  it('ends what no other topic filter covers', () => {
    const peer = connected();
    peer.subscribe('devices/dev-2/message', 'devices/dev-2/status', 'devices/#');
    expect(peer.unsubscribe('devices/dev-2/message', 'devices/#', 'devices/dev-9/#')).toMatchObject([
      { cmd: 'unsuback', messageId: 2, granted: [0, 0, 0x11] },
    ]);
    expect(peer.host.follows.at(-1)).toEqual([{ name: 'dev-2', kinds: status, retained: 0 }]);
    expect(peer.host.unfollows).toEqual([['*']]);
    peer.unsubscribe('devices/dev-2/status');
    expect(peer.host.unfollows).toEqual([['*'], ['dev-2']]);
    expect(peer.session.subscriptions.hasTargets).toBe(false);
  });

  it('is answered without codes in 3.1.1', () => {
    const peer = connected({ version: 4 });
    expect(peer.unsubscribe('nothing')).toMatchObject([{ cmd: 'unsuback', messageId: 2 }]);
  });

  it('waits for earlier requests', () => {
    const peer = connected();
    peer.host.answersRequests = false;
    peer.subscribe('devices/dev-2/#');
    peer.unsubscribe('devices/dev-2/#');
    expect(peer.host.unfollows).toEqual([]);
    peer.host.later.shift()?.();
    expect(peer.said()).toMatchObject([{ cmd: 'suback' }]);
    expect(peer.host.unfollows).toEqual([['dev-2']]);
    peer.host.later.shift()?.();
    expect(peer.said()).toMatchObject([{ cmd: 'unsuback', granted: [0] }]);
  });
});

describe('a burst of requests', () => {
  it('is merged into few requests to the hub and answered in order', () => {
    const peer = connected();
    peer.host.answersRequests = false;
    for (let i = 1; i <= 1000; i++) subscribe(peer, [{ topic: `devices/dev-${i}/#` }], i);
    expect(peer.said()).toEqual([]);
    expect(peer.host.follows).toHaveLength(1);
    while (peer.host.later.length > 0) peer.host.later.shift()?.();
    const ids = peer.said().map(({ messageId }) => messageId);
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    expect(peer.host.follows.map(({ length }) => length)).toEqual([1, 999]);
  });

  it('is refused when too many wait', () => {
    const peer = connected();
    peer.host.answersRequests = false;
    const long = `devices/${'x'.repeat(120)}/#`;
    const refused = [];
    for (let i = 1; i <= 600; i++) refused.push(...subscribe(peer, [{ topic: long }], i));
    expect(refused.length).toBeGreaterThan(50);
    for (const suback of refused) expect(suback).toMatchObject({ cmd: 'suback', granted: [0x97] });
    expect(peer.host.ended).toBeUndefined();
  });

  it('ends a 3.1.1 client with too many waiting UNSUBSCRIBEs, which cannot be refused', () => {
    const peer = connected({ version: 4 });
    peer.host.answersRequests = false;
    peer.subscribe('devices/#');
    const unsubscribe = (messageId: number): void =>
      void peer.send({ cmd: 'unsubscribe', messageId, unsubscriptions: ['a'] });
    for (let i = 1; i <= 1024; i++) unsubscribe(i);
    expect(peer.host.ended).toBeUndefined();
    unsubscribe(1025);
    expect(peer.host.ended).toBeDefined();
  });

  it('may have a thousand topic filters in one packet', () => {
    const peer = connected();
    const filters = Array.from({ length: 1001 }, (_, i) => ({ topic: `devices/d${i}/#` }));
    const granted = grantedOf(subscribe(peer, filters));
    expect(granted.slice(0, 1000).every((code) => code === 0)).toBe(true);
    expect(granted[1000]).toBe(0x97);
    expect(peer.host.follows[0]).toHaveLength(1000);
  });

  it('may have any number of topic filters, of which no more than a thousand are kept and all are paid for', () => {
    const peer = connected();
    const before = peer.host.charged;
    // 20,000 topic filters of three bytes: empty, with QoS 0
    const packet = Buffer.alloc(1 + 3 + 2 + 1 + 60_000);
    packet.set([0x82, 0xe3, 0xd4, 0x03, 0, 1, 0]);
    const granted = grantedOf(peer.sendBytes(packet));
    expect([granted.length, granted[999], granted[1000], granted.at(-1)]).toEqual([20_000, 0x8f, 0x97, 0x97]);
    expect(peer.host.charged - before).toBeCloseTo(401);
  });

  it('is refused when too many topic filters wait, however short', () => {
    const peer = connected();
    peer.host.answersRequests = false;
    peer.subscribe('devices/#');
    const filters = Array.from({ length: 1000 }, () => ({ topic: 'a' }));
    const answers = [2, 3, 4, 5, 6].map((id) => subscribe(peer, filters, id).length);
    expect(answers).toEqual([0, 0, 0, 0, 1]);
    while (peer.host.later.length > 0) peer.host.later.shift()?.();
    expect(peer.said()).toHaveLength(5);
    expect(grantedOf(subscribe(peer, filters, 7))).toHaveLength(1000);
  });

  it('cannot exceed ten thousand topic filters or 256 KiB of them per session', () => {
    const peer = connected();
    const granted: number[] = [];
    for (let batch = 0; batch < 11; batch++) {
      const filters = Array.from({ length: 1000 }, (_, i) => ({ topic: `+/d${batch * 1000 + i}/+` }));
      granted.push(...grantedOf(subscribe(peer, filters)));
    }
    expect(granted.filter((code) => code === 0)).toHaveLength(10_000);
    expect(granted.at(-1)).toBe(0x97);
    expect(subscribe(peer, [{ topic: '+/d1/+' }])).toMatchObject([{ granted: [0] }]);
    peer.unsubscribe('+/d1/+', '+/d2/+');
    const [again, further] = ['+/d2/+', 'devices/d3/#'].map((topic) => ({ topic }));
    expect(grantedOf(subscribe(peer, [again!, again!, further!, { topic: '+/more/+' }]).slice(-1))).toEqual([
      0, 0, 0, 0x97,
    ]);
    const wordy = connected();
    let count = 0;
    for (let batch = 0; batch < 10; batch++) {
      const filters = Array.from({ length: 400 }, (_, i) => ({
        topic: `devices/${'x'.repeat(100)}${batch}-${i}/#`,
      }));
      count += grantedOf(subscribe(wordy, filters)).filter((code) => code === 0).length;
    }
    expect(count).toBeGreaterThan(2000);
    expect(count).toBeLessThan(2500);
  });

  it('is charged per packet and topic filter, and refused over the rate', () => {
    const peer = connected();
    const before = peer.host.charged;
    peer.subscribe(...Array.from({ length: 50 }, (_, i) => `devices/d${i}/#`));
    expect(peer.host.charged - before).toBeCloseTo(2);
    peer.host.isAffordable = false;
    expect(peer.subscribe('devices/dev-2/#')).toMatchObject([{ granted: [0x97] }]);
    expect(peer.unsubscribe('devices/d1/#')).toMatchObject([{ granted: [0x83] }]);
    expect(peer.session.subscriptions.has('devices/d1/#')).toBe(true);
    const four = connected({ version: 4 });
    four.subscribe('devices/d1/#');
    four.host.isAffordable = false;
    four.unsubscribe('devices/d1/#');
    expect(four.session.subscriptions.has('devices/d1/#')).toBe(false);
  });
});

describe('interest', () => {
  it('is delivered to the device itself on its topic', () => {
    for (const version of versions) {
      const peer = connected({ version });
      expect(peer.subscribe('devices/dev-1/interest')).toMatchObject([{ cmd: 'suback', granted: [0] }]);
      expect(peer.host.interest).toEqual([true]);
      expect(peer.host.follows).toEqual([]);
      peer.session.interest.is(false, true);
      peer.session.interest.is(true, false);
      expect(peer.said()).toMatchObject([
        { topic: 'devices/dev-1/interest', payload: Buffer.from('0'), retain: true, qos: 0 },
        { topic: 'devices/dev-1/interest', payload: Buffer.from('1'), retain: false, qos: 0 },
      ]);
      peer.unsubscribe('devices/dev-1/interest');
      expect(peer.host.interest).toEqual([true, false]);
    }
  });

  it('comes with the identifiers of the subscriptions to it', () => {
    const peer = connected();
    subscribe(peer, [{ topic: 'devices/dev-1/interest' }], 1, 7);
    subscribe(peer, [{ topic: 'devices/dev-1/#' }], 2, 300);
    subscribe(peer, [{ topic: 'devices/+/message' }], 3, 9);
    subscribe(peer, [{ topic: '+/dev-1/interest' }], 4);
    peer.session.interest.is(true, false);
    expect(peer.said()).toMatchObject([
      { topic: 'devices/dev-1/interest', properties: { subscriptionIdentifier: [7, 300] } },
    ]);
  });

  it('is told as it is where retained messages are wanted, and only then', () => {
    const topic = 'devices/dev-1/interest';
    const peer = connected();
    const told = (): unknown[] => peer.said().map((packet) => 'retain' in packet && packet.retain);
    subscribe(peer, [{ topic, rh: 2 }]);
    peer.session.interest.is(false, true);
    expect(told()).toEqual([]);
    peer.session.interest.is(true, false);
    expect(told()).toEqual([false]);
    subscribe(peer, [{ topic, rh: 1 }]);
    subscribe(peer, [{ topic, rh: 2 }]);
    expect(peer.host.interest).toEqual([true]); // it is told already
    subscribe(peer, [{ topic, rh: 0 }]);
    expect(peer.host.interest).toEqual([true, true]);
    peer.said();
    peer.session.interest.is(true, true);
    expect(told()).toEqual([true]);
    peer.unsubscribe(topic);
    peer.said();
    subscribe(peer, [{ topic, rh: 1 }]);
    peer.said();
    peer.session.interest.is(true, true);
    expect(told()).toEqual([true]);
  });

  it('is told without the retain flag where a session goes on', () => {
    const peer = new Peer();
    const subscription = { filter: 'devices/dev-1/interest', identifier: 5, noLocal: false };
    peer.host.joined = { ok: true, kept: { subscriptions: [subscription], packetIds: [], scope: '' } };
    peer.connect({ clean: false });
    peer.session.interest.is(true, true);
    expect(peer.said()).toMatchObject([{ retain: false, properties: { subscriptionIdentifier: 5 } }]);
  });

  it('is included in devices/ID/#', () => {
    const peer = connected();
    peer.subscribe('devices/dev-1/#');
    expect(peer.host.interest).toEqual([true]);
    expect(peer.host.follows).toEqual([[{ name: 'dev-1', kinds: ALL, retained: ALL }]]);
    const other = connected();
    other.subscribe('devices/dev-2/#', 'devices/#');
    expect(other.host.interest).toEqual([]);
  });

  it('in another device, or by a subscriber, is refused', () => {
    expect(connected().subscribe('devices/dev-2/interest')).toMatchObject([{ granted: [0x87] }]);
    expect(connected({ role: 'subscriber' }).subscribe('devices/dev-1/interest')).toMatchObject([
      { granted: [0x87] },
    ]);
    expect(connected().subscribe('devices/+/interest')).toMatchObject([{ granted: [0x8f] }]);
  });
});

describe('an adapted event', () => {
  const topic = Buffer.from(`0012${Buffer.from('devices/dev-2/pong').toString('hex')}`, 'hex');
  /** A PUBLISH of version 5 with no properties: topic, no properties, payload. */
  const packetOf = (payload: string): Uint8Array => {
    const body = Buffer.concat([topic, Buffer.from([0]), Buffer.from(payload)]);
    return Uint8Array.from([0x30, body.length, ...body]);
  };
  const adapted = (peer: Peer, device: string, kind: number, payload = '1'): Uint8Array | undefined =>
    peer.session.adapt(packetOf(payload), topic.length, device, kind);

  it('has the identifiers of all matching subscriptions', () => {
    const peer = connected();
    subscribe(peer, [{ topic: 'devices/dev-2/message' }], 1, 7);
    expect(peer.host.became).toEqual(['subscriber', 'one by one']);
    subscribe(peer, [{ topic: 'devices/+/message' }], 2, 300);
    subscribe(peer, [{ topic: 'devices/+/status' }], 3);
    const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
    expect(hex(adapted(peer, 'dev-2', message))).toContain(`${topic.toString('hex')}050b070bac0231`);
    expect(hex(adapted(peer, 'dev-3', message))).toContain(`${topic.toString('hex')}030bac0231`);
    expect(hex(adapted(peer, 'dev-3', status))).toBe(hex(packetOf('1')));
    expect(adapted(peer, 'dev-3', pong)).toBeUndefined();
  });

  it('has the identifier of the latest SUBSCRIBE for the topic filter', () => {
    const peer = connected();
    subscribe(peer, [{ topic: 'devices/dev-2/message' }], 1, 7);
    subscribe(peer, [{ topic: 'devices/dev-2/message' }], 2, 8);
    expect(Buffer.from(adapted(peer, 'dev-2', message)!).toString('hex')).toContain('020b0831');
    subscribe(peer, [{ topic: 'devices/dev-2/message' }], 3);
    expect(adapted(peer, 'dev-2', message)).toEqual(packetOf('1'));
  });

  it('is dropped if it is the client’s own and every matching subscription has No Local', () => {
    const peer = connected();
    subscribe(peer, [{ topic: 'devices/+/message', nl: true }]);
    expect(peer.host.became).toEqual(['subscriber', 'one by one']);
    expect(adapted(peer, 'dev-1', message)).toBeUndefined();
    expect(adapted(peer, 'dev-2', message)).toEqual(packetOf('1'));
    subscribe(peer, [{ topic: 'devices/+/presence', nl: true }]);
    expect(adapted(peer, 'dev-1', presence)).toEqual(packetOf('1'));
    subscribe(peer, [{ topic: 'devices/dev-1/message' }]);
    expect(adapted(peer, 'dev-1', message)).toEqual(packetOf('1'));
  });

  it('is dropped if it is larger than the client accepts', () => {
    const peer = connected({}, { properties: { maximumPacketSize: 40 } });
    expect(peer.host.became).toEqual(['one by one']);
    peer.subscribe('devices/dev-2/message');
    expect(adapted(peer, 'dev-2', message, 'x'.repeat(17))).toHaveLength(40);
    expect(adapted(peer, 'dev-2', message, 'x'.repeat(18))).toBeUndefined();
  });

  it('is not needed without identifiers, No Local and a small maximum packet size', () => {
    const peer = connected({}, { properties: { maximumPacketSize: 8 * 65_536 } });
    peer.subscribe('devices/#', 'devices/dev-1/message');
    expect(peer.host.became).toEqual(['subscriber']);
  });
});

describe('an answer larger than the client accepts', () => {
  it('ends the connection', () => {
    const peer = connected({}, { properties: { maximumPacketSize: 20 } });
    const filters = Array.from({ length: 30 }, (_, i) => `devices/d${i}/#`);
    expect(peer.subscribe(...filters)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x95 }]);
    expect(peer.host.ended).toBeDefined();
  });
});

describe('follows that the hub has ended', () => {
  const all = (peer: Peer, devices: readonly string[]): void => peer.session.refollow(devices);

  it('begin anew, without their past, as far as the client still has them', () => {
    const peer = connected();
    peer.subscribe('devices/a/message', 'devices/a/status', 'devices/b/message');
    peer.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['devices/b/message'] });
    peer.host.follows.length = 0;
    all(peer, ['a', 'b', 'c']);
    all(peer, ['b']);
    expect(peer.host.follows).toEqual([[{ name: 'a', kinds: message | status, retained: 0 }]]);
    expect(peer.said()).toEqual([]);
  });

  it('wait for the request under way, come before the next one, and are no more than that may have', () => {
    const peer = connected();
    const ids = Array.from({ length: 1001 }, (_, i) => `d${i}`);
    for (let from = 0; from < ids.length; from += 500)
      peer.subscribe(...ids.slice(from, from + 500).map((id) => `devices/${id}/message`));
    peer.host.follows.length = 0;
    peer.host.answersRequests = false;
    peer.subscribe('devices/x/message');
    all(peer, ids);
    peer.subscribe('devices/y/message');
    while (peer.host.later.length > 0) peer.host.later.shift()?.();
    expect(peer.host.follows.map((follows) => [follows.length, follows[0]?.name])).toEqual([
      [1, 'x'],
      [1000, 'd0'],
      [1, 'd1000'],
      [1, 'y'],
    ]);
  });

  it('are none of a client that is gone', () => {
    const peer = connected();
    peer.subscribe('devices/a/message');
    peer.host.follows.length = 0;
    peer.session.closed();
    all(peer, ['a']);
    expect(peer.host.follows).toEqual([]);
  });
});

describe('a kept session that goes on', () => {
  const subscriptions = ['devices/a/message', 'devices/+/status', '#'].map((filter) => ({
    ...{ filter, identifier: 0, noLocal: false },
  }));

  /** @param scope of the token that its client has now; that of before was `before` */
  function goOn(scope: string, isAnswered = true): Peer {
    const peer = new Peer();
    peer.host.admission = ({ clientId: id }) => ({
      ok: true,
      id,
      role: undefined,
      scope: { fingerprint: scope },
    });
    peer.host.joined = { ok: true, kept: { subscriptions, packetIds: [], scope: 'before' } };
    peer.host.answersRequests = isAnswered;
    peer.connect({ clean: false, properties: { sessionExpiryInterval: 60 } });
    return peer;
  }
  const namesOf = ({ host }: Peer): string[] => host.follows.flat().map(({ name }) => name);
  const keptScope = (peer: Peer): string | undefined => {
    peer.session.closed();
    return peer.host.leaves[0]!.kept?.scope;
  };

  it('follows devices by their ids anew', () => {
    const peer = goOn('before');
    expect(namesOf(peer)).toEqual(['a']);
    expect(keptScope(peer)).toBe('before');
  });

  it('follows prefixes anew, too, where its token lets it follow others, and none of its past', () => {
    const peer = goOn('after');
    expect(namesOf(peer)).toEqual(['a', '*']);
    expect(peer.host.follows.flat().map(({ retained }) => retained)).toEqual([0, 0]);
    expect(keptScope(peer)).toBe('after');
  });

  it('does so again where the connection ended before they were followed', () => {
    expect(keptScope(goOn('after', false))).toBe('before');
  });

  it('is of the token that it began with', () => {
    const peer = new Peer();
    peer.host.admission = ({ clientId: id }) => ({
      ok: true,
      id,
      role: undefined,
      scope: { fingerprint: 'first' },
    });
    peer.connect({ clean: false, properties: { sessionExpiryInterval: 60 } });
    peer.subscribe('#');
    expect(keptScope(peer)).toBe('first');
  });

  it('is what takes the fingerprint of a scope: no other session does', () => {
    const scope = {
      get fingerprint(): string {
        throw new Error('nobody needs it');
      },
    };
    const peer = new Peer();
    peer.host.admission = ({ clientId: id }) => ({ ok: true, id, role: undefined, scope });
    peer.connect({ clean: true });
    peer.subscribe('#');
    peer.session.closed();
    expect(peer.host.leaves).toMatchObject([{ kept: undefined }]);
  });
});
