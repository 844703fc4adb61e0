/**
 * Random use of a history beside a plain model of it: what each device has sent, and what of it must be told.
 */
import { ok } from 'node:assert/strict';
import fc from 'fast-check';
import { expect } from 'vitest';
import { keptBytes } from '../../src/history/kept-event.ts';
import { type Replay, Step } from '../../src/history/replay.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { EventField } from '../../src/records/event.ts';
import type { EventType } from '../../src/wire/events.ts';
import { HistoryHarness, type HistoryOptions, type Told, TTL_MS, tell, toldBy } from './history-harness.ts';

export const CAPACITY = 64 * 1024;
const DEVICES = 6;
const EVENTS_MAX = 12;

interface Sent {
  readonly seq: number;
  readonly type: keyof typeof EventType;
  readonly fromHub: boolean;
  readonly text: string;
  readonly receivedMs: number;
  readonly bytes: number;
  /** Bytes that were appended in all before it. */
  readonly before: number;
}

/** What was sent by a device that is connected now; one that comes later in the same slot is another. */
class Device {
  readonly sent: Sent[] = [];

  get newestMessage(): Sent | undefined {
    return this.sent.findLast(({ type }) => type === 'message');
  }

  get newestStatus(): Sent | undefined {
    return this.sent.findLast(({ type, fromHub }) => type === 'status' && !fromHub);
  }

  get last(): Sent[] {
    const both = [this.newestMessage, this.newestStatus].filter((one) => one !== undefined);
    return both.sort((one, other) => one.seq - other.seq);
  }

  /** All that the contract calls kept. */
  kept(nowMs: number): Sent[] {
    const events = this.sent.filter(({ type }) => type !== 'pong');
    const young = new Set(events.slice(-EVENTS_MAX).filter(({ receivedMs }) => receivedMs >= nowMs - TTL_MS));
    return events.filter((one) => young.has(one) || this.last.includes(one));
  }
}

export class Run {
  readonly hub;
  readonly devices = new Map<number, Device>();
  appended = 0;
  liveBytesMax = 0;
  largest = 0;
  /** Every replay that was begun, with what it has told so far. */
  readonly replays: {
    readonly replay: Replay;
    readonly device: Device;
    readonly since: number;
    readonly told: Told[];
  }[] = [];

  /** What is being sent: it counts when the log has taken it. */
  #pending: { readonly slot: number; readonly device: Device; readonly sent: Sent } | undefined;

  constructor(options: Pick<HistoryOptions, 'mortal'> = {}) {
    this.hub = new HistoryHarness({ bytes: CAPACITY, devices: DEVICES, eventsMax: EVENTS_MAX, ...options });
  }

  connect(): void {
    if (this.devices.size < DEVICES) this.devices.set(this.hub.connect(), new Device());
  }

  pick(n: number): [slot: number, device: Device] | undefined {
    return [...this.devices][n % Math.max(1, this.devices.size)];
  }

  send(slot: number, device: Device, type: Sent['type'], fromHub: boolean, pad: number): void {
    const text = `${slot}:${device.sent.length}:${this.appended}`;
    const status = type === 'status' && !fromHub ? 'charging'.length : 0;
    const bytes = keptBytes(EventField.body + status + text.length + 1 + pad);
    const receivedMs = this.hub.clock.nowMs;
    const seq = device.sent.length + 1;
    const sent = { seq, type, fromHub, text, receivedMs, bytes, before: this.appended };
    this.#pending = { slot, device, sent };
    this.hub.send(slot, { type, fromHub, text, pad });
    this.#count();
  }

  /** After the owner died: what it was doing is done, or was never begun. */
  settle(): void {
    const { rows } = this.hub.devices;
    const pending = this.#pending;
    if (pending && rows.seq[pending.slot]! >= pending.sent.seq) this.#count();
    this.#pending = undefined;
    for (const slot of [...this.devices.keys()])
      if (rows.deviceState[slot] === DeviceState.free) this.devices.delete(slot);
  }

