import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { EventType } from '../../../src/wire/events.ts';
import { unsettled } from '../../../src/wire/mqtt/kept.ts';
import type { ConnectRefusal } from '../../../src/wire/mqtt/reasons.ts';
import { connected, Peer } from './fake-host.ts';
import { layoutOf } from './layouts.ts';

const versions = [4, 5] as const;

describe('CONNECT', () => {
  it.each(versions)('is accepted, with the limits of the server (%i)', (version) => {
    const [connack, ...more] = new Peer({ version }).connect();
    expect(more).toEqual([]);
    expect(connack).toMatchObject({ cmd: 'connack', sessionPresent: false });
    if (version === 4) expect(connack).toMatchObject({ returnCode: 0 });
    else
      expect(connack).toMatchObject({
        reasonCode: 0,
        properties: {
          receiveMaximum: 1024,
          maximumPacketSize: 65_536,
          topicAliasMaximum: 32,
          sharedSubscriptionAvailable: false,
        },
      });
  });

  it('takes the token from the password and ignores the user name', () => {
    const peer = connected({}, { username: 'anybody', password: Buffer.from('a.b.c') });
    expect(peer.host.admits).toEqual([{ clientId: 'dev-1', token: 'a.b.c' }]);
  });

  it('gives an id to a client that has none', () => {
    const five = new Peer();
    expect(five.connect({ clientId: '' })).toMatchObject([
      { reasonCode: 0, properties: { assignedClientIdentifier: 's-generated' } },
    ]);
    expect(five.host.joins).toMatchObject([{ id: 's-generated' }]);
    const four = new Peer({ version: 4 });
    expect(four.connect({ clientId: '' })).toMatchObject([{ returnCode: 0 }]);
  });

  it('with an empty client id and no clean session is refused in 3.1.1', () => {
    const peer = new Peer({ version: 4 });
    // mqtt-packet refuses to make such a CONNECT.
    expect(peer.sendBytes('100c00044d51545404000000' + '0000')).toMatchObject([{ returnCode: 2 }]);
    expect(peer.host.ended?.code).toBe(closes.badFrame.code);
    expect(peer.host.admits).toEqual([]);
  });

  it.each(['bad id', 'a/b', 'a'.repeat(129), '+', '#', 'ä'])('refuses the client id %j', (clientId) => {
    expect(new Peer({ version: 4 }).connect({ clientId })).toMatchObject([{ returnCode: 2 }]);
    const peer = new Peer();
    expect(peer.connect({ clientId })).toMatchObject([
      { reasonCode: 0x85, properties: { reasonString: expect.stringContaining('1 to 128 of') } },
    ]);
    expect(peer.host.ended).toBeDefined();
    expect(peer.host.joins).toEqual([]);
  });

  it.each<[ConnectRefusal, number, number]>([
    ['badToken', 0x86, 4],
    ['notAllowed', 0x87, 5],
    ['badId', 0x85, 2],
    ['quota', 0x97, 3],
    ['unavailable', 0x88, 3],
  ])(
    'that the hub refuses for %s is answered with %i, in 3.1.1 with %i',
    (refusal, reasonCode, returnCode) => {
      for (const version of versions) {
        const peer = new Peer({ version });
        peer.host.admission = () => ({ ok: false, refusal, message: 'no' });
        expect(peer.connect()).toMatchObject([version === 5 ? { reasonCode } : { returnCode }]);
        expect(peer.host.ended).toMatchObject({ reason: 'no' });
        expect(peer.host.leaves).toEqual([]);
        const late = new Peer({ version });
        late.host.joined = { ok: false, refusal, message: 'no' };
        expect(late.connect()).toMatchObject([version === 5 ? { reasonCode } : { returnCode }]);
        expect(late.host.leaves).toEqual([]);
        // What admission refuses it counts itself.
        expect([peer.host.counts, late.host.counts]).toEqual([[], ['refusedConnect']]);
      }
    },
  );

  it('with another protocol name is closed without an answer', () => {
    const peer = new Peer();
    expect(peer.sendBytes('100a0004484f50540502003c')).toEqual([]);
    expect(peer.host.ended?.code).toBe(closes.badFrame.code);
    expect(peer.host.counts).toEqual(['malformed']);
  });

  it('with another protocol level is refused in a format that the client understands', () => {
    const old = new Peer({ version: 4 });
    expect(old.sendBytes('100e00064d51497364700302003c0000')).toMatchObject([{ returnCode: 1 }]);
    const future = new Peer({ version: 5 });
    expect(future.sendBytes('100d00044d5154540602003c000000')).toMatchObject([{ reasonCode: 0x84 }]);
    expect(future.host.ended).toBeDefined();
  });

  it('that is malformed is answered in MQTT 5 only', () => {
    const five = new Peer();
    expect(five.sendBytes('100d00044d5154540503003c000000')).toMatchObject([{ reasonCode: 0x81 }]);
    expect(five.host.ended).toBeDefined();
    const four = new Peer({ version: 4 });
    expect(four.sendBytes('100c00044d5154540403003c0000')).toEqual([]);
    expect(four.host.ended).toBeDefined();
  });

  it('may not ask for enhanced authentication', () => {
    const peer = new Peer();
    expect(peer.connect({ properties: { authenticationMethod: 'SCRAM' } })).toMatchObject([
      { reasonCode: 0x8c },
    ]);
    expect(peer.host.admits).toEqual([]);
    expect(peer.host.counts).toEqual(['refusedConnect']);
  });

  it('must be the first packet', () => {
    for (const bytes of ['c000', '30050001610078', '8206000100016100', 'e000', '62020001', 'f000', '2000']) {
      const peer = new Peer();
      expect(peer.sendBytes(bytes)).toEqual([]);
      expect(peer.host.ended?.code).toBe(closes.badFrame.code);
      expect(peer.host.counts).toEqual(['malformed']);
    }
  });

  it('must not come twice', () => {
    const five = connected();
    expect(five.connect()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x82 }]);
    expect(five.host.leaves).toMatchObject([{ isClean: false }]);
    const four = connected({ version: 4 });
    expect(four.connect()).toEqual([]);
    expect(four.host.ended?.code).toBe(closes.badFrame.code);
  });

  it('must be complete in time', () => {
    const peer = new Peer();
    peer.clock.advance(9_000);
    peer.sendBytes('10');
    peer.session.tick();
    expect(peer.host.ended).toBeUndefined();
    peer.clock.advance(1_001);
    peer.session.tick();
    expect(peer.host.ended?.code).toBe(closes.noPong.code);
    expect(peer.host.counts).toEqual(['silent']);
  });
});

