import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import { closes } from '../../../src/codes.ts';
import { NO_SHARD } from '../../../src/edge/deliver/audience.ts';
import type { Outgoing } from '../../../src/edge/deliver/outbox-frames.ts';
import type { Ask } from '../../../src/edge/deliver/request-queue.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { ALL_TYPES, type StreamPosition } from '../../../src/wire/events.ts';
import { binarySubscriberCodec, jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import { NO_PAST } from '../../../src/wire/subscriber-ops.ts';

interface Options {
  readonly devices?: readonly string[];
  readonly vip?: boolean;
  readonly binary?: boolean;
  readonly batched?: boolean;
}

/** A session and what its connection was told: frames, with `[` and `]` around those of one write. */
function connected({ devices, vip = false, binary = false, batched = false }: Options = {}) {
  const actor = { role: 'subscriber', id: 's-1', devices: devices && new PatternSet(devices), vip } as const;
  const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
  const session = new SubscriberSession(admitted, 1, 0, {
    codec: binary ? binarySubscriberCodec : jsonSubscriberCodec,
    batched,
    every: 0,
    hold: false,
    wanted: undefined,
  });
  const log: string[] = [];
  session.attach({
    send: (frame: string | Uint8Array, isBinary: boolean) =>
      void log.push(`${Buffer.from(frame as string)}${isBinary ? ' (binary)' : ''}`),
    cork: (body: () => void) => {
      log.push('[');
      body();
      log.push(']');
    },
    close: (code: number) => void log.push(`close ${code}`),
    join: (topic: string) => void log.push(`join ${topic}`),
    leave: (topic: string) => void log.push(`leave ${topic}`),
  } as unknown as Connection<unknown>);
  const news = (): string => log.splice(0).join(' ');
  return { session, news, log };
}

function welcomed(options: Options = {}) {
  const made = connected(options);
  made.session.welcome(0, undefined);
  return made;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('who a subscriber is', () => {
  it.each([
    [undefined, false],
    [undefined, true],
    [['a', 'b*'], false],
    [['a'], true],
  ])('is what its token says: devices %j, vip %s', (devices, vip) => {
    const { actor } = connected({ ...(devices && { devices }), vip }).session;
    expect({ ...actor, devices: actor.devices?.patterns }).toEqual({
      role: 'subscriber',
      id: 's-1',
      devices,
      vip,
    });
  });
});

describe('a subscriber', () => {
  it('is no vip before the owner says so, and no device', () => {
    const { vip, wantsInterest, kind } = connected({ vip: true }).session;
    expect([vip, wantsInterest, kind]).toEqual([false, false, 1]);
  });
});

describe('positions', () => {
  const at = (seq: number): StreamPosition => ({ epoch: 'e', seq });
  const subscribe: Ask = { op: 'subscribe', id: '', named: undefined, types: ALL_TYPES, past: NO_PAST };

  it('that were told go with the next subscribe and only with that; what it says itself counts', () => {
    const { session } = connected();
    expect(session.takeSince(subscribe)).toBe(subscribe);
    session.noteSince(
      new Map([
        ['a', at(1)],
        ['b', at(1)],
      ]),
      9,
    );
    session.noteSince(new Map([['b', at(2)]]), 9);
    const list: Ask = { ...subscribe, op: 'list' };
    expect(session.takeSince(list)).toBe(list);
    const past = { last: true, history: 3, since: new Map([['c', at(3)]]) };
    const asked = session.takeSince({ ...subscribe, past });
    expect({ ...asked, past: { ...asked.past, since: [...asked.past.since] } }).toEqual({
      ...subscribe,
      past: {
        last: true,
        history: 3,
        since: [
          ['a', at(1)],
          ['b', at(2)],
          ['c', at(3)],
        ],
      },
    });
    expect(session.takeSince(subscribe)).toBe(subscribe);
  });

  it('of the subscribe itself count more than those before', () => {
    const { session } = connected();
    session.noteSince(new Map([['a', at(1)]]), 9);
    const asked = session.takeSince({ ...subscribe, past: { ...NO_PAST, since: new Map([['a', at(5)]]) } });
    expect([...asked.past.since]).toEqual([['a', at(5)]]);
  });

  it('are forgotten where they are too many', () => {
    const { session } = connected();
    const told = (count: number) => new Map(Array.from({ length: count }, (_, n) => [`d${n}`, at(n)]));
    expect([session.noteSince(told(3), 3), session.noteSince(told(4), 3)]).toEqual([true, false]);
    expect(session.takeSince(subscribe)).toBe(subscribe);
  });
});

describe('frames that are to leave together', () => {
  it('are held until they are let go of, and leave in one write', () => {
    const { session, news } = welcomed();
    expect([session.sendSoon('a'), session.sendSoon(bytes('b')), session.sendSoon(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(news()).toBe('');
    session.uncork();
    session.uncork();
    expect(news()).toBe('[ a b (binary) ]');
    expect(session.sendSoon('c')).toBe(true);
  });

  it('leave before whatever else is sent, and before the end', () => {
    const { session, news } = welcomed();
    session.sendSoon('a');
    session.send('b');
    session.sendSoon('c');
    session.close(closes.slow);
    expect(news()).toBe('[ a ] b [ c ] close 4108');
  });

  it('leave once there are as many as one write takes', () => {
    const { session, log } = welcomed();
    const firsts = Array.from({ length: 65 }, (_, n) => session.sendSoon(`${n}`));
    expect(log).toHaveLength(66);
    expect(firsts.flatMap((isFirst, n) => (isFirst ? [n] : []))).toEqual([0, 64]);
  });

  it('come after the welcome, as all do', () => {
    const { session, news } = connected();
    expect([session.sendSoon('a'), session.sendSoon(undefined)]).toEqual([false, false]);
    expect(news()).toBe('');
    session.welcome(0, 'welcome');
    expect(news()).toBe('[ welcome a ]');
  });
});

describe("a session's events", () => {
  it.each([
    [false, 'e'],
    [true, 'e (binary)'],
  ])('go out in its encoding (binary: %s)', (binary, sent) => {
    const { session, news } = welcomed({ binary });
    session.sendEvent(bytes('e'));
    expect(news()).toBe(sent);
  });

  it('that it will not get are told, with how long that was', () => {
    const { session, news } = welcomed();
    const gap = { device: 'a', from: 1, to: 2, reason: 'slow' };
    const length = session.sendGap(gap);
    expect(news()).toHaveLength(length);
    Object.defineProperty(session, 'codec', { value: { gap: () => undefined } });
    expect([session.sendGap(gap), news()]).toEqual([0, '']);
  });

  /** Sends the parts of an outbox as `1-2`, or in a batch as `1-2+3-4`. */
  const outgoing: Outgoing = {
    sendEach(outbox, send) {
      for (let at = 0; at < outbox.length; at += 2) send(bytes(`${outbox[at]}-${outbox[at + 1]}`));
    },
    sendBatched(outbox, binary, send) {
      send(bytes(`${outbox.join('+')}${binary ? '!' : ''}`));
    },
  };

  it.each([
    [{ batched: false }, '[ 1-2 3-4 ]'],
    [{ batched: true }, '[ 1+2+3+4 ]'],
    [{ batched: true, binary: true }, '[ 1+2+3+4! (binary) ]'],
  ])('that stand in its outbox leave in one write: %j', (options, sent) => {
    const { session, news } = welcomed(options);
    expect([session.addToOutbox(1, 2), session.addToOutbox(3, 4)]).toEqual([true, false]);
    session.sendOutbox(outgoing);
    expect(news()).toBe(sent);
    expect(session.addToOutbox(5, 6)).toBe(true);
  });

  it('may be none', () => {
    const { session, news } = welcomed();
    session.sendOutbox(outgoing);
    expect(news()).toBe('[ ]');
  });

  it('may be taken by a kind of session that sends them itself', () => {
    class Taking extends SubscriberSession {
      take(): readonly number[] {
        return this.takeOutbox();
      }
    }
    const actor = { role: 'subscriber', id: 's-1', devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const terms = { codec: jsonSubscriberCodec, batched: false, every: 0, hold: false, wanted: undefined };
    const session = new Taking(admitted, 1, 0, terms);
    expect(session.take()).toEqual([]);
    session.addToOutbox(1, 2);
    expect([session.take(), session.take()]).toEqual([[1, 2], []]);
  });

  it('do not go to one that is closing', () => {
    const { session, news } = welcomed();
    session.addToOutbox(1, 2);
    session.closing = true;
    session.sendOutbox(outgoing);
    expect(news()).toBe('[ ]');
  });
});

describe('the devices of a session', () => {
  it.each([3, 16, 17, 40])('are the same whether they are few or many: %d', (count) => {
    const { session } = connected();
    expect([session.devices, session.deviceCount, session.someDevices(5)]).toEqual([[], 0, []]);
    expect(session.shardOf(1)).toBe(NO_SHARD);
    session.removeDevice(1);
    for (let device = 0; device < count; device++) session.addDevice(device, device + 100);
    expect(session.deviceCount).toBe(count);
    expect(session.devices).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(session.someDevices(2)).toEqual([0, 1]);
    expect(session.someDevices(count)).toHaveLength(count);
    expect(session.someDevices(count + 5)).toHaveLength(count);
    expect([session.shardOf(1), session.shardOf(count - 1)]).toEqual([101, count + 99]);
    // What is a shard is not taken for a device.
    expect([session.shardOf(101), session.shardOf(count)]).toEqual([NO_SHARD, NO_SHARD]);
    session.removeDevice(1);
    expect([session.deviceCount, session.shardOf(1), session.shardOf(2)]).toEqual([count - 1, NO_SHARD, 102]);
  });

  it('are told apart from their shards when one is removed', () => {
    const { session } = connected();
    session.addDevice(7, 1);
    session.addDevice(1, 7);
    session.removeDevice(1);
    expect([session.devices, session.shardOf(7)]).toEqual([[7], 1]);
  });

  it('have all types, but where less is wanted: until they are left, or more is wanted', () => {
    const { session } = connected();
    expect(session.typesOf(1)).toBe(ALL_TYPES);
    for (const device of [1, 2, 3]) {
      session.addDevice(device, 0);
      session.limit(device, 2);
    }
    session.limit(4, ALL_TYPES);
    session.removeDevice(1, true);
    session.removeDevice(2);
    session.limit(3, ALL_TYPES);
    expect([1, 2, 3, 4].map((device) => session.typesOf(device))).toEqual([
      2,
      ALL_TYPES,
      ALL_TYPES,
      ALL_TYPES,
    ]);
    const { session: other } = connected();
    other.limit(1, ALL_TYPES);
    expect(other.typesOf(1)).toBe(ALL_TYPES);
  });

  it('are in topics of its connection, where there is one', () => {
    const { session, news } = connected();
    session.join('j1');
    session.leave('j1');
    expect(news()).toBe('join j1 leave j1');
  });
});
