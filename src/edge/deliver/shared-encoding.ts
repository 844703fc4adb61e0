/** Encodes an event once for all who get the same bytes of it: those with the same encoding and as much conflated. */
import type { RecordViews } from '../../memory/ring.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import type { EventEncoder } from './event-encoder.ts';

interface Encoded {
  conflated: number;
  start: number;
  end: number;
}

const NOTHING = -1;

export class SharedEncoding {
  /** Where the bytes of the last `encode` stand in `bytes`. */
  start = 0;
  end = 0;
  readonly #encoder: EventEncoder;
  /** By encoding: the bytes of the present event that were asked for last. */
  readonly #encoded: readonly Encoded[] = encodings.map(() => ({ conflated: NOTHING, start: 0, end: 0 }));
  #views: RecordViews | undefined;
  #offset = 0;
  #names: DeviceNames | undefined;
  #size = 0;

  constructor(encoder: EventEncoder) {
    this.#encoder = encoder;
  }

  /** All that was encoded since `clear`. Another array once it had to grow. */
  get bytes(): Uint8Array {
    return this.#encoder.bytes;
  }

  /** Bytes encoded since `clear`. */
  get size(): number {
    return this.#size;
  }

  /** What was encoded is not needed any more. */
  clear(): void {
    this.#size = 0;
  }

  /** The event at `offset` of `views` is the present one. */
  begin(views: RecordViews, offset: number, names: DeviceNames): void {
    this.#views = views;
    this.#offset = offset;
    this.#names = names;
    for (const encoded of this.#encoded) encoded.conflated = NOTHING;
  }

  /** Sets `start` and `end`. @param conflated events that the present one replaced */
  encode(encoding: Encoding, conflated: number): void {
    const encoded = this.#encoded[encoding]!;
    if (encoded.conflated !== conflated) {
      const start = this.#size;
      const place = { start, conflated };
      this.#size = this.#encoder.paced(this.#views!, this.#offset, this.#names!, encoding, place);
      encoded.conflated = conflated;
      encoded.start = start;
      encoded.end = this.#size;
    }
    this.start = encoded.start;
    this.end = encoded.end;
  }

  /** @returns the encoded event, valid until the next one is encoded */
  frame(encoding: Encoding, conflated: number): Uint8Array {
    this.encode(encoding, conflated);
    return this.bytes.subarray(this.start, this.end);
  }
}
