/**
 * What an edge sends to its peers, apart from events (`encodings.ts`): each session has a codec that translates it into
 * the session's protocol. If the protocol cannot express something, the codec returns undefined, and nothing is sent.
 */
import type { Entry, FilterEntry, Notice, RefusedDevice } from '../records/replies.ts';
import type { OpName } from '../records/requests.ts';
import type { Encoding } from './encodings.ts';
import type { Gap } from './gap.ts';

/** One frame of the session's protocol: a text, or bytes that are sent as a binary frame. */
export type Frame = string | Uint8Array;

/** Why a frame was refused. */
export interface Problem {
  /** One of `errors`. */
  readonly code: number;
  readonly message: string;
  /** Raw JSON of the refused frame's id, '' when it has none. */
  readonly id: string;
  /** When it may be sent again; only for what is over a rate. */
  readonly retryAfterMs?: number;
}

export interface PeerCodec {
  problem(problem: Problem): Frame | undefined;
  draining(reconnectAfterMs: number): Frame | undefined;
}

export interface DeviceCodec extends PeerCodec {
  welcome(device: string, pingIntervalMs: number): Frame | undefined;
  /** @param id raw JSON of the event's id */
  ack(id: string, seq: number, skipped: boolean): Frame | undefined;
  interest(isListenedTo: boolean): Frame | undefined;
}

/** What a gateway is told; what concerns one of its devices names it. */
export interface GatewayCodec extends PeerCodec {
  welcome(gateway: string, pingIntervalMs: number): Frame | undefined;
  /** What the gateway's device is told, by way of the gateway. */
  device(device: string): DeviceCodec;
  /** The device was taken from the gateway. @param code one of `closes` */
  closed(device: string, code: number): Frame | undefined;
}

/** An entry, and whether all that was asked for since a position is there. */
export interface Told extends Entry {
  readonly recovered?: boolean | undefined;
}

/** What an answer answers. */
export interface Asked {
  readonly op: OpName;
  /** Raw JSON of the frame's id, '' when it has none. */
  readonly id: string;
}

/** What a subscriber has kept from a lost connection. */
export interface Kept {
  readonly resumed: readonly Entry[];
  readonly filters: readonly FilterEntry[];
  /** It waits until the subscriber asks for it. */
  readonly held: boolean;
  /** Further `resumed` notices follow. */
  readonly more: boolean;
}

export interface SubscriberCodec extends PeerCodec {
  readonly encoding: Encoding;
  welcome(subscriber: string, pingIntervalMs: number, kept: Kept): Frame | undefined;
  answer(
    asked: Asked,
    entries: readonly Told[],
    refused: readonly RefusedDevice[],
    filters: readonly FilterEntry[],
    more: boolean,
  ): Frame | undefined;
  notice(
    notice: Notice,
    entries: readonly Entry[],
    filters: readonly FilterEntry[],
    more: boolean,
  ): Frame | undefined;
  /** Devices that a filter follows from here on. @param filter with its star @param refused what was not done for them */
  filterPage(
    filter: string,
    entries: readonly Told[],
    more: boolean,
    refused?: readonly RefusedDevice[],
  ): Frame | undefined;
  gap(gap: Gap): Frame | undefined;
}
