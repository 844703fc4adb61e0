/**
 * Decodes and validates the packets that clients send, for MQTT 3.1.1 and 5. Each function takes one whole packet from
 * the framer. It returns the decoded packet or a `Malformed`; no input makes it throw.
 */
import { PacketType, Reason, type Version } from './constants.ts';
import { REQUEST_FILTERS_MAX } from './limits.ts';
import { Carrier, createProperties, hasWildcard, readProperties } from './properties.ts';
import { isMqttText, Reader } from './reader.ts';
import { hasReason } from './reason-codes.ts';

/** A packet that ends its connection. */
export interface Malformed {
  readonly ok: false;
  /** A `Reason`. */
  readonly reason: number;
  /** What was given and what is accepted. */
  readonly message: string;
  /** For a CONNECT: the version of its CONNACK; undefined when it cannot be answered. */
  readonly version?: Version;
}

export interface ConnectWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Undefined when the client named none. */
  readonly delaySeconds: number | undefined;
}

export interface Connect {
  readonly ok: true;
  readonly version: Version;
  readonly cleanStart: boolean;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  /** '' asks the server to assign one. */
  readonly clientId: string;
  /** Undefined when there is none. */
  readonly password: Uint8Array | undefined;
  readonly will: ConnectWill | undefined;
  /** MQTT 5, 3.1.2.11.2; 0 in 3.1.1. */
  readonly sessionExpirySeconds: number;
  /** The largest packet that the client accepts, bytes; 0: no limit. */
  readonly packetBytesMax: number;
  /** Whether acknowledgements may carry reason strings. */
  readonly wantsProblemInformation: boolean;
  readonly hasAuthentication: boolean;
}

/** A decoded PUBLISH. One object is reused for all. Ranges are offsets into the packet's bytes. */
export interface Publish {
  qos: number;
  isDuplicate: boolean;
  /** 0 at QoS 0. */
  packetId: number;
  topicStart: number;
  topicEnd: number;
  /** 0 when absent. */
  topicAlias: number;
  payloadStart: number;
  payloadEnd: number;
}

/** Options of a topic filter; 3.1.1 has none but QoS. */
export interface FilterOptions {
  readonly noLocal: boolean;
  /** When to send retained messages. 0: always, 1: if the subscription is new, 2: never. */
  readonly retainHandling: number;
}

export interface Subscribe {
  readonly ok: true;
  readonly packetId: number;
  /** 0 when absent. */
  readonly identifier: number;
  /** At most `REQUEST_FILTERS_MAX`. */
  readonly filters: readonly { readonly filter: string; readonly options: FilterOptions }[];
  /** Topic filters beyond those: they are refused. */
  readonly further: number;
}

