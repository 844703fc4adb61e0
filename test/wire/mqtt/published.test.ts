import { describe, expect, it } from 'vitest';
import { statusAndData } from '../../../src/wire/mqtt/published.ts';

/** The status text, then the payload, in shared memory as in a ring. */
function partsOf(status: string, payload: string): [status: string, data: string] {
  const text = Buffer.from(`..${status}${payload}..`);
  const shared = new Uint8Array(new SharedArrayBuffer(text.length));
  shared.set(text);
  const payloadStart = 2 + Buffer.byteLength(status);
  const { bytes, dataStart, dataEnd } = statusAndData(
    shared,
    2,
    payloadStart,
    payloadStart + Buffer.byteLength(payload),
  );
  return [
    Buffer.from(bytes.subarray(0, dataStart)).toString(),
    Buffer.from(bytes.subarray(dataStart, dataEnd)).toString(),
  ];
}

describe('a published status', () => {
  it.each([
    ['charging', 'charging', ''],
    ['charging', '{"status":"charging"}', ''],
    ['on', '{"data": {"soc": 80} , "status":"on"}', '{"soc": 80}'],
    ['é', '{"status":"\\u00e9","data":"€"}', '"€"'],
  ])('is %s for others where the payload is %s', (status, payload, data) => {
    expect(partsOf(status, payload)).toEqual([status, data]);
  });
});
