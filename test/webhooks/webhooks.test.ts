/** Webhooks with a real receiver: of a table in this process, and of a running hub. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { createWebhookCounters, webhookFigures } from '../../src/webhooks/memory.ts';
import { Webhooks } from '../../src/webhooks/webhooks.ts';
import { calm } from '../conformance/harness.ts';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type Env, type HubProcess, runHub, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { mostInOneSecond, WEBHOOK_SECRET, WebhookReceiver } from '../support/webhook-receiver.ts';

async function receiver(): Promise<{ receiver: WebhookReceiver; url: string }> {
  const receiver = new WebhookReceiver();
  const url = await receiver.start();
  onTestFinished(() => receiver.stop());
  return { receiver, url };
}

it('a thread that takes over tells at once, and once, that something may have been missed, though nothing changes', async () => {
  const { receiver: hook, url } = await receiver();
  const webhooks = new Webhooks({
    presence: new PresenceReader(createPresence({ devices: 1, subscribers: 1, subscriptions: 1 })),
    clock: systemClock,
    settings: { webhookUrl: url, webhookSecret: WEBHOOK_SECRET, webhookCoalesceMs: 50 },
    counters: createWebhookCounters(),
    fetch,
    resync: true,
    changed() {},
  });
  for (let round = 0; round < 2; round++) await webhooks.round();
  expect(hook.received.map(({ body }) => body.data)).toEqual([{ changes: [], resync: true }]);
});

describe('a storm of 10,000 devices that reconnect again and again', () => {
  it('is at most 100 requests a second, and ends in what is so', async () => {
    const count = 10_000;
    const memory = createPresence({ devices: count, subscribers: 1, subscriptions: 1 });
    const registry = new Registry(memory, 1);
    const { receiver: hook, url } = await receiver();
    const counters = createWebhookCounters();
    const webhooks = new Webhooks({
      presence: new PresenceReader(memory),
      clock: systemClock,
      settings: { webhookUrl: url, webhookSecret: WEBHOOK_SECRET, webhookCoalesceMs: 50 },
      counters,
      fetch,
      resync: false,
      changed() {},
    });
    const running = webhooks.run();
    const slots = Array.from({ length: count }, (_, n) => registry.ensureDeviceOf(`dev-${n}`));
    const set = (slot: number, isOnline: boolean): void =>
      isOnline
        ? registry.setDeviceState(slot, DeviceState.online, StateReason.connected)
        : registry.setDeviceState(slot, DeviceState.offline, StateReason.closed);
    for (let round = 0; round < 30; round++) {
      for (const slot of slots) set(slot, Math.random() < 0.5);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const [n, slot] of slots.entries()) set(slot, n % 3 === 0);
    const last = new Map<string, string>();
    await eventually('the receiver knows how each device is', () => {
      for (const { body } of hook.received.splice(0))
        for (const { device, state } of body.data.changes) last.set(device, state);
      return slots.every(
        (_, n) => (last.get(`dev-${n}`) ?? 'offline') === (n % 3 === 0 ? 'online' : 'offline'),
      );
    });
    webhooks.stop();
    await running;
    expect(mostInOneSecond(hook.requests)).toBeLessThanOrEqual(100);
    expect(hook.wrong).toEqual([]);
    expect(webhookFigures(counters, systemClock.now())).toMatchObject({ failed: 0, dropped: 0 });
  });
});

async function start(env: Env): Promise<HubProcess> {
  const hub = await startHub({
    ...calm,
    DAT_WEBHOOK_SECRET: WEBHOOK_SECRET,
    DAT_WEBHOOK_COALESCE_MS: '50',
    ...env,
  });
  onTestFinished(() => hub.kill());
  return hub;
}

/** Waits for a change to this state after those that were waited for before. */
function follow(hook: WebhookReceiver, device: string) {
  let seen = 0;
  return (state: string, reason: string, meanwhile = (): void => {}) =>
    eventually(`${device} is told to be ${state}`, () => {
      meanwhile();
      const changes = hook.of(device);
      const at = changes.findIndex((each, n) => n >= seen && each.state === state && each.reason === reason);
      if (at < 0) return undefined;
      seen = at + 1;
      return changes[at];
    });
}

