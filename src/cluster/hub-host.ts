/**
 * The hub, as seen by the cluster link: each method is a record to the owner, and each record of the owner a call of
 * the node. Data that is only read (lists, history, figures) comes from shared memory. Cluster thread only.
 */
import type { AccessRule } from '../access/rules.ts';
import type { Clock } from '../clock.ts';
import type { HistoryReader } from '../history/reader.ts';
import { Step } from '../history/replay.ts';
import { POLL_RECORDS_MAX } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Ringer } from '../memory/doorbell.ts';
import type { RecordViews, RingConsumer, RingProducer } from '../memory/ring.ts';
import { NONE, Numbering } from '../presence/columns.ts';
import type { PresenceReader } from '../presence/reader.ts';
import { fromLink } from '../records/cluster.ts';
import { claimEvent, copyEvent, EventField, eventBytes } from '../records/event.ts';
import type { Fields, RecordLayout, Values } from '../records/layout.ts';
import { FromOwnerRecord, readResync } from '../records/replies.ts';
import { writeSynced } from '../records/requests.ts';
import { epochName } from '../wire/events.ts';
import { pageOf } from './history-pages.ts';
import type {
  CallAnswer,
  ClusterHost,
  FollowRequest,
  HistoryQuery,
  HostFigures,
  ListPage,
  OperatorChange,
  StreamStart,
  SurrenderReason,
} from './host.ts';
import { LIST_IDS_MAX } from './limits.ts';
import type { ClusterNode } from './node.ts';
import type { Operators } from './operators.ts';
import { ownerSays, type TakeRecord } from './owner-says.ts';
import { Probes } from './probes.ts';
import type { HomeKind } from './records.ts';

export interface HubHostDeps {
  readonly toOwner: RingProducer;
  readonly fromOwner: RingConsumer;
  /** Wakes the owner. */
  readonly ringer: Ringer;
  readonly presence: PresenceReader;
  readonly reader: HistoryReader;
  readonly clock: Clock;
  /** Of the edges. */
  readonly counters: readonly Counters[];
  /** Runs a route on main. */
  readonly call: (name: string, body: Uint8Array) => Promise<CallAnswer>;
  readonly phaseChanged: (phase: Parameters<ClusterHost['phase']>[0]) => void;
  /** The bucket has these rules. */
  readonly rulesChanged: (rules: readonly AccessRule[]) => void;
  readonly duplicate: () => void;
  readonly isDraining: () => boolean;
}

/** A list of changes is cut into records of this size, bytes. */
const APPLY_BYTES = 64 * 1024;
/** Time between two readings of the event counters, ms. */
const RATE_MS = 1000;

export class HubHost implements ClusterHost {
  readonly #deps: HubHostDeps;
  #takes: Readonly<Record<number, TakeRecord>> = {};
  #node: ClusterNode | undefined;
  /** The owner has begun to report everything: earlier records in the ring were for the previous link. */
  #isTold = false;
  #beginAnew: () => void = () => {};
  #hasApplied = false;
  readonly #probes: Probes;
  /** The owner's numbers of requests for the past, by the node's. */
  readonly #asked = new Map<number, number>();
  #asking: number | undefined;
  #rate = { atMs: 0, events: 0, perSecond: 0 };
  #partsTaken = 0;

