/**
 * An MQTT gateway in the hub: it takes over ids, pays for its devices and loses them like a gateway of the hub's own
 * protocol. MQTT has no messages for what a gateway is told.
 */
import type { Admitted } from '../../access/admission.ts';
import { type CloseEntry, closes } from '../../codes.ts';
import type { DeviceCodec, GatewayCodec } from '../../wire/codec.ts';
import { GatewayDevice, type GatewayHost } from '../publish/gateway-device.ts';
import { GatewaySession } from '../publish/gateway-session.ts';
import type { Closable } from '../session.ts';
import { packetIdOf, type SessionsClient } from './sessions.ts';

const silent = { welcome: () => undefined, problem: () => undefined, draining: () => undefined } as const;
const deviceCodec: DeviceCodec = { ...silent, ack: () => undefined, interest: () => undefined };
const codec: GatewayCodec = { ...silent, device: () => deviceCodec, closed: () => undefined };

/** Other protocols say `open` later; here the device's next PUBLISH does. */
const comesBack: ReadonlySet<number> = new Set([closes.overCapacity.code, closes.rateLimit.code]);

export class MqttGatewaySession extends GatewaySession {
  readonly client: SessionsClient;

  constructor(admitted: Admitted, number: number, connectedAt: number, client: SessionsClient) {
    super(admitted, number, connectedAt, { codec, wantsInterest: false });
    this.client = client;
  }

  /** For its devices: keep-alive bounds how long they are silent. */
  override get silenceMsMin(): number {
    return this.client.silenceMsMin;
  }

  override get closable(): Closable {
    return this.client;
  }

  override makeDevice(id: string, number: number, connectedAt: number, host: GatewayHost): GatewayDevice {
    return new MqttGatewayDevice(this, id, number, connectedAt, host);
  }

  override take(device: string, code: number): void {
    super.take(device, code);
    if (comesBack.has(code)) this.giveBack(device);
  }

  override welcome(slot: number): void {
    super.welcome(slot, undefined);
    this.client.welcomed();
  }

  override close(close: CloseEntry): void {
    this.client.close(close);
  }
}

class MqttGatewayDevice extends GatewayDevice {
  readonly #client: SessionsClient;

  constructor(
    gateway: MqttGatewaySession,
    id: string,
    number: number,
    connectedAt: number,
    host: GatewayHost,
  ) {
    super(gateway, id, number, connectedAt, host);
    this.#client = gateway.client;
  }

  override acked(id: Uint8Array, _seq: number, skipped: boolean): void {
    this.#client.published(packetIdOf(id), skipped);
  }

  override closedByOwner(close: CloseEntry): void {
    super.closedByOwner(close);
    this.#client.failUnanswered(this.number);
  }
}
