/**
 * Encodes the `event` frames, JSON and binary, straight into bytes. Runs on the fan-out threads, once per event and
 * encoding: no string and no object is made per event.
 */
import { BINARY_HEADER_BYTES, BinaryFlag, EventType, eventTypeNames, priorityNames } from './events.ts';
import { DeviceTopics } from './mqtt/events.ts';
import type { TopicLayout } from './mqtt/topics.ts';
import { put, putRange, putString } from './put.ts';

/** What an event says beside its payload; made once and filled in again for each event. */
export interface EventFrameHead {
  type: number;
  priority: number;
  fromHub: boolean;
  payloadIsJson: boolean;
  /** It is one of those that history kept. */
  replay?: boolean;
  /** The payload is what an MQTT client published. */
  asPublished?: boolean;
  /** Events that it replaced, for a subscriber at a pace; 0 or absent: none. */
  conflated?: number;
  seq: number;
  /** Wall-clock ms. */
  at: number;
}

const encoder = new TextEncoder();
const HUB = 1;
const QUOTE = 0x22;
const NO_BYTES = new Uint8Array(0);

/** A device's id as bytes, the start of its JSON events up to the seq, and its MQTT topics. */
export class DeviceNames {
  /** The prefix that was asked for last, and its key: most devices send events of one type. */
  #lastKey = -1;
  #last: Uint8Array = NO_BYTES;
  readonly id: string;
  /** What only events need is made with the first: most of a large fleet is silent at any time. */
  #idBytes: Uint8Array | undefined;
  /** By type × 2 + (1 when from the hub); made when first needed. */
  #prefixes: (Uint8Array | undefined)[] | undefined;
  readonly #layout: TopicLayout | undefined;
  #topics: DeviceTopics | undefined;

  /** @param layout of MQTT topics; undefined: nobody asks for them */
  constructor(id: string, layout?: TopicLayout) {
    this.id = id;
    this.#layout = layout;
  }

  /** Of the id, which is ASCII. */
  get idLength(): number {
    return this.id.length;
  }

  get idBytes(): Uint8Array {
    this.#idBytes ??= encoder.encode(this.id);
    return this.#idBytes;
  }

  /** Made when first needed. */
  get topics(): DeviceTopics {
    this.#topics ??= new DeviceTopics(this.id, this.#layout!);
    return this.#topics;
  }

  prefix(type: number, fromHub: boolean): Uint8Array {
    const key = type * 2 + (fromHub ? HUB : 0);
    if (key === this.#lastKey) return this.#last;
    this.#lastKey = key;
    this.#prefixes ??= [];
    this.#last = this.#prefixes[key] ?? this.#newPrefix(type, fromHub);
    this.#prefixes[key] = this.#last;
    return this.#last;
  }

  #newPrefix(type: number, fromHub: boolean): Uint8Array {
    const name = eventTypeNames[type as 1 | 2 | 3];
    const source = fromHub ? 'hub' : 'device';
    return encoder.encode(`{"op":"event","device":"${this.id}","type":"${name}","source":"${source}","seq":`);
  }
}

const AT = encoder.encode(',"at":');
const priorities = priorityNames.map((name) => encoder.encode(`,"priority":"${name}"`));
const REPLAY = encoder.encode(',"replay":true');
const CONFLATED = encoder.encode(',"conflated":');
const STATUS = encoder.encode(',"status":');
const DATA = encoder.encode(',"data":');
const DATA64 = encoder.encode(',"data64":"');
const NULL = encoder.encode('null');
const BINARY_STATUS = encoder.encode('{"status":');

/** Bytes of JSON that surround id, status and payload at most: names, two numbers of 20 digits, punctuation. */
const JSON_FRAME_BYTES = 256;

/** Upper bound of a JSON event's length: a status character may need six bytes, base64 needs four for three. */
export function jsonEventBytesMax(idBytes: number, statusBytes: number, payloadBytes: number): number {
  return JSON_FRAME_BYTES + idBytes + 6 * statusBytes + payloadBytes + Math.ceil(payloadBytes / 2);
}

/** Upper bound of a binary event's length. */
export function binaryEventBytesMax(idBytes: number, statusBytes: number, payloadBytes: number): number {
  return BINARY_HEADER_BYTES + JSON_FRAME_BYTES + idBytes + 6 * statusBytes + payloadBytes;
}

