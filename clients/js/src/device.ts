/** A device with its own connection. */
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import type { EventTypeName } from './frames.ts';
import { bytesOf, type EventFields, EventLine, type EventOptions, Sender } from './sender.ts';

/** Options of a device. */
export interface DeviceOptions extends ConnectOptions {
  /** true: `interest` events say whether anybody listens. */
  readonly interest?: boolean;
}

/** Events of a device. */
export interface DeviceEvents extends ConnectionEvents {
  /** Whether anybody listens now. */
  interest: boolean;
}

/**
 * Connects as a device, and reconnects whenever the connection is lost. Returns at once; events that are sent before
 * there is a connection wait for it.
 * @throws TypeError when an option is wrong, or there is no WebSocket to use
 */
export function connectDevice(options: DeviceOptions): Device {
  return new Device(options);
}

/** A device with its own connection, over any number of WebSockets. Created by `connectDevice`. */
export class Device extends Sender<DeviceEvents> {
  readonly #connection: Connection;
  readonly #line: EventLine;

  /** Use `connectDevice`. */
  constructor(options: DeviceOptions) {
    super();
    this.#connection = new Connection(options, {
      path: '/v1/device',
      query: options.interest ? { interest: 'true' } : {},
      received: (frame) => {
        if (frame.op === 'interest') this.emit('interest', frame.active);
      },
      changed: (state) => this.emit('state', state),
      failed: (error) => this.emit('error', error),
      // Followers see the pong, so it is sent only when no event can ask for an ack.
      probe: () => this.#line.probe(() => void this.pong(undefined, { ack: true })),
    });
    this.#line = new EventLine(this.#connection);
  }

  /** The current state of the connection; `state` events report changes. */
  get connection(): ConnectionState {
    return this.#connection.current;
  }

  /** The state of `connection`. */
  get state(): ConnectionState['state'] {
    return this.connection.state;
  }

  /**
   * Closes cleanly: the device is offline at once. First waits, for at most `requestTimeoutMs`, until all events are
   * sent and acknowledged; a second call does not wait. Resolves when the connection is closed.
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
    if (ack) throw new TypeError('ack: only JSON can be acknowledged');
    return this.#line.bytes(type, bytes, priority);
  }
}
