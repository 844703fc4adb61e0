/** `/v1/gateway`: gateways that speak the hub's own protocol. */

import type { Upgrades } from '../../access/upgrades.ts';
import { errors } from '../../codes.ts';
import type {
  Connection,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../../transport/transport.ts';
import { createGatewayFrame, type GatewayFrame, parseGatewayText } from '../../wire/device-frames.ts';
import { jsonGatewayCodec } from '../../wire/hub-frames.ts';
import type { Edge } from '../edge.ts';
import type { GatewayDevice } from './gateway-device.ts';
import { GatewaySession } from './gateway-session.ts';
import { CONNECT_COST, type Silenced, silencedProblems, type Why } from './gateways.ts';
import { ackIdOf } from './publisher.ts';
import { routeOf, upgrade } from './upgrading.ts';

const GATEWAY_PATH = '/v1/gateway';

/** What a bad frame costs its gateway. */
const BAD_COST = 1;
const unknownOp = ({ unknownOp: shown }: GatewayFrame): Why => ({
  code: errors.unknownOp.code,
  message: `unknown op: ${shown}; expected "open" or "close", or none in an event`,
  cost: BAD_COST,
});
const badRequest = { code: errors.badRequest.code, cost: BAD_COST } as const;

type GatewayConnection = Connection<GatewaySession>;

export class GatewayRoute implements ListenerHandlers<GatewaySession> {
  readonly #edge: Edge;
  readonly #upgrades: Upgrades;
  readonly #frame = createGatewayFrame();

  constructor(edge: Edge, upgrades: Upgrades) {
    this.#edge = edge;
    this.#upgrades = upgrades;
  }

  route(): Route<GatewaySession> {
    return routeOf(GATEWAY_PATH, this.#edge, this);
  }

  upgrade(request: UpgradeRequest): UpgradeAnswer<GatewaySession> | Promise<UpgradeAnswer<GatewaySession>> {
    return upgrade(request, {
      edge: this.#edge,
      upgrades: this.#upgrades,
      make: (admitted, number, connectedAt, wantsInterest) =>
        new GatewaySession(admitted, number, connectedAt, { codec: jsonGatewayCodec, wantsInterest }),
    });
  }

  open(connection: GatewayConnection): void {
    this.#edge.open(connection.session, connection);
  }

  message({ session }: GatewayConnection, bytes: Uint8Array, binary: boolean): void {
    const edge = this.#edge;
    const now = edge.clock.now();
    if (!edge.accepts(session, bytes.length, now)) return;
    session.aliveAt = Math.floor(now);
    if (binary) {
      this.#refuse(session, { ...badRequest, message: 'a gateway sends text frames only' }, now);
      return;
    }
    const frame = this.#frame;
    const problem = parseGatewayText(bytes, frame);
    const device = session.devices.get(frame.device);
    if (device !== undefined) this.#ofConnected(device, bytes, problem, now);
    else this.#ofOther(session, bytes, problem, now);
  }

  /** A frame of a device that the gateway speaks for: handled like one that a device sends itself. */
  #ofConnected(device: GatewayDevice, bytes: Uint8Array, problem: string | undefined, now: number): void {
    const edge = this.#edge;
    const frame = this.#frame;
    edge.publisher.heard(device, now);
    const isInTime = edge.charge(device, 1, now);
    if (problem === undefined && frame.op === 'close') {
      edge.gateways.goodbye(device); // over the rate, too: it costs less than a device that stays
    } else if (!isInTime) {
      edge.refuseOverRate(device, 1, ackIdOf(bytes, frame), now);
    } else if (problem !== undefined) {
      edge.refuse(device, { code: errors.badRequest.code, message: problem, id: ackIdOf(bytes, frame) });
    } else if (frame.op === undefined) {
      const { code, message } = unknownOp(frame);
      edge.refuse(device, { code, message, id: ackIdOf(bytes, frame) });
    } else if (frame.op === '') {
      edge.publisher.event(device, bytes, frame, now);
    }
  }

  /** A frame of a device that the gateway does not speak for yet, or no longer, or a frame without a device. */
  #ofOther(gateway: GatewaySession, bytes: Uint8Array, problem: string | undefined, now: number): void {
    const edge = this.#edge;
    const frame = this.#frame;
    const { device: id, op } = frame;
    const opens = op === 'open';
    // First whether it may speak for the device at all, whatever it says of it.
    const silenced = id === '' ? undefined : edge.gateways.silenced(gateway, id, opens);
    if (silenced !== undefined) {
      this.#silence(gateway, silenced, bytes, now);
    } else if (problem !== undefined || op === undefined) {
      const why = problem === undefined ? unknownOp(frame) : { ...badRequest, message: problem };
      this.#refuse(gateway, why, now, bytes);
    } else if (op === 'close') {
      edge.charge(gateway, 1, now); // the goodbye of a device that is not there
    } else {
      const spoken = edge.gateways.speak(gateway, id, now, opens);
      if (typeof spoken === 'object') this.#ofConnected(spoken, bytes, undefined, now);
      else this.#silence(gateway, spoken, bytes, now);
    }
  }

  #silence(gateway: GatewaySession, why: Silenced, bytes: Uint8Array, now: number): void {
    const { device } = this.#frame;
    if (why !== 'overRate') {
      this.#refuse(gateway, silencedProblems[why], now, bytes);
      return;
    }
    const codec = gateway.codec.device(device);
    this.#edge.refuseOverRate(gateway, CONNECT_COST, ackIdOf(bytes, this.#frame), now, codec);
  }

  /** Refuses a frame that no device pays for. @param bytes of a text frame, which `this.#frame` has the ranges of */
  #refuse(gateway: GatewaySession, { cost, ...why }: Why, now: number, bytes?: Uint8Array): void {
    const edge = this.#edge;
    const device = bytes === undefined ? '' : this.#frame.device;
    const id = bytes === undefined ? '' : ackIdOf(bytes, this.#frame);
    const codec = device === '' ? gateway.codec : gateway.codec.device(device);
    if (edge.charge(gateway, cost, now)) edge.refuse(gateway, { ...why, id }, codec);
    else edge.refuseOverRate(gateway, cost, id, now, codec);
  }

  controlPong({ session }: GatewayConnection): void {
    session.aliveAt = Math.floor(this.#edge.clock.now());
  }

  controlPing({ session }: GatewayConnection): void {
    if (session.closing) return;
    const now = this.#edge.clock.now();
    session.aliveAt = Math.floor(now);
    this.#edge.charge(session, 1, now);
  }

  writable(): void {}

  /** A gateway that does not read its acks loses them; that a device was taken from it, it learns from error 103. */
  dropped(): void {}

  closing({ session }: GatewayConnection): void {
    this.#edge.closing(session);
  }

  /** Its devices are lost, however it goes: it says goodbye for each that leaves for good. */
  close({ session }: GatewayConnection, code: number): void {
    this.#edge.close(session, code, false);
  }
}
