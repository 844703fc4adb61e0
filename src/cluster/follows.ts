/**
 * Which devices this node follows at other nodes: lookups, follows, moves from home to home. A state machine: time,
 * peers and host are given. Cluster thread only. The protocol: docs/cluster.md.
 *
 * One rule tells every loss: of a device and epoch, only the event after the last one is passed on as it is; when a
 * later one comes, what is between is told as a gap first.
 */
import type { Clock } from '../clock.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { DeviceState } from '../presence/lifecycle.ts';
import { copyEvent, EventField } from '../threads/records.ts';
import type { Figures } from './figures.ts';
import { createFollow, createSource, type Follow, heldBytes, type Source } from './follow.ts';
import type { ClusterHost, DeviceEntry, Since } from './host.ts';
import { ASK_AFTER_MS, HELD_BYTES_MAX, MOVED_MAX, WAIT_MS } from './limits.ts';
import type { Peer } from './peer.ts';
import { follow as followRecord, Level, Unfollow, unfollow } from './records.ts';
import { viewsOf } from './wire.ts';

/** What a held number counts for. */
const HELD_SEQ_BYTES = 64;

export interface FollowsDeps {
  readonly clock: Clock;
  readonly node: string;
  readonly figures: Figures;
  readonly host: ClusterHost;
  /** Peers that answer lookups and follows. */
  ready(): Iterable<Peer>;
  /** The same by node. */
  readyPeer(node: string): Peer | undefined;
  /** Whether the device has its home here and stays, or is claimed. */
  isHere(id: string): boolean;
  /** Asks a peer for the device; answered with `answered`, after `onHere` if it has it. */
  ask(peer: Peer, follow: Follow): void;
  /** Where a device went that had its home here not long ago. */
  movedTo(id: string): string | undefined;
}

export interface Followed {
  readonly request: number;
  readonly id: string;
  readonly number: number;
  readonly seq: number;
  readonly lastSeen: number;
  readonly handle: number;
  readonly state: number;
  readonly epoch: string;
  readonly status: string;
}

export class Follows {
  readonly #deps: FollowsDeps;
  readonly #follows = new Map<string, Follow>();
  /** Those that wait for a time. */
  readonly #timed = new Set<Follow>();
  /** Last events of epochs that are followed no longer, by id and epoch, the newest last. */
  readonly #positions = new Map<string, number>();
  #heldBytes = 0;
  #refs = 0;
  #requests = 0;

  constructor(deps: FollowsDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#follows.size;
  }

  get(id: string): Follow | undefined {
    return this.#follows.get(id);
  }

  /** The highest number of a claim of the device that this node knows of, 0 none. */
  knownNumber(id: string): number {
    return this.#follows.get(id)?.number ?? 0;
  }

  // What the host tells.

