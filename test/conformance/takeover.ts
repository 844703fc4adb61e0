/** A device that connects again while its older connection is open, wherever the hub holds either of them. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../support/peers.ts';
import { dataOf, type MatrixRow, numbersFrom, uniqueId, useHub } from './harness.ts';

interface Sent {
  readonly round: number;
  readonly n: number;
}

const isSent = (data: unknown): data is Sent => typeof data === 'object' && data !== null && 'round' in data;

const EVENTS = 50;
const ACKED = 5;
const ROUNDS = 6;
const BURST = 10;

export function takeover({ env }: MatrixRow): void {
  describe('a device that takes over its own connection', () => {
    const hub = useHub({ ...env, DAT_DEVICE_BURST: String(BURST) });

    it('has what it sent before come first, in order and without holes', async () => {
      const dev = uniqueId('dev');
      const witness = await hub.witness(dev);
      const connections: Device[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const device = await hub.openDevice(dev);
        connections.push(device);
        // Neither waits for its welcome nor for an ack, and connects anew at once.
        for (let n = 1; n <= EVENTS; n++) device.send({ type: 'message', data: { round, n } });
      }
      await connections.at(-1)?.message('the end');
      await witness.frames.next(({ data }) => data === 'the end');
      const came = dataOf(witness, dev).filter(isSent);
      expect(came.map(({ round }) => round)).toEqual(came.map(({ round }) => round).sort());
      for (let round = 0; round < ROUNDS; round++) {
        const numbers = came.filter((sent) => sent.round === round).map(({ n }) => n);
        // The network may hold the last of them until the newer connection is there; no other is missing.
        expect(numbers).toEqual(numbersFrom(1, numbers.length));
      }
      expect(came.filter(({ round }) => round === ROUNDS - 1)).toHaveLength(EVENTS);
      const older = await Promise.all(connections.slice(0, -1).map(({ closed }) => closed));
      expect(older.map(({ code }) => code)).toEqual(older.map(() => 4004));
    });

    it('loses no event that the hub had acknowledged', async () => {
      const dev = uniqueId('dev');
      const witness = await hub.witness(dev);
      for (let round = 0; round < ROUNDS; round++) {
        const device = await hub.openDevice(dev);
        for (let n = 1; n <= ACKED; n++) await device.message({ round, n });
      }
      const last = await hub.openDevice(dev);
      await last.message('the end');
      await witness.frames.next(({ data }) => data === 'the end');
      const came = dataOf(witness, dev).filter(isSent);
      expect(came).toHaveLength(ROUNDS * ACKED);
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
        // Two threads may hold its connections: the owner must have heard of this one's end before the next begins.
        await witness.frames.next(
          ({ data }) => (data as { readonly state?: string } | null)?.state === 'offline',
        );
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
