/**
 * A node of the cluster without its sockets: messages and time go in; messages, and calls to the host, come out.
 * `link.ts` connects it to NATS; tests and the model put many of them into one process. Cluster thread only.
 *
 * In the phases `joining` and `fenced` it tells nobody anything; in `claiming` it exchanges claims; in `in` it does
 * everything.
 */
import { Asks } from './asks.ts';
import { BeatSender } from './beat-sender.ts';
import { decodeBeat, Phase, phaseNames } from './beats.ts';
import { Calls } from './calls.ts';
import { Confirms } from './confirms.ts';
import { createDispatch, type Dispatch } from './dispatch.ts';
import { createLinkCounts, type LinkCounts } from './figures.ts';
import { NodeFilters } from './filters.ts';
import { Followers } from './followers.ts';
import { Follows } from './follows.ts';
import { Histories } from './histories.ts';
import { Homes } from './homes.ts';
import type { CallAnswer, HistoryQuery } from './host.ts';
import { Gone, type Member, Members } from './members.ts';
import type { NodeOptions } from './node-options.ts';
import type { Peer } from './peer.ts';
import { Peers } from './peers.ts';
import { Phases } from './phases.ts';
import { HomeKind, opened as openedRecord, pong, ready as readyRecord } from './records.ts';
import { requestNumbers as sessionNumbers } from './request-numbers.ts';
import { MessageType, readHead, viewsOf } from './wire.ts';

export class ClusterNode {
  readonly figures: LinkCounts;
  readonly members: Members;
  readonly homes: Homes;
  readonly follows: Follows;
  readonly followers: Followers;
  readonly confirms: Confirms;
  readonly #asks: Asks;
  readonly #filters: NodeFilters;
  readonly #histories: Histories;
  readonly #calls: Calls;
  readonly #options: NodeOptions;
  readonly #dispatch: Dispatch;
  readonly #beats: BeatSender;
  readonly #peers: Peers;
  readonly #toFlush = new Set<Peer>();
  readonly #phases: Phases;
  #scratch = viewsOf(64 * 1024);

