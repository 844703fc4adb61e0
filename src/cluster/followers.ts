/**
 * Nodes that follow devices with their home here. The host treats each as a subscriber. This file sends them what the
 * host reports about these devices, and each event once to every node with an active subscription. Cluster thread only.
 */
import type { RecordViews } from '../memory/ring.ts';
import { WaitList } from '../wait-list.ts';
import { Priority } from '../wire/events.ts';
import { copyEvent, EventField } from './event-record.ts';
import type { LinkCounts } from './figures.ts';
import { type Home, HomePhase } from './home.ts';
import type { ClusterHost, FollowRequest, StreamStart } from './host.ts';
import {
  FOLLOWS_AT_ONCE,
  FOLLOWS_WAITING_MAX,
  OWED_BYTES_MAX,
  SESSION_BYTES_MAX,
  SHED_BYTES,
} from './limits.ts';
import type { Peer } from './peer.ts';
import {
  asksAnswered,
  EVENT,
  followed,
  HomeKind,
  here,
  Level,
  moved,
  seq as seqRecord,
  Unfollow,
  unfollowed,
} from './records.ts';

/** A device that other nodes follow. */
export interface FollowedDevice {
  readonly id: string;
  /** The host's number of the device, which is the handle on the wire. */
  readonly slot: number;
  readonly followers: Map<Peer, Level>;
  /** Those of level `active`. */
  readonly active: Peer[];
  /** The last event that was sent. */
  lastSeq: number;
}

/** The host's answer to a follow. */
export interface FollowAnswer {
  readonly request: number;
  readonly id: string;
  /** The device's number in the host. */
  readonly slot: number;
  readonly level: Level;
  /** `seq` is where the stream starts. */
  readonly entry: StreamStart;
}

/** What a follow asks for, as received. */
export interface FollowValues {
  readonly known: number;
  readonly seq: number;
  readonly request: number;
  readonly level: number;
  readonly since: boolean;
  readonly fromClaim: boolean;
  readonly holds: boolean;
  readonly id: string;
  readonly epoch: string;
}

export interface FollowersDeps {
  readonly figures: LinkCounts;
  readonly host: ClusterHost;
  home(kind: HomeKind, id: string): Home | undefined;
  /** An open peer by the number that the host knows it by. */
  peer(number: number): Peer | undefined;
}

interface Request {
  readonly peer: Peer;
  readonly values: FollowValues;
}

export class Followers {
  readonly #deps: FollowersDeps;
  readonly #bySlot = new Map<number, FollowedDevice>();
  readonly #byId = new Map<string, FollowedDevice>();
  readonly #ofPeer = new Map<Peer, Set<FollowedDevice>>();
  /** Follows of devices whose claim is not settled. */
  readonly #untilSettled = new Map<string, Request[]>();
  /** Follows that wait for room on the way to their peer, by device: of each the last, whose answer alone counts. */
  readonly #untilRoom = new Map<Peer, WaitList<string, FollowValues>>();
  /** How many the host was given, and has not answered with all that was missed. */
  readonly #underWay = new Map<Peer, number>();
  /** Devices with shed events since the peer was last told their position. */
  readonly #shed = new Map<Peer, Set<FollowedDevice>>();

  constructor(deps: FollowersDeps) {
    this.#deps = deps;
  }

  // What peers ask.

  onAsk(peer: Peer, id: string): void {
    peer.asksTaken += 1;
    peer.owesAsksAnswer = true;
    peer.wantFlush();
    const home = this.#deps.home(HomeKind.device, id);
    if (home === undefined || home.departure !== undefined) return;
    here.write(peer.session, { id, number: home.number, connected: home.connected });
  }

  /** Before a flush. */
  answer(peer: Peer): void {
    if (!peer.owesAsksAnswer || !peer.isOpen) return;
    peer.owesAsksAnswer = false;
    asksAnswered.write(peer.session, { count: peer.asksTaken });
  }

  onFollow(peer: Peer, values: FollowValues): void {
    const waiting = this.#untilRoom.get(peer) ?? new WaitList<string, FollowValues>();
    if (waiting.size === 0 && this.#hasRoom(peer)) {
      this.#follow(peer, values);
      return;
    }
    this.#untilRoom.set(peer, waiting);
    if (waiting.size < FOLLOWS_WAITING_MAX || waiting.has(values.id)) waiting.set(values.id, values);
    else this.#deps.figures.undecodable += 1;
  }

