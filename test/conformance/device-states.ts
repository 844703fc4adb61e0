/** Section 3: online, stale, offline, and the removal of devices that nobody follows. */
import { describe, expect, it } from 'vitest';
import { PONG_GRACE_MS } from '../../src/limits.ts';
import { whilePrompt } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { type MatrixRow, marker, type TestHub, uniqueId, useHub } from './harness.ts';

type Leave = (device: Device) => Promise<unknown>;

const clean: readonly [how: string, leave: Leave][] = [
  ['1000', (device) => device.close(1000)],
  ['1001', (device) => device.close(1001)],
  ['no code', (device) => device.close()],
];

const unclean: readonly [how: string, leave: Leave][] = [
  ['no close frame', (device) => device.drop()],
  ['code 3000', (device) => device.close(3000)],
  ['code 1011', (device) => device.close(1011)],
  ['code 4999', (device) => device.close(4999)],
];

function stateOf(frame: Frame): string | undefined {
  if (frame.op !== 'event' || frame.source !== 'hub') return undefined;
  return (frame.data as { readonly state?: string } | null)?.state;
}

/** The next event by which the hub tells of this state. */
function told(subscriber: Subscriber, device: string, state: string): Promise<Frame> {
  return subscriber.frames.next((frame) => frame.device === device && stateOf(frame) === state);
}

function statesOf(subscriber: Subscriber, device: string): (string | undefined)[] {
  return subscriber.events(device).flatMap((event) => (event.source === 'hub' ? [stateOf(event)] : []));
}

async function watched(hub: TestHub): Promise<{ dev: string; subscriber: Subscriber }> {
  const dev = uniqueId('dev');
  const subscriber = await hub.subscriber();
  await subscriber.subscribe(dev);
  return { dev, subscriber };
}

export function deviceStates({ env }: MatrixRow): void {
  describe('the state of a device', () => {
    const hub = useHub(env);

    it('is broadcast as an event of type status from the hub', async () => {
      const { dev, subscriber } = await watched(hub);
      const device = await hub.connectDevice(dev);
      expect(await subscriber.event(dev)).toMatchObject({
        op: 'event',
        device: dev,
        type: 'status',
        source: 'hub',
        seq: 1,
        at: expect.any(Number),
        data: { state: 'online', reason: expect.any(String) },
      });
      await device.close(1000);
      expect(await subscriber.event(dev)).toMatchObject({
        type: 'status',
        source: 'hub',
        seq: 2,
        data: { state: 'offline', reason: expect.any(String) },
      });
    });

    it('is offline with last_seen 0 for a device that nobody has seen yet', async () => {
      const dev = uniqueId('dev');
      const subscriber = await hub.subscriber();
      expect((await subscriber.subscribe(dev)).devices).toEqual([
        {
          device: dev,
          status: 'active',
          state: 'offline',
          lastSeen: 0,
          seq: 0,
          epoch: expect.any(String),
          deviceStatus: null,
        },
      ]);
    });

    it.each(clean)('is offline at once after a close with %s', async (_how, leave) => {
      const { dev, device, subscriber } = await hub.pair();
      await leave(device);
      await told(subscriber, dev, 'offline');
      expect(await hub.deviceEntry(dev)).toMatchObject({ state: 'offline' });
      const late = await hub.subscriber();
      expect((await late.subscribe(dev)).devices).toMatchObject([{ state: 'offline' }]);
      const again = await hub.connectDevice(dev);
      await told(subscriber, dev, 'online');
      await marker(again, subscriber);
      expect(statesOf(subscriber, dev)).toEqual(['offline', 'online']);
    });

    it.each(unclean)(
      'is not broadcast when a device returns within the grace after %s',
      async (_how, leave) => {
        const { dev, device, subscriber } = await hub.pair();
        const before = await marker(device, subscriber);
        const disconnects = async () =>
          (await hub.metrics()).value('dat_disconnects_total', { role: 'device' });
        const earlier = await disconnects();
        await leave(device);
        await eventually('the hub noticed', async () => (await disconnects()) > earlier);
        expect((await hub.deviceEntry(dev))?.state).toBe('online');
        const again = await hub.connectDevice(dev);
        const after = await marker(again, subscriber);
        expect(after.seq).toBe(before.seq + 1);
        expect(statesOf(subscriber, dev)).toEqual([]);
      },
    );

    it('keeps what a device said of itself while it is offline', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await device.publish({ type: 'status', status: 'asleep' });
      await device.close(1000);
      await told(subscriber, dev, 'offline');
      const late = await hub.subscriber();
      expect((await late.subscribe(dev)).devices).toMatchObject([
        { state: 'offline', deviceStatus: 'asleep', seq: 2, lastSeen: expect.any(Number) },
      ]);
    });

    it('continues its numbers after it was offline', async () => {
      const { dev, device, subscriber } = await hub.pair();
      for (let round = 0, current = device; round < 3; round++) {
        await marker(current, subscriber);
        await current.close(1000);
        await told(subscriber, dev, 'offline');
        current = await hub.connectDevice(dev);
        await told(subscriber, dev, 'online');
      }
      const seqs = subscriber.events(dev).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    });
  });
}

