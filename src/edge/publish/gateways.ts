/**
 * The devices behind the gateways of one edge. Each is a session of its own: the owner takes it over, numbers its events
 * and calls it stale or offline like any other. Knows no protocol: whoever parses a gateway's frames asks here which
 * session speaks for a device, and publishes through that.
 */
import { authorize } from '../../access/actor.ts';
import type { Clock } from '../../clock.ts';
import { errors } from '../../codes.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import { COST_PER_DEVICE } from '../allowance.ts';
import { type Pauses, pauses } from '../in-turns.ts';
import type { OwnerLine } from '../owner-line.ts';
import { joinOf } from '../session.ts';
import type { DeviceSession } from './device-session.ts';
import type { GatewayDevice } from './gateway-device.ts';
import type { GatewaySession } from './gateway-session.ts';

export interface GatewaySettings {
  /** Devices that one gateway may speak for at once. */
  readonly maxDevicesPerGateway: number;
}

export interface GatewayDevicesDeps {
  readonly line: OwnerLine;
  readonly clock: Clock;
  readonly settings: GatewaySettings;
  /** @returns a number for a further session */
  readonly nextSession: () => number;
  /**
   * Takes the cost of a device's connection from its gateway's allowance. @returns false if the allowance does not
   * cover it
   */
  readonly chargeConnect: (gateway: GatewaySession, now: number) => boolean;
  readonly counters: Counters;
  /** The session has ended. */
  readonly ended: (device: DeviceSession) => void;
  readonly pauses?: Pauses;
}

/** Why a gateway may not speak for a device. `overRate`: not now. */
export type Silenced = 'notCovered' | 'taken' | 'tooMany' | 'overRate';

/** What the connection of a device costs its gateway, in addition to the frame, which the device pays for. */
export const CONNECT_COST = COST_PER_DEVICE;

/** What a gateway is told of a frame that no device pays for, and what the frame costs it. */
export interface Why {
  readonly code: number;
  readonly message: string;
  readonly cost: number;
}

/** A gateway may not know yet that it has lost a device, or too many: such frames cost little. */
export const silencedProblems: Readonly<Record<Exclude<Silenced, 'overRate'>, Why>> = {
  notCovered: { code: errors.denied.code, message: 'the gateway may not speak for this device', cost: 1 },
  taken: {
    code: errors.denied.code,
    message: 'the device was taken from this gateway; {"op":"open"} takes it back',
    cost: COST_PER_DEVICE,
  },
  tooMany: {
    code: errors.limit.code,
    message: 'more devices than one gateway may have (DAT_MAX_DEVICES_PER_GATEWAY)',
    cost: COST_PER_DEVICE,
  },
};

/** Devices that leave in one turn: a few hundred microseconds, so that no socket waits for ten thousand. */
const LEAVES_PER_TURN = 250;
/**
 * Joins and leaves that the owner may have unanswered. Beyond that gateways wait, because everything else in the ring
 * queues behind them.
 */
export const UNANSWERED_MAX = 256;
/** If the owner has answered none of them for this long, something else delays it, and gateways continue. */
export const HELD_MS_MAX = 100;

