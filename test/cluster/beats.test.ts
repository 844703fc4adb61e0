import { describe, expect, it } from 'vitest';
import { type Beat, decodeBeat, encodeBeat, Phase } from '../../src/cluster/beats.ts';
import { Random } from '../support/random.ts';

const beat: Beat = {
  boot: 77,
  number: 3,
  node: 'hub-1',
  version: '0.1.0',
  startedAt: 1_764_000_000_123,
  revision: 41,
  bucket: 'c368e58f',
  devices: 10,
  subscribers: 20,
  eventsPerSecond: 30.5,
  eventsSent: 1000,
  eventsReceived: 2 ** 40,
  gaps: 3,
  phase: Phase.in,
  draining: false,
  bye: false,
};

describe('a beat', () => {
  it('is read as it was sent', () => {
    expect(decodeBeat(encodeBeat(beat))).toEqual(beat);
    expect(decodeBeat(encodeBeat({ ...beat, bye: true, bucket: '', version: '' }))).toEqual({
      ...beat,
      bye: true,
      bucket: '',
      version: '',
    });
  });

  it('is refused when it is cut off, or says what cannot be', () => {
    const message = encodeBeat(beat);
    for (let bytes = 0; bytes < message.length; bytes++)
      expect(decodeBeat(message.subarray(0, bytes))).toBeUndefined();
    expect(decodeBeat(encodeBeat({ ...beat, number: 0 }))).toBeUndefined();
    expect(decodeBeat(encodeBeat({ ...beat, phase: 9 as Phase }))).toBeUndefined();
    expect(decodeBeat(encodeBeat({ ...beat, version: 'x'.repeat(65) }))).toBeUndefined();
  });

  it('never throws for bytes that anybody may send', () => {
    const random = new Random(5);
    const message = encodeBeat(beat);
    for (let n = 0; n < 2000; n++) {
      const spoilt = message.slice();
      for (let changes = 1 + random.below(4); changes > 0; changes--)
        spoilt[random.below(spoilt.length)] = random.below(256);
      decodeBeat(spoilt);
    }
  });
});
