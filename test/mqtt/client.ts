/** mqtt.js as the tests use it: what comes is kept until it is asked for, and everything ends with the test. */
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient, type Packet } from 'mqtt';
import { onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { WAIT_MS } from '../support/waits.ts';
import type { MqttHub } from './harness.ts';

/** Where a hub listens. */
export type MqttPorts = Pick<MqttHub, 'tcpPort' | 'devicePort' | 'subscriberPort'>;

/** Where a client connects. */
export type Way = 'tcp' | 'device' | 'subscriber';

export interface ClientOptions extends IClientOptions {
  readonly way?: Way;
  readonly ca?: string;
}

export interface Came {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly packet: IPublishPacket;
}

export class Client {
  readonly mqtt: MqttClient;
  /** What came and was not asked for yet. */
  readonly inbox: Came[] = [];
  /** Packets that came, but PUBLISH. */
  readonly packets: Packet[] = [];
  readonly errors: Error[] = [];
  closes = 0;

  constructor(client: MqttClient) {
    this.mqtt = client;
    client.on('message', (topic, payload, packet) =>
      this.inbox.push({ topic, payload: payload.toString(), retain: packet.retain, packet }),
    );
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'publish') this.packets.push(packet);
    });
    client.on('error', (error) => this.errors.push(error));
    client.on('close', () => {
      this.closes += 1;
    });
    onTestFinished(() => void client.end(true));
  }

  /** The next message; fails when none comes. */
  async next(): Promise<Came> {
    await eventually(`a message for ${this.mqtt.options.clientId}`, () => this.inbox.length > 0);
    return this.inbox.shift()!;
  }

  /** The next so many, as `topic payload`, `!` in front where the retain flag is set. */
  async texts(count: number): Promise<string[]> {
    const texts = [];
    for (let i = 0; i < count; i++) {
      const { topic, payload, retain } = await this.next();
      texts.push(`${retain ? '!' : ''}${topic} ${payload}`);
    }
    return texts;
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2 = 0): Promise<Packet | undefined> {
    return this.mqtt.publishAsync(topic, payload, { qos });
  }

  /** @returns what was granted, in the order of the filters; refused ones as their codes */
  async subscribe(filters: string | readonly string[]): Promise<number[]> {
    const before = this.packets.length;
    await this.mqtt.subscribeAsync(filters as string | string[], { qos: 1 }).catch(() => {});
    const suback = await eventually('SUBACK', () =>
      this.packets.slice(before).find(({ cmd }) => cmd === 'suback'),
    );
    return (suback as unknown as { granted: number[] }).granted;
  }

  /** What DISCONNECT said, when there is one. */
  get disconnectReason(): number | undefined {
    const packet = this.packets.find(({ cmd }) => cmd === 'disconnect');
    return (packet as { reasonCode?: number } | undefined)?.reasonCode;
  }

  async ended(): Promise<void> {
    await eventually('the connection ends', () => this.closes > 0);
  }

  /** The connection breaks, without a word. */
  breakOff(): void {
    this.mqtt.stream.destroy();
  }
}

export function urlOf(hub: MqttPorts, way: Way, secure: boolean): string {
  if (way === 'tcp') return `${secure ? 'mqtts' : 'mqtt'}://127.0.0.1:${hub.tcpPort}`;
  const port = way === 'device' ? hub.devicePort : hub.subscriberPort;
  return `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/mqtt`;
}

/** A client that may or may not get in, and does not reconnect unless told. */
export function open(hub: MqttPorts, options: ClientOptions = {}): Client {
  const { way = 'tcp', ca, ...rest } = options;
  const all = { reconnectPeriod: 0, connectTimeout: WAIT_MS, ...(ca === undefined ? {} : { ca }), ...rest };
  return new Client(mqtt.connect(urlOf(hub, way, ca !== undefined), all));
}

/** A client that is connected. */
export async function connect(hub: MqttPorts, options: ClientOptions = {}): Promise<Client> {
  const client = open(hub, options);
  await eventually(`${options.clientId} is connected`, () => {
    if (client.errors[0] !== undefined) throw client.errors[0];
    return client.mqtt.connected;
  });
  return client;
}
