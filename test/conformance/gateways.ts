/** Section 12: gateways, which speak for many devices on one connection. */
import { describe, expect, it } from 'vitest';
import { enterBeforeExpiry, firstOf, whilePrompt } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import { Gateway, type Subscriber } from '../support/peers.ts';
import { upgradeAnswer } from '../support/raw-peer.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { dataOf, type MatrixRow, numbersFrom, type TestHub, uniqueId, useHub } from './harness.ts';

const ADMIN_TOKEN = 'canary-admin-token';
const BURST = 5;
const RATE = { DAT_DEVICE_RATE: '1', DAT_DEVICE_BURST: String(BURST) };
/** An allowance that was used up is not full again within this. */
const EMPTY_MS = (BURST - 1) * 1000;

const isOpen = (gateway: Gateway): Promise<unknown> => gateway.message(uniqueId('probe'), 'still open');

/** The states that the hub told of a device, in order. */
function statesOf(subscriber: Subscriber, device: string): unknown[] {
  return subscriber
    .events(device)
    .filter(({ source }) => source === 'hub')
    .map(({ data }) => (data as { readonly state: string }).state);
}

function toldState(subscriber: Subscriber, device: string, state: string): Promise<Frame> {
  return subscriber.frames.next(
    (frame) =>
      frame.op === 'event' &&
      frame.device === device &&
      frame.source === 'hub' &&
      (frame.data as { readonly state: string }).state === state,
  );
}

/** A gateway, two devices of its own that are online, and a subscriber that follows them. */
async function fleet(hub: TestHub, options: { readonly query?: string } = {}) {
  const [gw, one, two] = [uniqueId('gw'), uniqueId('dev'), uniqueId('dev')];
  const subscriber = await hub.subscriber();
  await subscriber.subscribe(one, two);
  const gateway = await hub.gateway(gw, options);
  for (const device of [one, two]) {
    gateway.tell('open', device);
    await toldState(subscriber, device, 'online');
  }
  return { gw, gateway, one, two, subscriber };
}

