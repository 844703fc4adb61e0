/** With the webhook thread gone for good, `dat_webhook_lag_seconds` stayed 0: no alert said that nothing is told any more. */
import pino from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createPresence } from '../../src/presence/memory.ts';
import type { ThreadDeps } from '../../src/supervise/thread.ts';
import { WebhookThread } from '../../src/supervise/webhook-thread.ts';
import { WebhookCounter } from '../../src/webhooks/memory.ts';

/** The thread that was made last. */
let thread: ThreadDeps<unknown>;

vi.mock('../../src/supervise/thread.ts', () => ({
  Thread: class {
    readonly restarts = 2;

    constructor(deps: ThreadDeps<unknown>) {
      thread = deps;
    }
  },
}));

const { now } = vi.hoisted(() => ({ now: { ms: 1000 } }));
vi.mock('../../src/clock.ts', () => ({ systemClock: { now: () => now.ms, wallNow: () => now.ms } }));

function webhooks(): WebhookThread {
  const settings = { webhookUrl: 'http://127.0.0.1:9/', webhookSecret: '', webhookCoalesceMs: 1000 };
  const presence = createPresence({ devices: 1, subscribers: 1, subscriptions: 1 });
  return new WebhookThread(presence, settings, false, pino({ level: 'silent' }));
}

/** What the thread that runs counts in. */
function cells(): Float64Array {
  const { counters } = thread.task({} as never).data as { readonly counters: SharedArrayBuffer };
  return new Float64Array(counters);
}

describe('A webhook thread that died', () => {
  beforeEach(() => {
    now.ms = 1000;
  });

  it.each(['restarting', 'failed'] as const)('lags from then on (%s)', (end) => {
    const hooks = webhooks();
    expect(hooks.figures().lagSeconds).toBe(0);
    void thread[end](new Error('a bug'));
    now.ms += 400_000;
    expect(hooks.figures().lagSeconds).toBe(400);
  });

  it('lags since before, if it did', () => {
    const hooks = webhooks();
    cells()[WebhookCounter.laggingSinceMs] = 500;
    void thread.failed(new Error('a bug'));
    now.ms = 2500;
    expect(hooks.figures().lagSeconds).toBe(2);
  });

  it('is among the restarts', () => {
    expect(webhooks().restarts).toBe(2);
  });
});
