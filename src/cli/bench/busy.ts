/** What a generator process takes of its core. */
import { nowUs } from './clock.ts';

/** A moment to measure from. */
export interface BusySince {
  readonly cpu: NodeJS.CpuUsage;
  readonly atUs: number;
}

export const busySince = (): BusySince => ({ cpu: process.cpuUsage(), atUs: nowUs() });

/** Share of one core that this process took since. */
export function busyShare({ cpu, atUs }: BusySince): number {
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / Math.max(1, nowUs() - atUs);
}
