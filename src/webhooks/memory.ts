/**
 * What the webhook thread counts, in shared memory: a Float64 cell each, written by that thread alone; by main where that
 * thread has died.
 */

const names = ['sent', 'failed', 'changes', 'dropped', 'laggingSinceMs'] as const;
export type WebhookCounterName = (typeof names)[number];

/** Cell number by name. */
export const WebhookCounter = Object.fromEntries(names.map((name, cell) => [name, cell])) as Readonly<
  Record<WebhookCounterName, number>
>;

/** Memory for what the thread of webhooks counts. */
export function createWebhookCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(names.length * 8);
}

export interface WebhookFigures {
  /** Requests that the receiver took, and those that it did not. */
  readonly sent: number;
  readonly failed: number;
  /** Changes that the receiver has. */
  readonly changes: number;
  /** Changes of batches that the receiver did not take after many tries: told later, as far as they still hold. */
  readonly dropped: number;
  /** For how long the receiver has not had all there is, s. */
  readonly lagSeconds: number;
}

/** From now on the receiver does not have all there is, unless it has not for longer. @param nowMs hub clock */
export function beginLag(cells: Float64Array, nowMs: number): void {
  if (cells[WebhookCounter.laggingSinceMs] === 0) cells[WebhookCounter.laggingSinceMs] = nowMs;
}

/** @param nowMs hub clock */
export function webhookFigures(memory: SharedArrayBuffer, nowMs: number): WebhookFigures {
  const cells = new Float64Array(memory);
  const of = (name: WebhookCounterName): number => cells[WebhookCounter[name]]!;
  const since = of('laggingSinceMs');
  return {
    sent: of('sent'),
    failed: of('failed'),
    changes: of('changes'),
    dropped: of('dropped'),
    lagSeconds: since === 0 ? 0 : Math.max(0, (nowMs - since) / 1e3),
  };
}
