/** The encodings of events. An event is encoded once per edge and encoding, however many sessions get it. */
import {
  binaryEventBytesMax,
  type DeviceNames,
  type EventHead,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from './event-frames.ts';
import { type Gap, gapFrame } from './gap.ts';

/** By number. */
export const Encoding = { json: 0, binary: 1 } as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];
export const encodingNames = Object.keys(Encoding) as readonly (keyof typeof Encoding)[];

export interface EventEncoding {
  /** Starts the names of its topics at the transport. */
  readonly topicPrefix: string;
  /** Whether its frames are binary frames of WebSocket. */
  readonly isBinary: boolean;
  /** The text frame that tells of events that will not come; undefined where the protocol has no word for it. */
  gap(gap: Gap): string | undefined;
  /** Upper bound of an event's length, bytes. */
  bytesMax(idBytes: number, statusBytes: number, payloadBytes: number): number;
  /**
   * Encodes an event.
   * @param out has room for `bytesMax` from `offset` on
   * @param source holds the status text (UTF-8, empty but for a device's status) from `statusStart` on, and the payload
   *   from `payloadStart` to `payloadEnd`; may be shared memory
   * @returns where the event ends in `out`
   */
  encode(
    out: Uint8Array,
    offset: number,
    names: DeviceNames,
    head: EventHead,
    source: Uint8Array,
    statusStart: number,
    payloadStart: number,
    payloadEnd: number,
  ): number;
}

/** In the order of `Encoding`. */
export const encodings: readonly EventEncoding[] = [
  {
    topicPrefix: 'j',
    isBinary: false,
    gap: gapFrame,
    bytesMax: jsonEventBytesMax,
    encode: encodeJsonEvent,
  },
  {
    topicPrefix: 'b',
    isBinary: true,
    gap: gapFrame,
    bytesMax: binaryEventBytesMax,
    encode: encodeBinaryEvent,
  },
];
