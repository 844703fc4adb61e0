/** Devices and gateways on the edge of a `FakeThread`, whose owner is played by the test. No assertions. */
import { DeviceSession } from '../../src/edge/publish/device-session.ts';
import { GatewaySession } from '../../src/edge/publish/gateway-session.ts';
import type { Connection } from '../../src/transport/transport.ts';
import { jsonDeviceCodec, jsonGatewayCodec } from '../../src/wire/hub-frames.ts';
import type { Frame } from '../support/frames.ts';
import type { FakeThread } from './deliver/fake-thread.ts';

/** Where they come from, as admission counts it. */
export const ADDRESS = 5;

/** A connection that is a list of frames. */
class Wire<S extends DeviceSession | GatewaySession> {
  readonly session: S;
  readonly transport = 'websocket';
  readonly remoteAddress = '192.0.2.7';
  readonly frames: Frame[] = [];
  pings = 0;
  closeCode: number | undefined;

  constructor(session: S) {
    this.session = session;
  }

  send(frame: string | Uint8Array): void {
    this.frames.push(JSON.parse(frame as string) as Frame);
  }

  ping(): void {
    this.pings += 1;
  }

  close(code: number): void {
    this.closeCode = code;
  }
}

export type FakeDevice = Wire<DeviceSession>;
export type FakeGateway = Wire<GatewaySession>;

export interface PeerOptions {
  readonly id?: string;
  readonly wantsInterest?: boolean;
  readonly idIsGenerated?: boolean;
  readonly expiresAt?: number;
}

const admittedAs = (
  role: 'device' | 'gateway',
  { id = `${role}-1`, idIsGenerated = false, expiresAt = 0 }: PeerOptions,
) => {
  const actor = { role, id, devices: undefined, vip: false };
  return { ok: true, actor, idIsGenerated, address: ADDRESS, expiresAt } as const;
};

/** A device that is connected and not welcomed yet. */
export function openDevice({ edge }: FakeThread, options: PeerOptions = {}): FakeDevice {
  const session = new DeviceSession(admittedAs('device', options), edge.nextSession(), edge.clock.wallNow(), {
    codec: jsonDeviceCodec,
    wantsInterest: options.wantsInterest ?? false,
  });
  return open(edge, new Wire(session));
}

/** A gateway that is connected and not welcomed yet. */
export function openGateway({ edge }: FakeThread, options: PeerOptions = {}): FakeGateway {
  const session = new GatewaySession(
    admittedAs('gateway', options),
    edge.nextSession(),
    edge.clock.wallNow(),
    { codec: jsonGatewayCodec, wantsInterest: options.wantsInterest ?? false },
  );
  return open(edge, new Wire(session));
}

function open<S extends DeviceSession | GatewaySession>(edge: FakeThread['edge'], wire: Wire<S>): Wire<S> {
  edge.open(wire.session, wire as unknown as Connection<S>);
  return wire;
}

/** The owner lets the peer in. @param slot of its row */
export function welcome(thread: FakeThread, { session }: FakeDevice | FakeGateway, slot = 0): void {
  thread.link.joined(session.number, slot);
  thread.link.flush();
  thread.poll();
}
