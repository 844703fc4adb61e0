import { describe, expect, it, vi } from 'vitest';
import { WILL_BYTES_PER_DEVICE, WILLS_BYTES_MIN } from '../../src/limits.ts';
import { DeviceTerms, type DeviceTermsDeps } from '../../src/owner/device-terms.ts';
import { EstateNotes } from '../../src/owner/estate-notes.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { applyToEstate, createEstate } from '../../src/records/estate.ts';
import { EventField, EventFlag, eventBytes } from '../../src/records/event.ts';
import { NO_WILL } from '../../src/records/requests.ts';
import { EventType, Priority } from '../../src/wire/events.ts';

const SLOT = 3;
const times = { deviceStaleAfterMs: 60_000, deviceLeaveGraceMs: 15_000 };
const estate = createEstate();
/** Devices are named by their slots; those of slot 9 and above are offline, and there are none from slot 10 on. */
const registry = {
  deviceId: String,
  deviceOf: (id: string) => (Number(id) < 10 ? Number(id) : -1),
  devices: {
    capacity: 10,
    rows: { deviceState: [...Array(9).fill(DeviceState.online), DeviceState.offline] },
  },
} as unknown as DeviceTermsDeps['registry'];
const notes = new EstateNotes((changes) => applyToEstate(estate, changes));
const terms = (): DeviceTerms => new DeviceTerms({ registry, times, notes });
/** By device: what another owner would find. */
const left = (): [string, string][] => {
  notes.flush();
  return [...estate.wills].map(([device, { status }]) => [device, status]);
};
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
    const wills = terms();
    wills.setWill(SLOT, will);
    const views = wills.takeWill(SLOT, 1000, 5)!;
    const bytes = eventBytes(views, 0);
    expect(views.u8[EventField.type]).toBe(EventType.status);
    expect(views.u8[EventField.flags]).toBe(EventFlag.asPublished | EventFlag.payloadIsJson);
    expect(views.f64[EventField.at >> 3]).toBe(1000);
    expect(Buffer.from(views.u8.subarray(EventField.body, bytes)).toString()).toBe('gonegone');
    expect(wills.takeWill(SLOT, 1000, 5)).toBeUndefined();
  });

  it('finds room as long as the wills of all devices take no more than they may, whoever has them', () => {
    const wills = terms();
    const large = { ...will, payload: Buffer.alloc(WILLS_BYTES_MIN / 2 - 1000) };
    expect(wills.setWill(0, large)).toBe(true);
    expect(wills.setWill(undefined, { ...large, session: 128 })).toBe(true);
    expect([wills.setWill(1, large), wills.takeWill(1, 1000, 5)]).toEqual([false, undefined]);
    expect(wills.setWill(0, large)).toBe(true); // in place of its own
    wills.joined(128, 2);
    expect(wills.setWill(1, large)).toBe(false);
    wills.left(2, true);
    expect([wills.setWill(1, large), wills.setWill(2, large)]).toEqual([true, false]);
    wills.takeWill(1, 1000, 5);
    expect(wills.setWill(undefined, { ...large, session: 128 })).toBe(true);
    wills.gaveUp(128);
    wills.gaveUp(128);
    expect([wills.setWill(1, large), wills.setWill(2, large)]).toEqual([true, false]);
  });

  it('finds room for so much more as there are more devices', () => {
    const capacity = (2 * WILLS_BYTES_MIN) / WILL_BYTES_PER_DEVICE;
    const devices = { ...registry.devices, capacity } as typeof registry.devices;
    const wills = new DeviceTerms({ registry: { ...registry, devices }, times, notes });
    const large = { ...will, payload: Buffer.alloc(WILLS_BYTES_MIN - 1000) };
    expect([0, 1, 2].map((slot) => wills.setWill(slot, large))).toEqual([true, true, false]);
  });

  it('takes room with its status, too', () => {
    const wills = terms();
    const long = { ...will, status: 'x'.repeat(WILLS_BYTES_MIN / 4) };
    expect([0, 1, 2].map((slot) => wills.setWill(slot, long))).toEqual([true, false, false]);
  });

  it('is not overtaken by the word that the device is offline, whatever its type', () => {
    for (const type of [EventType.pong, EventType.message, EventType.status]) {
      const wills = terms();
      wills.setWill(SLOT, { ...will, type });
      expect(wills.takeWill(SLOT, 1000, 5)!.u8[EventField.priority]).toBe(Priority.high);
    }
  });

  it('is forgotten with a goodbye', () => {
    const wills = terms();
    wills.setWill(SLOT, will);
    wills.left(SLOT, true);
    expect(wills.takeWill(SLOT, 1000, 5)).toBeUndefined();
  });

  it('is kept when the device is lost', () => {
    const wills = terms();
    wills.setWill(SLOT, will);
    wills.left(SLOT, false);
    expect(wills.takeWill(SLOT, 1000, 5)).toBeDefined();
  });

  it('is withdrawn by a gateway that says goodbye, though the device is lost, be it in already or not', () => {
    const wills = terms();
    wills.setWill(SLOT, will);
    expect(wills.setWill(SLOT, { session: will.session, ...NO_WILL })).toBe(true);
    wills.left(SLOT, false);
    expect(wills.takeWill(SLOT, 1000, 5)).toBeUndefined();
    wills.setWill(undefined, will);
    wills.setWill(undefined, { session: will.session, ...NO_WILL });
    wills.joined(will.session, SLOT);
    expect(wills.takeWill(SLOT, 1000, 5)).toBeUndefined();
  });

  it('shortens the leave grace, and never lengthens it', () => {
    const wills = terms();
    expect(wills.graceMs(SLOT)).toBe(15_000);
    wills.setWill(SLOT, { ...will, delayMs: 2000 });
    expect(wills.graceMs(SLOT)).toBe(2000);
    wills.setWill(SLOT, { ...will, delayMs: 60_000 });
    expect(wills.graceMs(SLOT)).toBe(15_000);
    wills.setWill(SLOT, will);
    expect(wills.graceMs(SLOT)).toBe(15_000);
  });

  it('does not change with the bytes that it came in', () => {
    const wills = terms();
    const payload = Buffer.from('first');
    wills.setWill(SLOT, { ...will, status: '', payload });
    payload.write('later');
    const views = wills.takeWill(SLOT, 0, 0)!;
    const bytes = eventBytes(views, 0);
    expect(Buffer.from(views.u8.subarray(EventField.body, bytes)).toString()).toBe('first');
  });

  it('waits for its device where that waits until an older session has been let go', () => {
    const wills = terms();
    wills.setWill(undefined, will);
    expect(wills.takeWill(SLOT, 0, 0)).toBeUndefined();
    wills.joined(will.session, SLOT);
    expect(wills.takeWill(SLOT, 0, 0)).toBeDefined();
    wills.setWill(undefined, will);
    wills.gaveUp(will.session);
    wills.joined(will.session, SLOT);
    expect(wills.takeWill(SLOT, 0, 0)).toBeUndefined();
  });

  it('is forgotten when another session has the device', () => {
    const wills = terms();
    wills.setWill(SLOT, will);
    wills.joined(128, SLOT);
    expect(wills.takeWill(SLOT, 0, 0)).toBeUndefined();
  });
});

