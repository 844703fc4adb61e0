/**
 * Conflicts between two connections of one id on two nodes, found after a split: each side pings its own connection and
 * tells the other the result; both decide by the same values. Pure. Cluster thread only.
 */
import type { Clock } from '../clock.ts';
import { type Home, homeKey, outranks } from './home.ts';
import { CONTEST_MS } from './limits.ts';
import type { Peer } from './peer.ts';
import { contest as contestRecord, type HomeKind } from './records.ts';

interface Result {
  readonly alive: boolean;
  readonly number: number;
}

interface Contest {
  readonly home: Home;
  readonly peer: Peer;
  readonly sinceMs: number;
  mine: Result | undefined;
  theirs: Result | undefined;
}

export interface ContestsDeps {
  readonly clock: Clock;
  readonly node: string;
  ping(kind: HomeKind, id: string): void;
  /** `number` is above both claims'. */
  won(home: Home, number: number): void;
  lost(home: Home, peer: Peer, number: number): void;
}

export class Contests {
  readonly #deps: ContestsDeps;
  /**
   * By id: after a split there may be a contest for each device of a node, and each answer to a ping concerns one of
   * them.
   */
  readonly #contests = new Map<string, readonly Contest[]>();

  constructor(deps: ContestsDeps) {
    this.#deps = deps;
  }

  /** Starts a contest, unless one is in progress. */
  begin(home: Home, peer: Peer): void {
    this.#of(home, peer);
  }

  /** The peer's result; the number 0 means that it is no longer the home. */
  theirs(home: Home, peer: Peer, result: Result): void {
    const contest = this.#of(home, peer);
    contest.theirs = result;
    this.#decide(contest);
  }

  /** The local connection has answered the ping, or will not. */
  pinged(kind: HomeKind, id: string, alive: boolean): void {
    for (const contest of this.#contests.get(homeKey(kind, id)) ?? [])
      if (contest.mine === undefined) this.#tell(contest, alive);
  }

  tick(): void {
    const now = this.#deps.clock.now();
    for (const contest of this.#all()) {
      if (contest.mine === undefined && now - contest.sinceMs >= CONTEST_MS) this.#tell(contest, false);
    }
  }

  /** The id has left. */
  drop(home: Home): void {
    this.#contests.delete(homeKey(home.kind, home.id));
  }

  /** The session has ended. @returns the undecided ids, which must be claimed again */
  dropPeer(peer: Peer): Home[] {
    const dropped = [...this.#all()].filter((contest) => contest.peer === peer);
    for (const contest of dropped) this.#remove(contest);
    return dropped.map(({ home }) => home);
  }

  *#all(): Generator<Contest> {
    for (const contests of this.#contests.values()) yield* contests;
  }

  #of(home: Home, peer: Peer): Contest {
    const key = homeKey(home.kind, home.id);
    const others = this.#contests.get(key) ?? [];
    const found = others.find((contest) => contest.peer === peer);
    if (found !== undefined) return found;
    const begun = { home, peer, sinceMs: this.#deps.clock.now(), mine: undefined, theirs: undefined };
    this.#contests.set(key, [...others, begun]);
    this.#deps.ping(home.kind, home.id);
    return begun;
  }

  #remove(contest: Contest): void {
    const key = homeKey(contest.home.kind, contest.home.id);
    const left = (this.#contests.get(key) ?? []).filter((other) => other !== contest);
    if (left.length > 0) this.#contests.set(key, left);
    else this.#contests.delete(key);
  }

  #tell(contest: Contest, pinged: boolean): void {
    const { home, peer } = contest;
    const { kind, id, number, connected } = home;
    const alive = pinged && connected;
    contest.mine = { alive, number };
    if (peer.isOpen) contestRecord.write(peer.session, { kind, id, number, alive });
    this.#decide(contest);
  }

  #decide(contest: Contest): void {
    const { home, peer, mine, theirs } = contest;
    if (mine === undefined || theirs === undefined) return;
    this.#remove(contest);
    const number = Math.max(mine.number, theirs.number) + 1;
    const wins =
      mine.alive === theirs.alive
        ? outranks(mine.number, this.#deps.node, theirs.number, peer.node)
        : mine.alive;
    if (wins) this.#deps.won(home, number);
    else this.#deps.lost(home, peer, number);
  }
}
