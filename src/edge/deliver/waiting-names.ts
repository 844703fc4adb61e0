/**
 * What the subscribers of a thread let wait, in names: the ids and positions of their requests, and positions for a
 * subscribe that is still to come. A peer has a bound of its own; but it may let these wait for as long as it likes, by
 * reading no page of an earlier answer. So there is a bound over all peers too. Beyond it those are closed as slow that
 * take most of the room for longest: others have theirs for moments.
 */
import type { Clock } from '../../clock.ts';
import { closes } from '../../codes.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { StreamPosition } from '../../wire/events.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface WaitingNamesDeps {
  readonly clock: Clock;
  readonly counters: Pick<Counters, 'add'>;
  /** That the hub may have. */
  readonly subscriptionsMax: number;
  readonly soon?: (work: () => void) => void;
}

interface Waiting {
  names: number;
  /** Hub clock, ms: when its first began to wait. */
  readonly sinceMs: number;
}

/** Positions of one subscriber that may wait, including those of requests and of filters with pages still to come. */
const POSITIONS_MAX = 100_000;
export const TOO_MANY_POSITIONS = `more than ${POSITIONS_MAX} positions wait to be used`;
/**
 * Names that may wait in one thread, of about 100 B each, for each subscription that the hub may have: all of these may be
 * asked for at once, with their positions.
 */
export const NAMES_PER_SUBSCRIPTION = 2;
/** Closing goes on until this share of the bound is in use, so that it is not gone through again for each name. */
const RELIEVED_SHARE = 7 / 8;
/** So much longer than it did each counts as having waited: who has just come is measured by its names alone. */
const WAITED_MS_MIN = 1000;

export class WaitingNames {
  readonly #deps: WaitingNamesDeps;
  readonly #soon: (work: () => void) => void;
  readonly #bySession = new Map<SubscriberSession, Waiting>();
  readonly #namesMax: number;
  #total = 0;
  #isRelieving = false;

  constructor(deps: WaitingNamesDeps) {
    this.#deps = deps;
    this.#namesMax = NAMES_PER_SUBSCRIPTION * deps.subscriptionsMax;
    this.#soon = deps.soon ?? ((work) => void setImmediate(work));
  }

  /** Of all sessions. */
  get total(): number {
    return this.#total;
  }

  /** The peer gives positions for a subscribe. @returns false if too many wait: then it has given none */
  note(session: SubscriberSession, since: ReadonlyMap<string, StreamPosition>): boolean {
    const held = session.requests?.positions ?? 0;
    const isNoted = session.noteSince(since, POSITIONS_MAX - held);
    this.look(session);
    return isNoted;
  }

  /** The session is closing: nothing of it waits any longer. */
  forget(session: SubscriberSession): void {
    session.forgetSince();
    this.look(session);
  }

  /** Something of the session waits, or waits no longer. */
  look(session: SubscriberSession): void {
    const names = session.closing ? 0 : session.positionsNoted + (session.requests?.names ?? 0);
    const before = this.#bySession.get(session);
    this.#total += names - (before?.names ?? 0);
    if (names === 0) this.#bySession.delete(session);
    else if (before === undefined) this.#bySession.set(session, { names, sinceMs: this.#deps.clock.now() });
    else before.names = names;
    if (this.#total <= this.#namesMax || this.#isRelieving) return;
    this.#isRelieving = true;
    this.#soon(() => this.#relieve()); // not from within a request of a session that may be closed
  }

  #relieve(): void {
    this.#isRelieving = false;
    const { clock, counters } = this.#deps;
    if (this.#total <= this.#namesMax) return;
    const now = clock.now();
    const weightOf = ({ names, sinceMs }: Waiting): number => names * (now - sinceMs + WAITED_MS_MIN);
    const heaviestFirst = [...this.#bySession]
      .map(([session, waiting]) => ({ session, weight: weightOf(waiting) }))
      .sort((one, other) => other.weight - one.weight);
    for (const { session } of heaviestFirst) {
      if (this.#total <= this.#namesMax * RELIEVED_SHARE) break;
      counters.add(Counter.closedOverBudget);
      session.close(closes.slow);
      this.look(session);
    }
  }
}
