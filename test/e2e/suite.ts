/** The wire contract as one suite, run over each transport and number of fan-out workers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectTo,
  type Env,
  freshId,
  Peer,
  type RunningHub,
  rawRequest,
  startHub,
  upgradeLines,
} from './harness.ts';

type To = ReturnType<typeof connectTo>;

function withHub(env: Env, tests: (hub: () => RunningHub, to: () => To) => void): void {
  let hub: RunningHub;
  beforeAll(async () => {
    hub = await startHub(env);
  });
  afterAll(async () => {
    await hub.stop();
  });
  tests(
    () => hub,
    () => connectTo(hub),
  );
}

const row = (device: string, subscriber: string): string => `/v1/devices/${device}/subscribers/${subscriber}`;

export function contract(name: string, env: Env): void {
  describe(`${name}: identity`, () => {
    withHub({ ...env, DAT_MAX_DEVICES: '64', DAT_ALLOWED_ORIGINS: 'https://good.example' }, (hub, to) => {
      it('refuses a bad id, a foreign origin, another path and another version at the upgrade', async () => {
        const { devicePort, subscriberPort } = hub();
        const statusOf = async (port: number, path: string, headers: string[] = [], version = 13) => {
          const { head, socket } = await rawRequest(port, upgradeLines(path, headers, version));
          socket.destroy();
          return Number(head.split(' ')[1]);
        };
        expect(await statusOf(devicePort, '/v1/device?id=a%20b')).toBe(400);
        expect(await statusOf(devicePort, '/v1/device')).toBe(400);
        expect(await statusOf(subscriberPort, `/v1/subscribe?id=${'x'.repeat(129)}`)).toBe(400);
        expect(await statusOf(subscriberPort, '/v1/subscribe?devices=a,,b')).toBe(400);
        expect(await statusOf(devicePort, '/nowhere?id=a')).toBe(404);
        expect(await statusOf(subscriberPort, '/nowhere')).toBe(404);
        expect(await statusOf(devicePort, '/v1/device?id=a', [], 8)).toBe(426);
        expect(await statusOf(subscriberPort, '/v1/subscribe', ['Origin: https://evil.example'])).toBe(403);
        expect(await statusOf(devicePort, '/v1/device?id=a', ['Origin: https://evil.example'])).toBe(403);
        expect(await statusOf(devicePort, '/v1/device?id=origin-ok', ['Origin: https://good.example'])).toBe(
          101,
        );
      });

      it('gives a subscriber without an id a generated one', async () => {
        const peer = new Peer(`ws://127.0.0.1:${hub().subscriberPort}/v1/subscribe`);
        expect((await peer.op('welcome')).subscriber).toMatch(/^[A-Za-z0-9._:~-]{1,128}$/);
        peer.ws.close();
      });

      it('lets a newer connection of the same device take over without a status event', async () => {
        const id = freshId('dev');
        const older = await to().device(id);
        const subscriber = await to().subscriber(freshId('s'), [id]);
        const newer = await to().device(id);
        expect((await older.closing()).code).toBe(4004);
        newer.send({ type: 'message', data: 1 });
        expect(await subscriber.event()).toMatchObject({ type: 'message', seq: 1, data: 1 });
      });

      it('lets a newer connection of the same subscriber take over and resumes its subscriptions', async () => {
        const id = freshId('dev');
        const name = freshId('s');
        const device = await to().device(id);
        const older = await to().subscriber(name, [id]);
        const newer = new Peer(`ws://127.0.0.1:${hub().subscriberPort}/v1/subscribe?id=${name}`);
        expect(await newer.op('welcome')).toMatchObject({ subscriber: name, resumed: [id] });
        expect((await older.closing()).code).toBe(4004);
        device.send({ type: 'message', data: 2 });
        expect((await newer.event()).data).toBe(2);
      });

      it('closes a device with 4100 when the table is full, and lets one in again when there is room', async () => {
        const peers = Array.from({ length: 70 }, () => {
          return new Peer(`ws://127.0.0.1:${hub().devicePort}/v1/device?id=${freshId('many')}`);
        });
        await expect.poll(() => peers.filter((peer) => peer.closed?.code === 4100).length).toBeGreaterThan(5);
        const full = await to().subscriber(freshId('s'));
        expect((await full.ask({ op: 'subscribe', devices: [freshId('one-more')] })).errors[0].code).toBe(
          106,
        );
        for (const peer of peers) peer.ws.terminate();
      });
    });
  });

  describe(`${name}: devices`, () => {
    withHub({ ...env, DAT_DEVICE_LEAVE_GRACE_MS: '600', DAT_MAX_MESSAGE_BYTES: '2048' }, (_hub, to) => {
      it('broadcasts messages, pongs and statuses with type, source, seq, at and priority', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        const subscriber = await to().subscriber(freshId('s'), [id]);
        device.send({ type: 'pong' });
        expect(await subscriber.event('pong')).toMatchObject({
          device: id,
          source: 'device',
          seq: 1,
          priority: 'low',
        });
        device.send('{ "priority" : "high", "data" : {"é":[1,2.50,"\\u00e9"]} , "type":"message"}');
        const message = await subscriber.event('message');
        expect(message).toMatchObject({ seq: 2, priority: 'high', data: { é: [1, 2.5, 'é'] } });
        expect(Math.abs(message.at - Date.now())).toBeLessThan(60_000);
        device.send({ type: 'status', status: 'chärging"', data: { volts: 4 } });
        expect(await subscriber.event('status')).toMatchObject({
          seq: 3,
          priority: 'high',
          status: 'chärging"',
          data: { volts: 4 },
        });
        const later = await to().subscriber(freshId('s'));
        const [snapshot] = (await later.ask({ op: 'subscribe', devices: [id] })).devices;
        expect(snapshot).toMatchObject({
          seq: 3,
          deviceStatus: 'chärging"',
          state: 'online',
          status: 'active',
        });
        expect(Math.abs(snapshot.lastSeen - Date.now())).toBeLessThan(60_000);
      });

      it('takes binary frames and hands the payload on as base64 or as bytes', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        const json = await to().subscriber(freshId('s'), [id]);
        const binary = await to().subscriber(freshId('s'), [id], ['dat.v1.binary']);
        expect(binary.ws.protocol).toBe('dat.v1.binary');
        device.send(Buffer.from([0x32, 0xff, 0x00, 0x01, 0x02]));
        expect(await json.event()).toMatchObject({
          type: 'message',
          priority: 'high',
          data64: '/wABAg==',
          seq: 1,
        });
        const frame: Buffer = await binary.next(Buffer.isBuffer, 'a binary frame');
        expect([frame[0], frame[1], frame.readUInt16LE(2), frame.readUInt32LE(4)]).toEqual([
          2,
          3,
          id.length,
          0,
        ]);
        expect(frame.readDoubleLE(8)).toBe(1);
        expect(frame.subarray(24, 24 + id.length).toString()).toBe(id);
        expect([...frame.subarray(24 + id.length)]).toEqual([255, 0, 1, 2]);
        device.send({ type: 'message', data: [true] });
        const second: Buffer = await binary.next(Buffer.isBuffer, 'a binary frame');
        expect(second[1]).toBe(2 | 8);
        expect(second.subarray(24 + id.length).toString()).toBe('[true]');
        device.send(Buffer.from([0x03, ...Buffer.from('näp')]));
        expect(await json.event('status')).toMatchObject({
          status: 'näp',
          data64: Buffer.from('näp').toString('base64'),
        });
      });

      it('acknowledges with the seq, or with skipped and the last seq when nobody listens', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        device.send({ type: 'message', id: 'a' });
        expect(await device.op('ack')).toEqual({ op: 'ack', id: 'a', seq: 0, skipped: true });
        const subscriber = await to().subscriber(freshId('s'), [id]);
        device.send({ type: 'message', id: 7 });
        expect(await device.op('ack')).toEqual({ op: 'ack', id: 7, seq: 1 });
        await subscriber.ask({ op: 'unsubscribe', devices: [id] });
        device.send({ type: 'status', status: 'x', id: 8 });
        expect(await device.op('ack')).toEqual({ op: 'ack', id: 8, seq: 1, skipped: true });
      });

      it.each([
        ['not JSON', '{"type":"message"'],
        ['an array', '[]'],
        ['no type', '{"data":1}'],
        ['an unknown type', '{"type":"shout"}'],
        ['an unknown priority', '{"type":"message","priority":"urgent"}'],
        ['a status without text', '{"type":"status"}'],
        ['a status too long', `{"type":"status","status":"${'x'.repeat(65)}"}`],
        ['an id that is an object', '{"type":"message","id":{}}'],
        ['an empty binary frame', Buffer.alloc(0)],
        ['an unknown binary type', Buffer.from([0x0f])],
      ])('answers %s with error 107 and keeps the connection', async (_what, frame) => {
        const device = await to().device(freshId('dev'));
        device.send(frame);
        expect(await device.op('error')).toMatchObject({ code: 107, message: expect.any(String) });
        device.send({ type: 'pong', id: 1 });
        await device.op('ack');
      });

      it('closes a device that sends a frame over the limit with 4000', async () => {
        const device = await to().device(freshId('dev'));
        device.send({ type: 'message', data: 'x'.repeat(3000) });
        expect((await device.closing()).code).toBe(4000);
      });

      it('is offline at once after a clean close, and only after the grace otherwise', async () => {
        const id = freshId('dev');
        const subscriber = await to().subscriber(freshId('s'), [id]);
        const first = await to().device(id);
        const online = await subscriber.event('status');
        expect(online).toMatchObject({ source: 'hub', data: { state: 'online' }, seq: 1 });
        first.ws.close(1000);
        expect(await subscriber.event('status')).toMatchObject({ source: 'hub', data: { state: 'offline' } });
        const second = await to().device(id);
        expect((await subscriber.event('status')).data.state).toBe('online');
        second.ws.terminate();
        const third = await to().device(id); // within the grace: nothing is broadcast
        third.send({ type: 'message', data: 'back' });
        expect(await subscriber.event()).toMatchObject({ type: 'message', data: 'back', seq: 4 });
        third.ws.terminate();
        expect(await subscriber.event()).toMatchObject({
          type: 'status',
          data: { state: 'offline' },
          seq: 5,
        });
      });
    });
  });

  describe(`${name}: subscribers`, () => {
    withHub({ ...env, DAT_DEVICE_RATE: '0' }, (_hub, to) => {
      it('answers subscribe for a device nobody has seen as offline and never seen', async () => {
        const id = freshId('dev');
        const subscriber = await to().subscriber(freshId('s'));
        expect(await subscriber.ask({ op: 'subscribe', devices: [id, id] })).toMatchObject({
          op: 'subscribed',
          devices: [{ device: id, status: 'active', state: 'offline', lastSeen: 0, seq: 0 }],
          errors: [],
        });
      });

      it('delivers nothing while paused and joins the snapshot to the stream on resume', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        const subscriber = await to().subscriber(freshId('s'), [id]);
        const other = await to().subscriber(freshId('s'), [id]);
        expect(await subscriber.ask({ op: 'pause' })).toMatchObject({ op: 'paused', devices: [id] });
        device.send({ type: 'message', data: 'unheard' });
        await other.event();
        expect((await subscriber.ask({ op: 'list' })).devices).toEqual([{ device: id, status: 'inactive' }]);
        const resumed = await subscriber.ask({ op: 'resume', devices: [id] });
        expect(resumed).toMatchObject({
          op: 'subscribed',
          devices: [{ device: id, status: 'active', seq: 1 }],
        });
        device.send({ type: 'message', data: 'heard' });
        expect(await subscriber.event()).toMatchObject({ seq: 2, data: 'heard' });
        expect(subscriber.events()).toHaveLength(1);
        const gone = await subscriber.ask({ op: 'unsubscribe', devices: [id] });
        expect(gone).toEqual({ op: 'unsubscribed', id: gone.id, devices: [id] });
        expect((await subscriber.ask({ op: 'list' })).devices).toEqual([]);
        expect(await subscriber.ask({ op: 'pause', devices: [id] })).toMatchObject({
          devices: [],
          errors: [{ device: id, code: 120 }],
        });
      });

      it.each([
        ['no JSON', 'hello', 107],
        ['an unknown op', '{"op":"fly","id":1}', 104],
        ['no list', '{"op":"subscribe","id":1}', 107],
        ['a bad device id', '{"op":"subscribe","id":1,"devices":["a b"]}', 107],
        ['too many ids', JSON.stringify({ op: 'subscribe', id: 1, devices: Array(1001).fill('a') }), 106],
        ['a binary frame', Buffer.from('{}'), 107],
      ])('refuses %s with an error and keeps the connection', async (_what, frame, code) => {
        const subscriber = await to().subscriber(freshId('s'));
        subscriber.send(frame);
        const error = await subscriber.op('error');
        expect(error.code).toBe(code);
        if (String(frame).includes('"id":1')) expect(error.id).toBe(1);
        subscriber.send({ op: 'touch' });
        expect((await subscriber.ask({ op: 'list' })).devices).toEqual([]);
      });

      it('takes a thousand devices in one subscribe', async () => {
        const subscriber = await to().subscriber(freshId('s'));
        const devices = Array.from({ length: 1000 }, (_, index) => `bulk-${index}`);
        expect((await subscriber.ask({ op: 'subscribe', devices })).devices).toHaveLength(1000);
        expect((await subscriber.ask({ op: 'list' })).devices).toHaveLength(1000);
        expect((await subscriber.ask({ op: 'unsubscribe', devices })).devices).toHaveLength(1000);
      });

      it('gives one who subscribes while a device publishes every event from its snapshot on, once, in order', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        const watcher = await to().subscriber(freshId('s'), [id]);
        let sent = 0;
        let joining = true;
        const pump = (): void => {
          // As fast as the socket takes it, and on until everybody has joined.
          for (let i = 0; i < 100 && device.ws.bufferedAmount < 65536; i++)
            device.send({ type: 'message', data: ++sent });
          if (joining) setImmediate(pump);
          else device.send({ type: 'message', data: 'end' });
        };
        pump();
        const late: Peer[] = [];
        for (let i = 1; i <= 5; i++) {
          await watcher.next((frame) => frame.op === 'event' && frame.data >= i * 500);
          const peer = await to().subscriber(freshId('s'));
          late.push(peer);
          peer.send({ op: 'subscribe', id: 1, devices: [id] });
          await peer.event();
        }
        joining = false;
        for (const peer of [watcher, ...late]) {
          await expect.poll(() => peer.events().at(-1)?.data, { timeout: 15_000 }).toBe('end');
          const joined = peer.frames.findIndex((frame) => frame.op === 'subscribed');
          const first = peer.frames[joined].devices[0].seq + 1;
          const seqs = peer.events().map((event) => event.seq);
          expect(seqs).toEqual(seqs.map((_, index) => first + index));
          expect(joined).toBeLessThan(peer.frames.findIndex((frame) => frame.op === 'event'));
        }
      });

      it('keeps the order of each priority and leaves no holes when many devices publish to many', async () => {
        const ids = Array.from({ length: 6 }, () => freshId('dev'));
        const devices = await Promise.all(ids.map((id) => to().device(id)));
        const subscribers = await Promise.all(ids.map(() => to().subscriber(freshId('s'), ids)));
        const each = 800;
        const priorities = ['low', 'normal', 'high'];
        for (let i = 0; i < each; i++) {
          for (const device of devices)
            device.send({ type: 'message', priority: priorities[i % 3], data: i });
        }
        for (const device of devices) device.send({ type: 'pong', priority: 'low', data: 'end' });
        for (const subscriber of subscribers) {
          await expect
            .poll(() => subscriber.events().length, { timeout: 15_000 })
            .toBe((each + 1) * ids.length);
          for (const id of ids) {
            const events = subscriber.events().filter((event) => event.device === id);
            expect(events.map((event) => event.seq).sort((a, b) => a - b)).toEqual(
              Array.from({ length: each + 1 }, (_, index) => index + 1),
            );
            for (const priority of priorities) {
              const seqs = events.filter((event) => event.priority === priority).map((event) => event.seq);
              expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
            }
          }
        }
      });

      it('delivers to vips too, and to one who became vip while connected', async () => {
        const id = freshId('dev');
        const name = freshId('vip');
        const device = await to().device(id);
        const vip = await to().subscriber(name, [id]);
        const other = await to().subscriber(freshId('s'), [id]);
        const changed = await to().admin('PUT', row(id, name), { vip: true });
        expect(changed.body).toMatchObject({ subscriber: name, vip: true, status: 'active' });
        for (let i = 0; i < 50; i++) device.send({ type: 'message', data: i });
        await other.next((frame) => frame.data === 49);
        await vip.next((frame) => frame.data === 49);
        expect(vip.events().map((event) => event.data)).toEqual(
          Array.from({ length: 50 }, (_, index) => index),
        );
        await to().admin('PUT', row(id, name), { vip: false });
        device.send({ type: 'message', data: 'plain again' });
        expect((await vip.next((frame) => frame.data === 'plain again')).seq).toBe(51);
      });
    });
  });

  describe(`${name}: status over time`, () => {
    const times = {
      DAT_SUBSCRIBER_ACTIVITY: 'frame',
      DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '400',
      DAT_SUBSCRIBER_REMOVE_AFTER_MS: '1200',
      DAT_DEVICE_STALE_AFTER_MS: '500',
      DAT_DEVICE_LEAVE_GRACE_MS: '100',
      DAT_DEVICE_REMOVE_AFTER_MS: '300',
      DAT_PING_INTERVAL_MS: '60000',
    };
    withHub({ ...env, ...times }, (_hub, to) => {
      it('moves a silent subscriber to inactive, back on activity, and removes it with notice', async () => {
        const id = freshId('dev');
        const subscriber = await to().subscriber(freshId('s'), [id]);
        const notice = { op: 'status', devices: [id], status: 'inactive', reason: 'silent' };
        expect(await subscriber.op('status')).toEqual(notice);
        subscriber.send({ op: 'touch' });
        expect(await subscriber.op('status')).toMatchObject({ devices: [id], status: 'active' });
        expect(await subscriber.op('status')).toEqual(notice);
        expect(await subscriber.op('removed')).toMatchObject({ devices: [id], code: 121 });
        expect((await subscriber.ask({ op: 'list' })).devices).toEqual([]);
        expect((await subscriber.ask({ op: 'subscribe', devices: [id] })).devices[0].status).toBe('active');
        expect(await subscriber.op('status')).toEqual(notice);
      });

      it('calls a connected device that says nothing stale, and online again when it is heard', async () => {
        const id = freshId('dev');
        const device = await to().device(id);
        const subscriber = await to().subscriber(freshId('s'), [id]);
        const touching = setInterval(() => subscriber.send({ op: 'touch' }), 100);
        expect(await subscriber.event('status')).toMatchObject({ source: 'hub', data: { state: 'stale' } });
        device.send({ type: 'message', data: 'awake' });
        expect((await subscriber.event('status')).data.state).toBe('online');
        clearInterval(touching);
      });

      it('keeps subscriptions of a lost connection for a while and resumes them', async () => {
        const id = freshId('dev');
        const name = freshId('s');
        const first = await to().subscriber(name, [id]);
        first.ws.terminate();
        const rows = async () => (await to().admin('GET', `/v1/devices/${id}/subscribers`)).body.subscribers;
        await expect
          .poll(rows)
          .toMatchObject([{ subscriber: name, status: 'inactive', reason: 'disconnected' }]);
        const second = new Peer(first.ws.url.replace(/&devices=.*/, ''));
        expect((await second.op('welcome')).resumed).toEqual([id]);
        second.ws.terminate();
        await expect.poll(rows, { timeout: 10_000 }).toBeUndefined(); // row and device are gone: 404
        const third = new Peer(first.ws.url.replace(/&devices=.*/, ''));
        expect((await third.op('welcome')).resumed).toEqual([]);
        third.ws.close();
      });

      it('removes an offline device that nobody follows, and keeps one that an operator pinned', async () => {
        const gone = freshId('dev');
        const pinned = freshId('dev');
        const statusOf = async (id: string) => (await to().admin('GET', `/v1/devices/${id}`)).status;
        for (const id of [gone, pinned]) {
          const device = await to().device(id);
          if (id === pinned) await to().admin('PUT', row(id, 'someone'), { status: 'deny' });
          device.ws.close(1000);
        }
        await expect.poll(() => statusOf(gone), { timeout: 10_000 }).toBe(404);
        expect(await statusOf(pinned)).toBe(200);
      });
    });
  });

  describe(`${name}: operators`, () => {
    withHub(
      { ...env, DAT_DEFAULT_ACCESS: 'deny', DAT_ADMIN_TOKEN: 'a-token-for-the-tests-0123456789' },
      (_hub, to) => {
        const auth = { authorization: 'Bearer a-token-for-the-tests-0123456789' };
        const put = (device: string, subscriber: string, body: object) =>
          to().admin('PUT', row(device, subscriber), body, auth);

        it('asks for the token on everything but the health routes', async () => {
          expect((await to().admin('GET', '/v1/stats')).status).toBe(401);
          expect(
            (await to().admin('GET', '/v1/stats', undefined, { authorization: 'Bearer wrong' })).status,
          ).toBe(401);
          expect((await to().admin('GET', '/metrics')).body.error.code).toBe('unauthorized');
          expect((await to().admin('GET', '/livez')).status).toBe(200);
          expect((await to().admin('GET', '/readyz')).status).toBe(200);
        });

        it('lets only allowed pairs subscribe when the default is deny, and keeps a grant', async () => {
          const id = freshId('dev');
          const name = freshId('s');
          const subscriber = await to().subscriber(name);
          const refused = await subscriber.ask({ op: 'subscribe', devices: [id] });
          expect(refused).toMatchObject({ devices: [], errors: [{ device: id, code: 103 }] });
          expect((await put(id, name, { status: 'allow' })).body).toMatchObject({
            status: 'allow',
            connected: true,
          });
          expect((await subscriber.ask({ op: 'subscribe', devices: [id] })).devices[0].status).toBe('active');
          await subscriber.ask({ op: 'unsubscribe', devices: [id] });
          expect((await subscriber.ask({ op: 'subscribe', devices: [id] })).devices[0].status).toBe('active');
        });

        it('stops delivery at once when a pair is denied, tells it, and keeps the row', async () => {
          const id = freshId('dev');
          const name = freshId('s');
          const device = await to().device(id);
          await put(id, name, { status: 'allow' });
          const subscriber = await to().subscriber(name, [id]);
          await put(id, freshId('s'), { status: 'allow' });
          device.send({ type: 'message', data: 'before', id: 1 });
          await device.op('ack');
          expect((await put(id, name, { status: 'deny' })).body.status).toBe('deny');
          device.send({ type: 'message', data: 'after', id: 2 });
          expect((await device.op('ack')).skipped).toBe(true);
          expect(await subscriber.op('removed')).toMatchObject({ devices: [id], code: 103 });
          expect((await subscriber.ask({ op: 'subscribe', devices: [id] })).errors[0].code).toBe(103);
          subscriber.ws.terminate();
          const again = await to().subscriber(name);
          expect((await again.ask({ op: 'subscribe', devices: [id] })).errors[0].code).toBe(103);
          expect(subscriber.events().map((event) => event.data)).toEqual(['before']);
        });

        it('terminates a device, kicks a subscriber, publishes as a device', async () => {
          const id = freshId('dev');
          const name = freshId('s');
          const device = await to().device(id);
          await put(id, name, { status: 'allow' });
          const subscriber = await to().subscriber(name, [id]);
          const published = await to().admin(
            'POST',
            `/v1/devices/${id}/events`,
            { type: 'message', data: { a: 1 } },
            auth,
          );
          expect(published.body).toEqual({ seq: 1 });
          expect(await subscriber.event()).toMatchObject({ seq: 1, source: 'device', data: { a: 1 } });
          const entry = (await to().admin('GET', `/v1/devices/${id}`, undefined, auth)).body;
          expect(entry).toMatchObject({
            device: id,
            state: 'online',
            seq: 1,
            subscribers: { active: 1, inactive: 0, allow: 0, deny: 0 },
          });
          expect((await to().admin('DELETE', `/v1/devices/${id}`, undefined, auth)).status).toBe(200);
          expect((await device.closing()).code).toBe(4009);
          expect(await subscriber.op('removed')).toMatchObject({ devices: [id], code: 122 });
          expect((await to().admin('GET', `/v1/devices/${id}`, undefined, auth)).status).toBe(404);
          expect((await to().admin('DELETE', `/v1/subscribers/${name}`, undefined, auth)).status).toBe(200);
          expect((await subscriber.closing()).code).toBe(4005);
        });

        it('pauses and resumes a pair for an operator, and removes a row with notice', async () => {
          const id = freshId('dev');
          const name = freshId('s');
          await put(id, name, { status: 'allow' });
          const subscriber = await to().subscriber(name, [id]);
          expect((await put(id, name, { status: 'inactive' })).body).toMatchObject({
            status: 'inactive',
            reason: 'paused',
          });
          expect(await subscriber.op('status')).toMatchObject({
            devices: [id],
            status: 'inactive',
            reason: 'paused',
          });
          expect((await put(id, name, { status: 'active' })).body.status).toBe('active');
          expect(await subscriber.op('status')).toMatchObject({ status: 'active' });
          expect((await to().admin('DELETE', row(id, name), undefined, auth)).status).toBe(200);
          expect(await subscriber.op('removed')).toMatchObject({ devices: [id] });
          expect((await to().admin('DELETE', row(id, name), undefined, auth)).status).toBe(404);
          expect((await put(id, name, { vip: true })).status).toBe(404);
        });

        it('pages devices, filters by state, shows stats and the metrics of the contract', async () => {
          const ids = Array.from({ length: 5 }, () => freshId('page'));
          for (const id of ids) await to().device(id);
          const seen: string[] = [];
          let cursor: string | null = '';
          while (cursor !== null) {
            const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
            const page = await to().admin('GET', `/v1/devices?limit=2&state=online${query}`, undefined, auth);
            seen.push(...page.body.devices.map((entry: { device: string }) => entry.device));
            cursor = page.body.cursor;
          }
          expect(ids.every((id) => seen.filter((device) => device === id).length === 1)).toBe(true);
          expect((await to().admin('GET', '/v1/stats', undefined, auth)).status).toBe(200);
          expect((await to().admin('GET', '/openapi.json', undefined, auth)).body.openapi).toMatch(/^3\./);
          const metrics: string = (await to().admin('GET', '/metrics', undefined, auth)).body;
          for (const metric of [
            'dat_connections{role="device"}',
            'dat_devices{state="online"}',
            'dat_subscriptions{status="active"}',
            'dat_events_received_total{type="message"}',
            'dat_events_skipped_total',
            'dat_deliveries_total',
            'dat_deliveries_dropped_total{reason=',
            'dat_fanout_latency_seconds_bucket{le="+Inf"}',
            'dat_ring_used_ratio{ring="ingest"}',
            'dat_event_loop_lag_seconds{thread="main"}',
            'dat_worker_restarts_total{role="owner"}',
            'dat_disconnects_total{role="device",code="4009"}',
            'dat_build_info{',
          ]) {
            expect(metrics).toContain(metric);
          }
        });
      },
    );
  });

  describe(`${name}: closing`, () => {
    it('drains on SIGTERM: tells every peer, closes with 4200, refuses new ones and exits with 0', async () => {
      const hub = await startHub({ ...env, DAT_DRAIN_RATE: '5' });
      const to = connectTo(hub);
      const peers = [await to.device('d-1'), await to.device('d-2'), await to.subscriber('s-1', ['d-1'])];
      for (let i = 2; i < 6; i++) peers.push(await to.subscriber(`s-${i}`));
      const exit = hub.stop();
      await peers[0]!.op('draining');
      expect((await to.admin('GET', '/readyz')).status).toBe(503);
      const { head, socket } = await rawRequest(hub.devicePort, upgradeLines('/v1/device?id=late'));
      expect(head).toContain(' 503 ');
      socket.destroy();
      for (const peer of peers) {
        expect((await peer.closing()).code).toBe(4200);
        expect(peer.frames.find((frame) => frame.op === 'draining').reconnectAfterMs).toBeGreaterThan(0);
      }
      expect(await exit).toBe(0);
    });

    it('pings, and closes a peer that shows no sign of life with 4201', { timeout: 40_000 }, async () => {
      const hub = await startHub({ ...env, DAT_PING_INTERVAL_MS: '200' });
      const silent = new Peer(`ws://127.0.0.1:${hub.subscriberPort}/v1/subscribe?id=silent`, [], {
        autoPong: false,
      });
      const answering = await connectTo(hub).subscriber('answering');
      expect((await silent.op('welcome')).pingIntervalMs).toBe(200);
      await expect.poll(() => silent.closed?.code, { timeout: 30_000 }).toBe(4201);
      expect(answering.closed).toBeUndefined();
      expect(await hub.stop()).toBe(0);
    });
  });
}
