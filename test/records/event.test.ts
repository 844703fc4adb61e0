import { describe, expect, it } from 'vitest';
import { createRing, RING_BYTES_MIN, RingProducer } from '../../src/memory/ring.ts';
import {
  claimEvent,
  copyEvent,
  copyOfEvent,
  EVENT_KIND,
  EventField,
  eventBytes,
  eventOf,
  isHigh,
  privateViews,
  wholeEventBytes,
  writeEventHead,
  writeOwnEvent,
} from '../../src/records/event.ts';
import { EventType, Priority } from '../../src/wire/events.ts';

const head = {
  at: 1.5,
  received: 2.5,
  device: 3,
  type: EventType.status,
  priority: Priority.high,
  flags: 5,
  session: 77,
  statusBytes: 300,
  payloadBytes: 70_000,
  ackBytes: 9,
};

describe('the head of an event', () => {
  it('has every field in its place', () => {
    const views = privateViews(256);
    views.u8.fill(0xff);
    expect(writeEventHead(views, 64, head)).toBe(64 + EventField.body);
    const { u8, u16, u32, f64 } = views;
    expect([f64[8], f64[9]]).toEqual([1.5, 2.5]);
    expect([u32[(64 + EventField.device) / 4], u32[(64 + EventField.session) / 4]]).toEqual([3, 77]);
    expect([u8[64 + EventField.type], u8[64 + EventField.priority]]).toEqual([head.type, head.priority]);
    expect([u8[64 + EventField.flags], u8[64 + EventField.ackBytes]]).toEqual([5, 9]);
    expect(u16[(64 + EventField.statusBytes) / 2]).toBe(300);
    expect(u32[(64 + EventField.payloadBytes) / 4]).toBe(70_000);
    expect(eventBytes(views, 64)).toBe(EventField.body + 70_300);
    expect(wholeEventBytes(views, 64)).toBe(EventField.body + 70_309);
    expect(isHigh(views, 64)).toBe(true);
    u8[64 + EventField.priority] = Priority.normal;
    expect(isHigh(views, 64)).toBe(false);
  });
});

describe('a copy of an event', () => {
  const lengths = [0, 1, 3, 4, 5, 400, 464, 465, 466, 2000];

  it.each(lengths)('has each byte, and writes none behind it: %i bytes of payload', (payloadBytes) => {
    const payload = Buffer.from(Array.from({ length: payloadBytes }, (_, n) => n % 251));
    const status = Buffer.from('up');
    const source = eventOf({ ...head, status, payload });
    const bytes = eventBytes(source, 0);
    expect(bytes).toBe(EventField.body + 2 + payloadBytes);
    const target = privateViews(4096);
    target.u8.fill(0xee);
    copyEvent(source, 0, target, 64, bytes);
    expect(target.u8.subarray(64, 64 + bytes)).toEqual(source.u8.subarray(0, bytes));
    expect(target.u8[63]).toBe(0xee);
    expect(target.u8[(64 + bytes + 3) & ~3]).toBe(0xee);
  });

  it('of its own has the ack id too', () => {
    const views = privateViews(256);
    const body = writeEventHead(views, 8, { ...head, statusBytes: 2, payloadBytes: 3, ackBytes: 4 });
    views.u8.set(Buffer.from('upabc"id"'), body);
    const copy = copyOfEvent(views, 8);
    views.u8.fill(0);
    expect(wholeEventBytes(copy, 0)).toBe(EventField.body + 9);
    const text = Buffer.from(copy.u8.subarray(EventField.body, EventField.body + 9)).toString();
    expect(text).toBe('upabc"id"');
  });
});

describe('an event of no connection', () => {
  it('names neither a device nor a session and asks for no ack', () => {
    const views = eventOf({ ...head, status: Buffer.from('up'), payload: Buffer.from('abc') });
    expect(views.u32[EventField.device / 4]).toBe(0xffffffff);
    expect(views.u32[EventField.session / 4]).toBe(0xffffffff);
    expect(views.u8[EventField.ackBytes]).toBe(0);
    const { body } = EventField;
    expect(Buffer.from(views.u8.subarray(body, body + 5)).toString()).toBe('upabc');
    expect(views.u8.length % 8).toBe(0);
  });

  it('is put together where it is wanted, and tells its length', () => {
    const views = privateViews(256);
    const bytes = writeOwnEvent(views, { ...head, status: Buffer.from('up'), payload: Buffer.from('abc') });
    expect(bytes).toBe(EventField.body + 5);
    expect(eventBytes(views, 0)).toBe(bytes);
  });
});

it('finds room in a ring by its priority: low in half of it, normal in three quarters, high in all but a sixteenth', () => {
  const fill = (priority: number): number => {
    const ring = new RingProducer(createRing(RING_BYTES_MIN));
    let count = 0;
    while (claimEvent(ring, 56, priority) >= 0) count += 1;
    return (count * 64) / RING_BYTES_MIN;
  };
  expect([Priority.low, Priority.normal, Priority.high].map(fill)).toEqual([1 / 2, 3 / 4, 15 / 16]);
  expect(EVENT_KIND).toBe(1);
});
