/** Hubs as processes, of which some die or stand still, and a NATS server that goes away: what peers see of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { Subscriber } from '../support/peers.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { follow, isLongRun, NOBODY_IS_LOST, type Node, startNode } from './support/hub-cluster.ts';
import { NatsServer, natsServerPath, natsUrl } from './support/nats-server.ts';

/** To be called lost, to connect to NATS again, and to join, on a busy host. */
const SETTLE_MS = 60_000;
const suite = natsServerPath === undefined ? describe.skip : describe;

suite('a cluster of hubs', () => {
  let folder: string;
  let nats: NatsServer;
  let proxy: TcpProxy;
  let a: Node;
  /** Behind the proxy. */
  let b: Node;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
    nats = await NatsServer.start(folder);
    proxy = await TcpProxy.start(nats.port);
    [a, b] = await Promise.all([startNode(nats.url, 'a'), startNode(natsUrl(proxy.port), 'b')]);
  });

  afterEach(async () => {
    await Promise.all([a.hub.kill(), b.hub.kill()]);
    await proxy.stop();
    await nats.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const isIn = (node: Node, state: string) =>
    eventually(
      `${node.name} is ${state}`,
      async () => {
        const { status, body } = await node.admin('GET', '/readyz');
        return status === 200 && (body as { cluster?: string }).cluster === state;
      },
      SETTLE_MS,
    );

  it('tells that a node is lost, and goes on when the device is back elsewhere', async () => {
    const device = await a.device('dev-1');
    const { seq } = await device.message(1);
    const subscriber = await b.subscriber('s-1');
    const { epoch } = await follow(subscriber, 'dev-1');
    await a.hub.kill();
    const lost = await subscriber.event('dev-1');
    expect(lost).toMatchObject({ data: { state: 'offline', reason: 'node lost' }, seq: 0, source: 'hub' });
    const back = await b.device('dev-1');
    const told = await subscriber.frames.next(({ op }) => op === 'subscribed');
    const [entry] = told.devices as { epoch: string; seq: number }[];
    expect(entry!.epoch).not.toBe(epoch);
    const { seq: again } = await back.message(2);
    expect(await subscriber.frames.next(({ data }) => data === 2)).toMatchObject({ seq: again });
    expect(again).toBeLessThanOrEqual(seq + 2);
  });

  it('goes on without NATS, and joins followers again when it is back', async () => {
    const there = await a.device('dev-2');
    const here = await b.device('dev-3');
    for (const device of [there, here]) await device.message('before'); // their homes are known
    const subscriber = await b.subscriber('s-2');
    for (const id of ['dev-2', 'dev-3']) await follow(subscriber, id);
    const { seq } = await there.message(1);
    expect(await subscriber.event('dev-2')).toMatchObject({ data: 1, seq });
    await nats.kill();
    await isIn(a, 'disconnected');
    await isIn(b, 'disconnected');
    await here.message('local');
    await subscriber.frames.next(({ data }) => data === 'local');
    const refused = await b.admin('PUT', '/v1/devices/dev-3/subscribers/s-2', { body: { status: 'deny' } });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
    await there.message('missed');
    await nats.start();
    await isIn(a, 'connected');
    await isIn(b, 'connected');
    await there.message('after');
    // Not its state: where one node is back long before the other, it calls that one lost.
    const message = () =>
      subscriber.frames.next(({ device, type }) => device === 'dev-2' && type === 'message');
    expect(await message()).toMatchObject({ data: 'missed', seq: seq + 1 });
    expect(await message()).toMatchObject({ data: 'after', seq: seq + 2 });
    const denied = await a.operate('PUT', '/v1/devices/dev-3/subscribers/s-2', { body: { status: 'deny' } });
    expect(denied).toMatchObject({ status: 200 });
  });

  it('a node that wakes after it was called lost gives way, and delivers nothing twice', async () => {
    let attempts = 0;
    await firstOf('b did not hear within a second that the device answers it', async () => {
      const id = `dev-4-${++attempts}`;
      const device = await a.device(id);
      await device.message(1);
      const subscriber = await b.subscriber(`s-${id}`);
      await follow(subscriber, id);
      const { seq } = await device.message(2);
      expect(await subscriber.event(id)).toMatchObject({ data: 2, seq });
      a.hub.signal('SIGSTOP');
      expect(await subscriber.event(id)).toMatchObject({
        data: { state: 'offline', reason: 'node lost' },
      });
      const moved = await b.device(id);
      await moved.message(3);
      expect(await subscriber.frames.next(({ data }) => data === 3)).toBeDefined();
      a.hub.signal('SIGCONT');
      const { code } = await Promise.race([device.closed, moved.closed]);
      expect(code).toBe(4200);
      if (moved.frames.isOver) return undefined;
      await moved.message(4);
      expect(await subscriber.frames.next(({ data }) => data === 4)).toBeDefined();
      const messages = subscriber.events(id).filter(({ type }) => type === 'message');
      expect(messages.map(({ data }) => data)).toEqual([2, 3, 4]);
      return true;
    });
  });

  it('a subscriber that is deleted while its node stands still does not come back with it', async () => {
    const subscriber = await a.subscriber('s-11');
    await subscriber.subscribe('dev-11');
    await subscriber.close(1000);
    expect(await a.admin('GET', '/v1/subscribers/s-11')).toMatchObject({ status: 200 });
    a.hub.signal('SIGSTOP');
    await eventually('a is lost', async () => {
      const { body } = await b.admin('GET', '/v1/cluster');
      return (body as { lost: string[] }).lost.includes('a');
    });
    expect(await b.operate('DELETE', '/v1/subscribers/s-11')).toMatchObject({
      status: 200,
      body: { subscriber: 's-11', removed: true, pendingNodes: ['a'] },
    });
    a.hub.signal('SIGCONT');
    await eventually('the subscriber is nowhere', async () => {
      const answers = await Promise.all([a, b].map((node) => node.admin('GET', '/v1/subscribers/s-11')));
      return answers.every((answer) => answer.status === 404);
    });
    await isIn(a, 'connected');
    const back = await Subscriber.connect(a.hub.subscriberPort, '?id=s-11');
    expect(await back.welcome()).toMatchObject({ resumed: [] });
    await back.close(1000);
  });

  it.each(isLongRun ? (['toServer', 'fromServer'] as const) : (['toServer'] as const))(
    'a node whose link is cut one way (%s) goes on by itself, and misses nothing in the end',
    async (direction) => {
      const there = await a.device('dev-8');
      const here = await b.device('dev-9');
      for (const device of [there, here]) await device.message('first'); // their homes are known
      const [onA, onB] = [await a.subscriber('s-8'), await b.subscriber('s-9')];
      for (const subscriber of [onA, onB]) for (const id of ['dev-8', 'dev-9']) await follow(subscriber, id);
      const heard = (subscriber: Subscriber, data: unknown) =>
        subscriber.frames.next((frame) => frame.data === data);
      await there.message('8: before');
      await here.message('9: before');
      for (const subscriber of [onA, onB])
        await Promise.all([heard(subscriber, '8: before'), heard(subscriber, '9: before')]);
      proxy.stopDirection(direction);
      expect(await onA.frames.next(({ source }) => source === 'hub')).toMatchObject({
        device: 'dev-9',
        seq: 0,
        data: { state: 'offline', reason: 'node lost' },
      });
      await isIn(b, 'disconnected');
      await there.message('8: missed');
      await here.message('9: missed');
      await Promise.all([heard(onA, '8: missed'), heard(onB, '9: missed')]);
      proxy.resume();
      proxy.cut();
      await isIn(b, 'connected');
      await Promise.all([heard(onB, '8: missed'), heard(onA, '9: missed')]);
      await there.message('8: after');
      await here.message('9: after');
      for (const subscriber of [onA, onB]) {
        await Promise.all([heard(subscriber, '8: after'), heard(subscriber, '9: after')]);
        for (const device of ['8', '9']) {
          const messages = subscriber.events(`dev-${device}`).filter(({ type }) => type === 'message');
          expect(messages.map(({ data }) => data)).toEqual(
            ['before', 'missed', 'after'].map((when) => `${device}: ${when}`),
          );
        }
        expect(subscriber.frames.all.some(({ op }) => op === 'gap')).toBe(false);
      }
    },
  );

  it.runIf(isLongRun)(
    'a node that stands still keeps waiting only those who ask for unknown devices',
    async () => {
      const asking = await Promise.all([1, 2, 3, 4].map((n) => b.subscriber(`s-asks-${n}`)));
      const local = await b.subscriber('s-local');
      await b.device('dev-10');
      const answered: string[] = [];
      a.hub.signal('SIGSTOP');
      const all = asking.map(async (subscriber, n) => {
        await subscriber.subscribe(...Array.from({ length: 1000 }, (_, device) => `nowhere-${n}-${device}`));
        answered.push('unknown');
      });
      await local.subscribe('dev-10');
      answered.push('local');
      await Promise.all(all);
      a.hub.signal('SIGCONT');
      // One after the other, each after a second, they would have kept the last.
      expect(answered.indexOf('local')).toBeLessThan(3);
    },
  );

  it('what operators set outlives every hub', async () => {
    expect(
      await a.operate('PUT', '/v1/devices/dev-5/subscribers/s-5', { body: { status: 'deny' } }),
    ).toMatchObject({ status: 200 });
    await Promise.all([a.hub.stop(), b.hub.stop()]);
    [a, b] = await Promise.all([startNode(nats.url, 'a'), startNode(nats.url, 'b')]);
    const subscriber = await b.subscriber('s-5');
    expect((await subscriber.subscribe('dev-5')).errors).toMatchObject([{ device: 'dev-5', code: 103 }]);
  });
});

