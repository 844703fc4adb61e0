/** Section 1, `DAT_PING_INTERVAL_MS`, and code 4201 of section 6. The 10 seconds are real ones. */
import { describe, expect, it } from 'vitest';
import { PONG_GRACE_MS } from '../../src/limits.ts';
import { whilePrompt } from '../support/attempts.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

export function liveness({ env }: MatrixRow): void {
  describe('the ping', () => {
    const hub = useHub({ ...env, DAT_PING_INTERVAL_MS: '200' });

    it('is told in the welcome', async () => {
      const device = await hub.openDevice(uniqueId('dev'));
      expect((await device.welcome()).pingIntervalMs).toBe(200);
      const subscriber = await hub.openSubscriber();
      expect((await subscriber.welcome()).pingIntervalMs).toBe(200);
    });

    it('without a sign of life closes a peer with 4201, and leaves those alone that answer', () =>
      whilePrompt(PONG_GRACE_MS / 2, async () => {
        const { device, subscriber } = await hub.pair();
        const silent = await hub.connectDevice(uniqueId('dev'), { autoPong: false });
        const deaf = await hub.subscriber({ autoPong: false });
        expect((await silent.closed).code).toBe(4201);
        expect((await deaf.closed).code).toBe(4201);
        await marker(device, subscriber);
      }));

    it('leaves a peer alone that answers no ping and sends frames', () =>
      whilePrompt(PONG_GRACE_MS / 2, async () => {
        const talker = await hub.connectDevice(uniqueId('dev'), { autoPong: false });
        const timer = setInterval(() => talker.send({ type: 'pong' }), 100);
        try {
          const silent = await hub.connectDevice(uniqueId('dev'), { autoPong: false });
          expect((await silent.closed).code).toBe(4201);
          expect(await talker.message('still here')).toMatchObject({ op: 'ack' });
        } finally {
          clearInterval(timer);
        }
      }));
  });
}
