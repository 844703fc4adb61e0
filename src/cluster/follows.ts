/**
 * The devices that this node follows at other nodes: lookups, follows, moves from home to home. A state machine: time,
 * peers and host come from outside. Cluster thread only. The protocol: docs/cluster.md.
 */
import type { RecordViews } from '../memory/ring.ts';
import type { StreamPosition } from '../wire/events.ts';
import { EventOrder } from './event-order.ts';
import { EventField } from './event-record.ts';
import { createFollow, createSource, type Follow, type Source, sourceOf } from './follow.ts';
import type { StreamStart } from './host.ts';
import { WAIT_MS } from './limits.ts';
import { Lookups, type LookupsDeps } from './lookups.ts';
import type { Peer } from './peer.ts';
import { follow as followRecord, Level, Unfollow, unfollow } from './records.ts';
import { requestNumbers } from './request-numbers.ts';

export interface FollowsDeps extends LookupsDeps {
  readonly node: string;
  /** A peer that answers follows. */
  readyPeer(node: string): Peer | undefined;
  /** Whether the device has its home here and stays, or is claimed. */
  isHere(id: string): boolean;
  /** The node to which a device moved that had its home here recently. */
  movedTo(id: string): string | undefined;
  /** The node that has listed the device as its own for a filter. */
  listedBy(id: string): string | undefined;
}

export interface Followed {
  readonly request: number;
  readonly id: string;
  readonly number: number;
  readonly seq: number;
  readonly lastSeen: number;
  readonly handle: number;
  readonly state: number;
  readonly startState: number;
  readonly epoch: string;
  readonly status: string;
}

export class Follows {
  readonly #deps: FollowsDeps;
  readonly #follows = new Map<string, Follow>();
  readonly lookups: Lookups;
  /** Those that wait for the last event of an old home. */
  readonly #switching = new Set<Follow>();
  readonly #order: EventOrder;
  #refs = 0;
  readonly #nextRequest = requestNumbers();

  constructor(deps: FollowsDeps) {
    this.#deps = deps;
    this.lookups = new Lookups(deps);
    this.#order = new EventOrder(deps.host, deps.figures);
  }

  get count(): number {
    return this.#follows.size;
  }

  get(id: string): Follow | undefined {
    return this.#follows.get(id);
  }

  /** The highest number of a claim of the device that this node knows, 0 none. */
  knownNumber(id: string): number {
    return this.#follows.get(id)?.number ?? 0;
  }

  // What the host tells.

