/** One simulated device that speaks MQTT 5, over WebSocket or TCP. It connects again when its connection is lost. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { WebSocket as WsWebSocket } from 'ws';
import { PacketType } from '../../wire/mqtt/constants.ts';
import { Framer, type PacketSink } from '../../wire/mqtt/framer.ts';
import { addressOf, isSecure } from '../address.ts';
import { connectPacket, disconnectPacket, pingPacket, publishPacket } from './mqtt-packets.ts';

export interface MqttDeviceOptions {
  /** ws, wss, mqtt or mqtts. */
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
  readonly WebSocket: typeof WsWebSocket;
}

export interface MqttDeviceEvents {
  connected(): void;
  refused(message: string): void;
  /** @param isRefusal the hub does not let it in */
  lost(message: string, isRefusal: boolean): void;
}

/** A byte stream in either direction. */
interface Stream {
  write(bytes: Uint8Array): void;
  end(): void;
  destroy(): void;
}

const KEEP_ALIVE_SECONDS = 60;
const PING_MS = 30_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_SPREAD = 2000;
const PACKET_BYTES_MAX = 1024 * 1024;
const FAILURE = 0x80;
const LOST = 'the connection was lost';
/** What the hub takes without an answer: its Receive Maximum. */
const IN_FLIGHT_MAX = 1024;

export class MqttDevice implements PacketSink {
  readonly wantsPackets = true;
  readonly #id: string;
  readonly #options: MqttDeviceOptions;
  readonly #told: MqttDeviceEvents;
  #stream: Stream | undefined;
  #framer = new Framer(PACKET_BYTES_MAX);
  #isConnected = false;
  #isClosed = false;
  #packetId = 0;
  #inFlight = 0;
  #ping: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(id: string, options: MqttDeviceOptions, told: MqttDeviceEvents) {
    this.#id = id;
    this.#options = options;
    this.#told = told;
    this.#connect();
  }

  /** Whether an event goes out at once. */
  get isReady(): boolean {
    return this.#isConnected && this.#inFlight < IN_FLIGHT_MAX;
  }

  publish(type: 'message' | 'status', payload: string): void {
    if (!this.isReady) return;
    this.#packetId = (this.#packetId % 0xffff) + 1;
    this.#inFlight += 1;
    this.#stream?.write(publishPacket(`devices/${this.#id}/${type}`, payload, this.#packetId));
  }

  /** Says goodbye. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    if (this.#isConnected) this.#stream?.write(disconnectPacket);
    this.#stream?.end();
  }

  /** See `PacketSink`. */
  packet(bytes: Uint8Array, head: number, start: number, end: number): void {
    switch (head >> 4) {
      case PacketType.connack:
        this.#greeted(bytes[start + 1] ?? FAILURE);
        break;
      case PacketType.puback: {
        this.#inFlight -= 1;
        const reason = end - start > 2 ? bytes[start + 2]! : 0;
        if (reason >= FAILURE) this.#told.refused(`the hub refused an event (reason code ${hex(reason)})`);
        break;
      }
      case PacketType.disconnect:
        this.#lost(`the hub disconnected (reason code ${hex(bytes[start] ?? 0)})`, false);
        break;
      default:
    }
  }

  #greeted(reason: number): void {
    if (reason >= FAILURE) {
      this.#lost(`the hub does not let the device in (reason code ${hex(reason)})`, true);
      return;
    }
    this.#isConnected = true;
    this.#told.connected();
    this.#ping = setInterval(() => this.#stream?.write(pingPacket), PING_MS);
  }

  #connect(): void {
    this.#framer = new Framer(PACKET_BYTES_MAX);
    this.#inFlight = 0;
    const stream = openStream(this.#options, {
      opened: () => stream.write(connectPacket(this.#id, this.#options.token, KEEP_ALIVE_SECONDS)),
      came: (bytes) => {
        if (this.#stream === stream && this.#framer.feed(bytes, this) !== 0)
          this.#lost('what answers does not speak MQTT', true);
      },
      ended: (why) => {
        if (this.#stream === stream) this.#lost(why, false);
      },
    });
    this.#stream = stream;
  }

  #lost(message: string, isRefusal: boolean): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#isConnected = false;
    clearInterval(this.#ping);
    if (this.#isClosed) return;
    this.#told.lost(message, isRefusal);
    this.#retry = setTimeout(() => this.#connect(), RETRY_MS_MIN + Math.random() * RETRY_MS_SPREAD);
  }
}

interface StreamEvents {
  opened(): void;
  came(bytes: Uint8Array): void;
  ended(why: string): void;
}

function openStream({ url, WebSocket }: MqttDeviceOptions, events: StreamEvents): Stream {
  if (url.protocol.startsWith('ws')) {
    const ws = new WebSocket(url, ['mqtt']);
    let why: string | undefined;
    ws.on('open', () => events.opened());
    ws.on('message', (bytes: Buffer) => events.came(bytes));
    // The first says most: letting go of a socket that never opened is an error too.
    ws.on('error', (error) => {
      why ??= error.message;
    });
    ws.on('close', () => events.ended(why ?? LOST));
    return {
      write: (bytes) => {
        if (ws.readyState === ws.OPEN) ws.send(bytes);
      },
      end: () => ws.close(),
      destroy: () => ws.terminate(),
    };
  }
  const socket = isSecure(url) ? connectTls(addressOf(url)) : connectTcp(addressOf(url));
  let why = LOST;
  socket.setNoDelay(true);
  socket.on(isSecure(url) ? 'secureConnect' : 'connect', () => events.opened());
  socket.on('data', (bytes) => events.came(bytes));
  socket.on('error', (error) => {
    why = error.message;
  });
  socket.on('close', () => events.ended(why));
  return {
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