/**
 * Encodes an event as JSON.
 * @param out has room for `jsonEventBytesMax` from `offset` on
 * @param source holds the status text (UTF-8, empty but for a device's status) from `statusStart` on, and the payload
 *   from `payloadStart` to `payloadEnd`; may be shared memory
 * @returns where the event ends in `out`
 */
export function encodeJsonEvent(
  out: Uint8Array,
  offset: number,
  names: DeviceNames,
  head: EventFrameHead,
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  let at = put(out, offset, names.prefix(head.type, head.fromHub));
  at = putDigits(out, at, head.seq);
  at = put(out, at, AT);
  at = putDigits(out, at, head.at);
  at = put(out, at, priorities[head.priority]!);
  if (head.replay) at = put(out, at, REPLAY);
  if (head.conflated) at = putDigits(out, put(out, at, CONFLATED), head.conflated);
  if (payloadStart > statusStart) {
    at = put(out, at, STATUS);
    at = putString(out, at, source, statusStart, payloadStart);
  }
  if (!head.payloadIsJson) {
    at = put(out, at, DATA64);
    at = putBase64(out, at, source, payloadStart, payloadEnd);
    out[at++] = QUOTE;
  } else {
    at = put(out, at, DATA);
    at = payloadEnd > payloadStart ? putRange(out, at, source, payloadStart, payloadEnd) : put(out, at, NULL);
  }
  out[at++] = 0x7d;
  return at;
}

/**
 * Encodes an event for the binary subprotocol; parameters as `encodeJsonEvent`. A device's status sent as JSON has
 * the payload `{"status":…,"data":…}`, so that nothing of it is lost.
 */
export function encodeBinaryEvent(
  out: Uint8Array,
  offset: number,
  names: DeviceNames,
  head: EventFrameHead,
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  const { idBytes } = names;
  out[offset] = head.type;
  out[offset + 1] =
    head.priority |
    (head.fromHub ? BinaryFlag.fromHub : 0) |
    (head.payloadIsJson ? BinaryFlag.payloadIsJson : 0) |
    (head.replay ? BinaryFlag.replay : 0);
  out[offset + 2] = idBytes.length & 0xff;
  out[offset + 3] = idBytes.length >> 8;
  out.fill(0, offset + 4, offset + 8);
  float[0] = head.seq;
  float[1] = head.at;
  out.set(floatBytes, offset + 8);
  let at = put(out, offset + BINARY_HEADER_BYTES, idBytes);
  const isJsonStatus = head.type === EventType.status && head.payloadIsJson && payloadStart > statusStart;
  if (isJsonStatus) {
    at = put(out, at, BINARY_STATUS);
    at = putString(out, at, source, statusStart, payloadStart);
    at = put(out, at, DATA);
  }
  const isNull = head.payloadIsJson && payloadEnd === payloadStart;
  at = isNull ? put(out, at, NULL) : putRange(out, at, source, payloadStart, payloadEnd);
  if (isJsonStatus) out[at++] = 0x7d;
  return at;
}

const float = new Float64Array(2); // little-endian, as every host that Node runs on
const floatBytes = new Uint8Array(float.buffer);

/** Writes a whole number of at most 2^53 in decimal. */
function putDigits(out: Uint8Array, at: number, value: number): number {
  let count = 1;
  for (let power = 10; power <= value; power *= 10) count += 1;
  let rest = value;
  for (let i = at + count - 1; i >= at; i--) {
    const tenth = Math.floor(rest / 10);
    out[i] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  return at + count;
}

const BASE64 = encoder.encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

function putBase64(out: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  let to = at;
  for (let i = start; i < end; i += 3) {
    const left = end - i;
    const second = left > 1 ? source[i + 1]! : 0;
    const third = left > 2 ? source[i + 2]! : 0;
    const bits = (source[i]! << 16) | (second << 8) | third;
    out[to++] = BASE64[bits >> 18]!;
    out[to++] = BASE64[(bits >> 12) & 63]!;
    out[to++] = left > 1 ? BASE64[(bits >> 6) & 63]! : 0x3d;
    out[to++] = left > 2 ? BASE64[bits & 63]! : 0x3d;
  }
  return to;
}