  /**
   * The node has subscriptions of a device that has no home here, or has others than before.
   * @param since the last event that subscribers here got, when the home was here until now
   */
  want(id: string, level: Level, since?: Since): void {
    if (this.#deps.isHere(id)) return; // the host wrote this before it read so
    const found = this.#follows.get(id);
    if (found !== undefined) return this.#setLevel(found, level);
    this.#refs = (this.#refs + 1) >>> 0;
    const follow = createFollow(id, this.#refs, level);
    if (since !== undefined) Object.assign(follow, { epoch: since.epoch, last: since.seq, startsAnew: false });
    this.#follows.set(id, follow);
    const node = this.#deps.movedTo(id);
    const peer = node === undefined ? undefined : this.#deps.readyPeer(node);
    if (peer === undefined) return this.#lookUp(follow, true);
    this.#waitForHost(follow);
    follow.missedClaim = true; // others may have been heard before there was a follow
    this.#followAt(follow, peer, true);
  }

  /** No subscription of it is left. */
  unwant(id: string): void {
    const found = this.#follows.get(id);
    if (found === undefined) return;
    this.#end(found);
  }

  /** The home of the device is here now. */
  local(id: string): void {
    const found = this.#follows.get(id);
    if (found === undefined) return;
    this.#rememberPosition(found);
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
    else follow.missedClaim = true; // it may be right all the same
  }

  onHere(peer: Peer, { id, number }: { readonly id: string; readonly number: number }): void {
    const follow = this.#follows.get(id);
    if (follow === undefined || follow.current?.peer === peer || follow.next?.peer === peer) return;
    if (follow.current?.entry === undefined || number > follow.current.number)
      this.#followAt(follow, peer, follow.askedUntilMs === 0);
  }

  onFollowed(peer: Peer, followed: Followed): void {
    const { id, number, handle } = followed;
    (globalThis as any).trace?.(this.#deps.node, id, 'Followed <-', peer.node, followed);
    const follow = this.#follows.get(id);
    const source = follow === undefined ? undefined : sourceOf(follow, peer);
    if (follow === undefined || source === undefined) return unfollow.write(peer.session, { id });
    if (source.request !== followed.request) return;
    if (source.handle !== handle) peer.handles.delete(source.handle);
    const { epoch, seq, state, status, lastSeen } = followed;
    source.entry = { epoch, seq, state: state as Exclude<DeviceState, 0>, status, lastSeen };
    source.handle = handle;
    source.number = number;
    peer.handles.set(handle, follow);
    if (source === follow.current) this.#join(follow, source);
    else this.#nextAnswered(follow, source);
  }

  /** @param offset of an event record that was checked */
  onEvent(peer: Peer, views: RecordViews, offset: number, bytes: number): void {
    const follow = peer.handles.get(views.u32[(offset + EventField.device) >> 2]!);
    if (follow === undefined) return this.#stray();
    if (follow.current?.peer === peer) this.#pass(follow, views, offset, bytes);
    else if (follow.next?.peer === peer) this.#hold(follow, follow.next, views, offset, bytes);
    else this.#stray();
  }

  onSeq(peer: Peer, handle: number, seq: number): void {
    const follow = peer.handles.get(handle);
    if (follow?.current?.peer === peer) this.#upTo(follow, seq);
    else if (follow?.next?.peer === peer) this.#holdSeq(follow.next, seq);
    else this.#stray();
  }

  /** The old home has sent its last event of a device. */
  onMoved(peer: Peer, moved: { handle: number; to: string; number: number; seq: number }): void {
    const follow = peer.handles.get(moved.handle);
    if (follow === undefined) return this.#stray();
    const wasCurrent = follow.current?.peer === peer;
    (globalThis as any).trace?.(this.#deps.node, follow.id, 'Moved <-', peer.node, moved);
    follow.number = Math.max(follow.number, moved.number);
    if (wasCurrent) this.#upTo(follow, moved.seq);
    this.#dropSource(follow, peer, false);
    if (moved.to === this.#deps.node) return this.#lookUpLater(follow); // the host hears `adopt` before that
    if (wasCurrent && follow.next !== undefined) this.#promote(follow);
    if (follow.current !== undefined || follow.next !== undefined) return;
    const to = this.#deps.readyPeer(moved.to);
    if (to === undefined) this.#lookUpLater(follow);
    else this.#followAt(follow, to, true);
  }

  onUnfollowed(peer: Peer, { request, id, why }: { request: number; id: string; why: number }): void {
    const follow = this.#follows.get(id);
    const source = follow === undefined ? undefined : sourceOf(follow, peer);
    if (follow === undefined || source === undefined) return;
    if (request === 0 ? source.entry === undefined : request !== source.request) return;
    this.#dropSource(follow, peer, false);
    if (follow.current !== undefined) return;
    if (follow.next !== undefined) return this.#promote(follow);
    if (why === Unfollow.full) this.#deps.host.refused(follow.ref, id);
    if (why !== Unfollow.gone) return this.#lookUpLater(follow);
    if (follow.epoch !== '') this.#deps.host.gone(follow.ref);
    follow.epoch = '';
    this.#settle(follow, false);
  }

  // Sessions.

  /** The peer answers follows now: what is followed there is joined again, and what has no home is asked for. */
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
      else if (follow.next === undefined) this.#ask(peer, follow);
    }
  }

  /** The session is over; whether the peer is lost is not known yet. */
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
      if (follow.missedClaim) this.#lookUpLater(follow);
      this.#settle(follow, false);
    }
    peer.followed.clear();
  }

  /** Everything that waits for a time. */
  tick(): void {
    const now = this.#deps.clock.now();
    for (const follow of this.#timed) {
      const { next, current } = follow;
      if (next !== undefined && next.untilMs > 0 && next.untilMs <= now) {
        if (current !== undefined) this.#dropSource(follow, current.peer, true);
        this.#promote(follow);
      }
      if (follow.askedUntilMs > 0 && follow.askedUntilMs <= now) this.#settle(follow, false);
      if (follow.askAtMs > 0 && follow.askAtMs <= now) this.#lookUp(follow, false);
      if (follow.askedUntilMs === 0 && follow.askAtMs === 0 && !follow.next?.untilMs) this.#timed.delete(follow);
    }
  }

  // Lookups.

  /** @param hostWaits whether the host is to hear when everybody has answered */
  #lookUp(follow: Follow, hostWaits: boolean): void {
    follow.askAtMs = 0;
    follow.missedClaim = false;
    if (hostWaits) this.#waitForHost(follow);
    if (follow.current !== undefined) return;
    this.#deps.figures.lookups += 1;
    for (const peer of this.#deps.ready()) this.#ask(peer, follow);
    if (follow.waiting === 0) this.#settle(follow, false);
  }

  #lookUpLater(follow: Follow): void {
    follow.askAtMs = this.#deps.clock.now() + ASK_AFTER_MS;
    this.#timed.add(follow);
  }

