/**
 * A hub without threads and sockets: the owner, the cluster link's side of its rings, and an edge that connects devices and
 * subscribers and writes down the frames that each subscriber would get. The owner, and the link's look at its rings, run
 * after delays of their own, so a test may let either lag. No assertions.
 */

import { claimEventRecord, type GivenEvent } from '../../../fixtures/event-records.ts';
import { ownerSettings } from '../../../fixtures/owner-settings.ts';
import { splitNames } from '../../../src/access/pattern.ts';
import type { Clock } from '../../../src/clock.ts';
import type { ClusterHost } from '../../../src/cluster/host.ts';
import { HubHost } from '../../../src/cluster/hub-host.ts';
import type { ClusterNode } from '../../../src/cluster/node.ts';
import type { Operators } from '../../../src/cluster/operators.ts';
import { attachHistory, createHistory } from '../../../src/history/memory.ts';
import { HistoryReader } from '../../../src/history/reader.ts';
import { Counters, createCounters } from '../../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../../src/memory/ring.ts';
import { Cluster } from '../../../src/owner/cluster/cluster.ts';
import { EdgeLink } from '../../../src/owner/edge-link.ts';
import { Owner } from '../../../src/owner/owner.ts';
import { NONE } from '../../../src/presence/columns.ts';
import { createPresence } from '../../../src/presence/memory.ts';
import { PresenceReader } from '../../../src/presence/reader.ts';
import { EventField } from '../../../src/records/event.ts';
import type { Fields, RecordLayout, Values } from '../../../src/records/layout.ts';
import {
  FromOwnerRecord,
  type Notice,
  readAnswer,
  readAttach,
  readClosed,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readGap,
  readJoined,
  readNotice,
  readRefusals,
} from '../../../src/records/replies.ts';
import {
  KEEP_AS_SET,
  type OpName,
  SessionKind,
  writeJoin,
  writeLeave,
  writeMore,
  writeRequest,
} from '../../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../../src/records/sessions.ts';
import { createTickets, Tickets } from '../../../src/records/tickets.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import type { Frame } from '../../support/frames.ts';

const RING_BYTES = ringBytesFor(1024 * 1024);
const POLL_RECORDS = 10_000;
const PING_MS = 25_000;
/** Numbers among the edges. */
const EDGE = 0;
const LINK = 1;

const settings = { ...ownerSettings, deviceLeaveGraceMs: 1000, maxSubscriptionsPerSubscriber: 1000 };

/** What a subscriber's edge knows of it. */
export class WholeSubscriber {
  readonly session: number;
  readonly frames: { readonly all: Frame[]; isOver: boolean } = { all: [], isOver: false };
  readonly attached = new Set<number>();

  constructor(session: number) {
    this.session = session;
  }
}

export class WholeDevice {
  readonly id: string;
  readonly session: number;
  /** The code that the hub closed it with. */
  closed: number | undefined;
  isOver = false;

  constructor(id: string, session: number) {
    this.id = id;
    this.session = session;
  }
}

