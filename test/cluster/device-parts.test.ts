import { describe, expect, it } from 'vitest';
import { decodeDevice, encodeDevice, encodeUnnumbered, keepEvent } from '../../src/cluster/device-parts.ts';
import { EventField } from '../../src/cluster/event-record.ts';
import type { HomeDevice } from '../../src/cluster/host.ts';
import { EventType } from '../../src/wire/events.ts';
import { eventOf, payloadOf } from './support/fake-host.ts';

const PAYLOAD_MAX = 1000;
const entry: HomeDevice = {
  epoch: 'k3',
  seq: 41,
  state: 1,
  status: 'charging',
  lastSeen: 1_764_000_000_123,
};

const NOTHING = { device: undefined, unnumbered: [] };

function kept(seq: number, type: number) {
  const [views, bytes] = eventOf(1, seq, seq);
  views.u8[EventField.type] = type;
  return keepEvent(views, 0, bytes);
}

describe('what is handed over of a device', () => {
  it('is its entry, its newest message and its newest status', () => {
    const [message, status] = [kept(41, EventType.message), kept(38, EventType.status)];
    const { device } = decodeDevice(encodeDevice({ entry, message, status }), PAYLOAD_MAX);
    expect(device!.entry).toEqual(entry);
    expect(device!.message!.views.f64[EventField.seq >> 3]).toBe(41);
    expect(device!.status!.views.f64[EventField.seq >> 3]).toBe(38);
    const bare = { entry, message: undefined, status: undefined };
    expect(decodeDevice(encodeDevice(bare), PAYLOAD_MAX)).toEqual({ device: bare, unnumbered: [] });
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
      expect(decodeDevice([Buffer.from(JSON.stringify(wrong))], PAYLOAD_MAX)).toEqual(NOTHING);
    }
    expect(decodeDevice([Buffer.from('no json')], PAYLOAD_MAX)).toEqual(NOTHING);
    expect(decodeDevice([], PAYLOAD_MAX)).toEqual(NOTHING);
  });

  it('leaves out events that are none, or newer than the numbering', () => {
    const [head] = encodeDevice({ entry, message: undefined, status: undefined });
    const newer = kept(42, EventType.message);
    const parts = [head!, Buffer.from('no event'), newer.views.u8.slice(0, newer.bytes)];
    const { device } = decodeDevice(parts, PAYLOAD_MAX);
    expect(device).toMatchObject({ message: undefined, status: undefined });
  });

  it('of two homes is what the first has, and nothing of the other', () => {
    const second = { ...entry, epoch: 'old', seq: 50 };
    const parts = [
      ...encodeDevice({ entry, message: kept(40, EventType.message), status: undefined }),
      ...encodeDevice({ entry: second, message: kept(30, EventType.message), status: undefined }),
    ];
    const { device } = decodeDevice(parts, PAYLOAD_MAX);
    expect(device!.entry).toEqual(entry);
    expect(device!.message!.views.f64[EventField.seq >> 3]).toBe(40);
  });

  it('is, of a node that lost its claim, what the device sent there, with or without a home', () => {
    const [sent] = [kept(0, EventType.message)];
    sent.views.u8[EventField.ackBytes] = 7; // the connection that asked for it is over
    sent.views.f64[EventField.seq >> 3] = 5; // nothing that counts: nobody has numbered it
    const lost = encodeUnnumbered([sent.views, sent.views]);
    const message = kept(41, EventType.message);
    for (const parts of [lost, [...lost, ...encodeDevice({ entry, message, status: undefined })]]) {
      const { device, unnumbered } = decodeDevice(parts, PAYLOAD_MAX);
      expect(device?.entry).toEqual(parts === lost ? undefined : entry);
      expect(unnumbered.map(({ views }) => views.f64[EventField.seq >> 3])).toEqual([0, 0]);
      expect(unnumbered.map(({ views, bytes }) => payloadOf(views, 0, bytes))).toEqual([0, 0]);
    }
  });
});
