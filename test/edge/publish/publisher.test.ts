/** The publish half of an edge by itself: what it writes to the owner, and what it answers at once. */
import { describe, expect, it, vi } from 'vitest';
import { DeviceSession } from '../../../src/edge/publish/device-session.ts';
import { Publisher } from '../../../src/edge/publish/publisher.ts';
import { Counter, type CounterName, Counters, createCounters } from '../../../src/memory/counters.ts';
import { createRing, RingConsumer, ringBytesFor } from '../../../src/memory/ring.ts';
import { NONE, Numbering } from '../../../src/presence/columns.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { createPresence } from '../../../src/presence/memory.ts';
import { PresenceReader } from '../../../src/presence/reader.ts';
import { EVENT_KIND, EventField, EventFlag } from '../../../src/records/event.ts';
import { readActive, ToOwnerRecord } from '../../../src/records/requests.ts';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../../../src/wire/device-frames.ts';
import { EventType, Priority } from '../../../src/wire/events.ts';
import { jsonDeviceCodec } from '../../../src/wire/hub-frames.ts';
import { type PublishedEvent, PublishOutcome } from '../../../src/wire/mqtt/host.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { lineInto } from '../../support/no-owner-line.ts';

const SLOT = 3;
const SESSION = 7;
/** Events between two calls of `relieve`. */
const RELIEVE_EVENTS = 1024;

interface Options {
  readonly keepsHistory?: boolean;
  readonly ringBytes?: number;
  readonly relieves?: boolean;
}

class Bench {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly rows;
  readonly line;
  readonly publisher: Publisher;
  /** Frames that the device got. */
  readonly frames: unknown[] = [];
  isOwnerAway = false;
  reliefs = 0;
  readonly #ring: RingConsumer;
  readonly #relieve = (): void => {
    this.reliefs += 1;
  };

  constructor({ keepsHistory = false, ringBytes = 1024 * 1024, relieves = false }: Options = {}) {
    const presence = new PresenceReader(createPresence({ devices: 8, subscribers: 1, subscriptions: 1 }));
    this.rows = presence.devices.rows;
    const ring = createRing(ringBytesFor(ringBytes));
    this.#ring = new RingConsumer(ring);
    this.line = lineInto(ring);
    this.publisher = new Publisher({
      presence,
      line: this.line,
      clock: this.clock,
      counters: this.counters,
      isOwnerAway: () => this.isOwnerAway,
      relieve: relieves ? this.#relieve : undefined,
      keepsHistory,
    });
  }

  device(slot = SLOT): DeviceSession {
    const actor = { role: 'device', id: 'dev', devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const options = { codec: jsonDeviceCodec, wantsInterest: false };
    const session = new DeviceSession(admitted, SESSION, 1, options);
    session.attach({ send: (frame: string) => void this.frames.push(JSON.parse(frame)) } as never);
    session.welcome(slot, undefined);
    return session;
  }

  /** Somebody listens to the device. */
  listen(): this {
    Atomics.store(this.rows.active, SLOT, 1);
    return this;
  }

  /** A frame of the device: JSON, or the bytes of a binary one. */
  send(event: object | Uint8Array, session = this.device()): void {
    const frame = createDeviceFrame();
    const isBinary = event instanceof Uint8Array;
    const bytes = isBinary ? event : Buffer.from(JSON.stringify(event));
    const problem = isBinary ? parseDeviceBinary(bytes, frame) : parseDeviceText(bytes, frame);
    if (problem !== undefined) throw new Error(problem);
    this.publisher.event(session, bytes, frame, this.clock.now() + 0.5);
  }

  /** An event of an MQTT client. @returns what became of it */
  publish(event: Partial<PublishedEvent> & { readonly payload?: string }, session = this.device()): number {
    const { payload = '', ...rest } = event;
    const bytes = Buffer.from(`topic${payload}id`);
    const end = 5 + payload.length;
    const ranges = { payloadStart: 5, payloadEnd: end, dataStart: 5, dataEnd: end };
    const { message: type } = EventType;
    const head = {
      device: 'dev',
      type,
      priority: Priority.normal,
      payloadIsJson: true,
      status: '',
      packetId: 0,
    };
    return this.publisher.published(session, { ...head, bytes, ...ranges, ...rest }, this.clock.now() + 0.5);
  }

  /** Events that the owner would get, and sessions that were found alive, since the last call. */
  written(): Record<string, unknown>[] {
    const ring = this.#ring;
    const all: Record<string, unknown>[] = [];
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
      const { views, kind } = ring;
      if (kind === ToOwnerRecord.Active) all.push({ active: readActive(views, offset).session });
      if (kind !== EVENT_KIND) continue;
      const { u8, u16, u32, f64 } = views;
      let at = offset + EventField.body;
      const text = (bytes: number): string => {
        at += bytes;
        return Buffer.from(u8.slice(at - bytes, at)).toString('latin1');
      };
      all.push({
        at: f64[(offset + EventField.at) >> 3],
        received: f64[(offset + EventField.received) >> 3],
        device: u32[(offset + EventField.device) >> 2],
        session: u32[(offset + EventField.session) >> 2],
        type: u8[offset + EventField.type],
        priority: u8[offset + EventField.priority],
        flags: u8[offset + EventField.flags],
        status: text(u16[(offset + EventField.statusBytes) >> 1]!),
        payload: text(u32[(offset + EventField.payloadBytes) >> 2]!),
        ack: text(u8[offset + EventField.ackBytes]!),
      });
    }
    ring.release();
    return all;
  }

  count(name: CounterName): number {
    return this.counters.cells[Counter[name]]!;
  }
}