  onUnfollow(peer: Peer, id: string): void {
    this.#untilRoom.get(peer)?.delete(id);
    dropWhere(this.#untilSettled.get(id), (request) => request.peer === peer);
    const audience = this.#byId.get(id);
    if (audience !== undefined) this.#remove(audience, peer);
    this.#deps.host.unfollow(peer.number, id);
  }

  /** Continues waiting follows while there is room, and sends the positions of devices whose events were shed. */
  pump(peer: Peer): void {
    const waiting = this.#untilRoom.get(peer);
    while (waiting !== undefined && waiting.size > 0 && this.#hasRoom(peer))
      this.#follow(peer, waiting.take()!);
    if (waiting?.size === 0) this.#untilRoom.delete(peer);
    const shed = this.#shed.get(peer);
    if (shed === undefined || !peer.session.hasRoom) return;
    this.#shed.delete(peer);
    for (const { slot, lastSeq } of shed) seqRecord.write(peer.session, { handle: slot, seq: lastSeq });
  }

  #hasRoom(peer: Peer): boolean {
    return peer.session.hasRoom && (this.#underWay.get(peer) ?? 0) < FOLLOWS_AT_ONCE;
  }

  /** The host has answered a follow of the peer. */
  #answered(peer: Peer): void {
    this.#underWay.set(peer, Math.max(0, (this.#underWay.get(peer) ?? 0) - 1));
    this.pump(peer);
  }

  sessionEnded(peer: Peer): void {
    this.#untilRoom.delete(peer);
    this.#underWay.delete(peer);
    this.#shed.delete(peer);
    for (const requests of this.#untilSettled.values())
      dropWhere(requests, (request) => request.peer === peer);
    for (const audience of [...(this.#ofPeer.get(peer) ?? [])]) this.#remove(audience, peer);
    this.#ofPeer.delete(peer);
  }

  // What happens to homes.

  /** A claim is settled, and the host knows: continues the follows that waited for it. */
  adopted(home: Home): void {
    if (home.kind !== HomeKind.device) return;
    const waiting = this.#untilSettled.get(home.id) ?? [];
    this.#untilSettled.delete(home.id);
    for (const { peer, values } of waiting) this.#follow(peer, values);
  }

  /** A claim was lost: tells the nodes that waited for it to look elsewhere. */
  dropped({ kind, id }: Home): void {
    if (kind !== HomeKind.device) return;
    const waiting = this.#untilSettled.get(id) ?? [];
    this.#untilSettled.delete(id);
    for (const { peer, values } of waiting) {
      unfollowed.write(peer.session, { request: values.request, id, why: Unfollow.notHere });
    }
  }

  /** The device has another home; `seq` was its last event here. */
  movedAway(id: string, to: Peer, number: number, seq: number): void {
    const audience = this.#byId.get(id);
    if (audience === undefined) return;
    this.#forget(audience);
    for (const peer of audience.followers.keys()) {
      if (peer.isOpen) moved.write(peer.session, { handle: audience.slot, to: to.node, number, seq });
    }
  }

  /** The host has let the device go, and reports nothing of it to those who followed: they ask again who has it. */
  letGo(id: string): void {
    this.#end(id, Unfollow.notHere);
  }

  // What the host tells.

  /** The answer to a follow: from now on the peer gets the device's events, if its level is `active`. */
  followed(number: number, { request, id, slot, level, entry }: FollowAnswer): void {
    const peer = this.#deps.peer(number);
    const home = this.#deps.home(HomeKind.device, id);
    if (peer === undefined || home === undefined) return;
    const audience = this.#audience(id, slot, entry.seq);
    this.#remove(audience, peer, true);
    audience.followers.set(peer, level);
    const ofPeer = this.#ofPeer.get(peer);
    if (ofPeer === undefined) this.#ofPeer.set(peer, new Set([audience]));
    else ofPeer.add(audience);
    if (level === Level.active) audience.active.push(peer);
    followed.write(peer.session, { ...entry, request, id, handle: slot, number: home.number });
  }

  /** A replayed event, sent after `followed`. */
  replay(number: number, slot: number, views: RecordViews, offset: number, bytes: number): void {
    const peer = this.#deps.peer(number);
    if (peer !== undefined) this.#send(peer, slot, views, offset, bytes, true);
  }

  /** Everything up to `seq` was replayed, or cannot be. */
  upTo(number: number, slot: number, seq: number): void {
    const peer = this.#deps.peer(number);
    if (peer === undefined) return;
    seqRecord.write(peer.session, { handle: slot, seq });
    this.#answered(peer);
  }

  /** The answer to a follow that is refused. */
  unfollowed(number: number, request: number, id: string, why: number): void {
    const peer = this.#deps.peer(number);
    if (peer === undefined) return;
    const audience = this.#byId.get(id);
    if (audience !== undefined) this.#remove(audience, peer);
    unfollowed.write(peer.session, { request, id, why });
    this.#answered(peer);
  }

  /** An event of a device, for all nodes that follow it. */
  event(views: RecordViews, offset: number, bytes: number): void {
    const audience = this.#bySlot.get(views.u32[(offset + EventField.device) >> 2]!);
    if (audience === undefined) return;
    audience.lastSeq = views.f64[(offset + EventField.seq) >> 3]!;
    for (const peer of audience.active) {
      if (this.#send(peer, audience.slot, views, offset, bytes)) this.#deps.figures.eventsSent += 1;
      else this.#wasShed(peer, audience);
    }
  }

  /** Events that the host could not give to this thread. */
  gap(slot: number, to: number): void {
    const audience = this.#bySlot.get(slot);
    if (audience === undefined) return;
    audience.lastSeq = Math.max(audience.lastSeq, to);
    for (const peer of audience.active) seqRecord.write(peer.session, { handle: slot, seq: to });
  }

  /** The host has removed the device. @param terminated by an operator */
  gone(id: string, terminated = false): void {
    this.#end(id, terminated ? Unfollow.terminated : Unfollow.gone);
  }

  #end(id: string, why: number): void {
    const audience = this.#byId.get(id);
    if (audience === undefined) return;
    this.#forget(audience);
    for (const peer of audience.followers.keys()) {
      if (peer.isOpen) unfollowed.write(peer.session, { request: 0, id, why });
    }
  }

  #follow(peer: Peer, values: FollowValues): void {
    const { id, request } = values;
    const home = this.#deps.home(HomeKind.device, id);
    if (home === undefined || home.departure !== undefined) {
      unfollowed.write(peer.session, { request, id, why: Unfollow.notHere });
    } else if (home.phase === HomePhase.seeking) {
      home.number = Math.max(home.number, values.known);
      const others = (this.#untilSettled.get(id) ?? []).filter((request) => request.peer !== peer);
      this.#untilSettled.set(id, [...others, { peer, values }]);
    } else {
      if (values.known > home.number) home.number = values.known + 1;
      this.#underWay.set(peer, (this.#underWay.get(peer) ?? 0) + 1);
      this.#deps.host.follow(peer.number, id, requestOf(values));
    }
  }

  /** @param isOwed the event was requested when there was room */
  #send(
    peer: Peer,
    slot: number,
    views: RecordViews,
    offset: number,
    bytes: number,
    isOwed = false,
  ): boolean {
    const isHigh = views.u8[offset + EventField.priority] === Priority.high;
    const bytesMax = isHigh ? SESSION_BYTES_MAX : isOwed ? OWED_BYTES_MAX : SHED_BYTES;
    const at = peer.session.claimEvent(EVENT, bytes, bytesMax);
    if (at < 0) return false;
    const target = peer.session.views;
    copyEvent(views, offset, target, at, bytes);
    target.u32[(at + EventField.device) >> 2] = slot;
    target.u8[at + EventField.ackBytes] = 0;
    return true;
  }

  #wasShed(peer: Peer, audience: FollowedDevice): void {
    this.#deps.figures.eventsShed += 1;
    const shed = this.#shed.get(peer);
    if (shed === undefined) this.#shed.set(peer, new Set([audience]));
    else shed.add(audience);
  }

  #audience(id: string, slot: number, lastSeq: number): FollowedDevice {
    const found = this.#byId.get(id);
    if (found?.slot === slot) return found;
    if (found !== undefined) this.#forget(found);
    const made = { id, slot, followers: new Map<Peer, Level>(), active: [], lastSeq };
    this.#byId.set(id, made);
    this.#bySlot.set(slot, made);
    return made;
  }

  /** @param staysKnown whether to keep an empty audience, because a peer is about to join */
  #remove(audience: FollowedDevice, peer: Peer, staysKnown = false): void {
    if (!audience.followers.delete(peer)) return;
    this.#ofPeer.get(peer)?.delete(audience);
    this.#shed.get(peer)?.delete(audience);
    const at = audience.active.indexOf(peer);
    if (at >= 0) audience.active.splice(at, 1);
    if (audience.followers.size === 0 && !staysKnown) this.#forget(audience);
  }

  #forget(audience: FollowedDevice): void {
    this.#byId.delete(audience.id);
    this.#bySlot.delete(audience.slot);
    for (const peer of audience.followers.keys()) {
      this.#ofPeer.get(peer)?.delete(audience);
      this.#shed.get(peer)?.delete(audience);
    }
  }
}

function dropWhere<Item>(items: Item[] | undefined, isDropped: (item: Item) => boolean): void {
  if (items === undefined) return;
  for (let at = items.length - 1; at >= 0; at--) if (isDropped(items[at]!)) items.splice(at, 1);
}

function requestOf({ request, level, holds, since, fromClaim, epoch, seq }: FollowValues): FollowRequest {
  return { request, level: level as Level, holds, fromClaim, since: since ? { epoch, seq } : undefined };
}
