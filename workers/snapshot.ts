/** Writes one snapshot, as a piscina task: reads the shared table beside its owner and blocks only its own thread. */
import { systemClock } from '../src/clock.ts';
import { PresenceReader } from '../src/presence/table.ts';
import { writeSnapshot } from '../src/snapshot/files.ts';
import { encodeSnapshot } from '../src/snapshot/format.ts';
import { tableRows } from '../src/snapshot/table-rows.ts';
import type { SnapshotTask } from '../src/supervise/tasks.ts';

/** @returns its length, bytes */
export default function run({ presence, rules, file, atMs }: SnapshotTask): number {
  const rows = tableRows(new PresenceReader(presence), rules, systemClock);
  return writeSnapshot(file, encodeSnapshot(atMs, rows));
}