describe('the wills that another owner left', () => {
  it('are nothing to tell of where a device has none', () => {
    const told = vi.fn();
    const own = new EstateNotes(told);
    const wills = new DeviceTerms({ registry, times, notes: own });
    wills.joined(64, SLOT);
    wills.left(SLOT, true);
    own.flush();
    expect(told).not.toHaveBeenCalled();
  });

  it('are those of devices that have one', () => {
    const wills = terms();
    left();
    estate.wills.clear();
    for (const slot of [1, 2, 3, 4, 5]) wills.setWill(slot, { ...will, status: `gone ${slot}` });
    wills.takeWill(1, 0, 0);
    wills.left(2, true);
    wills.left(3, false);
    wills.joined(128, 4);
    wills.setWill(undefined, { ...will, status: 'waits' });
    expect(left()).toEqual([
      ['3', 'gone 3'],
      ['5', 'gone 5'],
    ]);
    wills.joined(will.session, 1);
    wills.setWill(5, { session: will.session, ...NO_WILL });
    expect(left()).toEqual([
      ['3', 'gone 3'],
      ['1', 'waits'],
    ]);
  });

  it('hold for devices that are up, until their edge says otherwise', () => {
    const wills = terms();
    wills.inherit(new Map(['0', '1', '2', '9', '10'].map((id) => [id, will])));
    expect([0, 1].map((slot) => wills.takeWill(slot, 0, 0))).not.toContain(undefined);
    wills.confirmed(2);
    expect([2, 9, 10].map((slot) => wills.takeWill(slot, 0, 0))).toEqual([undefined, undefined, undefined]);
  });

  it('take their room, until their devices have others or none', () => {
    const wills = terms();
    const large = { ...will, payload: Buffer.alloc(WILLS_BYTES_MIN - 1000) };
    wills.inherit(new Map([['1', large]]));
    expect(wills.setWill(2, large)).toBe(false);
    wills.confirmed(1);
    expect([wills.setWill(2, large), wills.setWill(3, large)]).toEqual([true, false]);
  });

  it('go where they are of devices that are not', () => {
    const wills = terms();
    left();
    estate.wills.clear();
    for (const id of ['1', '9', '10']) estate.wills.set(id, will);
    wills.inherit(estate.wills);
    expect(left()).toEqual([['1', 'gone']]);
  });
});

describe('the silence of a device', () => {
  it('may be longer than the settings say, while it is connected', () => {
    const all = terms();
    all.joined(64, SLOT, 90_000);
    expect(all.staleAfterMs(SLOT)).toBe(90_000);
    all.confirmed(SLOT, Number.POSITIVE_INFINITY);
    expect(all.staleAfterMs(SLOT)).toBe(Number.POSITIVE_INFINITY);
    all.left(SLOT, false);
    expect(all.staleAfterMs(SLOT)).toBe(60_000);
  });
});
