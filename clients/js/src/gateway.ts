/** A gateway: many devices on one connection. */
import { checkId } from './checks.ts';
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import { Emitter } from './emitter.ts';
import { TunnelError } from './errors.ts';
import type { EventTypeName } from './frames.ts';
import { handled } from './requests.ts';
import { bytesOf, type EventFields, EventLine, type EventOptions, Sender } from './sender.ts';

/** Options of a gateway. */
export type GatewayOptions = ConnectOptions;

/** The hub took a device from its gateway. 4004: it connected elsewhere; otherwise another close code. */
export interface GatewayClosure {
  readonly device: string;
  readonly code: number;
}

/** Events of a gateway. */
export interface GatewayEvents extends ConnectionEvents {
  closed: GatewayClosure;
}

/** Events of a gateway's device. */
export interface GatewayDeviceEvents {
  closed: GatewayClosure;
  /** An error from the hub about this device that answers no request. The gateway emits it too. */
  error: TunnelError;
}

/**
 * Connects as a gateway, and reconnects whenever the connection is lost. Returns at once; events that are sent before
 * there is a connection wait for it.
 * @throws TypeError when an option is wrong, or there is no WebSocket to use
 */
export function connectGateway(options: GatewayOptions): Gateway {
  return new Gateway(options);
}

/** Many devices on one connection. Created by `connectGateway`. */
export class Gateway extends Emitter<GatewayEvents> {
  readonly #connection: Connection;
  readonly #line: EventLine;
  /** Connected devices, and those that were taken away. */
  readonly #devices = new Map<string, GatewayDevice>();

  /** Use `connectGateway`. */
  constructor(options: GatewayOptions) {
    super();
    this.#connection = new Connection(options, {
      path: '/v1/gateway',
      // After a reconnect within the leave grace, nobody notices that the devices were gone. What was opened before the
      // first connection may have given up waiting for it.
      welcomed: () => {
        for (const device of this.#devices.values()) device.reopen();
      },
      received: (frame) => {
        if (frame.op !== 'closed') return;
        const closure = { device: frame.device, code: frame.code };
        this.#devices.get(frame.device)?.takenAway(closure);
        this.emit('closed', closure);
      },
      changed: (state) => this.emit('state', state),
      failed: (error, frame) => {
        this.#devices.get(frame?.device ?? '')?.failed(error);
        this.emit('error', error);
      },
      // Any probe would count as activity of a device, so only an event can ask for an ack.
      probe: () => this.#line.probe(),
    });
    this.#line = new EventLine(this.#connection);
  }

  /** The current state of the connection; `state` events report changes. */
  get connection(): ConnectionState {
    return this.#connection.current;
  }

  /**
   * A device of this gateway. Its first event connects it. It stays connected, across reconnects too, until you close
   * it or the hub takes it away. While it is connected, the same id returns the same object.
   * @throws TypeError when `id` is malformed
   */
  device(id: string): GatewayDevice {
    checkId(id);
    return this.#devices.get(id) ?? new GatewayDevice(id, this.#devices, this.#connection, this.#line);
  }

  /**
   * Waits as `close` of a device does, then closes the connection. This is no goodbye for the devices: first close
   * those that leave for good.
   */
  close(): Promise<void> {
    return this.#connection.close('finish');
  }
}

/** A device that a gateway speaks for. Created by `Gateway.device`. */
export class GatewayDevice extends Sender<GatewayDeviceEvents> {
  readonly id: string;
  readonly #devices: Map<string, GatewayDevice>;
  readonly #connection: Connection;
  readonly #line: EventLine;
  /** Why the hub accepts no frames for this device. */
  #closed: TunnelError | undefined;

  /** Use `Gateway.device`. @internal */
  constructor(id: string, devices: Map<string, GatewayDevice>, connection: Connection, line: EventLine) {
    super();
    this.id = id;
    this.#devices = devices;
    this.#connection = connection;
    this.#line = line;
  }

  /** Connects it without an event. Takes it back if it connected elsewhere. Rejects with TunnelError. */
  open(): Promise<void> {
    this.#closed = undefined;
    this.#devices.set(this.id, this);
    return this.#tell('open');
  }

  /**
   * The device's goodbye: it is offline at once. Sends nothing if the hub took the device away. Rejects with
   * TunnelError.
   */
  close(): Promise<void> {
    if (this.#closed !== undefined) return Promise.resolve();
    this.#devices.delete(this.id);
    return this.#tell('close');
  }

  /** @internal */
  reopen(): void {
    if (this.#closed === undefined) void this.#tell('open');
  }

  /** @internal */
  takenAway(closure: GatewayClosure): void {
    this.#closed = new TunnelError('closed', `closed with ${closure.code}`, closure.code);
    this.#connection.requests.giveUp(this.id, this.#closed);
    this.emit('closed', closure);
  }

  /** @internal */
  failed(error: TunnelError): void {
    this.emit('error', error);
  }

  /** @internal */
  protected override send(
    type: EventTypeName,
    fields: EventFields,
    { priority, ack }: EventOptions = {},
  ): Promise<unknown> {
    if (fields.status === undefined && bytesOf(fields.data) !== undefined) {
      throw new TypeError('data: only JSON can be sent');
    }
    if (this.#closed !== undefined) return handled(Promise.reject(this.#closed));
    this.#devices.set(this.id, this);
    return this.#line.json({ type, device: this.id, ...fields, priority }, ack);
  }

  #tell(op: 'open' | 'close'): Promise<void> {
    return this.#connection.requests.tell(JSON.stringify({ op, device: this.id }));
  }
}
