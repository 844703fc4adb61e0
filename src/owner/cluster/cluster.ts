/**
 * The owner's side of the cluster: handles the records of the link, and tells the link what it must know. Owner thread
 * only. The protocol between nodes: docs/cluster.md.
 */
import type { SurrenderReason } from '../../cluster/host.ts';
import { WAIT_MS } from '../../cluster/limits.ts';
import { HomeKind } from '../../cluster/records.ts';
import { highWater } from '../../memory/layout.ts';
import type { RecordViews, RingConsumer } from '../../memory/ring.ts';
import { NONE, Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import { FromLinkRecord, fromLink, toLink } from '../../records/cluster.ts';
import { EVENT_KIND } from '../../records/event.ts';
import { edgeOf } from '../../records/sessions.ts';
import { Backfills } from './backfills.ts';
import { DeviceClaims } from './claims.ts';
import type { ClusterContext } from './context.ts';
import { GatewayClaims } from './gateways.ts';
import { Levels } from './levels.ts';
import { Listings } from './listings.ts';
import { SubscriberMoves } from './moves.ts';
import { OperatorState } from './operator-state.ts';
import { PeerNodes } from './peers.ts';
import { Positions } from './positions.ts';
import { Remotes } from './remotes.ts';
import { Waits } from './waits.ts';

type Take = (views: RecordViews, offset: number) => void;

export class Cluster {
  readonly #context: ClusterContext;
  readonly #levels: Levels;
  readonly #backfills: Backfills;
  readonly #remotes: Remotes;
  readonly #claims: DeviceClaims;
  readonly #peers: PeerNodes;
  readonly #listings: Listings;
  readonly #waits: Waits;
  readonly #operatorState: OperatorState;
  readonly #moves: SubscriberMoves;
  readonly #gateways: GatewayClaims;
  /** Parts of an id that is handed over, until its `Adopt`. */
  readonly #parts = new Map<string, Uint8Array[]>();
  readonly #takes: Readonly<Record<number, Take>>;
  /** There is a link, and it knows what is here. */
  #isLinked = false;

  constructor(context: ClusterContext) {
    this.#context = context;
    const { registry, devices, subscribers } = context;
    const settled = (slot: number): void => {
      this.#waits.settled(slot);
      this.#listings.settled(slot);
    };
    this.#levels = new Levels(context);
    this.#backfills = new Backfills({ ...context, filled: (slot) => this.#waits.filled(slot) });
    const positions = new Positions(registry);
    const shared = { ...context, levels: this.#levels, backfills: this.#backfills, positions, settled };
    this.#remotes = new Remotes({ ...shared, isSoughtByFilters: (slot) => this.#listings.isLookedUp(slot) });
    this.#claims = new DeviceClaims({
      ...shared,
      remotes: this.#remotes,
      left: (slot) => this.#peers.deviceLeft(slot),
    });
    this.#peers = new PeerNodes({ ...context, baseOf: (slot) => this.#claims.baseOf(slot) });
    this.#listings = new Listings({
      ...shared,
      found: (prefix, slot) => this.#waits.found(prefix, slot),
      listed: (prefix) => this.#waits.listed(prefix),
    });
    this.#waits = new Waits({ ...shared, remotes: this.#remotes, listings: this.#listings });
    this.#moves = new SubscriberMoves(context);
    this.#gateways = new GatewayClaims(context);
    this.#operatorState = new OperatorState(context);
    this.#takes = { ...this.#ofFollows(), ...this.#ofHomes() };
    devices.homes = this.#claims;
    subscribers.waits = this.#waits;
    subscribers.homes = this.#moves;
    context.gateways.homes = this.#gateways;
    registry.levelChanged = (slot) => {
      if (registry.devices.rows.home[slot] === Numbering.elsewhere) this.#levels.changed(slot);
    };
    context.filters.allowed = (device) => this.#listings.allowed(device);
    registry.filters.prefixesChanged = () => this.#listings.review();
  }

  /** A device's row was created: it is not yet known which node is its home, if any. */
  deviceMade(slot: number): void {
    Atomics.store(this.#context.registry.devices.rows.home, slot, Numbering.elsewhere);
  }

  deviceFreed(slot: number): void {
    this.#waits.freed(slot);
    this.#listings.freed(slot);
    this.#claims.freed(slot);
  }

  take({ kind, views }: RingConsumer, offset: number): void {
    const take = this.#takes[kind];
    if (take === undefined) throw new Error(`record of kind ${kind} from the cluster link`);
    take(views, offset);
  }

  /** The hub drains: hands what it keeps without a connection to other nodes. */
  leaveAll(): void {
    const { registry, link } = this.#context;
    const { home, known, session, deviceState } = registry.devices.rows;
    for (let slot = 0; slot < highWater(registry.devices); slot++) {
      const isKept = deviceState[slot] !== DeviceState.free && known[slot] === 1 && session[slot] === NONE;
      if (isKept && home[slot] === Numbering.here)
        link.tell(toLink.leave, { kind: HomeKind.device, id: registry.deviceId(slot) });
    }
    this.#moves.leaveAll();
  }

  /**
   * The link's thread has died: what it was told and had not passed on is lost. Its own records up to then are still
   * valid.
   */
  linkGone(): void {
    this.#isLinked = false;
    this.#moves.linkGone();
  }

  /** Once per poll: tells the link what has changed since the last call. */
  flush(): void {
    if (!this.#isLinked) this.#goOnAlone();
    this.#operatorState.step();
    this.#moves.step();
    this.#backfills.tick();
    this.#waits.tick();
    this.#peers.tick();
    this.#listings.flush();
    this.#levels.flush();
  }

  untilNextMs(now: number): number {
    if (this.#operatorState.hasReady || this.#moves.hasReady) return 0;
    const untilMs = Math.min(this.#waits.untilNextMs(now), this.#backfills.untilNextMs);
    if (this.#isLinked) return untilMs;
    const sinceMs = Math.min(this.#claims.waitingSinceMs, this.#moves.waitingSinceMs);
    return Math.min(untilMs, Math.max(0, sinceMs + WAIT_MS - now));
  }

  /**
   * Without a link no node can be asked, and while NATS is away no link will start: admits the peers that have waited.
   */
  #goOnAlone(): void {
    const atMs = this.#context.clock.now() - WAIT_MS;
    for (const id of this.#claims.waitingFrom(atMs)) {
      this.#claims.adopt(id, undefined, false);
      this.#claims.release(id);
    }
    for (const id of this.#moves.waitingFrom(atMs)) {
      this.#moves.adopt(id, undefined);
      this.#moves.release(id);
    }
  }

  #ofFollows(): Readonly<Record<number, Take>> {
    const remotes = this.#remotes;
    const peers = this.#peers;
    return {
      [EVENT_KIND]: (views, offset) => remotes.event(views, offset),
      [FromLinkRecord.Hello]: () => this.#hello(),
      [FromLinkRecord.PeerJoined]: (...at) => {
        const { peer, node } = fromLink.peerJoined.read(...at);
        peers.joined(peer, node);
      },
      [FromLinkRecord.PeerLeft]: (...at) => peers.left(fromLink.peerLeft.read(...at).peer),
      [FromLinkRecord.Follow]: (...at) => peers.follow(fromLink.follow.read(...at)),
      [FromLinkRecord.Unfollow]: (...at) => {
        const { peer, id } = fromLink.unfollow.read(...at);
        peers.unfollow(peer, id);
      },
      [FromLinkRecord.Remote]: (...at) => remotes.entry(fromLink.remote.read(...at)),
      [FromLinkRecord.RemoteGap]: (...at) => {
        const { ref, from, to } = fromLink.remoteGap.read(...at);
        remotes.gap(ref, from, to);
      },
      [FromLinkRecord.CaughtUp]: (...at) => remotes.caughtUp(fromLink.caughtUp.read(...at).ref),
      [FromLinkRecord.Lost]: (...at) => remotes.lost(fromLink.lost.read(...at).ref),
      [FromLinkRecord.Gone]: (...at) => {
        const { ref, terminated } = fromLink.gone.read(...at);
        remotes.gone(ref, terminated);
      },
      [FromLinkRecord.Settled]: (...at) => {
        const { id, found } = fromLink.settled.read(...at);
        if (!found) remotes.nowhere(id);
      },
      [FromLinkRecord.Listed]: (...at) => {
        const { prefix, ids, done } = fromLink.listed.read(...at);
        this.#listings.told(prefix, ids === '' ? [] : ids.split('\n'), done);
      },
      [FromLinkRecord.Past]: (...at) => {
        const { request, event } = fromLink.past.read(...at);
        this.#backfills.past(request, event);
      },
      [FromLinkRecord.PastEnd]: (...at) => {
        const { request, found, more } = fromLink.pastEnd.read(...at);
        this.#backfills.pastEnd(request, found, more);
      },
      [FromLinkRecord.Appeared]: (...at) => this.#listings.appeared(fromLink.appeared.read(...at).id),
    };
  }

  #ofHomes(): Readonly<Record<number, Take>> {
    const claims = this.#claims;
    return {
      [FromLinkRecord.AdoptPart]: (...at) => {
        const { kind, id, part } = fromLink.adoptPart.read(...at);
        const parts = this.#parts.get(keyOf(kind, id));
        if (parts === undefined) this.#parts.set(keyOf(kind, id), [part]);
        else parts.push(part);
      },
      [FromLinkRecord.Adopt]: (...at) => {
        const { kind, id, hasParts, late } = fromLink.adopt.read(...at);
        const parts = hasParts ? (this.#parts.get(keyOf(kind, id)) ?? []) : undefined;
        this.#parts.delete(keyOf(kind, id));
        if (kind === HomeKind.device) claims.adopt(id, parts, late);
        else if (kind === HomeKind.subscriber) this.#moves.adopt(id, parts);
        else this.#gateways.adopt(id);
      },
      [FromLinkRecord.Release]: (...at) => {
        const { kind, id } = fromLink.release.read(...at);
        if (kind === HomeKind.device) claims.release(id);
        else if (kind === HomeKind.subscriber) this.#moves.release(id);
      },
      [FromLinkRecord.Surrender]: (...at) => {
        if (!this.#isLinked) return; // nobody would pass on what is handed over: the next link finds it here
        const { kind, id, conflict } = fromLink.surrender.read(...at);
        const reason: SurrenderReason = conflict ? 'conflict' : 'replaced';
        if (kind === HomeKind.device) claims.surrender(id, reason);
        else if (kind === HomeKind.subscriber) this.#moves.surrender(id, reason);
        else this.#gateways.surrender(id, reason);
      },
      [FromLinkRecord.Ping]: (...at) => this.#ping(fromLink.ping.read(...at)),
      [FromLinkRecord.Apply]: (...at) => this.#operatorState.take(fromLink.apply.read(...at)),
    };
  }

  /** The link sees by the peer's last_seen whether it answers. */
  #ping({ kind, id }: { readonly kind: number; readonly id: string }): void {
    const { registry, links } = this.#context;
    const slot = kind === HomeKind.device ? registry.deviceOf(id) : registry.subscriberOf(id);
    const { rows } = kind === HomeKind.device ? registry.devices : registry.subscribers;
    const session = slot < 0 ? NONE : rows.session[slot]!;
    if (session !== NONE) links[edgeOf(session)]!.probe(session);
  }

  /** The link has started and knows nothing: records before this mark were for the previous link. */
  #hello(): void {
    const { registry } = this.#context;
    const { rows } = registry.devices;
    this.linkGone(); // or another owner has taken over, or both
    this.#isLinked = true;
    this.#context.link.resynced();
    this.#parts.clear();
    this.#peers.reset();
    this.#remotes.reset();
    this.#levels.reset();
    this.#backfills.reset();
    this.#operatorState.reset();
    for (let slot = 0; slot < highWater(registry.devices); slot++) {
      if (rows.deviceState[slot] === DeviceState.free) continue;
      if (rows.home[slot] === Numbering.elsewhere) this.#levels.changed(slot);
      else this.#claims.tellAll(slot);
    }
    this.#moves.tellAll();
    this.#gateways.tellAll();
    this.#listings.reset();
  }
}

function keyOf(kind: number, id: string): string {
  return `${kind} ${id}`;
}
