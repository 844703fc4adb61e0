/**
 * Devices that connect on one edge while another edge still holds their older connection. The older edge is asked to
 * release it. Until it has, the new session waits here with its events. So events keep their order, no event of the
 * older connection is lost, and no two threads write one device's `lastSeen`. On a single edge nobody waits, because
 * its ring is in order. Owner thread only.
 */
import type { RecordViews } from '../memory/ring.ts';
import { wholeEventBytes } from '../records/event.ts';
import type { Join } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { HeldEvents } from './held-events.ts';

/** A session that waits for an older one to leave. */
export interface HeldSession {
  readonly join: Join;
  /** Its events since then, in order. */
  readonly events: readonly RecordViews[];
  /** It has already ended. */
  readonly left: SessionEnd | undefined;
}

/** How a session ended. */
export interface SessionEnd {
  /** By a goodbye. */
  readonly clean: boolean;
  /** Its edge waits for `Left`, which comes after the acks of all the session's events. */
  readonly confirm: boolean;
}

interface Waiting extends HeldSession {
  readonly events: RecordViews[];
  left: SessionEnd | undefined;
}

/**
 * How much all waiting sessions together may send; more is refused. An edge releases a device within milliseconds,
 * unless its thread stalls.
 */
export const HELD_BYTES_MAX = 4 * 1024 * 1024;

export class Handovers {
  readonly #held: HeldEvents;
  /** By session that waits. */
  readonly #waiting = new Map<number, Waiting>();
  /** By leaving session: the sessions that wait for it, in the order in which they connected. */
  readonly #queues = new Map<number, Waiting[]>();
  #heldBytes = 0;

  constructor(held: HeldEvents) {
    this.#held = held;
  }

  /** Whether somebody waits for the session to leave. */
  isAwaited(session: number): boolean {
    return this.#queues.has(session);
  }

  /** Whether the session waits. */
  isWaiting(session: number): boolean {
    return this.#waiting.has(session);
  }

  /** @returns whether it is the first to wait for `older`; the caller then asks the older one's edge */
  wait(older: number, join: Join): boolean {
    const waiting: Waiting = { join, events: [], left: undefined };
    this.#waiting.set(join.session, waiting);
    const queue = this.#queues.get(older);
    if (queue === undefined) this.#queues.set(older, [waiting]);
    else {
      const newer = queue.findIndex((other) => join.ticket < other.join.ticket);
      queue.splice(newer < 0 ? queue.length : newer, 0, waiting);
    }
    return queue === undefined;
  }

  /** Keeps an event of a waiting session. @returns false if there is no room for it */
  hold(session: number, views: RecordViews, offset: number): boolean {
    const waiting = this.#waiting.get(session)!;
    const bytes = wholeEventBytes(views, offset);
    if (this.#heldBytes + bytes > HELD_BYTES_MAX) return false;
    this.#heldBytes += bytes;
    waiting.events.push(this.#held.copy(views, offset));
    return true;
  }

  /** A waiting session has ended: it will join and leave in its turn. @returns false if it does not wait */
  leave(session: number, how: SessionEnd): boolean {
    const waiting = this.#waiting.get(session);
    if (waiting === undefined) return false;
    waiting.left = how;
    return true;
  }

  /**
   * The session has left.
   * @returns the sessions that waited for it, in order. They no longer wait, but their events are still held: the caller
   * passes them on, or drops them
   */
  take(older: number): readonly HeldSession[] {
    const queue = this.#queues.get(older);
    if (queue === undefined) return [];
    this.#queues.delete(older);
    for (const { join, events } of queue) {
      this.#waiting.delete(join.session);
      for (const event of events) this.#heldBytes -= wholeEventBytes(event, 0);
    }
    return queue;
  }

  /** Those of the edge that wait. */
  ofEdge(edge: number): number[] {
    return [...this.#waiting.keys()].filter((session) => edgeOf(session) === edge);
  }
}