  /**
   * The node has subscriptions to a device with no home here, or they have changed. @param since the last event that
   * subscribers here got, if the home was here until now @param holds whether a subscription by id is among them
   */
  want(id: string, level: Level, since?: StreamPosition, holds = true): void {
    if (this.#deps.isHere(id)) return; // the host wrote this before it read so
    const found = this.#follows.get(id);
    if (found !== undefined) {
      this.#setLevel(found, level, holds);
      return;
    }
    this.#refs = (this.#refs + 1) >>> 0;
    const follow = createFollow(id, this.#refs, level, holds);
    if (since !== undefined)
      Object.assign(follow, { epoch: since.epoch, last: since.seq, startsAnew: false });
    this.#follows.set(id, follow);
    const movedTo = this.#deps.movedTo(id);
    const node = movedTo ?? this.#deps.listedBy(id);
    const peer = node === undefined ? undefined : this.#deps.readyPeer(node);
    this.lookups.hostWaits(follow);
    if (peer === undefined) this.lookups.start(follow);
    else this.#followAt(follow, peer, movedTo !== undefined);
  }

  /** No subscription to it is left. */
  unwant(id: string): void {
    const found = this.#follows.get(id);
    if (found === undefined) return;
    this.#end(found);
  }

  /** The home of the device is here now. */
  local(id: string): void {
    const found = this.#follows.get(id);
    if (found === undefined) return;
    this.#order.remember(found);
    this.#end(found);
  }

  // What peers tell.

  claimSeen(peer: Peer, id: string, number: number, connected: boolean): void {
    const follow = this.#follows.get(id);
    if (follow === undefined) return;
    const { current, next } = follow;
    if (current?.peer === peer || next?.peer === peer) return;
    const counts = connected || current === undefined || number > current.number;
    if (counts && peer.isReady) this.#followAt(follow, peer, true);
  }

  onHere(peer: Peer, { id, number }: { readonly id: string; readonly number: number }): void {
    const follow = this.#follows.get(id);
    if (follow === undefined || follow.current?.peer === peer || follow.next?.peer === peer) return;
    if (follow.current?.entry === undefined || number > follow.current.number)
      this.#followAt(follow, peer, follow.askedUntilMs === 0);
  }

  onFollowed(peer: Peer, followed: Followed): void {
    const { id, number, handle } = followed;
    const follow = this.#follows.get(id);
    const source = follow === undefined ? undefined : sourceOf(follow, peer);
    if (follow === undefined || source === undefined) {
      unfollow.write(peer.session, { id });
      return;
    }
    if (source.request !== followed.request) return;
    if (source.handle !== handle) peer.handles.delete(source.handle);
    const { epoch, seq, status, lastSeen } = followed;
    const { state, startState } = followed as Followed & Pick<StreamStart, 'state' | 'startState'>;
    source.entry = { epoch, seq, state, startState, status, lastSeen };
    source.handle = handle;
    source.number = number;
    peer.handles.set(handle, follow);
    if (source === follow.current) this.#join(follow, source);
    else this.#nextAnswered(follow, source);
  }

  /** @param offset of an event record that was checked */
  onEvent(peer: Peer, views: RecordViews, offset: number, bytes: number): void {
    const follow = peer.handles.get(views.u32[(offset + EventField.device) >> 2]!);
    if (follow === undefined) {
      this.#stray();
      return;
    }
    if (follow.current?.peer === peer) this.#order.pass(follow, views, offset, bytes);
    else if (follow.next?.peer === peer) this.#hold(follow, follow.next, views, offset, bytes);
    else this.#stray();
  }

  onSeq(peer: Peer, handle: number, seq: number): void {
    const follow = peer.handles.get(handle);
    if (follow?.next?.peer === peer) {
      if (this.#order.holdSeq(follow.next, seq)) return;
      this.#waitNoLonger(follow);
    }
    if (follow?.current?.peer === peer) {
      this.#order.upTo(follow, seq);
      this.#deps.host.caughtUp(follow.ref);
    } else this.#stray();
  }

  /** The old home has sent its last event of a device. */
  onMoved(peer: Peer, moved: { handle: number; to: string; number: number; seq: number }): void {
    const follow = peer.handles.get(moved.handle);
    if (follow === undefined) {
      this.#stray();
      return;
    }
    const wasCurrent = follow.current?.peer === peer;
    follow.number = Math.max(follow.number, moved.number);
    if (wasCurrent) this.#order.upTo(follow, moved.seq);
    this.#dropSource(follow, peer, false);
    if (wasCurrent && follow.next !== undefined) this.#promote(follow);
    if (follow.current !== undefined || follow.next !== undefined) return;
    // To this node: the host hears `adopt` before that, unless it goes on to a third one.
    const to = moved.to === this.#deps.node ? undefined : this.#deps.readyPeer(moved.to);
    if (to === undefined) this.lookups.startLater(follow);
    else this.#followAt(follow, to, true);
  }

  onUnfollowed(peer: Peer, { request, id, why }: { request: number; id: string; why: number }): void {
    const follow = this.#follows.get(id);
    const source = follow === undefined ? undefined : sourceOf(follow, peer);
    if (follow === undefined || source === undefined) return;
    if (request === 0 ? source.entry === undefined : request !== source.request) return;
    this.#dropSource(follow, peer, false);
    if (follow.current !== undefined) return;
    if (follow.next !== undefined) {
      this.#promote(follow);
      return;
    }
    if (why !== Unfollow.gone && why !== Unfollow.terminated) {
      this.lookups.startLater(follow);
      return;
    }
    if (follow.epoch !== '') this.#deps.host.gone(follow.ref, why === Unfollow.terminated);
    follow.epoch = '';
    this.lookups.settle(follow, false);
  }

  // Sessions.

  /** The peer answers follows now: renews the follows at this peer, and asks it for devices without a known home. */
  peerReady(peer: Peer): void {
    peer.followsToSend = this.#follows.values();
    this.pump(peer);
  }

  /** Sends follows and questions of a new session, as long as there is room. */
  pump(peer: Peer): void {
    const { followsToSend } = peer;
    if (followsToSend === undefined || !peer.isReady) return;
    while (peer.session.hasRoom) {
      const next = followsToSend.next();
      if (next.done === true) {
        peer.followsToSend = undefined;
        return;
      }
      const follow = next.value;
      if (follow.current !== undefined) continue;
      if (follow.broken === peer) this.#followAt(follow, peer, true);
      else if (follow.next === undefined) this.lookups.ask(peer, follow);
    }
  }

  /** The session has ended; it is not known yet whether the peer is lost. */
  sessionEnded(peer: Peer): void {
    for (const follow of [...peer.followed]) {
      const wasCurrent = follow.current?.peer === peer;
      this.#dropSource(follow, peer, false);
      if (!wasCurrent && follow.current !== undefined) continue;
      if (follow.next !== undefined) {
        this.#promote(follow);
        continue;
      }
      follow.broken = peer;
      peer.followed.add(follow);
    }
  }

  /** After `sessionEnded`: the node is lost. */
  peerLost(peer: Peer): void {
    for (const follow of peer.followed) {
      if (follow.broken !== peer) continue;
      follow.broken = undefined;
      if (follow.epoch !== '') this.#deps.host.lost(follow.ref);
      this.lookups.startSpread(follow);
      this.lookups.settle(follow, false);
    }
    peer.followed.clear();
  }

  /** Handles everything that waits for a time. */
  tick(): void {
    const now = this.#deps.clock.now();
    this.lookups.tick();
    this.#order.tick();
    for (const follow of this.#switching) {
      const { next, current } = follow;
      if (next === undefined || next.untilMs === 0) this.#switching.delete(follow);
      else if (next.untilMs <= now) {
        if (current !== undefined) this.#dropSource(follow, current.peer, true);
        this.#promote(follow);
      }
    }
  }

  // Sources.

  #followAt(follow: Follow, peer: Peer, fromClaim: boolean): void {
    const source = createSource(peer, fromClaim);
    if (follow.current === undefined) {
      follow.current = source;
    } else {
      if (follow.next !== undefined) this.#dropSource(follow, follow.next.peer, true);
      follow.next = source;
    }
    if (follow.broken !== undefined && follow.broken !== peer) follow.broken.followed.delete(follow);
    follow.broken = undefined;
    peer.followed.add(follow);
    this.#request(follow, source);
  }

  #request(follow: Follow, source: Source): void {
    const { id, level, holds, epoch, last, number: known } = follow;
    const since = this.#since(follow);
    const seq = since ? last : 0;
    source.since = seq;
    const request = this.#nextRequest();
    source.request = request;
    const isOwed = source.fromClaim && !follow.startsAnew; // nobody here expects anything before the answer
    const asked = { request, id, level, holds, since, fromClaim: isOwed, epoch, known, seq };
    followRecord.write(source.peer.session, asked);
  }

  /** Whether a new answer should continue after the last event. */
  #since({ epoch, startsAnew }: Follow): boolean {
    return epoch !== '' && !startsAnew;
  }

