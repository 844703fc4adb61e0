/** A subscriber with as many subscriptions as it may have comes back over a link that needs seconds for the answer. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm, TestHub } from '../conformance/harness.ts';
import { Subscriber } from '../support/peers.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const SUBSCRIPTIONS = 100_000;
const PER_FRAME = 1000;
const BYTES_PER_SECOND = 20_000_000 / 8;
const settings = {
  DAT_FANOUT_WORKERS: '1',
  DAT_MAX_DEVICES: '250000', // at most half of it for devices that nobody has seen yet
  DAT_MAX_SUBSCRIPTIONS: '200000',
  DAT_SUBSCRIBER_RATE: '0',
};
const transports = [{ transport: 'ws' }, ...(uwsLoads() ? [{ transport: 'uws' }] : [])];

describe.each(transports)('a subscriber of 100,000 devices, on $transport', ({ transport }) => {
  it('reconnects over 20 Mbit/s and is not closed as slow', async () => {
    const workers = transport === 'ws' ? { DAT_FANOUT_WORKERS: '0' } : {};
    const hub = new TestHub({ ...calm, ...settings, ...workers, DAT_TRANSPORT: transport });
    await hub.start();
    try {
      const first = await hub.subscriber({ id: 'operator' });
      const ids = Array.from({ length: SUBSCRIPTIONS }, (_, n) => `building-7.floor-3.meter-${n}`);
      for (let at = 0; at < ids.length; at += PER_FRAME)
        await first.subscribe(...ids.slice(at, at + PER_FRAME));
      await first.drop();
      await hub.rowBecomes(ids[0]!, 'operator', { reason: 'disconnected' });

      const link = await TcpProxy.start(hub.process.subscriberPort);
      onTestFinished(() => link.stop());
      link.throttle(BYTES_PER_SECOND);
      const again = await Subscriber.connect(link.port, '?id=operator');
      const welcome = await again.frames.next(({ op }) => op === 'welcome');
      const resumed: unknown[] = [...(welcome.resumed as unknown[])];
      for (let more = welcome.more === true; more; ) {
        const page = await again.frames.next(({ op }) => op === 'resumed');
        resumed.push(...(page.devices as unknown[]));
        more = page.more === true;
      }
      expect(resumed).toHaveLength(SUBSCRIPTIONS);
      expect(new Set(resumed).size).toBe(SUBSCRIPTIONS);
      const device = await hub.device(ids[SUBSCRIPTIONS - 1]!);
      const { seq } = await device.message('after all pages');
      await again.frames.next((frame) => frame.seq === seq);
      const metrics = await hub.metrics();
      for (const reason of ['queue', 'time', 'budget']) {
        expect(metrics.value('dat_slow_closes_total', { reason })).toBe(0);
      }
    } finally {
      await hub.end();
    }
  });
});
