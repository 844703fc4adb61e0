/** A gateway's session: one connection that speaks for many devices, whatever its protocol. */
import type { Actor } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import { SessionKind } from '../../records/requests.ts';
import type { GatewayCodec } from '../../wire/codec.ts';
import { Session } from '../session.ts';
import { GatewayDevice, type GatewayHost } from './gateway-device.ts';

/** How many taken devices are remembered per gateway; beyond that, the oldest are forgotten, because devices roam. */
const TAKEN_MAX = 10_000;

export class GatewaySession extends Session {
  readonly kind = SessionKind.gateway;
  readonly codec: GatewayCodec;
  readonly actor: Actor;
  /** Whether its devices want to know if anybody listens. */
  readonly devicesWantInterest: boolean;
  /** Those that it speaks for now, by id. */
  devices = new Map<string, GatewayDevice>();
  /** Devices that were taken from it, until it opens them again. */
  readonly #taken = new Set<string>();

  constructor(
    admitted: Admitted,
    number: number,
    connectedAt: number,
    { codec, wantsInterest }: { readonly codec: GatewayCodec; readonly wantsInterest: boolean },
  ) {
    super(admitted, number, connectedAt);
    this.actor = admitted.actor;
    this.codec = codec;
    this.devicesWantInterest = wantsInterest;
  }

  /** The session of a device that it does not speak for yet. */
  makeDevice(id: string, number: number, connectedAt: number, host: GatewayHost): GatewayDevice {
    return new GatewayDevice(this, id, number, connectedAt, host);
  }

  isTaken(device: string): boolean {
    return this.#taken.has(device);
  }

  /** It no longer speaks for the device, and is told why. @param code one of `closes` */
  take(device: string, code: number): void {
    this.devices.delete(device);
    this.#taken.add(device);
    if (this.#taken.size > TAKEN_MAX) this.#taken.delete(this.#taken.values().next().value!);
    this.send(this.codec.closed(device, code));
  }

  /** It may speak for the device again. */
  giveBack(device: string): void {
    this.#taken.delete(device);
  }
}