  constructor(options: NodeOptions) {
    this.#options = options;
    const { clock, host, node, boot, timeoutMs, figures = createLinkCounts() } = options;
    this.figures = figures;
    this.members = new Members({
      clock,
      node,
      boot,
      timeoutMs,
      appeared: (member) => this.#appeared(member),
      beaten: (member) => this.#beaten(member),
      gone: (member, why) => this.#gone(member, why),
      duplicate: () => {
        this.#phases.duplicate();
        host.duplicate();
      },
    });
    this.#peers = new Peers(
      this.members,
      { clock, figures, boot, nextNumber: sessionNumbers() },
      {
        send: (to, message) => this.#send(to, message),
        wantFlush: (to) => this.#wantFlush(to),
        opened: (to) => this.#opened(to),
        ended: (to) => this.#ended(to),
        received: (...record) => this.#dispatch(...record),
      },
    );
    this.#phases = new Phases({
      clock,
      figures,
      timeoutMs,
      members: this.members,
      peers: this.#peers,
      readBucket: options.readBucket,
      entered: (phase) => this.#entered(phase),
      mayOpen: (peer) => this.#open(peer),
    });
    this.homes = new Homes({
      clock,
      node,
      figures,
      host,
      askable: () => this.#peers.askable(),
      keeperOf: (id) => this.#peers.keeperOf(id),
      knownNumber: (id) => this.follows.knownNumber(id),
      claimSeen: (peer, id, number, connected) => {
        this.follows.claimSeen(peer, id, number, connected);
        this.#filters.claimSeen(peer, id);
      },
      adopted: (home) => {
        if (home.kind === HomeKind.device) this.follows.local(home.id);
        this.followers.adopted(home);
      },
      dropped: (home) => this.followers.dropped(home),
      movedAway: (id, to, number, seq) => this.followers.movedAway(id, to, number, seq),
      letGo: (id) => this.followers.letGo(id),
    });
    this.follows = new Follows({
      clock,
      node,
      figures,
      host,
      ready: () => this.#peers.ready(),
      readyPeer: (id) => this.#peers.readyOf(id),
      movedTo: (id) => this.homes.movedTo(HomeKind.device, id) ?? this.#filters.claimant(id),
      listedBy: (id) => this.#filters.takeListed(id),
      isHere: (id) => this.homes.stays(HomeKind.device, id),
      ask: (peer, follow) => this.#asks.ask(peer, follow),
    });
    this.followers = new Followers({
      figures,
      host,
      home: (kind, id) => this.homes.get(kind, id),
      peer: (number) => this.#peers.ofNumber(number),
    });
    this.confirms = new Confirms(clock, () => options.readBucket());
    const { members, confirms } = this;
    this.#beats = new BeatSender({ ...options, members, peers: this.#peers, confirms, figures });
    this.#asks = new Asks(clock, (follow) => this.follows.lookups.answered(follow));
    this.#filters = new NodeFilters(host);
    this.#histories = new Histories(clock, host);
    this.#calls = new Calls(clock, host);
    this.#dispatch = this.#createDispatch();
  }

  get phase(): Phase {
    return this.#peers.phase;
  }

  // From the shell.

  /** NATS was connected, for the first time or again. */
  connected(): void {
    this.#beats.beat();
    for (const peer of this.#peers.all) peer.session.reconnected();
  }

  /** A message on the beats' subject. */
  heard(message: Uint8Array): void {
    const beat = decodeBeat(message);
    if (beat === undefined) {
      this.figures.undecodable += 1;
      return;
    }
    this.#phases.mayAct(); // time may have passed since the last look
    this.members.hear(beat);
    this.#phases.heard();
    const { phase, boot } = beat;
    if (phase === Phase.joining && boot !== this.#options.boot) this.#beats.beatForNewcomer();
    this.#phases.proceed();
  }

  /** A message in the mailbox. */
  received(message: Uint8Array): void {
    this.figures.bytesReceived += message.length;
    if (message.length > this.#scratch.u8.length) this.#scratch = viewsOf(2 * message.length);
    this.#scratch.u8.set(message);
    const head = readHead(this.#scratch, message.length);
    if (head === undefined || head.type !== MessageType.batch) {
      this.figures.undecodable += 1;
      return;
    }
    if (!this.#phases.mayAct()) return;
    const peer = this.#peers.ofBoot(head.boot);
    if (peer === undefined || peer.gated) {
      this.figures.stray += 1;
      return;
    }
    peer.session.receive(head, this.#scratch, message.length);
    this.#pump(peer);
    this.#phases.proceed();
  }

  /** Sends what waits; to be called soon after `flushSoon`. */
  flush(): void {
    if (!this.#phases.mayAct()) {
      this.#toFlush.clear();
      return;
    }
    for (const peer of this.#toFlush) {
      this.#toFlush.delete(peer);
      this.homes.claims.answer(peer);
      this.followers.answer(peer);
      peer.session.flush();
    }
  }

  /** Checks every time-out; every 25 ms or so. */
  tick(): void {
    this.#phases.mayAct();
    this.#beats.tick();
    this.members.tick();
    for (const part of [this.homes, this.follows, this.#asks, this.#calls, this.#histories, this.confirms])
      part.tick();
    for (const peer of this.#peers.all) {
      peer.session.tick();
      this.#pump(peer);
    }
    this.#phases.proceed();
  }

  /** Says goodbye, so that no node waits for the time-out. */
  stop(): void {
    this.flush();
    this.#beats.beat(true);
    for (const part of [this.#asks, this.#calls, this.confirms]) part.stop();
  }

  // From the host, beside what it tells `homes`, `follows` and `followers`.
  /** Follows devices that match in future, and reports those that exist; '' matches all. */
  filter(prefix: string): void {
    this.#filters.add(prefix, this.#peers.ready());
  }

  unfilter(prefix: string): void {
    this.#filters.remove(prefix);
  }

  /** The node that is a device's home, possibly this one; undefined if no node says so within a second. */
  locate(id: string): Promise<string | undefined> {
    if (this.homes.get(HomeKind.device, id) !== undefined) return Promise.resolve(this.#options.node);
    const current = this.follows.get(id)?.current;
    if (current?.entry !== undefined) return Promise.resolve(current.peer.node);
    return this.#asks.locate(id, this.#peers.ready());
  }

  /** Asks a device's home for kept events; see `Histories.ask`. */
  history(id: string, query: HistoryQuery): number {
    return this.#histories.ask(this.follows.get(id)?.current?.peer, id, query);
  }

  /** An event that a peer asked for; see `ClusterHost.history`. */
  past(number: number, request: number, ...event: [Parameters<Histories['past']>[2], number, number]): void {
    const peer = this.#peers.ofNumber(number);
    if (peer !== undefined) this.#histories.past(peer, request, ...event);
  }

  pastEnd(number: number, request: number, found: boolean, more: boolean, epoch: string): void {
    const peer = this.#peers.ofNumber(number);
    if (peer !== undefined) this.#histories.end(peer, request, found, more, epoch);
  }

  call(node: string, name: string, body: Uint8Array): Promise<CallAnswer> {
    return this.#calls.call(this.#peers.get(node), name, body);
  }

  /** Waits until every node obeys the revision. @returns nodes that did not confirm within five seconds */
  confirm(revision: number, bucket: string): Promise<string[]> {
    return this.confirms.wait(revision, bucket, this.members.recent(), this.#peers.all);
  }

  // Phases.

  #entered(phase: Phase): void {
    this.#options.host.phase(phaseNames[phase]);
    if (phase === Phase.fenced) {
      for (const peer of this.#peers.all) {
        peer.session.end();
        peer.pendingClaims = [];
      }
      this.homes.cutOff();
      return;
    }
    this.#beats.beat();
    for (const peer of this.#peers.all) {
      if (phase === Phase.claiming) this.#open(peer);
      else if (peer.isOpen) this.#tellReady(peer);
      if (peer.isReady && phase === Phase.in) this.#peerReady(peer);
    }
  }

  // Members.

  #appeared({ node, boot }: Member): void {
    const peer = this.#peers.add(node, boot);
    if (peer.gated) this.#phases.readBucket();
    this.#open(peer);
  }

  #beaten({ node, beat }: Member): void {
    const peer = this.#peers.get(node)!;
    if (beat.phase === Phase.joining || beat.phase === Phase.fenced) peer.session.end();
    else this.#open(peer);
  }

  #gone({ node }: Member, why: Gone): void {
    const peer = this.#peers.get(node)!;
    this.#peers.delete(peer, why === Gone.lost);
    this.#toFlush.delete(peer);
    peer.session.end();
    this.homes.peerLost(peer);
    this.follows.peerLost(peer);
    if (why === Gone.lost) this.figures.nodesLost += 1;
  }

  // Sessions.

  #open(peer: Peer): void {
    if (this.#peers.isAskable(peer)) peer.session.open();
  }

  #opened(peer: Peer): void {
    peer.forgetSession();
    this.#peers.number(peer);
    peer.openedAtStamp = this.homes.claims.stamp;
    peer.toldJoining = !this.#phases.wasIn;
    this.#options.host.peerJoined(peer.number, peer.node);
    openedRecord.write(peer.session, { answered: peer.answeredStamp, joining: peer.toldJoining });
    if (this.phase === Phase.in) this.#tellReady(peer);
    this.confirms.peerOpened(peer);
  }

  #ended(peer: Peer): void {
    this.figures.resyncs += 1;
    this.#peers.unnumber(peer);
    this.homes.sessionEnded(peer);
    this.followers.sessionEnded(peer);
    this.follows.sessionEnded(peer);
    for (const part of [this.#asks, this.#filters, this.#calls, this.#histories, this.confirms])
      part.sessionEnded(peer);
    peer.forgetSession();
    this.#options.host.peerLeft(peer.number);
  }

  /** The peer has opened its session: sends it what it lacks. */
  #peerOpened(peer: Peer, answered: number, joining: boolean): void {
    // Of two nodes one may leave its claims unsent, if the other sends all: a node that has not been `in` has few.
    const { node } = this.#options;
    const skip = joining && !(peer.toldJoining && node < peer.node);
    const otherSkips = peer.toldJoining && !(joining && peer.node < node);
    peer.claimsAnswered = otherSkips ? 0 : Math.min(answered, this.homes.claims.stamp);
    this.homes.sessionOpened(peer, skip);
  }

  #tellReady(peer: Peer): void {
    if (peer.toldReady) return;
    peer.toldReady = true;
    readyRecord.write(peer.session, {});
  }

  #peerReady(peer: Peer): void {
    this.follows.peerReady(peer);
    this.#filters.peerReady(peer);
  }

  /** Sends what waits for room. */
  #pump(peer: Peer): void {
    if (!peer.isOpen) return;
    this.homes.claims.pump(peer);
    this.follows.pump(peer);
    this.followers.pump(peer);
    this.#histories.pump(peer);
  }

  #send(peer: Peer, message: Uint8Array): void {
    this.figures.bytesSent += message.length;
    this.#options.send(peer.node, message);
  }

  #wantFlush(peer: Peer): void {
    if (this.#toFlush.size === 0) this.#options.flushSoon();
    this.#toFlush.add(peer);
  }

  #createDispatch(): Dispatch {
    const { clock, payloadBytesMax } = this.#options;
    return createDispatch({
      figures: this.figures,
      homes: this.homes,
      follows: this.follows,
      followers: this.followers,
      asks: this.#asks,
      filters: this.#filters,
      histories: this.#histories,
      calls: this.#calls,
      confirms: this.confirms,
      payloadBytesMax,
      now: () => clock.now(),
      opened: (peer, answered, joining) => this.#peerOpened(peer, answered, joining),
      ready: (peer) => {
        peer.isReady = true;
        if (this.phase === Phase.in) this.#peerReady(peer);
      },
      claimed: (peer) => {
        peer.hasClaimed = true;
      },
      pinged: (peer, at) => pong.write(peer.session, { at }),
      ponged: (peer, at) => this.#beats.ponged(peer.node, at),
    });
  }
}
