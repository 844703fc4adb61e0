/** Section 7: what operators see and do over HTTP. */

import { describe, expect, it } from 'vitest';
import type { KeptSeries } from '../../src/admin/kept-figures.ts';
import type { KeptFiguresAnswer } from '../../src/admin/stats-schemas.ts';
import type { AdminAnswer } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { routesOf } from '../support/openapi.ts';
import { dataOf, type MatrixRow, marker, numbersFrom, type TestHub, uniqueId, useHub } from './harness.ts';

const TOKEN = 'a-token.of_the-operator~1';

/** Every route of the contract, with ids of nobody in it. */
const routes = [
  ['GET', '/metrics'],
  ['GET', '/openapi.json'],
  ['GET', '/v1/stats'],
  ['GET', '/v1/stats/history'],
  ['GET', '/v1/devices'],
  ['GET', '/v1/devices/nobody'],
  ['DELETE', '/v1/devices/nobody'],
  ['POST', '/v1/devices/nobody/events'],
  ['GET', '/v1/devices/nobody/subscribers'],
  ['PUT', '/v1/devices/nobody/subscribers/none'],
  ['DELETE', '/v1/devices/nobody/subscribers/none'],
  ['GET', '/v1/subscribers/none'],
  ['DELETE', '/v1/subscribers/none'],
  ['GET', '/v1/access/rules'],
  ['PUT', '/v1/access/rules'],
] as const;

const errorBody = (code: unknown = expect.stringMatching(/^[a-z_]+$/)) => ({
  error: { code, message: expect.any(String) },
});

function expectNotFound({ status, body, contentType }: AdminAnswer): void {
  expect(status).toBe(404);
  expect(body).toEqual(errorBody('not_found'));
  expect(contentType).toContain('application/json');
}

function expectBad({ status, body }: AdminAnswer, what?: string): void {
  expect(status, what).toBe(400);
  expect(body, what).toEqual(errorBody());
}

interface Page {
  readonly devices?: readonly { readonly device: string; readonly state: string }[];
  readonly subscribers?: readonly { readonly subscriber: string }[];
  readonly cursor: string | null;
}

