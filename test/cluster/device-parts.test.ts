import { describe, expect, it } from 'vitest';
import { decodeDevice, encodeDevice, keepEvent } from '../../src/cluster/device-parts.ts';
import { EventField } from '../../src/cluster/event-record.ts';
import type { DeviceEntry } from '../../src/cluster/host.ts';
import { EventType } from '../../src/wire/events.ts';
import { eventOf } from './support/fake-host.ts';

const PAYLOAD_MAX = 1000;
const entry: DeviceEntry = {
  epoch: 'k3',
  seq: 41,
  state: 1,
  status: 'charging',
  lastSeen: 1_764_000_000_123,
};

function kept(seq: number, type: number) {
  const [views, bytes] = eventOf(1, seq, seq);
  views.u8[EventField.type] = type;
  return keepEvent(views, 0, bytes);
}

describe('what is handed over of a device', () => {
  it('is its entry, its newest message and its newest status', () => {
    const [message, status] = [kept(41, EventType.message), kept(38, EventType.status)];
    const decoded = decodeDevice(encodeDevice({ entry, message, status }), PAYLOAD_MAX)!;
    expect(decoded.entry).toEqual(entry);
    expect(decoded.message!.views.f64[EventField.seq >> 3]).toBe(41);
    expect(decoded.status!.views.f64[EventField.seq >> 3]).toBe(38);
    const bare = decodeDevice(encodeDevice({ entry, message: undefined, status: undefined }), PAYLOAD_MAX)!;
    expect(bare).toEqual({ entry, message: undefined, status: undefined });
  });

  it('is nothing when its entry is none', () => {
    for (const wrong of [
      { ...entry, epoch: '' },
      { ...entry, epoch: 'x'.repeat(65) },
      { ...entry, seq: -1 },
      { ...entry, seq: 1.5 },
      { ...entry, state: 4 },
      { ...entry, status: 'x'.repeat(65) },
      { ...entry, lastSeen: 'now' },
      null,
    ]) {
      expect(decodeDevice([Buffer.from(JSON.stringify(wrong))], PAYLOAD_MAX)).toBeUndefined();
    }
    expect(decodeDevice([Buffer.from('no json')], PAYLOAD_MAX)).toBeUndefined();
    expect(decodeDevice([], PAYLOAD_MAX)).toBeUndefined();
  });

  it('leaves out events that are none, or newer than the numbering', () => {
    const [head] = encodeDevice({ entry, message: undefined, status: undefined });
    const newer = kept(42, EventType.message);
    const parts = [head!, Buffer.from('no event'), newer.views.u8.slice(0, newer.bytes)];
    expect(decodeDevice(parts, PAYLOAD_MAX)).toMatchObject({ message: undefined, status: undefined });
  });
});
