/**
 * The interface between the cluster link and its hub. In the hub, calls in both directions are records in the edge's
 * ring pair; in tests, the host is in memory. Cluster thread only.
 *
 * Each side must process the other's calls in order.
 */
import type { AccessRule } from '../access/rules.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { DeviceState } from '../presence/lifecycle.ts';
import type { StreamPosition } from '../wire/events.ts';
import type { HomeKind, Level } from './records.ts';

/** A device's state at its home, at one moment. */
export interface HomeDevice {
  readonly epoch: string;
  /** Its last event. */
  readonly seq: number;
  readonly state: Exclude<DeviceState, 0>;
  /** The device's own status, '' none. */
  readonly status: string;
  /** Wall-clock ms of the home, 0 never. */
  readonly lastSeen: number;
}

/**
 * The answer to a follow: `seq` is where the stream starts, `state` the device's state once the replayed events have
 * come.
 */
export interface StreamStart extends HomeDevice {
  /** The device's state at `seq`: the first events may change it. */
  readonly startState: HomeDevice['state'];
}

/** A node's request to the home of a device. */
export interface FollowRequest {
  /** Repeated in the answer. */
  readonly request: number;
  readonly level: Level;
  /** A subscription by id is among them: the device stays in the table while it is offline. */
  readonly holds: boolean;
  /** Replay what came after this position, if the epoch is the same. */
  readonly since: StreamPosition | undefined;
  /** If the epoch differs, or nothing is known: replay everything since the device's last claim. */
  readonly fromClaim: boolean;
}

export const SurrenderReason = { replaced: 'replaced', conflict: 'conflict', given: 'given' } as const;
/** `replaced` closes a connection with 4004, `conflict` with 4200; with `given` there is no connection. */
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

/** One change of what operators set. `undefined` removes it. */
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

/** What a beat says about the hub. */
export interface HostFigures {
  readonly devices: number;
  readonly subscribers: number;
  readonly eventsPerSecond: number;
  readonly draining: boolean;
}

/** The hub, as seen by the link. */
export interface ClusterHost {
  // Devices with another home: the link publishes for them. `ref` names one while it is followed.

  /**
   * A followed device's home was found, or reported its position again, as it does when `want` raises the level; as
   * `Join`. Replaces earlier reports: `seq` is the last event that was passed on, so a new epoch starts where its home
   * says.
   */
  remote(ref: number, id: string, start: StreamStart, node: string): void;
  /**
   * An event with its number; its device field holds `ref`. @returns false if the ring refused it: a gap reports it,
   * with the next event or when there is room again
   */
  event(ref: number, views: RecordViews, offset: number, bytes: number): boolean;
  /** Whether no record to the host waits for room. */
  hasRoom(): boolean;
  /** Events that will not be delivered; reason `cluster`. */
  gap(ref: number, from: number, to: number): void;
  /** The home was called lost: offline, `node lost`, unless `remote` or `adopt` follow within the leave grace. */
  lost(ref: number): void;
  /** Everything up to the device's position at the follow has been passed on: from now on its events are live. */
  caughtUp(ref: number): void;
  /** The home has removed the device. @param terminated by an operator */
  gone(ref: number, terminated: boolean): void;
  /**
   * The lookup that `want` began has ended: the answer to `subscribe` no longer waits for it. `found` is false if every
   * node said "not here", or none answered in time; `remote` may still follow.
   */
  settled(id: string, found: boolean): void;
  /** Devices that match a filter; `done` once every node has listed all its devices, or is gone. */
  listed(prefix: string, ids: readonly string[], done: boolean): void;
  /** A claimed device that matches a filter. */
  appeared(id: string): void;

  // Nodes that follow devices with their home here: subscribers of the kind `peer`.

  /** `peer` names a session with a node; as `Join`. */
  peerJoined(peer: number, node: string): void;
  /** The session has ended, as when a subscriber disconnects. The same node may join again under another number. */
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
  /**
   * An event of the past that was asked for; `historyDone` ends a page. `found` false: the home has nothing of that epoch,
   * or, with `more`, did not answer.
   */
  past(request: number, views: RecordViews, offset: number, bytes: number): void;
  historyDone(request: number, found: boolean, more: boolean, epoch: string): void;

  // Homes.

  /**
   * Answers `connect`, unless `surrender` does: this node is the home. `parts` hold what the old home handed over, in
   * the form that the host's own `surrendered` uses; without parts, the id starts fresh. `late`: this node was already
   * the home, and its numbers stay valid. A host without room for the id answers with `forget`.
   */
  adopt(kind: HomeKind, id: string, parts: readonly Uint8Array[] | undefined, late: boolean): void;
  /** What the device has sent since it connected may be numbered now, because waiting followers are in place. */
  release(kind: HomeKind, id: string): void;
  /**
   * Close the connection, even if it is not adopted yet, forget the id, and answer with `surrendered`. Nothing is
   * broadcast. If a device still has subscriptions here, call `want` first, so that the follow reaches the new home
   * before the numbering does.
   */
  surrender(kind: HomeKind, id: string, reason: SurrenderReason): void;
  /** Send a ping; answered with `pinged`. */
  ping(kind: HomeKind, id: string): void;

  // Operators.

  /** Apply these changes; answered with `applied` once they apply to every event received from then on. */
  apply(changes: readonly OperatorChange[], revision: number): void;
  /** Runs a route on this node for another node. */
  call(name: string, body: Uint8Array): Promise<CallAnswer>;

  figures(): HostFigures;
  /** The link's phase, for `/readyz` and logs. */
  phase(phase: 'joining' | 'claiming' | 'in' | 'fenced'): void;
  /** Another process uses this node's id. */
  duplicate(): void;
}
