/** Section 11: devices that know whether anybody listens. */
import { describe, expect, it } from 'vitest';
import { firstOf } from '../support/attempts.ts';
import { type MatrixRow, uniqueId, useHub } from './harness.ts';

const LINGER_MS = 700;

export function interest({ env }: MatrixRow): void {
  describe('interest', () => {
    const hub = useHub({ ...env, DAT_INTEREST_LINGER_MS: String(LINGER_MS) });
    const connect = async (id: string) => {
      const device = await hub.connectDevice(id, { query: '&interest=true' });
      const next = () => device.frames.next(({ op }) => op === 'interest');
      return { device, next };
    };

    it('is told after the welcome, and at once when the first listener comes', async () => {
      const dev = uniqueId('dev');
      const { device, next } = await connect(dev);
      expect(await next()).toEqual({ op: 'interest', active: false });
      expect(device.frames.all.map(({ op }) => op)).toEqual(['welcome', 'interest']);
      await (await hub.subscriber()).subscribe(dev);
      expect(await next()).toEqual({ op: 'interest', active: true });
      await (await hub.subscriber()).subscribe(dev);
      await device.message('for two');
      expect(device.frames.all.filter(({ op }) => op === 'interest')).toHaveLength(2);
    });

    it('is true in the first frame when somebody listens already, also by a filter', async () => {
      const prefix = uniqueId('site');
      await (await hub.subscriber()).ask('subscribe', [`${prefix}*`]);
      const { next } = await connect(`${prefix}.meter`);
      await expect(next()).resolves.toEqual({ op: 'interest', active: true });
    });

    it('is false after the linger time without a listener, and not when one comes back before', async () => {
      const { dev, device, next, subscriber } = await firstOf(
        'it was back after the linger time',
        async () => {
          const dev = uniqueId('dev');
          const subscriber = await hub.subscriber();
          await subscriber.subscribe(dev);
          const { device, next } = await connect(dev);
          expect(await next()).toMatchObject({ active: true });
          const since = performance.now();
          await subscriber.ask('pause', [dev]);
          await subscriber.ask('resume', [dev]);
          return performance.now() - since < LINGER_MS ? { dev, device, next, subscriber } : undefined;
        },
      );
      const pausedAt = performance.now();
      await subscriber.ask('pause', [dev]);
      expect(await next()).toEqual({ op: 'interest', active: false });
      expect(performance.now() - pausedAt).toBeGreaterThanOrEqual(LINGER_MS - 5);
      await subscriber.ask('resume', [dev]);
      expect(await next()).toEqual({ op: 'interest', active: true });
      await device.message('heard');
      expect(device.frames.all.filter(({ op }) => op === 'interest')).toHaveLength(3);
    });

    it('is not told to a device that does not ask', async () => {
      const { device, subscriber, dev } = await hub.pair();
      await subscriber.ask('unsubscribe', [dev]);
      await device.message('to nobody');
      expect(device.frames.all.some(({ op }) => op === 'interest')).toBe(false);
    });

    it('refuses what is neither true nor false', async () => {
      await expect(hub.connectDevice(uniqueId('dev'), { query: '&interest=maybe' })).rejects.toThrow(/400/);
    });
  });
}
