/** Section 10: updates at a chosen pace. */
import { describe, expect, it } from 'vitest';
import { firstOf } from '../support/attempts.ts';
import type { Ack, Frame } from '../support/frames.ts';
import type { Device } from '../support/peers.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const EVERY_MS = 500;

export function pace({ env }: MatrixRow): void {
  describe('a subscriber at a pace', () => {
    const hub = useHub(env);
    const paced = async (more: object = {}) => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber({ every: EVERY_MS, ...more });
      await subscriber.subscribe(dev);
      const beside = await hub.witness(dev);
      const messages = () => subscriber.events(dev).filter(({ type }) => type === 'message');
      return { dev, device, subscriber, beside, messages };
    };
    /** At once, so that all of them come within one interval. */
    const sendAll = (device: Device, events: readonly object[]): Promise<Ack[]> =>
      Promise.all(events.map((event) => device.publish(event)));
    const messagesOf = (...all: readonly unknown[]) => all.map((data) => ({ type: 'message', data }));
    const heard = (
      subscriber: { frames: { next(is: (frame: Frame) => boolean): Promise<Frame> } },
      data: unknown,
    ) => subscriber.frames.next((frame) => frame.data === data);

    /**
     * Sends events at once and waits for the newest. Its turn is an interval after the first; where it came two intervals
     * after that, some thread had stood still with half of them, which had a turn of their own.
     */
    const sentAtOnce = <All extends object>(
      setUp: () => Promise<All>,
      send: (all: All) => Promise<unknown>,
    ): Promise<All> =>
      firstOf('the events had more than one turn', async () => {
        const all = await setUp();
        const since = performance.now();
        await send(all);
        return performance.now() - since < 2 * EVERY_MS ? all : undefined;
      });

    it('gets the first message at once, and then the newest, once per interval, with the number it replaced', async () => {
      const { subscriber, messages } = await sentAtOnce(paced, async ({ device, subscriber }) => {
        await sendAll(device, messagesOf('first', 1, 2, 3));
        await heard(subscriber, 3);
      });
      expect(messages().at(-1)).toMatchObject({ op: 'event', conflated: 2, priority: 'normal' });
      expect(messages().map(({ data }) => data)).toEqual(['first', 3]);
      expect(messages()[0]).not.toHaveProperty('conflated');
      expect(subscriber.frames.all.some(({ op }) => op === 'gap')).toBe(false);
    });

    it('gets a message that replaced none without a number', async () => {
      const { device, subscriber } = await paced();
      await sendAll(device, messagesOf('first', 'second'));
      expect(await heard(subscriber, 'second')).not.toHaveProperty('conflated');
    });

    it('gets what is urgent at once, which replaces the message that waited', async () => {
      const { device, subscriber, messages, alarm } = await firstOf('the interval was over', async () => {
        const all = await paced();
        const since = performance.now();
        await all.device.message('first');
        await all.device.message('waits');
        await all.device.publish({ type: 'status', status: 'charging', data: 'status' });
        await heard(all.subscriber, 'status');
        await all.device.publish({ type: 'message', priority: 'high', data: 'alarm' });
        const alarm = await heard(all.subscriber, 'alarm');
        return performance.now() - since < EVERY_MS ? { ...all, alarm } : undefined;
      });
      expect(alarm).toMatchObject({ conflated: 1 });
      expect(messages().map(({ data }) => data)).toEqual(['first', 'alarm']);
      await device.message('later');
      await heard(subscriber, 'later');
      expect(messages().map(({ data }) => data)).toEqual(['first', 'alarm', 'later']);
    });

    it('gets the events of a type in their order, whatever their priority', async () => {
      const { dev, device, subscriber } = await paced();
      const acks = await sendAll(device, [
        { type: 'message', priority: 'low', data: 1 },
        { type: 'message', priority: 'high', data: 2 },
        { type: 'status', priority: 'low', status: 'one' },
        { type: 'status', priority: 'high', status: 'two' },
        { type: 'pong', data: 1 },
        { type: 'pong', priority: 'high', data: 2 },
      ]);
      for (const ack of acks)
        await subscriber.frames.next(({ op, seq }) => op === 'event' && seq === ack.seq);
      for (const type of ['message', 'status', 'pong']) {
        const seqs = subscriber.events(dev).flatMap((event) => (event.type === type ? [event.seq!] : []));
        expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      }
    });

    it('has its messages and pongs conflated each for itself', async () => {
      const types = ['message', 'pong', 'message', 'pong', 'message', 'pong'];
      const { subscriber, dev } = await sentAtOnce(paced, async ({ device, subscriber }) => {
        const acks = await sendAll(
          device,
          types.map((type) => ({ type, data: type })),
        );
        for (const newest of acks.slice(-2)) await subscriber.frames.next(({ seq }) => seq === newest.seq);
      });
      const told = subscriber
        .events(dev)
        .filter(({ source }) => source === 'device')
        .map(({ type, conflated = 0 }) => [type, conflated]);
      expect(told.sort()).toEqual([
        ['message', 0],
        ['message', 1],
        ['pong', 0],
        ['pong', 1],
      ]);
    });

    it.each([
      ['in binary', { protocols: ['dat.v1.binary'] }],
      ['in batches', { batch: true }],
      ['in binary batches', { batch: true, protocols: ['dat.v1.binary'] }],
    ])('gets the newest %s', async (_how, more) => {
      const { dev, device, subscriber, beside } = await paced(more);
      await sendAll(device, messagesOf(1, 2, 3, 4));
      const { seq } = await marker(device, beside);
      await subscriber.frames.next((frame) => frame.seq === seq);
      const seqs = subscriber.events(dev).map((event) => event.seq!);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      expect(seqs.length).toBeLessThan(5);
    });

    it('gets the newest of the devices of a filter, of the types that it wants', async () => {
      const follower = async () => {
        const prefix = uniqueId('site');
        const device = await hub.device(`${prefix}.1`);
        const subscriber = await hub.subscriber({ every: EVERY_MS });
        await subscriber.ask('subscribe', [`${prefix}.*`], { types: ['message'] });
        await subscriber.filterPages(`${prefix}.*`);
        return { device, subscriber };
      };
      const { subscriber } = await sentAtOnce(follower, async ({ device, subscriber }) => {
        await sendAll(device, messagesOf(1, 2, 3));
        await device.publish({ type: 'status', status: 'charging' });
        await heard(subscriber, 3);
      });
      expect(subscriber.events().map(({ type }) => type)).toEqual(['message', 'message']);
      expect(subscriber.events().at(-1)).toMatchObject({ conflated: 1 });
    });

    it('gets nothing more after the answer when it unsubscribes, though a message waited', async () => {
      const { subscriber, messages } = await firstOf('the message had come before', async () => {
        const all = await paced();
        await sendAll(all.device, messagesOf('first', 'waits'));
        await heard(all.subscriber, 'first');
        await all.subscriber.ask('unsubscribe', [all.dev]);
        return all.messages().length === 1 ? all : undefined;
      });
      await new Promise((resolve) => setTimeout(resolve, 2 * EVERY_MS));
      await subscriber.ask('list');
      expect(messages().map(({ data }) => data)).toEqual(['first']);
    });

    it.each(['99', '60001', '1e3', '1.5', '', 'often'])('is refused with every=%s', async (every) => {
      await expect(hub.subscriber({ every })).rejects.toThrow(/400/);
    });
  });
}