suite('hubs that leave what they keep to each other', () => {
  let folder: string;
  let nats: NatsServer;
  let a: Node;
  let b: Node;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
    nats = await NatsServer.start(folder);
    // A node that is lost just then is left nothing.
    [a, b] = (await Promise.all(['a', 'b'].map((name) => startNode(nats.url, name, NOBODY_IS_LOST)))) as [
      Node,
      Node,
    ];
  });

  afterEach(async () => {
    await Promise.all([a.hub.kill(), b.hub.kill()]);
    await nats.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a rolling restart loses no subscription', async () => {
    const device = await b.device('dev-6');
    const subscriber = await a.subscriber('s-6');
    await subscriber.subscribe('dev-6', 'dev-7');
    await subscriber.drop();
    const { seq } = await device.message('while it is away');
    expect(await a.hub.stop()).toBe(0);
    const moved = await Subscriber.connect(b.hub.subscriberPort, '?id=s-6');
    expect((await moved.welcome()).resumed?.toSorted()).toEqual(['dev-6', 'dev-7']);
    await device.message('back');
    expect(await moved.frames.next(({ data }) => data === 'back')).toMatchObject({ seq: seq + 1 });
    await moved.drop();
    a = await startNode(nats.url, 'a', NOBODY_IS_LOST);
    expect(await b.hub.stop()).toBe(0);
    const again = await Subscriber.connect(a.hub.subscriberPort, '?id=s-6');
    expect((await again.welcome()).resumed?.toSorted()).toEqual(['dev-6', 'dev-7']);
    const returned = await a.device('dev-6');
    expect((await returned.message('on a')).seq).toBeGreaterThan(seq + 1);
    expect(await again.frames.next(({ data }) => data === 'on a')).toBeDefined();
  });
});
