/**
 * Sends sessions what one request of theirs may have promised a hundred thousand times: a slice at a time, so that
 * nobody else on the thread waits for it. A session whose slice is over goes on when the thread has seen to its sockets,
 * one that has to wait for its peer when that has read. Sessions take turns.
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

/** Steps, and bytes that they have sent, after which a session is to ask whether it may go on. */
export const STEPS_PER_LOOK = 50;
export const BYTES_PER_LOOK = 32 * 1024;
/** Time between two looks at peers that are to read first, ms. */
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
  /** Whose slice was over. As below, who had a slice last is behind the others. */
  readonly #ready = new Set<SubscriberSession>();
  readonly #blocked = new Set<SubscriberSession>();
  /** Hub clock, ms: when the slice under way is over. */
  #untilMs = 0;
  #turn: NodeJS.Immediate | undefined;
  #look: NodeJS.Timeout | undefined;

  /** @param send sends a session as much as `look` lets it; it may have nothing to send */
  constructor(deps: SlicesDeps, send: (session: SubscriberSession) => Slice) {
    this.#deps = deps;
    this.#send = send;
  }

  /**
   * Whether the session may be sent more in the slice under way.
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
    this.#ready.add(session); // keeps its turn, should the thread stand still until the slice is over
    this.#share([session]);
  }

  forget(session: SubscriberSession): void {
    this.#ready.delete(session);
    this.#blocked.delete(session);
  }

  /** One slice of all together, of whoever can be sent anything. */
  tick(): void {
    this.#share([...this.#ready, ...this.#blocked]);
  }

  /** Whether the slice under way has taken its time. */
  get #isOver(): boolean {
    return this.#deps.clock.now() >= this.#untilMs;
  }

  /** The sessions share one slice. Who finds its time over keeps its turn. */
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
