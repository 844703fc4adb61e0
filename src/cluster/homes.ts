/**
 * Decides where an id has its home: claims, takeovers, and conflicts after a split. A state machine: time, peers and
 * host come from outside. Cluster thread only. The protocol, and why it works: docs/cluster.md.
 */
import { Claims } from './claims.ts';
import { Contests } from './contests.ts';
import { Departures } from './departures.ts';
import { Endings } from './endings.ts';
import { claimNumber, connectedAgain, createHome, type Home, HomePhase, homeKey, outranks } from './home.ts';
import type { Claim, HomesDeps, Numbered } from './homes-deps.ts';
import { SurrenderReason } from './host.ts';
import type { Peer } from './peer.ts';
import { contest as contestRecord, HomeKind, known as knownRecord, mine as mineRecord } from './records.ts';
import { createSeek } from './seek.ts';
import { Traces } from './traces.ts';

export class Homes {
  readonly #deps: HomesDeps;
  readonly claims: Claims;
  /** Those with a `seek`, the earliest deadline first. */
  readonly #seeking = new Set<Home>();
  readonly #contests: Contests;
  readonly #traces = new Traces();
  readonly endings = new Endings({
    home: (kind, id) => this.get(kind, id),
    known: (kind, id) => this.#known(kind, id),
    heard: (kind, id) => this.#traces.heard(homeKey(kind, id)),
    askable: () => this.#deps.askable(),
  });
  readonly departures: Departures;