describe('while the hub admits a client', () => {
  it('packets wait, and are handled in order afterwards', () => {
    const peer = new Peer();
    peer.host.admission = undefined;
    expect(peer.connect()).toEqual([]);
    peer.publish('devices/dev-1/message', '1', 1, 7);
    peer.send({ cmd: 'pingreq' });
    expect(peer.host.events).toEqual([]);
    peer.host.lateAdmission?.({ ok: true, id: 'dev-1', role: 'device' });
    expect(peer.said()).toMatchObject([
      { cmd: 'connack' },
      { cmd: 'puback', messageId: 7 },
      { cmd: 'pingresp' },
    ]);
    expect(peer.host.events).toHaveLength(1);
  });

  it('at most one maximum packet is buffered', () => {
    const peer = new Peer({ settings: { packetBytesMax: 1000 } });
    peer.host.admission = undefined;
    peer.connect();
    for (let i = 0; i < 20; i++) peer.publish('devices/dev-1/message', 'x'.repeat(100));
    expect(peer.host.ended?.code).toBe(closes.badFrame.code);
    expect(peer.session.heldBytes).toBe(0);
    peer.host.lateAdmission?.({ ok: true, id: 'dev-1', role: undefined });
    expect(peer.host.joins).toEqual([]);
  });

  it('the client may disconnect, and its kept session stays kept', () => {
    const peer = new Peer();
    peer.host.joined = undefined;
    peer.connect({ clean: false, properties: { sessionExpiryInterval: 100 } });
    peer.session.closed();
    expect(peer.host.leaves).toEqual([]);
    const kept = {
      subscriptions: [{ filter: 'devices/#', identifier: 3, noLocal: false }],
      packetIds: [5],
      scope: '',
    };
    peer.host.lateJoined?.({ ok: true, kept });
    expect(peer.said()).toEqual([]);
    // What the hub has of it may end before that: all of it is followed anew.
    expect(peer.host.leaves).toEqual([{ isClean: false, kept: unsettled(kept), keptMs: 100_000 }]);
  });

  it('the client may send what it has and go: it counts once the client is admitted', () => {
    const peer = new Peer();
    peer.host.admission = undefined;
    peer.connect();
    peer.publish('devices/dev-1/message', '1');
    peer.send({ cmd: 'disconnect', reasonCode: 0 });
    peer.session.closed();
    peer.host.lateAdmission?.({ ok: true, id: 'dev-1', role: 'device' });
    expect(peer.host.events).toHaveLength(1);
    expect(peer.host.leaves).toMatchObject([{ isClean: true }]);
  });

  it('nothing counts of a client that has gone and is refused', () => {
    const peer = new Peer();
    peer.host.admission = undefined;
    peer.connect();
    peer.publish('devices/dev-1/message', '1');
    peer.session.closed();
    peer.host.lateAdmission?.({ ok: false, refusal: 'badToken', message: 'no' });
    expect(peer.session.hasEnded).toBe(true);
    expect(peer.host.events).toEqual([]);
    expect(peer.host.leaves).toEqual([]);
  });

  it('the CONNECT time-out no longer applies', () => {
    const peer = new Peer();
    peer.host.admission = undefined;
    peer.connect();
    peer.clock.advance(60_000);
    peer.session.tick();
    expect(peer.host.ended).toBeUndefined();
  });
});

