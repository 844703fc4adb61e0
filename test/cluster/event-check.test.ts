/** What of another node's bytes is an event: whatever is passed on must be one for every codec behind. */
import { describe, expect, it } from 'vitest';
import { writeEventRecord } from '../../fixtures/event-records.ts';
import { isEvent, UNNUMBERED } from '../../src/cluster/event-check.ts';
import { EventField, EventFlag } from '../../src/cluster/event-record.ts';
import { viewsOf } from '../../src/cluster/wire.ts';
import type { RecordViews } from '../../src/memory/ring.ts';
import { Random } from '../support/random.ts';

const PAYLOAD_MAX = 1000;
const AT = 16;

interface Parts {
  readonly payload?: string | Uint8Array;
  readonly status?: string | Uint8Array;
  readonly flags?: number;
  readonly behind?: string;
}

/** An event in the middle of other bytes. */
function event({ behind = '', ...parts }: Parts = {}): { views: RecordViews; bytes: number } {
  const views = viewsOf(4 * PAYLOAD_MAX);
  const given = { at: 1_764_000_000_123, seq: 7, payload: '{"a":1}', ...parts };
  const bytes = writeEventRecord(views, AT, given);
  views.u8.set(Buffer.from(behind), AT + bytes);
  return { views, bytes };
}

const MQTT = { status: 'charging', flags: EventFlag.payloadIsJson | EventFlag.asPublished };

const check = (parts: Parts): boolean => {
  const { views, bytes } = event(parts);
  return isEvent(views, AT, bytes, PAYLOAD_MAX);
};

describe('an event of another node', () => {
  it.each([
    ['JSON', {}],
    ['no payload', { payload: '' }],
    ['JSON beyond ASCII', { payload: '"grüße, 世界"' }],
    ['a number, with digits behind it that are not its own', { payload: '12', behind: '34' }],
    ['bytes that are no JSON, as such', { payload: Uint8Array.of(0xff, 0, 1), flags: 0 }],
    ['a status', { status: 'charging' }],
    ['a status that an MQTT client published as text', { ...MQTT, payload: 'charging' }],
    ['one that it published as an object', { ...MQTT, payload: '{"status":"charging","data":[1]}' }],
    ['an event of the hub', { flags: EventFlag.payloadIsJson | EventFlag.fromHub }],
  ])('is taken with %s', (_, parts) => expect(check(parts)).toBe(true));

  it.each([
    ['JSON that does not end', { payload: '{"a":1', behind: '}' }],
    ['JSON with more behind it', { payload: '{} {}' }],
    ['a frame of its own in place of JSON', { payload: '1,"op":"removed"' }],
    ['JSON that is no UTF-8', { payload: Buffer.from('"\xff"', 'latin1') }],
    ['a status that is no UTF-8', { status: Uint8Array.of(0xc3) }],
    ['a status that is too long', { status: 'x'.repeat(257) }],
    ['an object of an MQTT client that has no status', { ...MQTT, payload: '{"data":1}' }],
    ['a text of an MQTT client that is no UTF-8', { ...MQTT, payload: Uint8Array.of(0xc3) }],
    ['a text of an MQTT client that is too long', { ...MQTT, payload: 'x'.repeat(65) }],
    ['a payload that is too long', { payload: `"${'x'.repeat(PAYLOAD_MAX)}"` }],
    ['flags that nobody knows', { flags: 0x40 }],
  ])('is refused with %s', (_, parts) => expect(check(parts)).toBe(false));

  it.each([
    ['a type', EventField.type, [0, 4, 255]],
    ['a priority', EventField.priority, [0, 4, 255]],
    ['an ack id', EventField.ackBytes, [1]],
  ] as const)('is refused with %s that cannot be', (_, field, wrong) => {
    for (const value of wrong) {
      const { views, bytes } = event();
      views.u8[AT + field] = value;
      expect(isEvent(views, AT, bytes, PAYLOAD_MAX)).toBe(false);
    }
  });

  it('may be without a number where that is asked for', () => {
    const { views, bytes } = event();
    for (const [seq, passes] of [
      [UNNUMBERED, true],
      [1, true],
      [-1, false],
    ] as const) {
      views.f64[(AT + EventField.seq) >> 3] = seq;
      expect(isEvent(views, AT, bytes, PAYLOAD_MAX, UNNUMBERED)).toBe(passes);
    }
  });

  it('is refused with numbers that cannot be', () => {
    for (const [field, wrong] of [
      [EventField.seq, [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]],
      [EventField.at, [-1, Number.NaN, Number.POSITIVE_INFINITY]],
    ] as const) {
      for (const value of wrong) {
        const { views, bytes } = event();
        views.f64[(AT + field) >> 3] = value;
        expect(isEvent(views, AT, bytes, PAYLOAD_MAX), String(value)).toBe(false);
      }
    }
  });

  it('is refused when it is shorter or longer than it says', () => {
    const { views, bytes } = event();
    for (const other of [0, EventField.body - 1, bytes - 1, bytes + 1]) {
      expect(isEvent(views, AT, other, PAYLOAD_MAX)).toBe(false);
    }
  });

  it('leaves the bytes as they are, and never throws', () => {
    const random = new Random(2);
    for (let n = 0; n < 2000; n++) {
      const { views, bytes } = event({ behind: '99' });
      views.u8[AT + random.below(bytes)] = random.below(256);
      const before = Buffer.from(views.u8);
      isEvent(views, AT, bytes, PAYLOAD_MAX);
      expect(Buffer.from(views.u8).equals(before)).toBe(true);
    }
  });
});
