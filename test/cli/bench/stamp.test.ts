import { describe, expect, it } from 'vitest';
import { findStamp, readStamp, STAMP_BYTES, stampedJson, writeStamp } from '../../../src/cli/bench/stamp.ts';
import { clientFrame, Opcode, readFrame } from '../../../src/cli/bench/wires/frames.ts';

describe('the stamp of a benchmark event', () => {
  const stamp = { intendedUs: 0, device: 0, count: 0 };

  it('comes back as it was written, in JSON of the asked length', () => {
    const bytes = Buffer.from(stampedJson(128));
    expect(bytes.length).toBe(128);
    writeStamp(bytes, findStamp(bytes, 0, bytes.length), 1_764_000_000_123_456, 1999, 77_777_777);
    expect(JSON.parse(bytes.toString())).toHaveProperty('m', '~1764000000123456.001999.77777777');
    readStamp(bytes, findStamp(bytes, 0, bytes.length), stamp);
    expect(stamp).toEqual({ intendedUs: 1_764_000_000_123_456, device: 1999, count: 77_777_777 });
  });

  it('is found behind bytes that look like its mark, and not beyond the end of its frame', () => {
    const bytes = Buffer.concat([Buffer.from('~~x~'), Buffer.from(stampedJson(64))]);
    const at = findStamp(bytes, 0, bytes.length);
    expect(at).toBe(4 + '{"m":"'.length);
    expect(findStamp(bytes, 0, at + STAMP_BYTES - 1)).toBe(-1);
    expect(findStamp(bytes, at + 1, bytes.length)).toBe(-1);
  });
});

describe("a generator's WebSocket frames", () => {
  it.each([0, 125, 126, 65_535])('carry %i bytes, masked, whole only when all is there', (length) => {
    const payload = Buffer.alloc(length, 'x');
    const frame = clientFrame(Opcode.text, payload);
    expect(frame[1]! & 0x80).toBe(0x80);
    // As the server would send it: without the mask.
    const head = frame.length - length - 4;
    const unmasked = Buffer.concat([frame.subarray(0, head), payload]);
    unmasked[1]! &= 0x7f;
    const into = { opcode: 0, start: 0, end: 0 };
    expect(readFrame(unmasked, 0, unmasked.length, into)).toBe(true);
    expect(into).toEqual({ opcode: Opcode.text, start: head, end: head + length });
    expect(readFrame(unmasked, 0, unmasked.length - 1, into)).toBe(false);
  });
});
