/** Encodes events from the ring into memory of this thread, one frame after the other. */
import type { RecordViews } from '../../memory/ring.ts';
import { EventField, EventFlag } from '../../records/event.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { DeviceNames, EventFrameHead } from '../../wire/event-frames.ts';
import { statusAndData } from '../../wire/mqtt/published.ts';

const BYTES_AT_FIRST = 64 * 1024;

export class EventEncoder {
  /** The encoded bytes. Replaced by a larger array when it must grow, so read it after `encode`. */
  bytes = new Uint8Array(BYTES_AT_FIRST);
  readonly #views: RecordViews;
  // Stryker disable BooleanLiteral,ObjectLiteral: filled in for each event before it is read
  readonly #head: EventFrameHead = {
    type: 0,
    priority: 0,
    fromHub: false,
    payloadIsJson: false,
    replay: false,
    conflated: 0,
    seq: 0,
    at: 0,
    asPublished: false,
  };
  // Stryker restore BooleanLiteral,ObjectLiteral

  /** @param views the ring that offsets point into */
  constructor(views: RecordViews) {
    this.#views = views;
  }

  /** Encodes the event at `offset` into `bytes` from `start` on. @returns where it ends */
  encode(offset: number, names: DeviceNames, encoding: Encoding, start: number): number {
    return this.#encode(this.#views, offset, names, encoding, start, false);
  }

  /**
   * Encodes a kept event, which is at the start of these views.
   * @param isReplay it is told as one @returns where it ends
   */
  kept(views: RecordViews, names: DeviceNames, encoding: Encoding, isReplay: boolean): number {
    return this.#encode(views, 0, names, encoding, 0, isReplay);
  }

  /**
   * Encodes an event for subscribers at a pace into `bytes` from `start` on.
   * @param conflated events that it replaced @returns where it ends
   */
  paced(
    views: RecordViews,
    offset: number,
    names: DeviceNames,
    encoding: Encoding,
    start: number,
    conflated: number,
  ): number {
    this.#head.conflated = conflated;
    const end = this.#encode(views, offset, names, encoding, start, false);
    this.#head.conflated = 0;
    return end;
  }

  /** Makes room in `bytes`. @param end how far */
  reserve(end: number): void {
    if (end > this.bytes.length) this.#grow(end);
  }

  #encode(
    views: RecordViews,
    offset: number,
    names: DeviceNames,
    encoding: Encoding,
    start: number,
    replay: boolean,
  ): number {
    const { u8, u16, u32, f64 } = views;
    const head = this.#head;
    const flags = u8[offset + EventField.flags]!;
    head.replay = replay;
    head.type = u8[offset + EventField.type]!;
    head.priority = u8[offset + EventField.priority]!;
    head.fromHub = (flags & EventFlag.fromHub) !== 0;
    head.payloadIsJson = (flags & EventFlag.payloadIsJson) !== 0;
    head.seq = f64[(offset + EventField.seq) >> 3]!;
    head.at = f64[(offset + EventField.at) >> 3]!;
    head.asPublished = (flags & EventFlag.asPublished) !== 0;
    const statusStart = offset + EventField.body;
    const payloadStart = statusStart + u16[(offset + EventField.statusBytes) >> 1]!;
    const payloadEnd = payloadStart + u32[(offset + EventField.payloadBytes) >> 2]!;
    const { bytesMax, encode, takesPublished } = encodings[encoding]!;
    const most = bytesMax(names.idLength, payloadStart - statusStart, payloadEnd - payloadStart);
    this.reserve(start + most);
    if (head.asPublished && !takesPublished && payloadStart > statusStart) {
      const { bytes, dataStart, dataEnd } = statusAndData(u8, statusStart, payloadStart, payloadEnd);
      return encode(this.bytes, start, names, head, bytes, 0, dataStart, dataEnd);
    }
    return encode(this.bytes, start, names, head, u8, statusStart, payloadStart, payloadEnd);
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
