/**
 * An owner in a cluster on its own rings, without threads and without NATS: the test says what the cluster link would and
 * reads what the link is told, so it plays the other nodes; it also plays the devices and subscribers of two edges. Real
 * shared memory; the clock stands still unless the test moves it. No assertions.
 */

import { vi } from 'vitest';
import { splitNames } from '../../../src/access/pattern.ts';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import { HomeKind, Level } from '../../../src/cluster/records.ts';
import { attachHistory, createHistory } from '../../../src/history/memory.ts';
import { HistoryReader } from '../../../src/history/reader.ts';
import { Step } from '../../../src/history/replay.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../../src/memory/ring.ts';
import { Cluster } from '../../../src/owner/cluster/cluster.ts';
import { EdgeLink } from '../../../src/owner/edge-link.ts';
import { Owner } from '../../../src/owner/owner.ts';
import { NONE } from '../../../src/presence/columns.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { createPresence } from '../../../src/presence/memory.ts';
import { PresenceReader } from '../../../src/presence/reader.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { type OperatorResult, ToOwner } from '../../../src/records/commands.ts';
import { claimEvent, copyEvent, EventField, eventBytes, eventOf } from '../../../src/records/event.ts';
import type { Fields, RecordLayout, Values } from '../../../src/records/layout.ts';
import {
  type Join,
  KEEP_AS_SET,
  type OpName,
  SessionKind,
  writeActive,
  writeJoin,
  writeLeave,
  writeRequest,
  writeSynced,
  writeWill,
} from '../../../src/records/requests.ts';
import { createSessionNumbers, edgeOf, sessionNumbers } from '../../../src/records/sessions.ts';
import { ALL_TYPES, EventType, epochName, Priority } from '../../../src/wire/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { dieAtWrite } from '../die-at-write.ts';
import type { Told } from './hand-overs.ts';
import { type LinkValues, lineToEdge, lineToLink, readToLink } from './lines.ts';
import { type ClusterOptions, settings } from './options.ts';

/** Two edges that hold devices and subscribers, then the link. */
const PEER_EDGES = 2;
export const LINK = PEER_EDGES;
const RING_BYTES = ringBytesFor(256 * 1024);
const HISTORY_TTL_MS = 3_600_000;
/** How a subscriber connects; what is absent is not so. */
export interface Coming {
  /** Patterns that its token covers. */
  readonly devices?: readonly string[] | undefined;
  readonly generated?: boolean;
  readonly hold?: boolean;
  readonly fresh?: boolean;
  /** Where it stands among all connections; 0: before all others. */
  readonly ticket?: number;
}

const roles = {
  [SessionKind.device]: 'device',
  [SessionKind.subscriber]: 'subscriber',
  [SessionKind.gateway]: 'gateway',
} as const;
/** Within which what begins with a request is over. */
const POLLS = 20;

/** An event as a device sends it; what is absent is a normal message `1`. */
export interface Sent {
  readonly type?: number;
  readonly priority?: number;
  readonly status?: string;
  readonly payload?: string;
  readonly flags?: number;
  /** Wall-clock ms. */
  readonly at?: number;
}

export class ClusterOwner {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly memory;
  readonly reader: PresenceReader;
  owner: Owner;
  /** By edge, of an owner that takes over now. */
  readonly #terms: () => number[];
  readonly #newOwner: (takesOver: boolean) => Owner;
  /** Records of each ring that a poll works off. */
  pollRecords = 100_000;
  /** Requests that edges were told to wait for, as `ann 1`. */
  readonly deferred: string[] = [];
  readonly #toOwner: readonly RingProducer[];
  readonly #fromOwner: readonly RingConsumer[];
  readonly #next: readonly (() => number)[];
  readonly #history: HistoryReader;
  /** By session: whose it is. */
  readonly #names = new Map<number, string>();
  /** By session: what its edge tells another owner. */
  readonly #joins = new Map<number, Omit<Join, 'ticket'> & { readonly ticket: number }>();
  #requests = 0;

