/** Section 4: what a subscriber asks for and what it is told. */
import { describe, expect, it } from 'vitest';
import { upgradeAnswer } from '../support/raw-peer.ts';
import { dataOf, type MatrixRow, marker, numbersFrom, uniqueId, useHub } from './harness.ts';

export function subscribers({ env }: MatrixRow): void {
  describe('the subscriber listener', () => {
    const hub = useHub(env);

    it('greets a subscriber before anything else', async () => {
      const id = uniqueId('sub');
      const subscriber = await hub.openSubscriber({ id });
      subscriber.send({ op: 'list', id: 1 });
      expect(await subscriber.frames.next()).toEqual({
        op: 'welcome',
        subscriber: id,
        pingIntervalMs: 25_000,
        resumed: [],
      });
      expect(await subscriber.frames.next()).toEqual({ op: 'list', id: 1, devices: [] });
    });

    it('answers subscribe with the devices as they are now', async () => {
      const [dev, unknown] = [uniqueId('dev'), uniqueId('dev')];
      const device = await hub.device(dev);
      await device.publish({ type: 'status', status: 'charging' });
      const subscriber = await hub.subscriber();
      subscriber.send({ op: 'subscribe', id: 1, devices: [dev, unknown] });
      const answer = await subscriber.frames.next();
      expect(answer).toEqual({
        op: 'subscribed',
        id: 1,
        devices: expect.any(Array),
        errors: [],
      });
      expect(answer.devices).toHaveLength(2);
      expect(answer.devices).toContainEqual({
        device: dev,
        status: 'active',
        state: 'online',
        lastSeen: expect.any(Number),
        seq: 0,
        epoch: expect.any(String),
        deviceStatus: 'charging',
      });
      expect(answer.devices).toContainEqual({
        device: unknown,
        status: 'active',
        state: 'offline',
        lastSeen: 0,
        seq: 0,
        epoch: expect.any(String),
        deviceStatus: null,
      });
      const { lastSeen } =
        (answer.devices as { device: string; lastSeen: number }[]).find((d) => d.device === dev) ?? {};
      expect(lastSeen).toBeGreaterThan(Date.now() - 60_000);
      expect(lastSeen).toBeLessThan(Date.now() + 1000);
    });

    it('echoes the id of a frame, and answers without one where there was none', async () => {
      const dev = uniqueId('dev');
      const subscriber = await hub.subscriber();
      for (const id of [0, 1.5, 'two', '', 'ä"\\']) {
        subscriber.send({ op: 'subscribe', id, devices: [dev] });
        expect(await subscriber.frames.next()).toMatchObject({ op: 'subscribed', id });
      }
      for (const op of ['subscribe', 'pause', 'resume', 'unsubscribe', 'list']) {
        subscriber.send({ op, devices: [dev] });
        expect(await subscriber.frames.next()).not.toHaveProperty('id');
      }
    });

    it('delivers a device whose first connection comes after the subscribe', async () => {
      const dev = uniqueId('dev');
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(dev);
      const device = await hub.connectDevice(dev);
      const event = await marker(device, subscriber);
      expect(event.seq).toBe(2);
      expect(subscriber.events(dev)[0]).toMatchObject({ seq: 1, source: 'hub', data: { state: 'online' } });
    });

    it('delivers an event to every active subscriber of its device and to nobody else', async () => {
      const [dev, other] = [uniqueId('dev'), uniqueId('dev')];
      const device = await hub.device(dev);
      const otherDevice = await hub.device(other);
      const all = await Promise.all(numbersFrom(1, 6).map(() => hub.subscriber()));
      await Promise.all(
        all.map((subscriber, index) => subscriber.subscribe(...(index < 4 ? [dev, other] : [other]))),
      );
      await device.message('for four');
      await otherDevice.message('for six');
      for (const subscriber of all) await subscriber.event(other);
      for (const subscriber of all.slice(0, 4)) await subscriber.event(dev);
      const heard = all.map((subscriber) => dataOf(subscriber, dev));
      expect(heard).toEqual([['for four'], ['for four'], ['for four'], ['for four'], [], []]);
    });

    it('delivers once to a subscriber that subscribes twice', async () => {
      const { dev, device, subscriber } = await hub.pair();
      expect((await subscriber.subscribe(dev, dev)).devices[0]).toMatchObject({
        device: dev,
        status: 'active',
      });
      await device.message('once');
      await marker(device, subscriber);
      expect(dataOf(subscriber, dev)).toHaveLength(2);
      expect(await subscriber.list()).toEqual({ [dev]: 'active' });
    });

    it('answers unsubscribe and delivers nothing more', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const { dev: other, device: otherDevice } = await hub.pair();
      await hub.witness(dev);
      await subscriber.subscribe(other);
      subscriber.send({ op: 'unsubscribe', id: 2, devices: [dev] });
      expect(await subscriber.frames.next(({ id }) => id === 2)).toEqual({
        op: 'unsubscribed',
        id: 2,
        devices: [dev],
      });
      await device.message('too late');
      await marker(otherDevice, subscriber);
      expect(subscriber.events(dev)).toEqual([]);
      expect(await subscriber.list()).toEqual({ [other]: 'active' });
    });

    it('answers pause and delivers nothing until resume, which tells the state as it is now', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await hub.witness(dev);
      await device.message('heard');
      expect((await subscriber.event(dev)).seq).toBe(1);
      subscriber.send({ op: 'pause', id: 3, devices: [dev] });
      expect(await subscriber.frames.next(({ id }) => id === 3)).toEqual({
        op: 'paused',
        id: 3,
        devices: [dev],
      });
      expect(await subscriber.list()).toEqual({ [dev]: 'inactive' });
      await device.message('missed');
      await device.publish({ type: 'status', status: 'missed too' });
      const resumed = await subscriber.resume(dev);
      expect(resumed).toMatchObject({
        op: 'subscribed',
        devices: [{ device: dev, status: 'active', state: 'online', seq: 3, deviceStatus: 'missed too' }],
        errors: [],
      });
      expect((await marker(device, subscriber)).seq).toBe(4);
      expect(subscriber.events(dev).map(({ seq }) => seq)).toEqual([1, 4]);
    });

    it('skips the events of a device whose only subscriber has paused', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await subscriber.ask('pause', [dev]);
      expect(await device.message('nobody')).toMatchObject({ seq: 0, skipped: true });
    });

    it('pauses and resumes all devices when none is named', async () => {
      const devs = [uniqueId('dev'), uniqueId('dev'), uniqueId('dev')];
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(...devs);
      const paused = await subscriber.ask('pause');
      expect(paused.op).toBe('paused');
      expect([...(paused.devices ?? [])].sort()).toEqual([...devs].sort());
      expect(Object.values(await subscriber.list())).toEqual(['inactive', 'inactive', 'inactive']);
      const resumed = await subscriber.resume();
      expect(resumed.devices.map(({ device }) => device).sort()).toEqual([...devs].sort());
      expect(Object.values(await subscriber.list())).toEqual(['active', 'active', 'active']);
    });

    it('takes a subscribe of a paused device for a resume', async () => {
      const { dev, device, subscriber } = await hub.pair();
      await subscriber.ask('pause', [dev]);
      expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
      await marker(device, subscriber);
    });

    it('does not take a touch for a resume, and answers nothing', async () => {
      const { dev, subscriber } = await hub.pair();
      await subscriber.ask('pause', [dev]);
      const count = subscriber.frames.all.length;
      subscriber.send({ op: 'touch' });
      subscriber.send({ op: 'touch', id: 'quiet' });
      expect(await subscriber.list()).toEqual({ [dev]: 'inactive' });
      expect(subscriber.frames.all).toHaveLength(count + 1);
    });

    it('names a device that is not subscribed with code 120', async () => {
      const { dev, subscriber } = await hub.pair();
      const stranger = uniqueId('dev');
      for (const [op, answer] of [
        ['pause', 'paused'],
        ['resume', 'subscribed'],
        ['unsubscribe', 'unsubscribed'],
      ] as const) {
        const frame = await subscriber.ask(op, [stranger, dev]);
        expect(frame.op).toBe(answer);
        expect(frame.devices).toHaveLength(1);
        expect(frame.errors, op).toMatchObject([
          { device: stranger, code: 120, message: expect.any(String) },
        ]);
      }
      expect(await subscriber.list()).toEqual({});
    });

    it('subscribes at once to the devices in the URL', async () => {
      const [dev, unknown] = [uniqueId('dev'), uniqueId('dev')];
      const device = await hub.device(dev);
      const subscriber = await hub.openSubscriber({ devices: [dev, unknown] });
      expect(await subscriber.frames.next()).toMatchObject({ op: 'welcome' });
      const subscribed = await subscriber.frames.next();
      expect(subscribed).toMatchObject({ op: 'subscribed', errors: [] });
      expect(subscribed).not.toHaveProperty('id');
      expect((subscribed.devices ?? []).map((item) => (item as { device: string }).device).sort()).toEqual(
        [dev, unknown].sort(),
      );
      expect((await marker(device, subscriber)).seq).toBe(1);
    });

    it('takes 1000 ids in one frame and answers 106 to more', async () => {
      const devs = numbersFrom(1, 1001).map((n) => `many-${n}`);
      const subscriber = await hub.subscriber();
      expect(await subscriber.ask('subscribe', devs)).toMatchObject({ op: 'error', code: 106 });
      expect(await subscriber.list()).toEqual({});
      const answer = await subscriber.subscribe(...devs.slice(0, 1000));
      expect(answer.devices).toHaveLength(1000);
      expect(answer.errors).toEqual([]);
      expect(Object.keys(await subscriber.list())).toHaveLength(1000);
      const { devices: gone } = await subscriber.ask('unsubscribe', devs.slice(0, 1000));
      expect(gone).toHaveLength(1000);
    });

    const badFrames: readonly [what: string, text: string, code: number, id?: unknown][] = [
      ['no JSON', 'hello', 107],
      ['an empty text', '', 107],
      ['a list', '[]', 107],
      ['null', 'null', 107],
      ['a frame without op', '{"id":1,"devices":["a"]}', 104, 1],
      ['an unknown op', '{"op":"publish","id":"p"}', 104, 'p'],
      ['an op of the hub', '{"op":"welcome","id":3}', 104, 3],
      ['an op that is no string', '{"op":7,"id":7}', 104, 7],
      ['a subscribe without devices', '{"op":"subscribe","id":8}', 107, 8],
      ['an unsubscribe without devices', '{"op":"unsubscribe","id":9}', 107, 9],
      ['devices that are no list', '{"op":"subscribe","id":10,"devices":"dev-1"}', 107, 10],
      ['an object for an id', '{"op":"list","id":{}}', 107],
    ];

    it.each(badFrames)('answers an error to %s and keeps the connection', async (_what, text, code, id) => {
      const { dev, device, subscriber } = await hub.pair();
      subscriber.sendText(text);
      const error = await subscriber.error();
      expect(error).toMatchObject({ op: 'error', code, message: expect.any(String) });
      expect(error.id).toBe(id);
      await marker(device, subscriber);
      expect(await subscriber.list()).toEqual({ [dev]: 'active' });
    });

    it('answers an error to a binary frame and keeps the connection', async () => {
      const { device, subscriber } = await hub.pair();
      subscriber.sendBinary(Buffer.from([1, 2, 3]));
      expect(await subscriber.error()).toMatchObject({ op: 'error', code: 107 });
      await marker(device, subscriber);
    });

    it('answers the frames of one subscriber in the order they came', async () => {
      const { dev, subscriber } = await hub.pair();
      const ops = [
        'pause',
        'resume',
        'list',
        'unsubscribe',
        'subscribe',
        'bogus',
        'list',
        'pause',
        'subscribe',
        'list',
      ];
      ops.forEach((op, id) => {
        subscriber.send({ op, id, devices: [dev] });
      });
      await subscriber.frames.next(({ id }) => id === ops.length - 1);
      const answers = subscriber.frames.all.filter(({ id }) => typeof id === 'number');
      expect(answers.filter(({ op }) => op !== 'error').map(({ id }) => id)).toEqual([
        0, 1, 2, 3, 4, 6, 7, 8, 9,
      ]);
      expect(answers.map(({ id }) => id).sort((a, b) => Number(a) - Number(b))).toEqual(
        numbersFrom(0, ops.length),
      );
    });
  });

  describe('the subprotocols', () => {
    const hub = useHub(env);

    it('are JSON when none is asked for, and none is answered', async () => {
      const { headers } = await upgradeAnswer(hub.process.subscriberPort, '/v1/subscribe');
      expect(headers).not.toHaveProperty('sec-websocket-protocol');
    });

    it('are answered with the one that was asked for', async () => {
      for (const protocol of ['dat.v1.json', 'dat.v1.binary']) {
        const subscriber = await hub.subscriber({ protocols: [protocol] });
        expect(subscriber.protocol).toBe(protocol);
      }
    });

    it('deliver JSON events to dat.v1.json', async () => {
      const { dev, device } = await hub.pair();
      const subscriber = await hub.subscriber({ protocols: ['dat.v1.json'] });
      await subscriber.subscribe(dev);
      const event = await marker(device, subscriber);
      expect(event).not.toHaveProperty('head');
    });

    it('deliver events as binary frames to dat.v1.binary, everything else as JSON', async () => {
      const dev = uniqueId('dev');
      const subscriber = await hub.subscriber({ protocols: ['dat.v1.binary'] });
      const json = await hub.subscriber();
      expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, seq: 0 }]);
      await json.subscribe(dev);
      const device = await hub.connectDevice(dev);
      const bytes = Buffer.from([0, 1, 254, 255]);

      const online = await subscriber.event(dev);
      expect(online).toMatchObject({ type: 'status', source: 'hub', seq: 1, data: { state: 'online' } });
      expect(online.head).toMatchObject({ type: 3, zero: 0 });
      expect(online.head?.flags).toBe(0b1100 | (online.head?.flags ?? 0));

      await device.publish({ type: 'message', data: { text: 'ä' } });
      const message = await subscriber.event(dev);
      expect(message).toMatchObject({
        type: 'message',
        source: 'device',
        seq: 2,
        priority: 'normal',
        data: { text: 'ä' },
      });
      expect(message.head).toMatchObject({ type: 2, flags: 0b1010, zero: 0 });

      device.sendBinary(Buffer.concat([Buffer.from([0x31]), bytes]));
      const pong = await subscriber.event(dev);
      expect(pong).toMatchObject({ type: 'pong', source: 'device', seq: 3, priority: 'high' });
      expect(pong.head).toMatchObject({ type: 1, flags: 0b0011, zero: 0 });
      expect(pong.head?.payload).toEqual(bytes);

      device.sendBinary(Buffer.concat([Buffer.from([0x12]), bytes]));
      const low = await subscriber.event(dev);
      expect(low.head).toMatchObject({ type: 2, flags: 0b0001, payload: bytes });

      await json.frames.next(({ seq }) => seq === 4);
      // What is of high priority may overtake what waits with it on either's thread.
      const both = [subscriber, json].map((one) =>
        one
          .events(dev)
          .map(({ seq, at, type }) => ({ seq, at, type }))
          .sort((earlier, later) => earlier.seq - later.seq),
      );
      expect(both[0]).toEqual(both[1]);
    });

    it('deliver the pieces of a batch one by one', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber({ protocols: ['dat.v1.binary'] });
      await subscriber.subscribe(dev);
      const values = numbersFrom(1, 200);
      for (const data of values) device.send({ type: 'message', data });
      await subscriber.frames.next(({ data }) => data === 200);
      expect(dataOf(subscriber, dev)).toEqual(values);
      expect(subscriber.events(dev).map(({ seq }) => seq)).toEqual(values);
    });
  });
}
