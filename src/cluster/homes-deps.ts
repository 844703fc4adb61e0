/** The dependencies of `homes.ts`, and the records of peers that it handles. */
import type { Clock } from '../clock.ts';
import type { LinkCounts } from './figures.ts';
import type { Home } from './home.ts';
import type { ClusterHost } from './host.ts';
import type { Peer } from './peer.ts';
import type { HomeKind } from './records.ts';
import type { WireValues } from './wire.ts';

export interface HomesDeps {
  readonly clock: Clock;
  readonly node: string;
  readonly figures: LinkCounts;
  readonly host: ClusterHost;
  /** Nodes that must be asked: alive, and not fenced or still joining. */
  askable(): Iterable<Peer>;
  /** The node to which an id is left, undefined if there is none. */
  keeperOf(id: string): Peer | undefined;
  /** The highest number of a device's claim that this node knows as a follower, 0 none. */
  knownNumber(id: string): number;
  /** Another node claims a device. */
  claimSeen(peer: Peer, id: string, number: number, connected: boolean): void;
  /** The node is the home, and its host knows; called before events are numbered. */
  adopted(home: Home): void;
  /** The id has no home here any more. */
  dropped(home: Home): void;
  /** A device left for another node; `seq` was its last event here. */
  movedAway(id: string, to: Peer, number: number, seq: number): void;
  /** The host has let a device go, and no other node takes it. */
  letGo(id: string): void;
}

/** A peer's claim. */
export type Claim = WireValues<{
  stamp: 'count';
  number: 'count';
  fresh: 'flag';
  connected: 'flag';
  id: 'id';
}> & {
  readonly kind: HomeKind;
};

/** The fields of most records about an id. */
export interface Numbered {
  readonly kind: HomeKind;
  readonly id: string;
  /** Of a claim. */
  readonly number: number;
}
