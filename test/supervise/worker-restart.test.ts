/** What the hub does when its threads die, beyond the contract of its peers. */
import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { type Ended, runHub, startHub } from '../support/hub-process.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const faults = { DAT_FAULT_INJECTION: 'true' } as const;

describe.skipIf(!uwsLoads()).each(['1', '2'])(
  'a hub (fan-out workers: %s) of which one worker fails',
  (workers) => {
    const hub = useHub({ ...faults, DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: workers });
    const restarts = async () => (await hub.metrics()).value('dat_worker_restarts_total', { role: 'fanout' });
    const fail = async (worker: number) => {
      const before = await restarts();
      const fault = { thread: 'fanout', worker };
      expect((await hub.admin('POST', '/v1/faults', fault)).status).toBe(200);
      await eventually('another took its place', async () => (await restarts()) === before + 1);
    };

    it('closes its subscribers, who come back and are resumed, and keeps its devices', async () => {
      const device = await hub.device();
      const dev = new URL(device.url).searchParams.get('id')!;
      const ids = Array.from({ length: 6 }, () => uniqueId('sub'));
      const first = await Promise.all(ids.map((id) => hub.subscriber({ id })));
      await Promise.all(first.map((one) => one.subscribe(dev)));
      const connectionsBefore = (await hub.metrics()).value('dat_connections', { role: 'subscriber' });
      expect(connectionsBefore).toBe(6);
      for (let worker = 0; worker < Number(workers); worker++) await fail(worker);
      for (const { code } of await Promise.all(first.map(({ closed }) => closed))) expect(code).toBe(1006);
      const inactive = async () => (await hub.rows(dev)).every(({ connected }) => !connected);
      await eventually('its subscribers are seen to be gone', inactive);
      expect((await hub.rows(dev)).map(({ status }) => status)).toEqual(ids.map(() => 'inactive'));
      const lost = { role: 'subscriber', code: '1006' };
      expect((await hub.metrics()).value('dat_disconnects_total', lost)).toBe(6);

      const again = await Promise.all(ids.map((id) => hub.openSubscriber({ id })));
      for (const one of again) expect(await one.welcome()).toMatchObject({ resumed: [dev] });
      const { seq } = await device.message('after');
      for (const one of again) expect(await one.event(dev)).toMatchObject({ seq });
      expect((await hub.metrics()).value('dat_connections', { role: 'subscriber' })).toBe(6);
    });

    it('goes on when the owner dies at the same time', async () => {
      const device = await hub.device();
      const dev = new URL(device.url).searchParams.get('id')!;
      const id = uniqueId('sub');
      const before = await hub.subscriber({ id });
      await before.subscribe(dev);
      await Promise.all([
        hub.admin('POST', '/v1/faults', { thread: 'fanout', worker: 0 }),
        hub.admin('POST', '/v1/faults', { thread: 'owner', how: 'terminate' }),
      ]);
      await before.drop();
      await eventually('the hub is ready', async () => (await hub.admin('GET', '/readyz')).status === 200);
      const again = await eventually('a worker lets peers in', () =>
        hub.subscriber({ id }).catch(() => undefined),
      );
      await again.subscribe(dev);
      const { seq } = await device.message('after');
      expect(await again.event(dev)).toMatchObject({ seq });
    });
  },
);

describe('a hub whose owner dies again and again', () => {
  it('drains and ends with 70, after five in a minute were made good', async () => {
    const { code, stderr } = await firstOf('the deaths took too long to be within a minute', dies);
    expect(code).toBe(70);
    expect(stderr).toContain('a fault that was asked for');
  });

  async function dies(): Promise<Ended | undefined> {
    const hub = await startHub({ ...faults, DAT_DRAIN_TIMEOUT_MS: '1000', DAT_FANOUT_WORKERS: '0' });
    const since = performance.now();
    const url = (path: string) => `http://127.0.0.1:${hub.adminPort}${path}`;
    const kill = () =>
      fetch(url('/v1/faults'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ thread: 'owner', how: 'throw' }),
      });
    for (let restarts = 1; restarts <= 5; restarts++) {
      expect((await kill()).status).toBe(200);
      await eventually('it was started anew', async () => {
        const metrics = await (await fetch(url('/metrics'))).text();
        return metrics.includes(`dat_worker_restarts_total{role="owner"} ${restarts}\n`);
      });
      await eventually('the hub is ready', async () => (await fetch(url('/readyz'))).status === 200);
    }
    await kill();
    if (performance.now() - since < 30_000) return hub.ended; // the last one is still to be noticed
    await hub.kill();
    return undefined;
  }
});

describe('faults on purpose', () => {
  it('cannot be asked for without the setting', async () => {
    const hub = await startHub({ DAT_FANOUT_WORKERS: '0' });
    const answer = await fetch(`http://127.0.0.1:${hub.adminPort}/v1/faults`, { method: 'POST' });
    expect(answer.status).toBe(404);
    expect(await hub.stop()).toBe(0);
  });

  it('are refused in production', async () => {
    const { code, stderr } = await runHub({ ...faults, NODE_ENV: 'production' });
    expect(code).toBe(78);
    expect(stderr).toContain('DAT_FAULT_INJECTION');
  });
});
