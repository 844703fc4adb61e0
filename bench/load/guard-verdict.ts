/** Whether a load costs more with this build than with an older one. */
import { median } from './results.ts';
import type { SideBySide } from './side-by-side.ts';

export interface GuardVerdict {
  readonly shape: string;
  readonly per: SideBySide['per'];
  /** CPU now over CPU then: the median of the pairs of slices, since the two of a pair had the same host. */
  readonly ratio: number;
  /** Half of the pairs are between these. */
  readonly quartiles: readonly [number, number];
  readonly limit: number;
  readonly ok: boolean;
  /** Per event, delivery or connection, microseconds. */
  readonly cpuUs: { readonly now: number; readonly older: number };
  /** Memory now over memory then. */
  readonly memory: number;
  /** Events lost, refused, doubled or out of order, and connections cut off, by this build. */
  readonly wrong: number;
  /** Starts in which the generator of a build was the limit, and how. */
  readonly generatorLimits: readonly string[];
}

/** @param starts one load, this build first, with fresh processes each time @param percent how much dearer it may be */
export function verdict(starts: readonly SideBySide[], percent: number): GuardVerdict {
  const { shape, per } = starts[0]!;
  const limit = 1 + percent / 100;
  const ratios = starts.flatMap((start) => start.ratios);
  const ratio = median(ratios);
  const wrong = starts.reduce((sum, { sides }) => sum + sides[0].wrong, 0);
  const meanOf = (key: 'cpuUs' | 'residentBytes', place: 0 | 1): number =>
    starts.reduce((sum, { sides }) => sum + sides[place][key], 0) / starts.length;
  const sorted = [...ratios].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!;
  return {
    shape,
    per,
    ratio,
    quartiles: [at(0.25), at(0.75)],
    limit,
    ok: ratio <= limit && wrong === 0,
    cpuUs: { now: meanOf('cpuUs', 0), older: meanOf('cpuUs', 1) },
    memory: meanOf('residentBytes', 0) / meanOf('residentBytes', 1),
    wrong,
    generatorLimits: starts.flatMap(({ sides }) =>
      sides.flatMap(({ generatorLimit }) => generatorLimit ?? []),
    ),
  };
}

export function guardLine(found: GuardVerdict): string {
  const { shape, per, ratio, quartiles, limit, ok, cpuUs, memory, wrong, generatorLimits } = found;
  const range = quartiles.map((value) => value.toFixed(3)).join(' to ');
  const us = `${cpuUs.older.toPrecision(3)} → ${cpuUs.now.toPrecision(3)} µs per ${per}`;
  const faults =
    wrong === 0 ? '' : `; ${wrong} events lost, refused, doubled or out of order, or connections cut off`;
  const limits = generatorLimits.length === 0 ? '' : `; the generator was the limit: ${generatorLimits[0]}`;
  return `${ok ? 'ok  ' : 'MISS'} ${shape.padEnd(10)} CPU ${ratio.toFixed(3)} × (quartiles ${range}; at most ${limit.toFixed(2)}), ${us}, memory ${memory.toFixed(2)} ×${faults}${limits}`;
}