/** Follows the cursor to the last page. */
async function pages(hub: TestHub, path: string, limit: number): Promise<Page[]> {
  const found: Page[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = `limit=${limit}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { status, body } = await hub.admin('GET', `${path}${path.includes('?') ? '&' : '?'}${query}`);
    expect(status).toBe(200);
    found.push(body as Page);
    cursor = (body as Page).cursor;
  }
  return found;
}

export function adminApi(row: MatrixRow): void {
  guarded(row);
  describe('the admin API', () => {
    const hub = useHub(row.env);
    health(hub);
    reading(hub);
    changing(hub);
  });
}

function guarded({ env }: MatrixRow): void {
  describe('DAT_ADMIN_TOKEN', () => {
    const hub = useHub({ ...env, DAT_ADMIN_TOKEN: TOKEN });

    it('is not asked for on the health routes', async () => {
      expect((await hub.admin('GET', '/livez')).status).toBe(200);
      expect((await hub.admin('GET', '/readyz')).status).toBe(200);
    });

    it('is asked for on every route of the contract, and on every other that the hub describes', async () => {
      const { body: document } = await hub.admin('GET', '/openapi.json', undefined, { token: TOKEN });
      const described = routesOf(document).filter(([, path]) => !['/livez', '/readyz'].includes(path));
      for (const [method, path] of [...routes, ...described]) {
        for (const request of [
          {},
          { token: 'wrong' },
          { token: `${TOKEN}x` },
          { token: TOKEN.slice(0, -1) },
          { headers: { authorization: `Basic ${TOKEN}` } },
          { headers: { authorization: TOKEN } },
        ]) {
          const { status, body } = await hub.admin(method, path, undefined, request);
          expect(status, `${method} ${path} ${JSON.stringify(request)}`).toBe(401);
          expect(body).toEqual(errorBody());
        }
      }
      for (const [method, path] of routes) {
        const { status } = await hub.admin(method, path, undefined, { token: TOKEN });
        expect(status, `${method} ${path}`).not.toBe(401);
      }
    });

    it('is not asked for by the other listeners', async () => {
      // hub.device() asks the admin API, which it may not.
      const device = await hub.connectDevice(uniqueId('dev'));
      const subscriber = await hub.subscriber();
      await subscriber.ask('list');
      expect(await device.message('hello')).toMatchObject({ op: 'ack' });
    });
  });
}

function health(hub: TestHub): void {
  it('answers 200 on the health routes', async () => {
    expect((await hub.admin('GET', '/livez')).status).toBe(200);
    expect((await hub.admin('GET', '/readyz')).status).toBe(200);
  });

  it('describes every route in /openapi.json', async () => {
    const { status, body } = await hub.admin('GET', '/openapi.json');
    expect(status).toBe(200);
    const { openapi, paths } = body as { openapi: string; paths: Record<string, Record<string, unknown>> };
    expect(openapi).toMatch(/^3\./);
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, '{}')}`),
    );
    const inContract = routes
      .filter(([, path]) => path !== '/openapi.json')
      .map(([method, path]) => `${method} ${path.replace('nobody', '{}').replace('none', '{}')}`);
    expect(described).toEqual(expect.arrayContaining([...inContract, 'GET /livez', 'GET /readyz']));
  });

  it('answers errors as JSON with a code and a message', async () => {
    expectNotFound(await hub.admin('GET', '/v1/nothing'));
    expectNotFound(await hub.admin('GET', '/nothing'));
    expectBad(await hub.admin('POST', '/v1/devices/d/events', undefined, { rawBody: '{"type":' }));
    const { status } = await hub.admin('POST', '/v1/devices/d/events', undefined, {
      rawBody: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect([400, 415]).toContain(status);
  });

  it('answers 400 to an id outside the grammar', async () => {
    for (const id of ['a%20b', 'a%2Fb', '%C3%A4', 'a%00']) {
      expectBad(await hub.admin('GET', `/v1/devices/${id}`), id);
      expectBad(await hub.admin('DELETE', `/v1/devices/${id}`), id);
      expectBad(await hub.admin('PUT', `/v1/devices/d/subscribers/${id}`, { status: 'deny' }), id);
      expectBad(await hub.admin('GET', `/v1/subscribers/${id}`), id);
    }
  });

  it('takes an id of 128 characters and no longer one', async () => {
    const [longest, longer] = ['x'.repeat(128), 'x'.repeat(129)];
    expect((await hub.setRow(longest, longest, { status: 'allow' })).body).toMatchObject({
      subscriber: longest,
    });
    expect((await hub.admin('GET', `/v1/devices/${longest}`)).body).toMatchObject({ device: longest });
    for (const path of [
      `/v1/devices/${longer}`,
      `/v1/subscribers/${longer}`,
      `/v1/devices/d/subscribers/${longer}`,
    ]) {
      const { status, body } = await hub.admin('DELETE', path);
      expect([400, 414], path).toContain(status);
      expect(body, path).toEqual(errorBody());
    }
  });

  it('tells counts, rates, threads and capacity in /v1/stats', async () => {
    await hub.pair();
    const { status, body } = await hub.admin('GET', '/v1/stats');
    expect(status).toBe(200);
    expect(Object.keys(body as object).length).toBeGreaterThan(3);
    expect(JSON.stringify(body)).toMatch(/rate|perSecond/i);
    expect(JSON.stringify(body)).toMatch(/thread/i);
    expect(JSON.stringify(body)).toMatch(/capacity/i);
  });

  it('keeps figures of the seconds before in /v1/stats/history', async () => {
    const { device, subscriber } = await hub.pair();
    const kept = await eventually('the second of an event is over', async () => {
      await marker(device, subscriber); // again and again: on a busy host, five seconds are soon over
      const { status, body } = await hub.admin('GET', '/v1/stats/history?seconds=5');
      expect(status).toBe(200);
      const { at, series } = body as KeptFiguresAnswer;
      const isIn = (name: KeptSeries) => series[name].some((value) => value !== null && value > 0);
      return isIn('receivedMessage') && isIn('deliveries') && { at, series };
    });
    expect(kept.at.length).toBeLessThanOrEqual(5);
    expect(kept.at).toEqual([...kept.at].sort((one, other) => one - other));
    expect(Math.abs(kept.at.at(-1)! - Date.now())).toBeLessThan(60_000);
    for (const values of Object.values(kept.series)) expect(values).toHaveLength(kept.at.length);
    expect(kept.series.deviceConnections.at(-1)).toBeGreaterThan(0);
  });
}

function reading(hub: TestHub): void {
  it('tells of a device what the contract names', async () => {
    const { dev, device, subscriber } = await hub.pair();
    await hub.setRow(dev, uniqueId('sub'), { status: 'allow' });
    await hub.setRow(dev, uniqueId('sub'), { status: 'deny' });
    await (await hub.witness(dev)).ask('pause');
    await device.publish({ type: 'status', status: 'charging' });
    await marker(device, subscriber);
    const { status, body } = await hub.admin('GET', `/v1/devices/${dev}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      device: dev,
      state: 'online',
      status: 'charging',
      lastSeen: expect.any(Number),
      connectedAt: expect.any(Number),
      seq: 2,
      epoch: expect.any(String),
      subscribers: { active: 1, inactive: 1, allow: 1, deny: 1 },
    });
    const { lastSeen, connectedAt } = body as { lastSeen: number; connectedAt: number };
    for (const at of [lastSeen, connectedAt]) {
      expect(at).toBeGreaterThan(Date.now() - 120_000);
      expect(at).toBeLessThan(Date.now() + 1000);
    }
  });

  it('tells of a device that never connected', async () => {
    const dev = uniqueId('dev');
    await hub.witness(dev);
    expect(await hub.deviceEntry(dev)).toMatchObject({
      device: dev,
      state: 'offline',
      status: null,
      lastSeen: 0,
      seq: 0,
      subscribers: { active: 1, inactive: 0, allow: 0, deny: 0 },
    });
  });

  it('answers 404 for a device, a row or a subscriber that it does not know', async () => {
    const { dev, sub } = await hub.pair();
    const nobody = uniqueId('nobody');
    expectNotFound(await hub.admin('GET', `/v1/devices/${nobody}`));
    expectNotFound(await hub.admin('DELETE', `/v1/devices/${nobody}`));
    expectNotFound(await hub.admin('GET', `/v1/devices/${nobody}/subscribers`));
    expectNotFound(await hub.admin('POST', `/v1/devices/${nobody}/events`, { type: 'message', data: 1 }));
    expectNotFound(await hub.admin('DELETE', `/v1/devices/${dev}/subscribers/${nobody}`));
    expectNotFound(await hub.admin('DELETE', `/v1/devices/${nobody}/subscribers/${sub}`));
    expectNotFound(await hub.admin('GET', `/v1/subscribers/${nobody}`));
    expectNotFound(await hub.admin('DELETE', `/v1/subscribers/${nobody}`));
  });

  it('pages through all devices, each once', async () => {
    const mine = numbersFrom(1, 5).map(() => uniqueId('paged'));
    for (const dev of mine) await hub.device(dev);
    const found = await pages(hub, '/v1/devices', 2);
    for (const { devices = [] } of found) expect(devices.length).toBeLessThanOrEqual(2);
    const names = found.flatMap(({ devices = [] }) => devices.map(({ device }) => device));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(mine));
    const [one] = await pages(hub, '/v1/devices', 1000);
    expect(one?.devices?.map(({ device }) => device).sort()).toEqual([...names].sort());
  });

  it('lists the devices of one state', async () => {
    const [online, offline] = [uniqueId('dev'), uniqueId('dev')];
    await hub.device(online);
    await hub.witness(offline);
    for (const state of ['online', 'offline', 'stale']) {
      const found = (await pages(hub, `/v1/devices?state=${state}`, 3)).flatMap(
        ({ devices = [] }) => devices,
      );
      expect(found.filter((entry) => entry.state !== state)).toEqual([]);
      const names = found.map(({ device }) => device);
      expect(names.includes(online), state).toBe(state === 'online');
      expect(names.includes(offline), state).toBe(state === 'offline');
    }
  });

  it('answers 400 to a wrong limit, cursor or state', async () => {
    const { dev } = await hub.pair();
    for (const query of [
      'limit=0',
      'limit=-1',
      'limit=many',
      'limit=1.5',
      'cursor=%21not-a-cursor',
      'state=asleep',
    ]) {
      expectBad(await hub.admin('GET', `/v1/devices?${query}`), query);
    }
    for (const query of ['limit=0', 'limit=x', 'cursor=%21not-a-cursor']) {
      expectBad(await hub.admin('GET', `/v1/devices/${dev}/subscribers?${query}`), query);
    }
  });

  it('lists the rows of a device, with status, reason, last_seen, vip and connected', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const [paused, allowed] = [uniqueId('sub'), uniqueId('sub')];
    const second = await hub.subscriber({ id: paused });
    await second.subscribe(dev);
    await second.ask('pause');
    await hub.setRow(dev, allowed, { status: 'allow' });
    const rows = await hub.rows(dev);
    expect(rows).toHaveLength(3);
    expect(rows.find((row) => row.subscriber === sub)).toMatchObject({
      subscriber: sub,
      status: 'active',
      reason: null,
      lastSeen: expect.any(Number),
      vip: false,
      connected: true,
    });
    expect(rows.find((row) => row.subscriber === paused)).toMatchObject({
      status: 'inactive',
      reason: 'paused',
    });
    expect(rows.find((row) => row.subscriber === allowed)).toMatchObject({
      status: 'allow',
      connected: false,
      lastSeen: 0,
    });
    await subscriber.ask('list');
    const seen = (await hub.row(dev, sub))?.lastSeen ?? 0;
    expect(seen).toBeGreaterThan(Date.now() - 120_000);
    expect(seen).toBeLessThan(Date.now() + 1000);
  });

  it('pages through the rows of a device, each once', async () => {
    const dev = uniqueId('dev');
    const mine = numbersFrom(1, 5).map(() => uniqueId('sub'));
    for (const sub of mine) await hub.setRow(dev, sub, { status: 'allow' });
    const found = await pages(hub, `/v1/devices/${dev}/subscribers`, 2);
    expect(found.map(({ subscribers = [] }) => subscribers.length)).toEqual([2, 2, 1]);
    const names = found.flatMap(({ subscribers = [] }) => subscribers.map(({ subscriber }) => subscriber));
    expect(names.sort()).toEqual([...mine].sort());
  });

  it('tells the rows of a subscriber', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const denied = uniqueId('dev');
    await hub.setRow(denied, sub, { status: 'deny' });
    const { status, body } = await hub.admin('GET', `/v1/subscribers/${sub}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      subscriber: sub,
      connected: true,
      vip: false,
      lastSeen: expect.any(Number),
    });
    const { devices } = body as {
      devices: readonly { device: string; status: string; reason: string | null }[];
    };
    expect(devices).toHaveLength(2);
    expect(devices.find(({ device }) => device === dev)).toMatchObject({ status: 'active', reason: null });
    expect(devices.find(({ device }) => device === denied)).toMatchObject({ status: 'deny' });
    await subscriber.drop();
    await hub.rowBecomes(dev, sub, { connected: false });
    const later = (await hub.admin('GET', `/v1/subscribers/${sub}`)).body;
    expect(later).toMatchObject({ connected: false });
  });
}

