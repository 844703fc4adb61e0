/**
 * A node of the cluster without its sockets: messages and time go in, messages and what the host must hear come out.
 * `link.ts` puts it on NATS; tests and the model put many of them into one process. Cluster thread only.
 *
 * `joining` and `fenced` say nothing to anybody; `claiming` exchanges claims; `in` does all.
 */
import type { Clock } from '../clock.ts';
import { Asks } from './asks.ts';
import { type Beat, decodeBeat, encodeBeat, Phase } from './beats.ts';
import { Calls } from './calls.ts';
import { Confirms } from './confirms.ts';
import { createDispatch, type Dispatch } from './dispatch.ts';
import { createFigures, type Figures } from './figures.ts';
import { Filters } from './filters.ts';
import { Followers } from './followers.ts';
import { Follows } from './follows.ts';
import { Histories } from './histories.ts';
import { Homes } from './homes.ts';
import type { CallAnswer, ClusterHost, HistoryQuery } from './host.ts';
import { CLAIMING_MS, EXTRA_BEAT_MS, LISTEN_MS } from './limits.ts';
import { Gone, type Member, Members } from './members.ts';
import { Peer } from './peer.ts';
import { HomeKind, opened as openedRecord, ping, pong, ready as readyRecord } from './records.ts';
import type { SessionDeps } from './session.ts';
import { HEAD_BYTES, MessageType, readHead, viewsOf } from './wire.ts';

export interface NodeOptions {
  readonly clock: Clock;
  /** DAT_NODE_ID. */
  readonly node: string;
  /** Random, a safe integer above 0, another one for each start of the process. */
  readonly boot: number;
  /** Of the hub's code. */
  readonly version: string;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  /** DAT_MAX_MESSAGE_BYTES. */
  readonly payloadBytesMax: number;
  readonly host: ClusterHost;
  /** Hands a message for a node to NATS; it may get lost. */
  readonly send: (node: string, message: Uint8Array) => void;
  /** The same for every node, this one included. */
  readonly sendToAll: (message: Uint8Array) => void;
  /** Call `flush` soon: at once when the link was idle. */
  readonly flushSoon: () => void;
  /** Reads the bucket from now on to its end and obeys it, then calls back; tries until it can. */
  readonly readBucket: (done: () => void) => void;
}

const phaseNames = ['joining', 'claiming', 'in', 'fenced'] as const;

export class ClusterNode {
  readonly figures: Figures = createFigures();
  readonly members: Members;
  readonly homes: Homes;
  readonly follows: Follows;
  readonly followers: Followers;
  readonly confirms: Confirms;
  readonly #asks: Asks;
  readonly #filters: Filters;
  readonly #histories: Histories;
  readonly #calls: Calls;
  readonly #options: NodeOptions;
  readonly #sessions: SessionDeps;
  readonly #dispatch: Dispatch;
  readonly #startedAt: number;
  readonly #peers = new Map<string, Peer>();
  readonly #byBoot = new Map<number, Peer>();
  readonly #byNumber = new Map<number, Peer>();
  readonly #toFlush = new Set<Peer>();
  /** By boot that was lost: up to which of its claims this node has answered. */
  readonly #lostBoots = new Map<number, number>();
  #phase: Phase = Phase.joining;
  #phaseAtMs: number;
  #wasIn = false;
  #isReading = false;
  #hasRead = false;
  #beatAtMs = Number.NEGATIVE_INFINITY;
  /** When the first own beat came back, and when another process was last heard under this node's id. */
  #freshAtMs = Number.POSITIVE_INFINITY;
  #duplicateAtMs = Number.NEGATIVE_INFINITY;
  #numbers = 0;
  #pinged = 0;
  #scratch = viewsOf(64 * 1024);