export class WholeHub {
  readonly #clock: Clock;
  readonly #presence = createPresence({ devices: 100, subscribers: 100, subscriptions: 1000 });
  readonly reader = new PresenceReader(this.#presence);
  readonly #memory = [EDGE, LINK].map(() => ({
    toOwner: createRing(RING_BYTES),
    fromOwner: createRing(RING_BYTES),
  }));
  readonly #toOwner = new RingProducer(this.#memory[EDGE]!.toOwner);
  readonly #fromOwner = new RingConsumer(this.#memory[EDGE]!.fromOwner);
  readonly #nextSession = sessionNumbers(createSessionNumbers(), EDGE, () => false);
  readonly #tickets = new Tickets(createTickets());
  readonly #owner: Owner;
  readonly #host: HubHost;
  readonly #linkToOwner = new RingProducer(this.#memory[LINK]!.toOwner);
  readonly #devices = new Map<number, WholeDevice>();
  readonly #subscribers = new Map<number, WholeSubscriber>();
  readonly #ops = new Map<number, OpName>();
  #requests = 0;
  readonly phases: string[] = [];

  /** @param historyBytes 0: history is off */
  constructor(clock: Clock, historyBytes: number) {
    this.#clock = clock;
    const history = createHistory(historyBytes);
    const ringer = new Ringer(createDoorbell());
    const maxMessageBytes = 65_536;
    const historyTtlMs = 3_600_000;
    this.#owner = new Owner({
      presence: this.#presence,
      history,
      rings: this.#memory.map(({ toOwner }) => new RingConsumer(toOwner)),
      links: this.#memory.map(({ fromOwner }) => new EdgeLink(new RingProducer(fromOwner), ringer)),
      pulses: this.#memory.map(() => new Pulse(createHeartbeat())),
      clock,
      counters: new Counters(createCounters()),
      settings,
      rules: [],
      cluster: { edge: LINK, historyTtlMs, maxMessageBytes, create: (context) => new Cluster(context) },
    });
    const limits = { eventsMax: settings.historyEvents, ttlMs: historyTtlMs };
    this.#host = new HubHost({
      toOwner: this.#linkToOwner,
      fromOwner: new RingConsumer(this.#memory[LINK]!.fromOwner),
      ringer,
      presence: this.reader,
      reader: new HistoryReader(attachHistory(history), this.reader.devices, limits, clock),
      clock,
      counters: [new Counters(createCounters())],
      call: async () => ({ status: 404, body: Buffer.from('{}') }),
      phaseChanged: (phase) => this.phases.push(phase),
      rulesChanged: () => {},
      duplicate: () => {},
      isDraining: () => false,
    });
  }

  get asClusterHost(): ClusterHost {
    return this.#host;
  }

  set node(node: ClusterNode) {
    void this.#host.reset();
    this.#host.start(node, { applied: () => {} } as unknown as Operators);
  }

  /** The owner's thread has its turn, and the edge reads what it says. */
  pollOwner(): void {
    this.#toOwner.commit();
    this.#owner.poll(POLL_RECORDS);
    this.#read();
  }

  /** The link's thread has its turn. */
  pollLink(): void {
    this.#host.poll();
    this.#host.tick();
  }

  /** In place of a link without a node: tells the owner. */
  linkSays<F extends Fields>(layout: RecordLayout<F>, values: Values<F>): void {
    layout.write(this.#linkToOwner, values);
    this.#linkToOwner.commit();
  }

  /** The same for an event of a device of another node. @param payload JSON */
  linkPasses(ref: number, seq: number, payload: string): void {
    const ring = this.#linkToOwner;
    this.#writeEvent(ring, { device: ref, session: NONE, seq, payload });
    ring.commit();
  }

  connectDevice(id: string): WholeDevice {
    const device = new WholeDevice(id, this.#join(SessionKind.device, id));
    this.#devices.set(device.session, device);
    return device;
  }

  leaveDevice(device: WholeDevice, clean = false): void {
    if (device.isOver) return;
    device.isOver = true;
    this.#devices.delete(device.session);
    writeLeave(this.#toOwner, { session: device.session, clean });
  }

  /** @param payload JSON */
  publish({ isOver, session }: WholeDevice, payload: string): void {
    if (!isOver) this.#writeEvent(this.#toOwner, { device: NONE, session, payload });
  }

  /** @param generated whether the hub has made the id */
  connectSubscriber(id: string, generated = false): WholeSubscriber {
    const subscriber = new WholeSubscriber(this.#join(SessionKind.subscriber, id, generated));
    this.#subscribers.set(subscriber.session, subscriber);
    return subscriber;
  }

  /** Its connection is lost, or, with 0 for `keepMs`, said goodbye to for good. */
  leaveSubscriber({ session, frames }: WholeSubscriber, keepMs = KEEP_AS_SET): void {
    frames.isOver = true;
    this.#subscribers.delete(session);
    writeLeave(this.#toOwner, { session, clean: keepMs === 0, keepMs });
  }

  /** @param names ids and filters */
  ask({ session }: WholeSubscriber, op: OpName, names: readonly string[]): void {
    const request = ++this.#requests;
    this.#ops.set(request, op);
    const { devices, filters } = splitNames(names);
    writeRequest(this.#toOwner, { session, request, op, devices, filters, types: ALL_TYPES, past: false });
  }

  #writeEvent(ring: RingProducer, event: GivenEvent): void {
    const times = { at: this.#clock.wallNow(), received: this.#clock.now() };
    claimEventRecord(ring, { ...event, ...times });
  }

  #join(kind: SessionKind, id: string, generated = false): number {
    const session = this.#nextSession();
    const actor = {
      role: kind === SessionKind.device ? 'device' : 'subscriber',
      id,
      devices: undefined,
      vip: false,
    } as const;
    const rest = { connectedAt: 1, again: false, hold: false, interest: false, gateway: '' };
    writeJoin(this.#toOwner, { session, kind, actor, generated, ...rest, ticket: this.#tickets.next() });
    return session;
  }

  #read(): void {
    const ring = this.#fromOwner;
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) this.#take(ring, offset);
    ring.release();
  }

  #take({ views, kind }: RingConsumer, offset: number): void {
    const { welcome, answer, notice, filterPage } = jsonSubscriberCodec;
    const told = (session: number, frame: unknown): void => {
      if (frame !== undefined) this.#subscribers.get(session)?.frames.all.push(JSON.parse(frame as string));
    };
    switch (kind) {
      case FromOwnerRecord.Joined: {
        const { session, slot, resumed, more } = readJoined(views, offset);
        if (!this.#subscribers.has(session)) return;
        const { subscriber = '' } = this.reader.subscriber(slot) ?? {};
        const kept = { resumed: readEntries(resumed), filters: [], held: false, more };
        told(session, welcome(subscriber, PING_MS, kept));
        return;
      }
      case FromOwnerRecord.Closed:
        this.#closed(readClosed(views, offset));
        return;
      case FromOwnerRecord.Answer: {
        const { session, request, more, entries, refusals, filters } = readAnswer(views, offset);
        const asked = { op: this.#ops.get(request)!, id: String(request) };
        const refused = readRefusals(refusals);
        told(session, answer(asked, readEntries(entries), refused, readFilters(filters), more));
        if (more) writeMore(this.#toOwner, { session, request });
        return;
      }
      case FromOwnerRecord.Notice: {
        const { session, notice: what, more, entries, filters } = readNotice(views, offset);
        told(session, notice(what as Notice, readEntries(entries), readFilters(filters), more));
        if (more) writeMore(this.#toOwner, { session, request: 0 });
        return;
      }
      case FromOwnerRecord.FilterPage: {
        const { session, filter, more, entries, page } = readFilterPage(views, offset);
        told(session, filterPage(filter, readEntries(entries), more));
        if (more) writeMore(this.#toOwner, { session, request: page });
        return;
      }
      case FromOwnerRecord.Attach: {
        const { session, device } = readAttach(views, offset);
        this.#subscribers.get(session)?.attached.add(device);
        return;
      }
      case FromOwnerRecord.Detach: {
        const { session, device } = readDetach(views, offset);
        this.#subscribers.get(session)?.attached.delete(device);
        return;
      }
      case FromOwnerRecord.Gap: {
        const { device, from, to } = readGap(views, offset);
        this.#tellFollowers(device, { op: 'gap', from, to });
        return;
      }
      case FromOwnerRecord.Event: {
        const { f64, u32, u8 } = views;
        const body = offset + EventField.body;
        const payload = Buffer.from(
          u8.subarray(body, body + u32[(offset + EventField.payloadBytes) >> 2]!),
        ).toString();
        const seq = f64[(offset + EventField.seq) >> 3]!;
        this.#tellFollowers(u32[(offset + EventField.device) >> 2]!, {
          op: 'event',
          seq,
          data: payload === '' ? null : JSON.parse(payload),
        });
        return;
      }
      default:
        return;
    }
  }

  #closed({ session, code }: { readonly session: number; readonly code: number }): void {
    const device = this.#devices.get(session);
    if (device !== undefined) {
      device.closed = code;
      this.leaveDevice(device);
    }
    const subscriber = this.#subscribers.get(session);
    if (subscriber === undefined) return;
    subscriber.frames.isOver = true;
    this.#subscribers.delete(session);
    writeLeave(this.#toOwner, { session, clean: false });
  }

  #tellFollowers(slot: number, frame: Omit<Frame, 'device'>): void {
    const device = this.reader.device(slot)?.device ?? `slot ${slot}`;
    for (const { attached, frames } of this.#subscribers.values())
      if (attached.has(slot)) frames.all.push({ ...frame, device } as Frame);
  }
}
