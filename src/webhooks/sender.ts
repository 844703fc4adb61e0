/**
 * Sends one batch at a time to the receiver: signed, with a time limit, and again after growing pauses. A receiver that
 * is slow, down or hostile costs nothing but this thread's patience.
 */
import { randomBytes } from 'node:crypto';
import type { DeviceChange } from './changes.ts';
import { keyOf, signedHeaders } from './signature.ts';

export interface WebhookTarget {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
}

export interface SenderDeps {
  /** Read at every try: a reload may change it. */
  receiver(): WebhookTarget;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  wallNow(): number;
  /** Rejects when the hub ends. */
  sleep(ms: number): Promise<void>;
  readonly signal: AbortSignal;
  /** @param failure undefined: the receiver has it */
  tried(failure: string | undefined): void;
}

export interface ChangeBatch {
  readonly changes: readonly DeviceChange[];
  /** More has happened than these: the receiver had better ask for all devices. */
  readonly resync: boolean;
}

export const ANSWER_MS_MAX = 10_000;
/** About four minutes; then the batch is made anew, of what is so by then. */
export const TRIES_MAX = 10;
const FIRST_PAUSE_MS = 500;
const PAUSE_MS_MAX = 60_000;
/**
 * Between the starts of two requests: about 80 a second. Timers fire up to a millisecond early, and requests that are
 * delayed on their way bunch up: the receiver still gets at most 100 in any second.
 */
const REQUEST_SPACING_MS = 12;
/** Of an answer nothing is read but its status. */
const RETRY_AFTER_MS_MAX = 600_000;

export class WebhookSender {
  readonly #deps: SenderDeps;
  #failures = 0;
  #lastStartMs = 0;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** @returns false when the receiver did not take it after many tries @throws when the hub ends */
  async send({ changes, resync }: ChangeBatch): Promise<boolean> {
    const { wallNow } = this.#deps;
    const id = `msg_${randomBytes(18).toString('base64url')}`;
    const timestamp = new Date(wallNow()).toISOString();
    const body = JSON.stringify({ type: 'devices.changed', timestamp, data: { changes, resync } });
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      await this.#space();
      const { failure, retryAfterMs } = await this.#try(id, body);
      this.#deps.tried(failure);
      if (failure === undefined) {
        this.#failures = 0;
        return true;
      }
      this.#failures += 1;
      await this.#deps.sleep(Math.max(retryAfterMs, pauseAfter(this.#failures)));
    }
    return false;
  }

  async #try(id: string, body: string): Promise<{ failure: string | undefined; retryAfterMs: number }> {
    const { receiver, fetch, wallNow, signal } = this.#deps;
    signal.throwIfAborted();
    const { url, secret } = receiver();
    // Not `AbortSignal.any`: in Node 20 garbage collection may take a time limit that is part of it.
    const request = new AbortController();
    const abort = (): void => request.abort(signal.reason);
    signal.addEventListener('abort', abort);
    const limit = setTimeout(
      () => request.abort(new DOMException('no answer in time', 'TimeoutError')),
      ANSWER_MS_MAX,
    );
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'device-aggregator-tunnel',
          ...signedHeaders(keyOf(secret), id, wallNow(), body),
        },
        body,
        redirect: 'manual', // what is signed goes to the receiver that was named
        signal: request.signal,
      });
      await response.body?.cancel();
      if (response.status >= 200 && response.status < 300) return { failure: undefined, retryAfterMs: 0 };
      return { failure: `status ${response.status}`, retryAfterMs: retryAfterMsOf(response, wallNow()) };
    } catch (error) {
      signal.throwIfAborted(); // that the hub ends says nothing of the receiver
      return { failure: whyOf(error), retryAfterMs: 0 };
    } finally {
      clearTimeout(limit);
      signal.removeEventListener('abort', abort);
    }
  }

  async #space(): Promise<void> {
    const { sleep } = this.#deps;
    const now = performance.now();
    const waitMs = this.#lastStartMs + REQUEST_SPACING_MS - now;
    if (waitMs > 0) await sleep(waitMs);
    this.#lastStartMs = performance.now();
  }
}

/** Doubles, with a quarter of chance in it, so that hubs do not come all at once. */
function pauseAfter(failures: number): number {
  const pauseMs = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return pauseMs * (0.75 + Math.random() / 4);
}

/** Seconds, or a date (RFC 9110, 10.2.3). @param nowMs wall clock */
function retryAfterMsOf(response: Response, nowMs: number): number {
  const text = response.headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1e3 : Date.parse(text) - nowMs;
  return ms > 0 ? Math.min(RETRY_AFTER_MS_MAX, ms) : 0;
}

/** In a word or two: a message may hold the URL, and the URL a secret. */
function whyOf(error: unknown): string {
  const { name, cause } = error as {
    readonly name?: string;
    readonly cause?: { readonly code?: string; readonly message?: string };
  };
  if (name === 'TimeoutError') return `no answer within ${ANSWER_MS_MAX / 1e3} s`;
  if (cause?.message === 'bad port') return 'fetch sends nothing to this port'; // 6667, for example: of another protocol
  return cause?.code ?? name ?? 'error';
}