  constructor(deps: HomesDeps) {
    this.#deps = deps;
    this.claims = new Claims({
      figures: deps.figures,
      askable: () => deps.askable(),
      answered: (home) => this.#settleIfDone(home),
    });
    this.#contests = new Contests({
      clock: deps.clock,
      node: deps.node,
      ping: (kind, id) => deps.host.ping(kind, id),
      won: (home, number) => {
        home.number = Math.max(home.number, number); // it may have risen since it was told
      },
      lost: (home, peer, number) => {
        if (this.get(home.kind, home.id) !== home) return;
        home.number = Math.max(home.number, number);
        this.departures.giveWay(home, peer, SurrenderReason.conflict);
      },
    });
    this.departures = new Departures({
      homes: deps,
      endings: this.endings,
      traces: this.#traces,
      get: (kind, id) => this.get(kind, id),
      drop: (home) => this.#drop(home),
      keep: (home, parts) => this.#keep(home, parts),
      settleIfDone: (home) => this.#settleIfDone(home),
      cameBack: ({ kind, id }, isBack) => {
        this.connect(kind, id);
        if (!isBack) this.disconnect(kind, id);
      },
    });
  }

  get(kind: HomeKind, id: string): Home | undefined {
    return this.claims.get(kind, id);
  }

  /** Whether the id has its home here, or is claimed, and is not on its way to another node. */
  stays(kind: HomeKind, id: string): boolean {
    const found = this.get(kind, id);
    return found !== undefined && found.departure === undefined;
  }

  /** Whether the id came here after it had ended elsewhere, with this number, and is not on its way to another node. */
  isNewer(kind: HomeKind, id: string, number: number): boolean {
    const found = this.get(kind, id);
    if (found === undefined || found.departure !== undefined || claimNumber(found) <= number) return false;
    this.endings.hear(kind, id, number); // what an older home hands over is over
    return true;
  }

  /** The node to which an id moved that left this one recently, or is about to. */
  movedTo(kind: HomeKind, id: string): string | undefined {
    const departure = this.get(kind, id)?.departure;
    return departure === undefined ? this.#traces.nodeOf(homeKey(kind, id)) : departure.to?.node;
  }

  // What the host tells.

  /** A peer connected here. Answered with `adopt` and `release`, or with `dismiss`. */
  connect(kind: HomeKind, id: string): void {
    const found = this.get(kind, id);
    if (found === undefined) {
      const heard = this.#traces.heard(homeKey(kind, id));
      this.#seek(createHome(kind, id, Math.max(heard, this.#known(kind, id)), true));
      return;
    }
    const { departure } = found;
    if (departure !== undefined && departure.parts === undefined) return; // the host closes it when it lets go
    if (departure !== undefined) Object.assign(departure, { cameBack: true, isBack: true });
    else connectedAgain(found);
  }

  /**
   * A peer connected here under an id that no other node knows, so its home is here. Nobody is asked or told; a node that
   * claims the id later gets it.
   */
  own(kind: HomeKind, id: string): void {
    if (this.get(kind, id) === undefined) this.claims.keep(createHome(kind, id, 1, true));
    else this.connect(kind, id);
  }

  /** Its connection has ended; the id stays. */
  disconnect(kind: HomeKind, id: string): void {
    const found = this.get(kind, id);
    if (found === undefined) return;
    if (found.departure !== undefined) found.departure.isBack = false;
    found.connected = false;
    this.#contests.pinged(kind, id, false);
  }

  /** An id without a connection has its home here: it came from a snapshot, or an operator published for it. */
  hold(kind: HomeKind, id: string, number = 1): void {
    if (this.get(kind, id) !== undefined) return;
    const least = Math.max(number, this.endings.numberAfter(kind, id));
    const home = createHome(kind, id, Math.max(least, this.#known(kind, id)), false);
    this.claims.assert(home);
    this.#deps.adopted(home);
  }

  /** The host has removed the id. */
  forget(kind: HomeKind, id: string): void {
    const found = this.get(kind, id);
    if (found === undefined) return;
    this.#traces.leave(found, this.#deps.node);
    this.#drop(found);
  }

  /** Leaves an id without a connection to another node. */
  leave(kind: HomeKind, id: string): void {
    const found = this.get(kind, id);
    if (found !== undefined && !found.connected) this.departures.leave(found);
  }

  /**
   * The answer to `surrender`.
   * @param parts what the next home needs to go on
   * @param seq a device's last event here
   */
  surrendered(kind: HomeKind, id: string, parts: readonly Uint8Array[], seq: number): void {
    const found = this.get(kind, id);
    if (found !== undefined) this.departures.surrendered(found, parts, seq);
  }

  /** The answer to `ping`. */
  pinged(kind: HomeKind, id: string, alive: boolean): void {
    this.#contests.pinged(kind, id, alive);
  }

  // What peers tell.

  onClaim(peer: Peer, claim: Claim): void {
    const { kind, id, number, stamp, fresh, connected } = claim;
    this.claims.took(peer, stamp);
    this.#traces.hear(homeKey(kind, id), number);
    const home = this.get(kind, id);
    if (!connected && this.endings.refuses(peer, kind, id, number)) return;
    if (home === undefined || home.departure !== undefined)
      this.#tellKnown(peer, kind, id, home?.number ?? 0);
    else if (fresh) this.#challenged(home, peer, number);
    else if (!this.claims.isUnheard(home, peer)) this.#meet(home, peer, number, connected, true);
    if (connected && !fresh) this.endings.livesOn(kind, id, number);
    this.endings.tellHome(peer, kind, id);
    if (kind === HomeKind.device) this.#deps.claimSeen(peer, id, number, connected);
  }

  onMine(peer: Peer, { kind, id, number, connected }: Numbered & { readonly connected: boolean }): void {
    this.#traces.hear(homeKey(kind, id), number);
    const home = this.get(kind, id);
    if (home !== undefined && this.claims.isFresh(home, peer)) {
      // It gives way. When the claim was settled without it, what it hands over comes late.
      home.number = Math.max(home.number, home.seek === undefined ? number + 1 : number);
      home.seek?.promised.add(peer);
    } else if (home !== undefined && home.departure === undefined) {
      this.#meet(home, peer, number, connected, false);
    }
  }

  onContest(peer: Peer, { kind, id, number, alive }: Numbered & { readonly alive: boolean }): void {
    const home = this.get(kind, id);
    if (home !== undefined && home.departure === undefined)
      this.#contests.theirs(home, peer, { number, alive });
    else if (number > 0) contestRecord.write(peer.session, { kind, id, number: 0, alive: false });
  }

  // Sessions.

  /** The peer has opened its session. @param skipsClaims see `Claims.sessionOpened` */
  sessionOpened(peer: Peer, skipsClaims: boolean): void {
    this.endings.sessionOpened(peer);
    this.claims.sessionOpened(peer, skipsClaims);
  }

  sessionEnded(peer: Peer): void {
    for (const home of this.#contests.dropPeer(peer)) {
      if (this.get(home.kind, home.id) === home) this.claims.stampAnew(home);
    }
    this.departures.sessionEnded(peer);
  }

  /** The peer will answer nothing any more. */
  peerLost(peer: Peer): void {
    this.claims.peerLost(peer);
    for (const home of [...this.#seeking]) if (home.seek?.promised.delete(peer)) this.#settleIfDone(home);
  }

  tick(): void {
    const now = this.#deps.clock.now();
    this.#contests.tick();
    this.departures.tick();
    for (const home of this.#seeking) {
      if (home.seek!.deadlineMs > now) break;
      this.#settle(home);
    }
  }

  /** No node can be asked any more: settles open claims with what is known. */
  cutOff(): void {
    for (const home of [...this.#seeking]) this.#settle(home);
  }

  // Claims of this node.

  #seek(home: Home): void {
    home.phase = HomePhase.seeking;
    home.seek = createSeek(this.#deps.clock.now());
    this.#seeking.add(home);
    this.claims.ask(home);
    this.#settleIfDone(home);
  }

  #settleIfDone(home: Home): void {
    const { seek } = home;
    if (seek !== undefined && seek.waiting <= 0 && seek.promised.size === 0) this.#settle(home);
  }

  #settle(home: Home): void {
    const seek = home.seek!;
    this.#seeking.delete(home);
    home.seek = undefined;
    home.number = Math.max(home.number + 1, home.sought);
    if (home.phase === HomePhase.passing) {
      this.departures.settled(home, seek.parts ?? []);
      return;
    }
    home.phase = HomePhase.home;
    this.#traces.isBack(home);
    this.#isHome(home, seek.parts);
  }

  #isHome(home: Home, parts: readonly Uint8Array[] | undefined): void {
    this.#deps.host.adopt(home.kind, home.id, parts, false);
    this.#deps.adopted(home);
    this.#deps.host.release(home.kind, home.id);
    if (home.leaves) this.leave(home.kind, home.id);
  }

  // Claims of others.

  #tellKnown(peer: Peer, kind: HomeKind, id: string, own: number): void {
    const number = Math.max(own, this.#known(kind, id));
    if (number > 0) knownRecord.write(peer.session, { kind, id, number });
  }

  /** A new connection was made at another node. */
  #challenged(home: Home, peer: Peer, number: number): void {
    // Concurrent: each claim was sent before the other was answered. Then the numbers decide.
    const concurrent = this.claims.isUnheard(home, peer);
    if (concurrent && outranks(home.sought, this.#deps.node, number, peer.node)) return;
    this.#promise(home, peer);
    this.departures.giveWay(home, peer, home.connected ? SurrenderReason.replaced : SurrenderReason.given);
  }

  /** Two homes for one id have met. @param asked the peer waits to hear whether it must give way */
  #meet(home: Home, peer: Peer, number: number, connected: boolean, asked: boolean): void {
    if (home.connected && connected) {
      this.#deps.figures.conflicts += 1;
      this.#contests.begin(home, peer);
      return;
    }
    const wins =
      home.connected === connected
        ? outranks(claimNumber(home), this.#deps.node, number, peer.node)
        : home.connected;
    if (!wins) {
      home.number = Math.max(home.number, number);
      this.departures.giveWay(home, peer, SurrenderReason.given);
      return;
    }
    home.number = Math.max(home.number, number + 1);
    if (asked) {
      this.#promise(home, peer);
      return;
    }
    // The peer believes that it won, by what was true when it said so.
    this.claims.stampAnew(home);
    this.claims.send(peer, home);
  }

  /** Tells the peer that this node is the home; for a fresh claim, that a hand-over follows. */
  #promise(home: Home, peer: Peer): void {
    const { kind, id, number, connected } = home;
    mineRecord.write(peer.session, { kind, id, number, connected });
  }

  /** Becomes the home of an id without a connection; a node that is draining leaves the id to the next one. */
  #keep(home: Home, parts: readonly Uint8Array[]): void {
    this.claims.assert(home);
    home.leaves = this.#deps.host.figures().draining;
    this.#isHome(home, parts);
  }

  #known(kind: HomeKind, id: string): number {
    const past = Math.max(this.#traces.number(homeKey(kind, id)), this.endings.number(kind, id));
    return kind === HomeKind.device ? Math.max(past, this.#deps.knownNumber(id)) : past;
  }

  #drop(home: Home): void {
    this.#seeking.delete(home);
    home.seek = undefined;
    this.departures.over(home);
    this.#contests.drop(home);
    this.claims.delete(home);
    this.#deps.dropped(home);
  }
}
