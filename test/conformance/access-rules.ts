/** Access rules by pattern: `/v1/access/rules`, and what they do to subscribers. */
import { afterEach, describe, expect, it } from 'vitest';
import type { AdminAnswer } from '../support/admin.ts';
import { dataOf, type MatrixRow, marker, type TestHub, uniqueId, useHub } from './harness.ts';

interface Rule {
  readonly device: string;
  readonly subscriber: string;
  readonly access: 'allow' | 'deny';
}

function setRules(hub: TestHub, rules: readonly Rule[], query = ''): Promise<AdminAnswer> {
  return hub.admin('PUT', `/v1/access/rules${query}`, { rules });
}

/** Ids of a test's own: its rules touch nobody else's. */
function family(): { dev: (n: number) => string; sub: string; devices: string } {
  const name = uniqueId('family');
  return { dev: (n) => `${name}.dev-${n}`, sub: `${name}.sub`, devices: `${name}.dev-*` };
}

export function accessRules({ env }: MatrixRow): void {
  describe('access rules', () => {
    const hub = useHub(env);
    afterEach(async () => {
      await setRules(hub, []);
    });

    it('are none at first, and those that were put', async () => {
      expect((await hub.admin('GET', '/v1/access/rules')).body).toEqual({ rules: [] });
      const rules: Rule[] = [
        { device: 'nobody-*', subscriber: '*', access: 'deny' },
        { device: '*', subscriber: 'nobody', access: 'allow' },
      ];
      expect(await setRules(hub, rules)).toMatchObject({ status: 200, body: { rules, removed: 0 } });
      expect((await hub.admin('GET', '/v1/access/rules')).body).toEqual({ rules });
    });

    it('answer a subscribe with error 103 where the first that matches denies', async () => {
      const { dev, sub, devices } = family();
      await setRules(hub, [
        { device: dev(1), subscriber: sub, access: 'allow' },
        { device: devices, subscriber: '*', access: 'deny' },
      ]);
      const subscriber = await hub.subscriber({ id: sub, devices: [dev(1), dev(2)] });
      expect(await subscriber.subscribedByUrl()).toMatchObject({
        devices: [{ device: dev(1), status: 'active' }],
        errors: [{ device: dev(2), code: 103, message: expect.any(String) }],
      });
      const stranger = await hub.subscriber();
      expect((await stranger.subscribe(dev(1))).errors).toMatchObject([{ device: dev(1), code: 103 }]);
      expect(await hub.rows(dev(2))).toEqual([]);
    });

    it('stop delivery at once: what is received after the answer is not delivered', async () => {
      const { dev, sub, devices } = family();
      const device = await hub.device(dev(1));
      const { dev: other, device: otherDevice } = await hub.pair();
      const subscriber = await hub.subscriber({ id: sub });
      await subscriber.subscribe(dev(1), other);
      const second = await hub.witness(dev(1));
      let sent = 0;
      const busy = setInterval(() => {
        for (let n = 0; n < 5; n++) device.send({ type: 'message', data: ++sent });
      }, 1);
      let answer: AdminAnswer;
      try {
        await subscriber.event(dev(1));
        answer = await setRules(hub, [{ device: devices, subscriber: sub, access: 'deny' }]);
      } finally {
        clearInterval(busy);
      }
      expect(answer).toMatchObject({ status: 200, body: { removed: 1 } });
      const answeredAfter = sent;
      for (let n = 1; n <= 50; n++) device.send({ type: 'message', data: answeredAfter + n });
      await device.message('the last one');
      await marker(otherDevice, subscriber);
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        op: 'removed',
        devices: [dev(1)],
        code: 103,
        reason: expect.any(String),
      });
      expect(Math.max(...(dataOf(subscriber, dev(1)) as number[]))).toBeLessThanOrEqual(answeredAfter);
      const removedAt = subscriber.frames.all.findIndex(({ op }) => op === 'removed');
      const late = subscriber.frames.all.slice(removedAt).filter((frame) => frame.device === dev(1));
      expect(late).toEqual([]);
      expect(await subscriber.list()).toEqual({ [other]: 'active' });
      await marker(device, second);
    });

    it('remove inactive subscriptions too, and nobody gets them back by a reconnect', async () => {
      const { dev, sub, devices } = family();
      const [device, kept] = [await hub.device(dev(1)), uniqueId('dev')];
      await hub.witness(dev(1));
      const subscriber = await hub.subscriber({ id: sub });
      await subscriber.subscribe(dev(1), dev(2), kept);
      await subscriber.ask('pause', [dev(2)]);
      await subscriber.drop();
      await hub.rowBecomes(kept, sub, { status: 'inactive', reason: 'disconnected' });
      const rules: Rule[] = [{ device: devices, subscriber: sub, access: 'deny' }];
      expect((await setRules(hub, rules)).body).toMatchObject({ removed: 2 });
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([kept]);
      await device.message('not for you');
      expect((await again.resume()).devices).toMatchObject([{ device: kept }]);
      expect(await again.list()).toEqual({ [kept]: 'active' });
      expect(again.events(dev(1))).toEqual([]);
    });

    it('count in a dry run what they would remove, and change nothing', async () => {
      const { dev, sub, devices } = family();
      const device = await hub.device(dev(1));
      const subscriber = await hub.subscriber({ id: sub });
      await subscriber.subscribe(dev(1), dev(2));
      const rules: Rule[] = [{ device: devices, subscriber: '*', access: 'deny' }];
      expect(await setRules(hub, rules, '?dryRun=true')).toMatchObject({
        status: 200,
        body: { rules, removed: 2, dryRun: true },
      });
      expect((await hub.admin('GET', '/v1/access/rules')).body).toEqual({ rules: [] });
      await marker(device, subscriber);
      expect(await subscriber.list()).toEqual({ [dev(1)]: 'active', [dev(2)]: 'active' });
      expect((await subscriber.subscribe(dev(3))).errors).toEqual([]);
    });

    it('come after what an operator set on the pair', async () => {
      const { dev, sub, devices } = family();
      const device = await hub.device(dev(1));
      const subscriber = await hub.subscriber({ id: sub });
      await subscriber.subscribe(dev(1));
      await hub.setRow(dev(1), sub, { status: 'allow' });
      await hub.setRow(dev(2), sub, { status: 'deny' });
      const deny: Rule[] = [{ device: devices, subscriber: '*', access: 'deny' }];
      expect((await setRules(hub, deny)).body).toMatchObject({ removed: 0 });
      await marker(device, subscriber);
      await setRules(hub, [{ device: devices, subscriber: '*', access: 'allow' }]);
      expect((await subscriber.subscribe(dev(2))).errors).toMatchObject([{ code: 103 }]);
    });

    it('are refused with 400 when there are too many or one is none, and those before stay', async () => {
      const rule: Rule = { device: 'nobody', subscriber: '*', access: 'deny' };
      await setRules(hub, [rule]);
      for (const rules of [
        Array.from({ length: 257 }, () => rule),
        [{ ...rule, device: 'a*b' }],
        [{ ...rule, subscriber: '' }],
        [{ ...rule, access: 'maybe' }],
        [{ device: '*', access: 'deny' }],
      ]) {
        const { status, body } = await setRules(hub, rules as Rule[]);
        expect(status).toBe(400);
        expect(body).toMatchObject({ error: { code: 'bad_request', message: expect.any(String) } });
      }
      expect((await hub.admin('GET', '/v1/access/rules')).body).toEqual({ rules: [rule] });
    });

    it('are taken 256 at a time', async () => {
      const rules = Array.from(
        { length: 256 },
        (_, n): Rule => ({ device: `nobody-${n}`, subscriber: '*', access: 'deny' }),
      );
      expect((await setRules(hub, rules)).status).toBe(200);
    });
  });

  describe('access rules where DAT_DEFAULT_ACCESS is deny', () => {
    const hub = useHub({ ...env, DAT_DEFAULT_ACCESS: 'deny' });

    it('let pairs in without a row, again and again, until they go', async () => {
      const { dev, sub, devices } = family();
      const device = await hub.device(dev(1));
      const subscriber = await hub.subscriber({ id: sub });
      expect((await subscriber.subscribe(dev(1))).errors).toMatchObject([{ code: 103 }]);
      await setRules(hub, [{ device: devices, subscriber: sub, access: 'allow' }]);
      for (let round = 0; round < 2; round++) {
        expect((await subscriber.subscribe(dev(1))).errors).toEqual([]);
        await marker(device, subscriber);
        await subscriber.ask('unsubscribe', [dev(1)]);
        expect(await hub.rows(dev(1))).toEqual([]);
      }
      await subscriber.subscribe(dev(1));
      expect((await setRules(hub, [])).body).toEqual({ rules: [], removed: 1 });
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        devices: [dev(1)],
        code: 103,
      });
      expect((await subscriber.subscribe(dev(1))).errors).toMatchObject([{ code: 103 }]);
    });
  });
}
