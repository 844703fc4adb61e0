import { describe, expect, it } from 'vitest';
import { closes, errors } from '../../../src/codes.ts';
import { type KeptSession, PublishOutcome } from '../../../src/wire/mqtt/host.ts';
import { connected, Peer } from './fake-host.ts';

const versions = [4, 5] as const;
const TOPIC = 'devices/dev-1/message';

describe('DISCONNECT', () => {
  it('is a goodbye', () => {
    for (const version of versions) {
      const peer = connected({ version });
      expect(peer.send({ cmd: 'disconnect' })).toEqual([]);
      expect(peer.host.leaves).toEqual([{ isClean: true, kept: undefined, keptMs: 0 }]);
      expect(peer.host.ended).toEqual({ code: 1000, reason: '' });
    }
  });

  it('with a failure code is not: the will is published', () => {
    for (const reasonCode of [0x04, 0x81, 0x93]) {
      const peer = connected();
      peer.send({ cmd: 'disconnect', reasonCode });
      expect(peer.host.leaves).toMatchObject([{ isClean: false }]);
    }
  });

  it('is the last packet that is handled', () => {
    const peer = connected();
    // DISCONNECT, a PUBLISH to devices/dev-1/pong, PINGREQ
    peer.sendBytes(`e00030150012${Buffer.from('devices/dev-1/pong').toString('hex')}00c000`);
    expect(peer.host.events).toEqual([]);
    expect(peer.said()).toEqual([]);
    peer.sendBytes('c000');
    peer.session.closed();
    peer.session.close(closes.kicked.code, 'too late');
    expect(peer.said()).toEqual([]);
    expect(peer.host.leaves).toHaveLength(1);
  });
});

describe('a connection that ends without DISCONNECT', () => {
  it('is lost', () => {
    const peer = connected();
    peer.session.closed();
    expect(peer.host.leaves).toEqual([{ isClean: false, kept: undefined, keptMs: 0 }]);
    expect(peer.host.ended).toBeUndefined();
  });

  it('before CONNECT leaves nothing behind', () => {
    const peer = new Peer();
    peer.session.closed();
    expect(peer.host.leaves).toEqual([]);
  });
});

describe('a close by the hub', () => {
  it.each([
    [closes.drain, 0x8b],
    [closes.slow, 0x97],
    [closes.kicked, 0x98],
    [closes.terminated, 0x98],
    [closes.tokenExpired, 0x87],
    [closes.replaced, 0x8e],
    [closes.rateLimit, 0x96],
    [closes.overCapacity, 0x97],
    [closes.noPong, 0x8d],
    [closes.denied, 0x87],
    [closes.badToken, 0x87],
    [closes.badFrame, 0x81],
  ])('with %j sends DISCONNECT with %i in MQTT 5', ({ code, reason }, reasonCode) => {
    const five = connected();
    five.session.close(code, reason);
    expect(five.said()).toMatchObject([
      { cmd: 'disconnect', reasonCode, properties: { reasonString: reason } },
    ]);
    expect(five.host.ended).toEqual({ code, reason });
    expect(five.host.leaves).toMatchObject([{ isClean: false }]);
    const four = connected({ version: 4 });
    four.session.close(code, reason);
    expect(four.said()).toEqual([]);
    expect(four.host.ended).toEqual({ code, reason });
  });
});

describe('a malformed packet', () => {
  it.each([
    ['36050001610001', 0x81],
    ['8000', 0x81],
    ['8206000000016100', 0x82],
    ['30ffffffff7f', 0x81],
    ['30ffff7f', 0x95],
    ['9003000100', 0x82],
    ['f000', 0x82],
    ['0000', 0x82],
    ['d000', 0x82],
    ['6002000a', 0x81],
    ['e0020001', 0x81],
    ['c001ff', 0x81],
  ])('ends the connection: %s with %i', (bytes, reasonCode) => {
    const five = connected();
    expect(five.sendBytes(bytes)).toMatchObject([{ cmd: 'disconnect', reasonCode }]);
    expect(five.host.ended?.code).toBe(closes.badFrame.code);
    expect(five.host.counts).toEqual(['malformed']);
    expect(five.host.leaves).toMatchObject([{ isClean: false }]);
    expect(five.session.heldBytes).toBe(0);
  });

  it('discards everything after it', () => {
    const peer = connected();
    peer.sendBytes(`36050001610001${Buffer.from(TOPIC).toString('hex')}`);
    peer.publish(TOPIC, '1');
    expect(peer.host.events).toEqual([]);
  });
});

