/**
 * An edge that delivers, without a thread: the test writes what the owner would into its ring, and its connections are
 * lists of frames with a queue that grows while they are stalled.
 */

import { edgeSettings } from '../../../fixtures/edge-settings.ts';
import { writeEventRecord } from '../../../fixtures/event-records.ts';
import { openAdmission } from '../../../fixtures/open-admission.ts';
import type { Admission } from '../../../src/access/admission.ts';
import { Allowances, createAllowances } from '../../../src/edge/allowances.ts';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { SubscriberRoute } from '../../../src/edge/deliver/subscriber-route.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Edge } from '../../../src/edge/edge.ts';
import type { EdgeSession, EdgeSettings } from '../../../src/edge/edge-deps.ts';
import { Journal, type JournalEntry } from '../../../src/edge/journal.ts';
import { attachHistory, createHistory } from '../../../src/history/memory.ts';
import { HistoryReader } from '../../../src/history/reader.ts';
import { Counter, type CounterName, Counters, createCounters } from '../../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer } from '../../../src/memory/ring.ts';
import { EdgeLink } from '../../../src/owner/edge-link.ts';
import { createPresence } from '../../../src/presence/memory.ts';
import { PresenceReader } from '../../../src/presence/reader.ts';
import { EventFlag, privateViews } from '../../../src/records/event.ts';
import { EntryWriter, GapReason, NO_BYTES, Notice, writeGap } from '../../../src/records/replies.ts';
import { createSessionNumbers, sessionNumbers } from '../../../src/records/sessions.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { ALL_TYPES, EventType, Priority, type PriorityName } from '../../../src/wire/events.ts';
import { DEFAULT_TEMPLATES, readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { subscriberTerms } from '../../../src/wire/upgrade-terms.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { decodeBinaryEvent, type Frame } from '../../support/frames.ts';
import { lineInto } from '../../support/no-owner-line.ts';
import { OwnerRecords } from '../owner-records.ts';
import { restAtEnd } from '../rest-at-end.ts';

const KEPT = { eventsMax: 100, ttlMs: 3_600_000 } as const;
const RING_BYTES = 4 * 1024 * 1024;
const SCRATCH_BYTES = 128 * 1024;
/** Of the tests' events: small, so that a test says itself how full a queue is. */
const PAYLOAD = Buffer.from('{}');

export const QUEUE_BYTES = 1000;
export const QUEUE_BYTES_MAX = 4000;

export class FakeSocket implements Connection<SubscriberSession> {
  readonly session: SubscriberSession;
  readonly transport = 'websocket';
  readonly remoteAddress = '192.0.2.1';
  readonly topics = new Set<string>();
  /** Everything sent to it, as its peer would see it. */
  readonly frames: Frame[] = [];
  closeCode: number | undefined;
  terminated = false;
  /** Bytes that wait. */
  queued = 0;
  /** While stalled, whatever is sent stays in the queue. */
  stalled = false;
  readonly #route: SubscriberRoute;

  constructor(route: SubscriberRoute, session: SubscriberSession) {
    this.#route = route;
    this.session = session;
  }

  send(frame: string | Uint8Array, binary: boolean): void {
    if (this.closeCode !== undefined) return;
    if (this.stalled) this.queued += frame.length;
    const bytes = Buffer.from(frame as string);
    this.frames.push(binary ? decodeBinaryEvent(bytes) : (JSON.parse(bytes.toString()) as Frame));
  }

  cork(body: () => void): void {
    body();
  }

  ping(): void {}

  close(code: number): void {
    if (this.closeCode !== undefined) return;
    this.closeCode = code;
    this.#route.closing(this);
  }

  terminate(): void {
    this.terminated = true;
  }

  join(topic: string): void {
    this.topics.add(topic);
  }

  leave(topic: string): void {
    if (!this.topics.delete(topic)) throw new Error(`not in topic ${topic}`);
  }

  bufferedBytes(): number {
    return this.queued;
  }

  /** The kernel takes what waits, down to so many bytes, and says so. */
  drainTo(bytes: number): void {
    this.queued = bytes;
    this.#route.writable(this);
  }

  /** The seqs of the events so far and the runs told of in gaps, in the order of coming: `1 2 gap 3-5 6`. */
  get story(): string {
    return this.frames.flatMap(told).join(' ');
  }

  /** As `story`, of what came since the last call. */
  news(): string {
    return this.frames.splice(0).flatMap(told).join(' ');
  }
}

function told(frame: Frame): string[] {
  if (frame.op === 'event') return [`${frame.device}:${frame.seq}`];
  if (frame.op === 'gap') return [`gap ${frame.device}:${frame.from}-${frame.to} ${frame.reason}`];
  return frame.op === 'welcome' ? [] : [frame.op];
}

export interface ThreadOptions extends Partial<EdgeSettings> {
  readonly fanoutThreads?: number;
  /** Of the journal. */
  readonly logLevel?: string;
  /** Templates of MQTT topics. */
  readonly mqttTopics?: readonly string[];
  /** Devices that the table has room for. */
  readonly devices?: number;
}

export interface SubscriberOptions {
  readonly binary?: boolean;
  readonly vip?: boolean;
  /** More of the URL's query, with `&` in front. */
  readonly query?: string;
}

export class FakeThread {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly edge: Edge;
  readonly route: SubscriberRoute;
  readonly presence: PresenceReader;
  /** What the edge has written for the owner. */
  readonly owner: OwnerRecords;
  readonly admission: Admission;
  /** What the journal has told, with `tellJournal`. */
  readonly journal: JournalEntry[] = [];
  readonly tellJournal: () => void;
  /** The owner's; what it writes comes with `poll`, once flushed. */
  readonly link: EdgeLink;
  readonly #allowances = new Allowances(createAllowances());
  readonly #sockets = new Set<FakeSocket>();
  readonly #ring: RingProducer;
  /** By device slot: events so far. */
  readonly #seqs = new Map<number, number>();
  /** Where an event is put together. */
  readonly #scratch = privateViews(SCRATCH_BYTES);
  #subscribers = 0;

  constructor(options: ThreadOptions = {}) {
    const memory = createRing(RING_BYTES);
    this.#ring = new RingProducer(memory);
    this.link = new EdgeLink(this.#ring, new Ringer(createDoorbell()));
    const toOwner = createRing(RING_BYTES);
    this.owner = new OwnerRecords(toOwner);
    const { fanoutThreads = 1, logLevel = 'info', mqttTopics = DEFAULT_TEMPLATES, ...more } = options;
    const { devices = 8, ...settings } = more;
    const templates = readTemplates(mqttTopics);
    if (!templates.ok) throw new Error(templates.problems.join('; '));
    const { admission, upgrades } = openAdmission({
      role: 'subscriber',
      ...subscriberTerms,
      clock: this.clock,
      counters: this.counters,
    });
    const presence = new PresenceReader(createPresence({ devices, subscribers: 64, subscriptions: 8 }));
    this.presence = presence;
    const journal = new Journal({
      clock: this.clock,
      settings: { logLevel },
      say: (entries) => void this.journal.push(...entries),
    });
    this.tellJournal = () => journal.tick();
    this.admission = admission;
    this.edge = new Edge({
      admission,
      presence,
      reader: new HistoryReader(attachHistory(createHistory(0)), presence.devices, KEPT, this.clock),
      keepsHistory: false,
      layout: new TopicLayout(templates.templates),
      line: lineInto(toOwner),
      fromOwner: new RingConsumer(memory),
      clock: this.clock,
      counters: this.counters,
      allowances: this.#allowances,
      deliveringEdges: fanoutThreads,
      numbers: (isUsed) => sessionNumbers(createSessionNumbers(), 0, isUsed),
      isOwnerAway: () => false,
      journal,
      settings: {
        ...edgeSettings,
        sendQueueBytes: QUEUE_BYTES,
        sendQueueMaxBytes: QUEUE_BYTES_MAX,
        ...settings,
      },
    });
    this.route = new SubscriberRoute(this.edge, upgrades);
    this.edge.deliverer.attach({
      publish: (topic, frame, binary) => {
        for (const socket of this.#sockets) if (socket.topics.has(topic)) socket.send(frame, binary);
      },
      close: () => {},
    });
  }

  /** A subscriber that is welcomed, and follows these devices. */
  subscriber(devices: readonly number[] = [], options: SubscriberOptions = {}): FakeSocket {
    const socket = this.connect(options);
    this.link.joined(socket.session.number, this.#subscribers, options.vip ?? false, NO_BYTES, false);
    for (const device of devices) this.attach(socket, device);
    this.link.flush();
    this.poll();
    return socket;
  }

  /** A subscriber that the owner has not let in yet. */
  connect({ binary = false, query = '' }: SubscriberOptions = {}): FakeSocket {
    const protocol = binary ? 'dat.v1.binary' : 'dat.v1.json';
    const answer = this.route.upgrade({
      query: `id=s-${++this.#subscribers}${query}`,
      header: (name) => (name === 'sec-websocket-protocol' ? protocol : ''),
      remoteAddress: '',
    });
    if (!('session' in answer)) throw new Error('not let in');
    const socket = new FakeSocket(this.route, answer.session);
    if (this.#sockets.size === 0) restAtEnd(this.edge, this.clock, this.#sockets);
    this.#sockets.add(socket);
    this.route.open(socket);
    return socket;
  }

  /** @param types bits of the event types that it gets */
  attach({ session }: FakeSocket, device: number, id = `d${device}`, types = ALL_TYPES): void {
    this.link.attach(session.number, device, id, this.seq(device), types);
    this.link.flush();
  }

  detach({ session }: FakeSocket, device: number): void {
    this.link.detach(session.number, device);
    this.link.flush();
  }

  setVip({ session }: FakeSocket, vip: boolean): void {
    this.link.vip(session.number, vip);
    this.link.flush();
  }

  /** The hub tells the subscriber something: a `status` frame. */
  notice({ session }: FakeSocket, devices: readonly string[] = [], notice: Notice = Notice.heard): void {
    const page = new EntryWriter();
    for (const device of devices) addEntry(page, device);
    this.link.notice(session.number, notice, page.take(), false);
    this.link.flush();
  }

  /** A device that a filter of the subscriber matches is there: it is told, and gets the events from here on. */
  appear(socket: FakeSocket, device: number): void {
    const page = new EntryWriter();
    addEntry(page, `d${device}`, device, this.seq(device));
    this.link.filterPage(socket.session.number, '*', page.take(), 0, false);
    this.attach(socket, device);
  }

  /** An event comes over the ring; it is sent with the next `poll`. @returns its seq */
  event(
    device: number,
    priority: PriorityName = 'normal',
    payload: Uint8Array = PAYLOAD,
    type: number = EventType.message,
    flags = 0,
  ): number {
    const seq = this.seq(device) + 1;
    this.#seqs.set(device, seq);
    this.#write(device, seq, priority, payload, type, flags);
    return seq;
  }

  /** An event that nobody could number. */
  unnumbered(device: number): void {
    this.#write(device, 0, 'normal', PAYLOAD, EventType.message, 0);
  }

  #write(
    device: number,
    seq: number,
    priority: PriorityName,
    payload: Uint8Array,
    type: number,
    flags: number,
  ): void {
    const views = this.#scratch;
    const bytes = writeEventRecord(views, 0, {
      ...{ type, payload, received: this.clock.now() },
      priority: Priority[priority],
      flags: EventFlag.payloadIsJson | flags,
    });
    if (!this.link.event(views, 0, bytes, device, seq)) throw new Error('the ring is full');
    this.link.flush();
  }

  /** Events of one device, sent at once. */
  events(device: number, ...priorities: readonly PriorityName[]): void {
    for (const priority of priorities) this.event(device, priority);
    this.poll();
  }

  /** Events that the owner could not get into the ring. */
  overload(device: number, count: number): void {
    const from = this.seq(device) + 1;
    this.gap(device, from, from + count - 1, GapReason.overload);
  }

  /** Events did not come to this edge. */
  gap(device: number, from: number, to: number, reason: GapReason): void {
    this.#seqs.set(device, to);
    writeGap(this.#ring, { device, from, to, reason });
    this.#ring.commit();
  }

  /** The last event's. */
  seq(device: number): number {
    return this.#seqs.get(device) ?? 0;
  }

  /** Works off everything. */
  poll(): void {
    do this.edge.poll();
    while (this.edge.hasRecords() || this.edge.deliverer.hasUnsent);
  }

  /** Time goes by in steps, as the timer of the paces sees it. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= PACE_STEP_MS_MAX) {
      this.clock.advance(Math.min(left, PACE_STEP_MS_MAX));
      this.edge.deliverer.paces.tick();
    }
  }

  /** The queues are looked at, as once a second. */
  tick(): void {
    this.edge.deliverer.sendQueues.tick();
  }

  /** Makes a subscriber lag: its queue is over the limit when it is looked at. */
  lag(socket: FakeSocket, queued = QUEUE_BYTES + 1): void {
    socket.queued = queued;
    this.tick();
  }

  /** What a session has used of its allowance, as the time until all of it is there again, ms. */
  usedMs(session: EdgeSession): number {
    this.edge.keepAllowance(session);
    const now = this.clock.now();
    return Math.max(0, this.#allowances.fullAtMs(session.payer, now) - now);
  }

  /** The connection ends by itself. */
  end(socket: FakeSocket): void {
    this.#sockets.delete(socket);
    this.route.close(socket, 1006);
  }

  count(name: CounterName): number {
    return this.counters.cells[Counter[name]] ?? 0;
  }
}

function addEntry(page: EntryWriter, device: string, deviceSlot = 0, seq = 0): void {
  const text = Buffer.from(device);
  const state = { deviceSlot, rowState: 0, deviceState: 0, lastSeen: 0, seq, epoch: 0, generation: 0 };
  page.add(state, text, 0, text.length, 0, 0);
}
