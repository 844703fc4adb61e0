/**
 * Ids that leave this node: the host lets them go, and what it gave goes to the next home. Which id leaves, `homes.ts`
 * decides. Cluster thread only.
 */
import type { Endings } from './endings.ts';
import { HandOvers } from './hand-overs.ts';
import { changed, createHome, depart, type Home, HomePhase } from './home.ts';
import type { HomesDeps, Numbered } from './homes-deps.ts';
import { SurrenderReason } from './host.ts';
import { Leaves } from './leaves.ts';
import type { Peer } from './peer.ts';
import { HomeKind } from './records.ts';
import { addParts } from './seek.ts';
import type { Traces } from './traces.ts';

export interface DeparturesDeps {
  readonly homes: HomesDeps;
  readonly endings: Endings;
  readonly traces: Traces;
  get(kind: HomeKind, id: string): Home | undefined;
  /** The id has no home here any more. */
  drop(home: Home): void;
  /** The id stays, with what was to be handed over. */
  keep(home: Home, parts: readonly Uint8Array[]): void;
  /** Something arrived for a claim that waits. */
  settleIfDone(home: Home): void;
  /** Its peer connected here once more while it left; and whether it still is. */
  cameBack(home: Home, isBack: boolean): void;
}

export class Departures {
  readonly #deps: DeparturesDeps;
  readonly #handOvers = new HandOvers();
  readonly #leaves = new Leaves({
    keeperOf: (id) => this.#deps.homes.keeperOf(id),
    depart: (home) => this.#depart(home, undefined, SurrenderReason.given),
    handOver: (home) => this.#goOn(home),
  });

  constructor(deps: DeparturesDeps) {
    this.#deps = deps;
  }

  /** Hand-overs of subscribers that other nodes have not acknowledged, as of the last tick. */
  get onTheirWay(): number {
    return this.#handOvers.count;
  }

  /** Whether something is left that somebody takes. */
  get isBusy(): boolean {
    return this.#leaves.isBusy;
  }

  /** Leaves a home without a connection to another node, in its turn. Where there is none, it stays. */
  leave(home: Home): void {
    if (home.phase === HomePhase.seeking) home.leaves = true;
    if (home.phase === HomePhase.home) this.#leaves.add(home);
  }

  /** The id goes to the peer. */
  giveWay(home: Home, peer: Peer, reason: SurrenderReason): void {
    if (home.departure !== undefined) return;
    if (home.seek !== undefined) this.#lose(home, peer);
    else this.#depart(home, peer, reason);
  }

  /** The host has let it go. @param seq a device's last event here */
  surrendered(home: Home, parts: readonly Uint8Array[], seq: number): void {
    if (home.departure === undefined || home.departure.parts !== undefined) return;
    Object.assign(home.departure, { parts, seq });
    if (home.phase === HomePhase.leaving) this.#leaves.letGo(home);
    else if (home.seek === undefined) this.#passOn(home);
  }

  /** A claim that was lost has its answers. @param late what was handed over to this node meanwhile */
  settled(home: Home, late: readonly Uint8Array[]): void {
    home.departure!.late = late;
    if (home.departure!.parts !== undefined) this.#passOn(home);
  }

  /** The id is dropped. */
  over(home: Home): void {
    this.#leaves.over(home);
  }

  /** A peer hands an id over. */
  onHandOver(peer: Peer, numbered: Numbered, handed: readonly Uint8Array[]): void {
    const { kind, id, number } = numbered;
    const { endings, get, keep } = this.#deps;
    const isNew = this.#handOvers.take(peer, numbered) && !endings.isOver(kind, id, number);
    const parts = isNew ? handed : [];
    const home = get(kind, id);
    home?.seek?.promised.delete(peer);
    if (home !== undefined) this.#add(home, number, parts);
    else if (parts.length > 0) keep(createHome(kind, id, number + 1, false), parts);
  }

  /** Keeps what the peer was given and may not have, under its old number: what the peer has made of it is newer. */
  sessionEnded(peer: Peer): void {
    const { endings, get, keep } = this.#deps;
    for (const { kind, id, number, parts } of this.#handOvers.sessionEnded(peer)) {
      if (endings.isOver(kind, id, number)) continue;
      const found = get(kind, id);
      if (found !== undefined) this.#add(found, number, parts);
      else keep({ ...createHome(kind, id, number, false), returned: number }, parts);
    }
  }

  tick(): void {
    this.#leaves.goOn();
    this.#handOvers.tick();
  }

  #depart(home: Home, to: Peer | undefined, reason: SurrenderReason): void {
    depart(home, HomePhase.leaving, to);
    const { figures, host } = this.#deps.homes;
    if (reason === SurrenderReason.replaced) figures.takeovers += 1;
    host.surrender(home.kind, home.id, reason);
  }

  /** Loses while seeking: closes the connection, and passes on what is handed over to this node. */
  #lose(home: Home, peer: Peer): void {
    depart(home, HomePhase.passing, peer);
    this.#deps.homes.host.surrender(home.kind, home.id, SurrenderReason.replaced);
    this.#deps.settleIfDone(home);
  }

  /** What leaves is handed over. */
  #goOn(home: Home): void {
    const { homes, endings, traces, drop, keep } = this.#deps;
    const { kind, id, number } = home;
    const { to, parts: own, late, seq } = home.departure!;
    const parts = [...own!, ...late];
    const peer = to?.isOpen ? to : to === undefined ? homes.keeperOf(id) : undefined;
    drop(home);
    if (peer === undefined) {
      if (kind === HomeKind.device) homes.letGo(id);
      // Nobody is there to take it. It stays, unless it has ended: a connection made here next would have it again.
      if (!endings.isOver(kind, id, number)) keep(createHome(kind, id, number + 1, false), parts);
    } else {
      endings.tellHome(peer, kind, id);
      this.#handOvers.give(peer, home, parts, to === undefined);
      traces.leave(home, peer.node);
      if (kind === HomeKind.device) homes.movedAway(id, peer, number, seq);
    }
    this.#comeBack(home);
  }

  #passOn(home: Home): void {
    const { homes, traces, drop, keep } = this.#deps;
    const { to, late, parts: own } = home.departure!;
    const parts = [...late, ...own!];
    drop(home);
    traces.leave(home, to!.node);
    if (to!.isOpen) this.#handOvers.give(to!, home, parts, false);
    else if (home.kind === HomeKind.device && late.length === 0)
      homes.host.adopt(home.kind, home.id, parts, true); // no numbering is among it: nothing to be the home of
    else if (parts.length > 0) keep(createHome(home.kind, home.id, home.number, false), parts);
    this.#comeBack(home);
  }

  #comeBack(home: Home): void {
    if (home.departure?.cameBack === true) this.#deps.cameBack(home, home.departure.isBack);
  }

  /** More of an id that is here, is claimed, or leaves. */
  #add(home: Home, number: number, parts: readonly Uint8Array[]): void {
    const { kind, id, seek, departure } = home;
    if (seek !== undefined) {
      home.number = Math.max(home.number, number);
      addParts(seek, number, parts);
      this.#deps.settleIfDone(home);
    } else if (departure !== undefined) {
      departure.late = [...departure.late, ...parts];
    } else if (parts.length > 0) {
      changed(home);
      this.#deps.homes.host.adopt(kind, id, parts, true);
    }
  }
}
