/** The devices that an MQTT gateway speaks for: each has a session of its own from its first event on. */
import type { Admitted } from '../../access/admission.ts';
import type { CloseEntry } from '../../codes.ts';
import { GATEWAY_DEVICES_MAX } from '../../limits.ts';
import type { PublishedWill } from '../../wire/mqtt/host.ts';
import type { MqttPeersDeps } from './peers.ts';
import { type Client, MqttDeviceSession } from './sessions.ts';

export interface GatewayClient extends Client {
  enterDevice(device: MqttDeviceSession): void;
  sayWill(device: MqttDeviceSession, will: PublishedWill): void;
}

export class MqttGatewayDevices {
  readonly #client: GatewayClient;
  readonly #deps: MqttPeersDeps;
  readonly #admitted: Admitted;
  /** By id. */
  readonly #devices = new Map<string, MqttDeviceSession>();
  /** Connected elsewhere, or ended by an operator: they are not taken back while this connection lasts. */
  readonly #taken = new Set<string>();

  constructor(client: GatewayClient, deps: MqttPeersDeps, admitted: Admitted) {
    this.#client = client;
    this.#deps = deps;
    this.#admitted = admitted;
  }

  /** @returns the device's session; undefined where the gateway may not speak for it any more, or for no more devices */
  of(id: string): MqttDeviceSession | undefined {
    const known = this.#devices.get(id);
    if (known !== undefined) return known;
    if (this.#taken.has(id) || this.#devices.size >= GATEWAY_DEVICES_MAX) return undefined;
    const { edge } = this.#deps;
    const admitted = this.#admitted;
    const actor = { role: 'device', id, devices: undefined, vip: false } as const;
    const device = new MqttDeviceSession(
      { ...admitted, actor },
      edge.nextSession(),
      edge.clock.wallNow(),
      this.#client,
    );
    this.#devices.set(id, device);
    this.#client.enterDevice(device);
    return device;
  }

  /** The gateway's will: what is published of one of its devices. */
  will(will: PublishedWill): void {
    const device = this.of(will.device);
    if (device !== undefined) this.#client.sayWill(device, will);
  }

  all(): Iterable<MqttDeviceSession> {
    return this.#devices.values();
  }

  /** The device is another's, or gone. */
  close(device: MqttDeviceSession, { code }: CloseEntry): void {
    if (!this.#devices.delete(device.id)) return;
    this.#taken.add(device.id);
    this.#deps.edge.leave(device, code, false);
    if (!device.welcomed) this.#client.welcomed(); // it never will be
  }
}
