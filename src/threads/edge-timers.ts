/** The timers of a thread that holds sockets: pings, send queues, and how late its event loop runs. */
import { Counter, type Counters } from '../memory/counters.ts';

/** Looks at the thread's peers every `tickMs`. */
interface Watch {
  readonly tickMs: number;
  tick(): void;
}

const LAG_STEP_MS = 100;
const LAG_STEPS = 10;

/** @returns stops them */
export function startEdgeTimers(watched: readonly Watch[], counters: Counters): () => void {
  const timers = watched.map((watch) => setInterval(() => watch.tick(), watch.tickMs));
  let expectedMs = performance.now() + LAG_STEP_MS;
  let worstMs = 0;
  let steps = 0;
  const lag = setInterval(() => {
    const nowMs = performance.now();
    worstMs = Math.max(worstMs, nowMs - expectedMs);
    expectedMs = nowMs + LAG_STEP_MS;
    steps += 1;
    if (steps < LAG_STEPS) return;
    counters.cells[Counter.loopLagSeconds] = worstMs / 1e3;
    worstMs = 0;
    steps = 0;
  }, LAG_STEP_MS);
  return () => {
    for (const timer of [...timers, lag]) clearInterval(timer);
  };
}