  #setLevel(follow: Follow, level: Level, holds: boolean): void {
    if (follow.level === level && follow.holds === holds) return;
    if (follow.level !== level) follow.startsAnew = true; // nobody here expects what comes while it is not active
    follow.level = level;
    follow.holds = holds;
    for (const source of [follow.current, follow.next]) {
      if (source?.peer.isReady) this.#request(follow, source);
    }
  }

  #nextAnswered(follow: Follow, next: Source): void {
    const { current } = follow;
    if (current?.entry !== undefined && next.number < current.number) {
      this.#dropSource(follow, next.peer, true); // an older claim
    } else if (current?.entry === undefined) {
      if (current !== undefined) this.#dropSource(follow, current.peer, true);
      this.#promote(follow);
    } else {
      next.untilMs = this.#deps.clock.now() + WAIT_MS;
      this.#switching.add(follow);
    }
  }

  /** The next source replaces the current one, which is gone: passes on what is held of the next one. */
  #promote(follow: Follow): void {
    const source = follow.next!;
    follow.next = undefined;
    follow.current = source;
    if (source.entry === undefined) return;
    this.#join(follow, source);
    this.#order.release(follow, source);
  }

  #join(follow: Follow, { entry, number, peer, since }: Source): void {
    const isSame = follow.epoch === entry!.epoch && !follow.startsAnew;
    const goesOn = isSame && entry!.seq >= since; // else the home has fewer events than were passed on: it begins again
    if (!goesOn) this.#order.begin(follow, entry!);
    follow.number = Math.max(follow.number, number);
    follow.startsAnew = follow.level !== Level.active;
    this.#deps.host.remote(follow.ref, follow.id, { ...entry!, seq: follow.last }, peer.node);
    this.lookups.settle(follow, true);
  }

  /** @param tell whether to tell the peer that nothing more is wanted from it */
  #dropSource(follow: Follow, peer: Peer, tell: boolean): void {
    const source = sourceOf(follow, peer);
    if (source === undefined) return;
    if (peer.handles.get(source.handle) === follow) peer.handles.delete(source.handle);
    peer.followed.delete(follow);
    this.#order.discard(source);
    if (source === follow.current) follow.current = undefined;
    else follow.next = undefined;
    if (tell && peer.isOpen) unfollow.write(peer.session, { id: follow.id });
  }

  #end(follow: Follow): void {
    if (follow.current !== undefined) this.#dropSource(follow, follow.current.peer, true);
    if (follow.next !== undefined) this.#dropSource(follow, follow.next.peer, true);
    follow.broken?.followed.delete(follow);
    this.#switching.delete(follow);
    this.#order.drop(follow);
    this.#follows.delete(follow.id);
    this.lookups.drop(follow);
  }

  #hold(follow: Follow, next: Source, views: RecordViews, offset: number, bytes: number): void {
    if (this.#order.hold(next, views, offset, bytes)) return;
    this.#waitNoLonger(follow);
    this.#order.pass(follow, views, offset, bytes);
  }

  /** Stops waiting for the old home's last event, because too much is held. */
  #waitNoLonger(follow: Follow): void {
    if (follow.current !== undefined) this.#dropSource(follow, follow.current.peer, true);
    this.#promote(follow);
  }

  #stray(): void {
    this.#deps.figures.stray += 1;
  }
}
