/**
 * A history log with its reader, without an owner: the test numbers events and makes and frees rows as the owner would.
 * No assertions.
 */

import { eventRecord } from '../../fixtures/event-records.ts';
import { HistoryLog } from '../../src/history/log.ts';
import {
  attachHistory,
  createHistory,
  type HistoryMemory,
  type HistoryUsage,
  historyUsage,
} from '../../src/history/memory.ts';
import { type DeviceAsOf, HistoryReader } from '../../src/history/reader.ts';
import { type Replay, Step } from '../../src/history/replay.ts';
import { attachSlab, createSlab } from '../../src/memory/layout.ts';
import type { RecordViews } from '../../src/memory/ring.ts';
import { Slots } from '../../src/memory/slots.ts';
import { deviceColumns } from '../../src/presence/columns.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import type { DeviceSlab } from '../../src/presence/memory.ts';
import { EventField, EventFlag, eventBytes } from '../../src/records/event.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

export const TTL_MS = 3_600_000;

export interface Sent {
  readonly type?: keyof typeof EventType;
  readonly fromHub?: boolean;
  readonly isHigh?: boolean;
  readonly text?: string;
  /** Bytes of payload beside the text, all of one letter. */
  readonly pad?: number;
}

/** What a replay held, in order: events by seq and text, gaps as pairs. */
export type Told = { readonly seq: number; readonly text: string } | { readonly gap: [number, number] };

export interface EventRecord {
  readonly views: RecordViews;
  readonly bytes: number;
}

export interface HistoryOptions {
  readonly bytes?: number;
  readonly devices?: number;
  readonly eventsMax?: number;
  /** What the first owner writes to: the same memory, but it may die there. */
  readonly mortal?: (history: HistoryMemory, devices: DeviceSlab) => [HistoryMemory, DeviceSlab];
}

export class HistoryHarness {
  readonly clock = new FakeClock();
  readonly devices: DeviceSlab;
  readonly memory: SharedArrayBuffer;
  readonly history: HistoryMemory;
  readonly reader: HistoryReader;
  readonly eventsMax: number;
  #slots: Slots;
  log: HistoryLog;

  constructor({ bytes = 1024 * 1024, devices = 16, eventsMax = 100, mortal }: HistoryOptions = {}) {
    this.eventsMax = eventsMax;
    this.devices = attachSlab(deviceColumns, createSlab(deviceColumns, devices).memory);
    this.#slots = new Slots(this.devices);
    this.memory = createHistory(bytes);
    this.history = attachHistory(this.memory);
    const writes = mortal?.(this.history, this.devices) ?? ([this.history, this.devices] as const);
    this.log = new HistoryLog(...writes, eventsMax);
    this.reader = new HistoryReader(this.history, this.devices, { eventsMax, ttlMs: TTL_MS }, this.clock);
  }

  get usage(): HistoryUsage {
    return historyUsage(this.history);
  }

  /** Makes a device's row. @returns its slot */
  connect(seq = 0): number {
    const slot = this.#slots.take();
    if (slot < 0) throw new Error('no slot left');
    this.log.begin(slot, seq);
    this.devices.rows.seq[slot] = seq;
    this.devices.rows.deviceState[slot] = DeviceState.online;
    return slot;
  }

  free(slot: number): void {
    this.devices.rows.deviceState[slot] = DeviceState.free;
    this.log.forget(slot);
    this.#slots.release(slot);
  }

  /** Numbers an event and keeps it, if its type is kept. @returns its seq */
  send(slot: number, sent: Sent = {}): number {
    const text = String(this.devices.rows.seq[slot]! + 1);
    return this.append(slot, recordOf({ text, ...sent }, this.clock.nowMs)).seq;
  }

  /** Sends one and the same event over and over, which is cheap. */
  repeat(slot: number, times: number, sent: Sent = {}): void {
    const event = recordOf(sent, this.clock.nowMs);
    for (let n = 0; n < times; n++) this.append(slot, event);
  }

  /** @returns the event's seq, and whether the log says that it has kept it */
  append(slot: number, { views, bytes }: EventRecord): { seq: number; isKept: boolean } {
    const { seq: seqs } = this.devices.rows;
    const seq = seqs[slot]! + 1;
    const isKept = this.log.append(slot, seq, views, 0, bytes);
    seqs[slot] = seq;
    return { seq, isKept };
  }

  asOf(slot: number, seq = this.devices.rows.seq[slot]!): DeviceAsOf {
    return { slot, generation: this.devices.rows.generation[slot]!, seq };
  }

  last(slot: number): Told[] {
    return tell(this.reader.last(this.asOf(slot)));
  }

  newest(slot: number, count: number, types = ALL_TYPES): Told[] {
    return tell(this.reader.newest(this.asOf(slot), count, types));
  }

  since(slot: number, seq: number, types = ALL_TYPES): { recovered: boolean; told: Told[] } {
    const replay = this.reader.since(this.asOf(slot), seq, types);
    return { recovered: replay.recovered, told: tell(replay) };
  }

  /** Another owner takes over, which may be mortal. @returns whether the log was whole */
  adopt(mortal?: HistoryOptions['mortal']): boolean {
    this.#slots = new Slots(this.devices);
    this.#slots.adopt((slot) => this.devices.rows.deviceState[slot] !== DeviceState.free);
    const writes = mortal?.(this.history, this.devices) ?? ([this.history, this.devices] as const);
    this.log = new HistoryLog(...writes, this.eventsMax);
    return this.log.adopt();
  }
}

/** All that is left of a replay. */
export function tell(replay: Replay): Told[] {
  const told: Told[] = [];
  for (let step = replay.next(); step !== Step.End; step = replay.next()) told.push(toldBy(replay, step));
  return told;
}

/** @param step of the replay that was just taken, not the end */
export function toldBy(replay: Replay, step: Step): Told {
  if (step === Step.Gap) return { gap: [replay.from, replay.to] };
  const { seq, text } = decode(replay.views);
  if (seq !== replay.seq) throw new Error(`the record of ${replay.seq} says ${seq}`);
  return { seq, text };
}

export const seqsOf = (told: readonly Told[]): (number | string)[] =>
  told.map((one) => ('gap' in one ? `${one.gap[0]}-${one.gap[1]}` : one.seq));

function decode({ u8, u16, u32, f64 }: RecordViews): { seq: number; text: string } {
  const statusBytes = u16[EventField.statusBytes >> 1]!;
  const start = EventField.body + statusBytes;
  const payload = Buffer.from(u8.slice(start, start + u32[EventField.payloadBytes >> 2]!)).toString();
  const [text = '', pad = ''] = payload.split(' ');
  if (!/^(x*)$/.test(pad)) throw new Error('the payload is torn');
  return { seq: f64[EventField.seq >> 3]!, text };
}

export function recordOf(
  { type = 'message', fromHub = false, isHigh = false, text = '', pad = 0 }: Sent,
  receivedMs: number,
): EventRecord {
  const views = eventRecord({
    type: EventType[type],
    priority: isHigh ? Priority.high : Priority.normal,
    received: receivedMs,
    flags: EventFlag.payloadIsJson | (fromHub ? EventFlag.fromHub : 0),
    status: type === 'status' && !fromHub ? 'charging' : '',
    payload: `${text} ${'x'.repeat(pad)}`,
  });
  return { views, bytes: eventBytes(views, 0) };
}
