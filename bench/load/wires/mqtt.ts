/** MQTT 3.1.1 with QoS 0, over TCP and over WebSocket: the hub and brokers get the same bytes. */
import { FramedConversation } from '../../../src/cli/bench/wires/framed.ts';
import { clientFrame, Opcode } from '../../../src/cli/bench/wires/frames.ts';
import type { Conversation, Listening, Speaker, Wire } from '../../../src/cli/bench/wires/wire.ts';
import { connectPacket, DISCONNECT, MqttClient, publishPacket, subscribePacket } from './mqtt-client.ts';

/** Packets straight on the connection. */
export const mqttWire: Wire = {
  converse: (speaker, on) => new OverTcp(speaker, on),
  publish: publishPacket,
  follow: (device, follows, request) => subscribePacket([device], request, follows),
};

/** Each packet in a frame of its own, as clients send them. */
export const mqttWebSocketWire: Wire = {
  converse: (speaker, on) => new OverWebSocket(speaker, on),
  publish: (device, json) => framed(publishPacket(device, json)),
  follow: (device, follows, request) => framed(subscribePacket([device], request, follows)),
};

const framed = (packet: Buffer): Buffer => clientFrame(Opcode.binary, packet);

class OverTcp implements Conversation {
  readonly hello: Buffer;
  readonly goodbye = DISCONNECT;
  readonly #client: MqttClient;

  constructor(speaker: Speaker, on: Listening) {
    this.hello = connectPacket(speaker);
    this.#client = new MqttClient(speaker, on, on.write);
  }

  take(bytes: Buffer, from: number, to: number): number {
    return this.#client.take(bytes, from, to);
  }
}

const PATH = '/mqtt';
const PROTOCOL = 'Sec-WebSocket-Protocol: mqtt';

class OverWebSocket extends FramedConversation {
  override readonly goodbye = framed(DISCONNECT);
  readonly #speaker: Speaker;
  readonly #client: MqttClient;
  /** The start of a packet whose end is in the next frame. */
  #rest: Buffer | undefined;

  constructor(speaker: Speaker, on: Listening) {
    super(speaker, on, PATH, [PROTOCOL]);
    this.#speaker = speaker;
    this.#client = new MqttClient(speaker, on, (packet) => on.write(framed(packet)));
  }

  protected override upgraded(): void {
    this.on.write(framed(connectPacket(this.#speaker)));
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    if (this.#rest === undefined) {
      const done = this.#client.take(bytes, start, end);
      if (done < end) this.#rest = Buffer.from(bytes.subarray(done, end));
      return;
    }
    const joined = Buffer.concat([this.#rest, bytes.subarray(start, end)]);
    this.#rest = undefined;
    this.message(joined, 0, joined.length);
  }
}
