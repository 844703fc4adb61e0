/**
 * When snapshots are written: at an interval and once more at the end of a drain, in a thread of their own. Runs on
 * main, which only starts them and counts what fails; the hub goes on without.
 */
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import { systemClock } from '../clock.ts';
import type { PresenceMemory } from '../presence/table.ts';
import { checkWritable } from '../snapshot/files.ts';
import type { Restored, SnapshotSource } from '../snapshot/restore.ts';
import { descriptorReserve } from './descriptor-reserve.ts';
import type { RuleKeeper } from './rule-keeper.ts';
import type { SnapshotTask } from './tasks.ts';
import { workerUrl } from './worker-url.ts';

/** For the metrics page. */
export interface SnapshotFigures {
  readonly failures: number;
  /** When the newest snapshot was begun, wall-clock ms; undefined before the first. */
  readonly writtenAtMs: number | undefined;
}

export interface SnapshotSettings {
  /** '' for none. */
  readonly snapshotFile: string;
  /** Between the beginnings of two snapshots, ms; 0: only at the end. */
  readonly snapshotIntervalMs: number;
  readonly snapshotOnCorrupt: 'refuse' | 'empty';
}

/**
 * What the owner has to restore before it serves anyone; undefined for nothing.
 * @throws SnapshotRefused when snapshots could not be written
 */
export function snapshotSource(settings: SnapshotSettings): SnapshotSource | undefined {
  const { snapshotFile: file, snapshotOnCorrupt: onCorrupt } = settings;
  if (file === '') return undefined;
  checkWritable(file);
  return { file, onCorrupt };
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
  #pool: Piscina<SnapshotTask, number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failures = 0;
  #writtenAtMs: number | undefined;

  constructor(deps: SnapshotsDeps) {
    this.#deps = deps;
    this.#writtenAtMs = deps.writtenAtMs;
  }

  figures(): SnapshotFigures {
    return { failures: this.#failures, writtenAtMs: this.#writtenAtMs };
  }

  /** From here on the file is this hub's: not before it listens, as another hub may hold its ports, and the file. */
  start(): void {
    const { snapshotIntervalMs } = this.#deps.settings;
    this.#pool = new Piscina({
      filename: workerUrl('snapshot').href,
      minThreads: 0, // a thread is there while it writes
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
    });
    if (snapshotIntervalMs > 0) this.#timer = setInterval(() => this.#begin(), snapshotIntervalMs);
  }

  /** Writes the last one; the table must not change any more. Nothing where `start` was not called. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#pool === undefined) return;
    await this.#writing;
    await this.#begin();
    await this.#pool.close();
  }

  /** One at a time: where a snapshot takes longer than the interval, the next waits for the one after. */
  #begin(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { settings, presence, rules, logger } = this.#deps;
    const atMs = systemClock.wallNow();
    try {
      const task = { file: settings.snapshotFile, presence, rules: rules.list, atMs };
      await descriptorReserve.lend(() => this.#pool!.run(task));
      this.#writtenAtMs = atMs;
    } catch (error) {
      this.#failures += 1;
      logger.error({ err: error }, 'a snapshot could not be written');
    }
  }
}
