/** A client of MQTT on a connection of `OneThreadHub`; mqtt-packet makes and reads its packets. No assertions. */
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';
import type { MqttPeer } from '../../../src/edge/mqtt/peer.ts';
import { HubSocket } from '../hub-socket.ts';
import type { OneThreadHub } from '../one-thread-hub.ts';

export type Route = 'mqttDevice' | 'mqttSubscriber' | 'mqttTcp';

export interface ClientOptions {
  readonly version?: 4 | 5;
  readonly route?: Route;
  /** Of CONNECT. */
  readonly connect?: Partial<IConnectPacket>;
}

export class Client {
  readonly hub: OneThreadHub;
  readonly socket: HubSocket<MqttPeer>;
  readonly version: 4 | 5;
  #messageId = 0;

  constructor(hub: OneThreadHub, socket: HubSocket<MqttPeer>, version: 4 | 5) {
    this.hub = hub;
    this.socket = socket;
    this.version = version;
  }

  /** A connection without a CONNECT. */
  static async open(
    hub: OneThreadHub,
    { version = 5, route = 'mqttTcp' }: ClientOptions = {},
  ): Promise<Client> {
    const socket = await hub.connect<MqttPeer>(route);
    if (!(socket instanceof HubSocket)) throw new Error(socket.message);
    return new Client(hub, socket, version);
  }

  /** A client that has said who it is, and what it was answered. */
  static async connect(
    hub: OneThreadHub,
    clientId: string,
    options: ClientOptions = {},
  ): Promise<{ client: Client; connack: Packet | undefined }> {
    const client = await Client.open(hub, options);
    client.sayConnect(clientId, options.connect);
    await hub.settle();
    const [connack, ...rest] = client.said();
    client.#early.push(...rest);
    return { client, connack };
  }

  /** A client that is let in. */
  static async in(hub: OneThreadHub, clientId: string, options: ClientOptions = {}): Promise<Client> {
    const { client, connack } = await Client.connect(hub, clientId, options);
    const code = connack?.cmd === 'connack' ? (connack.reasonCode ?? connack.returnCode) : undefined;
    if (code !== 0) throw new Error(`${clientId} was not let in: ${code}`);
    return client;
  }

  readonly #early: Packet[] = [];

  sayConnect(clientId: string, more: Partial<IConnectPacket> = {}): void {
    const { version: protocolVersion } = this;
    this.send({
      ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion, clientId, clean: true, keepalive: 60 },
      ...more,
    });
  }

  send(packet: Packet): void {
    this.socket.receive(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  /** Packets since the last call. */
  said(): Packet[] {
    const parser = mqttPacket.parser({ protocolVersion: this.version });
    const packets = this.#early.splice(0);
    parser.on('packet', (packet) => packets.push(packet));
    parser.on('error', (error) => {
      throw error;
    });
    const bytes = this.socket.sent.splice(0).map((frame) => Buffer.from(frame as Buffer));
    if (parser.parse(Buffer.concat(bytes)) !== 0) throw new Error('half a packet');
    return packets;
  }

  /** Events since the last call, as `topic payload`, `!` in front where the retain flag is set. */
  events(): string[] {
    return this.said().map((packet) => {
      if (packet.cmd !== 'publish') return packet.cmd;
      return `${packet.retain ? '!' : ''}${packet.topic} ${packet.payload}`;
    });
  }

  /** @returns the packet's id */
  publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2 = 0): number {
    const messageId = ++this.#messageId;
    this.send({ cmd: 'publish', topic, payload, qos, messageId, dup: false, retain: false });
    return messageId;
  }

  /** @returns what was granted */
  async subscribe(...filters: readonly string[]): Promise<number[]> {
    const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
    this.send({ cmd: 'subscribe', messageId: ++this.#messageId, subscriptions });
    await this.hub.settle();
    const said = this.said();
    const at = said.findIndex(({ cmd }) => cmd === 'suback');
    this.#early.push(...said.filter((_, i) => i !== at));
    return (said[at] as { granted?: number[] } | undefined)?.granted ?? [];
  }

  async unsubscribe(...unsubscriptions: string[]): Promise<void> {
    this.send({ cmd: 'unsubscribe', messageId: ++this.#messageId, unsubscriptions });
    await this.hub.settle();
  }

  /** A goodbye. */
  disconnect(): void {
    this.send({ cmd: 'disconnect', reasonCode: 0 });
  }
}
