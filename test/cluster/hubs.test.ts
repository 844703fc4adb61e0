/** Hubs as processes with a NATS server between them: what peers see is what they would see of one hub. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstOf, unlessLate } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { Subscriber } from '../support/peers.ts';
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

suite('two hubs, one system', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
  let nats: NatsServer;
  let a: Node;
  let b: Node;

  beforeAll(async () => {
    nats = await NatsServer.start(folder);
    [a, b] = await Promise.all(
      ['a', 'b'].map((name) => startNode(nats.url, name, NOBODY_IS_LOST)) as [Promise<Node>, Promise<Node>],
    );
  });

  let attempts = 0;
  /** Attempts have ids of their own. */
  const unique = (name: string): string => `${name}-${++attempts}`;

  afterAll(async () => {
    await Promise.all([a?.hub.stop(), b?.hub.stop()]);
    await nats?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('subscribed on another node, the snapshot is joined to the events that follow', async () => {
    const device = await a.device('dev-1');
    await device.publish({ type: 'status', status: 'charging' });
    const { seq } = await device.message({ n: 1 });
    const subscriber = await b.subscriber('s-1');
    expect(await follow(subscriber, 'dev-1')).toMatchObject({
      device: 'dev-1',
      status: 'active',
      state: 'online',
      seq,
      deviceStatus: 'charging',
    });
    const one = await device.message({ n: 2 });
    expect(one).toMatchObject({ seq: seq + 1 });
    expect(one.skipped).toBeUndefined();
    expect(await subscriber.event('dev-1')).toMatchObject({ seq: seq + 1, data: { n: 2 }, source: 'device' });
    for (let n = 3; n < 50; n++) device.send({ type: 'message', data: { n } });
    for (let n = 3; n < 50; n++) {
      expect(await subscriber.event('dev-1')).toMatchObject({ seq: seq + n - 1, data: { n } });
    }
  });

  it('a device that comes and goes is online and offline everywhere', async () => {
    const subscriber = await b.subscriber('s-2');
    const { devices } = await subscriber.subscribe('dev-2');
    expect(devices).toMatchObject([{ device: 'dev-2', state: 'offline', lastSeen: 0, seq: 0 }]);
    const device = await a.device('dev-2');
    const told = await subscriber.frames.next(({ op }) => op === 'subscribed');
    expect(told.devices).toMatchObject([{ device: 'dev-2', status: 'active' }]);
    expect(await subscriber.event('dev-2')).toMatchObject({
      data: { state: 'online' },
      source: 'hub',
      seq: 1,
    });
    const { seq } = await device.message('hello');
    expect(await subscriber.event('dev-2')).toMatchObject({ data: 'hello', seq });
    await device.close(1000);
    expect(await subscriber.event('dev-2')).toMatchObject({ data: { state: 'offline' }, seq: seq + 1 });
  });

  it('a device that connects to another node goes on where it was', () =>
    unlessLate(ANSWER_MS, async (inTime) => {
      const id = unique('dev-3');
      const connect = (node: Node, data: number) =>
        inTime(async () => {
          const device = await node.device(id);
          return { peer: device, seq: (await device.message(data)).seq };
        });
      const subscriber = await b.subscriber(unique('s-3'));
      const old = await a.device(id);
      const { seq } = await old.message(1);
      const { epoch } = await follow(subscriber, id);
      const next = await connect(b, 2);
      expect(next.seq).toBe(seq + 1);
      expect(await old.closed).toMatchObject({ code: 4004 });
      expect(await subscriber.event(id)).toMatchObject({ seq: seq + 1, data: 2 });
      const back = await connect(a, 3);
      expect(back.seq).toBe(seq + 2);
      expect(await next.peer.closed).toMatchObject({ code: 4004 });
      expect(await subscriber.event(id)).toMatchObject({ seq: seq + 2, data: 3 });
      const late = await b.subscriber(unique('s-3b'));
      expect(await follow(late, id)).toMatchObject({ seq: seq + 2, epoch, state: 'online' });
      expect(subscriber.events(id).map(({ data }) => data)).toEqual([2, 3]);
    }));

  it('an MQTT subscriber has the newest message, status and state of a device of another node as retained', async () => {
    const { id, device, came, client } = await firstOf('the home answered too late', async () => {
      const id = unique('dev-mqtt');
      const device = await a.device(id);
      await device.publish({ type: 'status', status: 'charging' });
      await device.message({ n: 1 });
      await device.message({ n: 2 });
      const came: string[] = [];
      const client = mqtt.connect(`ws://127.0.0.1:${b.hub.subscriberPort}/mqtt`, {
        clientId: unique('s-mqtt'),
      });
      client.on('message', (topic, payload, { retain }) => came.push(`${retain} ${topic} ${payload}`));
      await eventually('it is connected', () => client.connected);
      const since = performance.now();
      await client.subscribeAsync(`devices/${id}/#`);
      if (performance.now() - since < ANSWER_MS) return { id, device, came, client };
      await client.endAsync();
      return undefined;
    });
    await eventually('the retained ones come', () => came.length === 3); // a newer message would take the place of one
    await device.message({ n: 3 });
    await eventually('the live event comes', () => came.some((text) => text.includes('"n":3')));
    expect(came.sort()).toEqual([
      `false devices/${id}/message {"n":3}`,
      `true devices/${id}/message {"n":2}`,
      expect.stringContaining(`true devices/${id}/presence {"state":"online"`),
      `true devices/${id}/status {"status":"charging","data":null}`,
    ]);
    await client.endAsync();
  });

  it('a filter follows the devices of every node, now and in future', () =>
    unlessLate(ANSWER_MS, async (inTime) => {
      const site = unique('site');
      const here = await b.device(`${site}.1`);
      const there = await a.device(`${site}.2`);
      for (const device of [here, there]) await device.message('before'); // their homes are known
      const subscriber = await b.subscriber(unique('s-4'));
      const answer = await inTime(() => subscriber.ask('subscribe', [`${site}.*`]));
      expect(answer.filters).toEqual([{ filter: `${site}.*`, matched: 2 }]);
      const entries = await subscriber.filterPages(`${site}.*`);
      expect(entries.map(({ device }) => device).sort()).toEqual([`${site}.1`, `${site}.2`]);
      await there.message('from there');
      expect(await subscriber.event(`${site}.2`)).toMatchObject({ data: 'from there' });
      await here.message('from here');
      expect(await subscriber.event(`${site}.1`)).toMatchObject({ data: 'from here' });
      const later = await a.device(`${site}.3`);
      const page = await subscriber.frames.next(
        ({ op, filter }) => op === 'subscribed' && filter === `${site}.*`,
      );
      expect(page.devices).toMatchObject([{ device: `${site}.3` }]);
      await later.message('new');
      expect(await subscriber.frames.next(({ data }) => data === 'new')).toMatchObject({
        device: `${site}.3`,
      });
    }));

  it('who is denied on one node gets nothing on any', async () => {
    const device = await a.device('dev-5');
    await device.message('first');
    const [subscriber, witness] = [await b.subscriber('s-5'), await b.subscriber('s-5-witness')];
    for (const one of [subscriber, witness]) await follow(one, 'dev-5');
    await device.message('before');
    expect(await subscriber.event('dev-5')).toMatchObject({ data: 'before' });
    const denied = await a.obeyed('/v1/devices/dev-5/subscribers/s-5', { status: 'deny' });
    expect(denied).toMatchObject({ status: 200, body: { subscriber: 's-5', status: 'deny' } });
    const removed = await subscriber.frames.next(({ op }) => op === 'removed');
    expect(removed).toMatchObject({ devices: ['dev-5'], code: 103 });
    await device.message('after');
    await witness.frames.next(({ data }) => data === 'after');
    expect((await subscriber.subscribe('dev-5')).errors).toMatchObject([{ device: 'dev-5', code: 103 }]);
    expect(subscriber.events('dev-5').map(({ data }) => data)).toEqual(['before']);
    expect(await a.operate('DELETE', '/v1/devices/dev-5/subscribers/s-5')).toMatchObject({ status: 200 });
    expect(await follow(subscriber, 'dev-5')).toMatchObject({ device: 'dev-5', state: 'online' });
  });

  it('access rules hold on every node', async () => {
    const rules = [{ device: 'secret.*', subscriber: '*', access: 'deny' }];
    expect(await a.obeyed('/v1/access/rules', { rules })).toMatchObject({ status: 200 });
    expect(await b.admin('GET', '/v1/access/rules')).toMatchObject({ body: { rules } });
    const subscriber = await b.subscriber('s-6');
    expect((await subscriber.subscribe('secret.1')).errors).toMatchObject([
      { device: 'secret.1', code: 103 },
    ]);
    expect(await b.operate('PUT', '/v1/access/rules', { body: { rules: [] } })).toMatchObject({
      status: 200,
    });
    expect((await subscriber.subscribe('secret.1')).errors).toEqual([]);
    const tried = await a.operate('PUT', '/v1/access/rules?dryRun=true', { body: { rules } });
    expect(tried).toMatchObject({ status: 200, body: { dryRun: true, removed: 1 } });
    expect(await a.operate('PUT', '/v1/access/rules', { body: { rules } })).toMatchObject({
      body: { removed: 1 },
    });
    expect(await a.operate('PUT', '/v1/access/rules', { body: { rules: [] } })).toMatchObject({
      status: 200,
    });
  });

  it('any node answers for the devices of all', async () => {
    const device = await a.device('dev-7');
    await device.message({ n: 0 });
    const subscriber = await b.subscriber('s-7');
    await follow(subscriber, 'dev-7');
    const { seq } = await device.message({ n: 1 });
    for (const node of [a, b]) {
      expect(await node.admin('GET', '/v1/devices/dev-7')).toMatchObject({
        status: 200,
        body: { device: 'dev-7', state: 'online', seq, node: 'a', subscribers: { active: 1 } },
      });
      expect(await node.admin('GET', '/v1/devices/dev-7/subscribers')).toMatchObject({
        body: { subscribers: [{ subscriber: 's-7', node: 'b', status: 'active' }], cursor: null },
      });
      const { body } = await node.admin('GET', '/v1/devices/dev-7/events?limit=1');
      expect(body).toMatchObject({ events: [{ seq, data: { n: 1 } }] });
    }
    const published = await b.operate('POST', '/v1/devices/dev-7/events', {
      body: { type: 'message', data: 'op' },
    });
    expect(published).toMatchObject({ status: 200, body: { seq: seq + 1 } });
    expect(await subscriber.frames.next(({ data }) => data === 'op')).toMatchObject({ seq: seq + 1 });
    expect(await a.admin('GET', '/v1/subscribers/s-7')).toMatchObject({
      body: { connected: true, node: 'b' },
    });
    expect(await b.operate('DELETE', '/v1/devices/dev-7')).toMatchObject({ status: 200 });
    expect(await device.closed).toMatchObject({ code: 4009 });
    const removed = await subscriber.frames.next(({ op }) => op === 'removed');
    expect(removed).toMatchObject({ devices: ['dev-7'], code: 122 });
    expect(await b.admin('GET', '/v1/devices/dev-7')).toMatchObject({ status: 404 });
    expect(await a.operate('DELETE', '/v1/subscribers/s-7')).toMatchObject({ status: 200 });
    expect(await subscriber.closed).toMatchObject({ code: 4005 });
  });

  it('any node answers for an id that is only followed, on another node', async () => {
    const subscriber = await b.subscriber('s-8');
    await subscriber.subscribe('dev-8');
    expect(await a.admin('GET', '/v1/devices/dev-8')).toMatchObject({
      status: 200,
      body: { device: 'dev-8', state: 'offline', subscribers: { active: 1 } },
    });
    const event = { type: 'message', data: 'for dev-8' };
    expect(await a.operate('POST', '/v1/devices/dev-8/events', { body: event })).toMatchObject({
      status: 200,
    });
    expect(await subscriber.event('dev-8')).toMatchObject({ data: 'for dev-8' });
    expect(await a.admin('GET', '/v1/devices/nobody-knows')).toMatchObject({ status: 404 });
  });

  it('an id that is only followed ends on every node that knows it, whichever is asked', async () => {
    for (const asked of [a, b]) {
      const id = `dev-8-${asked.name}`;
      const followers = await Promise.all([a.subscriber('s-8a'), b.subscriber('s-8b')]);
      for (const subscriber of followers) await subscriber.subscribe(id);
      expect(await asked.operate('DELETE', `/v1/devices/${id}`)).toEqual(
        expect.objectContaining({ status: 200, body: { device: id, removed: true } }),
      );
      for (const { frames } of followers)
        expect(await frames.next(({ op }) => op === 'removed')).toMatchObject({ devices: [id], code: 122 });
      for (const node of [a, b]) {
        expect(await node.admin('GET', `/v1/devices/${id}`)).toMatchObject({ status: 404 });
        expect(await node.operate('DELETE', `/v1/devices/${id}`)).toMatchObject({ status: 404 });
      }
      await Promise.all(followers.map((subscriber) => subscriber.close(1000)));
    }
  });

  it('a listing over all nodes names each device once', async () => {
    for (const device of [await a.device('list-1'), await b.device('list-2')]) await device.message('here'); // its home is known
    expect(await everything(b, '/v1/devices?scope=cluster&search=list-', 'devices')).toMatchObject([
      { device: 'list-1', node: 'a' },
      { device: 'list-2', node: 'b' },
    ]);
  });

  it('GET /v1/cluster names the nodes', async () => {
    type Named = { nodes: { id: string; phase: string }[]; lost: string[] };
    const named = async (): Promise<Named> => (await a.admin('GET', '/v1/cluster')).body as Named;
    // The other's phase comes with its next beat.
    await eventually('both are in', async () => (await named()).nodes.every(({ phase }) => phase === 'in'));
    const { nodes, lost } = await named();
    expect(nodes.map(({ id }) => id).sort()).toEqual(['a', 'b']);
    expect(lost).toEqual([]);
  });

  it('last, history and since of a device on another node bring what its home keeps', () =>
    unlessLate(ANSWER_MS, async (inTime) => {
      const id = unique('dev-9');
      const device = await a.device(id);
      await device.publish({ type: 'status', status: 'idle' });
      for (let n = 1; n <= 30; n++) device.send({ type: 'message', data: n });
      const { seq } = await device.message('newest');
      const asking = async (past: object) => {
        const subscriber = await b.subscriber(unique('s-9'));
        return { subscriber, answer: await inTime(() => subscriber.ask('subscribe', [id], past)) };
      };
      const last = await asking({ last: true });
      const [{ epoch } = { epoch: '' }] = last.answer.devices as { epoch: string }[];
      const replayed = await last.subscriber.frames.take(2, ({ replay }) => replay === true);
      expect(replayed).toMatchObject([{ type: 'status' }, { type: 'message', data: 'newest', seq }]);
      const some = await asking({ history: 5 });
      const five = await some.subscriber.frames.take(5, ({ replay }) => replay === true);
      expect(five.map((event) => event.seq)).toEqual([seq - 4, seq - 3, seq - 2, seq - 1, seq]);
      const since = await asking({ since: { [id]: { epoch, seq: seq - 10 } } });
      expect(since.answer.devices).toMatchObject([{ device: id, recovered: true, seq }]);
      const ten = await since.subscriber.frames.take(10, ({ replay }) => replay === true);
      expect(ten.map((event) => event.seq)).toEqual(
        Array.from({ length: 10 }, (_, index) => seq - 9 + index),
      );
      await device.message('live');
      for (const { subscriber } of [last, some, since])
        expect(await subscriber.frames.next(({ data }) => data === 'live')).toMatchObject({ seq: seq + 1 });
      expect(since.subscriber.frames.all.filter(({ op }) => op === 'gap')).toEqual([]);
    }));

  it('a subscriber that connects to another node has its subscriptions, filters and pauses there', () =>
    unlessLate(ANSWER_MS, async (inTime) => {
      const [id, paused, site, sub] = ['dev-10', 'dev-10b', 'move', 's-10'].map(unique) as [
        ...[string, string, string, string],
      ];
      const device = await a.device(id);
      await a.device(`${site}.1`);
      const first = await a.subscriber(sub);
      await first.subscribe(id, paused);
      await first.ask('pause', [paused]);
      await first.ask('subscribe', [`${site}.*`]);
      await first.filterPages(`${site}.*`);
      const { second, welcome } = await inTime(async () => {
        const second = await Subscriber.connect(b.hub.subscriberPort, `?id=${sub}`);
        return { second, welcome: await second.welcome() };
      });
      expect(welcome).toMatchObject({ resumed: [id], resumedFilters: [`${site}.*`] });
      expect(await first.closed).toMatchObject({ code: 4004 });
      expect(await second.list()).toMatchObject({ [id]: 'active', [paused]: 'inactive' });
      await eventually('the device is followed', async () => (await device.message('ping')).skipped !== true);
      expect((await second.event(id)).device).toBe(id);
    }));

  it('a subscriber that comes back gets a gap for what was numbered before its node follows again', async () => {
    const device = await a.device('dev-11');
    await device.message('first');
    const first = await b.subscriber('s-11');
    await follow(first, 'dev-11');
    await device.message('before');
    expect(await first.event('dev-11')).toMatchObject({ data: 'before' });
    await first.drop();
    let from = 0;
    await eventually('nothing is sent to b', async () => {
      const { seq, skipped } = await device.message('missed');
      from = seq;
      return skipped === true;
    });
    const second = await Subscriber.connect(b.hub.subscriberPort, '?id=s-11');
    expect((await second.welcome()).resumed).toEqual(['dev-11']);
    let seq = 0;
    await eventually('b follows again', async () => {
      const ack = await device.message('after');
      seq = ack.seq;
      return ack.skipped !== true;
    });
    expect(await second.event('dev-11')).toMatchObject({ data: 'after', seq });
    expect(second.frames.all.filter(({ op }) => op === 'gap')).toEqual([
      { op: 'gap', device: 'dev-11', from, to: seq - 1, reason: 'cluster' },
    ]);
  });

  it('both are ready and connected', async () => {
    for (const node of [a, b])
      expect(await node.admin('GET', '/readyz')).toMatchObject({
        status: 200,
        body: { cluster: 'connected' },
      });
  });
});
