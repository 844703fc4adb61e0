/**
 * Detects overload: an event loop that lags, or too much memory. Main; once a second, from figures that are kept
 * anyway. New peers are then refused; connected peers are not affected.
 */

import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import type { Watch } from '../edge/edge-timers.ts';
import { Counter, type Counters } from '../memory/counters.ts';

/** One late second may be a pause of the host; two in a row are the hub's own fault. */
const LATE_TICKS = 2;
const MEMORY_SHARE = 0.9;

export interface OverloadSettings {
  /** 0: never. */
  readonly overloadLagMs: number;
  readonly overloadMemoryBytes: number | 'auto';
}

export interface OverloadDeps {
  readonly settings: OverloadSettings;
  readonly threads: readonly { readonly thread: string; readonly counters: Counters }[];
  residentBytes(): number;
  changed(overloaded: boolean): void;
}

export class Overload implements Watch {
  readonly tickMs = 1000;
  readonly #deps: OverloadDeps;
  readonly #autoBytes = Math.floor(memoryOfProcess() * MEMORY_SHARE);
  #lateTicks = 0;
  #reason: string | undefined;

  constructor(deps: OverloadDeps) {
    this.#deps = deps;
  }

  /** The cause of the overload, as text; undefined if there is none. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Call every `tickMs`. */
  tick(): void {
    const before = this.#reason;
    this.#reason = this.#memoryReason() ?? this.#lagReason();
    if ((before === undefined) !== (this.#reason === undefined))
      this.#deps.changed(this.#reason !== undefined);
  }

  #memoryReason(): string | undefined {
    const { overloadMemoryBytes } = this.#deps.settings;
    const mostBytes = overloadMemoryBytes === 'auto' ? this.#autoBytes : overloadMemoryBytes;
    if (mostBytes === 0) return undefined;
    const bytes = this.#deps.residentBytes();
    if (bytes <= mostBytes) return undefined;
    return `overloaded: ${mebibytes(bytes)} MiB of memory, more than ${mebibytes(mostBytes)}`;
  }

  #lagReason(): string | undefined {
    const { settings, threads } = this.#deps;
    if (settings.overloadLagMs === 0) return undefined;
    const lagOf = (counters: Counters): number => counters.cells[Counter.loopLagSeconds]! * 1e3;
    const late = threads.find(({ counters }) => lagOf(counters) > settings.overloadLagMs);
    this.#lateTicks = late === undefined ? 0 : this.#lateTicks + 1;
    if (late === undefined || this.#lateTicks < LATE_TICKS) return undefined;
    return `overloaded: thread ${late.thread} lags ${Math.round(lagOf(late.counters))} ms behind`;
  }
}

/** The memory limit of the container, otherwise the memory of the host. */
function memoryOfProcess(): number {
  const limit = constrainedMemory() ?? 0;
  const total = totalmem();
  return limit > 0 && limit < total ? limit : total;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}
