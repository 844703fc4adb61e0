/** The sessions of an MQTT client: what the hub tells them goes to the client, which knows the protocol. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import type { MqttFollows } from '../../../src/edge/mqtt/follows.ts';
import {
  MqttDeviceSession,
  MqttSubscriberSession,
  packetIdOf,
  type SessionsClient,
} from '../../../src/edge/mqtt/sessions.ts';
import { type Entry, Notice } from '../../../src/records/replies.ts';
import { Encoding } from '../../../src/wire/encodings.ts';

const actor = { role: 'subscriber', id: 'me', devices: undefined, vip: false } as const;
const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;

/** A client that notes what it is told, and what its connection is sent. */
function start() {
  const told: unknown[][] = [];
  const note =
    (name: string) =>
    (...what: unknown[]): void =>
      void told.push([name, ...what]);
  const follows = {
    ...{ failed: note('failed'), answered: note('answered') },
    ...{ page: note('page'), told: note('told'), terminated: note('terminated') },
  } as unknown as MqttFollows;
  const client = {
    ...{ silenceMsMin: 45_000, follows, welcomed: note('welcomed'), published: note('published') },
    ...{ interestIs: note('interest'), failUnanswered: note('lost'), close: note('close') },
    refollow: note('refollow'),
    adapt: (packet: Uint8Array) => (packet[0] === 0 ? undefined : Uint8Array.of(...packet, 99)),
  } as unknown as SessionsClient;
  const connection = {
    send: (packet: Uint8Array) => void told.push(['send', [...packet]]),
    cork: (body: () => void) => body(),
  } as never;
  return { client, connection, told };
}

it('a packet id is two bytes, the high one first', () => {
  expect([packetIdOf(Uint8Array.of(0x12, 0x34)), packetIdOf(Uint8Array.of(0, 1))]).toEqual([0x1234, 1]);
});

describe('the session of a device', () => {
  const device = () => {
    const { client, connection, told } = start();
    const session = new MqttDeviceSession(admitted, 7, 1, client);
    session.attach(connection);
    return { client, session, told };
  };

  it('is as silent as its client may be, wants to know of interest, and ends with the client', () => {
    const { client, session, told } = device();
    expect([session.silenceMsMin, session.wantsInterest]).toEqual([45_000, true]);
    expect(session.closable).toBe(client);
    session.close(closes.kicked);
    expect(told).toEqual([['close', closes.kicked]]);
  });

  it('tells the client that it is in, what became of its events, and whether anybody listens', () => {
    const { session, told } = device();
    session.welcome(3);
    session.send(session.codec.welcome('me', 1));
    session.acked(Uint8Array.of(0, 9), 41, true);
    session.send(session.codec.ack('1', 2, false));
    session.send(session.codec.interest(true));
    session.send(session.codec.draining(1));
    session.send(session.codec.problem({ code: 107, message: '', id: '' }));
    expect(session.slot).toBe(3);
    expect(told).toEqual([['welcomed'], ['published', 9, true], ['interest', session, true]]);
  });

  it('that the owner closes takes with it what it has not answered', () => {
    const { session, told } = device();
    session.closedByOwner(closes.replaced);
    expect(told).toEqual([
      ['close', closes.replaced],
      ['lost', 7],
    ]);
  });
});

describe('the session of a subscriber', () => {
  const subscriber = (version: 4 | 5 = 5) => {
    const { client, connection, told } = start();
    const session = new MqttSubscriberSession(admitted, 7, 1, client, version);
    session.attach(connection);
    return { client, session, told };
  };

  it('has the encoding of its version, and starts afresh unless it resumes', () => {
    expect(subscriber(4).session.codec.encoding).toBe(Encoding.mqtt3);
    const { session } = subscriber(5);
    expect(session.codec.encoding).toBe(Encoding.mqtt5);
    expect([session.fresh, session.hold, session.batched, session.wanted]).toEqual([
      true,
      false,
      false,
      undefined,
    ]);
    session.resume();
    expect(session.fresh).toBe(false);
  });

  it('is as silent as its client may be, and ends with the client', () => {
    const { client, session, told } = subscriber();
    expect(session.silenceMsMin).toBe(45_000);
    expect(session.closable).toBe(client);
    session.close(closes.slow);
    expect(told).toEqual([['close', closes.slow]]);
  });

  it('hands answers to what asked, and has no words of its own', () => {
    const { session, told } = subscriber();
    const { codec } = session;
    session.welcome(3);
    session.send(codec.welcome('me', 1, { resumed: [], filters: [], held: false, more: false }));
    const asked = { op: 'subscribe', id: '' } as const;
    session.send(codec.answer(asked, [], [], [], true));
    session.send(codec.filterPage('a.*', [], false));
    session.send(codec.problem({ code: 111, message: '', id: '' }));
    session.send(codec.notice(Notice.entry, [], [], false));
    session.send(codec.notice(Notice.heard, [], [], false));
    session.send(codec.notice(Notice.terminated, [{ device: 'dev' } as Entry], [], false));
    session.send(codec.draining(1));
    session.send(codec.gap({ device: 'dev', from: 1, to: 2, reason: 'slow' }));
    expect(told).toEqual([
      ['welcomed'],
      ['answered', [], [], true],
      ['page', 'a.*', [], false],
      ['failed', 111],
      ['told', []],
      ['terminated', ['dev']],
      ['refollow', ['dev']],
    ]);
  });

  it('sends events as they are, or as its client is to get them; an empty one is none', () => {
    const { session, told } = subscriber();
    session.welcome(3);
    told.length = 0;
    session.sendEvent(Uint8Array.of(1, 2));
    session.sendEvent(new Uint8Array(0));
    session.isAdapting = true;
    session.sendEvent(Uint8Array.of(1, 2));
    session.sendEvent(Uint8Array.of(0));
    session.sendEvent(new Uint8Array(0));
    expect(told).toEqual([
      ['send', [1, 2]],
      ['send', [1, 2, 99]],
    ]);
  });
});