export function gateways({ env }: MatrixRow): void {
  describe('a gateway', () => {
    const hub = useHub({ ...env, DAT_MAX_DEVICES_PER_GATEWAY: '1500' });
    const disconnects = async () => {
      const metrics = await hub.metrics();
      return ['1000', '1006', '4004'].map((code) =>
        metrics.value('dat_disconnects_total', { role: 'gateway', code }),
      );
    };

    it('is greeted with its id and the ping interval, before anything else', async () => {
      const gw = uniqueId('gw');
      const gateway = await hub.openGateway(gw);
      gateway.send({ type: 'message', device: uniqueId('dev'), id: 1 });
      expect(await gateway.frames.next()).toEqual({ op: 'welcome', gateway: gw, pingIntervalMs: 25_000 });
      expect(await gateway.frames.next()).toMatchObject({ op: 'ack', id: 1 });
    });

    it('needs an id, and takes no parameter but those it knows', async () => {
      const { devicePort } = hub.process;
      expect((await upgradeAnswer(devicePort, '/v1/gateway')).status).toBe(400);
      expect((await upgradeAnswer(devicePort, '/v1/gateway?id=no%20id')).status).toBe(400);
      expect((await upgradeAnswer(devicePort, '/v1/gateway?id=gw&devices=a')).status).toBe(400);
      expect((await upgradeAnswer(devicePort, '/v1/gateway?id=gw&interest=maybe')).status).toBe(400);
    });

    it("brings its devices' events to whoever follows them, as if each had its own connection", async () => {
      const { gateway, one, two, subscriber } = await fleet(hub);
      gateway.send({ type: 'message', device: one, data: { celsius: 21.5 } });
      gateway.send({ device: two, data: 2, status: 'charging', type: 'status', priority: 'low' });
      gateway.send({ type: 'pong', device: one });
      const sent = ({ op, source }: Frame) => op === 'event' && source === 'device';
      const events = [1, 2, 3].map(() => subscriber.frames.next(sent));
      const bySeq = (await Promise.all(events)).sort((a, b) => Number(a.seq) - Number(b.seq));
      expect(bySeq).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ device: one, seq: 2, type: 'message', data: { celsius: 21.5 } }),
          expect.objectContaining({
            device: two,
            seq: 2,
            type: 'status',
            status: 'charging',
            priority: 'low',
          }),
          expect.objectContaining({ device: one, seq: 3, type: 'pong', priority: 'low' }),
        ]),
      );
      expect((await hub.deviceEntry(two))?.status).toBe('charging');
    });

    it('connects a device by its first frame', async () => {
      const gw = uniqueId('gw');
      const gateway = await hub.gateway(gw);
      for (const frame of [{ type: 'message', data: 1 }, { type: 'status', status: 's' }, { type: 'pong' }]) {
        const dev = uniqueId('dev');
        expect(await gateway.publish(dev, frame)).toMatchObject({ op: 'ack', device: dev, skipped: true });
        expect(await hub.deviceEntry(dev)).toMatchObject({
          state: 'online',
          gateway: gw,
          connectedAt: expect.any(Number),
        });
      }
    });

    it('is named in the entry of a device only while it speaks for it', async () => {
      const { gw, gateway, one, subscriber } = await fleet(hub);
      expect(await hub.deviceEntry(one)).toMatchObject({ state: 'online', gateway: gw });
      gateway.tell('close', one);
      await toldState(subscriber, one, 'offline');
      expect(await hub.deviceEntry(one)).not.toHaveProperty('gateway');
      await hub.device(one);
      expect(await hub.deviceEntry(one)).not.toHaveProperty('gateway');
    });

    it('gets acks that name the device and its own numbers', async () => {
      const { gateway, one, two } = await fleet(hub);
      for (const n of numbersFrom(2, 3)) {
        expect(await gateway.message(one, n)).toEqual({
          op: 'ack',
          device: one,
          id: expect.any(String),
          seq: n,
        });
      }
      expect(await gateway.message(two, 'first')).toMatchObject({ device: two, seq: 2 });
    });

    it('keeps the order of each device', async () => {
      const { gateway, one, two, subscriber } = await fleet(hub);
      const numbers = numbersFrom(1, 300);
      for (const n of numbers)
        for (const device of [one, two]) gateway.send({ type: 'message', device, data: n });
      for (const device of [one, two]) {
        const { seq } = await gateway.message(device, 'end');
        await subscriber.frames.next((frame) => frame.device === device && frame.seq === seq);
        const data = dataOf(subscriber, device).filter((value) => typeof value === 'number');
        expect(data).toEqual(numbers);
      }
    });

    it('says goodbye for a device, which is offline at once and comes back by its next frame', async () => {
      const { gateway, one, two, subscriber } = await fleet(hub);
      gateway.send({ type: 'message', device: one, data: 'last words', id: 7 });
      gateway.tell('close', one);
      await toldState(subscriber, one, 'offline');
      // Over two threads, the ack may come a moment later than what the subscriber is told.
      const ack = await gateway.frames.next(({ id }) => id === 7);
      expect(ack).toEqual({ op: 'ack', device: one, id: 7, seq: 2 });
      expect((await hub.deviceEntry(two))?.state).toBe('online');
      expect((await gateway.message(one, 'back')).seq).toBe(5);
      await subscriber.frames.next(({ data }) => data === 'back');
      expect(statesOf(subscriber, one)).toEqual(['online', 'offline', 'online']);
    });

    it('may say goodbye for a device that is not there', async () => {
      const gateway = await hub.gateway();
      gateway.tell('close', uniqueId('dev'));
      await isOpen(gateway);
      expect(gateway.frames.all.filter(({ op }) => op === 'error')).toEqual([]);
    });

    it('loses a device that connects by itself, and gets 103 for it until it opens it', async () => {
      const { gateway, one, two, subscriber } = await fleet(hub);
      const device = await hub.connectDevice(one);
      expect(await gateway.taken(one)).toEqual({ op: 'closed', device: one, code: 4004 });
      for (const frame of [{ type: 'message', data: 'stolen' }, { type: 'pong' }, { op: 'close' }]) {
        expect(await gateway.ask(one, frame)).toMatchObject({ op: 'error', device: one, code: 103 });
      }
      await device.message('mine');
      await gateway.message(two, 'not concerned');
      gateway.tell('open', one);
      expect((await device.closed).code).toBe(4004);
      await gateway.message(one, 'taken back');
      await subscriber.frames.next(({ data }) => data === 'taken back');
      expect(dataOf(subscriber, one).slice(1)).toEqual(['mine', 'taken back']);
      expect(statesOf(subscriber, one)).toEqual(['online']);
    });

    it('takes a device from its own connection, which is closed with 4004', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const gateway = await hub.gateway();
      await gateway.message(dev, 'by the gateway');
      expect((await device.closed).code).toBe(4004);
      await subscriber.event(dev);
      expect(statesOf(subscriber, dev)).toEqual([]);
    });

    it('takes a device from another gateway', async () => {
      const { gateway, one, subscriber } = await fleet(hub);
      const gw = uniqueId('gw');
      const other = await hub.gateway(gw);
      await other.message(one, 'over here');
      expect(await gateway.taken(one)).toMatchObject({ code: 4004 });
      expect(await hub.deviceEntry(one)).toMatchObject({ gateway: gw });
      expect(await gateway.ask(one, { type: 'pong' })).toMatchObject({ code: 103 });
      gateway.tell('open', one);
      expect(await other.taken(one)).toMatchObject({ code: 4004 });
      expect(statesOf(subscriber, one)).toEqual(['online']);
    });

    it('is replaced by a newer connection of its id, and its devices are not called offline', async () => {
      const { gw, gateway, one, two, subscriber } = await fleet(hub);
      const [, , before] = await disconnects();
      const newer = await hub.gateway(gw);
      expect((await gateway.closed).code).toBe(4004);
      await eventually('it is counted', async () => (await disconnects())[2] === before! + 1);
      await eventually(
        'its devices are lost',
        async () => (await hub.deviceEntry(two))?.gateway === undefined,
      );
      expect((await hub.deviceEntry(two))?.state).toBe('online');
      await newer.message(one, 'again');
      await newer.message(two, 'again');
      expect(newer.frames.all.some(({ op }) => op === 'closed')).toBe(false);
      expect([statesOf(subscriber, one), statesOf(subscriber, two)]).toEqual([['online'], ['online']]);
    });

    it('is no device: an id may be used by both', async () => {
      const id = uniqueId('both');
      const gateway = await hub.gateway(id);
      const device = await hub.device(id);
      await gateway.message(uniqueId('dev'), 1);
      await device.message(1);
      expect(await hub.deviceEntry(id)).not.toHaveProperty('gateway');
    });

    it('is told of a device that an operator terminates, and of nothing else', async () => {
      const { gateway, one, two, subscriber } = await fleet(hub);
      expect((await hub.admin('DELETE', `/v1/devices/${one}`)).status).toBe(200);
      expect(await gateway.taken(one)).toEqual({ op: 'closed', device: one, code: 4009 });
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        devices: [one],
        code: 122,
      });
      expect(await gateway.ask(one, { type: 'pong' })).toMatchObject({ code: 103 });
      await gateway.message(two, 'goes on');
      gateway.tell('open', one);
      expect(await gateway.message(one, 'anew')).toMatchObject({ seq: 0, skipped: true });
    });

    it('may ask whether anybody listens to its devices', async () => {
      const { gateway, one, subscriber } = await fleet(hub, { query: '&interest=true' });
      const next = (device: string) =>
        gateway.frames.next((frame) => frame.op === 'interest' && frame.device === device);
      expect(await next(one)).toEqual({ op: 'interest', device: one, active: true });
      const dev = uniqueId('dev');
      gateway.tell('open', dev);
      expect(await next(dev)).toEqual({ op: 'interest', device: dev, active: false });
      await subscriber.subscribe(dev);
      expect(await next(dev)).toEqual({ op: 'interest', device: dev, active: true });
    });

    it('may not speak for more devices than the limit', async () => {
      const gateway = await hub.gateway();
      const prefix = uniqueId('many');
      for (const n of numbersFrom(1, 1500)) gateway.tell('open', `${prefix}.${n}`);
      expect(await gateway.ask(`${prefix}.1501`, { type: 'pong' })).toMatchObject({
        op: 'error',
        code: 106,
        device: `${prefix}.1501`,
      });
      await gateway.message(`${prefix}.1500`, 'the last that fits');
      gateway.tell('close', `${prefix}.1`);
      await gateway.message(`${prefix}.1501`, 'fits now');
      await gateway.drop();
      await eventually('all are lost', async () => {
        const entries = await Promise.all([1500, 1501].map((n) => hub.deviceEntry(`${prefix}.${n}`)));
        return entries.every((entry) => entry?.gateway === undefined && entry?.state === 'online');
      });
    });

    it('gives each device the size limit of a frame, and is closed beyond it', async () => {
      const gateway = await hub.gateway();
      gateway.send({ type: 'message', device: uniqueId('dev'), data: 'x'.repeat(70_000) });
      expect((await gateway.closed).code).toBe(4000);
    });

    const badFrames: readonly [what: string, text: string, id?: unknown][] = [
      ['no JSON', 'hello'],
      ['an empty text', ''],
      ['a list', '[]'],
      ['no device', '{"type":"message","data":1,"id":3}', 3],
      ['no device to open', '{"op":"open"}'],
      ['a device that is a number', '{"type":"message","device":7,"id":"x"}', 'x'],
      ['a device that is null', '{"type":"message","device":null}'],
      ['an empty device', '{"type":"message","device":""}'],
      ['a device with a blank', '{"type":"message","device":"dev 1"}'],
      ['a device of 129 characters', `{"type":"message","device":"${'d'.repeat(129)}"}`],
      ['a device that is ..', '{"type":"message","device":".."}'],
    ];

    it.each(badFrames)('gets 107 for %s, and stays', async (_what, text, id) => {
      const gateway = await hub.gateway();
      gateway.sendText(text);
      const error = await gateway.error();
      expect(error).toMatchObject({ op: 'error', code: 107, message: expect.any(String) });
      expect(error.id).toEqual(id);
      expect(error).not.toHaveProperty('device');
      await isOpen(gateway);
    });

    const badEvents: readonly [what: string, frame: object, code: number][] = [
      ['no type', { data: 1 }, 107],
      ['an unknown type', { type: 'event' }, 107],
      ['an unknown priority', { type: 'message', priority: 'urgent' }, 107],
      ['a status event without status', { type: 'status' }, 107],
      ['an unknown op', { op: 'shut' }, 104],
      ['an op that is no text', { op: 1, type: 'message' }, 104],
    ];

    it.each(badEvents)('gets an error that names the device for %s', async (_what, frame, code) => {
      const gateway = await hub.gateway();
      const dev = uniqueId('dev');
      expect(await gateway.ask(dev, frame)).toMatchObject({ op: 'error', code, device: dev });
      expect(await hub.deviceEntry(dev)).toBeUndefined();
      await gateway.message(dev, 1);
      expect(await gateway.ask(dev, frame)).toMatchObject({ op: 'error', code, device: dev });
    });

    it('takes a device whose id is written with escapes, and the last of two', async () => {
      const gateway = await hub.gateway();
      const dev = uniqueId('dev');
      const written = dev.replace('d', '\\u0064');
      gateway.sendText(`{"device":"other","device":"${written}","type":"message","data":1,"id":1}`);
      expect(await gateway.frames.next(({ op }) => op === 'ack')).toMatchObject({ device: dev, id: 1 });
    });

    it('gets 107 for a binary frame, and stays', async () => {
      const gateway = await hub.gateway();
      gateway.sendBinary(Buffer.from([2, 1, 2, 3]));
      expect(await gateway.error()).toMatchObject({ code: 107 });
      await isOpen(gateway);
    });

    it('is counted as what it is', async () => {
      const value = async (name: string, labels: Record<string, string>) =>
        (await hub.metrics()).value(name, labels);
      const connections = () => value('dat_connections', { role: 'gateway' });
      const devices = await value('dat_connections', { role: 'device' });
      const [clean] = await disconnects();
      const before = await connections();
      const { gateway } = await fleet(hub);
      expect(await connections()).toBe(before + 1);
      expect(await value('dat_connections', { role: 'device' })).toBe(devices);
      await gateway.close(1000);
      await eventually('it is gone', async () => (await connections()) === before);
      await eventually('its goodbye is counted', async () => (await disconnects())[0] === clean! + 1);
    });
  });

  describe('the costs of a gateway', () => {
    const hub = useHub({ ...env, ...RATE });

    it('are those of each device: one that asks for too much does not hinder another', async () => {
      const gateway = await hub.gateway();
      const [one, two] = [uniqueId('dev'), uniqueId('dev')];
      for (const n of numbersFrom(1, BURST)) await gateway.message(one, n);
      // Its allowance grows meanwhile, on a busy host by more than one event before the next is there.
      const refusal = await eventually('it asks for too much', async () => {
        const answer = await gateway.ask(one, { type: 'pong' });
        return answer.op === 'error' && answer;
      });
      expect(refusal).toMatchObject({ device: one, code: 111, retryAfterMs: expect.any(Number) });
      await gateway.message(two, 'not concerned');
    });

    it('belong to the id of the device, however it connects', async () => {
      const gateway = await hub.gateway();
      const codes = await firstOf('the allowance was full again', async () => {
        const dev = uniqueId('dev');
        const since = performance.now();
        for (const n of numbersFrom(1, BURST)) await gateway.message(dev, n);
        gateway.tell('close', dev);
        await eventually('it has left', async () => (await hub.deviceEntry(dev))?.state === 'offline');
        const device = await hub.connectDevice(dev);
        for (const id of numbersFrom(1, BURST)) device.send({ type: 'pong', id });
        const answers = await device.frames.take(BURST, ({ id }) => id !== undefined);
        return performance.now() - since < EMPTY_MS ? answers.map(({ code }) => code) : undefined;
      });
      expect(codes).toContain(111);
    });

    it('are its own for frames that name no valid device', async () => {
      const isOverRate = ({ code }: Frame) => code === 111;
      const { refusals, prefix } = await firstOf('the allowance was full again', async () => {
        const gateway = await hub.gateway();
        const dev = uniqueId('dev');
        const since = performance.now();
        await gateway.message(dev, 'connected');
        for (let sent = 0; sent < 2 * BURST; sent++) gateway.sendText('{"type":"message"}');
        await gateway.message(dev, 'the allowance of the device is its own');
        // Connecting a device costs the gateway a fiftieth: without the bad frames it could connect 250.
        const prefix = uniqueId('many');
        for (const n of numbersFrom(1, 200)) gateway.tell('open', `${prefix}.${n}`);
        await gateway.message(dev, 'answered behind all of that');
        const refusals = gateway.frames.all.filter(isOverRate);
        return performance.now() - since < EMPTY_MS ? { refusals, prefix } : undefined;
      });
      const retry = { op: 'error', retryAfterMs: expect.any(Number) };
      const own = refusals.filter(({ device }) => device === undefined);
      expect(own[0]).toMatchObject(retry);
      const ofDevices = refusals.filter(({ device }) => device !== undefined);
      expect(ofDevices[0]).toMatchObject({ ...retry, device: expect.stringMatching(prefix) });
    });

    it('close a gateway with 4101 that floods the hub with bad frames', async () => {
      const gateway = await hub.gateway();
      const flood = setInterval(() => {
        for (let sent = 0; sent < 40; sent++) gateway.sendBinary(Buffer.from([2]));
      }, 20);
      const { code } = await gateway.closed.finally(() => clearInterval(flood));
      expect(code).toBe(4101);
    });

    it('take a device with 4101 from it that is far over its rate, and leave the others', async () => {
      const { gateway, one } = await firstOf('the hub read them slowly enough', async () => {
        const gateway = await hub.gateway();
        const [one, two] = [uniqueId('dev'), uniqueId('dev')];
        for (let sent = 0; sent < 40; sent++) gateway.send({ type: 'message', device: one, data: sent });
        await gateway.message(two, 'not concerned'); // answered behind all of that
        return gateway.frames.all.some(({ op }) => op === 'closed') ? { gateway, one } : undefined;
      });
      expect(await gateway.taken(one)).toEqual({ op: 'closed', device: one, code: 4101 });
    });
  });

  describe('a gateway with a token', () => {
    const hub = useHub({ ...env, DAT_AUTH_JWT_SECRET: SECRET, DAT_ADMIN_TOKEN: ADMIN_TOKEN });
    const connect = async (claims: object, options = {}) => {
      const gw = uniqueId('gw');
      const token = await tokenFor({ sub: gw, role: 'gateway', ...claims }, options);
      const gateway = await Gateway.connect(hub.process.devicePort, '', { token });
      return { gw, gateway };
    };
    const entry = async (device: string) =>
      (await hub.admin('GET', `/v1/devices/${device}`, undefined, { token: ADMIN_TOKEN })).status;

    it('has the id of the token, and no other role gets in', async () => {
      const { gw, gateway } = await connect({});
      expect(await gateway.welcome()).toMatchObject({ gateway: gw });
      for (const role of ['device', 'subscriber', 'admin']) {
        const token = await tokenFor({ sub: 'gw', role });
        expect((await upgradeAnswer(hub.process.devicePort, `/v1/gateway?token=${token}`)).status).toBe(403);
      }
      expect((await upgradeAnswer(hub.process.devicePort, '/v1/gateway?id=gw')).status).toBe(401);
      const token = await tokenFor({ sub: 'gw', role: 'gateway' });
      expect((await upgradeAnswer(hub.process.devicePort, `/v1/gateway?token=${token}&id=x`)).status).toBe(
        403,
      );
      expect((await upgradeAnswer(hub.process.devicePort, `/v1/device?token=${token}`)).status).toBe(403);
    });

    it('speaks for the devices that the token names, and gets 103 for any other', async () => {
      const site = uniqueId('site');
      const { gateway } = await connect({ devices: [`${site}.*`, `${site}-meter`] });
      await gateway.message(`${site}.1`, 1);
      await gateway.message(`${site}-meter`, 1);
      for (const frame of [{ type: 'message', data: 1 }, { op: 'open' }, { op: 'close' }]) {
        const foreign = uniqueId('foreign');
        expect(await gateway.ask(foreign, frame)).toMatchObject({ op: 'error', device: foreign, code: 103 });
        expect(await entry(foreign)).toBe(404);
      }
    });

    it('speaks for any device when the token names none, and for nothing when its list is empty', async () => {
      const any = await connect({});
      await any.gateway.message(uniqueId('dev'), 1);
      const none = await connect({ devices: [] });
      expect(await none.gateway.ask(uniqueId('dev'), { type: 'pong' })).toMatchObject({ code: 103 });
    });

    it('is closed with 4202 when the token expires', async () => {
      const { gateway } = await enterBeforeExpiry((expiresIn) => connect({}, { expiresIn }));
      expect((await gateway.closed).code).toBe(4202);
    });
  });

  describe('when the owner thread dies, a gateway', () => {
    const hub = useHub({ ...env, DAT_FAULT_INJECTION: 'true' });

    it('keeps its devices, their numbers and its place', async () => {
      const { gw, gateway, one, two, subscriber } = await fleet(hub);
      await gateway.message(one, 'before');
      const restarts = async () =>
        (await hub.metrics()).value('dat_worker_restarts_total', { role: 'owner' });
      await hub.admin('POST', '/v1/faults', { thread: 'owner', how: 'terminate' });
      await eventually(
        'another took over',
        async () => (await restarts()) === 1 && (await hub.admin('GET', '/readyz')).status === 200,
      );
      expect((await gateway.message(one, 'after')).seq).toBe(3);
      expect((await gateway.message(two, 'after')).seq).toBe(2);
      expect(await hub.deviceEntry(one)).toMatchObject({ state: 'online', gateway: gw });
      expect([statesOf(subscriber, one), statesOf(subscriber, two)]).toEqual([['online'], ['online']]);
      await hub.connectDevice(one);
      expect(await gateway.taken(one)).toMatchObject({ code: 4004 });
      await hub.gateway(gw);
      expect((await gateway.closed).code).toBe(4004);
    });
  });
}

