/**
 * Chooses the newest snapshot that is whole and puts its rows back, before the hub serves anyone. Owner thread only;
 * what is in the way of a start comes back as a refusal, what an operator should know as warnings.
 */
import type { AccessRule } from '../access/rules.ts';
import { ACCESS_RULES_MAX } from '../limits.ts';
import { exists, previousOf, setAside } from './files.ts';
import { SnapshotError, type SnapshotRow } from './format.ts';
import { SnapshotReader } from './reader.ts';

export interface SnapshotSource {
  readonly file: string;
  /** What to do when there are snapshots and none can be read. */
  readonly onCorrupt: 'refuse' | 'empty';
}

/** What rows are put back into. */
export interface RestoreTarget {
  /** @returns why there is no room, or undefined when the row is in */
  restore(row: Exclude<SnapshotRow, { kind: 'rule' }>): string | undefined;
  setRules(rules: readonly AccessRule[]): void;
}

/** A start that may go on. */
export interface Restored {
  readonly ok: true;
  /** The file that was read; undefined when the hub starts with nothing. */
  readonly from: string | undefined;
  /** When that snapshot was begun, wall-clock ms. */
  readonly atMs: number;
  readonly rowCount: number;
  readonly rules: readonly AccessRule[];
  readonly warnings: readonly string[];
}

export type RestoreResult = Restored | { readonly ok: false; readonly message: string };

/** Fills the tables of a hub that starts, from the newest snapshot that is whole. Owner thread only. */
export function restoreSnapshot(source: SnapshotSource, target: RestoreTarget): RestoreResult {
  const { file } = source;
  const problems: string[] = [];
  for (const path of [file, previousOf(file)]) {
    const reader = openWhole(path, problems);
    if (reader === undefined) continue;
    try {
      const warnings = path === file ? [] : [olderUsed(file, path, problems)];
      return putBack(reader, path, path === file, target, warnings);
    } finally {
      reader.close();
    }
  }
  return problems.length === 0 ? startEmpty([]) : withoutAny(source, problems);
}

/** @returns undefined where there is no file, or, with a line more in `problems`, where it is not whole */
function openWhole(path: string, problems: string[]): SnapshotReader | undefined {
  try {
    return new SnapshotReader(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (!(error instanceof SnapshotError) && code === undefined) throw error;
    problems.push(`${path} ${error instanceof SnapshotError ? error.message : `cannot be read: ${code}`}`);
    return undefined;
  }
}

function olderUsed(file: string, path: string, problems: readonly string[]): string {
  const [problem] = problems;
  if (problem === undefined) return `${file} is missing; restored the snapshot before it, ${path}`;
  return `${problem}; kept it as ${setAside(file)} and restored the snapshot before it, ${path}`;
}

function withoutAny({ file, onCorrupt }: SnapshotSource, problems: readonly string[]): RestoreResult {
  const what = `no snapshot can be restored: ${problems.join('; ')}`;
  if (onCorrupt === 'refuse') {
    return {
      ok: false,
      message: `${what} (DAT_SNAPSHOT_ON_CORRUPT=empty starts without, denials forgotten)`,
    };
  }
  const kept = exists(file) ? `; kept ${file} as ${setAside(file)}` : '';
  return startEmpty([`${what}${kept}; starting empty, denials forgotten`]);
}

function startEmpty(warnings: readonly string[]): Restored {
  return { ok: true, from: undefined, atMs: 0, rowCount: 0, rules: [], warnings };
}

/** The numbering went on after a snapshot that another one, or a hub, followed. */
function withoutEpoch(row: Exclude<SnapshotRow, { kind: 'rule' }>): typeof row {
  if (row.kind !== 'device') return row;
  const { epoch: _, ...kept } = row;
  return kept;
}

function putBack(
  reader: SnapshotReader,
  path: string,
  isNewest: boolean,
  target: RestoreTarget,
  warnings: readonly string[],
): RestoreResult {
  const rules: AccessRule[] = [];
  for (const row of reader.rows()) {
    if (row.kind === 'rule') {
      rules.push({ device: row.device, subscriber: row.subscriber, access: row.access });
      continue;
    }
    const noRoom = target.restore(isNewest ? row : withoutEpoch(row));
    if (noRoom !== undefined) return { ok: false, message: `snapshot ${path} does not fit: ${noRoom}` };
  }
  if (rules.length > ACCESS_RULES_MAX) {
    const message = `snapshot ${path} does not fit: ${rules.length} access rules, at most ${ACCESS_RULES_MAX}`;
    return { ok: false, message };
  }
  target.setRules(rules);
  const { atMs, rowCount } = reader;
  return { ok: true, from: path, atMs, rowCount, rules, warnings };
}
