import { describe, expect, it } from 'vitest';
import { Wills } from '../../src/owner/wills.ts';
import { EventField, EventFlag, eventBytes } from '../../src/records/event.ts';
import { EventType } from '../../src/wire/events.ts';

const SLOT = 3;
const will = {
  session: 64,
  type: EventType.status,
  payloadIsJson: true,
  delayMs: Number.POSITIVE_INFINITY,
  status: 'gone',
  payload: Buffer.from('gone'),
} as const;

describe('the will of a device', () => {
  it('is an event, once', () => {
    const wills = new Wills();
    wills.set(SLOT, will);
    const { views, bytes } = wills.take(SLOT, 1000, 5)!;
    expect(bytes).toBe(eventBytes(views, 0));
    expect(views.u8[EventField.type]).toBe(EventType.status);
    expect(views.u8[EventField.flags]).toBe(EventFlag.asPublished | EventFlag.payloadIsJson);
    expect(views.f64[EventField.at >> 3]).toBe(1000);
    expect(Buffer.from(views.u8.subarray(EventField.body, bytes)).toString()).toBe('gonegone');
    expect(wills.take(SLOT, 1000, 5)).toBeUndefined();
  });

  it('is forgotten with a goodbye', () => {
    const wills = new Wills();
    wills.set(SLOT, will);
    wills.delete(SLOT);
    expect(wills.take(SLOT, 1000, 5)).toBeUndefined();
  });

  it('shortens the leave grace, and never lengthens it', () => {
    const wills = new Wills();
    expect(wills.graceMs(SLOT, 15_000)).toBe(15_000);
    wills.set(SLOT, { ...will, delayMs: 2000 });
    expect(wills.graceMs(SLOT, 15_000)).toBe(2000);
    wills.set(SLOT, { ...will, delayMs: 60_000 });
    expect(wills.graceMs(SLOT, 15_000)).toBe(15_000);
    wills.set(SLOT, will);
    expect(wills.graceMs(SLOT, 15_000)).toBe(15_000);
  });

  it('does not change with the bytes that it came in', () => {
    const wills = new Wills();
    const payload = Buffer.from('first');
    wills.set(SLOT, { ...will, status: '', payload });
    payload.write('later');
    const { views, bytes } = wills.take(SLOT, 0, 0)!;
    expect(Buffer.from(views.u8.subarray(EventField.body, bytes)).toString()).toBe('first');
  });
});