  constructor(options: NodeOptions) {
    this.#options = options;
    const { clock, host, node, boot, timeoutMs } = options;
    const { figures } = this;
    this.#startedAt = clock.wallNow();
    this.#phaseAtMs = clock.now();
    this.#sessions = { clock, figures, boot, nextNumber: () => ++this.#numbers };
    this.members = new Members({
      clock,
      node,
      boot,
      timeoutMs,
      appeared: (member) => this.#appeared(member),
      beaten: (member) => this.#beaten(member),
      gone: (member, why) => this.#gone(member, why),
      duplicate: () => this.#duplicate(),
    });
    this.homes = new Homes({
      clock,
      node,
      figures,
      host,
      askable: () => this.#askable(),
      keepers: () => [...this.#ready()].filter(({ node: id }) => this.members.get(id)?.beat.draining === false),
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
    });
    this.follows = new Follows({
      clock,
      node,
      figures,
      host,
      ready: () => this.#ready(),
      readyPeer: (id) => this.#readyPeer(id),
      movedTo: (id) => this.homes.movedTo(HomeKind.device, id) ?? this.#filters.claimant(id),
      isHere: (id) => {
        const home = this.homes.get(HomeKind.device, id);
        return home !== undefined && home.departure === undefined;
      },
      ask: (peer, follow) => this.#asks.ask(peer, follow),
    });
    this.followers = new Followers({
      figures,
      host,
      home: (kind, id) => this.homes.get(kind, id),
      peer: (number) => this.#byNumber.get(number),
    });
    this.confirms = new Confirms(clock);
    this.#asks = new Asks(clock, (follow) => this.follows.answered(follow));
    this.#filters = new Filters(host);
    this.#histories = new Histories(clock, host);
    this.#calls = new Calls(clock, host);
    this.#dispatch = this.#createDispatch();
  }

  get phase(): Phase {
    return this.#phase;
  }

  // From the shell.

  /** NATS is there, again or for the first time. */
  connected(): void {
    this.#beat(false);
    for (const peer of this.#peers.values()) peer.session.reconnected();
  }

  /** A message on the beats' subject. */
  heard(message: Uint8Array): void {
    const beat = decodeBeat(message);
    if (beat === undefined) {
      this.figures.undecodable += 1;
      return;
    }
    this.#mayAct(); // time may have passed since the last look
    this.members.hear(beat);
    if (this.members.isFresh()) this.#freshAtMs = Math.min(this.#freshAtMs, this.#options.clock.now());
    const { phase, boot } = beat;
    if (phase === Phase.joining && boot !== this.#options.boot) this.#beatForNewcomer();
    this.#proceed();
  }

  /** A message in the mailbox. */
  received(message: Uint8Array): void {
    this.figures.bytesReceived += message.length;
    const head = readHead(message);
    if (head === undefined || head.type !== MessageType.batch) {
      this.figures.undecodable += 1;
      return;
    }
    const peer = this.#byBoot.get(head.boot);
    if (!this.#mayAct()) return;
    if (peer === undefined || peer.gated) {
      this.figures.stray += 1;
      return;
    }
    if (message.length > HEAD_BYTES) {
      if (message.length > this.#scratch.u8.length) this.#scratch = viewsOf(2 * message.length);
      this.#scratch.u8.set(message);
    }
    peer.session.receive(head, this.#scratch, message.length);
    this.#pump(peer);
    this.#proceed();
  }

  /** Sends what waits; to be called soon after `flushSoon`. */
  flush(): void {
    if (!this.#mayAct()) return this.#toFlush.clear();
    for (const peer of this.#toFlush) {
      this.#toFlush.delete(peer);
      this.homes.answer(peer);
      this.followers.answer(peer);
      peer.session.flush();
    }
  }

  /** Looks at every time-out; every 25 ms or so. */
  tick(): void {
    this.#mayAct();
    const now = this.#options.clock.now();
    if (now - this.#beatAtMs >= this.members.beatEveryMs) this.#beat(false);
    this.members.tick();
    for (const part of [this.homes, this.follows, this.#asks, this.#calls, this.#histories, this.confirms]) part.tick();
    for (const peer of this.#peers.values()) {
      peer.session.tick();
      this.#pump(peer);
    }
    this.#proceed();
  }

  /** Says goodbye, so that nobody waits for the time-out. */
  stop(): void {
    this.flush();
    this.#beat(true);
  }

  // From the host, beside what it tells `homes`, `follows` and `followers`.

  /** Follow devices that match in future, and be told of those there are; '' matches all. */
  filter(prefix: string): void {
    this.#filters.add(prefix, this.#ready());
  }

  unfilter(prefix: string): void {
    this.#filters.remove(prefix);
  }

  /** The node that is a device's home, this one included; undefined when nobody says so within a second. */
  locate(id: string): Promise<string | undefined> {
    if (this.homes.get(HomeKind.device, id) !== undefined) return Promise.resolve(this.#options.node);
    const current = this.follows.get(id)?.current;
    if (current?.entry !== undefined) return Promise.resolve(current.peer.node);
    return this.#asks.locate(id, this.#ready());
  }

  /** Asks a device's home for kept events; see `Histories.ask`. */
  history(id: string, query: HistoryQuery): number {
    return this.#histories.ask(this.follows.get(id)?.current?.peer, id, query);
  }

  /** An event that a peer asked for with `history`. */
  past(number: number, request: number, ...event: [Parameters<Histories['past']>[2], number, number]): void {
    const peer = this.#byNumber.get(number);
    if (peer !== undefined) this.#histories.past(peer, request, ...event);
  }

  pastEnd(number: number, request: number, found: boolean, more: boolean, epoch: string): void {
    const peer = this.#byNumber.get(number);
    if (peer !== undefined) this.#histories.end(peer, request, found, more, epoch);
  }

  call(node: string, name: string, body: Uint8Array): Promise<CallAnswer> {
    return this.#calls.call(this.#peers.get(node), name, body);
  }

  /** Waits until every node obeys the revision. @returns those that did not say so within five seconds */
  confirm(revision: number, bucket: string): Promise<string[]> {
    return this.confirms.wait(revision, bucket, this.members.recent(), this.#peers.values());
  }

  // Phases.

  /** Whether anything may be said or taken now; a node that finds that it stood still fences itself here. */
  #mayAct(): boolean {
    if (this.#phase !== Phase.claiming && this.#phase !== Phase.in) return false;
    if (this.members.isFresh()) return true;
    this.figures.fences += 1;
    this.#enter(Phase.fenced);
    this.#freshAtMs = Number.POSITIVE_INFINITY;
    this.#hasRead = false;
    for (const peer of this.#peers.values()) {
      peer.session.end();
      peer.pendingClaims = [];
    }
    this.homes.cutOff();
    return false;
  }

  #proceed(): void {
    if (this.#phase === Phase.joining || this.#phase === Phase.fenced) this.#proceedToClaiming();
    if (this.#phase === Phase.claiming && this.#hasClaims()) this.#enterIn();
  }

  #proceedToClaiming(): void {
    const now = this.#options.clock.now();
    if (!this.members.isFresh() || now - this.#freshAtMs < LISTEN_MS) return;
    if (now - this.#duplicateAtMs < 2 * this.#options.timeoutMs) return;
    if (!this.#hasRead) return this.#readBucket();
    this.#enter(Phase.claiming);
    this.#beat(false);
    for (const peer of this.#peers.values()) this.#open(peer);
  }

  /** Whether this node has all claims of every node that it can hear, and their answers. */
  #hasClaims(): boolean {
    if (this.#options.clock.now() - this.#phaseAtMs >= CLAIMING_MS) return true;
    for (const peer of this.#askable()) {
      const isDone = peer.isOpen && peer.hasClaimed && peer.toldClaimed && peer.claimsAnswered >= peer.lastClaimSent;
      if (!isDone) return false;
    }
    return true;
  }

  #enterIn(): void {
    this.#wasIn = true;
    this.#enter(Phase.in);
    this.#beat(false);
    for (const peer of this.#peers.values()) {
      if (!peer.isOpen) continue;
      this.#tellReady(peer);
      if (peer.isReady) this.#peerReady(peer);
    }
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#phaseAtMs = this.#options.clock.now();
    this.#options.host.phase(phaseNames[phase]);
  }

  /** Reads the bucket for this node, and for those that were lost and must not be heard before. */
  #readBucket(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const { fences } = this.figures;
    const gated = [...this.#peers.values()].filter((peer) => peer.gated);
    this.#options.readBucket(() => {
      this.#isReading = false;
      this.#hasRead = this.members.isFresh() && fences === this.figures.fences; // else it was begun before the silence
      for (const peer of gated) {
        peer.gated = false;
        this.#open(peer);
      }
      if ([...this.#peers.values()].some((peer) => peer.gated)) this.#readBucket();
      this.#proceed();
    });
  }

  // Members.

  #appeared({ node, boot }: Member): void {
    const peer = new Peer(node, boot, this.#sessions, {
      send: (to, message) => this.#send(to, message),
      wantFlush: (to) => this.#wantFlush(to),
      opened: (to) => this.#opened(to),
      ended: (to) => this.#ended(to),
      record: this.#dispatch,
    });
    this.#peers.set(node, peer);
    this.#byBoot.set(boot, peer);
    const answered = this.#lostBoots.get(boot);
    if (answered !== undefined) {
      peer.answeredStamp = answered;
      peer.gated = true;
      this.#readBucket();
    }
    this.#open(peer);
  }

  #beaten({ node, beat }: Member): void {
    const peer = this.#peers.get(node)!;
    if (beat.phase === Phase.joining || beat.phase === Phase.fenced) peer.session.end();
    else this.#open(peer);
  }

  #gone({ node, boot }: Member, why: Gone): void {
    const peer = this.#peers.get(node)!;
    this.#peers.delete(node);
    this.#byBoot.delete(boot);
    this.#toFlush.delete(peer);
    peer.session.end();
    this.homes.peerLost(peer);
    this.follows.peerLost(peer);
    if (why !== Gone.lost) return;
    this.figures.nodesLost += 1;
    this.#lostBoots.set(boot, peer.answeredStamp);
  }

  #duplicate(): void {
    this.#duplicateAtMs = this.#options.clock.now();
    this.#options.host.duplicate();
  }

  // Sessions.

  #open(peer: Peer): void {
    if ((this.#phase === Phase.claiming || this.#phase === Phase.in) && this.#isAskable(peer)) peer.session.open();
  }

  #opened(peer: Peer): void {
    peer.forgetSession();
    peer.number = ++this.#numbers;
    this.#byNumber.set(peer.number, peer);
    peer.openedAtStamp = this.homes.stamp;
    peer.toldJoining = !this.#wasIn;
    this.#options.host.peerJoined(peer.number, peer.node);
    openedRecord.write(peer.session, { answered: peer.answeredStamp, joining: peer.toldJoining });
    if (this.#phase === Phase.in) this.#tellReady(peer);
    this.confirms.peerOpened(peer);
  }

  #ended(peer: Peer): void {
    this.figures.resyncs += 1;
    this.#byNumber.delete(peer.number);
    this.homes.sessionEnded(peer);
    this.followers.sessionEnded(peer);
    this.follows.sessionEnded(peer);
    for (const part of [this.#asks, this.#filters, this.#calls, this.#histories, this.confirms]) part.sessionEnded(peer);
    peer.forgetSession();
    this.#options.host.peerLeft(peer.number);
  }

  /** The peer has said where it stands: what it lacks is sent. */
  #peerOpened(peer: Peer, answered: number, joining: boolean): void {
    // Of two nodes one may leave its claims unsent, if the other sends all: a node that has not been `in` has few.
    const { node } = this.#options;
    const skip = joining && !(peer.toldJoining && node < peer.node);
    const otherSkips = peer.toldJoining && !(joining && peer.node < node);
    peer.claimsAnswered = otherSkips ? 0 : Math.min(answered, this.homes.stamp);
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

  /** What is sent as there is room. */
  #pump(peer: Peer): void {
    if (!peer.isOpen) return;
    this.homes.pump(peer);
    this.follows.pump(peer);
    this.followers.pump(peer);
  }

  #send(peer: Peer, message: Uint8Array): void {
    this.figures.bytesSent += message.length;
    this.#options.send(peer.node, message);
  }

  #wantFlush(peer: Peer): void {
    if (this.#toFlush.size === 0) this.#options.flushSoon();
    this.#toFlush.add(peer);
  }

  #isAskable(peer: Peer): boolean {
    const phase = this.members.get(peer.node)?.beat.phase;
    return !peer.gated && (peer.isOpen || phase === Phase.claiming || phase === Phase.in);
  }

  *#askable(): Generator<Peer> {
    if (this.#phase !== Phase.claiming && this.#phase !== Phase.in) return;
    for (const peer of this.#peers.values()) if (this.#isAskable(peer)) yield peer;
  }

  *#ready(): Generator<Peer> {
    if (this.#phase !== Phase.in) return;
    for (const peer of this.#peers.values()) if (peer.isReady && peer.isOpen) yield peer;
  }

  #readyPeer(node: string): Peer | undefined {
    const peer = this.#peers.get(node);
    return this.#phase === Phase.in && peer?.isReady && peer.isOpen ? peer : undefined;
  }

  // Beats.

  #beat(bye: boolean): void {
    const { clock, node, boot, version, host, sendToAll } = this.#options;
    this.#beatAtMs = clock.now();
    const { revision, bucket } = this.confirms.applied;
    const said: Beat = {
      ...host.figures(),
      boot,
      node,
      version,
      startedAt: this.#startedAt,
      revision,
      bucket,
      bye,
      phase: this.#phase,
      number: this.members.beating(),
    };
    sendToAll(encodeBeat(said));
    this.#pingNext();
  }

  #beatForNewcomer(): void {
    if (this.#options.clock.now() - this.#beatAtMs >= EXTRA_BEAT_MS) this.#beat(false);
  }

  /** One peer per beat, in turns: what it costs does not grow with the cluster. */
  #pingNext(): void {
    const peers = [...this.#ready()];
    const peer = peers[this.#pinged++ % peers.length];
    if (peer !== undefined) ping.write(peer.session, { at: this.#options.clock.now() });
  }

  #createDispatch(): Dispatch {
    const { clock, payloadBytesMax } = this.#options;
    const now = (): number => clock.now();
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
      now,
      opened: (peer, answered, joining) => this.#peerOpened(peer, answered, joining),
      ready: (peer) => {
        peer.isReady = true;
        if (this.#phase === Phase.in) this.#peerReady(peer);
      },
      claimed: (peer) => {
        peer.hasClaimed = true;
      },
      pinged: (peer, at) => pong.write(peer.session, { at }),
      ponged: (peer, at) => {
        const member = this.members.get(peer.node);
        if (member !== undefined) member.rttMs = Math.max(0, now() - at);
      },
    });
  }
}
