/** The devices that an MQTT gateway speaks for: each has a session of its own from its first event on. */
import { type CloseEntry, errors } from '../../codes.ts';
import type { RolesDeps } from './roles.ts';
import { MqttDeviceSession } from './sessions.ts';

export class MqttGatewayDevices {
  readonly #deps: Pick<RolesDeps, 'edge' | 'client' | 'admitted' | 'enter'>;
  /** By id. */
  readonly #devices = new Map<string, MqttDeviceSession>();
  /** Connected elsewhere, or ended by an operator: they are not taken back while this connection lasts. */
  readonly #taken = new Set<string>();

  constructor(deps: Pick<RolesDeps, 'edge' | 'client' | 'admitted' | 'enter'>) {
    this.#deps = deps;
  }

  get(id: string): MqttDeviceSession | undefined {
    return this.#devices.get(id);
  }

  /** @returns the device's new session; the code of an error where it was taken from the gateway, or is one too many */
  connect(id: string): MqttDeviceSession | number {
    if (this.#taken.has(id)) return errors.denied.code;
    if (this.#devices.size >= this.#deps.edge.settings.maxDevicesPerGateway) return errors.limit.code;
    const { edge, client, admitted, enter } = this.#deps;
    const actor = { role: 'device', id, devices: undefined, vip: false } as const;
    const device = new MqttDeviceSession(
      { ...admitted, actor },
      edge.nextSession(),
      edge.clock.wallNow(),
      client,
      admitted.actor.id,
    );
    this.#devices.set(id, device);
    enter(device);
    return device;
  }

  all(): Iterable<MqttDeviceSession> {
    return this.#devices.values();
  }

  /** The device is another's, or gone. */
  close(device: MqttDeviceSession, { code }: CloseEntry): void {
    if (!this.#devices.delete(device.id)) return;
    this.#taken.add(device.id);
    this.#deps.edge.leave(device, code, false);
    if (!device.welcomed) this.#deps.client.welcomed(); // it never will be
  }
}
