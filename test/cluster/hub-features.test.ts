/**
 * What a hub offers works across nodes: a pace, interest, MQTT, gateways, listings. One of the hubs runs with several
 * ingest and fan-out threads.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect as connectMqtt } from '../mqtt/client.ts';
import { unlessLate } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import { Gateway, type Subscriber } from '../support/peers.ts';
import {
  ANSWER_MS,
  everything,
  follow,
  NOBODY_IS_LOST,
  type Node,
  startNode,
} from './support/hub-cluster.ts';
import { NatsServer, natsServerPath } from './support/nats-server.ts';

const suite = natsServerPath === undefined ? describe.skip : describe;

suite('two hubs, one of them with many threads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
  let nats: NatsServer;
  let a: Node;
  let b: Node;

  beforeAll(async () => {
    nats = await NatsServer.start(folder);
    const env = { ...NOBODY_IS_LOST, DAT_MQTT_PORT: '0', DAT_INTEREST_LINGER_MS: '200' };
    const threads = { DAT_INGEST_WORKERS: '2', DAT_FANOUT_WORKERS: '2' };
    [a, b] = await Promise.all([
      startNode(nats.url, 'a', { ...env, ...threads }),
      startNode(nats.url, 'b', env),
    ]);
  });

  afterAll(async () => {
    await Promise.all([a?.hub.stop(), b?.hub.stop()]);
    await nats?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  let attempts = 0;
  /** Attempts have ids of their own. */
  const unique = (name: string): string => `${name}-${++attempts}`;

  const mqttClient = (node: Node, clientId: string) =>
    connectMqtt({ ...node.hub, tcpPort: node.hub.mqttPort }, { clientId });

  async function gatewayOf(node: Node, id: string): Promise<Gateway> {
    const gateway = await Gateway.connect(node.hub.devicePort, `?id=${id}`);
    await gateway.welcome();
    return gateway;
  }

  it('events of many devices reach followers on every thread of the other node, in order', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `many.${n}`);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const devices = await Promise.all(ids.map((id) => from.device(`${from.name}.${id}`)));
      await Promise.all(devices.map((device) => device.message('before'))); // their homes are known
      const followers = await Promise.all([1, 2, 3, 4].map((n) => to.subscriber(`s-many-${from.name}-${n}`)));
      for (const follower of followers)
        await Promise.all(ids.map((id) => follow(follower, `${from.name}.${id}`)));
      for (let n = 1; n <= 50; n++) for (const device of devices) device.send({ type: 'message', data: n });
      for (const follower of followers) {
        for (const id of ids) {
          const got: Frame[] = [];
          const isMessage = ({ type, device }: Frame) =>
            type === 'message' && device === `${from.name}.${id}`;
          while (got.length < 50) got.push(await follower.frames.next(isMessage));
          expect(got.map(({ data }) => data)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
          const [first] = got;
          expect(got.map(({ seq }) => seq)).toEqual(got.map((_, n) => first!.seq! + n));
        }
      }
    }
  });

  describe.each([
    ['a', 'b'],
    ['b', 'a'],
  ] as const)('with the device on %s and who listens on %s', (home, elsewhere) => {
    const nodes = () => (home === 'a' ? { here: a, there: b } : { here: b, there: a });

    it('a follower at a pace gets the newest, with the number that it replaced and without a gap', async () => {
      const { here, there } = nodes();
      const id = `pace-${home}`;
      const device = await here.device(id);
      await device.message('before');
      const subscriber = await there.subscriber(`s-${id}`, '&every=500');
      await follow(subscriber, id);
      for (let n = 1; n <= 100; n++) device.send({ type: 'message', data: n });
      await subscriber.frames.next(({ data }) => data === 100);
      const status = await device.publish({ type: 'status', status: 'charging' });
      expect(await subscriber.frames.next(({ type }) => type === 'status')).toMatchObject({
        seq: status.seq,
      });
      const messages = subscriber.events(id).filter(({ type }) => type === 'message');
      const replaced = messages.reduce((sum, { conflated = 0 }) => sum + conflated, 0);
      expect(messages.length + replaced).toBe(100);
      expect(replaced).toBeGreaterThan(0);
      expect(messages.map(({ seq }) => seq)).toEqual(messages.map(({ seq }) => seq).sort((x, y) => x - y));
      expect(subscriber.frames.all.some(({ op }) => op === 'gap')).toBe(false);
    });

    it('a device hears whether anybody listens', async () => {
      const { here, there } = nodes();
      const id = `interest-${home}.1`;
      const device = await here.device(id, '&interest=true');
      const next = () => device.frames.next(({ op }) => op === 'interest');
      expect(await next()).toEqual({ op: 'interest', active: false });
      const subscriber = await there.subscriber(`s-${id}`);
      await subscriber.subscribe(id);
      expect(await next()).toEqual({ op: 'interest', active: true });
      await subscriber.ask('pause', [id]);
      expect(await next()).toEqual({ op: 'interest', active: false });
      await subscriber.ask('resume', [id]);
      expect(await next()).toEqual({ op: 'interest', active: true });
      await subscriber.ask('unsubscribe', [id]);
      expect(await next()).toEqual({ op: 'interest', active: false });
      await subscriber.ask('subscribe', [`interest-${home}.*`]);
      expect(await next()).toEqual({ op: 'interest', active: true });
      await subscriber.drop();
      expect(await next()).toEqual({ op: 'interest', active: false });
    });

    it('a follower sees an MQTT device as any other, with its last values', () =>
      unlessLate(ANSWER_MS, async (inTime) => {
        const { here, there } = nodes();
        const id = unique(`mqtt-${home}`);
        const device = await mqttClient(here, id);
        await device.publish(`devices/${id}/status`, 'charging', 1);
        await device.publish(`devices/${id}/message`, 'no JSON', 1);
        const subscriber = await there.subscriber(`s-${id}`);
        const answer = await inTime(() => subscriber.ask('subscribe', [id], { last: true }));
        expect(answer.devices).toMatchObject([{ device: id, state: 'online', deviceStatus: 'charging' }]);
        expect(await subscriber.frames.take(2, ({ replay }) => replay === true)).toMatchObject([
          { type: 'status', status: 'charging' },
          { type: 'message', data64: Buffer.from('no JSON').toString('base64') },
        ]);
        await device.publish(`devices/${id}/message`, '{"n":2}', 1);
        expect(await subscriber.frames.next(({ data }) => data !== undefined)).toMatchObject({
          op: 'event',
          data: { n: 2 },
        });
        await device.mqtt.endAsync();
        expect(await subscriber.frames.next(({ source }) => source === 'hub')).toMatchObject({
          data: { state: 'offline' },
        });
        expect(subscriber.frames.all.some(({ op }) => op === 'gap')).toBe(false);
      }));

    it('an MQTT subscriber has what is retained of a device, then its events', () =>
      unlessLate(ANSWER_MS, async (inTime) => {
        const { here, there } = nodes();
        const id = unique(`native-${home}`);
        const device = await here.device(id);
        await device.publish({ type: 'status', status: 'idle' });
        await device.message({ n: 1 });
        const subscriber = await mqttClient(there, `s-${id}`);
        expect(await inTime(() => subscriber.subscribe(`devices/${id}/#`))).toEqual([0]);
        const retained = await subscriber.texts(3);
        expect(retained.sort()).toEqual([
          `!devices/${id}/message {"n":1}`,
          expect.stringContaining(`!devices/${id}/presence {"state":"online"`),
          `!devices/${id}/status {"status":"idle","data":null}`,
        ]);
        await device.message({ n: 2 });
        expect(await subscriber.texts(1)).toEqual([`devices/${id}/message {"n":2}`]);
      }));

    it('a device is taken from a gateway when it connects to another node, and given back', () =>
      unlessLate(ANSWER_MS, async (inTime) => {
        const { here, there } = nodes();
        const [id, gw] = [unique(`behind-${home}`), unique(`gw-${home}`)];
        const gateway = await gatewayOf(here, gw);
        const follower = await there.subscriber(`s-${id}`);
        const { seq } = await gateway.message(id, 1);
        await follow(follower, id);
        const entry = (node: Node) => node.admin('GET', `/v1/devices/${id}`);
        for (const node of [here, there])
          expect(await entry(node)).toMatchObject({ body: { node: home, gateway: gw } });
        const { own, second } = await inTime(async () => {
          const own = await there.device(id);
          return { own, second: await own.message(2) };
        });
        expect(second).toMatchObject({ seq: seq + 1 });
        expect(await gateway.taken(id)).toMatchObject({ code: 4004 });
        expect(await gateway.ask(id, { type: 'message', data: 'late' })).toMatchObject({
          op: 'error',
          code: 103,
        });
        const taken = await entry(here);
        expect(taken).toMatchObject({ body: { node: elsewhere } });
        expect(taken.body).not.toHaveProperty('gateway');
        const third = await inTime(() => {
          gateway.tell('open', id);
          return gateway.message(id, 3);
        });
        expect(third).toMatchObject({ seq: seq + 2 });
        expect(await own.closed).toMatchObject({ code: 4004 });
        await follower.frames.next(({ data }) => data === 3);
        expect(told(follower, id)).toEqual([2, 3]);
      }));

    it('a gateway that connects to another node takes its id over there, with the devices that it speaks for', () =>
      unlessLate(ANSWER_MS, async (inTime) => {
        const { here, there } = nodes();
        const [id, other, gw] = [unique(`moves-${home}`), unique(`stays-${home}`), unique(`gw-m${home}`)];
        const older = await gatewayOf(here, gw);
        const follower = await there.subscriber(`s-${id}`);
        const { seq } = await older.message(id, 1);
        await older.message(other, 1);
        for (const device of [id, other]) await follow(follower, device);
        const newer = await gatewayOf(there, gw);
        expect(await older.closed).toMatchObject({ code: 4004 });
        expect(await inTime(() => newer.message(id, 2))).toMatchObject({ seq: seq + 1 });
        await follower.frames.next(({ data }) => data === 2);
        expect(
          await follower.frames.next(({ device, source }) => device === other && source === 'hub'),
        ).toMatchObject({
          data: { state: 'offline', reason: 'lost' },
        });
        expect(told(follower, id)).toEqual([2]);
      }));

    it('a device moves from gateway to gateway, and is lost with the one that has it', () =>
      unlessLate(ANSWER_MS, async (inTime) => {
        const { here, there } = nodes();
        const id = unique(`roams-${home}`);
        const [first, second] = [await gatewayOf(here, `gw-x-${id}`), await gatewayOf(there, `gw-y-${id}`)];
        const follower = await there.subscriber(`s-${id}`);
        const { seq } = await first.message(id, 1);
        await follow(follower, id);
        expect(await inTime(() => second.message(id, 2))).toMatchObject({ seq: seq + 1 });
        expect(await first.taken(id)).toMatchObject({ code: 4004 });
        await first.drop(); // the device is no longer its
        expect(await second.message(id, 3)).toMatchObject({ seq: seq + 2 });
        await second.drop();
        expect(await follower.frames.next(({ source }) => source === 'hub')).toMatchObject({
          data: { state: 'offline' },
          seq: seq + 3,
        });
        expect(told(follower, id).slice(0, 2)).toEqual([2, 3]);
      }));
  });

  it('a listing of subscribers over all nodes names each once, on any node', async () => {
    await a.subscriber('who-1');
    await b.subscriber('who-2');
    const kept = await b.subscriber('who-3');
    await kept.subscribe('who-knows');
    await kept.drop();
    await a.operate('PUT', '/v1/devices/who-knows/subscribers/who-2', { body: { status: 'deny' } });
    await eventually('who-3 is kept', async () => {
      const { body } = await b.admin('GET', '/v1/subscribers/who-3');
      return (body as { connected: boolean }).connected === false;
    });
    for (const node of [a, b])
      expect(
        await everything(node, '/v1/subscribers?scope=cluster&search=who-', 'subscribers'),
      ).toMatchObject([
        { subscriber: 'who-1', node: 'a', connected: true },
        { subscriber: 'who-2', node: 'b', connected: true },
        { subscriber: 'who-3', node: 'b', connected: false },
      ]);
    expect(await everything(a, '/v1/subscribers?search=who-1', 'subscribers')).toMatchObject([
      { subscriber: 'who-1', node: 'a' },
    ]);
  });
});

/** What a follower got of a device beside its messages' data: nothing else may be among it. */
function told(follower: Subscriber, device: string): unknown[] {
  return follower.frames.all.filter((frame) => isTold(frame, device)).map(({ data }) => data);
}

function isTold({ op, device }: Frame, id: string): boolean {
  return (op === 'event' || op === 'gap') && device === id;
}