export interface Unsubscribe {
  readonly ok: true;
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface Disconnect {
  readonly ok: true;
  readonly reason: number;
  /** Undefined: as CONNECT said. */
  readonly sessionExpirySeconds: number | undefined;
}

const reader = new Reader();
const properties = createProperties();

const CONNECT_FLAG_RESERVED = 1;
const CONNECT_FLAG_CLEAN = 2;
const CONNECT_FLAG_WILL = 4;
const CONNECT_FLAG_WILL_QOS_SHIFT = 3;
const CONNECT_FLAG_WILL_RETAIN = 32;
const CONNECT_FLAG_PASSWORD = 64;
const CONNECT_FLAG_USER_NAME = 128;

/** @param head first byte of the packet @param start where its body starts */
export function readConnect(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
): Connect | Malformed {
  reader.open(bytes, start, end);
  const name = reader.string();
  const level = reader.u8();
  if (!reader.ok || (name !== 'MQTT' && name !== 'MQIsdp')) {
    return malformed('protocol name: expected "MQTT"', Reason.unsupportedVersion);
  }
  if (name !== 'MQTT' || (level !== 4 && level !== 5)) return wrongLevel(level);
  const version: Version = level;
  const answer = (message: string, reason?: number): Malformed => ({
    ...malformed(message, reason),
    version,
  });
  if ((head & 0x0f) !== 0) return answer(FLAGS);
  const flags = reader.u8();
  const problem = connectFlagsProblem(flags, version);
  if (problem !== undefined) return answer(problem);
  const keepAliveSeconds = reader.u16();
  if (version === 5) {
    const reason = readProperties(reader, Carrier.connect, properties);
    if (reason !== 0) return answer('properties of CONNECT', reason);
  }
  const ofConnect = version === 5 ? { ...properties } : createProperties();
  const clientId = reader.string();
  let will: ConnectWill | undefined;
  if ((flags & CONNECT_FLAG_WILL) !== 0) {
    const read = readWill(version);
    if (typeof read === 'number') return answer('the will', read);
    will = read;
  }
  if ((flags & CONNECT_FLAG_USER_NAME) !== 0) reader.skipString();
  const password = (flags & CONNECT_FLAG_PASSWORD) !== 0 ? reader.binary() : undefined;
  if (!reader.isDone)
    return answer('a field of CONNECT is cut off or is not UTF-8, or bytes follow the last field');
  return {
    ok: true,
    version,
    cleanStart: (flags & CONNECT_FLAG_CLEAN) !== 0,
    keepAliveSeconds,
    clientId,
    password,
    will,
    sessionExpirySeconds: ofConnect.sessionExpiry,
    packetBytesMax: ofConnect.maximumPacketSize,
    wantsProblemInformation: ofConnect.wantsProblemInformation,
    hasAuthentication: ofConnect.hasAuthentication,
  };
}

/** Unsupported protocol levels are refused in the format that their clients understand. */
function wrongLevel(level: number): Malformed {
  const message = `protocol level ${level & 0x7f}; expected 4 (MQTT 3.1.1) or 5`;
  return { ...malformed(message, Reason.unsupportedVersion), version: (level & 0x7f) > 5 ? 5 : 4 };
}

function connectFlagsProblem(flags: number, version: Version): string | undefined {
  const willQos = (flags >> CONNECT_FLAG_WILL_QOS_SHIFT) & 3;
  if ((flags & CONNECT_FLAG_RESERVED) !== 0) return 'the reserved flag of CONNECT is set';
  if (willQos === 3) return 'will QoS 3; expected 0, 1 or 2';
  if ((flags & CONNECT_FLAG_WILL) === 0 && (willQos !== 0 || (flags & CONNECT_FLAG_WILL_RETAIN) !== 0))
    return 'QoS or retain of a will without a will';
  if (version === 4 && (flags & CONNECT_FLAG_PASSWORD) !== 0 && (flags & CONNECT_FLAG_USER_NAME) === 0)
    return 'a password without a user name, which MQTT 3.1.1 forbids';
  return undefined;
}

/** @returns the will, or a reason code */
function readWill(version: Version): ConnectWill | number {
  if (version === 5) {
    const reason = readProperties(reader, Carrier.will, properties);
    if (reason !== 0) return reason;
  }
  const delay = version === 5 ? properties.willDelay : -1;
  const topicStart = reader.at + 2;
  const topic = reader.string();
  const isTopic = reader.ok && topic !== '' && !hasWildcard(reader.bytes, topicStart, reader.at);
  const payload = reader.binary();
  if (!isTopic) return reader.ok ? Reason.topicNameInvalid : Reason.malformedPacket;
  return { topic, payload, delaySeconds: delay < 0 ? undefined : delay };
}

/** A PUBLISH to be filled again for each that comes. */
export function createPublish(): Publish {
  return {
    qos: 0,
    isDuplicate: false,
    packetId: 0,
    topicStart: 0,
    topicEnd: 0,
    topicAlias: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/**
 * Decodes a PUBLISH up to its payload. The topic is not validated: a known topic needs no validation, and
 * `topicProblem` validates the others.
 * @returns undefined when the packet is valid
 */
export function readPublish(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
  version: Version,
  into: Publish,
): Malformed | undefined {
  reader.open(bytes, start, end);
  into.qos = (head >> 1) & 3;
  into.isDuplicate = (head & 8) !== 0;
  if (into.qos === 3) return malformed('QoS 3; expected 0, 1 or 2');
  if (into.isDuplicate && into.qos === 0) return malformed('DUP at QoS 0');
  into.topicStart = reader.skipBinary();
  into.topicEnd = reader.at;
  into.packetId = into.qos === 0 ? 0 : reader.u16();
  if (into.qos !== 0 && into.packetId === 0) return malformed('packet id 0', idReason());
  into.topicAlias = 0;
  if (version === 5) {
    // Most have none: one byte, 0.
    if (reader.at < end && bytes[reader.at] === 0) reader.at += 1;
    else {
      const reason = readProperties(reader, Carrier.publish, properties);
      if (reason !== 0) return malformed('properties of PUBLISH', reason);
      into.topicAlias = properties.topicAlias;
    }
  }
  if (!reader.ok) return malformed('a field of PUBLISH is cut off');
  if (into.topicStart === into.topicEnd && into.topicAlias === 0)
    return malformed('neither a topic nor a topic alias', Reason.protocolError);
  into.payloadStart = reader.at;
  into.payloadEnd = end;
  return undefined;
}

/** Distinguishes a packet id of 0 from a truncated packet. */
function idReason(): number {
  return reader.ok ? Reason.protocolError : Reason.malformedPacket;
}

/** Validates a topic that is not in the layout. @returns undefined when it is valid, that is, merely foreign */
export function topicProblem(bytes: Uint8Array, start: number, end: number): Malformed | undefined {
  if (!isMqttText(bytes, start, end)) return malformed('the topic is not UTF-8, or contains U+0000');
  if (hasWildcard(bytes, start, end)) return malformed('a wildcard in the topic', Reason.topicNameInvalid);
  return undefined;
}

const OPTIONS_RESERVED = { 4: 0xfc, 5: 0xc0 } as const;
const OPTION_NO_LOCAL = 4;
const OPTION_RETAIN_HANDLING_SHIFT = 4;

/** @param head first byte of the packet @param start where its body starts */
export function readSubscribe(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
  version: Version,
): Subscribe | Malformed {
  const packetId = openRequest(bytes, head, start, end);
  if (typeof packetId !== 'number') return packetId;
  let identifier = 0;
  if (version === 5) {
    const reason = readProperties(reader, Carrier.subscribe, properties);
    if (reason !== 0) return malformed('properties of SUBSCRIBE', reason);
    identifier = properties.subscriptionIdentifier;
  }
  if (reader.at === end) return malformed('SUBSCRIBE without a topic filter', Reason.protocolError);
  const filters = [];
  let further = 0;
  while (reader.ok && reader.at < end) {
    const filter = reader.string();
    const options = reader.u8();
    const retainHandling = (options >> OPTION_RETAIN_HANDLING_SHIFT) & 3;
    if ((options & OPTIONS_RESERVED[version]) !== 0)
      return malformed('subscription options that MQTT does not have');
    if ((options & 3) === 3 || retainHandling === 3)
      return malformed('QoS 3 or Retain Handling 3; expected 0, 1 or 2', Reason.protocolError);
    if (version === 5 && (options & OPTION_NO_LOCAL) !== 0 && isShared(filter))
      return malformed('No Local on a shared subscription', Reason.protocolError);
    if (filters.length === REQUEST_FILTERS_MAX) further += 1;
    else filters.push({ filter, options: { noLocal: (options & OPTION_NO_LOCAL) !== 0, retainHandling } });
  }
  if (!reader.ok) return malformed('a topic filter is cut off, is not UTF-8, or contains U+0000');
  return { ok: true, packetId, identifier, filters, further };
}

/** Whether the topic filter is of a shared subscription (MQTT 5, 4.8.2). */
export function isShared(filter: string): boolean {
  return filter.startsWith('$share/') || filter === '$share';
}

/** @param head first byte of the packet @param start where its body starts */
export function readUnsubscribe(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
  version: Version,
): Unsubscribe | Malformed {
  const packetId = openRequest(bytes, head, start, end);
  if (typeof packetId !== 'number') return packetId;
  if (version === 5) {
    const reason = readProperties(reader, Carrier.unsubscribe, properties);
    if (reason !== 0) return malformed('properties of UNSUBSCRIBE', reason);
  }
  if (reader.at === end) return malformed('UNSUBSCRIBE without a topic filter', Reason.protocolError);
  const filters = [];
  while (reader.ok && reader.at < end) filters.push(reader.string());
  if (!reader.ok) return malformed('a topic filter is cut off, is not UTF-8, or contains U+0000');
  return { ok: true, packetId, filters };
}

/** @returns the packet id of a SUBSCRIBE or UNSUBSCRIBE; both must have the flags 2 */
function openRequest(bytes: Uint8Array, head: number, start: number, end: number): number | Malformed {
  if ((head & 0x0f) !== 2) return malformed(FLAGS);
  reader.open(bytes, start, end);
  const packetId = reader.u16();
  return packetId === 0 ? malformed('packet id 0', idReason()) : packetId;
}

/** Decodes a PUBACK, PUBREC, PUBREL or PUBCOMP. @returns its packet id */
export function readAcknowledgement(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
  version: Version,
): number | Malformed {
  if ((head & 0x0f) !== (head >> 4 === PacketType.pubrel ? 2 : 0)) return malformed(FLAGS);
  reader.open(bytes, start, end);
  const packetId = reader.u16();
  if (packetId === 0) return malformed('packet id 0', idReason());
  if (version === 5 && reader.at < end && !hasReason(head >> 4, reader.u8())) return unlisted();
  if (version === 5 && reader.at < end) {
    const reason = readProperties(reader, Carrier.acknowledgement, properties);
    if (reason !== 0) return malformed('properties of an acknowledgement', reason);
  }
  return reader.isDone ? packetId : malformed('an acknowledgement is cut off, or bytes follow it');
}

/** @param head first byte of the packet @param start where its body starts */
export function readDisconnect(
  bytes: Uint8Array,
  head: number,
  start: number,
  end: number,
  version: Version,
): Disconnect | Malformed {
  if ((head & 0x0f) !== 0) return malformed(FLAGS);
  reader.open(bytes, start, end);
  let reason: number = Reason.success;
  let sessionExpirySeconds: number | undefined;
  if (version === 5 && reader.at < end) reason = reader.u8();
  if (!hasReason(PacketType.disconnect, reason)) return unlisted();
  if (version === 5 && reader.at < end) {
    const problem = readProperties(reader, Carrier.disconnect, properties);
    if (problem !== 0) return malformed('properties of DISCONNECT', problem);
    if (properties.hasSessionExpiry) sessionExpirySeconds = properties.sessionExpiry;
  }
  if (!reader.isDone) return malformed('DISCONNECT is cut off, or bytes follow it');
  return { ok: true, reason, sessionExpirySeconds };
}

/** Validates a PINGREQ. @returns undefined when it is valid */
export function pingProblem(head: number, start: number, end: number): Malformed | undefined {
  return (head & 0x0f) !== 0 || end !== start ? malformed('PINGREQ with flags or bytes') : undefined;
}

function unlisted(): Malformed {
  return malformed('a reason code that MQTT does not have for this packet', Reason.protocolError);
}

const FLAGS = 'flags in the fixed header that MQTT does not have';

function malformed(message: string, reason: number = Reason.malformedPacket): Malformed {
  return { ok: false, reason, message };
}
