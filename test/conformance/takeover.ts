/** A device that connects again while its older connection is open, wherever the hub holds either of them. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../support/peers.ts';
import { dataOf, type MatrixRow, numbersFrom, uniqueId, useHub } from './harness.ts';

const EVENTS = 50;
const ROUNDS = 6;
const BURST = 10;

export function takeover({ env }: MatrixRow): void {
  describe('a device that takes over its own connection', () => {
    const hub = useHub({ ...env, DAT_DEVICE_BURST: String(BURST) });

    it('loses no event that it sent before, and its events keep their order', async () => {
      const dev = uniqueId('dev');
      const witness = await hub.witness(dev);
      const connections: Device[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const device = await hub.openDevice(dev);
        connections.push(device);
        // Neither waits for its welcome nor for an ack, and connects anew at once.
        for (let n = 1; n <= EVENTS; n++) device.send({ type: 'message', data: round * EVENTS + n });
      }
      await connections.at(-1)?.message('the end');
      await witness.frames.next(({ data }) => data === 'the end');
      expect(dataOf(witness, dev).filter((data) => typeof data === 'number')).toEqual(
        numbersFrom(1, ROUNDS * EVENTS),
      );
      const older = await Promise.all(connections.slice(0, -1).map(({ closed }) => closed));
      expect(older.map(({ code }) => code)).toEqual(older.map(() => 4004));
    });

    it('is told of as online once, and as offline never', async () => {
      const dev = uniqueId('dev');
      const witness = await hub.witness(dev);
      let newest = await hub.device(dev);
      for (let round = 0; round < ROUNDS; round++) newest = await hub.connectDevice(dev);
      await newest.message('the end');
      await witness.frames.next(({ data }) => data === 'the end');
      const states = witness.events(dev).filter(({ source }) => source === 'hub');
      expect(states.map(({ data }) => data)).toEqual([{ state: 'online', reason: 'connected' }]);
    });

    it('was offline in between when it had said goodbye', async () => {
      const dev = uniqueId('dev');
      const witness = await hub.witness(dev);
      for (let round = 0; round < 3; round++) {
        const device = await hub.device(dev);
        await device.close(1000);
      }
      await (await hub.device(dev)).message('the end');
      await witness.frames.next(({ data }) => data === 'the end');
      const states = witness.events(dev).filter(({ source }) => source === 'hub');
      expect(states.map(({ data }) => (data as { readonly state: string }).state)).toEqual([
        ...Array.from({ length: 3 }, () => ['online', 'offline']).flat(),
        'online',
      ]);
    });
  });

  describe('the allowance of a device that takes over its own connection', () => {
    const hub = useHub({ ...env, DAT_DEVICE_RATE: '1', DAT_DEVICE_BURST: String(BURST) });

    it('is that of the one before', async () => {
      const dev = uniqueId('dev');
      const startedAt = performance.now();
      const accepted: boolean[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const device = await hub.connectDevice(dev);
        const answers = numbersFrom(1, BURST).map((n) => device.message(n));
        for (const { status } of await Promise.allSettled(answers)) accepted.push(status === 'fulfilled');
      }
      const seconds = (performance.now() - startedAt) / 1000;
      expect(accepted.slice(0, BURST)).toEqual(numbersFrom(1, BURST).map(() => true));
      expect(accepted.filter(Boolean).length).toBeLessThanOrEqual(BURST + Math.ceil(seconds));
    });
  });
}