  constructor({ capacity, rules = [], ...options }: ClusterOptions = {}) {
    const { historyBytes = 256 * 1024, ringBytes = RING_BYTES, ...given } = options;
    const rings = Array.from({ length: PEER_EDGES + 1 }, () => [
      createRing(ringBytes),
      createRing(ringBytes),
    ]);
    this.#toOwner = rings.map(([toOwner]) => new RingProducer(toOwner!));
    this.#fromOwner = rings.map(([, fromOwner]) => new RingConsumer(fromOwner!));
    this.#next = rings.map((_, edge) => sessionNumbers(createSessionNumbers(), edge, () => false));
    this.memory = createPresence(capacity ?? { devices: 200, subscribers: 200, subscriptions: 2000 });
    this.reader = new PresenceReader(this.memory);
    const history = createHistory(historyBytes);
    const limits = { eventsMax: 1000, ttlMs: HISTORY_TTL_MS };
    this.#history = new HistoryReader(attachHistory(history), this.reader.devices, limits, this.clock);
    this.#terms = () => rings.map(([, fromOwner]) => new RingProducer(fromOwner!).written);
    this.#newOwner = (takesOver) =>
      new Owner({
        presence: this.memory,
        history,
        rings: rings.map(([toOwner]) => new RingConsumer(toOwner!)),
        links: rings.map(
          ([, fromOwner]) => new EdgeLink(new RingProducer(fromOwner!), new Ringer(createDoorbell())),
        ),
        pulses: rings.map(() => new Pulse(createHeartbeat())),
        clock: this.clock,
        counters: this.counters,
        settings: { ...settings, ...given },
        rules,
        takesOver,
        cluster: {
          edge: LINK,
          historyTtlMs: HISTORY_TTL_MS,
          maxMessageBytes: 1024 * 1024,
          create: (context) => new Cluster(context),
        },
      });
    this.owner = this.#newOwner(false);
    this.says(fromLink.hello, {});
    this.told();
  }

  poll(): void {
    for (const ring of this.#toOwner) ring.commit();
    this.owner.poll(this.pollRecords);
  }

  /** Moves the clocks and lets the timers fire. */
  pass(ms: number): void {
    this.clock.advance(ms);
    this.poll();
  }

  /** Until nothing is under way. */
  settle(): void {
    for (let polls = 0; polls < POLLS; polls++) this.poll();
  }

  // The link.

  /** The link has said it before the owner looks. */
  hasSaid<F extends Fields>(layout: RecordLayout<F>, values: Values<F>): void {
    layout.write(this.#toOwner[LINK]!, values);
    this.#toOwner[LINK]!.commit();
  }

  /** The link says it, and the owner works it off. */
  says<F extends Fields>(layout: RecordLayout<F>, values: Values<F>): void {
    this.hasSaid(layout, values);
    this.poll();
  }

  /** Records of the owner's to the link since the last call. */
  records(): LinkValues[] {
    const ring = this.#fromOwner[LINK]!;
    const all: LinkValues[] = [];
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) all.push(readToLink(ring, offset));
    ring.release();
    return all;
  }

  /** As lines. */
  told(): string[] {
    return this.records().map(lineToLink);
  }

  /** A home tells of the device. */
  remote(id: string, told: Told = {}): void {
    const { ref = 1, epoch = 'abc', seq = 5, state = DeviceState.online, status = '', lastSeen = 0 } = told;
    const { startState = state } = told;
    this.says(fromLink.remote, { id, ref, epoch, seq, state, startState, status, lastSeen, node: 'b' });
  }

  /** As `remote`, then all up to there was passed on. */
  joined(id: string, told: Told = {}): void {
    this.remote(id, told);
    this.says(fromLink.caughtUp, { ref: told.ref ?? 1 });
  }

  /** An event of a device with another home. */
  remoteEvent(ref: number, seq: number, sent: Sent = {}): void {
    const ring = this.#toOwner[LINK]!;
    const event = this.event(seq, sent);
    const bytes = eventBytes(event, 0);
    const offset = claimEvent(ring, bytes, Priority.high);
    copyEvent(event, 0, ring.views, offset, bytes);
    ring.views.u32[(offset + EventField.device) >> 2] = ref;
    this.poll();
  }

  /** An event record. @param seq 0: nobody has numbered it */
  event(seq: number, { type = EventType.message, priority = Priority.normal, ...sent }: Sent = {}) {
    const { status = '', payload = '1', flags = 1, at = this.clock.wallMs } = sent;
    const texts = { status: Buffer.from(status), payload: Buffer.from(payload) };
    const views = eventOf({ type, priority, flags, at, received: 7, ...texts });
    views.f64[EventField.seq >> 3] = seq;
    return views;
  }

  /** As `event`, as the bytes in which a node hands it over. */
  eventPart(seq: number, sent: Sent = {}): Uint8Array {
    const views = this.event(seq, sent);
    return views.u8.slice(0, eventBytes(views, 0));
  }

  /** This node is the home. @param parts undefined: nobody had it */
  adopt(kind: keyof typeof HomeKind, id: string, parts?: readonly Uint8Array[], late = false): void {
    for (const part of parts ?? []) this.says(fromLink.adoptPart, { kind: HomeKind[kind], id, part });
    this.says(fromLink.adopt, { kind: HomeKind[kind], id, hasParts: parts !== undefined, late });
  }

  release(kind: keyof typeof HomeKind, id: string): void {
    this.says(fromLink.release, { kind: HomeKind[kind], id });
  }

  surrender(kind: keyof typeof HomeKind, id: string, conflict = false): void {
    this.says(fromLink.surrender, { kind: HomeKind[kind], id, conflict });
  }

  /** A node asks to follow; what is absent is active, from now on. */
  follow(
    peer: number,
    id: string,
    how: {
      request?: number;
      level?: Level;
      holds?: boolean;
      epoch?: string;
      seq?: number;
      fromClaim?: boolean;
    } = {},
  ): void {
    const { request = 1, level = Level.active, holds = true, epoch, seq = 0, fromClaim = false } = how;
    const since = { since: epoch !== undefined, epoch: epoch ?? '', seq };
    this.says(fromLink.follow, { peer, id, request, level, holds, fromClaim, ...since });
  }

  // Devices and subscribers of the hub's edges.

  /** A device connects, and waits for its claim. @returns its session */
  connectDevice(id: string, edge = 0, interest = false): number {
    return this.#join(SessionKind.device, id, edge, { interest });
  }

  /** A device connects, and nobody else knows it. */
  home(id: string, edge = 0): number {
    const session = this.connectDevice(id, edge);
    this.adopt('device', id);
    this.release('device', id);
    return session;
  }

  /** The device's connection has a will. */
  will(session: number, payload: string): void {
    writeWill(this.#toOwner[edgeOf(session)]!, {
      session,
      type: EventType.message,
      delayMs: 0xffff_ffff,
      payloadIsJson: true,
      status: '',
      payload: Buffer.from(payload),
    });
    this.poll();
  }

