/** How devices send, over their own connection or through a gateway. */
import type { Connection } from './connection.ts';
import { Emitter } from './emitter.ts';
import type { Ack, EventTypeName, PriorityName } from './frames.ts';
import { handled } from './requests.ts';
import { EventType, Priority } from './wire.ts';

/** How an event is sent. */
export interface EventOptions {
  /** Default: `high` for a status, `normal` for a message, `low` for a pong. */
  readonly priority?: PriorityName;
  /** true: wait for the hub's acknowledgement. */
  readonly ack?: boolean;
}

/** `EventOptions` of an event that waits for its acknowledgement. */
export interface AckOptions extends EventOptions {
  readonly ack: true;
}

/** Data that is sent with a status. */
export interface StatusData {
  /** Anything that JSON can express. */
  readonly data?: unknown;
}

/** The members of an event, without its type. */
export interface EventFields {
  readonly data: unknown;
  readonly status?: string;
}

/** Sends events: a device with its own connection, or one of a gateway. */
export abstract class Sender<Events> extends Emitter<Events> {
  /**
   * Broadcasts a message.
   *
   * With `ack: true` the promise resolves when the hub has the event, otherwise when the WebSocket has it, which does
   * not prove that it arrives. It rejects with TunnelError; you may ignore the rejection.
   * @param data anything that JSON can express; or bytes, which cannot be acknowledged or sent through a gateway
   * @throws TypeError when JSON cannot express `data`, or bytes are not possible here
   */
  message(data: unknown, options: AckOptions): Promise<Ack>;
  message(data: unknown, options?: EventOptions): Promise<void>;
  message(data: unknown, options?: EventOptions): Promise<unknown> {
    return this.send('message', { data }, options);
  }

  /** Reports the device's status, which the hub remembers. @param status 1 to 64 characters */
  status(status: string, options: AckOptions & StatusData): Promise<Ack>;
  status(status: string, options?: EventOptions & StatusData): Promise<void>;
  status(status: string, options?: EventOptions & StatusData): Promise<unknown> {
    return this.send('status', { status, data: options?.data }, options);
  }

  /** Broadcasts a sign of life. Otherwise like `message`. */
  pong(data: unknown, options: AckOptions): Promise<Ack>;
  pong(data?: unknown, options?: EventOptions): Promise<void>;
  pong(data?: unknown, options?: EventOptions): Promise<unknown> {
    return this.send('pong', { data }, options);
  }

  /** @internal */
  protected abstract send(type: EventTypeName, fields: EventFields, options?: EventOptions): Promise<unknown>;
}

/** Sends events. On a silent connection, asks for an ack now and then to find out whether the link is alive. */
export class EventLine {
  readonly #connection: Connection;
  /** Whether an event was sent since the last probe. */
  #hasSent = false;
  /** The connection is silent: the next event asks for an ack. Without one, the link is dead. */
  #isAckDue = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  json(frame: object, isAckWanted: boolean | undefined): Promise<unknown> {
    const { requests } = this.#connection;
    this.#hasSent = true;
    if (!isAckWanted && !this.#isAckDue) return requests.tell(JSON.stringify(frame));
    this.#isAckDue = false;
    const acked = requests.ask({ ...frame });
    const asked = handled(acked.then(([ack]) => ({ seq: ack!.seq ?? 0, skipped: ack!.skipped ?? false })));
    return isAckWanted ? asked : Promise.resolve();
  }

  bytes(type: EventTypeName, payload: Uint8Array, priority: PriorityName | undefined): Promise<void> {
    const frame = new Uint8Array(payload.length + 1);
    frame[0] = ((priority === undefined ? 0 : Priority[priority]) << 4) | EventType[type];
    frame.set(payload, 1);
    this.#hasSent = true;
    return this.#connection.requests.tell(frame.buffer);
  }

  /** The connection is silent. @param ask is called when no event is likely to come soon that could ask for an ack */
  probe(ask?: () => void): void {
    const isIdle = this.#isAckDue || !this.#hasSent;
    this.#isAckDue = !isIdle || ask === undefined;
    if (isIdle) ask?.();
    this.#hasSent = false;
  }
}

/** The bytes of a buffer or view. undefined: `data` is neither. */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return undefined;
}
