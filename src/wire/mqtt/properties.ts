/**
 * Decodes MQTT 5 properties sent by clients: which packet may carry which property, its type, and how often. Values
 * that the hub does not use are validated and skipped.
 */
import { Property, Reason } from './constants.ts';
import type { Reader } from './reader.ts';

/** What carries properties from a client: packets, and the will. */
export const Carrier = {
  connect: 1,
  will: 2,
  publish: 4,
  subscribe: 8,
  unsubscribe: 16,
  acknowledgement: 32,
  disconnect: 64,
} as const;
export type Carrier = (typeof Carrier)[keyof typeof Carrier];

/** Decoded properties. One object is reused for all packets. */
export interface Properties {
  /** Seconds; 0 when absent. */
  sessionExpiry: number;
  hasSessionExpiry: boolean;
  /** Bytes; 0 when absent: no limit. */
  maximumPacketSize: number;
  /** Seconds; -1 when absent. */
  willDelay: number;
  /** 0 when absent. */
  topicAlias: number;
  /** 0 when absent. */
  subscriptionIdentifier: number;
  wantsProblemInformation: boolean;
  hasAuthentication: boolean;
}

/** Properties that are all absent, to be filled again for each packet. */
export function createProperties(): Properties {
  return resetProperties({} as Properties);
}

function resetProperties(into: Properties): Properties {
  into.sessionExpiry = into.maximumPacketSize = into.topicAlias = into.subscriptionIdentifier = 0;
  into.willDelay = -1;
  into.hasSessionExpiry = into.hasAuthentication = false;
  into.wantsProblemInformation = true;
  return into;
}

const { connect, will, publish, subscribe, unsubscribe, acknowledgement, disconnect } = Carrier;

/** Allowed carriers by property identifier. Properties that only servers send are missing. */
const carriers: readonly number[] = table({
  [Property.payloadFormat]: will | publish,
  [Property.messageExpiry]: will | publish,
  [Property.contentType]: will | publish,
  [Property.responseTopic]: will | publish,
  [Property.correlationData]: will | publish,
  [Property.subscriptionIdentifier]: subscribe,
  [Property.sessionExpiry]: connect | disconnect,
  [Property.authenticationMethod]: connect,
  [Property.authenticationData]: connect,
  [Property.requestProblemInformation]: connect,
  [Property.willDelay]: will,
  [Property.requestResponseInformation]: connect,
  [Property.reasonString]: acknowledgement | disconnect,
  [Property.receiveMaximum]: connect,
  [Property.topicAliasMaximum]: connect,
  [Property.topicAlias]: publish,
  [Property.userProperty]: connect | will | publish | subscribe | unsubscribe | acknowledgement | disconnect,
  [Property.maximumPacketSize]: connect,
});

function table(entries: Readonly<Record<number, number>>): number[] {
  return Array.from({ length: 64 }, (_, identifier) => entries[identifier] ?? 0);
}

/**
 * Decodes the properties at the reader's position.
 * @returns 0, or the reason code of the first problem
 */
export function readProperties(reader: Reader, carrier: Carrier, into: Properties): number {
  resetProperties(into);
  const length = reader.varint();
  const end = reader.at + length;
  if (!reader.ok || end > reader.end) return Reason.malformedPacket;
  const packetEnd = reader.end;
  reader.end = end; // no property reaches beyond them
  let [seenLow, seenHigh] = [0, 0];
  while (reader.at < end) {
    const identifier = reader.varint();
    const allowed = carriers[identifier] ?? 0;
    if (!reader.ok || allowed === 0) return Reason.malformedPacket;
    if ((allowed & carrier) === 0) return misplaced(identifier, carrier);
    const bit = 1 << (identifier & 31);
    const isRepeated = ((identifier < 32 ? seenLow : seenHigh) & bit) !== 0;
    if (isRepeated && identifier !== Property.userProperty) return Reason.protocolError;
    if (identifier < 32) seenLow |= bit;
    else seenHigh |= bit;
    const problem = readValue(reader, identifier, into);
    if (!reader.ok) return Reason.malformedPacket;
    if (problem !== 0) return problem;
  }
  reader.end = packetEnd;
  // Authentication data without a method (MQTT 5, 3.1.2.11.10).
  const data = seenLow & (1 << Property.authenticationData);
  return data !== 0 && !into.hasAuthentication ? Reason.protocolError : 0;
}

/**
 * A property that its packet cannot have makes the packet malformed (MQTT 5, 2.2.2.2). PUBLISH can have a subscription
 * identifier, but not from a client (3.3.4).
 */
function misplaced(identifier: number, carrier: Carrier): number {
  const isServers = identifier === Property.subscriptionIdentifier && carrier === Carrier.publish;
  return isServers ? Reason.protocolError : Reason.malformedPacket;
}

function readValue(reader: Reader, identifier: number, into: Properties): number {
  switch (identifier) {
    case Property.payloadFormat:
    case Property.requestResponseInformation:
      return reader.u8() > 1 ? Reason.protocolError : 0;
    case Property.requestProblemInformation: {
      const value = reader.u8();
      into.wantsProblemInformation = value === 1;
      return value > 1 ? Reason.protocolError : 0;
    }
    case Property.messageExpiry:
      reader.u32();
      return 0;
    case Property.receiveMaximum:
      return reader.u16() === 0 ? Reason.protocolError : 0;
    case Property.topicAliasMaximum:
      reader.u16();
      return 0;
    case Property.topicAlias:
      into.topicAlias = reader.u16();
      return into.topicAlias === 0 ? Reason.topicAliasInvalid : 0;
    case Property.subscriptionIdentifier:
      into.subscriptionIdentifier = reader.varint();
      return into.subscriptionIdentifier === 0 ? Reason.protocolError : 0;
    case Property.sessionExpiry:
      into.sessionExpiry = reader.u32();
      into.hasSessionExpiry = true;
      return 0;
    case Property.willDelay:
      into.willDelay = reader.u32();
      return 0;
    case Property.maximumPacketSize:
      into.maximumPacketSize = reader.u32();
      return into.maximumPacketSize === 0 ? Reason.protocolError : 0;
    case Property.correlationData:
    case Property.authenticationData:
      reader.skipBinary();
      return 0;
    case Property.userProperty:
      reader.skipString();
      reader.skipString();
      return 0;
    case Property.authenticationMethod:
      into.hasAuthentication = true;
      reader.skipString();
      return 0;
    case Property.responseTopic:
      return readResponseTopic(reader);
    default: // contentType, reasonString
      reader.skipString();
      return 0;
  }
}

/** The hub does not use response topics, but they must be valid topics (MQTT 5, sections 3.3.2.3.5 and 4.7.3). */
function readResponseTopic(reader: Reader): number {
  const start = reader.at + 2;
  if (!reader.skipString()) return Reason.malformedPacket;
  const isTopic = reader.at > start && !hasWildcard(reader.bytes, start, reader.at);
  return isTopic ? 0 : Reason.protocolError;
}

const PLUS = 0x2b;
const HASH = 0x23;

/** Whether a topic holds `+` or `#`, which only filters may. */
export function hasWildcard(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === PLUS || bytes[i] === HASH) return true;
  return false;
}
