/** Several events in one frame, for subscribers that ask for it: `?batch=true`. */
import { describe, expect, it } from 'vitest';
import { UpgradeRefused } from '../support/peers.ts';
import { type MatrixRow, numbersFrom, uniqueId, useHub } from './harness.ts';

/** More than one write of the hub takes, fewer than any ring holds. */
const COUNT = 200;

export function batches({ env }: MatrixRow): void {
  describe('a subscriber that asks for batches', () => {
    const hub = useHub(env);

    it.each([
      ['in JSON', [], false],
      ['in binary', ['dat.v1.binary'], false],
      ['as a vip', [], true],
      ['in binary as a vip', ['dat.v1.binary'], true],
    ])('gets what anybody gets, in fewer frames (%s)', async (_how, protocols, vip) => {
      const [dev, other, sub] = [uniqueId('dev'), uniqueId('dev'), uniqueId('sub')];
      const [device, beside] = await Promise.all([hub.device(dev), hub.device(other)]);
      const batched = await hub.subscriber({ id: sub, protocols, batch: true });
      const single = await hub.subscriber({ protocols });
      for (const subscriber of [batched, single]) await subscriber.subscribe(dev, other);
      if (vip) await hub.setRow(dev, sub, { vip: true });
      for (const n of numbersFrom(1, COUNT)) {
        device.send({ type: 'message', data: { n, text: 'ü\n"' } });
        beside.sendBinary(Buffer.from([2, n & 0xff]));
      }
      await device.message('end');
      await beside.message('end');
      for (const subscriber of [batched, single]) {
        await subscriber.frames.take(2, ({ op, data }) => op === 'event' && data === 'end');
      }
      for (const id of [dev, other]) expect(batched.events(id)).toEqual(single.events(id));
      expect(batched.events(dev)).toHaveLength(COUNT + 1);
      const sizes = batched.batches.map(({ events }) => events.length);
      expect(sizes.length).toBeGreaterThan(0);
      expect(Math.min(...sizes), 'one alone is no batch').toBeGreaterThan(1);
      expect(single.batches).toEqual([]);
    });

    it('gets high before normal before low within a batch', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber({ devices: [dev], batch: true });
      await subscriber.subscribedByUrl();
      for (let n = 1; n <= COUNT; n++)
        device.send({ type: 'message', priority: n % 2 === 0 ? 'low' : 'high' });
      await device.publish({ type: 'message', priority: 'low', data: 'end' });
      await subscriber.frames.next(({ data }) => data === 'end');
      const events = subscriber.events(dev);
      for (const priority of ['low', 'high']) {
        const seqs = events.filter((event) => event.priority === priority).map(({ seq }) => seq);
        expect(seqs).toEqual([...seqs].sort((one, another) => one - another));
      }
      expect(events.map(({ seq }) => seq).sort((one, another) => one - another)).toEqual(
        numbersFrom(1, COUNT + 1),
      );
    });

    it('gets none of a device any more once it is denied', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber({ id: sub, devices: [dev], batch: true });
      await subscriber.subscribedByUrl();
      const witness = await hub.witness(dev);
      await device.message('before');
      await subscriber.event(dev);
      await hub.setRow(dev, sub, { status: 'deny' });
      const { seq: last } = await device.message('after');
      await witness.frames.next(({ seq }) => seq === last);
      await subscriber.ask('list'); // its answer comes behind whatever was sent before
      expect(subscriber.events(dev).map(({ data }) => data)).toEqual(['before']);
    });

    it('is told that a value is none', async () => {
      const asked = hub.subscriber({ batch: 'yes' as unknown as boolean });
      await expect(asked).rejects.toEqual(expect.objectContaining({ status: 400 }));
      await expect(asked).rejects.toBeInstanceOf(UpgradeRefused);
    });
  });
}
