/**
 * Takes ended sessions out of their topics. A session with fifty thousand devices would hold up the thread, so it
 * leaves a few devices at a time, in later turns of the event loop. Events that its topics still send meanwhile are
 * dropped: a connection that has ended, or is about to, takes no frames.
 */
import type { SubscriberSession } from './subscriber-session.ts';

/** Devices left in one turn: about half a millisecond. A session with no more leaves all of them at once. */
export const LEAVES_PER_TURN = 256;

export interface LeaversDeps {
  /** The session leaves a device's topic. @param open whether its socket still is; a closed one has left by itself */
  readonly leave: (session: SubscriberSession, device: number, open: boolean) => void;
  /** Runs it once the thread has handled its sockets. */
  readonly soon?: (work: () => void) => void;
}

export class Leavers {
  readonly #deps: LeaversDeps;
  /** Each with whether its socket is still open. */
  readonly #leaving = new Map<SubscriberSession, boolean>();

  constructor(deps: LeaversDeps) {
    this.#deps = deps;
  }

  /** Sessions that are still in topics. */
  get sessions(): IterableIterator<SubscriberSession> {
    return this.#leaving.keys();
  }

  /**
   * The session has ended. May be called again when its socket has closed. @param open whether the socket is still open
   */
  add(session: SubscriberSession, open: boolean): void {
    if (this.#leaving.has(session) || session.deviceCount > LEAVES_PER_TURN) {
      const isScheduled = this.#leaving.size > 0;
      this.#leaving.set(session, open);
      if (!isScheduled) this.#soon();
    } else this.#leave(session, open, session.deviceCount);
  }

  #soon(): void {
    const { soon = setImmediate } = this.#deps;
    soon(() => this.#turn());
  }

  #turn(): void {
    let left = LEAVES_PER_TURN;
    for (const [session, open] of this.#leaving) {
      left -= this.#leave(session, open, left);
      if (session.deviceCount === 0) this.#leaving.delete(session);
      if (left === 0) break;
    }
    if (this.#leaving.size > 0) this.#soon();
  }

  /** @returns the devices that it has left */
  #leave(session: SubscriberSession, open: boolean, most: number): number {
    const devices = session.someDevices(most);
    for (const device of devices) this.#deps.leave(session, device, open);
    return devices.length;
  }
}
