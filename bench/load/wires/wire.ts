/** How a generator speaks with a peer: bytes over TCP, framed as the peer's protocol wants. */

export type Role = 'device' | 'subscriber';

/** What a conversation tells the process that runs it. */
export interface Listening {
  write(bytes: Buffer): void;
  /** The device may publish; the subscriber is subscribed to all it asked for. Once. */
  ready(): void;
  /** One event. The bytes are valid only while this runs. */
  event(bytes: Buffer, from: number, to: number): void;
  /** The other side will not have it: the run cannot go on. */
  refused(why: string): void;
}

/** One connection, from the first byte on. */
export interface Conversation {
  /** Sent first. */
  readonly hello: Buffer;
  /**
   * Takes what has come in, from `from` to `to`.
   * @returns how far it got: what is left is the start of a frame and comes again, with more
   */
  take(bytes: Buffer, from: number, to: number): number;
}

export interface Wire {
  /** @param devices that a subscriber follows; empty for a device */
  converse(role: Role, id: string, devices: readonly string[], on: Listening): Conversation;
  /** The frame with which `device` publishes this JSON text. */
  publish(device: string, json: string): Buffer;
  /** The frame that follows or leaves one device beside what is followed; undefined where the wire has none. */
  readonly follow?: (device: string, on: boolean, request: number) => Buffer;
}
