/** Closing many peers at a bounded rate. Runs on the thread that owns their sockets. */
import { type CloseEntry, closes } from '../codes.ts';
import { CLOSE_HANDSHAKE_MS, RECONNECT_SPREAD_MS_MIN } from '../limits.ts';

interface Closable {
  close(close: CloseEntry): void;
}

const STEP_MS = 20;
/** Waited even when the time is up, because the last close frames need a moment to leave. */
const ANSWERS_MS_MIN = 250;
/**
 * uWebSockets.js counts a connection as over when its close frame is on the way. The socket stays for a moment, and what
 * the peer still sends is read and dropped: ended at once it would be reset, and the peer might never see the code.
 */
const LINGER_MS = 500;

/**
 * Closes the peers with 4200, at most `closesPerSecond`; those left after `timeoutMs` at once. Then waits for their
 * answers to the close frames, within what is left of the time: a socket dropped with data unread is reset, and its
 * peer may never see the code.
 * @param count how many are still connected
 */
export async function closePaced(
  peers: readonly Closable[],
  count: () => number,
  closesPerSecond: number,
  timeoutMs: number,
): Promise<void> {
  const startMs = performance.now();
  const elapsedMs = (): number => performance.now() - startMs;
  let closed = 0;
  while (closed < peers.length) {
    const inTime = Math.ceil(((elapsedMs() + STEP_MS) / 1e3) * closesPerSecond);
    const due = elapsedMs() >= timeoutMs ? peers.length : Math.min(inTime, peers.length);
    for (; closed < due; closed++) peers[closed]!.close(closes.drain);
    if (closed < peers.length) await sleep(STEP_MS);
  }
  const answersMs = Math.min(CLOSE_HANDSHAKE_MS, Math.max(ANSWERS_MS_MIN, timeoutMs - elapsedMs()));
  const endMs = elapsedMs() + answersMs;
  const lingerEndMs = elapsedMs() + (peers.length > 0 ? LINGER_MS : 0);
  while ((count() > 0 && elapsedMs() < endMs) || elapsedMs() < lingerEndMs) await sleep(STEP_MS);
}

/** When a peer should reconnect, ms from now: spread out, so that the next hub is not overloaded. */
export function reconnectSpread(peers: number, closesPerSecond: number): () => number {
  const spreadMs = Math.max(RECONNECT_SPREAD_MS_MIN, (peers / closesPerSecond) * 1e3);
  return () => Math.ceil(Math.random() * spreadMs);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
