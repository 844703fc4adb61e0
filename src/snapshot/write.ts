/** Writes one snapshot of the shared table, beside its owner. Blocks its thread. */
import type { AccessRule } from '../access/rules.ts';
import { systemClock } from '../clock.ts';
import type { PresenceMemory } from '../presence/memory.ts';
import { PresenceReader } from '../presence/reader.ts';
import { writeSnapshot } from './files.ts';
import { encodeSnapshot } from './format.ts';
import { tableRows } from './table-rows.ts';

/** One snapshot to be written. Plain data and shared memory: may be sent to a thread. */
export interface SnapshotTask {
  readonly file: string;
  readonly presence: PresenceMemory;
  /** Those in force at `atMs`. */
  readonly rules: readonly AccessRule[];
  /** When it was begun, wall-clock ms: what was changed until then is in it. */
  readonly atMs: number;
  /** The hub ends with it: nothing is numbered any more. */
  readonly isLast: boolean;
}

/** @returns its length, bytes @throws what the file system throws; Error when the table cannot be read */
export function writeTable({ presence, rules, file, atMs, isLast }: SnapshotTask): number {
  const rows = tableRows(new PresenceReader(presence), rules, systemClock, isLast);
  return writeSnapshot(file, encodeSnapshot(atMs, rows));
}
