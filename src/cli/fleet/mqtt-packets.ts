/** The few packets of MQTT 5 that a simulated device sends. Pure. */
import { PacketType, putVarint, varintBytes } from '../../wire/mqtt/constants.ts';

const VERSION = 5;
const CLEAN_START = 0x02;
const HAS_PASSWORD = 0x40;
const HAS_USER_NAME = 0x80;
/** A length of no properties. */
const NO_PROPERTIES = Buffer.from([0]);

/** @param token '' for none */
export function connectPacket(clientId: string, token: string, keepAliveSeconds: number): Uint8Array {
  const login = token === '' ? [] : [text('device'), text(token)];
  const flags = CLEAN_START | (token === '' ? 0 : HAS_USER_NAME | HAS_PASSWORD);
  const head = [text('MQTT'), Buffer.from([VERSION, flags]), u16(keepAliveSeconds), NO_PROPERTIES];
  return packet(PacketType.connect << 4, [...head, text(clientId), ...login]);
}

/** At QoS 1. */
export function publishPacket(topic: string, payload: string, packetId: number): Uint8Array {
  const atQos1 = (PacketType.publish << 4) | 2;
  return packet(atQos1, [text(topic), u16(packetId), NO_PROPERTIES, Buffer.from(payload)]);
}

export const pingPacket = packet(PacketType.pingreq << 4, []);
export const disconnectPacket = packet(PacketType.disconnect << 4, []);

function packet(head: number, parts: readonly Buffer[]): Uint8Array {
  const body = Buffer.concat(parts);
  const bytes = Buffer.alloc(1 + varintBytes(body.length) + body.length);
  bytes[0] = head;
  body.copy(bytes, putVarint(bytes, 1, body.length));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u16(bytes.length), bytes]);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
