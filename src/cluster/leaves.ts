/**
 * Ids that this node leaves to others while it drains: a few at a time, and as fast as the queues allow, so that
 * hand-overs do not overflow a session. Cluster thread only.
 */
import { WaitList } from '../wait-list.ts';
import { type Home, HomePhase } from './home.ts';
import { LEAVES_MAX } from './limits.ts';
import type { Peer } from './peer.ts';

export interface LeavesDeps {
  /** The node that an id is left to, undefined when there is none. */
  keeperOf(id: string): Peer | undefined;
  /** Has the host let it go; `letGo` follows, or `over`. */
  depart(home: Home): void;
  /** Gives it to its keeper; `over` follows. */
  handOver(home: Home): void;
}

export class Leaves {
  readonly #deps: LeavesDeps;
  readonly #queue = new WaitList<Home, Home>();
  readonly #underWay = new Set<Home>();
  /** Those of them that the host has let go. */
  readonly #letGo = new Set<Home>();
  #goesOn = false;

  constructor(deps: LeavesDeps) {
    this.#deps = deps;
  }

  /** Whether there is something that somebody takes. */
  get isBusy(): boolean {
    return this.#queue.size + this.#underWay.size > 0;
  }

  /** It is left to another node in its turn. Where there is none, it stays. */
  add(home: Home): void {
    this.#queue.set(home, home);
    this.goOn();
  }

  /** The host has let it go. What another node asked for goes at once; what is left to one waits for room once more. */
  letGo(home: Home): void {
    if (home.departure?.to !== undefined) {
      this.#deps.handOver(home);
      return;
    }
    this.#letGo.add(home);
    this.goOn();
  }

  /** The id is on its way, or has left in another way. */
  over(home: Home): void {
    this.#queue.delete(home);
    this.#letGo.delete(home);
    if (this.#underWay.delete(home)) this.goOn();
  }

  /** There may be room again. */
  goOn(): void {
    if (this.#goesOn) return; // what it does now may make room
    this.#goesOn = true;
    while (this.#handOverNext() || this.#departNext());
    this.#goesOn = false;
  }

  /** @returns whether there may be more to do */
  #handOverNext(): boolean {
    for (const home of this.#letGo) {
      if (!this.#hasRoom(home)) continue;
      this.#letGo.delete(home);
      this.#deps.handOver(home);
      return true;
    }
    return false;
  }

  #departNext(): boolean {
    const home = this.#queue.first();
    if (home === undefined || this.#underWay.size >= LEAVES_MAX || !this.#hasRoom(home)) return false;
    this.#queue.delete(home);
    const isTaken = this.#deps.keeperOf(home.id) !== undefined;
    if (!isTaken || home.connected || home.phase !== HomePhase.home) return true;
    this.#underWay.add(home);
    this.#deps.depart(home);
    return true;
  }

  #hasRoom({ id }: Home): boolean {
    return this.#deps.keeperOf(id)?.session.hasRoom !== false;
  }
}