function changing(hub: TestHub): void {
  it('terminates a device: 4009 for it, removed 122 for its subscribers, and no entry', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    const paused = await hub.witness(dev);
    await paused.ask('pause');
    expect((await hub.admin('DELETE', `/v1/devices/${dev}`)).status).toBeLessThan(300);
    expect((await device.closed).code).toBe(4009);
    for (const one of [subscriber, paused]) {
      expect(await one.frames.next(({ op }) => op === 'removed')).toMatchObject({
        op: 'removed',
        devices: [dev],
        code: 122,
        reason: expect.any(String),
      });
      expect(await one.list()).toEqual({});
    }
    expectNotFound(await hub.admin('GET', `/v1/devices/${dev}`));
    expect(await hub.row(dev, sub)).toBeUndefined();
    // A device of that id is a new one.
    await hub.device(dev);
    expect((await subscriber.subscribe(dev)).devices).toMatchObject([
      { device: dev, seq: 0, deviceStatus: null },
    ]);
  });

  it('terminates a device that is offline', async () => {
    const dev = uniqueId('dev');
    const subscriber = await hub.witness(dev);
    expect((await hub.admin('DELETE', `/v1/devices/${dev}`)).status).toBeLessThan(300);
    expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
      devices: [dev],
      code: 122,
    });
    expectNotFound(await hub.admin('GET', `/v1/devices/${dev}`));
  });

  it('publishes as the device and answers the seq', async () => {
    const { dev, device, subscriber } = await hub.pair();
    const path = `/v1/devices/${dev}/events`;
    await device.message('from the device');
    const { status, body } = await hub.admin('POST', path, { type: 'message', data: { by: ['operator'] } });
    expect(status).toBe(200);
    expect(body).toEqual({ seq: 2 });
    expect(await subscriber.frames.next(({ seq }) => seq === 2)).toMatchObject({
      op: 'event',
      device: dev,
      type: 'message',
      seq: 2,
      at: expect.any(Number),
      priority: 'normal',
      data: { by: ['operator'] },
    });
    for (const [type, priority] of [
      ['message', 'high'],
      ['pong', undefined],
      ['status', 'low'],
    ] as const) {
      await hub.admin('POST', path, { type, data: type, ...(priority === undefined ? {} : { priority }) });
      expect(await subscriber.frames.next(({ data }) => data === type)).toMatchObject({
        type,
        priority: priority ?? 'low',
      });
    }
    expect(await device.message('from the device again')).toMatchObject({ seq: 6 });
  });

  it('publishes as a device that is not connected', async () => {
    const dev = uniqueId('dev');
    const subscriber = await hub.witness(dev);
    expect((await hub.admin('POST', `/v1/devices/${dev}/events`, { type: 'message', data: 1 })).body).toEqual(
      { seq: 1 },
    );
    expect(await subscriber.event(dev)).toMatchObject({ seq: 1, data: 1 });
  });

  it('says when nobody listened to what it published', async () => {
    const dev = uniqueId('dev');
    await hub.device(dev);
    const answer = await hub.admin('POST', `/v1/devices/${dev}/events`, { type: 'message', data: 1 });
    expect(answer).toMatchObject({ status: 200, body: { seq: 0, skipped: true } });
  });

  it('answers 400 to an event that is none', async () => {
    const { dev } = await hub.pair();
    for (const body of [
      {},
      { type: 'event' },
      { type: 'message', data: 1, priority: 'urgent' },
      [],
      'message',
      null,
    ]) {
      expectBad(await hub.admin('POST', `/v1/devices/${dev}/events`, body), JSON.stringify(body));
    }
  });

  it('answers the row that it set', async () => {
    const { dev, sub } = await hub.pair();
    for (const status of ['inactive', 'active', 'deny', 'allow']) {
      const answer = await hub.setRow(dev, sub, { status });
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ subscriber: sub, status, vip: false, connected: true });
      expect(await hub.row(dev, sub)).toMatchObject({ status });
    }
  });

  it('sets vip beside the status, alone, and back', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    expect((await hub.setRow(dev, sub, { vip: true })).body).toMatchObject({
      subscriber: sub,
      status: 'active',
      vip: true,
    });
    await marker(device, subscriber);
    expect((await hub.setRow(dev, sub, { status: 'inactive', vip: false })).body).toMatchObject({
      status: 'inactive',
      vip: false,
    });
    expectNotFound(await hub.setRow(dev, uniqueId('sub'), { vip: true }));
  });

  it('makes a pair active by an operator', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const device = await hub.device(dev);
    const subscriber = await hub.subscriber({ id: sub });
    expect((await hub.setRow(dev, sub, { status: 'active' })).body).toMatchObject({
      status: 'active',
      connected: true,
    });
    expect(await subscriber.frames.next(({ op }) => op === 'status')).toMatchObject({
      devices: [dev],
      status: 'active',
    });
    await marker(device, subscriber);
    expect(await subscriber.list()).toEqual({ [dev]: 'active' });
  });

  it('answers 400 to a change of a row that is none', async () => {
    const { dev, sub } = await hub.pair();
    for (const change of [
      {},
      { status: 'none' },
      { status: 1 },
      { vip: 'yes' },
      { status: 'deny', vip: 1 },
    ]) {
      expectBad(await hub.setRow(dev, sub, change), JSON.stringify(change));
    }
    expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', vip: false });
  });

  it('removes a row, with removed to the subscriber', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    const { dev: other, device: otherDevice } = await hub.pair();
    await hub.witness(dev);
    await subscriber.subscribe(other);
    const path = `/v1/devices/${dev}/subscribers/${sub}`;
    expect((await hub.admin('DELETE', path)).status).toBeLessThan(300);
    await device.message('too late');
    expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
      devices: [dev],
      code: 103,
    });
    await marker(otherDevice, subscriber);
    expect(subscriber.events(dev)).toEqual([]);
    expect(await hub.row(dev, sub)).toBeUndefined();
    expectNotFound(await hub.admin('DELETE', path));
    // It was no denial.
    expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
  });

  it('removes a denied row, and the pair is free again', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    await hub.setRow(dev, sub, { status: 'deny' });
    expect((await hub.admin('DELETE', `/v1/devices/${dev}/subscribers/${sub}`)).status).toBeLessThan(300);
    expect((await subscriber.subscribe(dev)).errors).toEqual([]);
  });

  it('kicks a subscriber with 4005 and removes its rows', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    const other = uniqueId('dev');
    await subscriber.subscribe(other);
    expect((await hub.admin('DELETE', `/v1/subscribers/${sub}`)).status).toBeLessThan(300);
    expect((await subscriber.closed).code).toBe(4005);
    expect(await hub.row(dev, sub)).toBeUndefined();
    expect(await hub.row(other, sub)).toBeUndefined();
    expect(await device.message('nobody')).toMatchObject({ skipped: true });
    const again = await hub.openSubscriber({ id: sub });
    expect((await again.welcome()).resumed).toEqual([]);
  });

  it('keeps what operators set of a subscriber that is kicked, unless it is to be forgotten', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const [denied, allowed] = [uniqueId('dev'), uniqueId('dev')];
    await hub.setRow(denied, sub, { status: 'deny' });
    await hub.setRow(allowed, sub, { status: 'allow', vip: true });
    await subscriber.subscribe(allowed);
    expect((await hub.admin('DELETE', `/v1/subscribers/${sub}`)).status).toBeLessThan(300);
    expect((await subscriber.closed).code).toBe(4005);
    expect(await hub.row(dev, sub)).toBeUndefined();
    expect(await hub.row(denied, sub)).toMatchObject({ status: 'deny', vip: true, connected: false });
    expect(await hub.row(allowed, sub)).toMatchObject({ status: 'allow', vip: true });
    const again = await hub.openSubscriber({ id: sub });
    expect((await again.welcome()).resumed).toEqual([]);
    expect((await again.subscribe(denied)).errors).toMatchObject([{ code: 103 }]);
    expect(await hub.row(denied, sub)).toMatchObject({ vip: true });

    expect((await hub.admin('DELETE', `/v1/subscribers/${sub}?forget=true`)).status).toBeLessThan(300);
    expect((await again.closed).code).toBe(4005);
    for (const device of [dev, denied, allowed]) expect(await hub.row(device, sub)).toBeUndefined();
    const third = await hub.openSubscriber({ id: sub });
    expect((await third.subscribe(denied)).errors).toEqual([]);
    expect(await hub.row(denied, sub)).toMatchObject({ vip: false });
  });

  it('keeps a vip that has no subscription left', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    await hub.setRow(dev, sub, { vip: true });
    await hub.admin('DELETE', `/v1/subscribers/${sub}`);
    expect((await subscriber.closed).code).toBe(4005);
    const again = await hub.openSubscriber({ id: sub });
    await again.subscribe(dev);
    expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', vip: true });
  });

  it('lists subscribers with where they connect from and what they follow', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const other = await hub.subscriber({ id: `${sub}-binary`, protocols: ['dat.v1.binary'] });
    await other.subscribe(dev, uniqueId('dev'));
    const list = async () => {
      const { status, body } = await hub.admin('GET', `/v1/subscribers?search=${sub.toUpperCase()}&limit=10`);
      expect(status).toBe(200);
      return (body as { subscribers: { subscriber: string; connected: boolean }[] }).subscribers;
    };
    const listed = await list();
    expect(listed).toHaveLength(2);
    expect(listed.find((entry) => entry.subscriber === sub)).toMatchObject({
      connected: true,
      address: expect.stringContaining('127.0.0.1'),
      transport: 'websocket',
      encoding: 'json',
      queueBytes: 0,
      vip: false,
      subscriptions: { active: 1, inactive: 0, allow: 0, deny: 0 },
    });
    expect(listed.find((entry) => entry.subscriber === `${sub}-binary`)).toMatchObject({
      encoding: 'binary',
      connectedAt: expect.any(Number),
      subscriptions: { active: 2 },
    });
    await subscriber.drop();
    await eventually('it is seen to have gone', async () => (await list()).some((entry) => !entry.connected));
    expect((await list()).find((entry) => entry.subscriber === sub)).toMatchObject({
      connected: false,
      address: null,
      connectedAt: null,
      queueBytes: 0,
      subscriptions: { inactive: 1 },
    });
  });

  it('removes the rows of a subscriber that is not connected', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    await subscriber.drop();
    await hub.rowBecomes(dev, sub, { connected: false });
    expect((await hub.admin('DELETE', `/v1/subscribers/${sub}`)).status).toBeLessThan(300);
    expect(await hub.row(dev, sub)).toBeUndefined();
    await eventually(
      `${sub} is gone`,
      async () => (await hub.admin('GET', `/v1/subscribers/${sub}`)).status === 404,
    );
  });

  it('keeps events and what an operator did in order', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    await hub.witness(dev);
    for (let round = 0; round < 5; round++) {
      await device.message(`heard ${round}`);
      await hub.setRow(dev, sub, { status: 'inactive' });
      await device.message(`missed ${round}`);
      await hub.setRow(dev, sub, { status: 'active' });
    }
    await marker(device, subscriber);
    expect(dataOf(subscriber, dev).slice(0, 5)).toEqual(numbersFrom(0, 5).map((round) => `heard ${round}`));
  });
}
