/**
 * Takes sessions out of the transport's topics that are to get each event by itself from here on. One of fifty thousand
 * devices would hold up the thread, so whoever has many is moved a few devices at a time, in turns of the event loop.
 * Meanwhile it gets the events of the others as before.
 */
import type { SubscriberSession } from './subscriber-session.ts';

/** Devices moved in one turn: about half a millisecond. Whoever has fewer is moved at once. */
export const MOVES_PER_TURN = 256;

export interface MoversDeps {
  /** Moves at most so many of the session's devices. @returns the devices done; fewer than that when none is left */
  readonly move: (session: SubscriberSession, devicesMax: number) => number;
  /** Runs it once the thread has seen to its sockets. */
  readonly soon?: (work: () => void) => void;
}

export class Movers {
  readonly #deps: MoversDeps;
  /** Each with what is called when it is through. */
  readonly #moving = new Map<SubscriberSession, () => void>();
  #isScheduled = false;

  constructor(deps: MoversDeps) {
    this.#deps = deps;
  }

  /** @param done called when all devices are moved, at once where there are few; not after `forget` */
  add(session: SubscriberSession, done: () => void): void {
    this.#moving.set(session, done);
    if (!this.#isScheduled) this.#turn();
  }

  /** The session is over. */
  forget(session: SubscriberSession): void {
    this.#moving.delete(session);
  }

  #turn(): void {
    this.#isScheduled = false;
    let left = MOVES_PER_TURN;
    for (const [session, done] of this.#moving) {
      const moved = this.#deps.move(session, left);
      const isThere = this.#moving.delete(session); // if not, it was closed as it was moved
      if (moved === left) {
        if (isThere) this.#moving.set(session, done); // behind the others
        break;
      }
      left -= moved;
      if (isThere) done();
    }
    if (this.#moving.size === 0) return;
    this.#isScheduled = true;
    const { soon = setImmediate } = this.#deps;
    soon(() => this.#turn());
  }
}
