/** The timers of a thread that holds sockets: pings, send queues, and how late its event loop runs. */

import { Counter, type Counters } from '../memory/counters.ts';
import type { Heart } from '../memory/heartbeat.ts';
import { threadCpuSeconds } from '../memory/thread-cpu.ts';

/** Looks at the thread's peers every `tickMs`. */
export interface Watch {
  readonly tickMs: number;
  tick(): void;
}

const LAG_STEP_MS = 100;
const LAG_STEPS = 10;

/** @param stalled told how long this thread did not run, before the peers are looked at @returns stops them */
export function startEdgeTimers(
  watched: readonly Watch[],
  counters: Counters,
  heart: Heart,
  stalled: (ms: number) => void,
): () => void {
  let expectedMs = performance.now() + LAG_STEP_MS;
  let worstMs = 0;
  let steps = 0;
  // Before whatever looks at the peers: after a stall any of the timers may come first.
  const beat = (): void => {
    const stalledMs = heart.beat();
    if (stalledMs > 0) stalled(stalledMs);
  };
  const lag: Watch = {
    tickMs: LAG_STEP_MS,
    tick() {
      const nowMs = performance.now();
      worstMs = Math.max(worstMs, nowMs - expectedMs);
      expectedMs = nowMs + LAG_STEP_MS;
      steps += 1;
      if (steps < LAG_STEPS) return;
      counters.cells[Counter.loopLagSeconds] = worstMs / 1e3;
      counters.cells[Counter.cpuSeconds] = threadCpuSeconds() ?? counters.cells[Counter.cpuSeconds]!;
      worstMs = 0;
      steps = 0;
    },
  };
  const all = [lag, ...watched];
  // One timer for those of one interval: timers of their own drift apart, and each wakes an idle thread for itself.
  const timers = [...new Set(all.map(({ tickMs }) => tickMs))].map((tickMs) => {
    const together = all.filter((watch) => watch.tickMs === tickMs);
    return setInterval(() => {
      beat();
      for (const watch of together) watch.tick();
    }, tickMs);
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}
