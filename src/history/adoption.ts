/**
 * Takes over a history log from an owner that died, whatever that was in the middle of. Only two things count: which
 * records are whole, and which of them the rows name. All sums are derived from these. Owner thread only, before it
 * serves anyone.
 */
import { highWater } from '../memory/layout.ts';
import { DeviceState } from '../presence/lifecycle.ts';
import type { DeviceSlab } from '../presence/memory.ts';
import { isAtPosition, isCarried, isOf, keptKind, keptSeq, keptSize, keptSlot } from './kept-event.ts';
import type { KeptRows } from './kept-rows.ts';
import type { Laps } from './laps.ts';
import { Cell, type HistoryMemory } from './memory.ts';

export interface LogParts {
  readonly history: HistoryMemory;
  readonly devices: DeviceSlab;
  readonly laps: Laps;
  readonly kept: KeptRows;
  readonly keptBytesMax: number;
}

export interface Adopted {
  /** False when the records were inconsistent: then the log was emptied. */
  readonly isWhole: boolean;
  readonly events: number;
  /** Size of the largest record, bytes. */
  readonly largest: number;
}

/**
 * Repairs the log of another owner, which may have died between any two stores. Owner thread only.
 */
export function adoptLog(parts: LogParts): Adopted {
  const { devices, laps, kept } = parts;
  laps.read();
  const records = countRecords(parts);
  if (records === undefined) emptyLog(parts);
  else enterLast(parts);
  for (let slot = 0; slot < highWater(devices); slot++) {
    if (devices.rows.deviceState[slot] === DeviceState.free) kept.begin(slot, 0);
    else adoptRow(parts, slot);
  }
  return { isWhole: records !== undefined, ...(records ?? { events: 0, largest: 0 }) };
}

/** Walks over all records. @returns undefined when they do not form a chain from the oldest to the end */
function countRecords(parts: LogParts): { events: number; largest: number } | undefined {
  const { history, devices, laps, keptBytesMax } = parts;
  const { records: log, capacity } = history;
  const { keptCount, generation } = devices.rows;
  keptCount.fill(0, 0, highWater(devices));
  let events = 0;
  let largest = 0;
  let position = laps.oldest;
  while (position < laps.end) {
    const at = laps.offset(position);
    if (!(at >= 0 && at < capacity) || !isAtPosition(log, at, position)) return undefined;
    const size = keptSize(log, at);
    const slot = keptSlot(log, at);
    if (size === 0 || size > keptBytesMax || slot >= devices.capacity) return undefined;
    if (isOf(log, at, slot, generation[slot]!)) keptCount[slot]! += 1;
    events += 1;
    largest = Math.max(largest, size);
    position += size;
  }
  return position === laps.end ? { events, largest } : undefined;
}

/** Empties the log: nothing is known any more about the past of any device. */
function emptyLog({ devices, laps }: LogParts): void {
  const { rows } = devices;
  laps.empty();
  laps.startLap(); // the starts of the laps may be wrong too
  rows.keptCount.fill(0, 0, highWater(devices));
  // Stryker disable next-line EqualityOperator: a row that was never used is all zeros
  for (let slot = 0; slot < highWater(devices); slot++) {
    rows.keptSeq[slot] = Math.max(rows.keptSeq[slot]!, rows.seq[slot]!);
  }
}

/** The owner may have died after it committed the last record and before its row named it. */
function enterLast(parts: LogParts): void {
  const { history, devices, laps, kept } = parts;
  const { records: log } = history;
  const { rows } = devices;
  const position = history.cells[Cell.last]!;
  if (position === 0) return;
  const at = laps.offset(position);
  const slot = keptSlot(log, at);
  if (!isThere(parts, slot, position)) return;
  const seq = keptSeq(log, at);
  const names = kept.namesOf(keptKind(log, at));
  if (isCarried(log, at)) {
    if (names && isThere(parts, slot, names[slot]!) && keptSeq(log, laps.offset(names[slot]!)) === seq)
      names[slot] = position;
    return;
  }
  if (seq < rows.keptSeq[slot]!) return; // a later event found no room
  if (names) names[slot] = position;
  rows.keptSeq[slot] = seq;
  rows.keptAt[slot] = position;
}

function adoptRow(parts: LogParts, slot: number): void {
  const { rows } = parts.devices;
  parts.kept.adopt(slot, (position) => isThere(parts, slot, position));
  // The number of the last event is taken, even if the row does not say so yet.
  rows.seq[slot] = Math.max(rows.seq[slot]!, rows.keptSeq[slot]!);
}

/** Whether the device's row may name the record at this position. */
function isThere({ history, devices, laps }: LogParts, slot: number, position: number): boolean {
  if (!(position >= laps.oldest && position < laps.end)) return false;
  const at = laps.offset(position);
  const { records: log } = history;
  return isAtPosition(log, at, position) && isOf(log, at, slot, devices.rows.generation[slot]!);
}
