/** Devices on threads of their own: what the contract's suite does not look at. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm, TestHub, uniqueId, useHub } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { type Device, Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

/** Without a grace of their own, hubs have one that no host is too slow for. */
const env = {
  DAT_TRANSPORT: 'uws',
  DAT_INGEST_WORKERS: '2',
  DAT_FANOUT_WORKERS: '1',
  DAT_FAULT_INJECTION: 'true',
} as const;
const GRACE_MS = 3000;

interface Stats {
  readonly ingestWorkers: number;
  readonly fanoutWorkers: number;
  readonly threads: readonly { readonly thread: string; readonly counters: Record<string, number> }[];
  readonly rings: readonly { readonly ring: string }[];
  readonly workerRestarts: Readonly<Record<string, number>>;
}

describe.skipIf(!uwsLoads())('a hub with two ingest threads', () => {
  const hub = useHub(env);
  const stats = async () => (await hub.admin('GET', '/v1/stats')).body as Stats;
  const ready = () =>
    eventually('the hub is ready', async () => (await hub.admin('GET', '/readyz')).status === 200);

  it('shares the devices out among them, and main has none', async () => {
    const fleet = await Promise.all(Array.from({ length: 4 }, () => hub.device()));
    await Promise.all(fleet.map((device) => device.message('counted')));
    const { ingestWorkers, fanoutWorkers, threads, rings } = await stats();
    expect({ ingestWorkers, fanoutWorkers }).toEqual({ ingestWorkers: 2, fanoutWorkers: 1 });
    const of = (name: string) => threads.find(({ thread }) => thread === name)?.counters;
    expect(threads.map(({ thread }) => thread)).toEqual([
      'main',
      'owner',
      'ingest-0',
      'ingest-1',
      'fanout-0',
    ]);
    expect(rings.map(({ ring }) => ring)).toContain('ingest-1-to-owner');
    expect(of('main')).toMatchObject({ deviceConnections: 0, receivedMessage: 0 });
    for (const name of ['ingest-0', 'ingest-1'])
      expect(of(name)).toMatchObject({ deviceConnections: 2, receivedMessage: 2 });
    await Promise.all(fleet.map((device) => device.close(1000)));
  });

  it('loses the devices of one that dies as if each had been lost, and tells nobody who comes back in time', () =>
    firstOf('some came back too late', async () => {
      // A hub of its own each time: one whose threads die too often ends.
      const hub = new TestHub({ ...calm, ...env, DAT_DEVICE_LEAVE_GRACE_MS: String(GRACE_MS) });
      await hub.start();
      onTestFinished(() => hub.process.kill());
      const ids = Array.from({ length: 6 }, () => uniqueId('dev'));
      const [stayer, ...comers] = ids as [string, ...string[]];
      const witness = await hub.witness(...ids);
      const fleet = new Map(await Promise.all(ids.map(async (id) => [id, await hub.device(id)] as const)));
      const since = performance.now();
      for (const worker of [0, 1]) {
        const { status } = await hub.admin('POST', '/v1/faults', { thread: 'ingest', worker });
        expect(status).toBe(200);
      }
      for (const { closed } of fleet.values()) expect((await closed).code).toBe(1006);
      await eventually('others took their places', async () => (await restartsOf(hub)) === 2);
      const back = await Promise.all(
        comers.map((id) => eventually(`${id} is let in`, () => hub.connectDevice(id).catch(() => undefined))),
      );
      for (const device of back) await device.message('back');
      if (performance.now() - since > GRACE_MS) {
        await hub.end();
        return undefined;
      }
      await witness.frames.next(({ device, data }) => device === stayer && stateOf(data) === 'offline');
      const told = witness.events().filter(({ source }) => source === 'hub');
      const offline = told.filter(({ data }) => stateOf(data) === 'offline');
      expect(offline.map(({ device, data }) => [device, data])).toEqual([
        [stayer, { state: 'offline', reason: 'lost' }],
      ]);
      for (const id of comers) expect(witness.events(id).some(({ data }) => data === 'back')).toBe(true);
      await hub.end();
      return true;
    }));

  it('goes on when an ingest thread and the owner die together while a device changes threads', async () => {
    const dev = uniqueId('dev');
    const witness = await hub.witness(dev);
    await hub.device(dev);
    await Promise.all([
      hub.admin('POST', '/v1/faults', { thread: 'ingest', worker: 0 }),
      hub.admin('POST', '/v1/faults', { thread: 'owner', how: 'throw' }),
      hub.openDevice(dev).catch(() => undefined), // its thread may be the one that dies
    ]);
    await ready();
    await eventually('the device is let in, and its events are taken', async () => {
      const device = await hub.connectDevice(dev).catch(() => undefined);
      return device !== undefined && (await publishes(device));
    });
    await witness.frames.next(({ data }) => data === 'heard');
    expect(witness.events(dev).filter(({ data }) => stateOf(data) === 'offline')).toEqual([]);
  });

  it('has the devices of both threads again after the owner died, on the threads that held them', async () => {
    await ready();
    const ids = Array.from({ length: 4 }, () => uniqueId('dev'));
    const witness = await hub.witness(...ids);
    const fleet = await Promise.all(ids.map((id) => hub.device(id)));
    await hub.admin('POST', '/v1/faults', { thread: 'owner', how: 'terminate' });
    await ready();
    for (const device of fleet) await eventually('its events are taken', () => publishes(device));
    for (const id of ids) {
      await witness.frames.next(({ device, data }) => device === id && data === 'heard');
      expect((await hub.deviceEntry(id))?.state).toBe('online');
    }
  });

  it('has one connection of a device in the end, however many it opens at once', async () => {
    const dev = uniqueId('dev');
    await hub.device(dev);
    const connections = await Promise.all(Array.from({ length: 20 }, () => hub.openDevice(dev)));
    const ends = new Map(connections.map((device) => [device, undefined as number | undefined]));
    for (const device of connections) void device.closed.then(({ code }) => ends.set(device, code));
    const open = () => connections.filter((device) => ends.get(device) === undefined);
    await eventually('all but one are closed', () => open().length === 1);
    expect(await open()[0]!.message('the last')).toMatchObject({ op: 'ack' });
    expect([...ends.values()].filter((code) => code !== undefined)).toEqual(
      Array.from({ length: 19 }, () => 4004),
    );
    expect((await hub.deviceEntry(dev))?.state).toBe('online');
  });
});

