/** Snapshots on disk, and hubs without threads that they are put back into. No assertions. */
import { join } from 'node:path';
import { writeSnapshot } from '../../src/snapshot/files.ts';
import { encodeSnapshot, type SnapshotRow } from '../../src/snapshot/format.ts';
import { type Restored, type RestoreResult, restoreSnapshot } from '../../src/snapshot/restore.ts';
import { tableRows } from '../../src/snapshot/table-rows.ts';
import type { OwnerHarness } from '../owner/owner-harness.ts';
import { temporaryDirectory } from '../support/temporary.ts';

export const WALL_MS = 1_764_000_000_000; // of the harness

export const device = (name: string, seq = 0, status = '', lastSeen = 0): SnapshotRow => ({
  kind: 'device',
  device: name,
  seq,
  lastSeen,
  status,
});
export const pair = (access: 'allow' | 'deny', name: string, subscriber: string): SnapshotRow => ({
  kind: 'pair',
  device: name,
  subscriber,
  access,
});

/** Puts these rows, newest last, on disk as an ended hub would have. @returns the snapshot's path */
export function saved(...snapshots: readonly (readonly SnapshotRow[])[]): string {
  const file = join(temporaryDirectory(), 'snapshot');
  for (const [n, rows] of snapshots.entries()) writeSnapshot(file, encodeSnapshot(WALL_MS + n, rows));
  return file;
}

export const restore = (
  hub: OwnerHarness,
  file: string,
  onCorrupt: 'refuse' | 'empty' = 'refuse',
): RestoreResult => restoreSnapshot({ file, onCorrupt }, hub.owner.restorer);

export function restored(
  hub: OwnerHarness,
  file: string,
  onCorrupt: 'refuse' | 'empty' = 'refuse',
): Restored {
  const result = restore(hub, file, onCorrupt);
  if (!result.ok) throw new Error(result.message);
  return result;
}

/** What a snapshot of the hub holds now, sorted. */
export function rowsOf(hub: OwnerHarness, rules: Parameters<typeof tableRows>[1] = []): string[] {
  return [...tableRows(hub.reader, rules, hub.clock, false)].map((row) => JSON.stringify(row)).sort();
}
