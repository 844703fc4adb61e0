import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import { decodeKeptSession, encodeKeptSession } from '../../../src/wire/mqtt/kept.ts';
import {
  OPEN_PACKET_IDS_MAX,
  TOPIC_FILTERS_BYTES_MAX,
  TOPIC_FILTERS_MAX,
} from '../../../src/wire/mqtt/limits.ts';

/** An eighth of the smallest ring: what one record may have. */
const RECORD_BYTES_MAX = (4 * 1024 * 1024) / 8;

const subscription = fc.record({
  filter: fc.string({ unit: 'binary' }),
  identifier: fc.nat({ max: 268_435_455 }),
  noLocal: fc.boolean(),
});
const session = fc.record({
  subscriptions: fc.array(subscription),
  packetIds: fc.array(fc.integer({ min: 1, max: 65_535 })),
  scope: fc.string(),
});

describe('a kept session', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(session, (kept) => {
        expect(decodeKeptSession(encodeKeptSession(kept))).toEqual(kept);
      }),
    );
  });

  it('fits into one record at its largest', () => {
    const filter = 'x'.repeat(Math.floor(TOPIC_FILTERS_BYTES_MAX / TOPIC_FILTERS_MAX) - 2);
    const largest = {
      subscriptions: Array.from({ length: TOPIC_FILTERS_MAX }, () => ({
        filter,
        identifier: 268_435_455,
        noLocal: true,
      })),
      packetIds: Array.from({ length: OPEN_PACKET_IDS_MAX }, () => 65_535),
      scope: new PatternSet(['*']).fingerprint,
    };
    expect(Buffer.byteLength(encodeKeptSession(largest))).toBeLessThan(RECORD_BYTES_MAX - 1024);
  });
});
