import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inChunks, merge } from '../../clients/js/src/device-lists.ts';
import { parseSubscriberOp } from '../../src/wire/subscriber-ops.ts';

describe('a long list of devices', () => {
  it('is asked for in frames that the hub takes, each device once and in order', () => {
    const ids = fc.array(fc.stringMatching(/^[A-Za-z0-9_:~-][A-Za-z0-9._:~-]{0,127}$/), {
      maxLength: 3000,
      size: 'max',
    });
    fc.assert(
      fc.property(ids, (devices) => {
        const chunks = inChunks(devices);
        expect(chunks.flat()).toEqual(devices);
        for (const chunk of chunks) {
          const frame = JSON.stringify({ op: 'subscribe', devices: chunk, id: 123_456_789 });
          expect(frame.length).toBeLessThan(20_000);
          expect(parseSubscriberOp(frame).ok).toBe(true);
        }
      }),
      { numRuns: 20, endOnFailure: true }, // shrinking lists this long takes minutes
    );
  });

  it('is one frame while it is short', () => {
    expect(inChunks(['a', 'b'])).toEqual([['a', 'b']]);
    expect(inChunks(Array.from({ length: 1000 }, (_, n) => `d-${n}`))).toHaveLength(1);
    expect(inChunks(Array.from({ length: 1001 }, (_, n) => `d-${n}`))).toHaveLength(2);
  });

  it('is in frames far below what the hub takes, however long the ids are', () => {
    const chunks = inChunks(Array.from({ length: 1000 }, (_, n) => `${n}`.padStart(128, 'x')));
    expect(chunks.flat()).toHaveLength(1000);
    for (const chunk of chunks) expect(JSON.stringify(chunk).length).toBeLessThanOrEqual(16 * 1024 + 1);
  });

  it('is no frame when it is empty', () => {
    expect(inChunks([])).toEqual([]);
  });

  it('has one answer', () => {
    const refusal = { device: 'c', code: 103, message: 'no' };
    const answers = [
      { op: 'paused', id: 1, devices: ['a'] },
      { op: 'paused', id: 2, devices: ['b'], errors: [refusal] },
    ] as const;
    expect(merge(answers)).toEqual({ devices: ['a', 'b'], filters: [], errors: [refusal] });
  });
});
