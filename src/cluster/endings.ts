/**
 * Devices and subscribers that operators have ended. Their home may have been frozen or down at the time, so the end
 * counts as a claim by a home without a connection: a home that comes back with an older claim gives way, and no node
 * keeps what it hands over. If the id is connected there, it stays. Cluster thread only.
 */
import { claimNumber, type Home, homeKey } from './home.ts';
import { ENDED_AHEAD, ENDED_MAX, ENDED_NEXT_LIFE, ENDED_TOLD_BELOW } from './limits.ts';
import type { Peer } from './peer.ts';
import { Recent } from './recent.ts';
import { ended, type HomeKind, mine } from './records.ts';

interface Ending {
  readonly kind: HomeKind;
  readonly id: string;
  /** Above that of any claim before the end. */
  readonly number: number;
  /** It has been connected since, so it has not ended. */
  readonly livesOn: boolean;
}

export interface EndingsDeps {
  home(kind: HomeKind, id: string): Home | undefined;
  /** The highest number of a claim that this node knows, and the highest that it heard recently; 0 none. */
  known(kind: HomeKind, id: string): number;
  heard(kind: HomeKind, id: string): number;
  /** Nodes that are alive, and not fenced or still joining. */
  askable(): Iterable<Peer>;
}

export class Endings {
  readonly #deps: EndingsDeps;
  /** By `homeKey`. */
  readonly #endings = new Recent<Ending>(ENDED_MAX);

  constructor(deps: EndingsDeps) {
    this.#deps = deps;
  }

  /**
   * The number for an end on every node: above all claims that this node knows, and below those that are made later.
   */
  numberForAll(kind: HomeKind, id: string): number {
    return Math.max(this.#highest(kind, id), this.#deps.heard(kind, id)) + ENDED_AHEAD;
  }

  /**
   * An operator has ended the id.
   * @param forAll what `numberForAll` gave at the node that the operator asked; 0: each node goes by what it knows
   */
  end(kind: HomeKind, id: string, forAll = 0): void {
    const highest = this.#highest(kind, id);
    const number = forAll === 0 ? highest + ENDED_AHEAD : Math.max(forAll, highest + 1);
    const ending = { kind, id, number, livesOn: false };
    this.#endings.set(homeKey(kind, id), ending);
    // A node that is coming back takes no calls yet, and its session has opened: nothing else tells it.
    for (const peer of this.#deps.askable()) if (peer.isOpen && !peer.isReady) announce(peer, ending);
    const home = this.#deps.home(kind, id);
    if (home !== undefined && home.departure === undefined) home.number = number + 1; // what stays is its next life
  }

  #highest(kind: HomeKind, id: string): number {
    const { number = 0, sought = 0 } = this.#deps.home(kind, id) ?? {};
    return Math.max(number, sought, this.#deps.known(kind, id));
  }

  /** The number of the end, 0 none: later claims have a higher one. */
  number(kind: HomeKind, id: string): number {
    return this.#endings.get(homeKey(kind, id))?.number ?? 0;
  }

  /**
   * The number of a claim that begins a new life of the id, whichever node asks those that ended it; 0: it was not
   * ended.
   */
  numberAfter(kind: HomeKind, id: string): number {
    const number = this.number(kind, id);
    return number === 0 ? 0 : number + ENDED_NEXT_LIFE;
  }

  /** Whether a claim with this number is older than the end of the id. */
  isOver(kind: HomeKind, id: string, number: number): boolean {
    const ending = this.#endings.get(homeKey(kind, id));
    return ending !== undefined && isOver(ending, number);
  }

  /**
   * The id has a connection whose claim is older than the end, so it has not ended. The next end is still above this
   * one. A connection made after the end changes nothing: what was before it stays ended.
   */
  livesOn(kind: HomeKind, id: string, number: number): void {
    const key = homeKey(kind, id);
    const ending = this.#endings.get(key);
    if (ending !== undefined && number <= ending.number) this.#endings.set(key, { ...ending, livesOn: true });
  }

  /**
   * Tells the peer, which is the home of the id or claims it, of the end. What it has is newer; but it must know what is
   * over, because a node that was away may hand that over to it. It may not know yet: a drain gives an id to a node that
   * never claimed it, and others may have told it a number above the end.
   */
  tellHome(peer: Peer, kind: HomeKind, id: string): void {
    const ending = this.#endings.get(homeKey(kind, id));
    if (ending !== undefined && !ending.livesOn)
      ended.write(peer.session, { kind, id, number: ending.number });
  }

  /** Another node claims the id. @returns whether the claim is over, as the peer was told */
  refuses(peer: Peer, kind: HomeKind, id: string, number: number): boolean {
    const ending = this.#endings.get(homeKey(kind, id));
    if (ending === undefined || !isOver(ending, number)) return false;
    tell(peer, ending, number + 1);
    return true;
  }

  /**
   * A session opened: tells the peer about ends, because it may have been away, and earlier claims are not repeated in
   * this session.
   */
  sessionOpened(peer: Peer): void {
    for (const ending of this.#endings.values()) if (!ending.livesOn) announce(peer, ending);
  }

  /** Another node has ended the id, with this number. */
  hear(kind: HomeKind, id: string, number: number): void {
    if (number <= this.number(kind, id)) return;
    this.#endings.set(homeKey(kind, id), { kind, id, number, livesOn: false });
    const home = this.#deps.home(kind, id);
    if (home?.connected === true) this.livesOn(kind, id, claimNumber(home));
  }
}

function isOver({ livesOn, number }: Ending, claimed: number): boolean {
  return !livesOn && claimed <= number;
}

function announce(peer: Peer, ending: Ending): void {
  const { kind, id, number } = ending;
  ended.write(peer.session, { kind, id, number });
  tell(peer, ending);
}

/** @param least a number that outranks the peer's claim, if that is known */
function tell(peer: Peer, { kind, id, number: end }: Ending, least = 0): void {
  const number = Math.min(end, Math.max(end - ENDED_TOLD_BELOW, least));
  mine.write(peer.session, { kind, id, number, connected: false });
}
