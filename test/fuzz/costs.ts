/**
 * What inputs cost a hub: CPU time of its threads, as the kernel counts it. A busy host takes time from everybody but
 * adds nothing to what a thread used, so a bound on it holds anywhere.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** No input may take a thread longer. */
export const COST_MS_MAX = 20;
/** Code that runs for the first time is compiled, and now and then garbage is collected: neither happens three times. */
const TRIALS = 3;

export class ThreadCosts {
  readonly #pid: number;
  #since: ReadonlyMap<string, number>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#since = cpuMsByThread(pid);
  }

  /** Counts from here on. */
  begin(): void {
    this.#since = cpuMsByThread(this.#pid);
  }

  /** CPU time of the thread that used the most since `begin`, ms; 0 where the kernel does not tell. */
  most(): number {
    const used = [...cpuMsByThread(this.#pid)].map(([thread, ms]) => ms - (this.#since.get(thread) ?? 0));
    return Math.max(0, ...used);
  }
}

/** Thread id → CPU time since it started, ms. */
function cpuMsByThread(pid: number): ReadonlyMap<string, number> {
  const threads = new Map<string, number>();
  for (const thread of threadsOf(pid)) {
    try {
      // nanoseconds on a core, nanoseconds waited for one, time slices
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1');
      threads.set(thread, Number(text.split(' ', 1)[0]) / 1e6);
    } catch {
      // it has just ended
    }
  }
  return threads;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // the process has ended, or this is no Linux
  }
}

export interface Dear<Input> {
  readonly input: Input;
  readonly ms: number;
}

/**
 * Of several inputs that were together too dear, the first that is so by itself every time.
 * @param costOf tries an input alone
 */
export async function dearInput<Input>(
  suspects: readonly Input[],
  costOf: (input: Input) => Promise<number>,
): Promise<Dear<Input> | undefined> {
  for (const input of suspects) {
    let ms = await costOf(input);
    for (let trial = 1; trial < TRIALS && ms > COST_MS_MAX; trial++) ms = Math.min(ms, await costOf(input));
    if (ms > COST_MS_MAX) return { input, ms };
  }
  return undefined;
}
