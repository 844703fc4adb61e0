/**
 * Sends long results, such as a hundred thousand replays for one request, in slices, so that nobody else on the thread
 * waits. A session whose slice is over continues when the thread has handled its sockets. A session that waits for its
 * peer continues when the peer has read. Sessions take turns.
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

export class Slices {
  readonly #deps: SlicesDeps;
  readonly #send: (session: SubscriberSession) => Slice;
  /** Sessions whose slice was over. Here and below, the one that had the last slice is behind the others. */
  readonly #ready = new Set<SubscriberSession>();
  readonly #blocked = new Set<SubscriberSession>();
  /** Hub clock, ms: when the current slice is over. */
  #untilMs = 0;
  #turn: NodeJS.Immediate | undefined;
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

  /** One slice of this session, now. */
  run(session: SubscriberSession): void {
    this.#ready.add(session); // keeps its turn, in case the thread stalls until the slice is over
    this.#share([session]);
  }

  forget(session: SubscriberSession): void {
    this.#ready.delete(session);
    this.#blocked.delete(session);
  }

  /** One slice for all sessions together that can be sent anything. */
  tick(): void {
    this.#share([...this.#ready, ...this.#blocked]);
  }

  /** Whether the current slice is over. */
  get #isOver(): boolean {
    return this.#deps.clock.now() >= this.#untilMs;
  }

  /** The sessions share one slice. A session that finds it over keeps its turn. */
  #share(sessions: Iterable<SubscriberSession>): void {
    this.#untilMs = this.#deps.clock.now() + POLL_MS_MAX;
    for (const session of sessions) {
      if (this.#isOver) break;
      this.forget(session);
      const end = this.#send(session);
      if (end === Slice.over) this.#ready.add(session);
      else if (end === Slice.blocked) this.#blocked.add(session);
    }
    if (this.#ready.size > 0) this.#turn ??= setImmediate(() => this.#takeTurn());
    if (this.#blocked.size > 0) this.#look ??= setTimeout(() => this.#lookAround(), LOOK_MS).unref();
  }

  #takeTurn(): void {
    this.#turn = undefined;
    this.#share([...this.#ready]);
  }

  #lookAround(): void {
    this.#look = undefined;
    this.#share([...this.#blocked]);
  }
}
