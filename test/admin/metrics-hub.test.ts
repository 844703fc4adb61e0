/** The metrics page of a hub that runs. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { programPath } from '../support/programs.ts';

describe('the metrics of a running hub', () => {
  let hub: HubProcess;
  const page = async (): Promise<string> => (await admin(hub.adminPort, 'GET', '/metrics')).text;
  const scrape = async (): Promise<Metrics> => new Metrics(await page());

  beforeAll(async () => {
    hub = await startHub({ DAT_FANOUT_WORKERS: '1' });
  });
  afterAll(async () => {
    await hub.stop();
  });

  it('count bytes in and out, and opened connections', async () => {
    const before = await scrape();
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s&devices=d');
    await subscriber.subscribedByUrl();
    const device = await Device.connect(hub.devicePort, '?id=d');
    const data = 'x'.repeat(10_000);
    await device.publish({ type: 'message', data });
    await subscriber.event('d');
    const grown = await eventually('the bytes are counted', async () => {
      const after = await scrape();
      const by = (name: string): number => after.value(name) - before.value(name);
      return by('dat_sent_bytes_total') > data.length ? { after, by } : undefined;
    });
    expect(grown.by('dat_received_bytes_total')).toBeGreaterThan(data.length);
    expect(grown.by('dat_received_bytes_total')).toBeLessThan(data.length + 1000);
    expect(grown.by('dat_sent_bytes_total')).toBeLessThan(data.length + 2000);
    expect(grown.after.value('dat_connections_opened_total', { role: 'device' })).toBe(1);
    expect(grown.after.value('dat_connections_opened_total', { role: 'subscriber' })).toBe(1);
    await device.close(1000);
    await subscriber.close(1000);
  });

  it('count a refused frame by its code', async () => {
    const before = await scrape();
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s');
    await subscriber.ask('no-such-op');
    const refused = (of: Metrics): number => of.value('dat_frames_refused_total', { code: '104' });
    expect(refused(await scrape())).toBe(refused(before) + 1);
    await subscriber.close(1000);
  });

  it.runIf(process.platform === 'linux')('tell of the CPU time of every thread', async () => {
    const threads = await eventually('every thread has told', async () => {
      const told = (await scrape())
        .of('dat_thread_cpu_seconds_total')
        .map(({ labels: { thread } }) => thread);
      return told.length >= 3 ? told : undefined;
    });
    const late = (await scrape()).of('dat_event_loop_lag_seconds').map(({ labels: { thread } }) => thread);
    expect(threads).toEqual(late);
  });

  const promtool = programPath('promtool');
  it.skipIf(promtool === undefined)(
    'are a page that promtool accepts (skipped without promtool)',
    async () => {
      const checked = spawnSync(promtool!, ['check', 'metrics'], { input: await page(), encoding: 'utf8' });
      expect(checked.stderr + checked.stdout).toBe('');
      expect(checked.status).toBe(0);
    },
  );
});
