/** The status that an MQTT client published, as subscribers of other protocols get it. */
import { createStatusParts, readStatus } from './payloads.ts';

/** `bytes` hold the status text and, from `dataStart` to `dataEnd`, its `data`. One object is reused for all. */
export interface StatusAndData {
  bytes: Uint8Array;
  dataStart: number;
  dataEnd: number;
}

const parts = createStatusParts();
const found: StatusAndData = { bytes: new Uint8Array(0), dataStart: 0, dataEnd: 0 };

/**
 * @param source holds the status text from `statusStart` on, and the published payload from `payloadStart` to
 *   `payloadEnd`; may be shared memory
 * @returns valid until the next call
 */
export function statusAndData(
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): StatusAndData {
  const statusBytes = payloadStart - statusStart;
  const payload = new Uint8Array(source.subarray(payloadStart, payloadEnd));
  readStatus(payload, 0, payload.length, parts); // it was valid when it was published
  const { dataStart, dataEnd } = parts;
  found.bytes = new Uint8Array(statusBytes + dataEnd - dataStart);
  found.bytes.set(source.subarray(statusStart, payloadStart));
  found.bytes.set(payload.subarray(dataStart, dataEnd), statusBytes);
  found.dataStart = statusBytes;
  found.dataEnd = found.bytes.length;
  return found;
}
