import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CloseWatch } from '../../src/transport/close-watch.ts';
import { clientFrame, closeFrame } from '../support/websocket-frames.ts';

const frame = fc
  .record({
    opcode: fc.constantFrom(0, 1, 2, 9, 10),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(125, 126, 127, 65_535, 65_536).map((length) => new Uint8Array(length).fill(0x88)),
    ),
    masked: fc.boolean(),
    fin: fc.boolean(),
  })
  .map(clientFrame);

/** Hands the bytes on in parts of these sizes. */
function watched(bytes: Uint8Array, sizes: readonly number[]): CloseWatch {
  const watch = new CloseWatch();
  let at = 0;
  for (let part = 0; at < bytes.length; part++) {
    const size = sizes[part % sizes.length] ?? 1;
    watch.push(bytes.subarray(at, at + size));
    at += size;
  }
  return watch;
}

describe('a close frame', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });

  it('is seen behind any frames, however they are cut, and never where there is none', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), sizes, (frames, cuts) => {
        const before = Buffer.concat(frames);
        expect(watched(before, cuts).hasClosed).toBe(false);
        expect(watched(Buffer.concat([before, closeFrame(1000, 'bye')]), cuts).hasClosed).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('is seen byte by byte', () => {
    const bytes = Buffer.concat([clientFrame({ opcode: 1, payload: 'x'.repeat(300) }), closeFrame()]);
    expect(watched(bytes.subarray(0, -6), [1]).hasClosed).toBe(false);
    expect(watched(bytes, [1]).hasClosed).toBe(true);
  });
});