describe('a client is a device', () => {
  it.each([
    ['device', undefined, true],
    ['subscriber', undefined, false],
    ['tcp', undefined, false],
    ['tcp', 'device', true],
    ['subscriber', 'device', true],
    ['device', 'subscriber', false],
    ['device', 'gateway', false],
  ] as const)('from CONNECT on the %s listener with the role %s: %s', (listener, role, asDevice) => {
    const peer = new Peer({ listener });
    peer.host.admission = ({ clientId: id }) => ({ ok: true, id, role });
    peer.connect();
    expect(peer.host.joins).toMatchObject([{ asDevice, asGateway: role === 'gateway', will: undefined }]);
  });

  it('from its first PUBLISH otherwise', () => {
    const peer = connected();
    peer.subscribe('devices/dev-2/#');
    expect(peer.host.became).toEqual(['subscriber']);
    peer.publish('devices/dev-1/message', '1');
    peer.publish('devices/dev-1/message', '2');
    expect(peer.host.became).toEqual(['subscriber', 'device']);
  });
});

describe('a will', () => {
  const will = { topic: 'devices/dev-1/status', payload: Buffer.from('gone'), qos: 1, retain: true } as const;

  it('makes a client a device from CONNECT on', () => {
    const peer = connected({}, { will });
    expect(peer.host.joins).toMatchObject([
      {
        asDevice: true,
        will: {
          device: 'dev-1',
          type: EventType.status,
          status: 'gone',
          payloadIsJson: true,
          delayMs: undefined,
        },
      },
    ]);
    peer.publish('devices/dev-1/message', '1');
    expect(peer.host.became).toEqual([]);
  });

  it('may be any event of the device, with a delay', () => {
    const payload = Buffer.from('{"status":"lost","data":[1]}');
    const five = connected({}, { will: { ...will, payload, properties: { willDelayInterval: 3 } } });
    const status = five.host.joins[0]?.will;
    expect(status).toMatchObject({ status: 'lost', delayMs: 3000 });
    expect(payload.subarray(status?.dataStart, status?.dataEnd).toString()).toBe('[1]');
    const message = connected({ version: 4 }, { will: { ...will, topic: 'devices/dev-1/message' } });
    expect(message.host.joins).toMatchObject([
      { will: { type: EventType.message, status: '', payloadIsJson: false, dataStart: 0, dataEnd: 4 } },
    ]);
  });

  it.each(['devices/dev-2/status', 'devices/dev-1/presence', 'devices/dev-1/interest', 'home/dev-1'])(
    'on the foreign topic %s is refused',
    (topic) => {
      const five = new Peer();
      expect(five.connect({ will: { ...will, topic } })).toMatchObject([{ reasonCode: 0x87 }]);
      expect(five.host.joins).toEqual([]);
      expect(five.host.ended?.code).toBe(closes.denied.code);
      expect(new Peer({ version: 4 }).connect({ will: { ...will, topic } })).toMatchObject([
        { returnCode: 5 },
      ]);
    },
  );

  it('is refused for subscribers, and for gateways unless the token covers the device', () => {
    const subscriber = new Peer();
    subscriber.host.admission = () => ({ ok: true, id: 'dev-1', role: 'subscriber' });
    expect(subscriber.connect({ will })).toMatchObject([{ reasonCode: 0x87 }]);
    for (const covered of [[], ['dev-1']]) {
      const gateway = new Peer();
      gateway.host.admission = () => ({ ok: true, id: 'gw-1', role: 'gateway' });
      gateway.host.covered = covered;
      expect(gateway.connect({ clientId: 'gw-1', will })).toMatchObject([
        { reasonCode: covered.length === 0 ? 0x87 : 0 },
      ]);
    }
  });

  it('on the status topic must be a valid status', () => {
    const peer = new Peer();
    expect(peer.connect({ will: { ...will, payload: Buffer.alloc(0) } })).toMatchObject([
      { reasonCode: 0x99 },
    ]);
  });
});

