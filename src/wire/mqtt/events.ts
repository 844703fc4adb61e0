/**
 * Encodes an event as a PUBLISH at QoS 0, straight into bytes: once per event and protocol version, since every
 * subscriber of a version gets the same. Runs on the threads that deliver; no string and no object is made per event.
 *
 * The payload is what an MQTT device published, or the JSON text of `data`; a status of the hub's other protocols comes
 * as `{"status":…,"data":…}`, and what the hub says of a device as the `data` of that event.
 */
import { EventType } from '../events.ts';
import { put, putRange, putString } from '../put.ts';
import { PacketType, Property, putVarint, type Version, varintBytes } from './constants.ts';
import { Kind } from './templates.ts';
import type { TopicLayout } from './topics.ts';

/** An event's fields beside its payload. One object is reused for all events. */
export interface MqttEventHead {
  /** An `EventType`. */
  type: number;
  /** The hub's own event about the device. It goes to the presence topic. */
  fromHub: boolean;
  /** The payload is what an MQTT device published, on its status topic too. */
  isAsPublished: boolean;
  payloadIsJson: boolean;
  /** Sent from history rather than live. */
  isRetained: boolean;
}

/** @returns the bit of `Kind` that an MQTT subscription needs to get the event */
export function topicKindOf(type: number, fromHub: boolean): number {
  if (fromHub) return Kind.presence;
  if (type === EventType.message) return Kind.message;
  return type === EventType.status ? Kind.status : Kind.pong;
}

/** One device's topics as bytes with their length in front, made when first needed. */
export class DeviceTopics {
  readonly id: string;
  readonly #layout: TopicLayout;
  readonly #byKind: (Uint8Array | undefined)[] = [];

  constructor(id: string, layout: TopicLayout) {
    this.id = id;
    this.#layout = layout;
  }

  /** @returns an empty array when the layout has no topic for that kind: no MQTT subscriber gets such events */
  of(kind: number): Uint8Array {
    const made = this.#byKind[kind];
    if (made !== undefined) return made;
    const topic = this.#layout.topicBytes(this.id, kind);
    this.#byKind[kind] = topic;
    return topic;
  }
}

const encoder = new TextEncoder();
const STATUS = encoder.encode('{"status":');
const DATA = encoder.encode(',"data":');
const NULL = encoder.encode('null');
const RETAIN = 1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSE_BRACE = 0x7d;

/** A fixed header and the length of no properties. */
const HEADER_BYTES_MAX = 6;
/** `{"status":"","data":null}`. */
const STATUS_OBJECT_BYTES = STATUS.length + 2 + DATA.length + NULL.length + 1;

/** Upper bound of a PUBLISH's length without subscription identifiers: a status character may need six bytes. */
export function mqttEventBytesMax(topicBytes: number, statusBytes: number, payloadBytes: number): number {
  return HEADER_BYTES_MAX + topicBytes + STATUS_OBJECT_BYTES + 6 * statusBytes + payloadBytes;
}

/**
 * Encodes an event.
 * @param out has room for `mqttEventBytesMax` from `offset` on
 * @param topic with its length in front, as `DeviceTopics` gives it
 * @param source holds the status text (UTF-8, empty but for a device's status) from `statusStart` on, and the payload
 *   from `payloadStart` to `payloadEnd`; may be shared memory
 * @returns where the packet ends in `out`
 */
export function encodeMqttEvent(
  out: Uint8Array,
  offset: number,
  topic: Uint8Array,
  version: Version,
  head: MqttEventHead,
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  const asObject = isStatusObject(head, statusStart, payloadStart);
  const length =
    topic.length +
    (version === 5 ? 1 : 0) +
    payloadBytes(head, asObject, source, statusStart, payloadStart, payloadEnd);
  let at = putHead(out, offset, head.isRetained, length);
  at = put(out, at, topic);
  if (version === 5) out[at++] = 0;
  return putPayload(out, at, head, asObject, source, statusStart, payloadStart, payloadEnd);
}

/**
 * Adds subscription identifiers to a packet, for one MQTT 5 subscriber.
 * @param packet as `encodeMqttEvent` made it for version 5
 * @param topicBytes length of its topic, with the length in front
 * @param identifiers 1 to `VARINT_MAX` each, at least one
 */
export function withIdentifiers(
  packet: Uint8Array,
  topicBytes: number,
  identifiers: readonly number[],
): Uint8Array {
  let properties = 0;
  for (const identifier of identifiers) properties += 1 + varintBytes(identifier);
  let body = 1;
  while (packet[body]! >= 0x80) body += 1;
  body += 1;
  const rest = body + topicBytes + 1; // past the length of no properties
  const length = packet.length - body - 1 + varintBytes(properties) + properties;
  const made = new Uint8Array(1 + varintBytes(length) + length);
  made[0] = packet[0]!;
  let at = putVarint(made, 1, length);
  at = put(made, at, packet.subarray(body, body + topicBytes));
  at = putVarint(made, at, properties);
  for (const identifier of identifiers) {
    made[at++] = Property.subscriptionIdentifier;
    at = putVarint(made, at, identifier);
  }
  made.set(packet.subarray(rest), at);
  return made;
}

/** Encodes a short text as a PUBLISH at QoS 0, for the interest topic. */
export function encodeText(
  topic: Uint8Array,
  version: Version,
  text: string,
  isRetained: boolean,
): Uint8Array {
  const payload = encoder.encode(text);
  const length = topic.length + (version === 5 ? 1 : 0) + payload.length;
  const packet = new Uint8Array(1 + varintBytes(length) + length);
  const at = put(packet, putHead(packet, 0, isRetained, length), topic);
  packet.set(payload, version === 5 ? at + 1 : at);
  return packet;
}

function putHead(out: Uint8Array, offset: number, isRetained: boolean, length: number): number {
  out[offset] = (PacketType.publish << 4) | (isRetained ? RETAIN : 0);
  return putVarint(out, offset + 1, length);
}

function isStatusObject(head: MqttEventHead, statusStart: number, payloadStart: number): boolean {
  return head.type === EventType.status && !head.isAsPublished && payloadStart > statusStart;
}

function payloadBytes(
  head: MqttEventHead,
  asObject: boolean,
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  const bytes = payloadEnd - payloadStart;
  const data = bytes === 0 && head.payloadIsJson && !head.isAsPublished ? NULL.length : bytes;
  if (!asObject) return data;
  const status = STATUS.length + stringBytes(source, statusStart, payloadStart);
  return status + (head.payloadIsJson ? DATA.length + data : 0) + 1;
}

function putPayload(
  out: Uint8Array,
  offset: number,
  head: MqttEventHead,
  asObject: boolean,
  source: Uint8Array,
  statusStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  let at = offset;
  if (asObject) {
    at = putString(out, put(out, at, STATUS), source, statusStart, payloadStart);
    if (!head.payloadIsJson) {
      out[at++] = CLOSE_BRACE; // a binary status is its text alone
      return at;
    }
    at = put(out, at, DATA);
  }
  const isNull = payloadStart === payloadEnd && head.payloadIsJson && !head.isAsPublished;
  at = isNull ? put(out, at, NULL) : putRange(out, at, source, payloadStart, payloadEnd);
  if (asObject) out[at++] = CLOSE_BRACE;
  return at;
}

/** Bytes of the JSON string that `putString` writes. */
function stringBytes(source: Uint8Array, start: number, end: number): number {
  let bytes = 2 + end - start;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    if (byte < 0x20) bytes += 5;
    else if (byte === QUOTE || byte === BACKSLASH) bytes += 1;
  }
  return bytes;
}
