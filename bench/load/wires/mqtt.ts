/** MQTT 3.1.1 with QoS 0 over plain TCP: a device publishes to the topic of its name. */
import type { Conversation, Listening, Role, Speaker, Wire } from '../../../src/cli/bench/wires/wire.ts';

const Packet = {
  connect: 1,
  connack: 2,
  publish: 3,
  subscribe: 8,
  suback: 9,
  pingreq: 12,
  disconnect: 14,
} as const;
const KEEP_ALIVE_OFF = 0;
const TOPICS_PER_PACKET = 500;

export const mqttWire: Wire = {
  converse: (speaker, on) => new Client(speaker, on),
  publish: (device, json) => packet(Packet.publish, 0, Buffer.concat([string(device), Buffer.from(json)])),
  follow: (device, follows, request) =>
    packet(
      follows ? 8 : 10,
      2,
      Buffer.concat([
        u16(request & 0xffff || 1),
        string(device),
        follows ? Buffer.from([0]) : Buffer.alloc(0),
      ]),
    ),
};

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function string(text: string): Buffer {
  return Buffer.concat([u16(Buffer.byteLength(text)), Buffer.from(text)]);
}

function packet(kind: number, flags: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = body.length; ; ) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from([(kind << 4) | flags, ...length]), body]);
}

class Client implements Conversation {
  readonly hello: Buffer;
  readonly #role: Role;
  readonly #devices: readonly string[];
  readonly #on: Listening;
  #unanswered = 0;

  constructor({ role, id, devices }: Speaker, on: Listening) {
    this.#role = role;
    this.#devices = devices;
    this.#on = on;
    const head = Buffer.concat([string('MQTT'), Buffer.from([4, 2]), u16(KEEP_ALIVE_OFF), string(id)]);
    this.hello = packet(Packet.connect, 0, head);
  }

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
      this.#packet(bytes[at]! >> 4, bytes, start, end);
      at = end;
    }
  }

  #packet(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === Packet.publish) this.#on.event(bytes, start, end);
    else if (kind === Packet.connack) {
      if (bytes[start + 1] !== 0) this.#on.refused(`CONNACK ${bytes[start + 1]}`);
      else if (this.#role === 'device' || this.#devices.length === 0) this.#on.ready();
      else this.#subscribe();
    } else if (kind === Packet.suback && this.#unanswered > 0) {
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.#on.ready();
    }
  }

  #subscribe(): void {
    for (let at = 0; at < this.#devices.length; at += TOPICS_PER_PACKET) {
      const topics = this.#devices
        .slice(at, at + TOPICS_PER_PACKET)
        .map((device) => Buffer.concat([string(device), Buffer.from([0])]));
      this.#on.write(packet(Packet.subscribe, 2, Buffer.concat([u16(1 + this.#unanswered), ...topics])));
      this.#unanswered += 1;
    }
  }
}
