/** What the running hub logs of peers that come, go and are refused; on main and in a worker. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const modes = [
  ['uws, 1 worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }, 'fanout-0'],
  ['ws', { DAT_TRANSPORT: 'ws' }, 'main'],
] as const;

async function start(env: Env): Promise<HubProcess> {
  const hub = await startHub({ ...calm, ...env });
  onTestFinished(() => hub.kill());
  return hub;
}

const linesOf = (hub: HubProcess, msg: string) => hub.logs.filter((line) => line.msg === msg);

describe.each(modes)('the log (%s)', (_, env, thread) => {
  const skips = env.DAT_TRANSPORT === 'uws' && !uwsLoads();

  it.skipIf(skips)('has a line for a bad token, a number for a storm of them, and no token', async () => {
    const hub = await start({ ...env, DAT_AUTH_JWT_SECRET: SECRET });
    const bad = `${await tokenFor({ sub: 's-1', role: 'subscriber' })}x`;
    let tries = 0;
    await eventually('the rest of a storm is told as a number', async () => {
      tries += 40;
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          await expect(Subscriber.connect(hub.subscriberPort, `?id=s-1&token=${bad}`)).rejects.toThrow();
          await expect(Device.connect(hub.devicePort, '?id=d-1')).rejects.toThrow();
        }),
      );
      const told = linesOf(hub, 'more connections refused') as { readonly role?: string }[];
      return ['device', 'subscriber'].every((role) => told.some((line) => line.role === role));
    });
    const refused = linesOf(hub, 'connection refused');
    expect(refused.length).toBeLessThan(tries);
    expect(refused).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        thread,
        role: 'subscriber',
        reason: 'token',
        status: 401,
        id: 's-1',
      }),
    );
    expect(refused).toContainEqual(
      expect.objectContaining({
        thread: 'main',
        role: 'device',
        address: expect.stringContaining('127.0.0.1'),
      }),
    );
    expect(hub.stderr()).not.toContain(bad.slice(-20));
    const token = await tokenFor({ sub: 'alice', role: 'admin' });
    const { body } = await admin(hub.adminPort, 'GET', '/v1/activity', { token });
    expect((body as { entries: object[] }).entries).toContainEqual(
      expect.objectContaining({ kind: 'refused', thread, reason: 'token' }),
    );
    await admin(hub.adminPort, 'DELETE', '/v1/devices/d-1', { token });
    await eventually('the action is told', () => linesOf(hub, 'operator action').length > 0);
    expect(linesOf(hub, 'operator action')[0]).toMatchObject({
      who: 'alice',
      what: { device: 'd-1' },
      status: 404,
    });
  });

  it.skipIf(skips)('has a line for each connection and its end at debug, and none at info', async () => {
    for (const level of ['debug', 'info']) {
      const hub = await start({ ...env, DAT_LOG_LEVEL: level });
      const device = await Device.connect(hub.devicePort, '?id=d-1');
      const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s-1');
      await device.welcome();
      await subscriber.welcome();
      await device.close(1000);
      await subscriber.drop();
      if (level === 'debug') {
        await eventually('both ends are told', () => linesOf(hub, 'disconnected').length === 2);
        expect(linesOf(hub, 'connected')).toContainEqual(
          expect.objectContaining({ level, thread, role: 'subscriber', id: 's-1' }),
        );
        expect(linesOf(hub, 'disconnected')).toContainEqual(
          expect.objectContaining({ role: 'device', id: 'd-1', code: 1000, afterMs: expect.any(Number) }),
        );
      }
      expect(await hub.stop()).toBe(0);
      if (level === 'info') expect(hub.stderr()).not.toContain('connected"');
    }
  });
});