describe('an event that somebody listens to', () => {
  it.each([
    [{ type: 'message', data: { t: 1 }, id: 'a' }, 2, Priority.normal, '', '{"t":1}', '"a"'],
    [{ type: 'status', status: 'chärging', data: 1, priority: 'low' }, 3, Priority.low, 'chärging', '1', ''],
    [{ type: 'pong', id: 12 }, 1, Priority.low, '', '', '12'],
  ] as const)('goes to the owner as it came: %j', (event, type, priority, status, payload, ack) => {
    const bench = new Bench().listen();
    bench.send(event);
    const at = { at: bench.clock.wallMs, received: bench.clock.nowMs + 0.5 };
    const utf8 = Buffer.from(status).toString('latin1');
    expect(bench.written()).toEqual([
      { ...at, device: SLOT, session: SESSION, type, priority, flags: 1, status: utf8, payload, ack },
    ]);
    expect(bench.frames).toEqual([]);
  });

  it('is opaque when it came as a binary frame', () => {
    const bench = new Bench().listen();
    bench.send(Uint8Array.of(0x32, 0, 255, 7));
    expect(bench.written()).toMatchObject([
      { type: EventType.message, priority: Priority.high, flags: 0, payload: '\0\xff\x07', ack: '' },
    ]);
  });

  it.each([0, 1, 255, 256, 257, 1000])('keeps its payload whole, and its ack (%i bytes)', (bytes) => {
    const data = Array.from({ length: bytes }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
    const bench = new Bench().listen();
    bench.send({ type: 'message', data, id: 'ack-1' });
    bench.send({ type: 'status', status: 'on', data, id: 'ack-2' });
    expect(bench.written()).toMatchObject([
      { status: '', payload: `"${data}"`, ack: '"ack-1"' },
      { status: 'on', payload: `"${data}"`, ack: '"ack-2"' },
    ]);
  });

  it('has room for its status', () => {
    const bench = new Bench();
    const statuses = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
    for (const status of statuses) bench.send({ type: 'status', status, data: status });
    expect(bench.written()).toMatchObject(statuses.map((status) => ({ status, payload: `"${status}"` })));
  });

  it('is counted by its type', () => {
    const bench = new Bench();
    for (const type of ['message', 'message', 'pong', 'status']) bench.send({ type, status: 'on' });
    bench.publish({ type: EventType.pong });
    const names = ['receivedMessage', 'receivedPong', 'receivedStatus'] as const;
    expect(names.map((name) => bench.count(name))).toEqual([2, 2, 1]);
  });
});

describe('an event that nobody listens to', () => {
  type Change = (bench: Bench) => void;
  const nothing: Change = () => {};
  const waits: Change = ({ rows }) => Atomics.store(rows.waiting, SLOT, 1);
  const claimed: Change = ({ rows }) => Atomics.store(rows.home, SLOT, Numbering.claimed);
  const elsewhere: Change = ({ rows }) => Atomics.store(rows.home, SLOT, Numbering.elsewhere);
  const away: Change = (bench) => {
    bench.isOwnerAway = true;
  };
  it.each([
    ['a message', 'message', false, nothing, true],
    ['a pong', 'pong', false, nothing, true],
    ['a status, which is remembered', 'status', false, nothing, false],
    ['what a subscriber that may come back has to miss', 'message', false, waits, false],
    ['while its node does not know who listens elsewhere', 'message', false, claimed, false],
    ['whose device is on another node', 'message', false, elsewhere, true],
    ['while the owner is away', 'message', false, away, false],
    ['a message that is kept', 'message', true, nothing, false],
    ['a pong, which is not kept', 'pong', true, nothing, true],
    ['a pong that nobody waits for', 'pong', true, waits, true],
    ['a pong while the owner is away', 'pong', true, away, false],
    ['a pong while its node knows not who listens', 'pong', true, claimed, false],
  ] as const)('is let go, or not: %s', (_what, type, keepsHistory, change, isSkipped) => {
    const bench = new Bench({ keepsHistory });
    change(bench);
    Atomics.store(bench.rows.active, SLOT + 1, 1); // of another device
    bench.send({ type, status: 'on' });
    expect(bench.written()).toHaveLength(isSkipped ? 0 : 1);
    expect(bench.count('skipped')).toBe(isSkipped ? 1 : 0);
    expect(bench.frames).toEqual([]);
    const outcome = bench.publish({ type: EventType[type], status: 'on' });
    expect(outcome).toBe(isSkipped ? PublishOutcome.skipped : PublishOutcome.taken);
    expect(bench.written()).toHaveLength(isSkipped ? 0 : 1);
    expect(bench.count('skipped')).toBe(isSkipped ? 2 : 0);
  });

  it('is not known to be one before the device has its slot', () => {
    const bench = new Bench();
    bench.send({ type: 'message' }, bench.device(NONE));
    expect(bench.written()).toMatchObject([{ device: NONE, session: SESSION }]);
  });

  it('is acknowledged with the number of the last one', () => {
    const bench = new Bench();
    bench.rows.seq[SLOT] = 41;
    bench.send({ type: 'message', id: 'x' });
    expect(bench.frames).toEqual([{ op: 'ack', id: 'x', seq: 41, skipped: true }]);
  });

  it.each([
    ['an event that nobody waits for', { type: 'status', status: 'on' }, 0, Numbering.here, true],
    ['one that is to be acknowledged', { type: 'status', status: 'on', id: 1 }, 0, Numbering.here, false],
    ['one that somebody listens to', { type: 'status', status: 'on' }, 1, Numbering.here, false],
    [
      'one that may be listened to elsewhere',
      { type: 'status', status: 'on' },
      0,
      Numbering.elsewhere,
      false,
    ],
  ] as const)('wakes the owner in its own time alone: %s', (_what, event, active, home, isSoft) => {
    const bench = new Bench();
    Atomics.store(bench.rows.active, SLOT, active);
    Atomics.store(bench.rows.home, SLOT, home);
    const [soft, loud] = [vi.spyOn(bench.line, 'commitUnheard'), vi.spyOn(bench.line, 'commit')];
    bench.send(event);
    expect([soft.mock.calls.length, loud.mock.calls.length]).toEqual(isSoft ? [1, 0] : [0, 1]);
    bench.send({ type: 'status', status: 'on' }, bench.device(NONE));
    expect(loud.mock.calls.length).toBe(isSoft ? 1 : 2);
  });
});

describe('a full ring', () => {
  const full = (): Bench => {
    const bench = new Bench({ ringBytes: 4096 }).listen();
    for (let n = 0; n < 100; n++) bench.send({ type: 'message', data: 'x'.repeat(100) });
    expect(bench.count('droppedIngestFull')).toBeGreaterThan(0);
    return bench;
  };

  it('refuses events, and tells devices that wait for an ack', () => {
    const bench = full();
    const before = bench.count('droppedIngestFull');
    expect(bench.frames).toEqual([]);
    bench.send({ type: 'message', data: 'x'.repeat(100), id: 'i' });
    expect(bench.frames).toEqual([
      { op: 'error', id: 'i', code: 106, message: 'the hub is overloaded; the event was refused' },
    ]);
    expect(bench.count('droppedIngestFull')).toBe(before + 1);
    expect(bench.counters.refusals()).toContainEqual(['106', 1]);
  });

  it('refuses what MQTT clients publish', () => {
    const bench = full();
    const before = bench.count('droppedIngestFull');
    expect(bench.publish({ payload: 'x'.repeat(100), packetId: 5 })).toBe(106);
    expect(bench.count('droppedIngestFull')).toBe(before + 1);
  });
});

describe('an event that an MQTT client published', () => {
  it('goes to the owner with the bytes that were published, and its packet id for the answer', () => {
    const bench = new Bench().listen();
    expect(bench.publish({ payload: '{"a":1}', packetId: 0x1234, priority: Priority.high })).toBe(
      PublishOutcome.later,
    );
    expect(bench.publish({ payload: 'raw', payloadIsJson: false, type: EventType.pong })).toBe(
      PublishOutcome.taken,
    );
    const json = EventFlag.payloadIsJson | EventFlag.asPublished;
    const at = { at: bench.clock.wallMs, received: bench.clock.nowMs + 0.5, device: SLOT, session: SESSION };
    const rest = { status: '', ...at };
    expect(bench.written()).toEqual([
      { ...rest, type: 2, priority: 3, flags: json, payload: '{"a":1}', ack: '\x12\x34' },
      { ...rest, type: 1, priority: 2, flags: EventFlag.asPublished, payload: 'raw', ack: '' },
    ]);
  });

  it('of a status has its text beside what was published', () => {
    const bench = new Bench();
    bench.publish({ type: EventType.status, status: 'on', payload: '{"status":"on"}', packetId: 1 });
    expect(bench.written()).toMatchObject([{ status: 'on', payload: '{"status":"on"}', ack: '\0\x01' }]);
  });

  it('shows its data, and not what was published, to those who look at the device', () => {
    const bench = new Bench();
    const seen: unknown[] = [];
    bench.publisher.taps.add(
      'dev',
      (bytes, { type, status, payloadStart, payloadEnd, payloadIsJson, priority }) => {
        const data = Buffer.from(bytes).toString().slice(payloadStart, payloadEnd);
        seen.push({ type, status, data, payloadIsJson, priority });
      },
    );
    const event = { type: EventType.status, status: 'on', payload: '{"status":"on","data":12}' };
    bench.publish({ ...event, priority: Priority.high, dataStart: 27, dataEnd: 29 });
    expect(seen).toEqual([
      { type: 3, status: 'on', data: '12', payloadIsJson: true, priority: Priority.high },
    ]);
    expect(bench.written()).toMatchObject([{ payload: event.payload }]);
  });
});

describe('a tap', () => {
  it('sees events of its device alone, those that nobody listens to as well', () => {
    const bench = new Bench();
    const seen: number[] = [];
    const end = bench.publisher.taps.add('dev', (_bytes, { type }) => seen.push(type));
    bench.publisher.taps.add('other', () => seen.push(0));
    bench.send({ type: 'message' });
    end();
    bench.send({ type: 'message' });
    expect(seen).toEqual([EventType.message]);
  });
});

describe('a flood', () => {
  const send = (bench: Bench, count: number): void => {
    const session = bench.device();
    for (let n = 0; n < count; n++) bench.send({ type: 'message' }, session);
  };

  it('is relieved after so many events, counted from the last poll', () => {
    const bench = new Bench({ relieves: true }).listen();
    send(bench, RELIEVE_EVENTS - 1);
    expect(bench.reliefs).toBe(0);
    send(bench, 1);
    expect(bench.reliefs).toBe(1);
    send(bench, RELIEVE_EVENTS - 1);
    bench.publisher.polled();
    send(bench, RELIEVE_EVENTS - 1);
    expect(bench.reliefs).toBe(1);
    send(bench, 1);
    expect(bench.reliefs).toBe(2);
    expect(bench.count('droppedIngestFull')).toBe(0);
  });

  it('goes on where there is nobody to relieve it', () => {
    const bench = new Bench().listen();
    send(bench, RELIEVE_EVENTS + 1);
    expect(bench.count('droppedIngestFull')).toBe(0);
  });
});

describe('a sign of life', () => {
  const seen = ({ rows }: Bench, slot = SLOT): number => Number(Atomics.load(rows.lastSeen, slot));

  it('is stored as whole milliseconds, for the device alone', () => {
    const bench = new Bench();
    const session = bench.device();
    bench.publisher.heard(session, 1234.9);
    expect([session.aliveAt, seen(bench), seen(bench, SLOT + 1)]).toEqual([1234, 1234, 0]);
    bench.publisher.heard(session, 1235.1);
    expect(seen(bench)).toBe(1235);
    expect(bench.written()).toEqual([]);
  });

  it('counts for the connection before the device has its slot', () => {
    const bench = new Bench();
    const session = bench.device(NONE);
    bench.publisher.heard(session, 1234);
    expect(session.aliveAt).toBe(1234);
    expect(bench.written()).toEqual([]);
  });

  it('tells the owner of a device that it took for stale', () => {
    const bench = new Bench();
    Atomics.store(bench.rows.deviceState, SLOT, DeviceState.stale);
    bench.publisher.heard(bench.device(), 1234);
    expect(bench.written()).toEqual([{ active: SESSION }]);
    Atomics.store(bench.rows.deviceState, SLOT, DeviceState.online);
    bench.publisher.heard(bench.device(), 1235);
    expect(bench.written()).toEqual([]);
  });
});
