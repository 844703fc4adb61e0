/** Section 5, lagging: what a subscriber gets that does not keep up, and that nobody else notices. */
import { describe, expect, it } from 'vitest';
import { CLOSE_HANDSHAKE_MS } from '../../src/limits.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { type MatrixRow, numbersFrom, type TestHub, uniqueId, useHub } from './harness.ts';

/** Large, because the kernel takes several megabytes before anything waits in the hub. */
const LARGE = 'x'.repeat(50_000);
/** The kernel may give a connection larger buffers later on, and take what made it lag: so much more is queued. */
const DEEPENING_STEPS = 6;
/** Events sent between two looks at the metrics; acknowledged, so that no ring is ever full. */
const STEP_EVENTS = 8;
/** 40 MB: more than any kernel takes by itself. */
const STEPS_MAX = 100;
/** Who reads nothing answers no pings, for as long as this host takes to fill its queue. */
const patient = { DAT_PING_INTERVAL_MS: '300000' };

type Priority = 'low' | 'normal' | 'high';

/** @param beside a subscriber of this device that keeps up: waited for, so that what the hub sends is never more than its rings hold */
async function publishLarge(device: Device, priority: Priority, beside: Subscriber): Promise<void> {
  const event = { type: 'message', priority, data: LARGE };
  const acks = await Promise.all(numbersFrom(1, STEP_EVENTS).map(() => device.publish(event)));
  const last = Math.max(...acks.map(({ seq }) => seq));
  await beside.frames.next(({ seq }) => seq === last);
}

/** The subscriber reads nothing, and the device publishes until that shows. @returns when that was not so yet */
async function stall(
  hub: TestHub,
  device: Device,
  slow: Subscriber,
  beside: Subscriber,
  shows: { readonly metric: string; readonly labels?: Readonly<Record<string, string>> },
  priority: Priority = 'normal',
): Promise<number> {
  const shown = async () => (await hub.metrics()).value(shows.metric, shows.labels);
  const before = await shown();
  slow.stopReading();
  for (let step = 0; step < STEPS_MAX; step++) {
    const since = performance.now();
    await publishLarge(device, priority, beside);
    if ((await shown()) > before) return since;
  }
  throw new Error(`${shows.metric} did not grow`);
}

const lagShows = { metric: 'dat_lagging_subscribers' };

async function lag(hub: TestHub, device: Device, slow: Subscriber, beside: Subscriber): Promise<void> {
  await stall(hub, device, slow, beside, lagShows);
  for (let step = 0; step < DEEPENING_STEPS; step++) await publishLarge(device, 'high', beside);
}

async function recover(hub: TestHub, slow: Subscriber): Promise<void> {
  slow.readAgain();
  await eventually('nobody lags', async () => (await hub.metrics()).value(lagShows.metric) === 0);
}

/** Seqs in the order of coming, and the seqs that gaps told of. */
function accountOf(frames: readonly Frame[], device: string) {
  const ofDevice = frames.filter((frame) => frame.device === device);
  const events = ofDevice.filter(({ op }) => op === 'event');
  const gaps = ofDevice.filter(({ op }) => op === 'gap');
  const missed = gaps.flatMap(({ from = 0, to = 0 }) => numbersFrom(from, to - from + 1));
  return { events, gaps, missed, seqs: events.map(({ seq = 0 }) => seq) };
}

/** Each event came once or is in one gap, and those of one priority came in order. */
function expectAccount(frames: readonly Frame[], device: string, first: number, last: number): void {
  const { events, missed, seqs } = accountOf(frames, device);
  expect([...seqs, ...missed].sort((one, other) => one - other)).toEqual(
    numbersFrom(first, last - first + 1),
  );
  for (const priority of ['low', 'normal', 'high']) {
    const ofOne = events.filter((event) => event.priority === priority).map(({ seq = 0 }) => seq);
    expect(ofOne, priority).toEqual([...ofOne].sort((one, other) => one - other));
  }
}

