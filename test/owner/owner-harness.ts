/**
 * An owner on its own rings, without threads: the test writes what an edge would and reads what it would get, put into
 * the frames that a JSON subscriber would see. One edge; the clock stands still unless the test moves it. No assertions.
 */

import { ownerSettings } from '../../fixtures/owner-settings.ts';
import { splitNames } from '../../src/access/pattern.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import type { OwnerDeps } from '../../src/owner/owner-deps.ts';
import { createPresence, type PresenceCapacity } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { type OperatorResult, ToOwner } from '../../src/records/commands.ts';
import { EventField } from '../../src/records/event.ts';
import {
  FromOwnerRecord,
  readAnswer,
  readAttach,
  readClosed,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readJoined,
  readNotice,
  readRefusals,
  readSeq,
} from '../../src/records/replies.ts';
import {
  type Join,
  type OpName,
  SessionKind,
  writeActive,
  writeJoin,
  writeLeave,
  writeMore,
  writeRequest,
  writeSynced,
} from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../src/wire/hub-frames.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { Frame } from '../support/frames.ts';

const RING_BYTES = ringBytesFor(1024 * 1024);
const POLL_RECORDS = 100_000;
/** Within which a request is answered. */
const POLLS_MAX = 100;

/** How a subscriber comes. */
export interface Coming {
  /** What its token covers; absent: everything. */
  readonly devices?: readonly string[];
  readonly hold?: boolean;
}

/** What the edge got, in order. */
export type Received =
  | { readonly kind: 'text'; readonly session: number; readonly frame: Frame }
  | { readonly kind: 'attach' | 'detach'; readonly session: number; readonly device: string }
  | { readonly kind: 'event'; readonly device: string; readonly seq: number };

export interface OwnerOptions extends Partial<OwnerDeps['settings']> {
  readonly capacity?: PresenceCapacity;
  readonly rules?: OwnerDeps['rules'];
}

export class OwnerHarness {
  readonly clock = new FakeClock();
  readonly memory;
  readonly reader: PresenceReader;
  owner: Owner;
  /** What the edge was told of takeovers so far, in order. */
  readonly takeovers: string[] = [];
  readonly #toOwner: RingProducer;
  readonly #fromOwner: RingConsumer;
  readonly #waiting: Received[] = [];
  readonly #nextSession = sessionNumbers(createSessionNumbers(), 0, () => false);
  /** Of an owner that takes over now. */
  readonly #term: () => number;
  readonly #newOwner: (takesOver: boolean) => Owner;
  /** By session: whom the edge holds. */
  readonly #joins = new Map<number, Join>();
  /** Sessions whose edge knows that they were let in. */
  readonly #welcomed = new Set<number>();
  #requests = 0;
  /** Pages of filters that wait until the one before was read. */
  readonly #promised: number[] = [];
  /** The frame ids of requests, for their answers. */
  readonly #asked = new Map<number, OpName>();

  constructor({ capacity, rules = [], ...given }: OwnerOptions = {}) {
    this.memory = createPresence(capacity ?? { devices: 4000, subscribers: 4000, subscriptions: 20_000 });
    this.reader = new PresenceReader(this.memory);
    const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    const ringer = new Ringer(createDoorbell());
    const history = createHistory(0);
    this.#toOwner = new RingProducer(toOwner);
    this.#fromOwner = new RingConsumer(fromOwner);
    this.#newOwner = (takesOver) =>
      new Owner({
        presence: this.memory,
        history,
        rings: [new RingConsumer(toOwner)],
        links: [new EdgeLink(new RingProducer(fromOwner), ringer)],
        pulses: [new Pulse(createHeartbeat())],
        clock: this.clock,
        counters: new Counters(createCounters()),
        settings: { ...ownerSettings, ...given },
        rules,
        takesOver,
      });
    this.#term = () => new RingProducer(fromOwner).written;
    this.owner = this.#newOwner(false);
  }