describe.skipIf(!uwsLoads())('gateways on two ingest threads', () => {
  const hub = useHub(env);

  it('loses the devices behind the gateways of one that dies, and nobody notices if they are back in time', async () => {
    const ids = Array.from({ length: 6 }, () => uniqueId('dev'));
    const witness = await hub.witness(...ids);
    const gw = uniqueId('gw');
    const gateway = await hub.gateway(gw);
    for (const id of ids) await gateway.message(id, 'before');
    for (const worker of [0, 1]) await hub.admin('POST', '/v1/faults', { thread: 'ingest', worker });
    expect((await gateway.closed).code).toBe(1006);
    await eventually('others took their places', async () => (await restartsOf(hub)) === 2);
    expect(await hub.deviceEntry(ids[0]!)).not.toHaveProperty('gateway');
    const again = await eventually('it is let in', () => hub.gateway(gw).catch(() => undefined));
    for (const id of ids) {
      await again.message(id, 'back');
      await witness.frames.next(({ device, data }) => device === id && data === 'back');
      expect(await hub.deviceEntry(id)).toMatchObject({ state: 'online', gateway: gw });
    }
    expect(witness.events().filter(({ data }) => stateOf(data) === 'offline')).toEqual([]);
    await again.close(1000);
  });

  it('lets a device go to and fro between gateways and connections of its own, on whatever threads they are', async () => {
    const dev = uniqueId('dev');
    const witness = await hub.witness(dev);
    const gateways = [await hub.gateway(), await hub.gateway(), await hub.gateway()];
    const sent: number[] = [];
    for (let n = 0; n < 30; n++) {
      const gateway = gateways[n % 4];
      if (gateway === undefined) {
        const device = await hub.connectDevice(dev);
        await device.message(n);
      } else {
        gateway.tell('open', dev);
        expect(await gateway.message(dev, n)).toMatchObject({ op: 'ack' });
      }
      sent.push(n);
    }
    await witness.frames.next(({ data }) => data === 29);
    const events = witness.events(dev).filter(({ source }) => source === 'device');
    expect(events.map(({ data }) => data)).toEqual(sent);
    expect(witness.events(dev).filter(({ data }) => stateOf(data) === 'offline')).toEqual([]);
    await Promise.all(gateways.map((gateway) => gateway.close(1000)));
  });
});

describe('ingest threads', () => {
  it('are left out, with a warning, where the transport has no threads', async () => {
    const hub = await startHub({ ...calm, DAT_TRANSPORT: 'ws', DAT_INGEST_WORKERS: '2' });
    onTestFinished(() => hub.kill());
    expect(hub.logs.some(({ msg }) => msg?.startsWith('DAT_INGEST_WORKERS has no effect'))).toBe(true);
    const { body } = await admin(hub.adminPort, 'GET', '/v1/stats');
    expect(body).toMatchObject({ ingestWorkers: 0 });
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s-1');
    await subscriber.welcome();
    expect(await hub.stop()).toBe(0);
  });

  it.skipIf(!uwsLoads())(
    'that are auto are as many as suit the host, and the log says how many',
    async () => {
      const hub = await startHub({ ...calm, DAT_TRANSPORT: 'uws', DAT_INGEST_WORKERS: 'auto' });
      onTestFinished(() => hub.kill());
      const chosen = hub.logs.find(({ msg }) => msg === 'threads chosen') as Partial<Stats> | undefined;
      const { body } = await admin(hub.adminPort, 'GET', '/v1/stats');
      expect(body).toMatchObject({
        ingestWorkers: chosen?.ingestWorkers,
        fanoutWorkers: chosen?.fanoutWorkers,
      });
      expect(await hub.stop()).toBe(0);
    },
  );
});

async function restartsOf(hub: TestHub): Promise<number> {
  return (await hub.metrics()).value('dat_worker_restarts_total', { role: 'ingest' });
}

function stateOf(data: unknown): string | undefined {
  return (data as { readonly state?: string } | null)?.state;
}

/** Whether the hub takes an event of the device: one that is in the hands of an owner that dies gets no ack. */
async function publishes(device: Device): Promise<boolean> {
  const taken = device.message('heard').then(
    () => true,
    () => false,
  );
  return Promise.race([taken, new Promise<false>((resolve) => setTimeout(resolve, 500, false))]);
}
