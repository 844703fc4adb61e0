/**
 * Sends sessions what one request of theirs may have promised a hundred thousand times: a slice at a time, so that
 * nobody else on the thread waits for it. A session whose slice is over goes on when the thread has seen to its sockets,
 * one that has to wait for its peer when that has read. Sessions take turns. A turn of the thread has two slices: one for
 * sessions that begin, so that what is little is sent at once whoever else has much, and one for those that go on.
 */
import type { Clock } from '../../clock.ts';
import { POLL_MS_MAX } from '../../limits.ts';
import type { Charges } from '../charges.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** How a slice ended. */
export const Slice = {
  /** Nothing is left to send. */
  through: 0,
  /** The peer has to read first, or its allowance is used up. */
  blocked: 1,
  /** Its time was over. */
  over: 2,
} as const;
export type Slice = (typeof Slice)[keyof typeof Slice];

/** Steps, and bytes sent by them, after which a session must ask whether it may continue. */
export const STEPS_PER_LOOK = 50;
export const BYTES_PER_LOOK = 32 * 1024;
/** Time between two checks of peers that must read first, ms. */
const LOOK_MS = 20;

export interface SlicesDeps {
  readonly clock: Clock;
  /** A session pauses when more than this many bytes wait for its peer. */
  readonly queueBytes: number;
  readonly charges: Pick<Charges, 'rows' | 'waitMs'>;
}

/** Charges for a peer that pays nothing for what it is sent, or pays elsewhere. */
export const FREE = { rows: () => {}, waitMs: () => 0 } as const;

export class Slices {
  readonly #deps: SlicesDeps;
  readonly #send: (session: SubscriberSession) => Slice;
  /** Begin, and had no slice yet. As below, who came last is behind the others. */
  readonly #beginners = new Set<SubscriberSession>();
  /** Whose slice was over. */
  readonly #ready = new Set<SubscriberSession>();
  readonly #blocked = new Set<SubscriberSession>();
  /** Hub clock, ms: when the current slice is over. */
  #untilMs = 0;
  /** What is left of the slice for those that begin in this turn. */
  #beginMs = 0;
  /** The next turn; undefined: no session has begun in this one. */
  #turn: NodeJS.Immediate | undefined;
  #isSharing = false;
  #look: NodeJS.Timeout | undefined;

  /** @param send sends a session as much as `look` allows; it may have nothing to send */
  constructor(deps: SlicesDeps, send: (session: SubscriberSession) => Slice) {
    this.#deps = deps;
    this.#send = send;
  }

  /**
   * Whether the session may be sent more in the current slice.
   * @param sent events since the last look, which it pays for now
   * @returns `through`: it may
   */
  look(session: SubscriberSession, sent: number): Slice {
    const { queueBytes, clock, charges } = this.#deps;
    charges.rows(session, sent);
    if (session.closing || session.bufferedBytes > queueBytes) return Slice.blocked;
    if (charges.waitMs(session, 1, clock.now()) > 0) return Slice.blocked;
    return this.#isOver ? Slice.over : Slice.through;
  }

  /**
   * The session begins: now, or in a later turn where others that begin have used up the time for it, or where it begins
   * as another's is through: each of a thousand would have a slice within the one under way.
   */
  run(session: SubscriberSession): void {
    this.forget(session);
    this.#beginners.add(session);
    if (this.#turn === undefined) this.#beginTurn();
    if (!this.#isSharing) this.#begin([session]);
  }

  forget(session: SubscriberSession): void {
    this.#beginners.delete(session);
    this.#ready.delete(session);
    this.#blocked.delete(session);
  }

  /** One slice for all sessions together that can be sent anything. */
  tick(): void {
    this.#share([...this.#beginners, ...this.#ready, ...this.#blocked], POLL_MS_MAX);
  }

  /** Whether the current slice is over. */
  get #isOver(): boolean {
    return this.#deps.clock.now() >= this.#untilMs;
  }

  #beginTurn(): void {
    this.#beginMs = POLL_MS_MAX;
    this.#turn = setImmediate(() => this.#takeTurn());
  }

  #begin(sessions: Iterable<SubscriberSession>): void {
    this.#share(sessions, this.#beginMs);
    this.#beginMs = this.#untilMs - this.#deps.clock.now();
  }

  /** The sessions share a slice of so many ms. Who finds it over keeps its turn. */
  #share(sessions: Iterable<SubscriberSession>, ms: number): void {
    this.#untilMs = this.#deps.clock.now() + ms;
    this.#isSharing = true;
    try {
      for (const session of sessions) {
        if (this.#isOver) break;
        this.forget(session);
        const end = this.#send(session);
        if (end === Slice.over) this.#ready.add(session);
        else if (end === Slice.blocked) this.#blocked.add(session);
      }
    } finally {
      this.#isSharing = false;
    }
    if (this.#ready.size > 0 && this.#turn === undefined) this.#beginTurn();
    if (this.#blocked.size > 0) this.#look ??= setTimeout(() => this.#lookAround(), LOOK_MS).unref();
  }

  #takeTurn(): void {
    this.#turn = undefined;
    if (this.#beginners.size > 0) {
      this.#beginTurn();
      this.#begin([...this.#beginners]);
    }
    if (this.#ready.size > 0) this.#share([...this.#ready], POLL_MS_MAX);
  }

  #lookAround(): void {
    this.#look = undefined;
    this.#share([...this.#blocked], POLL_MS_MAX);
  }
}
