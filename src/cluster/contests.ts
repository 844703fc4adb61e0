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
  readonly #contests = new Map<string, Contest>();

  constructor(deps: ContestsDeps) {
    this.#deps = deps;
  }

  /** Starts one, unless it is under way. */
  begin(home: Home, peer: Peer): void {
    this.#of(home, peer);
  }

  /** The peer's result; a number of 0 says that it is no home any more. */
  theirs(home: Home, peer: Peer, result: Result): void {
    const contest = this.#of(home, peer);
    contest.theirs = result;
    this.#decide(contest);
  }

  /** The local connection answered the ping, or is known not to. */
  pinged(kind: HomeKind, id: string, alive: boolean): void {
    for (const contest of [...this.#contests.values()]) {
      const { home } = contest;
      if (home.kind === kind && home.id === id && contest.mine === undefined) this.#tell(contest, alive);
    }
  }

  tick(): void {
    const now = this.#deps.clock.now();
    for (const contest of [...this.#contests.values()]) {
      if (contest.mine === undefined && now - contest.sinceMs >= CONTEST_MS) this.#tell(contest, false);
    }
  }

  /** The id has left. */
  drop(home: Home): void {
    for (const contest of this.#contests.values()) {
      if (contest.home === home) this.#contests.delete(key(contest));
    }
  }

  /** The session is over. @returns the ids that are undecided: they must be claimed again */
  dropPeer(peer: Peer): Home[] {
    const dropped = [...this.#contests.values()].filter((contest) => contest.peer === peer);
    for (const contest of dropped) this.#contests.delete(key(contest));
    return dropped.map(({ home }) => home);
  }

  #of(home: Home, peer: Peer): Contest {
    const found = this.#contests.get(key({ home, peer }));
    if (found !== undefined) return found;
    const begun = { home, peer, sinceMs: this.#deps.clock.now(), mine: undefined, theirs: undefined };
    this.#contests.set(key(begun), begun);
    this.#deps.ping(home.kind, home.id);
    return begun;
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
    this.#contests.delete(key(contest));
    const number = Math.max(mine.number, theirs.number) + 1;
    const wins =
      mine.alive === theirs.alive
        ? outranks(mine.number, this.#deps.node, theirs.number, peer.node)
        : mine.alive;
    if (wins) this.#deps.won(home, number);
    else this.#deps.lost(home, peer, number);
  }
}

function key({ home, peer }: Pick<Contest, 'home' | 'peer'>): string {
  return `${peer.number} ${homeKey(home.kind, home.id)}`;
}
