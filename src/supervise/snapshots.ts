/**
 * Decides when snapshots are written: at an interval and once more at the end of a drain, each in its own thread. Runs
 * on main, which only starts them and counts failures; the hub continues without a snapshot.
 */
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import { SNAPSHOT_MS_MAX } from '../limits.ts';
import type { PresenceMemory } from '../presence/memory.ts';
import { checkWritable, setBack } from '../snapshot/files.ts';
import { SnapshotLock } from '../snapshot/lock.ts';
import type { Restored, SnapshotSource } from '../snapshot/restore.ts';
import { writeTable } from '../snapshot/write.ts';
import { isShortage } from './crash-limit.ts';
import { descriptorReserve } from './descriptor-reserve.ts';
import type { RuleKeeper } from './rule-keeper.ts';
import { runOnce } from './thread.ts';

/** For the metrics page. */
export interface SnapshotFigures {
  readonly failures: number;
  /** When the newest snapshot was begun, wall-clock ms; undefined before the first. */
  readonly writtenAtMs: number | undefined;
  /** Between the beginnings of two, ms; 0: none until the end. */
  readonly intervalMs: number;
}

export interface SnapshotSettings {
  /** '' for none. */
  readonly snapshotFile: string;
  /** Between the beginnings of two snapshots, ms; 0: only at the end. */
  readonly snapshotIntervalMs: number;
  readonly snapshotOnCorrupt: 'refuse' | 'empty';
}

/**
 * The snapshot that the owner must restore before it serves anyone; undefined if there is none. @throws SnapshotRefused
 * if snapshots could not be written
 */
export function snapshotSource(settings: SnapshotSettings): SnapshotSource | undefined {
  const { snapshotFile: file, snapshotOnCorrupt: onCorrupt } = settings;
  if (file === '') return undefined;
  checkWritable(file);
  return { file, onCorrupt };
}

/**
 * Locks the file for this hub; undefined if there is none. @throws SnapshotRefused if another hub uses it
 */
export async function lockSnapshot(
  { snapshotFile: file }: SnapshotSettings,
  logger: Logger,
): Promise<SnapshotLock | undefined> {
  if (file === '') return undefined;
  const lock = await SnapshotLock.take(file);
  if (lock.warning !== undefined) logger.warn(lock.warning);
  return lock;
}

/** Logs what was restored. @returns what writes the next ones; undefined where none are written */
export function snapshotsOf(
  settings: SnapshotSettings,
  presence: PresenceMemory,
  rules: RuleKeeper,
  restored: Restored | undefined,
  logger: Logger,
): Snapshots | undefined {
  if (restored === undefined) return undefined;
  const { from, atMs, rowCount, warnings } = restored;
  for (const warning of warnings) logger.warn({ snapshotFile: settings.snapshotFile }, warning);
  if (from !== undefined) logger.info({ from, at: new Date(atMs), rowCount }, 'snapshot restored');
  return new Snapshots({
    settings,
    presence,
    rules,
    writtenAtMs: from === undefined ? undefined : atMs,
    logger,
  });
}

interface SnapshotsDeps {
  readonly settings: SnapshotSettings;
  readonly presence: PresenceMemory;
  readonly rules: RuleKeeper;
  /** Of the one that this hub was restored from. */
  readonly writtenAtMs: number | undefined;
  readonly logger: Logger;
}

export class Snapshots {
  readonly #deps: SnapshotsDeps;
  #started = false;
  #isEnding = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<boolean> | undefined;
  #failures = 0;
  #isLastLost = false;
  #writtenAtMs: number | undefined;
  #intervalMs: number;

  constructor(deps: SnapshotsDeps) {
    this.#deps = deps;
    this.#intervalMs = deps.settings.snapshotIntervalMs;
    this.#writtenAtMs = deps.writtenAtMs;
  }

  figures(): SnapshotFigures {
    return { failures: this.#failures, writtenAtMs: this.#writtenAtMs, intervalMs: this.#intervalMs };
  }

  /**
   * Not before the hub listens: a start that fails leaves the file as it was. Ends when the file no longer says that the
   * numbering goes on, which is not true any more should this hub crash. Never rejects.
   */
  async start(): Promise<void> {
    this.#started = true;
    this.setIntervalMs(this.#deps.settings.snapshotIntervalMs);
    if (this.#deps.writtenAtMs === undefined || (await this.#begin())) return;
    const { settings, logger } = this.#deps;
    try {
      setBack(settings.snapshotFile);
    } catch (error) {
      logger.error({ err: error }, 'the snapshot of the hub before this one is still in place');
    }
  }

  /** Between the beginnings of two snapshots from now on, ms; 0: none until the end. After the end there are none. */
  setIntervalMs(intervalMs: number): void {
    clearInterval(this.#timer);
    this.#intervalMs = intervalMs;
    if (intervalMs > 0 && !this.#isEnding) this.#timer = setInterval(() => void this.#begin(), intervalMs);
  }

  /** The last one could not be written: what changed since the one before is lost. */
  get isLastLost(): boolean {
    return this.#isLastLost;
  }

  /** Writes the last one; the table must not change any more. Never rejects. */
  async finish(): Promise<void> {
    this.#isEnding = true; // a reload may still come
    clearInterval(this.#timer);
    if (!this.#started) return;
    this.#isLastLost = true; // should it hang, too
    await this.#writing;
    this.#isLastLost = !(await this.#write(true));
  }

  /** One at a time: where a snapshot takes longer than the interval, the next waits for the one after. */
  #begin(): Promise<boolean> {
    this.#writing ??= this.#write(false).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Never rejects. @param isLast there is nothing else to be done: should no thread start, main writes it itself */
  async #write(isLast: boolean): Promise<boolean> {
    const { settings, presence, rules, logger } = this.#deps;
    const atMs = systemClock.wallNow();
    const task = { file: settings.snapshotFile, presence, rules: rules.list, atMs, isLast };
    try {
      await descriptorReserve.lend(() =>
        runOnce('snapshot', task, SNAPSHOT_MS_MAX).catch((failure: Error) => {
          if (!isLast || !isShortage(failure)) throw failure;
          writeTable(task);
        }),
      );
      this.#writtenAtMs = atMs;
      return true;
    } catch (error) {
      this.#failures += 1;
      logger.error({ err: error }, 'a snapshot could not be written');
      return false;
    }
  }
}
