/**
 * Makes the frames for the events in one socket's outbox: a single frame if the socket asked for batches. Consecutive
 * sockets that follow the same devices have equal outboxes, and get the same bytes.
 */
import { batchBytesMax, encodeBinaryBatch, encodeJsonBatch } from '../../wire/batch-frames.ts';

/** Events are combined up to this many bytes, so that a peer can start to read before everything has arrived. */
export const BATCH_BYTES_MAX = 64 * 1024;

/** Holds the content of outboxes, and sends it. */
export interface Outgoing {
  /** Sends each event of the outbox as a frame. Bytes are valid until `send` returns. */
  sendEach(outbox: readonly number[], send: (frame: Uint8Array) => void): void;
  /** Sends the events of the outbox in as few frames as `BATCH_BYTES_MAX` allows; a single event is sent as it is. */
  sendBatched(outbox: readonly number[], binary: boolean, send: (frame: Uint8Array) => void): void;
}

export class OutboxFrames implements Outgoing {
  #bytes: Uint8Array = new Uint8Array(0);
  /** Of the frame that `#out` holds. */
  #spans: readonly number[] = [];
  #binary = false;
  #frame: Uint8Array | undefined;
  #out = new Uint8Array(BATCH_BYTES_MAX);

  /** From here on, outboxes are pairs of start and end in these bytes. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#frame = undefined;
  }

  sendEach(outbox: readonly number[], send: (frame: Uint8Array) => void): void {
    for (let at = 0; at < outbox.length; at += 2) send(this.#bytes.subarray(outbox[at], outbox[at + 1]));
  }

  sendBatched(outbox: readonly number[], binary: boolean, send: (frame: Uint8Array) => void): void {
    if (this.#frame !== undefined && this.#binary === binary && isSameOutbox(this.#spans, outbox)) {
      send(this.#frame);
      return;
    }
    let from = 0;
    while (from < outbox.length) {
      let to = from;
      let bytes = 0;
      do {
        bytes += outbox[to + 1]! - outbox[to]!;
        to += 2;
      } while (to < outbox.length && bytes + outbox[to + 1]! - outbox[to]! <= BATCH_BYTES_MAX);
      const frame = this.#frameOf(outbox, from, to, bytes, binary);
      send(frame);
      if (from === 0 && to === outbox.length) {
        this.#frame = frame;
        this.#spans = [...outbox];
        this.#binary = binary;
      }
      from = to;
    }
  }

  #frameOf(outbox: readonly number[], from: number, to: number, bytes: number, binary: boolean): Uint8Array {
    if (to - from === 2) return this.#bytes.subarray(outbox[from], outbox[from + 1]);
    this.#frame = undefined; // its bytes are overwritten
    const bytesMax = batchBytesMax((to - from) / 2, bytes);
    if (bytesMax > this.#out.length) this.#out = new Uint8Array(bytesMax);
    const encode = binary ? encodeBinaryBatch : encodeJsonBatch;
    return this.#out.subarray(0, encode(this.#out, this.#bytes, outbox, from, to));
  }
}

/** Whether two outboxes hold the same spans, in the same order. */
export function isSameOutbox(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
