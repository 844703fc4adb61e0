/** A request to the webhook receiver that was given up set `dat_webhook_lag_seconds` back to 0, though nothing had arrived. */
import { expect, it, vi } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { createWebhookCounters, webhookFigures } from '../../src/webhooks/memory.ts';
import { Webhooks } from '../../src/webhooks/webhooks.ts';
import { FakeClock } from '../support/fake-clock.ts';

const send = vi.hoisted(() => vi.fn<() => Promise<boolean>>());
vi.mock('../../src/webhooks/sender.ts', () => ({
  WebhookSender: class {
    send = send;
  },
}));

it('the receiver lags until it has all changes', async () => {
  const memory = createPresence({ devices: 1000, subscribers: 1, subscriptions: 1 });
  const registry = new Registry(memory, 1);
  const clock = new FakeClock();
  const counters = createWebhookCounters();
  const webhooks = new Webhooks({
    presence: new PresenceReader(memory),
    clock,
    settings: { webhookUrl: '', webhookSecret: '', webhookCoalesceMs: 1000 },
    counters,
    fetch,
    resync: false,
    changed() {},
  });
  const lag = () => webhookFigures(counters, clock.now()).lagSeconds;
  for (let n = 0; n < 700; n++)
    registry.setDeviceState(registry.ensureDeviceOf(`dev-${n}`), DeviceState.online, StateReason.connected);
  // Two requests: the second is given up, then the first of those that are made anew.
  send.mockResolvedValueOnce(true).mockResolvedValueOnce(false);
  await webhooks.round();
  clock.advance(240_000);
  expect(lag()).toBe(240);
  send.mockResolvedValueOnce(false);
  await webhooks.round();
  clock.advance(240_000);
  expect(lag()).toBe(480);
  send.mockResolvedValueOnce(true);
  await webhooks.round();
  expect(lag()).toBe(0);
  expect(webhookFigures(counters, clock.now())).toMatchObject({ changes: 700, dropped: 400 });
});