export function lagging({ env }: MatrixRow): void {
  describe('a subscriber that does not keep up', () => {
    const hub = useHub({
      ...env,
      ...patient,
      DAT_SEND_QUEUE_MAX_BYTES: '268435456',
      DAT_SEND_QUEUES_TOTAL_BYTES: '0',
    });

    it.each([
      ['in JSON', { protocols: ['dat.v1.json'] }, false],
      ['in binary', { protocols: ['dat.v1.binary'] }, false],
      ['as a vip', {}, true],
      ['in batches', { batch: true }, false],
      ['in binary batches, as a vip', { batch: true, protocols: ['dat.v1.binary'] }, true],
    ])(
      'gets the high events, then a gap and the newest missed event, and is back (%s)',
      async (_how, options, vip) => {
        const attempt = async () => {
          const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
          const device = await hub.device(dev);
          const slow = await hub.subscriber({ id: sub, ...options });
          await slow.subscribe(dev);
          if (vip) await hub.setRow(dev, sub, { vip: true });
          const beside = await hub.witness(dev);
          const before = await hub.metrics();
          await lag(hub, device, slow, beside);
          const high: number[] = [];
          const others: number[] = [];
          for (const priority of ['normal', 'high', 'low', 'high', 'high', 'low', 'normal', 'normal']) {
            const { seq } = await device.publish({ type: 'message', priority, data: priority });
            (priority === 'high' ? high : others).push(seq);
          }
          // The kernel may have taken the queue after all, however deep it was: then this attempt shows nothing.
          const isLagging = (await hub.metrics()).value(lagShows.metric) === 1;
          await recover(hub, slow);
          const { seq: last } = await device.message('live again');
          await slow.frames.next(({ seq }) => seq === last);
          await beside.frames.next(({ seq }) => seq === last);
          const newest = others.pop()!;
          const wasInTime = slow.events(dev).some(({ seq }) => others.includes(seq));
          return isLagging && !wasInTime ? { dev, slow, beside, before, high, newest, last } : undefined;
        };
        const { dev, slow, beside, before, high, newest, last } = await firstOf(
          'the kernel took the whole queue',
          attempt,
        );

        expectAccount(slow.frames.all, dev, 1, last);
        const { gaps, seqs, missed } = accountOf(slow.frames.all, dev);
        expect(gaps.length).toBeGreaterThan(0);
        expect(new Set(gaps.map(({ reason }) => reason))).toEqual(new Set(['slow']));
        expect(seqs.slice(-5)).toEqual([...high, newest, last]);
        // A subscriber that was slow before, for a moment, had a gap of its own then.
        expect(slow.frames.all.filter((frame) => frame.device === dev).at(-3)).toEqual(gaps.at(-1));

        expectAccount(beside.frames.all, dev, 1, last);
        expect(accountOf(beside.frames.all, dev).gaps).toEqual([]);
        await eventually('the books agree', async () => {
          const now = await hub.metrics();
          const grown = (name: string, labels = {}) => now.value(name, labels) - before.value(name, labels);
          const dropped = grown('dat_deliveries_dropped_total', { reason: 'lagging' });
          return dropped === missed.length && grown('dat_deliveries_total') + dropped === 2 * last;
        });
      },
    );

    it('gets its answers and notices while it lags, and they stay where they belong', async () => {
      const { dev, sub, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      await lag(hub, device, slow, beside);
      const listed = slow.ask('list');
      const paused = slow.ask('pause', [dev]);
      await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'paused' });
      await recover(hub, slow);
      expect(await listed).toMatchObject({ devices: [{ device: dev, status: 'active' }] });
      expect((await paused).op).toBe('paused');
      expect(slow.frames.all.at(-1)?.op).toBe('paused');
    });

    it('gets nothing of what it missed once it has unsubscribed', async () => {
      const { dev, sub, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      await lag(hub, device, slow, beside);
      const left = slow.ask('unsubscribe', [dev]);
      await eventually('the row is gone', async () => (await hub.row(dev, sub)) === undefined);
      await device.publish({ type: 'message', priority: 'high' });
      await recover(hub, slow);
      expect((await left).op).toBe('unsubscribed');
      const { devices } = await slow.subscribe(dev);
      const { seq } = await device.message('again');
      await slow.frames.next((frame) => frame.seq === seq);
      expect(devices[0]?.seq).toBe(seq - 1);
      const ops = slow.frames.all.slice(-3).map(({ op }) => op);
      expect(ops).toEqual(['unsubscribed', 'subscribed', 'event']);
    });

    it('gets nothing of what it missed once it was denied', async () => {
      const { dev, sub, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      await lag(hub, device, slow, beside);
      await hub.setRow(dev, sub, { status: 'deny' });
      await device.publish({ type: 'message', priority: 'high' });
      await recover(hub, slow);
      await slow.ask('list');
      expect(slow.frames.all.slice(-2)).toMatchObject([
        { op: 'removed', devices: [dev], code: 103 },
        { op: 'list' },
      ]);
    });

    it('gets of a device that it subscribes to meanwhile every event from the snapshot on, or its gap', async () => {
      const { dev, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      const other = uniqueId('dev');
      const second = await hub.device(other);
      const witness = await hub.witness(other);
      await lag(hub, device, slow, beside);
      await second.message('before');
      const subscribed = slow.subscribe(other);
      await eventually('the row is there', async () => (await hub.rows(other)).length === 2);
      for (const priority of ['normal', 'high', 'normal', 'low'])
        await second.publish({ type: 'message', priority });
      await recover(hub, slow);
      const first = (await subscribed).devices[0]?.seq ?? Number.NaN;
      const { seq: last } = await second.message('after');
      await slow.frames.next((frame) => frame.device === other && frame.seq === last);
      await witness.frames.next(({ seq }) => seq === last);
      expect(last - first).toBe(5);
      expectAccount(slow.frames.all, other, first + 1, last);
      // The kernel may have taken more meanwhile, so that it lagged no longer; what is high always comes.
      expect(accountOf(slow.frames.all, other).seqs).toEqual(expect.arrayContaining([first + 2, last]));
    });

    it('may lag several times on one connection', async () => {
      const { dev, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      for (let turn = 0; turn < 3; turn++) {
        await lag(hub, device, slow, beside);
        await publishLarge(device, 'low', beside);
        await recover(hub, slow);
        const { seq } = await device.message('between');
        await slow.frames.next((frame) => frame.seq === seq);
        expectAccount(slow.frames.all, dev, 1, seq);
      }
    });
  });

  describe('a subscriber whose queue passes the hard limit', () => {
    const hub = useHub({
      ...env,
      ...patient,
      DAT_SEND_QUEUE_BYTES: '262144',
      DAT_SEND_QUEUE_MAX_BYTES: '1048576',
    });

    it('is closed with 4108 after what it had, without a hole, and others have all of it', async () => {
      const closes = { metric: 'dat_slow_closes_total', labels: { reason: 'queue' } };
      const closed = { code: '4108', role: 'subscriber' };
      const disconnects = async () => (await hub.metrics()).value('dat_disconnects_total', closed);
      const { dev, device, slow, beside, code, before } = await firstOf(
        'it was not read within the time for the close frame',
        async () => {
          const { dev, device, subscriber: slow } = await hub.pair();
          const beside = await hub.witness(dev);
          const before = await disconnects();
          const since = await stall(hub, device, slow, beside, closes, 'high');
          slow.readAgain();
          const { code } = await slow.closed;
          const isInTime = performance.now() - since < CLOSE_HANDSHAKE_MS;
          return code === 4108 || isInTime ? { dev, device, slow, beside, code, before } : undefined;
        },
      );
      expect(code).toBe(4108);
      const { seqs, gaps } = accountOf(slow.frames.all, dev);
      expect(seqs).toEqual(numbersFrom(1, seqs.length));
      expect(gaps).toEqual([]);
      const { seq: last } = await device.message('the end');
      await beside.frames.next(({ seq }) => seq === last);
      expect(beside.events(dev).map(({ seq }) => seq)).toEqual(numbersFrom(1, last));
      await eventually('it is counted, once', async () => (await disconnects()) === before + 1);
    });

    it('is closed though it never reads, and may come back', async () => {
      const { dev, sub, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      const closes = { metric: 'dat_slow_closes_total', labels: { reason: 'queue' } };
      await stall(hub, device, slow, beside, closes, 'high');
      await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'disconnected', connected: false });
      const back = await hub.openSubscriber({ id: sub });
      expect((await back.welcome()).resumed).toEqual([dev]);
      const { seq } = await device.message('hello');
      expect((await back.event(dev)).seq).toBe(seq);
    });
  });

  describe('the budget of all send queues', () => {
    const hub = useHub({
      ...env,
      ...patient,
      DAT_SEND_QUEUE_BYTES: '67108864',
      DAT_SEND_QUEUE_MAX_BYTES: '67108864',
      DAT_SEND_QUEUES_TOTAL_BYTES: '2097152',
    });

    it('closes who holds most with 4108, and nobody else', async () => {
      const { dev, device, subscriber: slow } = await hub.pair();
      const beside = await hub.witness(dev);
      const closes = { metric: 'dat_slow_closes_total', labels: { reason: 'budget' } };
      await stall(hub, device, slow, beside, closes);
      slow.readAgain();
      // 1006 where this host was too slow to read all of it within the time for the close frame.
      expect([4108, 1006]).toContain((await slow.closed).code);
      const { seq: last } = await device.message('the end');
      await beside.frames.next(({ seq }) => seq === last);
      expect(beside.events(dev).map(({ seq }) => seq)).toEqual(numbersFrom(1, last));
    });
  });
}