export class GatewayDevices {
  readonly #deps: GatewayDevicesDeps;
  /** By number: devices that are spoken for, and those whose end the owner has not processed yet. */
  readonly #sessions = new Map<number, GatewayDevice>();
  /** Of gateways that have ended: their devices, who leave a few at a time. */
  readonly #leaving: Iterator<GatewayDevice>[] = [];
  /** Joins and leaves that the owner has not answered, and when it last answered one or had none to answer, ms. */
  #unanswered = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: GatewayDevicesDeps) {
    this.#deps = deps;
  }

  /** Devices that have joined, or are about to. */
  get connected(): readonly GatewayDevice[] {
    return [...this.#sessions.values()].filter(({ hasLeft, gateway }) => !hasLeft && !gateway.closing);
  }

  /** Whether the owner is busy with these devices, so that no more may join or leave for now. */
  get isHeld(): boolean {
    return this.#unanswered >= UNANSWERED_MAX && this.#deps.clock.now() - this.#answeredAtMs < HELD_MS_MAX;
  }

  /** @returns undefined when no device has the number */
  find(number: number): GatewayDevice | undefined {
    return this.#sessions.get(number);
  }

  /**
   * The device's session, which is made where the gateway does not speak for the device yet.
   * @param opens whether the gateway asks for the device, though it was taken from it
   */
  speak(gateway: GatewaySession, id: string, now: number, opens = false): GatewayDevice | Silenced {
    const device = gateway.devices.get(id);
    if (device !== undefined) return device;
    const silenced = this.silenced(gateway, id, opens);
    if (silenced !== undefined) return silenced;
    if (gateway.devices.size >= this.#deps.settings.maxDevicesPerGateway) return 'tooMany';
    return this.#deps.chargeConnect(gateway, now) ? this.#connect(gateway, id, now) : 'overRate';
  }

  /** @returns why the gateway may not speak for the device, as far as that is not a matter of room */
  silenced(gateway: GatewaySession, id: string, opens = false): Silenced | undefined {
    if (authorize(gateway.actor, { kind: 'speakFor', device: id }) !== 'allowed') return 'notCovered';
    return gateway.isTaken(id) && !opens ? 'taken' : undefined;
  }

  #connect(gateway: GatewaySession, id: string, now: number): GatewayDevice {
    const { clock, nextSession, line } = this.#deps;
    const device = gateway.makeDevice(id, nextSession(), clock.wallNow(), this);
    device.aliveAt = Math.floor(now);
    gateway.giveBack(id);
    gateway.devices.set(id, device);
    this.#sessions.set(device.number, device);
    this.#deps.counters.add(Counter.gatewayDevices);
    this.#asks(device);
    device.ticket = line.join(joinOf(device, false));
    return device;
  }

  /** The owner has admitted the device. Does nothing for other sessions. */
  joined(number: number): void {
    const device = this.#sessions.get(number);
    if (device !== undefined) this.#answered(device, Math.min(1, device.unanswered));
  }

  /** The device says goodbye. */
  goodbye(device: GatewayDevice): void {
    device.gateway.devices.delete(device.id);
    this.#leave(device, true);
  }

  /** The device is taken from its gateway, by the owner or for what it did here. */
  taken(device: GatewayDevice, code: number): void {
    const { gateway, id } = device;
    if (device.hasLeft) return;
    this.#leave(device, false);
    if (!gateway.closing) gateway.take(id, code);
  }

  /** The gateway has ended: its devices are lost. A second call does nothing. */
  end(gateway: GatewaySession): void {
    const { devices } = gateway;
    if (devices.size === 0) return;
    gateway.devices = new Map();
    this.#leaving.push(devices.values());
    if (this.#leaving.length === 1) this.#soon();
  }

  /** The owner has processed the end of a device. */
  left(number: number): void {
    const device = this.#sessions.get(number);
    if (device === undefined) return;
    this.#answered(device, device.unanswered);
    this.#sessions.delete(number);
  }

  #asks(device: GatewayDevice): void {
    if (this.#unanswered === 0) this.#answeredAtMs = this.#deps.clock.now();
    this.#unanswered += 1;
    device.unanswered += 1;
  }

  #answered(device: GatewayDevice, count: number): void {
    if (count === 0) return;
    device.unanswered -= count;
    this.#unanswered -= count;
    this.#answeredAtMs = this.#deps.clock.now();
  }

  /** A new owner asks for this edge's sessions: it does not know those that have left. */
  rejoin(): void {
    this.#unanswered = 0;
    for (const device of this.#sessions.values()) {
      device.unanswered = 0;
      if (device.hasLeft) this.#sessions.delete(device.number);
      else if (!device.gateway.closing) this.#deps.line.join(joinOf(device, device.welcomed), device.ticket);
    }
  }

  #leave(device: GatewayDevice, clean: boolean): void {
    const { line, counters, ended } = this.#deps;
    device.hasLeft = true;
    counters.add(Counter.gatewayDevices, -1);
    ended(device);
    this.#asks(device);
    line.leave(device.number, clean, true);
  }

  #soon(): void {
    const { soon, later } = this.#deps.pauses ?? pauses;
    const wait = this.isHeld ? later : soon;
    wait(() => this.#leaveSome());
  }

  #leaveSome(): void {
    for (let left = 0; left < LEAVES_PER_TURN && !this.isHeld; left++) {
      const [devices] = this.#leaving;
      const next = devices?.next();
      if (next === undefined) return;
      if (next.done) this.#leaving.shift();
      else if (!next.value.hasLeft) this.#leave(next.value, false);
    }
    this.#soon();
  }
}
