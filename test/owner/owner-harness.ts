/**
 * An owner on its own rings, without threads: the test writes what fan-out workers would and reads what they would
 * get. One worker; the clock stands still unless the test moves it. No assertions.
 */
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { FanoutLink, IngestLink } from '../../src/owner/edge-link.ts';
import { Owner, type OwnerDeps } from '../../src/owner/owner.ts';
import { createPresence, type PresenceCapacity, PresenceReader } from '../../src/presence/table.ts';
import { EventType, Priority } from '../../src/wire/events.ts';
import { type OperatorResult, ToOwner } from '../../src/records/commands.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import {
  EventField,
  FromSubscribers,
  firstWord,
  Ingest,
  type OpName,
  readText,
  secondWord,
  ToSubscribers,
  writeJoin,
  writeOp,
  writeSmall,
} from '../../src/supervise/records.ts';
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
  pingIntervalMs: 25_000,
};

/** What the worker got, in order. */
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
  readonly #ingest: RingProducer;
  readonly #waiting: Received[] = [];
  #sessions = 0;
  #text = '';

  constructor({ capacity, rules = [], ...given }: OwnerOptions = {}) {
    this.memory = createPresence(capacity ?? { devices: 4000, subscribers: 4000, subscriptions: 20_000 });
    this.reader = new PresenceReader(this.memory);
    const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    const [ingestTo, ingestFrom] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    const ringer = new Ringer(createDoorbell());
    this.#toOwner = new RingProducer(toOwner);
    this.#fromOwner = new RingConsumer(fromOwner);
    this.#ingest = new RingProducer(ingestTo);
    this.owner = new Owner({
      presence: this.memory,
      ingestRing: new RingConsumer(ingestTo),
      ingestLink: new IngestLink(new RingProducer(ingestFrom), ringer),
      fanoutRings: [new RingConsumer(toOwner)],
      fanoutLinks: [new FanoutLink(new RingProducer(fromOwner), ringer)],
      ingestPulse: new Pulse(createHeartbeat()),
      fanoutPulses: [new Pulse(createHeartbeat())],
      clock: this.clock,
      counters: new Counters(createCounters()),
      settings: { ...settings, ...given },
      rules,
    });
  }

  poll(): void {
    this.#toOwner.publish();
    this.#ingest.publish();
    this.owner.poll(POLL_RECORDS);
  }

  /** Moves the clock and lets the timers fire. */
  pass(ms: number): void {
    this.clock.nowMs += ms;
    this.poll();
  }

  /** @returns the ingest session */
  connectDevice(id: string): number {
    const session = ++this.#sessions;
    writeSmall(this.#ingest, Ingest.Join, [session], Buffer.from(id));
    this.poll();
    return session;
  }

  /** @returns the fan-out session */
  connect(subscriber: string): number {
    const session = ++this.#sessions;
    writeJoin(
      this.#toOwner,
      session,
      { role: 'subscriber', id: subscriber, devices: undefined, vip: false },
      false,
    );
    this.poll();
    return session;
  }

  disconnect(session: number): void {
    writeSmall(this.#toOwner, FromSubscribers.Leave, [session]);
    this.poll();
  }

  /** Asks, and returns the answer; everything else that came stays for `received`. */
  ask(session: number, op: OpName, devices?: readonly string[]): Frame {
    writeOp(this.#toOwner, { session, op, id: '"asked"', devices });
    this.poll();
    const all = this.#read();
    const at = all.findIndex((one) => one.kind === 'text' && one.frame.id === 'asked');
    const [answer] = at < 0 ? [] : all.splice(at, 1);
    this.#waiting.push(...all);
    if (answer?.kind !== 'text') throw new Error(`${op} was not answered`);
    return answer.frame;
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
      const { views, kind } = ring;
      const session = firstWord(views, offset);
      const device = (slot: number): string => this.reader.device(slot)?.device ?? `slot ${slot}`;
      if (kind === ToSubscribers.Text) {
        this.#text += readText(views, offset);
        if (secondWord(views, offset) === 1) continue; // a long text comes in pieces
        all.push({ kind: 'text', session, frame: JSON.parse(this.#text) });
        this.#text = '';
      } else if (kind === ToSubscribers.Attach || kind === ToSubscribers.Detach) {
        const what = kind === ToSubscribers.Attach ? 'attach' : 'detach';
        all.push({ kind: what, session, device: device(secondWord(views, offset)) });
      } else if (kind === ToSubscribers.Event) {
        const seq = views.f64[(offset + EventField.seq) >> 3]!;
        all.push({ kind: 'event', device: device(views.u32[(offset + EventField.device) >> 2]!), seq });
      }
    }
    ring.release();
    return all;
  }
}
