/**
 * What a snapshot saves, read from the presence table while its owner writes it: any thread that may block. A row that
 * comes or goes meanwhile may be in or not; one that stays is in, whole. The owner does nothing for it.
 *
 * Epochs are in a hub's last snapshot only. After a crash events have taken numbers that no snapshot knows of, so the
 * numbering starts anew and followers must notice.
 */
import type { Access, AccessRule } from '../access/rules.ts';
import { type Clock, toWallMs } from '../clock.ts';
import { highWater } from '../memory/layout.ts';
import { Numbering, Vip } from '../presence/columns.ts';
import { DeviceState, RowState } from '../presence/lifecycle.ts';
import { GRANTED, rowStateOf } from '../presence/memory.ts';
import type { DeviceRow, PresenceReader, SubscriberRow } from '../presence/reader.ts';
import type { SnapshotRow } from './format.ts';

const PAUSE_MS = 1;
/** An owner that is only not scheduled comes back well within this; one that died in the middle of a row does not. */
const PAUSES_MAX = 2000;

/** @throws Error when a row cannot be read because its writer stopped in the middle of it */
export function* tableRows(
  presence: PresenceReader,
  rules: readonly AccessRule[],
  clock: Clock,
  isLast: boolean,
): Generator<SnapshotRow> {
  for (const { device, subscriber, access } of rules) yield { kind: 'rule', device, subscriber, access };
  yield* deviceRows(presence, clock, isLast);
  yield* vipRows(presence);
  yield* pairRows(presence);
}

function* deviceRows(presence: PresenceReader, clock: Clock, isLast: boolean): Generator<SnapshotRow> {
  const { home } = presence.devices.rows;
  const end = highWater(presence.devices);
  for (let slot = 0; slot < end; slot++) {
    const row = readDevice(presence, slot);
    if (row === undefined) continue;
    const { device, seq, deviceStatus: status = '' } = row;
    const lastSeen = Math.max(0, toWallMs(clock, row.lastSeen));
    const saved = { kind: 'device', device, seq, lastSeen, status } as const;
    // Where another node numbers the device's events, the numbering goes on after this.
    const isOver = isLast && Atomics.load(home, slot) === Numbering.here;
    yield isOver ? { ...saved, epoch: row.epoch } : saved;
  }
}

function* vipRows(presence: PresenceReader): Generator<SnapshotRow> {
  const { vip } = presence.subscribers.rows;
  const end = highWater(presence.subscribers);
  for (let slot = 0; slot < end; slot++) {
    // What a token said, its bearer says again.
    if ((Atomics.load(vip, slot) & Vip.operator) === 0) continue;
    const row = readSubscriber(presence, slot);
    if (row?.vip) yield { kind: 'vip', subscriber: row.subscriber };
  }
}

function* pairRows(presence: PresenceReader): Generator<SnapshotRow> {
  const end = highWater(presence.subscriptions);
  for (let slot = 0; slot < end; slot++) {
    const row = readPair(presence, slot);
    if (row !== undefined) yield row;
  }
}

/** What an operator set; undefined for a subscription that is only its subscriber's. */
function accessOf(cell: number): Access | undefined {
  const state = rowStateOf(cell);
  if (state === RowState.none) return undefined;
  if (state === RowState.deny) return 'deny';
  return state === RowState.allow || (cell & GRANTED) !== 0 ? 'allow' : undefined;
}

/**
 * The owner frees a subscription before its ends: while generation and state are what they were, what was read at the
 * ends is the subscription's own.
 */
function readPair(presence: PresenceReader, slot: number): SnapshotRow | undefined {
  const { generation, rowState, device, subscriber } = presence.subscriptions.rows;
  for (;;) {
    const generationBefore = Atomics.load(generation, slot);
    const cell = Atomics.load(rowState, slot);
    const access = accessOf(cell);
    if (access === undefined) return undefined;
    const deviceRow = readDevice(presence, Atomics.load(device, slot));
    const subscriberRow = readSubscriber(presence, Atomics.load(subscriber, slot));
    if (Atomics.load(generation, slot) !== generationBefore || Atomics.load(rowState, slot) !== cell)
      continue;
    if (deviceRow === undefined || subscriberRow === undefined)
      throw new Error(`row ${slot} has lost its ends`);
    return { kind: 'pair', device: deviceRow.device, subscriber: subscriberRow.subscriber, access };
  }
}

function readDevice(presence: PresenceReader, slot: number): DeviceRow | undefined {
  const { version, deviceState } = presence.devices.rows;
  return patiently(
    () => presence.device(slot),
    () => Atomics.load(deviceState, slot) === DeviceState.free && (Atomics.load(version, slot) & 1) === 0,
  );
}

function readSubscriber(presence: PresenceReader, slot: number): SubscriberRow | undefined {
  const { version, used } = presence.subscribers.rows;
  return patiently(
    () => presence.subscriber(slot),
    () => Atomics.load(used, slot) === 0 && (Atomics.load(version, slot) & 1) === 0,
  );
}

/**
 * A reader of the table gives up on a row after some tries, as its writer may be off the processor just then. Here no
 * row may be missing for that: it waits.
 */
function patiently<Row>(read: () => Row | undefined, isFree: () => boolean): Row | undefined {
  for (let pauses = 0; pauses < PAUSES_MAX; pauses++) {
    const row = read();
    if (row !== undefined || isFree()) return row;
    Atomics.wait(pause, 0, 0, PAUSE_MS);
  }
  throw new Error('the presence table cannot be read: its owner stopped in the middle of a row');
}

/** Nobody ever wakes it. */
const pause = new Int32Array(new SharedArrayBuffer(4));