  constructor(deps: HubHostDeps) {
    this.#deps = deps;
    this.#probes = new Probes({
      ...deps,
      send: (kind, id) => this.#tell(fromLink.ping, { kind, id }),
      answered: (kind, id) => this.#node?.homes.pinged(kind, id, true),
    });
  }

  /** The node exists now: the owner reports everything that the node must know. */
  start(node: ClusterNode, operators: Operators): void {
    this.#node = node;
    this.#takes = ownerSays({
      node,
      reader: this.#deps.reader,
      applied: (revision) => operators.applied(revision),
      partTaken: () => {
        this.#partsTaken += 1;
      },
      askPast: (request, id, query) => this.#askPast(request, id, query),
    });
    this.#tell(fromLink.hello, {});
  }

  /** The node has stopped. @returns settles when the next node must be replaced, because its owner was */
  reset(): Promise<void> {
    this.#node = undefined;
    this.#takes = {};
    this.#isTold = false;
    this.#hasApplied = false;
    this.#probes.reset();
    this.#asked.clear();
    return new Promise((resolve) => {
      this.#beginAnew = resolve;
    });
  }

  /** Processes the owner's records. @returns the number of records */
  poll(): number {
    const { fromOwner, toOwner, ringer } = this.#deps;
    let done = 0;
    for (; done < POLL_RECORDS_MAX; done++) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      this.#take(fromOwner.kind, fromOwner.views, offset);
    }
    if (done > 0) fromOwner.release();
    if (toOwner.spilledCount > 0) {
      toOwner.commit();
      ringer.ring();
    }
    return done;
  }

  hasRecords(): boolean {
    return this.#deps.fromOwner.hasRecords;
  }

  hasBacklog(): boolean {
    return this.#deps.toOwner.spilledCount > 0;
  }

  /** Checks for answers to pings, and how many events came; every 50 ms or so. */
  tick(): void {
    this.#probes.tick();
    const now = this.#deps.clock.now();
    const { atMs, events } = this.#rate;
    if (now - atMs < RATE_MS) return;
    const received = this.#sum('receivedPong') + this.#sum('receivedMessage') + this.#sum('receivedStatus');
    this.#rate = {
      atMs: now,
      events: received,
      perSecond: atMs === 0 ? 0 : ((received - events) * 1e3) / (now - atMs),
    };
  }

  // Devices with another home.

  remote(ref: number, id: string, start: StreamStart, node: string): void {
    this.#tell(fromLink.remote, { ref, id, ...start, node });
  }

  event(ref: number, views: RecordViews, offset: number, bytes: number): boolean {
    const { toOwner, ringer } = this.#deps;
    const at = claimEvent(toOwner, bytes, views.u8[offset + EventField.priority]!);
    if (at < 0) return false;
    copyEvent(views, offset, toOwner.views, at, bytes);
    toOwner.views.u32[(at + EventField.device) >> 2] = ref;
    toOwner.views.u32[(at + EventField.session) >> 2] = NONE;
    toOwner.commit();
    ringer.ring();
    return true;
  }

  gap(ref: number, from: number, to: number): void {
    this.#tell(fromLink.remoteGap, { ref, from, to });
  }

  caughtUp(ref: number): void {
    this.#tell(fromLink.caughtUp, { ref });
  }

  lost(ref: number): void {
    this.#tell(fromLink.lost, { ref });
  }

  gone(ref: number, terminated: boolean): void {
    this.#tell(fromLink.gone, { ref, terminated });
  }

  hasRoom(): boolean {
    return !this.hasBacklog();
  }

  settled(id: string, found: boolean): void {
    this.#tell(fromLink.settled, { id, found });
  }

  listed(prefix: string, ids: readonly string[], done: boolean): void {
    this.#tell(fromLink.listed, { prefix, ids: ids.join('\n'), done });
  }

  appeared(id: string): void {
    this.#tell(fromLink.appeared, { id });
  }

  // Nodes that follow devices of this one.

  peerJoined(peer: number, node: string): void {
    this.#tell(fromLink.peerJoined, { peer, node });
  }

  peerLeft(peer: number): void {
    this.#tell(fromLink.peerLeft, { peer });
  }

  follow(peer: number, id: string, { request, level, holds, since, fromClaim }: FollowRequest): void {
    const { epoch, seq } = since ?? { epoch: '', seq: 0 };
    const values = { peer, id, request, level, holds, fromClaim, since: since !== undefined, epoch, seq };
    this.#tell(fromLink.follow, values);
  }

  unfollow(peer: number, id: string): void {
    this.#tell(fromLink.unfollow, { peer, id });
  }

  /** A cursor is the slot where the next page starts. */
  list(prefix: string, cursor: string): ListPage {
    const { presence } = this.#deps;
    const { home, known } = presence.devices.rows;
    const from = cursor === '' ? 0 : Number.parseInt(cursor, 10);
    if (!Number.isSafeInteger(from) || from < 0) return { ids: [], cursor: '' };
    const { slots, next } = presence.deviceSlots(
      from,
      LIST_IDS_MAX,
      (_, slot) => Atomics.load(home, slot) !== Numbering.elsewhere && Atomics.load(known, slot) === 1,
    );
    const ids = slots
      .map((slot) => presence.device(slot)?.device)
      .filter((id) => id?.startsWith(prefix) === true) as string[];
    return { ids, cursor: next === undefined ? '' : String(next) };
  }

  history(peer: number, request: number, id: string, { epoch, after, before, max }: HistoryQuery): void {
    const { presence, reader } = this.#deps;
    const node = this.#node!;
    const slot = presence.findDevice(id);
    const row = slot < 0 ? undefined : presence.device(slot);
    const isHere = row !== undefined && Atomics.load(presence.devices.rows.home, slot) === Numbering.here;
    if (!isHere || (epoch !== '' && epoch !== epochName(row.epoch))) {
      node.pastEnd(peer, request, false, false, '');
      return;
    }
    const generation = Atomics.load(presence.devices.rows.generation, slot);
    const device = { slot, generation, seq: row.seq };
    const { count, isCut } = pageOf(reader, device, before, max);
    const replay = reader.before(device, before, count);
    let first = 0;
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step !== Step.Event || replay.seq <= after) continue;
      first = first || replay.seq;
      // When it was received here says nothing elsewhere: its place tells what is whole before it.
      replay.views.f64[EventField.received >> 3] = replay.wholeAfter;
      node.past(peer, request, replay.views, 0, eventBytes(replay.views, 0));
    }
    const more = isCut && first > after + 1;
    node.pastEnd(peer, request, true, more, epochName(row.epoch));
  }

  past(request: number, views: RecordViews, offset: number, bytes: number): void {
    const asked = this.#asked.get(request);
    if (asked === undefined) return;
    this.#tell(fromLink.past, { request: asked, event: views.u8.slice(offset, offset + bytes) });
  }

  historyDone(request: number, found: boolean, more: boolean, epoch: string): void {
    const asked = this.#asked.get(request) ?? this.#asking;
    this.#asked.delete(request);
    this.#asking = undefined;
    if (asked !== undefined) this.#tell(fromLink.pastEnd, { request: asked, found, more, epoch });
  }

  // Homes.

  adopt(kind: HomeKind, id: string, parts: readonly Uint8Array[] | undefined, late: boolean): void {
    for (const part of parts ?? []) this.#tell(fromLink.adoptPart, { kind, id, part });
    this.#tell(fromLink.adopt, { kind, id, hasParts: parts !== undefined, late });
  }

  release(kind: HomeKind, id: string): void {
    this.#tell(fromLink.release, { kind, id });
  }

  surrender(kind: HomeKind, id: string, reason: SurrenderReason): void {
    this.#tell(fromLink.surrender, { kind, id, conflict: reason === 'conflict' });
  }

  ping(kind: HomeKind, id: string): void {
    this.#probes.ping(kind, id);
  }

  // Operators.

  /** The first list that a link applies is everything in the bucket. */
  apply(changes: readonly OperatorChange[], revision: number): void {
    const whole = !this.#hasApplied;
    this.#hasApplied = true;
    const rules = changes.filter((change) => change.kind === 'rules').at(-1)?.rules;
    if (rules !== undefined || whole) this.#deps.rulesChanged(rules ?? []);
    const bytes = Buffer.from(JSON.stringify(changes));
    for (let at = 0; at === 0 || at < bytes.length; at += APPLY_BYTES) {
      const part = bytes.subarray(at, at + APPLY_BYTES);
      this.#tell(fromLink.apply, { revision, whole, last: at + APPLY_BYTES >= bytes.length, changes: part });
    }
  }

  call(name: string, body: Uint8Array): Promise<CallAnswer> {
    return this.#deps.call(name, body);
  }

  /** Parts of what the owner has handed over so far. */
  get partsTaken(): number {
    return this.#partsTaken;
  }

  figures(): HostFigures {
    return {
      devices: this.#sum('deviceConnections') + this.#sum('gatewayDevices'),
      subscribers: this.#sum('subscriberConnections'),
      eventsPerSecond: this.#rate.perSecond,
      draining: this.#deps.isDraining(),
    };
  }

  phase(phase: Parameters<ClusterHost['phase']>[0]): void {
    this.#deps.phaseChanged(phase);
  }

  duplicate(): void {
    this.#deps.duplicate();
  }

  #sum(name: keyof typeof Counter): number {
    return this.#deps.counters.reduce((sum, { cells }) => sum + cells[Counter[name]!]!, 0);
  }

  #tell<F extends Fields>(layout: RecordLayout<F>, values: Values<F>): void {
    const { toOwner, ringer } = this.#deps;
    layout.write(toOwner, values);
    toOwner.commit();
    ringer.ring();
  }

  // What the owner says.

  #take(kind: number, views: RecordViews, offset: number): void {
    if (kind === FromOwnerRecord.Resync) this.#ownerChanged(readResync(views, offset).term);
    else if (kind === FromOwnerRecord.Resynced) this.#isTold = true;
    else if (this.#isTold) this.#takes[kind]?.(views, offset);
  }

  /** Another owner has taken over and does not know what this link was told. */
  #ownerChanged(term: number): void {
    const { toOwner, ringer } = this.#deps;
    writeSynced(toOwner, { term });
    toOwner.commit();
    ringer.ring();
    this.#isTold = false;
    this.#beginAnew();
  }

  /** If the home cannot be asked, the node answers before it has named the request. */
  #askPast(request: number, id: string, query: HistoryQuery): void {
    this.#asking = request;
    const number = this.#node!.history(id, query);
    if (this.#asking !== undefined) this.#asked.set(number, request);
    this.#asking = undefined;
  }
}