describe('the keep-alive', () => {
  it('disconnects a client that is silent for 1.5 times as long', () => {
    for (const version of versions) {
      const peer = connected({ version }, { keepalive: 10 });
      peer.clock.advance(15_000);
      peer.session.tick();
      expect(peer.host.ended).toBeUndefined();
      peer.clock.advance(1);
      peer.session.tick();
      expect(peer.said()).toMatchObject(version === 5 ? [{ cmd: 'disconnect', reasonCode: 0x8d }] : []);
      expect(peer.host.ended?.code).toBe(closes.noPong.code);
      expect(peer.host.leaves).toMatchObject([{ isClean: false }]);
    }
  });

  it('is satisfied by any complete packet, but not by a partial one', () => {
    const peer = connected({}, { keepalive: 10 });
    peer.clock.advance(14_000);
    expect(peer.send({ cmd: 'pingreq' })).toMatchObject([{ cmd: 'pingresp' }]);
    peer.clock.advance(14_000);
    peer.sendBytes('3003');
    peer.session.tick();
    expect(peer.host.ended).toBeUndefined();
    peer.clock.advance(1_001);
    peer.session.tick();
    expect(peer.host.ended).toBeDefined();
  });

  it('does not count time in which the hub itself was stalled', () => {
    const peer = connected({}, { keepalive: 10 });
    peer.clock.advance(20_000);
    peer.session.credit(20_000);
    peer.session.tick();
    expect(peer.host.ended).toBeUndefined();
  });

  it('sets the lower bound of the silence limits', () => {
    const silences = [0, 1, 6, 7, 60, 65_535].map(
      (keepalive) => connected({}, { keepalive }).host.joins[0]?.silenceMsMin,
    );
    expect(silences).toEqual([Number.POSITIVE_INFINITY, 10_000, 10_000, 10_500, 90_000, 98_302_500]);
    const none = connected({}, { keepalive: 0 });
    none.clock.advance(1e9);
    none.session.tick();
    expect(none.host.ended).toBeUndefined();
  });

  it('can be reduced by the server in MQTT 5', () => {
    const settings = { keepAliveSecondsMax: 100 };
    for (const keepalive of [0, 101]) {
      const peer = new Peer({ settings });
      expect(peer.connect({ keepalive })).toMatchObject([{ properties: { serverKeepAlive: 100 } }]);
      expect(peer.host.joins[0]?.silenceMsMin).toBe(150_000);
    }
    const [connack] = new Peer({ settings }).connect({ keepalive: 100 });
    expect(connack).not.toHaveProperty('properties.serverKeepAlive');
    expect(connected({ version: 4, settings }, { keepalive: 0 }).host.joins[0]?.silenceMsMin).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe('a custom topic layout', () => {
  it('applies to wills', () => {
    const layout = layoutOf('{device+}/state=status');
    const will = { topic: 'site-a/pump/state', payload: Buffer.from('off'), qos: 0, retain: false } as const;
    const peer = connected({ layout }, { clientId: 'site-a.pump', will });
    expect(peer.host.joins).toMatchObject([{ will: { device: 'site-a.pump', status: 'off' } }]);
  });
});
