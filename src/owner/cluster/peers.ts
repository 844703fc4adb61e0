/**
 * Other nodes that follow devices with their home here. Each counts as one subscriber with the status that it names, so
 * one set of counts decides whether anybody listens and which events take a number. Owner thread only.
 */

import { toWallMs } from '../../clock.ts';
import { Level, Unfollow } from '../../cluster/records.ts';
import { Numbering } from '../../presence/columns.ts';
import { toLink } from '../../records/cluster.ts';
import { epochName } from '../../wire/events.ts';
import type { LastNumber } from './claims.ts';
import type { ClusterContext } from './context.ts';

/** What a node asks. */
export interface PeerFollow {
  readonly peer: number;
  readonly request: number;
  readonly id: string;
  readonly level: number;
  readonly holds: boolean;
  readonly since: boolean;
  readonly fromClaim: boolean;
  readonly epoch: string;
  readonly seq: number;
}

export interface PeerNodesDeps extends ClusterContext {
  /** The device's number when this node became its home. */
  readonly baseOf: (slot: number) => LastNumber;
}

interface Follow {
  readonly level: Level;
  readonly holds: boolean;
}

interface PeerNode {
  readonly node: string;
  /** By device slot. */
  readonly follows: Map<number, Follow>;
  /** Hub clock, ms, when the follows of a node that left expire; infinity while the node is there. */
  untilMs: number;
}

export class PeerNodes {
  readonly #deps: PeerNodesDeps;
  /** By the number of the session with the node. */
  readonly #peers = new Map<number, PeerNode>();
  /** Sessions with nodes that left. */
  readonly #left = new Set<number>();

  constructor(deps: PeerNodesDeps) {
    this.#deps = deps;
  }

  joined(number: number, node: string): void {
    this.#peers.set(number, { node, follows: new Map(), untilMs: Number.POSITIVE_INFINITY });
  }

  /** The node left, like a subscriber that disconnects: until its follows expire, events take numbers for it. */
  left(number: number): void {
    const peer = this.#peers.get(number);
    if (peer === undefined) return;
    const { clock, settings } = this.#deps;
    peer.untilMs = clock.now() + settings.subscriberRemoveAfterMs;
    this.#left.add(number);
    for (const [slot, { level, holds }] of [...peer.follows]) {
      this.#set(peer, slot, { level: level === Level.active ? Level.waiting : level, holds });
    }
  }

  /** A node follows a device, or changes how. */
  follow({ peer: number, request, id, level, holds, since, fromClaim, epoch, seq }: PeerFollow): void {
    const { registry, link, clock } = this.#deps;
    const { rows } = registry.devices;
    const peer = this.#peers.get(number);
    if (peer === undefined) return;
    const slot = registry.deviceOf(id);
    if (slot < 0 || rows.home[slot] !== Numbering.here) {
      link.tell(toLink.unfollowed, { peer: number, request, id, why: Unfollow.notHere });
      return;
    }
    this.#forgetLeft(peer.node, slot);
    this.#set(peer, slot, { level: level as Level, holds });
    const last = rows.seq[slot]!;
    const own = epochName(rows.epoch[slot]!);
    const goesOn = since && epoch === own && seq <= last;
    const state = rows.deviceState[slot]!;
    const base = this.#deps.baseOf(slot);
    const isWhole = !goesOn && fromClaim && base.seq < last; // all that came of this claim
    link.tell(toLink.followed, {
      peer: number,
      request,
      id,
      slot,
      level,
      generation: rows.generation[slot]!,
      start: goesOn ? seq : isWhole ? base.seq : last,
      seq: last,
      epoch: own,
      state,
      startState: isWhole ? base.state : state,
      status: registry.deviceStatus(slot),
      lastSeen: toWallMs(clock, Number(Atomics.load(rows.lastSeen, slot))),
    });
  }

  unfollow(number: number, id: string): void {
    const slot = this.#deps.registry.deviceOf(id);
    const peer = this.#peers.get(number);
    if (peer !== undefined && slot >= 0) this.#set(peer, slot, undefined);
  }

  /** The device no longer has its home here. */
  deviceLeft(slot: number): void {
    for (const peer of this.#peers.values()) this.#set(peer, slot, undefined, false);
  }

  /** Removes the follows of nodes that left, after the same time as those of a lost subscriber. */
  tick(): void {
    if (this.#left.size === 0) return;
    const now = this.#deps.clock.now();
    for (const number of [...this.#left]) if (this.#peers.get(number)!.untilMs <= now) this.#drop(number);
  }

  /** The link has restarted: nodes that follow will say so again. */
  reset(): void {
    for (const number of [...this.#peers.keys()]) this.#drop(number);
  }

  #drop(number: number): void {
    const peer = this.#peers.get(number)!;
    for (const slot of [...peer.follows.keys()]) this.#set(peer, slot, undefined);
    this.#peers.delete(number);
    this.#left.delete(number);
  }

  /** The node has joined again, and has said again what it needs from the device. */
  #forgetLeft(node: string, slot: number): void {
    for (const number of this.#left) {
      const peer = this.#peers.get(number)!;
      if (peer.node === node) this.#set(peer, slot, undefined);
    }
  }

  /** @param stays whether the device's row does */
  #set(peer: PeerNode, slot: number, after: Follow | undefined, stays = true): void {
    const before = peer.follows.get(slot);
    if (before === undefined && after === undefined) return;
    const { registry, devices, edge } = this.#deps;
    if (after === undefined) peer.follows.delete(slot);
    else peer.follows.set(slot, after);
    const active = one(after?.level === Level.active) - one(before?.level === Level.active);
    const waiting = one(after?.level === Level.waiting) - one(before?.level === Level.waiting);
    const held = one(after?.holds) - one(before?.holds);
    if (active !== 0) registry.countPeer(slot, edge, active as 1 | -1);
    if (waiting !== 0) registry.countPeerWaiting(slot, waiting as 1 | -1);
    if (held === 0) return;
    registry.countPeerHolder(slot, held as 1 | -1);
    if (stays) devices.unwatched(slot);
  }
}

function one(is: boolean | undefined): number {
  return is === true ? 1 : 0;
}