  #waitForHost(follow: Follow): void {
    follow.askedUntilMs = this.#deps.clock.now() + WAIT_MS;
    this.#timed.add(follow);
  }

  #ask(peer: Peer, follow: Follow): void {
    follow.waiting += 1;
    this.#deps.ask(peer, follow);
  }

  /** A node has answered a lookup, or will not. */
  answered(follow: Follow): void {
    follow.waiting -= 1;
    if (follow.waiting === 0 && follow.current === undefined) this.#settle(follow, false);
  }

  /** The host need not wait for it any longer. */
  #settle(follow: Follow, found: boolean): void {
    if (follow.askedUntilMs === 0) return;
    follow.askedUntilMs = 0;
    this.#deps.host.settled(follow.id, found);
  }

  // Sources.

  #followAt(follow: Follow, peer: Peer, fromClaim: boolean): void {
    const source = createSource(peer);
    if (follow.current === undefined) {
      follow.current = source;
    } else {
      if (follow.next !== undefined) this.#dropSource(follow, follow.next.peer, true);
      follow.next = source;
    }
    if (follow.broken !== undefined && follow.broken !== peer) follow.broken.followed.delete(follow);
    follow.broken = undefined;
    peer.followed.add(follow);
    this.#request(follow, source, fromClaim);
  }

  #request(follow: Follow, source: Source, fromClaim: boolean): void {
    const { id, level, epoch, last, number: known } = follow;
    const since = this.#since(follow);
    const seq = since ? last : 0;
    source.since = seq;
    const request = (source.request = this.#requests = (this.#requests % 0xffffffff) + 1);
    const isOwed = fromClaim && !follow.startsAnew; // nobody here expects anything before the answer
    (globalThis as any).trace?.(this.#deps.node, id, 'Follow ->', source.peer.node, { level, since, fromClaim: isOwed, epoch, known, seq });
    followRecord.write(source.peer.session, { request, id, level, since, fromClaim: isOwed, epoch, known, seq });
  }

  /** Whether a new answer is to go on after the last event. */
  #since({ epoch, startsAnew }: Follow): boolean {
    return epoch !== '' && !startsAnew;
  }

  #setLevel(follow: Follow, level: Level): void {
    if (follow.level === level) return;
    if (level === Level.active) follow.startsAnew = true; // nobody here expects what came meanwhile
    follow.level = level;
    for (const source of [follow.current, follow.next]) {
      if (source?.peer.isReady) this.#request(follow, source, false);
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
      this.#timed.add(follow);
    }
  }

  /** The next source takes the place of the current one, which is gone: all that it sent is passed on. */
  #promote(follow: Follow): void {
    const source = follow.next!;
    follow.next = undefined;
    follow.current = source;
    if (source.entry === undefined) {
      follow.missedClaim = true;
      return;
    }
    this.#join(follow, source);
    this.#heldBytes -= heldBytes(source);
    for (const { views, bytes, seq } of source.held.splice(0)) {
      if (views === undefined) this.#upTo(follow, seq);
      else this.#pass(follow, views, 0, bytes);
    }
  }

  #join(follow: Follow, { entry, number, peer, since }: Source): void {
    const isSame = follow.epoch === entry!.epoch && !follow.startsAnew;
    const goesOn = isSame && entry!.seq >= since; // else the home has fewer events than were passed on: it begins again
    if (!goesOn) this.#begin(follow, entry!);
    follow.number = Math.max(follow.number, number);
    follow.startsAnew = follow.level !== Level.active;
    this.#deps.host.remote(follow.ref, follow.id, { ...entry!, seq: follow.last }, peer.node);
    this.#settle(follow, true);
  }

  /** Begins with another epoch. One that was followed before goes on where it was left: nothing is passed on twice. */
  #begin(follow: Follow, { epoch, seq }: DeviceEntry): void {
    if (follow.epoch !== epoch) this.#rememberPosition(follow);
    const before = follow.epoch === epoch ? 0 : (this.#positions.get(`${follow.id} ${epoch}`) ?? 0);
    follow.epoch = epoch;
    follow.last = Math.max(seq, before);
  }

  #rememberPosition({ id, epoch, last }: Follow): void {
    if (epoch === '') return;
    const key = `${id} ${epoch}`;
    this.#positions.delete(key);
    this.#positions.set(key, last);
    if (this.#positions.size > MOVED_MAX) this.#positions.delete(this.#positions.keys().next().value!);
  }

  /** @param tell whether the peer must hear that nothing more is wanted of it */
  #dropSource(follow: Follow, peer: Peer, tell: boolean): void {
    (globalThis as any).trace?.(this.#deps.node, follow.id, 'drop', peer.node, tell, follow.current?.peer === peer);
    const source = sourceOf(follow, peer);
    if (source === undefined) return;
    if (peer.handles.get(source.handle) === follow) peer.handles.delete(source.handle);
    peer.followed.delete(follow);
    this.#heldBytes -= heldBytes(source);
    const { current } = follow;
    if (source === current) follow.current = undefined;
    else follow.next = undefined;
    if (tell || source !== current) follow.missedClaim = true; // it may be the home all the same
    if (tell && peer.isOpen) unfollow.write(peer.session, { id: follow.id });
  }

  #end(follow: Follow): void {
    if (follow.current !== undefined) this.#dropSource(follow, follow.current.peer, true);
    if (follow.next !== undefined) this.#dropSource(follow, follow.next.peer, true);
    follow.broken?.followed.delete(follow);
    this.#timed.delete(follow);
    this.#follows.delete(follow.id);
    follow.askedUntilMs = 0; // an answer that is on its way settles nothing
  }

  // Events.

  #pass(follow: Follow, views: RecordViews, offset: number, bytes: number): void {
    const { host, figures } = this.#deps;
    const seq = views.f64[(offset + EventField.seq) >> 3]!;
    if (seq <= follow.last) {
      figures.eventsRepeated += 1;
      return;
    }
    this.#upTo(follow, seq - 1);
    views.u32[(offset + EventField.device) >> 2] = follow.ref;
    if (host.event(follow.ref, views, offset, bytes)) follow.last = seq;
    else figures.eventsRefused += 1; // told as a gap with the next one
  }

  #upTo(follow: Follow, seq: number): void {
    if (seq <= follow.last) return;
    this.#deps.figures.gaps += 1;
    this.#deps.host.gap(follow.ref, follow.last + 1, seq);
    follow.last = seq;
  }

  #hold(follow: Follow, next: Source, views: RecordViews, offset: number, bytes: number): void {
    if (this.#heldBytes + bytes > HELD_BYTES_MAX) {
      if (follow.current !== undefined) this.#dropSource(follow, follow.current.peer, true);
      this.#promote(follow);
      return this.#pass(follow, views, offset, bytes);
    }
    const copy = viewsOf(bytes);
    copyEvent(views, offset, copy, 0, bytes);
    next.held.push({ views: copy, bytes, seq: 0 });
    this.#heldBytes += bytes;
    this.#deps.figures.eventsHeld += 1;
  }

  #holdSeq({ held }: Source, seq: number): void {
    if (this.#heldBytes + HELD_SEQ_BYTES > HELD_BYTES_MAX) return; // the next event shows the same
    held.push({ views: undefined, bytes: HELD_SEQ_BYTES, seq });
    this.#heldBytes += HELD_SEQ_BYTES;
  }

  #stray(): void {
    this.#deps.figures.stray += 1;
  }
}

function sourceOf(follow: Follow, peer: Peer): Source | undefined {
  if (follow.current?.peer === peer) return follow.current;
  return follow.next?.peer === peer ? follow.next : undefined;
}