describe('a hub with a receiver', () => {
  it('tells who comes, goes and is removed, and who is followed', async () => {
    const { receiver: hook, url } = await receiver();
    const hub = await start({
      DAT_WEBHOOK_URL: url,
      DAT_DEVICE_LEAVE_GRACE_MS: '100',
      DAT_FANOUT_WORKERS: '1',
    });
    const tells = follow(hook, 'dev-1');
    const before = Date.now();
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    const online = await tells('online', 'connected');
    expect(online.at).toBeGreaterThanOrEqual(before - 1000);
    expect(online.at).toBeLessThanOrEqual(Date.now());
    expect(hook.received[0]!.body).toMatchObject({ type: 'devices.changed', data: { resync: false } });
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s-1&devices=dev-1');
    await eventually('the subscription is told', () => hook.of('dev-1').at(-1)?.subscribers.active === 1);
    await device.close(1000);
    await tells('offline', 'closed');
    const again = await Device.connect(hub.devicePort, '?id=dev-1');
    await again.welcome();
    await tells('online', 'connected');
    await again.drop();
    await tells('offline', 'lost');
    const third = await Device.connect(hub.devicePort, '?id=dev-1');
    await third.welcome();
    await tells('online', 'connected');
    await admin(hub.adminPort, 'DELETE', '/v1/devices/dev-1');
    await tells('offline', 'removed');
    expect((await subscriber.frames.next(({ op }) => op === 'removed')).op).toBe('removed');
    expect(hook.wrong).toEqual([]);
    expect(await hub.stop()).toBe(0);
  });

  it('tells who is silent, and who is heard again', async () => {
    const { receiver: hook, url } = await receiver();
    const hub = await start({ DAT_WEBHOOK_URL: url, DAT_DEVICE_STALE_AFTER_MS: '1000' });
    const tells = follow(hook, 'dev-1');
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await tells('stale', 'silent');
    // Again and again: told only if it is not stale once more by then.
    await tells('online', 'heard', () => device.send({ type: 'message', data: 'hello' }));
    expect(hook.wrong).toEqual([]);
    expect(await hub.stop()).toBe(0);
  });

  it('goes on while the receiver is down, and tells the net change when it is back', async () => {
    const { receiver: hook, url } = await receiver();
    hook.status = 500;
    const hub = await start({ DAT_WEBHOOK_URL: url, DAT_FANOUT_WORKERS: '0' });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    await eventually('the log says that it fails', () => hub.stderr().includes('the webhook receiver fails'));
    const brief = await Device.connect(hub.devicePort, '?id=dev-2');
    await brief.welcome();
    for (let n = 0; n < 50; n++) expect(await device.message(n)).toMatchObject({ op: 'ack' });
    const metrics = async () => new Metrics((await admin(hub.adminPort, 'GET', '/metrics')).text);
    expect((await metrics()).value('dat_webhook_lag_seconds')).toBeGreaterThan(0);
    await brief.close(1000);
    await admin(hub.adminPort, 'DELETE', '/v1/devices/dev-2');
    hook.status = 200;
    await follow(hook, 'dev-1')('online', 'connected');
    await eventually('the log says that it is back', () => hub.stderr().includes('answers again'));
    expect(hook.of('dev-2')).toEqual([]);
    const page = await metrics();
    expect(page.value('dat_webhook_requests_total', { result: 'failed' })).toBeGreaterThan(0);
    expect(page.value('dat_webhook_requests_total', { result: 'sent' })).toBeGreaterThan(0);
    expect(await hub.stop()).toBe(0);
    expect(hub.stderr()).not.toContain(WEBHOOK_SECRET.slice(6));
  });

  it('ends in time though the receiver never answers', async () => {
    const { receiver: hook, url } = await receiver();
    hook.status = -1;
    const hub = await start({ DAT_WEBHOOK_URL: url });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    await eventually('a request is under way', () => hook.requests.length > 0);
    expect(await hub.stop()).toBe(0);
  });
});

describe('the settings of webhooks', () => {
  it.each([
    ['a receiver without a secret', { DAT_WEBHOOK_URL: 'https://a.example' }, 'DAT_WEBHOOK_SECRET'],
    ['a secret of another form', { DAT_WEBHOOK_SECRET: 'hunter2' }, 'expected whsec_ and base64'],
    ['a receiver that is no URL', { DAT_WEBHOOK_URL: 'a.example' }, 'expected an http or https URL'],
  ])('refuse %s', async (_, env, message) => {
    const { code, stderr } = await runHub(env);
    expect(code).toBe(78);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('hunter2');
  });
});