describe('a kept session', () => {
  const kept: KeptSession = {
    subscriptions: [
      { filter: 'devices/dev-2/#', identifier: 0, noLocal: false },
      { filter: 'devices/dev-1/interest', identifier: 0, noLocal: false },
    ],
    packetIds: [7, 9],
    scope: '',
  };

  it('has the topic filters and the open QoS 2 packet ids', () => {
    const peer = connected({ version: 4 }, { clean: false });
    peer.subscribe('devices/dev-2/#', 'devices/dev-1/interest', 'foo');
    for (const id of [7, 8, 9]) peer.publish(TOPIC, '1', 2, id);
    peer.send({ cmd: 'pubrel', messageId: 8 });
    peer.session.closed();
    expect(peer.host.leaves).toEqual([{ isClean: false, kept, keptMs: 300_000 }]);
  });

  it('is also left after a goodbye', () => {
    const peer = connected({}, { properties: { sessionExpiryInterval: 10 } });
    peer.send({ cmd: 'disconnect' });
    expect(peer.host.leaves).toEqual([
      { isClean: true, kept: { subscriptions: [], packetIds: [], scope: '' }, keptMs: 10_000 },
    ]);
  });

  it('is announced and continues', () => {
    for (const version of versions) {
      const peer = new Peer({ version });
      peer.host.joined = { ok: true, kept };
      expect(peer.connect({ clean: false })).toMatchObject([{ cmd: 'connack', sessionPresent: true }]);
      expect(peer.host.interest).toEqual([true]);
      expect(peer.host.became).toEqual([]);
      // The event of id 7 came before the connection was lost: it is not published again.
      expect(peer.publish(TOPIC, '1', 2, 7, true)).toMatchObject([{ cmd: 'pubrec', messageId: 7 }]);
      expect(peer.host.events).toEqual([]);
      expect(peer.send({ cmd: 'pubrel', messageId: 7 })).toMatchObject([{ cmd: 'pubcomp', messageId: 7 }]);
      expect(peer.send({ cmd: 'pubrel', messageId: 9 })).toMatchObject([{ cmd: 'pubcomp', messageId: 9 }]);
      peer.publish(TOPIC, '2', 2, 7);
      expect(peer.host.events).toHaveLength(1);
      expect(peer.unsubscribe('devices/dev-2/#')).toMatchObject([{ cmd: 'unsuback' }]);
      expect(peer.host.unfollows).toEqual([['dev-2']]);
    }
  });

  it('stays the same if nothing changes', () => {
    const peer = new Peer({ version: 4 });
    peer.host.joined = { ok: true, kept };
    peer.connect({ clean: false });
    peer.session.closed();
    expect(peer.host.leaves).toMatchObject([{ kept }]);
  });

  it('is present even if it is empty', () => {
    const peer = new Peer();
    peer.host.joined = { ok: true, kept: { subscriptions: [], packetIds: [], scope: '' } };
    expect(peer.connect({ clean: false })).toMatchObject([{ sessionPresent: true }]);
  });

  it('restores subscription identifiers', () => {
    const peer = new Peer();
    const subscriptions = [{ filter: 'devices/dev-2/message', identifier: 5, noLocal: true }];
    peer.host.joined = { ok: true, kept: { subscriptions, packetIds: [], scope: '' } };
    peer.connect({ clean: false, properties: { sessionExpiryInterval: 9 } });
    expect(peer.host.became).toEqual(['one by one']);
    peer.session.closed();
    expect(peer.host.leaves).toMatchObject([{ kept: { subscriptions } }]);
  });

  it('drops topic filters that the layout no longer knows', () => {
    const peer = new Peer();
    const subscriptions = [{ filter: 'old/layout/#', identifier: 0, noLocal: false }];
    peer.host.joined = { ok: true, kept: { subscriptions, packetIds: [], scope: '' } };
    expect(peer.connect({ clean: false })).toMatchObject([{ sessionPresent: true }]);
    expect(peer.session.subscriptions.count).toBe(0);
  });

  it.each([
    [4, true, undefined, 0],
    [4, false, undefined, 300_000],
    [5, true, undefined, 0],
    [5, false, undefined, 0],
    [5, true, 60, 60_000],
    [5, false, 60, 60_000],
    [5, false, 301, 300_000],
    [5, false, 0xffffffff, 300_000],
  ] as const)('of version %i, clean %s, expiry %s s is kept for %i ms', (version, clean, seconds, keptMs) => {
    const properties = seconds === undefined ? {} : { properties: { sessionExpiryInterval: seconds } };
    const peer = new Peer({ version });
    const [connack] = peer.connect({ clean, ...properties });
    expect(peer.host.joins).toMatchObject([{ cleanStart: clean }]);
    peer.session.closed();
    expect(peer.host.leaves).toMatchObject([{ keptMs }]);
    if (version === 5 && seconds !== undefined && seconds > 300)
      expect(connack).toMatchObject({ properties: { sessionExpiryInterval: 300 } });
    else expect(connack).not.toHaveProperty('properties.sessionExpiryInterval');
  });

  it('can be dropped or given another expiry with DISCONNECT', () => {
    const disconnect = (peer: Peer, seconds: number) =>
      peer.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: seconds } });
    const expiry = { properties: { sessionExpiryInterval: 100 } };
    const given = connected({}, expiry);
    disconnect(given, 0);
    expect(given.host.leaves).toEqual([{ isClean: true, kept: undefined, keptMs: 0 }]);
    const longer = connected({}, expiry);
    disconnect(longer, 200);
    expect(longer.host.leaves).toMatchObject([{ isClean: true, keptMs: 200_000 }]);
    const never = connected();
    expect(disconnect(never, 5)).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x82 }]);
  });

  it('waits until it is known which QoS 2 events the hub has', () => {
    const peer = connected({ version: 4 }, { clean: false });
    peer.host.outcome = PublishOutcome.later;
    for (const id of [7, 8]) peer.publish(TOPIC, '1', 2, id);
    peer.publish(TOPIC, '1', 1, 9);
    peer.session.close(closes.replaced.code, closes.replaced.reason);
    expect(peer.host.ended?.code).toBe(closes.replaced.code);
    expect(peer.host.leaves).toEqual([]);
    peer.session.published(7, 0, false);
    expect(peer.host.leaves).toEqual([]);
    peer.session.published(8, errors.limit.code, false);
    expect(peer.host.leaves).toMatchObject([{ kept: { packetIds: [7] } }]);
    peer.session.published(9, 0, false);
    peer.session.closed();
    expect(peer.said()).toEqual([]);
    expect(peer.host.leaves).toHaveLength(1);
  });
});

describe('a late answer of the hub', () => {
  it('is dropped', () => {
    const peer = connected({}, { properties: { sessionExpiryInterval: 9 } });
    peer.host.answersRequests = false;
    peer.subscribe('devices/dev-2/#');
    peer.unsubscribe('devices/dev-2/#');
    peer.session.closed();
    while (peer.host.later.length > 0) peer.host.later.shift()?.();
    expect(peer.said()).toEqual([]);
    expect(peer.host.unfollows).toEqual([]);
    peer.session.interest.is(true, false);
    expect(peer.said()).toEqual([]);
  });
});
