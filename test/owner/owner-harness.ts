/**
 * An owner on its own rings, without threads: the test writes what an edge would and reads what it would get, put into
 * the frames that a JSON subscriber would see. One edge; the clock stands still unless the test moves it. No assertions.
 */

import { createHistory } from '../../src/history/memory.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner, type OwnerDeps } from '../../src/owner/owner.ts';
import { createPresence, type PresenceCapacity, PresenceReader } from '../../src/presence/table.ts';
import { type OperatorResult, ToOwner } from '../../src/records/commands.ts';
import { EventField } from '../../src/records/event.ts';
import {
  FromOwnerRecord,
  readAnswer,
  readAttach,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readJoined,
  readNotice,
  readRefusals,
} from '../../src/records/replies.ts';
import {
  type OpName,
  SessionKind,
  writeJoin,
  writeLeave,
  writeMore,
  writeRequest,
} from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../src/wire/hub-frames.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { Frame } from '../support/frames.ts';

const RING_BYTES = ringBytesFor(1024 * 1024);
const POLL_RECORDS = 100_000;

const settings: OwnerDeps['settings'] = {
  deviceStaleAfterMs: 60_000,
  deviceLeaveGraceMs: 15_000,
  deviceRemoveAfterMs: 300_000,
  subscriberInactiveAfterMs: 60_000,
  subscriberRemoveAfterMs: 300_000,
  defaultAccess: 'allow',
  maxSubscriptionsPerSubscriber: 100_000,
  maxFiltersPerSubscriber: 100,
  sendQueueMaxBytes: 1024 * 1024,
  historyEvents: 100,
};

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
  readonly owner: Owner;
  readonly #toOwner: RingProducer;
  readonly #fromOwner: RingConsumer;
  readonly #waiting: Received[] = [];
  readonly #nextSession = sessionNumbers(createSessionNumbers(), 0, () => false);
  readonly #subscribers = new Set<number>();
  #requests = 0;
  /** The frame ids of requests, for their answers. */
  readonly #asked = new Map<number, OpName>();

  constructor({ capacity, rules = [], ...given }: OwnerOptions = {}) {
    this.memory = createPresence(capacity ?? { devices: 4000, subscribers: 4000, subscriptions: 20_000 });
    this.reader = new PresenceReader(this.memory);
    const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    const ringer = new Ringer(createDoorbell());
    this.#toOwner = new RingProducer(toOwner);
    this.#fromOwner = new RingConsumer(fromOwner);
    this.owner = new Owner({
      presence: this.memory,
      history: createHistory(0),
      rings: [new RingConsumer(toOwner)],
      links: [new EdgeLink(new RingProducer(fromOwner), ringer)],
      pulses: [new Pulse(createHeartbeat())],
      clock: this.clock,
      counters: new Counters(createCounters()),
      settings: { ...settings, ...given },
      rules,
    });
  }

  poll(): void {
    this.#toOwner.publish();
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
  connect(subscriber: string): number {
    return this.#join(SessionKind.subscriber, subscriber);
  }

  /** Subscribes to filters; the owner answers, and no page has been sent yet. */
  follow(session: number, filters: readonly string[]): void {
    const request = ++this.#requests;
    this.#asked.set(request, 'subscribe');
    const devices: readonly string[] = [];
    writeRequest(this.#toOwner, { session, request, op: 'subscribe', devices, filters, types: ALL_TYPES });
    this.poll();
  }

  #join(kind: SessionKind, id: string): number {
    const session = this.#nextSession();
    if (kind === SessionKind.subscriber) this.#subscribers.add(session);
    const role = kind === SessionKind.device ? 'device' : 'subscriber';
    const actor = { role, id, devices: undefined, vip: false } as const;
    writeJoin(this.#toOwner, {
      session,
      kind,
      actor,
      connectedAt: 1,
      again: false,
      hold: false,
      interest: false,
    });
    this.poll();
    return session;
  }

  disconnect(session: number): void {
    writeLeave(this.#toOwner, { session, clean: false });
    this.poll();
  }

  /** The subscriber has read a page. @param request 0: of the hub's own */
  more(session: number, request = 0): void {
    writeMore(this.#toOwner, { session, request });
    this.poll();
  }

  /** Asks, and returns the answer with all its pages; everything else that came stays for `received`. */
  ask(session: number, op: OpName, devices?: readonly string[]): Frame {
    const request = ++this.#requests;
    this.#asked.set(request, op);
    writeRequest(this.#toOwner, { session, request, op, devices, filters: [], types: ALL_TYPES });
    this.poll();
    let answer: Frame | undefined;
    for (;;) {
      this.#waiting.push(...this.#read());
      const at = this.#waiting.findIndex((one) => one.kind === 'text' && one.frame.id === request);
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
        if (!this.#subscribers.has(session)) return undefined;
        const { subscriber = '' } = this.reader.subscriber(slot) ?? {};
        return text(
          session,
          welcome(subscriber, PING_MS, { resumed: readEntries(resumed), filters: [], held: false, more }),
        );
      }
      case FromOwnerRecord.Answer: {
        const { session, request, more, entries, refusals } = readAnswer(views, offset);
        const asked = { op: this.#asked.get(request)!, id: String(request) };
        return text(session, answered(asked, readEntries(entries), readRefusals(refusals), [], more));
      }
      case FromOwnerRecord.Notice: {
        const { session, notice, more, entries, filters } = readNotice(views, offset);
        return text(session, noticed(notice as 0, readEntries(entries), readFilters(filters), more));
      }
      case FromOwnerRecord.FilterPage: {
        const { session, filter, more, entries } = readFilterPage(views, offset);
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
      default:
        return undefined;
    }
  }
}

const PING_MS = 25_000;
