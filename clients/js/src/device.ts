/** A device with a connection of its own. */
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import type { EventTypeName } from './frames.ts';
import { bytesOf, type EventFields, EventLine, type EventOptions, Sender } from './sender.ts';

export interface DeviceOptions extends ConnectOptions {
  /** Bytes that may wait in the WebSocket to be sent; an event beyond it is refused. Default 1 MiB. */
  readonly sendBufferBytes?: number;
  /** true: the hub tells whether anybody listens, as `interest`. */
  readonly interest?: boolean;
}

export interface DeviceEvents extends ConnectionEvents {
  /** Whether anybody listens now. */
  interest: boolean;
}

/**
 * Connects as a device, and again whenever the connection is lost. Returns at once; what is sent before there is a
 * connection waits for it.
 * @throws TypeError when an option is not what it should be, or there is no WebSocket to use
 */
export function connectDevice(options: DeviceOptions): Device {
  return new Device(options);
}

export class Device extends Sender<DeviceEvents> {
  readonly #connection: Connection;
  readonly #line: EventLine;

  /** Use `connectDevice`. */
  constructor(options: DeviceOptions) {
    super();
    this.#connection = new Connection(options, {
      path: '/v1/device',
      query: options.interest ? { interest: 'true' } : {},
      sendBufferBytes: options.sendBufferBytes,
      received: (frame) => {
        if (frame.op === 'interest') this.emit('interest', frame.active);
      },
      changed: (state) => this.emit('state', state),
      failed: (error) => this.emit('error', error),
      // Followers see the pong, so it is sent only where no event of the application's can do its work.
      probe: () => this.#line.probe(() => void this.pong(undefined, { ack: true })),
    });
    this.#line = new EventLine(this.#connection);
  }

  get connection(): ConnectionState {
    return this.#connection.current;
  }

  /** That of `connection`. */
  get state(): ConnectionState['state'] {
    return this.connection.state;
  }

  /**
   * Says goodbye: the hub calls the device offline at once. What waits is sent and acknowledged first, in at most
   * `requestTimeoutMs`; a second call does not wait for it. Resolves when the connection is closed.
   */
  close(): Promise<void> {
    return this.#connection.close('finish');
  }

  /** @internal */
  protected override send(
    type: EventTypeName,
    fields: EventFields,
    { priority, ack }: EventOptions = {},
  ): Promise<unknown> {
    const bytes = fields.status === undefined ? bytesOf(fields.data) : undefined;
    if (bytes === undefined) return this.#line.json({ type, ...fields, priority }, ack);
    if (ack) throw new TypeError('ack: bytes are given; only JSON can be acknowledged');
    return this.#line.bytes(type, bytes, priority);
  }
}
