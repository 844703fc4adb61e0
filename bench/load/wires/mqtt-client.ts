/** The packets of MQTT 3.1.1 that a load needs, and one client's share of a conversation. */
import type { Listening, Role, Speaker } from '../../../src/cli/bench/wires/wire.ts';

const Packet = {
  connect: 0x10,
  connack: 0x20,
  publish: 0x30,
  subscribe: 0x82,
  suback: 0x90,
  unsubscribe: 0xa2,
  disconnect: 0xe0,
} as const;
/** Packet type, without its flags. */
const TYPE = 0xf0;
const REFUSED = 0x80;
const PROTOCOL_LEVEL = 4;
const CLEAN_SESSION = 2;
const USER_AND_PASSWORD = 0xc0;
const KEEP_ALIVE_OFF = 0;
const QOS_0 = 0;
/** A hub takes a thousand in a packet, a packet of 64 KiB, and charges a fiftieth of a frame for each. */
const TOPICS_PER_PACKET = 500;

export const DISCONNECT = packet(Packet.disconnect, Buffer.alloc(0));

export function connectPacket({ id, token }: Pick<Speaker, 'id' | 'token'>): Buffer {
  const head = [PROTOCOL_LEVEL, token === '' ? CLEAN_SESSION : CLEAN_SESSION | USER_AND_PASSWORD];
  const credentials = token === '' ? [] : [string('bench'), string(token)];
  const fields = [string('MQTT'), Buffer.from(head), u16(KEEP_ALIVE_OFF), string(id), ...credentials];
  return packet(Packet.connect, Buffer.concat(fields));
}

export function publishPacket(device: string, json: string): Buffer {
  return packet(Packet.publish, Buffer.concat([string(topicOf(device)), Buffer.from(json)]));
}

/** SUBSCRIBE, or UNSUBSCRIBE where `follows` is false. */
export function subscribePacket(devices: readonly string[], request: number, follows = true): Buffer {
  const topics = devices.map((device) => string(topicOf(device)));
  const filters = follows ? topics.map((topic) => Buffer.concat([topic, Buffer.from([QOS_0])])) : topics;
  // A packet id is never 0.
  const body = Buffer.concat([u16((request % 0xffff) + 1), ...filters]);
  return packet(follows ? Packet.subscribe : Packet.unsubscribe, body);
}

/** The hub's own layout, which is a topic like any other to a broker. */
function topicOf(device: string): string {
  return `devices/${device}/message`;
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function string(text: string): Buffer {
  return Buffer.concat([u16(Buffer.byteLength(text)), Buffer.from(text)]);
}

function packet(head: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = body.length; ; ) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from([head, ...length]), body]);
}

/** Reads what the server sends: subscribes after CONNACK, is ready after the last SUBACK. */
export class MqttClient {
  readonly #role: Role;
  readonly #devices: readonly string[];
  readonly #on: Listening;
  readonly #write: (packet: Buffer) => void;
  #unanswered = 0;

  constructor({ role, devices }: Speaker, on: Listening, write: (packet: Buffer) => void) {
    this.#role = role;
    this.#devices = devices;
    this.#on = on;
    this.#write = write;
  }

  /** @returns where the first packet starts that is not whole */
  take(bytes: Buffer, from: number, to: number): number {
    let at = from;
    for (;;) {
      let length = 0;
      let cursor = at + 1;
      for (let shift = 0; ; shift += 7, cursor++) {
        if (cursor >= to) return at;
        length += (bytes[cursor]! & 0x7f) * 2 ** shift;
        if ((bytes[cursor]! & 0x80) === 0) break;
      }
      const start = cursor + 1;
      const end = start + length;
      if (end > to) return at;
      this.#packet(bytes[at]! & TYPE, bytes, start, end);
      at = end;
    }
  }

  #packet(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === Packet.publish) this.#on.event(bytes, start, end);
    else if (type === Packet.connack) this.#connected(bytes[start + 1]!);
    else if (type === Packet.suback) this.#subscribed(bytes.subarray(start + 2, end));
    else if (type === Packet.disconnect) this.#on.refused('DISCONNECT');
  }

  #connected(code: number): void {
    if (code !== 0) this.#on.refused(`CONNACK ${code}`);
    else if (this.#role === 'device' || this.#devices.length === 0) this.#on.ready();
    else this.#subscribe();
  }

  #subscribe(): void {
    for (let at = 0; at < this.#devices.length; at += TOPICS_PER_PACKET) {
      const devices = this.#devices.slice(at, at + TOPICS_PER_PACKET);
      this.#write(subscribePacket(devices, this.#unanswered));
      this.#unanswered += 1;
    }
  }

  #subscribed(codes: Buffer): void {
    if (codes.some((code) => code >= REFUSED)) this.#on.refused(`SUBACK ${codes.toString('hex')}`);
    if (this.#unanswered === 0) return; // the answer to a follow beside what it was opened with
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#on.ready();
  }
}
