/** A device's side: sends events, waits for their acknowledgement where asked to. */
import { EventType, Priority } from '../wire/events.ts';
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import { Emitter } from './emitter.ts';
import type { Ack, EventTypeName, PriorityName } from './frames.ts';
import { handled } from './requests.ts';

export interface DeviceOptions extends ConnectOptions {
  /** 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`. May be left out where a token names the device. */
  readonly id?: string;
  /** Bytes that may wait in the WebSocket to be sent; an event beyond it is refused. Default 1 MiB. */
  readonly sendBufferBytes?: number;
}

export interface EventOptions {
  /** Default: `high` for a status, `normal` for a message, `low` for a pong. */
  readonly priority?: PriorityName;
  /** true: wait for the hub's acknowledgement. */
  readonly ack?: boolean;
}

/** `EventOptions` of an event whose acknowledgement is waited for. */
export interface AckOptions extends EventOptions {
  readonly ack: true;
}

/** What goes with a status. */
export interface StatusData {
  /** Anything that JSON can express. */
  readonly data?: unknown;
}

/**
 * Connects as a device, and again whenever the connection is lost. Returns at once; what is sent before there is a
 * connection waits for it.
 * @throws TypeError when `url` is no URL, or there is no WebSocket to use
 */
export function connectDevice(options: DeviceOptions): Device {
  return new Device(options);
}

export class Device extends Emitter<ConnectionEvents> {
  readonly #connection: Connection;

  /** Use `connectDevice`. */
  constructor(options: DeviceOptions) {
    super();
    this.#connection = new Connection(options, {
      path: '/v1/device',
      id: options.id,
      protocols: [],
      query: {},
      sendBufferBytes: options.sendBufferBytes ?? 1024 * 1024,
      welcomed: () => {},
      received: () => {},
      receivedBinary: () => {},
      changed: (state) => this.emit('state', state),
      failed: (error) => this.emit('error', error),
      probe: () => {}, // a device has nothing to ask that would not be an event
    });
  }

  get state(): ConnectionState['state'] {
    return this.#connection.current.state;
  }

  /**
   * Broadcasts a message.
   *
   * With `ack: true` the promise resolves when the hub has it; else when it was handed to the WebSocket, which is no
   * proof that it arrives. It rejects with TunnelError; a rejection that nobody waits for does no harm.
   * @param data anything that JSON can express; or bytes, which go as they are and cannot be acknowledged
   * @throws TypeError when JSON cannot express `data`, or bytes are to be acknowledged
   */
  message(data: unknown, options: AckOptions): Promise<Ack>;
  message(data: unknown, options?: EventOptions): Promise<void>;
  message(data: unknown, options?: EventOptions): Promise<unknown> {
    return this.#send('message', data, options);
  }

  /** Says how the device is, which the hub remembers. @param status 1 to 64 characters */
  status(status: string, options: AckOptions & StatusData): Promise<Ack>;
  status(status: string, options?: EventOptions & StatusData): Promise<void>;
  status(status: string, options: EventOptions & StatusData = {}): Promise<unknown> {
    return this.#sendJson('status', { status, data: options.data }, options);
  }

  /** Broadcasts a sign of life. Otherwise as `message`. */
  pong(data: unknown, options: AckOptions): Promise<Ack>;
  pong(data?: unknown, options?: EventOptions): Promise<void>;
  pong(data?: unknown, options?: EventOptions): Promise<unknown> {
    return this.#send('pong', data, options);
  }

  /** Says goodbye: the hub calls the device offline at once. Resolves when the connection is closed. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #send(type: EventTypeName, data: unknown, options: EventOptions = {}): Promise<unknown> {
    const bytes = bytesOf(data);
    if (bytes === undefined) return this.#sendJson(type, { data }, options);
    if (options.ack) throw new TypeError('ack: bytes are given; only JSON can be acknowledged');
    const priority = options.priority === undefined ? 0 : Priority[options.priority];
    const frame = new Uint8Array(bytes.length + 1);
    frame[0] = (priority << 4) | EventType[type];
    frame.set(bytes, 1);
    return this.#connection.requests.tell(frame.buffer);
  }

  #sendJson(
    type: EventTypeName,
    members: { readonly data: unknown; readonly status?: string },
    { priority, ack }: EventOptions,
  ): Promise<unknown> {
    const { requests } = this.#connection;
    const frame = { type, ...members, priority };
    if (!ack) return requests.tell(JSON.stringify(frame));
    return handled(requests.ask(frame).then(({ seq = 0, skipped = false }) => ({ seq, skipped })));
  }
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return undefined;
}
