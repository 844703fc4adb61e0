/** `GET /v1/live`: what a hub that runs tells of itself as it happens. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openLiveStream } from '../support/live-stream.ts';
import { type MatrixRow, numbersFrom, uniqueId, useHub } from './harness.ts';

const LARGE = 'x'.repeat(50_000);

export function live({ env }: MatrixRow): void {
  describe('the live stream', () => {
    const hub = useHub({ ...env, DAT_SEND_QUEUE_MAX_BYTES: '268435456', DAT_SEND_QUEUES_TOTAL_BYTES: '0' });

    it('shows the events of a device that nobody follows, and follows nothing itself', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const stream = await openLiveStream(hub.process.adminPort, `?device=${dev}&watch=${dev}`);
      const shown = () => stream.of('events').flatMap((sent) => sent.events);
      await eventually('the thread that has the device shows its events', async () => {
        await device.message('shown?');
        return shown().length > 0;
      });
      device.send({ type: 'message', data: { n: 1 } });
      device.sendBinary(Buffer.from([1, 7]));
      const ack = await device.publish({ type: 'message', data: 'last' });
      expect(ack.skipped).toBe(true);
      const events = await eventually('three more events', () => {
        const all = shown().filter(({ json }) => json !== '"shown?"');
        return all.length >= 3 && all;
      });
      expect(events).toMatchObject([
        { type: 'message', priority: 'normal', json: '{"n":1}' },
        { type: 'pong', priority: 'low', base64: 'Bw==' },
        { type: 'message', json: '"last"' },
      ]);
      expect(await hub.deviceEntry(dev)).toMatchObject({ subscribers: { active: 0 } });
      expect(await hub.rows(dev)).toEqual([]);
      expect(stream.of('devices')[0]).toMatchObject({ devices: [{ device: dev, state: 'online' }] });
    });

    it('tells the rates of what flows, and the latency', async () => {
      const { device, subscriber, dev } = await hub.pair();
      const stream = await openLiveStream(hub.process.adminPort);
      const figures = await eventually('figures with a latency', async () => {
        await device.publish({ type: 'message', data: 1 });
        const last = stream.of('figures').at(-1);
        // What came in at the end of one second may go out at the start of the next.
        const flows = last?.rates?.deliveries > 0 && last.rates.received.message > 0;
        return flows && last.latency.p50Seconds > 0 && last;
      });
      await subscriber.event(dev);
      expect(figures.connections.device).toBeGreaterThan(0);
      expect(figures.threads.map(({ thread }: { thread: string }) => thread)).toEqual(
        expect.arrayContaining(['main', 'owner']),
      );
    });

    it('names a subscriber that lags, and does so no more once it has caught up', async () => {
      const { device, subscriber, sub } = await hub.pair();
      const stream = await openLiveStream(hub.process.adminPort);
      const slow = (): { subscriber: string; queuedBytes: number }[] =>
        stream.of('figures').at(-1)?.slow ?? [];
      subscriber.stopReading();
      const named = await eventually('the slow subscriber is named', async () => {
        await Promise.all(numbersFrom(1, 4).map(() => device.publish({ type: 'message', data: LARGE })));
        return slow().find((each) => each.subscriber === sub);
      });
      expect(named.queuedBytes).toBeGreaterThan(0);
      subscriber.readAgain();
      await eventually('nobody is slow', () => slow().length === 0);
    });

    it('counts disconnects by their code', async () => {
      const stream = await openLiveStream(hub.process.adminPort);
      const { subscriber, sub } = await hub.pair();
      await hub.admin('DELETE', `/v1/subscribers/${sub}`);
      await subscriber.closed;
      await eventually(
        'the kick is counted',
        () => stream.of('figures').at(-1)?.disconnects.subscriber['4005'] >= 1,
      );
    });
  });
}
