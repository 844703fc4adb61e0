/** Latencies in microseconds, 1 µs to 2 minutes, three digits. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

const MAX_US = 120e6;

export function createLatencies(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_US,
    numberOfSignificantValueDigits: 3,
  });
}

export function record(into: Histogram, microseconds: number): void {
  into.recordValue(Math.min(MAX_US, Math.max(1, Math.round(microseconds))));
}

export function pack(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram);
}

export function unpack(packed: string): Histogram {
  return decodeFromCompressedBase64(packed);
}
