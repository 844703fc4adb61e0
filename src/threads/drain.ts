/** Closing many peers at a bounded rate. Runs on the thread that owns their sockets. */
import { closes } from '../codes.ts';
import { RECONNECT_SPREAD_MS_MIN } from '../limits.ts';

interface Closable {
  close(code: number, reason: string): void;
}

const STEP_MS = 20;

/** Closes the peers with 4200, at most `closesPerSecond`; those left after `timeoutMs` at once. */
export async function closePaced(
  peers: readonly Closable[],
  closesPerSecond: number,
  timeoutMs: number,
): Promise<void> {
  const startMs = performance.now();
  let closed = 0;
  while (closed < peers.length) {
    const elapsedMs = performance.now() - startMs;
    const due =
      elapsedMs >= timeoutMs ? peers.length : Math.ceil(((elapsedMs + STEP_MS) / 1e3) * closesPerSecond);
    for (; closed < Math.min(due, peers.length); closed++)
      peers[closed]!.close(closes.drain.code, closes.drain.reason);
    if (closed < peers.length) await sleep(STEP_MS);
  }
}

/** Waits until nobody is connected, at most `timeoutMs`. */
export async function untilNobody(count: () => number, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (count() > 0 && performance.now() < endMs) await sleep(STEP_MS);
}

/** When a peer should come back, ms from now: spread out, so that the next hub is not stormed. */
export function reconnectSpread(peers: number, closesPerSecond: number): () => number {
  const spreadMs = Math.max(RECONNECT_SPREAD_MS_MIN, (peers / closesPerSecond) * 1e3);
  return () => Math.ceil(Math.random() * spreadMs);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