/** Long enough for a peer that answers pings on a busy host. */
const STALE_MS = 2000;

/** In a hub with short timers; the tests wait beside each other. */
export function deviceTimers({ env }: MatrixRow): void {
  describe('the timers of a device', () => {
    const hub = useHub({
      ...env,
      DAT_DEVICE_LEAVE_GRACE_MS: '300',
      DAT_DEVICE_STALE_AFTER_MS: String(STALE_MS),
      DAT_PING_INTERVAL_MS: '100',
    });

    it('call it offline when it does not return within the grace', () =>
      whilePrompt(STALE_MS / 2, async () => {
        const { dev, device, subscriber } = await hub.pair();
        await device.drop();
        await told(subscriber, dev, 'offline');
        expect((await hub.deviceEntry(dev))?.state).toBe('offline');
        const again = await hub.connectDevice(dev);
        await told(subscriber, dev, 'online');
        await marker(again, subscriber);
        expect(statesOf(subscriber, dev)).toEqual(['offline', 'online']);
      }));

    it('call it stale when it is connected and silent, and online on its next frame', () =>
      whilePrompt(PONG_GRACE_MS / 4, async () => {
        const { dev, subscriber } = await watched(hub);
        const device = await hub.connectDevice(dev, { autoPong: false });
        expect(await told(subscriber, dev, 'stale')).toMatchObject({
          type: 'status',
          source: 'hub',
          data: { state: 'stale', reason: expect.any(String) },
        });
        expect((await hub.deviceEntry(dev))?.state).toBe('stale');
        const late = await hub.subscriber();
        expect((await late.subscribe(dev)).devices).toMatchObject([{ device: dev, state: 'stale' }]);
        device.send({ type: 'message', data: 'awake' });
        await subscriber.frames.next(({ data }) => data === 'awake');
        await told(subscriber, dev, 'online');
        expect(statesOf(subscriber, dev).slice(0, 3)).toEqual(['online', 'stale', 'online']);
      }));

    it('take a WebSocket pong for a sign of life', () =>
      whilePrompt(STALE_MS / 2, async () => {
        const { dev, subscriber } = await watched(hub);
        const device = await hub.connectDevice(dev);
        // A device that does not pong turns stale later than this one would.
        const silent = uniqueId('dev');
        await subscriber.subscribe(silent);
        await hub.connectDevice(silent, { autoPong: false });
        await told(subscriber, silent, 'stale');
        await marker(device, subscriber);
        expect(statesOf(subscriber, dev)).toEqual(['online']);
      }));

    it('call a stale device offline when it leaves', async () => {
      const { dev, subscriber } = await watched(hub);
      const device = await hub.connectDevice(dev, { autoPong: false });
      await told(subscriber, dev, 'stale');
      await device.close(1000);
      await told(subscriber, dev, 'offline');
      expect(statesOf(subscriber, dev)).toEqual(['online', 'stale', 'offline']);
    });
  });

  describe('an offline device', () => {
    const hub = useHub({ ...env, DAT_DEVICE_REMOVE_AFTER_MS: '300', DAT_DEVICE_LEAVE_GRACE_MS: '0' });

    /** Waits until a device that left after all the others is gone. */
    async function untilOneIsRemoved(): Promise<void> {
      const last = uniqueId('dev');
      await (await hub.device(last)).close(1000);
      await eventually(`${last} is removed`, async () => (await hub.deviceEntry(last)) === undefined);
    }

    it('is removed when nobody follows it, and its numbers start again', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await marker(device, subscriber);
      await subscriber.ask('unsubscribe', [dev]);
      await device.close(1000);
      await eventually(`${dev} is removed`, async () => (await hub.deviceEntry(dev)) === undefined);
      const late = await hub.subscriber();
      expect((await late.subscribe(dev)).devices).toMatchObject([{ state: 'offline', lastSeen: 0, seq: 0 }]);
    });

    it('stays while a subscription follows it', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await device.close(1000);
      await told(subscriber, dev, 'offline');
      await untilOneIsRemoved();
      expect(await hub.deviceEntry(dev)).toMatchObject({ state: 'offline' });
      await subscriber.ask('unsubscribe', [dev]);
      await eventually(`${dev} is removed`, async () => (await hub.deviceEntry(dev)) === undefined);
    });

    it('stays while an operator has pinned something to it', async () => {
      for (const status of ['deny', 'allow']) {
        const dev = uniqueId('dev');
        const device = await hub.device(dev);
        expect((await hub.setRow(dev, uniqueId('sub'), { status })).status).toBe(200);
        await device.close(1000);
        await eventually(`${dev} is offline`, async () => (await hub.deviceEntry(dev))?.state === 'offline');
        await untilOneIsRemoved();
        expect(await hub.deviceEntry(dev), status).toMatchObject({ state: 'offline' });
      }
    });

    it('is not removed while it is connected', async () => {
      const dev = uniqueId('dev');
      await hub.device(dev);
      await untilOneIsRemoved();
      expect(await hub.deviceEntry(dev)).toMatchObject({ state: 'online' });
    });
  });
}
