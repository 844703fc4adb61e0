/**
 * A device that a gateway speaks for. To the owner it is a device like any other, with its own session number; what it
 * is sent goes to the gateway.
 */
import type { CloseEntry } from '../../codes.ts';
import type { Frame } from '../../wire/codec.ts';
import { DeviceSession } from './device-session.ts';
import type { GatewaySession } from './gateway-session.ts';

/** A part of `GatewayDevices`. */
export interface GatewayHost {
  /** The device is taken from its gateway. */
  taken(device: GatewayDevice, code: number): void;
}

export class GatewayDevice extends DeviceSession {
  readonly gateway: GatewaySession;
  readonly #host: GatewayHost;
  /** It has left; records on their way to it still arrive. */
  hasLeft = false;
  /** Joins and leaves that the owner has not answered yet. `GatewayDevices` counts them. */
  unanswered = 0;

  constructor(gateway: GatewaySession, id: string, number: number, connectedAt: number, host: GatewayHost) {
    const { address, devicesWantInterest: wantsInterest } = gateway;
    const actor = { role: 'device', id, devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address, expiresAt: 0 } as const;
    super(admitted, number, connectedAt, { codec: gateway.codec.device(id), wantsInterest });
    this.gateway = gateway;
    this.#host = host;
  }

  override get gatewayId(): string {
    return this.gateway.id;
  }

  override get silenceMsMin(): number {
    return this.gateway.silenceMsMin;
  }

  protected override put(frame: Frame): void {
    this.gateway.send(frame);
  }

  override cork(body: () => void): void {
    this.gateway.cork(body);
  }

  override get bufferedBytes(): number {
    return this.gateway.bufferedBytes;
  }

  /** The gateway's socket is pinged, not its devices. */
  override ping(): void {}

  /** The gateway no longer speaks for it. */
  override close({ code }: CloseEntry): void {
    this.closing = true;
    this.#host.taken(this, code);
  }

  override terminate(): void {}
}
