/** What comes all at once: everybody back, a fleet gone, a full table. */
import { describe, expect, it } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { mostInOneSecond, WEBHOOK_SECRET, WebhookReceiver } from '../support/webhook-receiver.ts';

const workers = { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' } as const;

async function withHub(env: Record<string, string>, body: (hub: TestHub) => Promise<void>): Promise<void> {
  const hub = new TestHub({ ...calm, ...workers, ...env });
  await hub.start();
  try {
    await body(hub);
  } finally {
    await hub.end();
  }
}

/** As a client does: who is not let in for the moment tries again. */
async function enter<Entered>(
  role: { connect(port: number, query: string): Promise<Entered> },
  port: number,
  query: string,
): Promise<Entered> {
  for (;;) {
    const peer = await role.connect(port, query).catch(() => undefined);
    if (peer !== undefined) return peer;
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 200));
  }
}

describe.skipIf(!uwsLoads())('a storm', () => {
  it('of 5000 subscribers that come back at once ends with each of them resumed', () =>
    withHub({ DAT_MAX_SUBSCRIBERS: '6000' }, async (hub) => {
      const device = await hub.device('dev-1');
      const ids = Array.from({ length: 5000 }, (_, n) => `sub-${n}`);
      const { subscriberPort } = hub.process;
      const first = await Promise.all(
        ids.map((id) => enter(Subscriber, subscriberPort, `?id=${id}&devices=dev-1`)),
      );
      await Promise.all(first.map((peer) => peer.frames.next(({ op }) => op === 'subscribed')));
      await Promise.all(first.map((peer) => peer.drop()));
      const second = await Promise.all(ids.map((id) => enter(Subscriber, subscriberPort, `?id=${id}`)));
      const welcomes = await Promise.all(
        second.map((peer) => peer.frames.next(({ op }) => op === 'welcome')),
      );
      expect(welcomes.filter(({ resumed }) => resumed?.[0] !== 'dev-1')).toEqual([]);
      const { seq } = await device.message('everybody is back');
      await Promise.all(second.map((peer) => peer.frames.next((frame) => frame.seq === seq)));
      expect((await hub.metrics()).value('dat_connections', { role: 'subscriber' })).toBe(5000);
      await Promise.all(second.map((peer) => peer.drop()));
    }));

  it('of 500 devices that are lost at once is told of once each', () =>
    withHub({ DAT_DEVICE_LEAVE_GRACE_MS: '500' }, async (hub) => {
      const ids = Array.from({ length: 500 }, (_, n) => `dev-${n}`);
      const fleet = await Promise.all(ids.map((id) => enter(Device, hub.process.devicePort, `?id=${id}`)));
      await Promise.all(fleet.map((device) => device.welcome()));
      const [one, other] = [await hub.subscriber(), await hub.subscriber()];
      await one.subscribe(...ids);
      await other.subscribe(...ids.slice(0, 250));
      await Promise.all(fleet.map((device) => device.drop()));
      const offline = (sub: Subscriber) =>
        sub.events().filter(({ data }) => (data as { state?: string } | null)?.state === 'offline');
      await eventually(
        'all are called offline',
        () => offline(one).length >= 500 && offline(other).length >= 250,
      );
      await one.list(); // what else was to come has come before this answer
      expect(
        offline(one)
          .map(({ device }) => device)
          .sort(),
      ).toEqual([...ids].sort());
      expect(offline(other)).toHaveLength(250);
    }));

  it('of 10,000 reconnects is at most 100 webhooks a second, and ends in what is so', async () => {
    const hook = new WebhookReceiver();
    const webhooks = {
      DAT_WEBHOOK_URL: await hook.start(),
      DAT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      DAT_WEBHOOK_COALESCE_MS: '100',
    };
    const ids = Array.from({ length: 1000 }, (_, n) => `dev-${n}`);
    await withHub(webhooks, async (hub) => {
      const comeAndGo = async (id: string, n: number): Promise<void> => {
        for (let times = 0; times < 10; times++) {
          const device = await enter(Device, hub.process.devicePort, `?id=${id}`);
          await device.welcome();
          if (times < 9 || n % 2 === 0) await device.close(1000);
        }
      };
      await Promise.all(ids.map(comeAndGo));
      const state = (n: number): string => (n % 2 === 0 ? 'offline' : 'online');
      await eventually('the receiver knows how each device is', () => {
        const told = new Map(hook.changes().map((change) => [change.device, change.state]));
        return ids.every((id, n) => told.get(id) === state(n));
      });
      expect(hook.wrong).toEqual([]);
      expect(mostInOneSecond(hook.requests)).toBeLessThanOrEqual(100);
      const metrics = await hub.metrics();
      expect(metrics.value('dat_connections_opened_total', { role: 'device' })).toBe(10_000);
      // The receiver lives in this process, which is as busy as the hub: an answer that comes too late is asked for again.
      expect(metrics.value('dat_webhook_dropped_total')).toBe(0);
    });
    await hook.stop();
  });

  it('of comings and goings at a full table is refused by name, and leaves no slot behind', () =>
    withHub(
      {
        DAT_MAX_DEVICES: '20',
        DAT_MAX_SUBSCRIBERS: '10',
        DAT_MAX_SUBSCRIPTIONS: '50',
        DAT_DEVICE_LEAVE_GRACE_MS: '0',
        DAT_DEVICE_REMOVE_AFTER_MS: '0',
        DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '300',
        DAT_SUBSCRIBER_REMOVE_AFTER_MS: '300',
        DAT_PING_INTERVAL_MS: '100',
      },
      async (hub) => {
        const full = { devices: 0, subscribers: 0, subscriptions: 0 };
        for (let turn = 0; turn < 12; turn++) {
          const devices = await Promise.all(
            Array.from({ length: 24 }, () => hub.openDevice(uniqueId('dev'))),
          );
          const subscribers = await Promise.all(Array.from({ length: 12 }, () => hub.openSubscriber()));
          const frames = await Promise.all(
            subscribers.map(async (sub) => {
              const welcomed = await sub.welcome().then(
                () => true,
                () => false,
              );
              return welcomed
                ? sub.subscribe(...devices.slice(0, 8).map(({ url }) => new URL(url).searchParams.get('id')!))
                : undefined;
            }),
          );
          full.subscribers += frames.filter((frame) => frame === undefined).length;
          const errors = frames.flatMap((frame) => frame?.errors ?? []);
          full.subscriptions += errors.filter(({ code }) => code === 106).length;
          expect(errors.every(({ code }) => code === 106)).toBe(true);
          const closes = [...devices, ...subscribers].map((peer) =>
            Promise.race([peer.closed.then(({ code }) => code), peer.close(1000).then(({ code }) => code)]),
          );
          const codes = await Promise.all(closes);
          full.devices += codes.slice(0, 24).filter((code) => code === 4100).length;
        }
        expect(full.devices).toBeGreaterThan(0);
        expect(full.subscribers).toBeGreaterThan(0);
        expect(full.subscriptions).toBeGreaterThan(0);
        for (const table of ['devices', 'subscribers', 'subscriptions']) {
          await eventually(`no row is left in ${table}`, async () => {
            return (await hub.metrics()).value('dat_capacity_used_ratio', { table }) === 0;
          });
        }
      },
    ));
});