  /** A subscriber connects, and nobody else keeps anything of it. */
  subscriber(id: string, edge = 0, devices?: readonly string[]): number {
    const session = this.connectSubscriber(id, edge, { devices });
    this.adopt('subscriber', id);
    this.release('subscriber', id);
    return session;
  }

  gateway(id: string, edge = 0): number {
    return this.#join(SessionKind.gateway, id, edge, {});
  }

  connectSubscriber(id: string, edge = 0, coming: Coming = {}): number {
    return this.#join(SessionKind.subscriber, id, edge, coming);
  }

  /** The owner dies; another one takes over, edges and link tell it whom they hold, and a new link starts. */
  anotherOwner(...held: readonly number[]): void {
    this.anotherOwnerAlone(...held);
    this.says(fromLink.hello, {});
  }

  /** As `anotherOwner`, while no link can start. */
  anotherOwnerAlone(...held: readonly number[]): void {
    const terms = this.#terms();
    this.owner = this.#newOwner(true);
    for (const session of held) writeJoin(this.#toOwner[edgeOf(session)]!, this.#joins.get(session)!);
    for (const [edge, ring] of this.#toOwner.entries()) writeSynced(ring, { term: terms[edge]! });
    this.poll();
    this.hush();
  }

  #join(
    kind: SessionKind,
    id: string,
    edge: number,
    coming: Coming & { readonly interest?: boolean },
  ): number {
    const session = this.#next[edge]!();
    const { interest = false, generated = false, hold = false, fresh = false, ticket = 0, devices } = coming;
    const role = roles[kind];
    const actor = { role, id, devices: devices && new PatternSet(devices), vip: false } as const;
    const rest = { connectedAt: 1, ticket, hold, fresh, gateway: '' };
    const join = { session, kind, actor, interest, generated, ...rest };
    this.#names.set(session, id);
    this.#joins.set(session, { ...join, again: true });
    writeJoin(this.#toOwner[edge]!, { ...join, again: false });
    this.poll();
    return session;
  }

  /** The edge names a session once more that nobody has welcomed. */
  nameAgain(session: number): void {
    writeJoin(this.#toOwner[edgeOf(session)]!, { ...this.#joins.get(session)!, again: false });
    this.poll();
  }

  /** The device connects, and the owner dies at its n-th write before the edge hears of it. @returns whether it did */
  dieOverJoin(id: string, write: number): { readonly session: number; readonly died: boolean } {
    const commit = vi.spyOn(EdgeLink.prototype, 'commit').mockReturnValue(undefined);
    const died = dieAtWrite(write, () => this.connectDevice(id));
    commit.mockRestore();
    const session = [...this.#joins.keys()].at(-1)!;
    this.#joins.set(session, { ...this.#joins.get(session)!, again: false });
    return { session, died };
  }

  /** @param keepMs what a subscriber's session is kept for, if not as long as the settings say */
  disconnect(session: number, clean = false, keepMs = KEEP_AS_SET): void {
    writeLeave(this.#toOwner[edgeOf(session)]!, { session, clean, confirm: false, keepMs });
    this.poll();
  }

  heard(session: number): void {
    writeActive(this.#toOwner[edgeOf(session)]!, { session });
    this.poll();
  }

  /** The device sends an event. @param ack raw JSON of its id; '': it asks for none */
  send(session: number, sent: Sent = {}, ack = ''): void {
    const ring = this.#toOwner[edgeOf(session)]!;
    const event = this.event(0, sent);
    const bytes = eventBytes(event, 0);
    const offset = claimEvent(ring, bytes + ack.length, Priority.high);
    const { views } = ring;
    copyEvent(event, 0, views, offset, bytes);
    views.u8.set(Buffer.from(ack), offset + bytes);
    views.u8[offset + EventField.ackBytes] = ack.length;
    views.u32[(offset + EventField.session) >> 2] = session;
    views.u32[(offset + EventField.device) >> 2] = NONE;
    this.poll();
  }

  /** The subscriber asks. @param names devices, and filters with their star; undefined: all @returns the request */
  ask(session: number, op: OpName, names?: readonly string[], past = false, types = ALL_TYPES): number {
    const request = ++this.#requests;
    const { devices, filters } =
      names === undefined ? { devices: undefined, filters: [] } : splitNames(names);
    const ring = this.#toOwner[edgeOf(session)]!;
    writeRequest(ring, { session, request, op, devices, filters, types, past });
    this.poll();
    return request;
  }

  /** What the edge was told since the last call. */
  got(edge = 0): string[] {
    const ring = this.#fromOwner[edge]!;
    const who = (session: number): string => this.#names.get(session) ?? `session ${session}`;
    const all: string[] = [];
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
      const line = lineToEdge(ring, offset, { reader: this.reader, who });
      if (line.startsWith('deferred')) this.deferred.push(line.slice('deferred '.length));
      else if (line !== '') all.push(line);
    }
    ring.release();
    return all;
  }

  /** Forgets what was told so far. */
  hush(): void {
    this.records();
    for (let edge = 0; edge < PEER_EDGES; edge++) this.got(edge);
  }

  // Operators.

  publish(device: string, payload = '1'): OperatorResult {
    const event = { type: EventType.message, priority: Priority.normal, deviceStatus: '', at: 1 };
    return this.owner.operate({
      kind: ToOwner.Publish,
      device,
      ...event,
      payload: Buffer.from(payload),
    });
  }

  setRow(device: string, subscriber: string, status: 'allow' | 'active' | 'inactive' | 'deny'): void {
    this.owner.operate({ kind: ToOwner.SetRow, device, subscriber, status, vip: undefined });
  }

  terminate(device: string): void {
    this.owner.operate({ kind: ToOwner.Terminate, device });
  }

  // What the table holds.

  /** `online #5 of abc`; undefined without a row. */
  device(id: string): string | undefined {
    const slot = this.reader.findDevice(id);
    const row = slot < 0 ? undefined : this.reader.device(slot);
    return row && `${row.state} #${row.seq} of ${epochName(row.epoch)}`;
  }

  /** What history keeps of the device, oldest first: `#5`, and `gap 3-4` for what it does not. @param after a seq */
  kept(id: string, after = 0): string[] {
    const slot = this.reader.findDevice(id);
    const { generation, seq } = this.reader.devices.rows;
    const replay = this.#history.since({ slot, generation: generation[slot]!, seq: seq[slot]! }, after);
    const found: string[] = [];
    for (let step = replay.next(); step !== Step.End; step = replay.next())
      found.push(step === Step.Event ? `#${replay.seq}` : `gap ${replay.from}-${replay.to}`);
    return found;
  }

  epoch(id: string): string {
    return epochName(this.reader.device(this.reader.findDevice(id))!.epoch);
  }

  /** `active`, `inactive/paused`...; undefined without a row. */
  row(device: string, subscriber: string): string | undefined {
    const slot = this.reader.findSubscriber(subscriber);
    const { slots } = this.reader.subscriptionSlotsOfSubscriber(slot, 0, 10_000);
    const rows = slots.map((one) => this.reader.subscription(one)!);
    const row = rows.find((one) => one.device === this.reader.findDevice(device));
    return row && (row.reason === undefined ? row.status : `${row.status}/${row.reason}`);
  }

  count(counter: keyof typeof Counter): number {
    return this.counters.cells[Counter[counter]]!;
  }
}
