/** How a generator speaks with a server: bytes over TCP or TLS, framed as the server's protocol wants. */
import type { PeerRole } from '../../../roles.ts';

/** Loads have no gateways. */
export type SpeakerRole = Exclude<PeerRole, 'gateway'>;

/** One peer of a load. */
export interface Speaker {
  readonly role: SpeakerRole;
  readonly id: string;
  /** Where it connects. */
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
  /** What a subscriber follows; empty for a device. */
  readonly devices: readonly string[];
}

/** What a conversation tells the process that runs it. */
export interface ConversationEvents {
  write(bytes: Buffer): void;
  /** The device may publish; the subscriber is subscribed to all it asked for. Once. */
  ready(): void;
  /** One event. The bytes are valid only while this runs. */
  event(bytes: Buffer, from: number, to: number): void;
  /** The other side will not have it: the run cannot go on. */
  refused(why: string): void;
  /** One event of a device was refused; the connection stays. */
  refusedEvent?(why: string): void;
  /** Events that a subscriber is told it will not get. */
  told?(events: number): void;
}

/** One connection, from the first byte on. */
export interface Conversation {
  /** Sent first. */
  readonly hello: Buffer;
  /** Sent last, where the protocol has a goodbye. */
  readonly goodbye?: Buffer;
  /**
   * Takes what has come in, from `from` to `to`.
   * @returns how far it got: what is left is the start of a frame and comes again, with more
   */
  take(bytes: Buffer, from: number, to: number): number;
}

export interface Wire {
  converse(speaker: Speaker, on: ConversationEvents): Conversation;
  /** The frame with which `device` publishes this JSON text. */
  publish(device: string, json: string): Buffer;
  /** The frame that follows or leaves one device beside what is followed; undefined where the wire has none. */
  readonly follow?: (device: string, on: boolean, request: number) => Buffer;
}

/** The wires that a generator process knows, by name: it is told a name. */
export type Wires = Readonly<Record<string, Wire>>;
