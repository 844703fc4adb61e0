import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { programPath } from '../../support/programs.ts';
import { SECRET } from '../../support/tokens.ts';
import { dat, jsonLines, type Running, start } from '../run.ts';

const FREE_PORTS = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };

const dashboardOf = (demo: Running): Promise<string> =>
  eventually('the dashboard is there', () => /dashboard +(\S+)/.exec(demo.out.stdout)?.[1]);

describe('dat demo', () => {
  it('runs hub, fleet, subscribers and dashboard, whatever is set for other hubs', async () => {
    const env = { ...FREE_PORTS, DAT_AUTH_JWT_SECRET: SECRET, DAT_TOKEN: 'x', DAT_TLS_CERT_FILE: 'none' };
    const demo = start(['demo', '--devices', '5', '--rate', '10'], env);
    const url = await dashboardOf(demo);
    expect(await (await fetch(url)).text()).toContain('<!doctype html>');
    await eventually('all are connected, and events are delivered', async () => {
      const { stdout } = await dat(['top', '--once', '--json', '--admin-url', url]);
      const { connections, rates, busiest, latency } = JSON.parse(stdout);
      const isComplete = connections.device === 5 && connections.subscriber === 12;
      return isComplete && rates.deliveries > 0 && busiest.length > 0 && latency.p50Seconds !== null;
    });
    demo.child.kill('SIGINT');
    expect((await demo.ended).code).toBe(0);
  });

  it.each([
    ['npx dat', 'demo'],
    ['dat', ''],
  ])('names commands that can be pasted: %s', async (command, npm_lifecycle_event) => {
    const demo = start(['demo', '--devices', '1', '--seconds', '1'], { ...FREE_PORTS, npm_lifecycle_event });
    await dashboardOf(demo);
    expect((await demo.ended).code).toBe(0);
    expect(demo.out.stdout).toMatch(
      new RegExp(`^follow one +${command} watch demo-001 --subscriber-url ws:`, 'm'),
    );
  });

  it('takes free ports where a default one is in use, and says so', async () => {
    // Whether or not something listens there already: after this, something does.
    const taken = createServer().on('error', () => {});
    taken.listen(7402, '127.0.0.1');
    onTestFinished(() => void taken.close());
    const others = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0' };
    const demo = start(['demo', '--devices', '2', '--seconds', '1'], others);
    const url = new URL(await dashboardOf(demo));
    expect(Number(url.port)).not.toBe(7402);
    expect(demo.out.stderr).toMatch(/in use, perhaps by another hub: port .*7402/);
    expect((await demo.ended).code).toBe(0);
  });

  it('takes its hub with it when it is killed', async () => {
    const demo = start(['demo', '--devices', '2'], { ...FREE_PORTS });
    const url = await dashboardOf(demo);
    demo.child.kill('SIGTERM');
    expect((await demo.ended).code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });

  it.skipIf(programPath('nats-server') === undefined)(
    'runs several hubs as one cluster, and takes all of them with it (skipped without nats-server)',
    async () => {
      const args = ['demo', '--nodes', '3', '--devices', '6', '--subscribers', '2', '--rate', '10'];
      const demo = start(args, { ...FREE_PORTS });
      const url = await dashboardOf(demo);
      const nodes = await eventually('three nodes share the devices', async () => {
        const { stdout } = await dat(['cluster', '--json', '--admin-url', url]);
        const told = jsonLines(stdout);
        return told.length === 3 && told.every(({ devices }) => Number(devices) > 0) && told;
      });
      expect(nodes.map(({ id }) => id).sort()).toEqual(['demo-1', 'demo-2', 'demo-3']);
      await eventually('events cross', async () => {
        const metrics = await (await fetch(new URL('/metrics', url))).text();
        return /^dat_cluster_events_received_total [1-9]/m.test(metrics);
      });
      const hubs = [...demo.out.stdout.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
      expect(hubs).toHaveLength(3);
      demo.child.kill('SIGTERM');
      expect((await demo.ended).code).toBe(0);
      for (const pid of hubs) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    },
  );
});
