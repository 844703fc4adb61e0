/** The timers of a thread that holds sockets: pings, send queues, and how late its event loop runs. */

import { LOOK_MS } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Heart } from '../memory/heartbeat.ts';
import { threadCpuSeconds } from '../memory/thread-cpu.ts';

/** Checks the thread's peers every `tickMs`. */
export interface Watch {
  readonly tickMs: number;
  tick(): void;
}

const LAG_WINDOW_MS = 1000;

/** @param stalled told how long this thread did not run, before the peers are looked at @returns stops them */
export function startEdgeTimers(
  watched: readonly Watch[],
  counters: Counters,
  heart: Heart,
  stalled: (ms: number) => void,
): () => void {
  let expectedMs = performance.now() + LOOK_MS;
  let worstMs = 0;
  let steps = 0;
  // Before whatever looks at the peers: after a stall any of the timers may come first.
  const beat = (): void => {
    const stalledMs = heart.beat();
    if (stalledMs > 0) stalled(stalledMs);
  };
  beat(); // a stall may begin before the first of the timers
  const lag: Watch = {
    tickMs: LOOK_MS,
    tick() {
      const nowMs = performance.now();
      worstMs = Math.max(worstMs, nowMs - expectedMs);
      expectedMs = nowMs + LOOK_MS;
      steps += 1;
      if (steps < LAG_WINDOW_MS / LOOK_MS) return;
      counters.cells[Counter.loopLagSeconds] = worstMs / 1e3;
      counters.cells[Counter.cpuSeconds] = threadCpuSeconds() ?? counters.cells[Counter.cpuSeconds]!;
      worstMs = 0;
      steps = 0;
    },
  };
  const all = [lag, ...watched];
  const timers = [...new Set(all.map(stepOf))].map((stepMs) => {
    const together = all.filter((watch) => stepOf(watch) === stepMs);
    let turn = 0;
    return setInterval(() => {
      beat();
      // Stryker disable next-line AssignmentOperator: counted down, each has its turn as often
      turn += 1;
      // Each has a turn of its own: seldom ones would else all come in the same.
      for (let place = 0; place < together.length; place++) {
        const watch = together[place]!;
        // Stryker disable next-line ArithmeticOperator: with a difference, too, each has a turn of its own
        if ((turn + place) % (watch.tickMs / stepMs) === 0) watch.tick();
      }
    }, stepMs);
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/**
 * The interval of the timer that a watch shares: separate timers would drift apart, and each would wake an idle thread.
 * @returns ms
 */
function stepOf({ tickMs }: Watch): number {
  return tickMs % LOOK_MS === 0 ? LOOK_MS : tickMs;
}