const GRACE_MS = 700;
const STALE_MS = 2000;

/** In a hub with short timers; the tests wait beside each other. */
export function gatewayTimers({ env }: MatrixRow): void {
  describe('the devices behind a gateway', () => {
    const hub = useHub({
      ...env,
      DAT_DEVICE_LEAVE_GRACE_MS: String(GRACE_MS),
      DAT_DEVICE_STALE_AFTER_MS: String(STALE_MS),
      DAT_PING_INTERVAL_MS: '100',
    });

    it.each([
      ['without a close frame', (gateway: Gateway) => gateway.drop()],
      ['with 1000', (gateway: Gateway) => gateway.close(1000)],
    ] as const)('are lost when its connection ends %s, and offline after the grace', async (_how, end) => {
      const { one, two, subscriber, state } = await firstOf('the grace was over at once', async () => {
        const all = await fleet(hub);
        const since = performance.now();
        await end(all.gateway);
        const lost = await eventually('it is seen', async () => {
          const entry = await hub.deviceEntry(all.one);
          return entry?.gateway === undefined && entry;
        });
        return performance.now() - since < GRACE_MS ? { ...all, state: lost.state } : undefined;
      });
      expect(state).toBe('online');
      for (const device of [one, two]) await toldState(subscriber, device, 'offline');
    });

    it('are not called offline when the gateway is back within the grace', async () => {
      const { one, subscriber } = await firstOf('the gateway was back too late', async () => {
        const all = await fleet(hub);
        const since = performance.now();
        await all.gateway.drop();
        const again = await hub.gateway(all.gw);
        await again.message(all.one, 'back');
        const isInTime = performance.now() - since < GRACE_MS;
        await all.subscriber.frames.next(({ data }) => data === 'back');
        const wasSilent = statesOf(all.subscriber, all.one).includes('stale');
        return isInTime && !wasSilent ? all : undefined;
      });
      await toldState(subscriber, one, 'stale'); // long after the grace
      expect(statesOf(subscriber, one)).toEqual(['online', 'stale']);
    });

    it('are stale by their own silence: the pongs of the gateway are not theirs, nor are frames of others', () =>
      whilePrompt(STALE_MS / 2, async () => {
        const { gateway, one, two, subscriber } = await fleet(hub);
        const talking = setInterval(() => gateway.send({ type: 'pong', device: two }), 200);
        await toldState(subscriber, one, 'stale').finally(() => clearInterval(talking));
        expect(statesOf(subscriber, two)).toEqual(['online']);
        expect((await hub.deviceEntry(one))?.state).toBe('stale');
        gateway.send({ type: 'pong', device: one });
        await toldState(subscriber, one, 'online');
      }));
  });
}