  /** The owner has died; another takes its place, and the edge names whom it holds. */
  replaceOwner(): void {
    this.#waiting.push(...this.#read());
    const term = this.#term();
    this.owner = this.#newOwner(true);
    for (const join of this.#joins.values()) {
      writeJoin(this.#toOwner, { ...join, again: this.#welcomed.has(join.session) });
    }
    writeSynced(this.#toOwner, { term });
    this.poll();
  }

  poll(): void {
    this.#toOwner.commit();
    this.owner.poll(POLL_RECORDS);
  }

  /** Moves the clock and lets the timers fire. */
  pass(ms: number): void {
    this.clock.nowMs += ms;
    this.poll();
  }

  /** @returns the device's session */
  connectDevice(id: string): number {
    return this.#join(SessionKind.device, id);
  }

  /** @returns the subscriber's session */
  connect(subscriber: string, coming: Coming = {}): number {
    return this.#join(SessionKind.subscriber, subscriber, coming);
  }

  /** Subscribes to filters; the owner answers, and no page has been sent yet. @param slice devices in one page */
  follow(session: number, filters: readonly string[], slice?: number): void {
    const request = ++this.#requests;
    this.#asked.set(request, 'subscribe');
    const devices: readonly string[] = [];
    writeRequest(this.#toOwner, {
      session,
      request,
      op: 'subscribe',
      devices,
      filters,
      types: ALL_TYPES,
      past: false,
      ...(slice === undefined ? {} : { slice }),
    });
    this.poll();
  }

  #join(kind: SessionKind, id: string, { devices, hold = false }: Coming = {}): number {
    const session = this.#nextSession();
    const role = kind === SessionKind.device ? 'device' : 'subscriber';
    const actor = { role, id, devices: devices && new PatternSet(devices), vip: false } as const;
    const rest = { connectedAt: 1, ticket: 0, again: false, interest: false, generated: false, gateway: '' };
    const join = { session, kind, actor, hold, ...rest };
    this.#joins.set(session, join);
    writeJoin(this.#toOwner, join);
    this.poll();
    return session;
  }

  /** The edge writes that a peer that was silent has been heard. */
  heard(session: number): void {
    writeActive(this.#toOwner, { session });
    this.poll();
  }

  /** The edge lets go of the session, and the owner has not heard of it. */
  lose(session: number): void {
    this.#joins.delete(session);
  }

  disconnect(session: number): void {
    this.#joins.delete(session);
    writeLeave(this.#toOwner, { session, clean: false, confirm: false });
    this.poll();
  }

  /** The subscriber has read a page. @param request 0: of the hub's own */
  more(session: number, request = 0): void {
    writeMore(this.#toOwner, { session, request });
    this.poll();
  }

  /** Asks, and lets nobody read it. @returns the request */
  write(session: number, op: OpName, names?: readonly string[]): number {
    const request = ++this.#requests;
    this.#asked.set(request, op);
    const { devices, filters } =
      names === undefined ? { devices: undefined, filters: [] } : splitNames(names);
    writeRequest(this.#toOwner, { session, request, op, devices, filters, types: ALL_TYPES, past: false });
    this.#toOwner.commit();
    return request;
  }

  /**
   * Asks, and returns the answer with all its pages; everything else that came stays for `received`.
   * @param names ids and filters; absent: all
   */
  ask(session: number, op: OpName, names?: readonly string[]): Frame {
    const request = this.write(session, op, names);
    let answer: Frame | undefined;
    for (let polls = 0; ; polls++) {
      this.poll();
      this.#waiting.push(...this.#read());
      const at = this.#waiting.findIndex((one) => one.kind === 'text' && one.frame.id === request);
      if (at < 0 && polls < POLLS_MAX) continue; // a filter is looked for in slices
      const [page] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (page?.kind !== 'text') throw new Error(`${op} was not answered`);
      const { more, ...frame } = page.frame as Frame & { readonly more?: boolean };
      answer =
        answer === undefined
          ? (frame as Frame)
          : { ...answer, devices: [...(answer.devices as object[]), ...(frame.devices as object[])] };
      if (more !== true) return answer;
      this.more(session, request);
    }
  }

  /** Publishes as the device. @returns the seq, undefined when nobody listened */
  publish(device: string): number | undefined {
    const event = { type: EventType.message, priority: Priority.normal, deviceStatus: '', at: 1 };
    const command = { kind: ToOwner.Publish, device, ...event, payload: Buffer.from('1') } as const;
    const result = this.owner.operate(command);
    return result.ok && result.skipped !== true ? result.seq : undefined;
  }

  setRow(
    device: string,
    subscriber: string,
    status: 'allow' | 'active' | 'inactive' | 'deny',
  ): OperatorResult {
    return this.owner.operate({ kind: ToOwner.SetRow, device, subscriber, status, vip: undefined });
  }

  /** Reads the pages of filters that came for the session, and asks for more where more is promised. */
  readPages(session: number): { readonly device: string }[] {
    this.#waiting.push(...this.#read());
    const devices: { readonly device: string }[] = [];
    for (const one of this.#waiting.splice(0)) {
      if (one.kind !== 'text' || one.session !== session || one.frame.filter === undefined) continue;
      devices.push(...(one.frame.devices as { readonly device: string }[]));
    }
    for (const page of this.#promised.splice(0)) this.more(session, page);
    return devices;
  }

  /** How many active subscriptions the subscriber has. */
  followed(subscriber: string): number {
    const { slots } = this.reader.subscriptionSlotsOfSubscriber(
      this.reader.findSubscriber(subscriber),
      0,
      100_000,
    );
    return slots.filter((row) => this.reader.subscription(row)!.status === 'active').length;
  }

  removeRow(device: string, subscriber: string): OperatorResult {
    return this.owner.operate({ kind: ToOwner.RemoveRow, device, subscriber });
  }

  /** Sets the rules, part by part. @returns how many subscriptions they denied, and in how many parts */
  setRules(rules: OwnerDeps['rules'], dryRun = false): { removed: number; parts: number } {
    let result = this.owner.operate({ kind: ToOwner.SetRules, rules, dryRun });
    let removed = 0;
    for (let parts = 1; ; parts++) {
      if (!result.ok) throw new Error(result.message);
      removed += result.removed ?? 0;
      if (result.next === undefined) return { removed, parts };
      result = this.owner.operate({ kind: ToOwner.SweepRules, from: result.next });
    }
  }

  /** `status` or `status/reason` of the pair's row; undefined without one. */
  status(device: string, subscriber: string): string | undefined {
    const slot = this.reader.findSubscriber(subscriber);
    if (slot < 0) return undefined;
    const { slots } = this.reader.subscriptionSlotsOfSubscriber(slot, 0, 100_000);
    const rows = slots.map((row) => this.reader.subscription(row)!);
    const row = rows.find((one) => one.device === this.reader.findDevice(device));
    return row && (row.reason === undefined ? row.status : `${row.status}/${row.reason}`);
  }

  /** What came since the last call. */
  received(): Received[] {
    return [...this.#waiting.splice(0), ...this.#read()];
  }

  #read(): Received[] {
    const ring = this.#fromOwner;
    const all: Received[] = [];
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
      const one = this.#decode(ring, offset);
      if (one !== undefined) all.push(one);
    }
    ring.release();
    return all;
  }

  #decode({ views, kind }: RingConsumer, offset: number): Received | undefined {
    const device = (slot: number): string => this.reader.device(slot)?.device ?? `slot ${slot}`;
    const text = (session: number, frame: unknown): Received => ({
      kind: 'text',
      session,
      frame: JSON.parse(frame as string),
    });
    const { welcome, answer: answered, notice: noticed, filterPage } = jsonSubscriberCodec;
    switch (kind) {
      case FromOwnerRecord.Joined: {
        const { session, slot, resumed, more } = readJoined(views, offset);
        this.#welcomed.add(session);
        if (this.#joins.get(session)?.kind !== SessionKind.subscriber) return undefined;
        const { subscriber = '' } = this.reader.subscriber(slot) ?? {};
        return text(
          session,
          welcome(subscriber, PING_MS, { resumed: readEntries(resumed), filters: [], held: false, more }),
        );
      }
      case FromOwnerRecord.Answer: {
        const { session, request, more, entries, refusals, filters } = readAnswer(views, offset);
        const asked = { op: this.#asked.get(request)!, id: String(request) };
        const refused = readRefusals(refusals);
        return text(session, answered(asked, readEntries(entries), refused, readFilters(filters), more));
      }
      case FromOwnerRecord.Closed:
        this.#joins.delete(readClosed(views, offset).session);
        return undefined;
      case FromOwnerRecord.Notice: {
        const { session, notice, more, entries, filters } = readNotice(views, offset);
        return text(session, noticed(notice as 0, readEntries(entries), readFilters(filters), more));
      }
      case FromOwnerRecord.FilterPage: {
        const { session, filter, more, waits, entries, page } = readFilterPage(views, offset);
        if (waits) this.#promised.push(page);
        return text(session, filterPage(filter, readEntries(entries), more));
      }
      case FromOwnerRecord.Attach: {
        const { session, id } = readAttach(views, offset);
        return { kind: 'attach', session, device: id };
      }
      case FromOwnerRecord.Detach: {
        const { session, device: slot } = readDetach(views, offset);
        return { kind: 'detach', session, device: device(slot) };
      }
      case FromOwnerRecord.Event: {
        const seq = views.f64[(offset + EventField.seq) >> 3]!;
        return { kind: 'event', device: device(views.u32[(offset + EventField.device) >> 2]!), seq };
      }
      case FromOwnerRecord.Resync:
        this.takeovers.push('resync');
        return undefined;
      case FromOwnerRecord.Seq: {
        const { device: slot, seq } = readSeq(views, offset);
        this.takeovers.push(`${device(slot)} ${seq}`);
        return undefined;
      }
      case FromOwnerRecord.Resynced:
        this.takeovers.push('resynced');
        return undefined;
      default:
        return undefined;
    }
  }
}

const PING_MS = 25_000;
