import { describe, expect, it } from 'vitest';
import { TestHub } from '../conformance/harness.ts';
import { uwsLoads } from '../support/uws-loads.ts';

describe.skipIf(!uwsLoads())('upgrades on uWebSockets.js', () => {
  it.each([
    ['with a place for a Unix socket', {}],
    ['without one', { TMPDIR: '/proc/nowhere' }],
  ])('are made within a call of the library: it warns of none, %s', async (_, env) => {
    const hub = new TestHub({ DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1', ...env });
    await hub.start();
    const { device, dev, subscriber } = await hub.pair();
    for (let n = 0; n < 20; n++) await hub.subscriber({ devices: [dev] });
    await device.message('whole');
    expect((await subscriber.event(dev)).data).toBe('whole');
    await hub.end();
    expect(hub.process.stderr()).not.toMatch(/cork|Warning/);
  });
});
