/**
 * One peer in one role, on the edge that holds its connection. What every session has, whatever its role: a hub holds
 * these by the ten thousand, so this is kept small.
 */
import type { Actor } from '../access/actor.ts';
import type { Admitted } from '../access/admission.ts';
import type { CloseEntry } from '../codes.ts';
import { HELD_FRAMES_MAX } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { NONE } from '../presence/columns.ts';
import type { Join, SessionKind } from '../records/requests.ts';
import type { Connection } from '../transport/transport.ts';
import type { Frame, PeerCodec } from '../wire/codec.ts';
import { NO_ALLOWANCE } from './allowance.ts';
import type { WatchedPeer } from './liveness.ts';

/** What to close in order to close a session: the connection of a peer in this role, or in all of its roles. */
export interface Closable {
  close(close: CloseEntry): void;
}

export abstract class Session implements WatchedPeer, Closable {
  abstract readonly kind: SessionKind;
  abstract readonly codec: PeerCodec;
  readonly id: string;
  /** Unique in the hub (`records/sessions.ts`). */
  readonly number: number;
  /** Wall-clock ms. */
  readonly connectedAt: number;
  readonly expiresAt: number;
  /** Its address, as a number, in admission. */
  readonly address: number;
  /** Row of its role's slab, NONE until the owner has admitted it. */
  slot = NONE;
  aliveAt = 0;
  pingAt = 0;
  /** See `SilentSession`. */
  activeAt = 0;
  /** When it joined, in the order of all peers (`records/tickets.ts`); 0: not yet. */
  ticket = 0;
  /** A subscriber that does not want its kept subscriptions back until it asks for them. */
  readonly hold: boolean = false;
  /** A device that wants to know whether anybody listens. */
  readonly wantsInterest: boolean = false;
  /** It is closing; its frames are ignored. */
  closing = false;
  /** Its place in the edge's allowances (`charges.ts`). */
  allowance = NO_ALLOWANCE;
  /** A generated id: the peer shares the allowance of its address. */
  readonly isAnonymous: boolean;
  protected connection: Connection<unknown> | undefined;
  /** Frames that must follow the welcome. */
  #held: Frame[] | undefined = [];
  #counters: Counters | undefined;

  constructor({ actor, expiresAt, address, idIsGenerated }: Admitted, number: number, connectedAt: number) {
    this.id = actor.id;
    this.expiresAt = expiresAt;
    this.address = address;
    this.number = number;
    this.connectedAt = connectedAt;
    this.isAnonymous = idIsGenerated;
  }

  /** The actor that the owner admits. */
  abstract get actor(): Actor;

  /** Whether to discard what an earlier connection of the subscriber left. */
  get fresh(): boolean {
    return false;
  }

  /** The gateway that speaks for the device; '' for a connection of its own. */
  get gatewayId(): string {
    return '';
  }

  /** No silence limit is shorter for this peer, ms. */
  get silenceMsMin(): number {
    return 0;
  }

  /** Closed when the hub drains. */
  get closable(): Closable {
    return this;
  }

  /** Whose allowance it uses. */
  get payer(): string {
    return this.isAnonymous ? `@${this.address}` : `${this.kind}:${this.id}`;
  }

  /** @param counters of the edge's thread */
  attach(connection: Connection<unknown>, counters?: Counters): void {
    this.connection = connection;
    this.#counters = counters;
  }

  /** Hands a frame to the connection. */
  protected put(frame: Frame, isBinary: boolean): void {
    this.connection?.send(frame, isBinary);
    // Of a text the characters: hub frames are ASCII but for what peers say in them.
    if (this.#counters !== undefined) this.#counters.cells[Counter.bytesSent]! += frame.length;
  }

  get welcomed(): boolean {
    return this.#held === undefined;
  }

  /** Sends a frame, but not before the welcome. @param frame undefined: its protocol cannot express it */
  send(frame: Frame | undefined): void {
    if (frame === undefined) return;
    if (this.#held === undefined) this.put(frame, typeof frame !== 'string');
    else if (this.#held.length < HELD_FRAMES_MAX) this.#held.push(frame);
  }

  /** The owner has admitted it: sends the welcome, then what was held. */
  welcome(slot: number, frame: Frame | undefined): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.slot = slot;
    if (held.length === 0) this.send(frame);
    else
      this.cork(() => {
        this.send(frame);
        for (const later of held) this.send(later);
      });
  }

  /** Runs `body` so that what it sends leaves in as few writes as possible. */
  cork(body: () => void): void {
    if (this.connection === undefined) body();
    else this.connection.cork(body);
  }

  /** Where its connection comes from, and how. */
  get place(): Pick<Connection<unknown>, 'remoteAddress' | 'transport'> | undefined {
    return this.connection;
  }

  /** Bytes that wait for the kernel to take them. */
  get bufferedBytes(): number {
    return this.connection?.bufferedBytes() ?? 0;
  }

  ping(): void {
    this.connection?.ping();
  }

  /** Closes the connection; from now on it is ignored. */
  close({ code, reason }: CloseEntry): void {
    this.closing = true;
    this.connection?.close(code, reason);
  }

  /** The owner has closed it: unanswered requests will not be answered. */
  closedByOwner(close: CloseEntry): void {
    this.close(close);
  }

  /** Drops the connection and its queued data. */
  terminate(): void {
    this.connection?.terminate();
  }
}

/** The record that asks the owner to admit a session. @param again for a peer that an earlier owner had welcomed */
export function joinOf(session: Session, again: boolean): Omit<Join, 'ticket'> {
  const { kind, actor, connectedAt, hold, fresh, silenceMsMin } = session;
  return {
    session: session.number,
    kind,
    actor,
    connectedAt,
    again,
    hold,
    interest: session.wantsInterest,
    fresh,
    silenceMsMin,
    generated: session.isAnonymous,
    gateway: session.gatewayId,
  };
}