  #count(): void {
    const { device, sent } = this.#pending!;
    this.#pending = undefined;
    device.sent.push(sent);
    if (sent.type === 'pong') return;
    this.appended += sent.bytes;
    this.largest = Math.max(this.largest, sent.bytes);
    const live = [...this.devices.values()]
      .flatMap((one) => one.last)
      .reduce((sum, one) => sum + one.bytes, 0);
    this.liveBytesMax = Math.max(this.liveBytesMax, live);
  }

  /** Whether the newest messages and statuses have always fitted. */
  get isLiveKept(): boolean {
    return this.liveBytesMax <= CAPACITY / 2;
  }

  checkLast(slot: number, device: Device): void {
    const told = this.hub.last(slot);
    const expected = device.last.map(({ seq, text }) => ({ seq, text }));
    if (this.isLiveKept) expect(told).toEqual(expected);
    else for (const one of told) expect(expected).toContainEqual(one);
  }

  checkSince(slot: number, device: Device, since: number): void {
    const { recovered, told } = this.hub.since(slot, since);
    this.checkTold(device, since, told);
    expect(recovered).toBe(!told.some((one) => 'gap' in one));
    const kept = device.kept(this.hub.clock.nowMs);
    const seqs = new Set(told.flatMap((one) => ('seq' in one ? [one.seq] : [])));
    for (const seq of seqs)
      ok(
        kept.some((one) => one.seq === seq),
        `${seq} does not count as kept`,
      );
    // Whatever the log does, it reaches back a good part of its capacity.
    const reach = CAPACITY / 8 - 2 * this.largest;
    for (const { seq, before } of kept.filter(
      (one) => one.seq > since && one.before >= this.appended - reach,
    ))
      ok(seqs.has(seq), `${seq} of ${before} is missing at ${this.appended}`);
  }

  /** Looks at everything there is, and ends the replays. */
  checkAll(): void {
    for (const [slot, device] of this.devices) {
      this.checkLast(slot, device);
      this.checkSince(slot, device, 0);
      this.checkSince(slot, device, device.sent.length);
    }
    for (const { replay, device, told, since } of this.replays.splice(0)) {
      told.push(...tell(replay));
      this.checkTold(device, since, told);
    }
    const { usedBytes, liveBytes, evicted } = this.hub.usage;
    ok(usedBytes <= CAPACITY && liveBytes <= usedBytes);
    if (this.isLiveKept) expect(evicted).toBe(0);
  }

  /** Each event after `since` is told, itself or in a gap, once and in order. */
  checkTold(device: Device, since: number, told: readonly Told[]): void {
    const events = new Map(device.sent.filter(({ type }) => type !== 'pong').map((one) => [one.seq, one]));
    let covered = since;
    const expectNoneUpTo = (end: number): void => {
      for (let seq = covered + 1; seq < end; seq++) ok(!events.has(seq), `${seq} is not told`);
    };
    for (const one of told) {
      const [from, to] = 'gap' in one ? one.gap : [one.seq, one.seq];
      ok(from > covered && to >= from, `${from} to ${to} after ${covered}`);
      expectNoneUpTo(from);
      if ('gap' in one) ok(events.has(to), `the gap to ${to} ends with a pong`);
      else expect(one.text).toBe(events.get(one.seq)?.text);
      covered = to;
    }
    expectNoneUpTo(Math.max(0, ...events.keys()) + 1);
  }
}

const type = fc.constantFrom('message', 'message', 'message', 'status', 'status', 'pong' as const);
const pad = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(3500) });
export const operation = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('connect' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('free' as const), device: fc.nat(20) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      device: fc.nat(20),
      type,
      fromHub: fc.boolean(),
      pad,
      times: fc.oneof(fc.constant(1), fc.nat(40)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(TTL_MS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clean' as const), limit: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('check' as const), device: fc.nat(20), back: fc.nat(40) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('begin' as const), device: fc.nat(20), back: fc.nat(20) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('step' as const), steps: fc.nat(6) }) },
);
export type Operation = typeof operation extends fc.Arbitrary<infer Type> ? Type : never;

export function carryOut(run: Run, op: Operation): void {
  if (op.do === 'connect') run.connect();
  else if (op.do === 'pass') run.hub.clock.nowMs += op.ms;
  else if (op.do === 'clean') run.hub.log.clean(op.limit);
  else if (op.do === 'adopt') {
    const { usage } = run.hub;
    expect(run.hub.adopt()).toBe(true);
    expect(run.hub.usage).toEqual(usage);
  } else if (op.do === 'step') {
    for (const { replay, told } of run.replays.slice(-op.steps)) {
      const step = replay.next();
      if (step !== Step.End) told.push(toldBy(replay, step));
    }
  } else {
    const [slot, device] = run.pick(op.device) ?? [];
    if (slot === undefined || device === undefined) return;
    if (op.do === 'send')
      for (let n = 0; n < op.times; n++)
        run.send(slot, device, op.type, op.type === 'status' && op.fromHub, op.pad);
    else if (op.do === 'check') {
      run.checkLast(slot, device);
      run.checkSince(slot, device, Math.max(0, device.sent.length - op.back));
    } else if (op.do === 'free') {
      run.hub.free(slot);
      run.devices.delete(slot);
    } else {
      const since = Math.max(0, device.sent.length - op.back);
      const replay = run.hub.reader.since(run.hub.asOf(slot), since);
      const copy = new Device();
      copy.sent.push(...device.sent);
      run.replays.push({ replay, device: copy, told: [], since });
    }
  }
}
