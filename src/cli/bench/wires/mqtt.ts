/** MQTT 3.1.1 with QoS 0, over TCP and over WebSocket: a device publishes to a topic of its own. */
import { FramedConversation } from './framed.ts';
import { clientFrame, Opcode } from './frames.ts';
import type { Conversation, ConversationEvents, Speaker, Wire, Wires } from './wire.ts';

const Packet = {
  connect: 1,
  connack: 2,
  publish: 3,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  disconnect: 14,
} as const;
/** Flags that some packets must have. */
const RESERVED = 2;
const LEVEL_3_1_1 = 4;
const ConnectFlag = { cleanSession: 0x02, password: 0x40, userName: 0x80 } as const;
/** From here on a code in a SUBACK says that the topic was refused. */
const SUBACK_REFUSED = 0x80;
const KEEP_ALIVE_OFF = 0;
const TOPICS_PER_PACKET = 500;

/** Which topic a device publishes its messages to. */
export type TopicOf = (device: string) => string;

/** The hub's own layout, unless `DAT_MQTT_TOPICS` says otherwise. */
const messageTopic: TopicOf = (device) => `devices/${device}/message`;

/** The hub over MQTT. */
export const mqttWires = {
  'mqtt-tcp': mqttTcpWire(messageTopic),
  'mqtt-websocket': mqttWebSocketWire(messageTopic),
} as const satisfies Wires;

export type MqttWireName = keyof typeof mqttWires;

function mqttTcpWire(topicOf: TopicOf): Wire {
  return {
    converse: (speaker, on) => new TcpConversation(speaker, on, topicOf),
    publish: (device, json) => publishPacket(topicOf(device), json),
    follow: (device, follows, request) => followPacket(topicOf(device), follows, request),
  };
}

function mqttWebSocketWire(topicOf: TopicOf): Wire {
  return {
    converse: (speaker, on) => new WebSocketConversation(speaker, on, topicOf),
    publish: (device, json) => clientFrame(Opcode.binary, publishPacket(topicOf(device), json)),
    follow: (device, follows, request) =>
      clientFrame(Opcode.binary, followPacket(topicOf(device), follows, request)),
  };
}

function publishPacket(topic: string, json: string): Buffer {
  return packet(Packet.publish, 0, Buffer.concat([string(topic), Buffer.from(json)]));
}

function followPacket(topic: string, follows: boolean, request: number): Buffer {
  const head = [u16(request & 0xffff || 1), string(topic)];
  if (!follows) return packet(Packet.unsubscribe, RESERVED, Buffer.concat(head));
  return packet(Packet.subscribe, RESERVED, Buffer.concat([...head, Buffer.from([0])]));
}

function connectPacket({ id, token }: Speaker): Buffer {
  const access = token === '' ? 0 : ConnectFlag.userName | ConnectFlag.password;
  const head = [string('MQTT'), Buffer.from([LEVEL_3_1_1, ConnectFlag.cleanSession | access])];
  // 3.1.1 wants a user name beside a password.
  const credentials = token === '' ? [] : [string(id), string(token)];
  return packet(Packet.connect, 0, Buffer.concat([...head, u16(KEEP_ALIVE_OFF), string(id), ...credentials]));
}

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

/** What packets mean, whatever brings them. */
class Dialogue {
  readonly #on: ConversationEvents;
  /** To subscribe to. */
  readonly #topics: readonly string[];
  readonly #write: (packet: Buffer) => void;
  #unanswered = 0;

  constructor(on: ConversationEvents, topics: readonly string[], write: (packet: Buffer) => void) {
    this.#on = on;
    this.#topics = topics;
    this.#write = write;
  }

  /** @returns how far the whole packets go */
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
    else if (kind === Packet.connack) this.#connected(bytes[start + 1]!);
    else if (kind === Packet.suback) this.#subscribed(bytes.subarray(start + 2, end));
  }

  #connected(code: number): void {
    if (code !== 0) this.#on.refused(`CONNACK ${code}`);
    else if (this.#topics.length === 0) this.#on.ready();
    else this.#subscribe();
  }

  #subscribe(): void {
    for (let at = 0; at < this.#topics.length; at += TOPICS_PER_PACKET) {
      const some = this.#topics.slice(at, at + TOPICS_PER_PACKET);
      const filters = some.map((topic) => Buffer.concat([string(topic), Buffer.from([0])]));
      this.#unanswered += 1;
      const body = Buffer.concat([u16(this.#unanswered), ...filters]);
      this.#write(packet(Packet.subscribe, RESERVED, body));
    }
  }

  #subscribed(codes: Buffer): void {
    const refused = codes.find((code) => code >= SUBACK_REFUSED);
    if (refused !== undefined) this.#on.refused(`SUBACK ${refused}`);
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#on.ready();
  }
}

const goodbyePacket = packet(Packet.disconnect, 0, Buffer.alloc(0));

class TcpConversation implements Conversation {
  readonly hello: Buffer;
  readonly goodbye = goodbyePacket;
  readonly #dialogue: Dialogue;

  constructor(speaker: Speaker, on: ConversationEvents, topicOf: TopicOf) {
    this.hello = connectPacket(speaker);
    this.#dialogue = new Dialogue(on, speaker.devices.map(topicOf), on.write);
  }

  take(bytes: Buffer, from: number, to: number): number {
    return this.#dialogue.take(bytes, from, to);
  }
}

const NOTHING = Buffer.alloc(0);

class WebSocketConversation extends FramedConversation {
  override readonly goodbye = clientFrame(Opcode.binary, goodbyePacket);
  readonly #speaker: Speaker;
  readonly #dialogue: Dialogue;
  /** The start of a packet whose rest comes in a later frame. */
  #rest = NOTHING;

  constructor(speaker: Speaker, on: ConversationEvents, topicOf: TopicOf) {
    super(speaker, on, '/mqtt', ['Sec-WebSocket-Protocol: mqtt']);
    this.#speaker = speaker;
    const write = (packet: Buffer): void => on.write(clientFrame(Opcode.binary, packet));
    this.#dialogue = new Dialogue(on, speaker.devices.map(topicOf), write);
  }

  protected override upgraded(): void {
    this.on.write(clientFrame(Opcode.binary, connectPacket(this.#speaker)));
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    if (this.#rest.length > 0) {
      const whole = Buffer.concat([this.#rest, bytes.subarray(start, end)]);
      this.#rest = Buffer.from(whole.subarray(this.#dialogue.take(whole, 0, whole.length)));
      return;
    }
    const done = this.#dialogue.take(bytes, start, end);
    if (done < end) this.#rest = Buffer.from(bytes.subarray(done, end));
  }
}
