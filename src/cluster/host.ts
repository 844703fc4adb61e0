/**
 * What the cluster link needs of the hub that it is an edge of, and what the hub needs of the link. In the hub, both
 * are records with meaning in the edge's ring pair; in tests, a host in memory. Cluster thread only.
 *
 * What the link tells the host must be taken in the order in which it was told, and so the other way round.
 */
import type { AccessRule } from '../access/rules.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { DeviceState } from '../presence/lifecycle.ts';
import type { StreamPosition } from '../wire/events.ts';
import type { HomeKind, Level } from './records.ts';

/** A device as its home knows it at one moment. */
export interface HomeDevice {
  readonly epoch: string;
  /** Its last event. */
  readonly seq: number;
  readonly state: Exclude<DeviceState, 0>;
  /** As the device told it, '' none. */
  readonly status: string;
  /** Wall-clock ms of the home, 0 never. */
  readonly lastSeen: number;
}

/** The answer to a follow: `seq` is where the stream starts, `state` how the device is once all of it has come. */
export interface StreamStart extends HomeDevice {
  /** How the device was at `seq`: the events that come first may change it. */
  readonly startState: HomeDevice['state'];
}

/** What a node asks of the home of a device. */
export interface FollowRequest {
  /** Comes back in the answer. */
  readonly request: number;
  readonly level: Level;
  /** A subscription by id is among them: the device stays in the table while it is offline. */
  readonly holds: boolean;
  /** Replay what came after it, when the epoch is the same. */
  readonly since: StreamPosition | undefined;
  /** Where the epoch is another, or nothing is known: replay all that came since the device's last claim. */
  readonly fromClaim: boolean;
}

export const SurrenderReason = { replaced: 'replaced', conflict: 'conflict', given: 'given' } as const;
/** `replaced` closes a connection with 4004, `conflict` with 4200, `given` means that there is none. */
export type SurrenderReason = (typeof SurrenderReason)[keyof typeof SurrenderReason];

/** A page of the ids that have their home here. */
export interface ListPage {
  /** At most `LIST_IDS_MAX`. */
  readonly ids: readonly string[];
  /** '' : these were the last. */
  readonly cursor: string;
}

export interface HistoryQuery {
  /** '' : the present epoch. */
  readonly epoch: string;
  /** Kept events with `after` < seq < `before`, the newest `max` of them, oldest first. */
  readonly after: number;
  readonly before: number;
  readonly max: number;
}

/** One change of what operators set. `undefined` takes it away. */
export type OperatorChange =
  | {
      readonly kind: 'pair';
      readonly device: string;
      readonly subscriber: string;
      readonly access: 'allow' | 'deny' | undefined;
    }
  | { readonly kind: 'vip'; readonly subscriber: string; readonly vip: boolean }
  | { readonly kind: 'rules'; readonly rules: readonly AccessRule[] };

export interface CallAnswer {
  /** As of HTTP. */
  readonly status: number;
  readonly body: Uint8Array;
}

/** What a beat says of the hub. */
export interface HostFigures {
  readonly devices: number;
  readonly subscribers: number;
  readonly eventsPerSecond: number;
  readonly draining: boolean;
}

/** The hub, as the link sees it. */
export interface ClusterHost {
  // Devices with another home: the link publishes for them. `ref` names one while it is followed.

  /**
   * A followed device's home was found, or told anew where it stands, as it does when `want` raised the level; as `Join`. Replaces what was told before: `seq` is
   * the last event that was passed on, so a new epoch starts wherever its home says.
   */
  remote(ref: number, id: string, start: StreamStart, node: string): void;
  /**
   * An event with its number; its device field holds `ref`.
   * @returns false when the ring refused it: it is told as a gap, with the next one or when there is room again
   */
  event(ref: number, views: RecordViews, offset: number, bytes: number): boolean;
  /** Whether nothing that the host was told waits for room. */
  hasRoom(): boolean;
  /** Events that nobody will get; reason `cluster`. */
  gap(ref: number, from: number, to: number): void;
  /** The home was called lost: offline, `node lost`, unless `remote` or `adopt` follow within the leave grace. */
  lost(ref: number): void;
  /** All up to where the device was when it was joined has been passed on: from here on its events are live. */
  caughtUp(ref: number): void;
  /** The home has removed the device. @param terminated by an operator */
  gone(ref: number, terminated: boolean): void;
  /**
   * The lookup that `want` began is over: the answer to `subscribe` waits no longer. `found` is false when every node
   * said "not here", or nobody answered in time; `remote` may still follow.
   */
  settled(id: string, found: boolean): void;
  /** Devices that a filter asked for; `done` once every node has told all of its own, or is gone. */
  listed(prefix: string, ids: readonly string[], done: boolean): void;
  /** A claimed device that matches a filter. */
  appeared(id: string): void;

  // Nodes that follow devices with their home here: subscribers of the kind `peer`.

  /** `peer` names a session with a node; as `Join`. */
  peerJoined(peer: number, node: string): void;
  /** The session is over: as a subscriber that disconnects. The same node may join again under another number. */
  peerLeft(peer: number): void;
  /**
   * The node follows a device, or changes how; as `Request`. Answered with `followed`, then replayed events with
   * `replay`, then `upTo`; or with `unfollowed`.
   */
  follow(peer: number, id: string, request: FollowRequest): void;
  unfollow(peer: number, id: string): void;
  /** Ids of devices with their home here that match; a prefix of '' matches all. */
  list(prefix: string, cursor: string): ListPage;
  /** Answered with `past` for each event, then `pastEnd`. */
  history(peer: number, request: number, id: string, query: HistoryQuery): void;
  /** An event of the past that was asked for; `historyDone` ends a page. */
  past(request: number, views: RecordViews, offset: number, bytes: number): void;
  historyDone(request: number, found: boolean, more: boolean, epoch: string): void;

  // Homes.

  /**
   * Answers `connect`, unless `surrender` does: this node is the home. `parts` hold what the old home handed over, in the form that the host's own `surrendered` gave;
   * none begins anew. `late`: it was the home already, and what it numbered stands. A host without room for the id tells
   * `forget`.
   */
  adopt(kind: HomeKind, id: string, parts: readonly Uint8Array[] | undefined, late: boolean): void;
  /** What the device sent since it connected may be numbered now: followers that waited are in place. */
  release(kind: HomeKind, id: string): void;
  /**
   * Close the connection, also one that is not adopted yet, forget the id, and answer with `surrendered`. Nothing is
   * broadcast. Where a device still has subscriptions here, tell `want` first: so the follow is at the new home before
   * its numbering is.
   */
  surrender(kind: HomeKind, id: string, reason: SurrenderReason): void;
  /** Send a ping; answered with `pinged`. */
  ping(kind: HomeKind, id: string): void;

  // Operators.

  /** Obey these; answered with `applied` when they hold for every event received from then on. */
  apply(changes: readonly OperatorChange[], revision: number): void;
  /** Runs a route on this node for another. */
  call(name: string, body: Uint8Array): Promise<CallAnswer>;

  figures(): HostFigures;
  /** Where the link stands, for `/readyz` and logs. */
  phase(phase: 'joining' | 'claiming' | 'in' | 'fenced'): void;
  /** Another process uses this node's id. */
  duplicate(): void;
}
