/**
 * The edge's link to the owner: writes events and the records of `records/requests.ts`, and wakes the owner if it
 * sleeps. One per edge.
 */
import { HURRY_SHARE } from '../limits.ts';
import type { Ringer } from '../memory/doorbell.ts';
import type { RecordViews, RingProducer } from '../memory/ring.ts';
import { claimEvent } from '../records/event.ts';
import {
  type Deregister,
  type Join,
  KEEP_AS_SET,
  type Register,
  type Request,
  type Will,
  writeActive,
  writeDeregister,
  writeJoin,
  writeLeave,
  writeMore,
  writeRegister,
  writeRequest,
  writeSynced,
  writeWill,
} from '../records/requests.ts';
import type { Tickets } from '../records/tickets.ts';

/** A session that the owner may have marked silent. */
export interface SilentSession {
  readonly number: number;
  /** The position after the last report to the owner that it was heard (`OwnerLine.position`). */
  activeAt: number;
}

export class OwnerLine {
  readonly #ring: RingProducer;
  readonly #ringer: Ringer;
  readonly #tickets: Tickets;
  readonly #hurryBytes: number;
  /** The ring's position when the owner was last told to hurry. */
  #hurriedAt: number;

  constructor(ring: RingProducer, ringer: Ringer, tickets: Tickets) {
    this.#ring = ring;
    this.#ringer = ringer;
    this.#tickets = tickets;
    this.#hurryBytes = ring.capacity * HURRY_SHARE;
    this.#hurriedAt = ring.written;
  }

  /** Whether records wait for room in the ring. */
  get hasBacklog(): boolean {
    return this.#ring.spilledCount > 0;
  }

  /** @param ticket of a session that is reported to a new owner; a session that joins takes the next @returns it */
  join(join: Omit<Join, 'ticket'>, ticket: number = this.#tickets.next()): number {
    writeJoin(this.#ring, { ...join, ticket });
    this.commit();
    return ticket;
  }

  /** @param confirm whether the owner is to answer with `Left` @param keepMs see `Leave` */
  leave(session: number, clean: boolean, confirm = false, keepMs = KEEP_AS_SET): void {
    writeLeave(this.#ring, { session, clean, confirm, keepMs });
    this.commit();
  }

  /** @param ticket as for `join` @returns it */
  register(register: Omit<Register, 'ticket'>, ticket: number = this.#tickets.next()): number {
    writeRegister(this.#ring, { ...register, ticket });
    this.commit();
    return ticket;
  }

  deregister(deregister: Deregister): void {
    writeDeregister(this.#ring, deregister);
    this.commit();
  }

  will(will: Will): void {
    writeWill(this.#ring, will);
    this.commit();
  }

  /**
   * A session that was marked silent was heard. The owner is told only once until it has read that, because a peer may
   * send ten thousand frames and pongs before, and while the owner is away.
   */
  active(session: SilentSession): void {
    if (!this.isTakenTo(session.activeAt)) return;
    writeActive(this.#ring, { session: session.number });
    this.commit();
    session.activeAt = this.position;
  }

  request(request: Request): void {
    writeRequest(this.#ring, request);
    this.commit();
  }

  more(session: number, request: number): void {
    writeMore(this.#ring, { session, request });
    this.commit();
  }

  /** @param term of the owner that asked */
  synced(term: number): void {
    writeSynced(this.#ring, { term });
    this.commit();
  }

  /**
   * Claims room for an event; the caller writes it through `views` and then calls `commit`. @returns -1 if there is
   * none
   */
  claimEvent(bytes: number, priority: number): number {
    return claimEvent(this.#ring, bytes, priority);
  }

  /** The current write position, for `isTakenTo`; a small integer. */
  get position(): number {
    return this.#ring.written | 0;
  }

  /** Whether the owner has processed everything up to this position. */
  isTakenTo(position: number): boolean {
    return this.#ring.isReadTo(position);
  }

  get views(): RecordViews {
    return this.#ring.views;
  }

  /** Makes what was written visible to the owner. */
  commit(): void {
    if (!this.#show()) this.#ringer.ring();
  }

  /**
   * The same for an event that nobody listens to and that asks for no ack: a busy owner need not process it at once.
   */
  commitUnheard(): void {
    if (!this.#show()) this.#ringer.ringSoftly();
  }

  /** @returns whether the owner was told to hurry */
  #show(): boolean {
    this.#ring.commit();
    const { written } = this.#ring;
    if ((written - this.#hurriedAt) >>> 0 < this.#hurryBytes) return false;
    this.#hurriedAt = written;
    this.#ringer.hurry();
    return true;
  }
}
