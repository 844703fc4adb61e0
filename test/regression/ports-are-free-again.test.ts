/** A hub that took any free port, and closed its peers, could not be started on that port again for a minute. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const rows = [
  ['uws, subscribers on main', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' }],
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(rows)('the ports of a hub that has ended (%s)', (_, env) => {
  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())('are free at once', () =>
    firstOf('another process was given one of the ports', async () => {
      const first = await startHub({ ...calm, ...env });
      const { devicePort, subscriberPort, adminPort } = first;
      const device = await Device.connect(devicePort, '?id=dev-1');
      await device.welcome();
      const subscriber = await Subscriber.connect(subscriberPort, '?devices=dev-1');
      await subscriber.subscribedByUrl();
      expect(await first.stop()).toBe(0);
      const again = {
        DAT_DEVICE_PORT: String(devicePort),
        DAT_SUBSCRIBER_PORT: String(subscriberPort),
        DAT_ADMIN_PORT: String(adminPort),
      };
      const second = await startHub({ ...calm, ...env, ...again }).catch((error: unknown) => {
        if (!String(error).includes('the port is in use')) throw error;
      });
      if (second === undefined) return undefined;
      onTestFinished(() => second.kill());
      expect(second.devicePort).toBe(devicePort);
      expect(await second.stop()).toBe(0);
      return true;
    }),
  );
});
