/** Section 7: pages of answers and notices, and what a peer pays for. */
import { describe, expect, it } from 'vitest';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Subscriber } from '../support/peers.ts';
import { type MatrixRow, uniqueId, useHub } from './harness.ts';

const MANY = 2500;

export function pages({ env }: MatrixRow): void {
  describe('answers and notices about many devices', () => {
    const hub = useHub({ ...env, DAT_MAX_DEVICES: '40000' });
    const subscribeToMany = async (subscriber: Subscriber): Promise<string[]> => {
      const prefix = uniqueId('many');
      const ids = Array.from({ length: MANY }, (_, n) => `${prefix}-${n}`);
      for (let at = 0; at < MANY; at += 1000) await subscriber.subscribe(...ids.slice(at, at + 1000));
      return ids.sort();
    };
    const pagesOf = async (subscriber: Subscriber, op: string): Promise<string[][]> => {
      const all: string[][] = [];
      for (;;) {
        const page = await subscriber.frames.next((frame) => frame.op === op);
        const devices = page.devices as readonly (string | { readonly device: string })[];
        all.push(devices.map((item) => (typeof item === 'string' ? item : item.device)));
        if (page.more !== true) return all;
      }
    };

    it('come in pages of at most 1000, all but the last with more', async () => {
      const subscriber = await hub.subscriber();
      const ids = await subscribeToMany(subscriber);
      for (const op of ['list', 'pause', 'resume']) {
        subscriber.send({ op, id: op });
        const answered = { list: 'list', pause: 'paused', resume: 'subscribed' }[op]!;
        const listed = await pagesOf(subscriber, answered);
        expect(listed.flat().sort()).toEqual(ids);
        expect(listed.length).toBeGreaterThanOrEqual(3);
        for (const page of listed) expect(page.length).toBeLessThanOrEqual(1000);
      }
    });

    it('start a long resumed in the welcome and go on in frames of their own', async () => {
      const sub = uniqueId('sub');
      const first = await hub.subscriber({ id: sub });
      const ids = await subscribeToMany(first);
      await first.drop();
      await hub.rowBecomes(ids[0]!, sub, { reason: 'disconnected' });
      const again = await hub.openSubscriber({ id: sub });
      const { resumed, more } = await again.welcome();
      expect((resumed as string[]).length).toBeLessThanOrEqual(1000);
      expect(more).toBe(true);
      const rest = await pagesOf(again, 'resumed');
      expect([...(resumed as string[]), ...rest.flat()].sort()).toEqual(ids);
      const last = again.frames.all.filter(({ op }) => op === 'resumed').at(-1);
      expect(last).toMatchObject({ more: false });
    });
  });

  describe('what a subscriber asks', () => {
    const hub = useHub({ ...env, DAT_SUBSCRIBER_RATE: '50', DAT_SUBSCRIBER_BURST: '50' });

    it('costs by ids, and is refused with when to ask again', async () => {
      const subscriber = await hub.subscriber();
      const ids = Array.from({ length: 1000 }, (_, n) => `costly-${n}`);
      const refused = await eventually('it has asked for too much', async () => {
        const answers = await Promise.all([1, 2, 3, 4].map(() => subscriber.ask('subscribe', ids)));
        const errors = answers.filter(({ op }) => op === 'error');
        return errors.length > 0 && errors; // four of them cost more than the bucket gets in three seconds
      });
      for (const answer of refused) {
        expect(answer).toMatchObject({ code: 111, retryAfterMs: expect.any(Number) });
        expect(answer.retryAfterMs).toBeGreaterThan(0);
      }
    });
  });

  describe('the allowance of a subscriber', () => {
    const hub = useHub({ ...env, DAT_SUBSCRIBER_RATE: '2', DAT_SUBSCRIBER_BURST: '50' });
    const REFILL_MS = 20_000;

    it('belongs to the id: a reconnect does not refill it', async () => {
      const answers = await firstOf('it had got as much meanwhile', async () => {
        const id = uniqueId('sub');
        const since = performance.now();
        const first = await hub.subscriber({ id });
        for (let n = 0; n < 60; n++) first.send({ op: 'touch' });
        await first.error();
        await first.close(1000);
        const again = await hub.subscriber({ id });
        const ops: string[] = [];
        // One after the other: too many that wait would be refused, too.
        while (ops.length < 45) ops.push((await again.ask('list')).op);
        return performance.now() - since < REFILL_MS ? ops : undefined;
      });
      expect(answers).toContain('error');
    });
  });

  describe('a peer far above its rate', () => {
    const hub = useHub({ ...env, DAT_DEVICE_RATE: '10', DAT_DEVICE_BURST: '10' });

    it('is closed with 4101, whatever its frames are', async () => {
      for (const frame of ['{"type":"pong"}', 'nonsense']) {
        const device = await hub.device();
        const timer = setInterval(() => {
          for (let n = 0; n < 50; n++) device.sendText(frame);
        }, 20);
        const { code } = await device.closed.finally(() => clearInterval(timer));
        expect(code).toBe(4101);
      }
      await eventually('the hub counts them', async () => {
        const closes = (await hub.metrics()).value('dat_disconnects_total', { role: 'device', code: '4101' });
        return closes === 2;
      });
    });
  });
}
