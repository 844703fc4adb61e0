/**
 * Encodes every packet that the hub sends, except events. The short acknowledgements of the hot path (PUBACK, PUBREC,
 * PUBCOMP) share one buffer per thread, which is valid until the next of them.
 */
import {
  ConnectReturn,
  PacketType,
  Property,
  putVarint,
  Reason,
  type Version,
  varintBytes,
} from './constants.ts';

/** Longer reason strings are truncated, bytes. */
const REASON_BYTES_MAX = 256;

/** Collects a packet's body. */
class Body {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value);
    return this;
  }

  u16(value: number): this {
    return this.u8(value >> 8).u8(value & 0xff);
  }

  u32(value: number): this {
    return this.u16(Math.floor(value / 0x10000)).u16(value & 0xffff);
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    return this.u16(bytes.length).raw(bytes);
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** Appends another body, prefixed with its length. */
  withLength(body: Body): this {
    const length = new Uint8Array(varintBytes(body.#bytes.length));
    putVarint(length, 0, body.#bytes.length);
    return this.raw(length).raw(body.#bytes);
  }

  packet(type: number, flags = 0): Uint8Array {
    const { length } = this.#bytes;
    const packet = new Uint8Array(1 + varintBytes(length) + length);
    packet[0] = (type << 4) | flags;
    packet.set(this.#bytes, putVarint(packet, 1, length));
    return packet;
  }
}

/** Properties of CONNACK in MQTT 5. Absent ones have the default of the specification. */
export interface Announced {
  readonly sessionExpirySeconds?: number;
  readonly receiveMaximum: number;
  readonly packetBytesMax: number;
  readonly assignedClientId?: string;
  readonly topicAliasMaximum: number;
  readonly serverKeepAliveSeconds?: number;
}

/** A CONNACK that lets the client in. */
export function connackAccepted(version: Version, sessionPresent: boolean, announced: Announced): Uint8Array {
  const body = new Body().u8(sessionPresent ? 1 : 0).u8(Reason.success);
  if (version === 4) return body.packet(PacketType.connack);
  const { sessionExpirySeconds, assignedClientId, serverKeepAliveSeconds } = announced;
  const properties = new Body();
  if (sessionExpirySeconds !== undefined) properties.u8(Property.sessionExpiry).u32(sessionExpirySeconds);
  properties.u8(Property.receiveMaximum).u16(announced.receiveMaximum);
  properties.u8(Property.maximumPacketSize).u32(announced.packetBytesMax);
  if (assignedClientId !== undefined) properties.u8(Property.assignedClientId).string(assignedClientId);
  properties.u8(Property.topicAliasMaximum).u16(announced.topicAliasMaximum);
  properties.u8(Property.sharedSubscriptionAvailable).u8(0);
  if (serverKeepAliveSeconds !== undefined)
    properties.u8(Property.serverKeepAlive).u16(serverKeepAliveSeconds);
  return body.withLength(properties).packet(PacketType.connack);
}

/** @param reason a `Reason` from 0x80 on; 3.1.1 gets the closest return code */
export function connackRefused(version: Version, reason: number, message: string): Uint8Array {
  const body = new Body().u8(0).u8(version === 5 ? reason : connectReturnOf(reason));
  if (version === 5) body.withLength(reasonString(message));
  return body.packet(PacketType.connack);
}

function connectReturnOf(reason: number): number {
  switch (reason) {
    case Reason.unsupportedVersion:
      return ConnectReturn.unacceptableVersion;
    case Reason.clientIdNotValid:
      return ConnectReturn.identifierRejected;
    case Reason.badCredentials:
      return ConnectReturn.badCredentials;
    case Reason.notAuthorized:
      return ConnectReturn.notAuthorized;
    default:
      return ConnectReturn.serverUnavailable;
  }
}

const short = new Uint8Array(5);
const shortest = short.subarray(0, 4);

/**
 * A PUBACK, PUBREC, PUBREL or PUBCOMP without a reason string.
 * @param reason in 3.1.1 it is not sent
 * @returns bytes that are valid until the next call
 */
export function acknowledgement(
  type: number,
  version: Version,
  packetId: number,
  reason: number,
): Uint8Array {
  const isShort = version === 4 || reason === Reason.success;
  short[0] = (type << 4) | (type === PacketType.pubrel ? 2 : 0);
  short[1] = isShort ? 2 : 3;
  short[2] = packetId >> 8;
  short[3] = packetId & 0xff;
  short[4] = reason;
  return isShort ? shortest : short;
}

/** The same with a reason string; MQTT 5. */
export function acknowledgementWithReason(
  type: number,
  packetId: number,
  reason: number,
  message: string,
): Uint8Array {
  return new Body().u16(packetId).u8(reason).withLength(reasonString(message)).packet(type);
}

/** @param codes one for each topic filter of the request, in its order */
export function suback(
  version: Version,
  packetId: number,
  codes: readonly number[],
  message = '',
): Uint8Array {
  return answered(PacketType.suback, version, packetId, codes, message);
}

/** @param codes as for `suback`; 3.1.1 has none */
export function unsuback(
  version: Version,
  packetId: number,
  codes: readonly number[],
  message = '',
): Uint8Array {
  return answered(PacketType.unsuback, version, packetId, version === 5 ? codes : [], message);
}

function answered(
  type: number,
  version: Version,
  packetId: number,
  codes: readonly number[],
  message: string,
): Uint8Array {
  const body = new Body().u16(packetId);
  if (version === 5) body.withLength(reasonString(message));
  return body.raw(codes).packet(type);
}

/** A DISCONNECT. Only in MQTT 5 may a server send one. */
export function disconnect(reason: number, message: string): Uint8Array {
  return new Body().u8(reason).withLength(reasonString(message)).packet(PacketType.disconnect);
}

export const pingresp: Uint8Array = new Body().packet(PacketType.pingresp);

function reasonString(message: string): Body {
  if (message === '') return new Body();
  return new Body().u8(Property.reasonString).string(cut(message));
}

/** Truncates at a character boundary: a streaming decoder holds back an incomplete character. */
function cut(message: string): string {
  const bytes = Buffer.from(message.replaceAll('\0', ''));
  return new TextDecoder().decode(bytes.subarray(0, REASON_BYTES_MAX), { stream: true });
}
