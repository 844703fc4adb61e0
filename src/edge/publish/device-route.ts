/** `/v1/device`: devices that speak the hub's own protocol. */

import type { Upgrades } from '../../access/upgrades.ts';
import { errors } from '../../codes.ts';
import type {
  Connection,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../../transport/transport.ts';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../../wire/device-frames.ts';
import { jsonDeviceCodec } from '../../wire/hub-frames.ts';
import { isGoodbye } from '../close-by-code.ts';
import type { Edge } from '../edge.ts';
import { DeviceSession } from './device-session.ts';
import { ackIdOf } from './publisher.ts';
import { routeOf, upgrade } from './upgrading.ts';

const DEVICE_PATH = '/v1/device';

type DeviceConnection = Connection<DeviceSession>;

export class DeviceRoute implements ListenerHandlers<DeviceSession> {
  readonly #edge: Edge;
  readonly #upgrades: Upgrades;
  readonly #frame = createDeviceFrame();

  constructor(edge: Edge, upgrades: Upgrades) {
    this.#edge = edge;
    this.#upgrades = upgrades;
  }

  route(): Route<DeviceSession> {
    return routeOf(DEVICE_PATH, this.#edge, this);
  }

  upgrade(request: UpgradeRequest): UpgradeAnswer<DeviceSession> | Promise<UpgradeAnswer<DeviceSession>> {
    return upgrade(request, {
      edge: this.#edge,
      upgrades: this.#upgrades,
      make: (admitted, number, connectedAt, wantsInterest) =>
        new DeviceSession(admitted, number, connectedAt, { codec: jsonDeviceCodec, wantsInterest }),
    });
  }

  open(connection: DeviceConnection): void {
    this.#edge.open(connection.session, connection);
  }

  message({ session }: DeviceConnection, bytes: Uint8Array, binary: boolean): void {
    const edge = this.#edge;
    const now = edge.clock.now();
    if (!edge.accepts(session, bytes.length, now)) return;
    edge.publisher.heard(session, now);
    const frame = this.#frame;
    const problem = binary ? parseDeviceBinary(bytes, frame) : parseDeviceText(bytes, frame);
    const isInTime = edge.charge(session, 1, now);
    if (!isInTime) {
      edge.refuseOverRate(session, 1, ackIdOf(bytes, frame), now);
    } else if (problem !== undefined) {
      edge.refuse(session, { code: errors.badRequest.code, message: problem, id: ackIdOf(bytes, frame) });
    } else {
      edge.publisher.event(session, bytes, frame, now);
    }
  }

  controlPong({ session }: DeviceConnection): void {
    if (!session.closing) this.#edge.publisher.heard(session, this.#edge.clock.now());
  }

  controlPing({ session }: DeviceConnection): void {
    if (session.closing) return;
    const now = this.#edge.clock.now();
    this.#edge.publisher.heard(session, now);
    this.#edge.charge(session, 1, now);
  }

  writable(): void {}

  /** A device that does not read its acks loses them: it learns from the next one, or from its own silence. */
  dropped(): void {}

  closing(): void {}

  close({ session }: DeviceConnection, code: number): void {
    this.#edge.close(session, code, isGoodbye(code));
  }
}
