/** Section 3: what a device sends and what becomes of it. Presence states are in device-states.ts. */
import { describe, expect, it } from 'vitest';
import { dataOf, type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const hours = 3_600_000;

/** Byte 0 of a binary frame. */
function head(type: number, priority = 0): number {
  return type | (priority << 4);
}

function binary(first: number, payload: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from([first]), Buffer.from(payload)]);
}

export function devices({ env }: MatrixRow): void {
  describe('the device listener', () => {
    const hub = useHub(env);

    it('greets a device with its id and the ping interval, before anything else', async () => {
      const id = uniqueId('dev');
      const device = await hub.openDevice(id);
      device.send({ type: 'message', data: 1, id: 1 });
      expect(await device.frames.next()).toEqual({ op: 'welcome', device: id, pingIntervalMs: 25_000 });
      expect(await device.frames.next()).toMatchObject({ op: 'ack', id: 1 });
    });

    it('broadcasts a message with everything that the contract names', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const sentAt = Date.now();
      device.send({ type: 'message', data: { celsius: 21.5 } });
      const event = await subscriber.event(dev);
      expect(event).toEqual({
        op: 'event',
        device: dev,
        type: 'message',
        source: 'device',
        seq: 1,
        at: expect.any(Number),
        priority: 'normal',
        data: { celsius: 21.5 },
      });
      // Another process of this host: the same wall clock, but for its slewing.
      expect(Math.abs(event.at - sentAt)).toBeLessThan(hours);
      expect(event.at).toBeGreaterThan(sentAt - 1000);
      expect(event.at).toBeLessThan(Date.now() + 1000);
    });

    it('broadcasts any JSON as data', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const values: unknown[] = [
        null,
        true,
        false,
        0,
        -1.5e-7,
        12_345_678_901_234,
        '',
        'ä🎈"\\\n\u2028',
        [],
        {},
        [1, [2, [3, { four: [] }]]],
        { type: 'status', op: 'event', seq: 99, data: 'inner', '': 0 },
        'x'.repeat(60_000),
      ];
      for (const data of values) device.send({ type: 'message', data });
      for (const data of values) expect((await subscriber.event(dev)).data).toEqual(data);
    });

    it('takes frames with blanks, escapes, unknown fields and any order of fields', async () => {
      const { dev, device, subscriber } = await hub.pair();
      device.sendText('  { "more" : {"type":"pong"} ,\n"data" : [ 1 , 2 ] , "type" : "m\\u0065ssage" }  ');
      expect(await subscriber.event(dev)).toMatchObject({
        type: 'message',
        data: [1, 2],
        priority: 'normal',
      });
    });

    it('gives a status high, a message normal and a pong low priority', async () => {
      const { dev, device, subscriber } = await hub.pair();
      device.send({ type: 'status', status: 'charging', data: 1 });
      device.send({ type: 'message', data: 2 });
      device.send({ type: 'pong', data: 3 });
      const events = [await subscriber.event(dev), await subscriber.event(dev), await subscriber.event(dev)];
      const priorities = Object.fromEntries(events.map(({ type, priority }) => [type, priority]));
      expect(priorities).toEqual({ status: 'high', message: 'normal', pong: 'low' });
    });

    it('takes the priority that a frame names', async () => {
      const { dev, device, subscriber } = await hub.pair();
      for (const type of ['message', 'status', 'pong']) {
        for (const priority of ['low', 'normal', 'high']) {
          await device.publish({ type, priority, data: 0, ...(type === 'status' ? { status: 's' } : {}) });
          expect(await subscriber.event(dev)).toMatchObject({ type, priority });
        }
      }
    });

    it('remembers the status of a device and broadcasts it', async () => {
      const { dev, device, subscriber } = await hub.pair();
      device.send({ type: 'status', status: 'charging', data: { percent: 80 } });
      expect(await subscriber.event(dev)).toMatchObject({
        type: 'status',
        source: 'device',
        status: 'charging',
        data: { percent: 80 },
      });
      const late = await hub.subscriber();
      expect((await late.subscribe(dev)).devices).toMatchObject([
        { device: dev, seq: 1, deviceStatus: 'charging' },
      ]);
      expect((await hub.deviceEntry(dev))?.status).toBe('charging');
      device.send({ type: 'status', status: 'idle' });
      expect(await subscriber.event(dev)).toMatchObject({ type: 'status', status: 'idle', data: null });
      expect((await late.subscribe(dev)).devices).toMatchObject([{ deviceStatus: 'idle' }]);
    });

    it('remembers a status that nobody listened to', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      expect(await device.publish({ type: 'status', status: 'unheard' })).toMatchObject({ skipped: true });
      const subscriber = await hub.subscriber();
      expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ deviceStatus: 'unheard', seq: 0 }]);
    });

    it('takes a status of 1 to 64 characters', async () => {
      const { dev, device, subscriber } = await hub.pair();
      for (const status of ['a', 'x'.repeat(64), 'ä'.repeat(64), 'a "quoted" \\ one\n']) {
        device.send({ type: 'status', status });
        expect((await subscriber.event(dev)).status).toBe(status);
      }
    });

    it('broadcasts a pong, with data and without', async () => {
      const { dev, device, subscriber } = await hub.pair();
      device.send({ type: 'pong' });
      expect(await subscriber.event(dev)).toMatchObject({ type: 'pong', data: null, priority: 'low' });
      device.send({ type: 'pong', data: { rssi: -70 } });
      expect(await subscriber.event(dev)).toMatchObject({ type: 'pong', data: { rssi: -70 } });
    });

    it('acknowledges a frame that has an id, with that id and the seq of the event', async () => {
      const { dev, device, subscriber } = await hub.pair();
      for (const id of [7, 0, -1.5, 'seven', '', 'ä"\\', 'x'.repeat(100)]) {
        device.send({ type: 'message', data: id, id });
        const ack = await device.frames.next(({ op }) => op === 'ack');
        const event = await subscriber.event(dev);
        expect(ack).toEqual({ op: 'ack', id, seq: event.seq });
      }
    });

    it('acknowledges only frames that have an id', async () => {
      const { device } = await hub.pair();
      device.send({ type: 'message', data: 1 });
      device.send({ type: 'status', status: 'quiet' });
      device.send({ type: 'pong' });
      device.send({ type: 'message', data: 2, id: 'last' });
      expect(await device.frames.next()).toMatchObject({ op: 'ack', id: 'last', seq: 4 });
    });

    it('gives no number to an event that nobody listens to, and says so', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      expect(await device.message('nobody')).toMatchObject({ op: 'ack', seq: 0, skipped: true });
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(dev);
      const heard = await device.message('heard');
      expect(heard.seq).toBe(1);
      expect(heard).not.toHaveProperty('skipped');
      await subscriber.ask('unsubscribe', [dev]);
      expect(await device.message('nobody again')).toMatchObject({ seq: 1, skipped: true });
      expect(await device.publish({ type: 'status', status: 'still nobody' })).toMatchObject({
        seq: 1,
        skipped: true,
      });
      await subscriber.subscribe(dev);
      expect((await device.message('heard again')).seq).toBe(2);
      await marker(device, subscriber);
      expect(dataOf(subscriber, dev).slice(0, 2)).toEqual(['heard', 'heard again']);
    });

    it('takes binary frames of every type and priority', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const bytes = Buffer.from([0, 255, 1, 128, 0x7b]);
      const expected: object[] = [];
      for (const [type, name, byDefault] of [
        [1, 'pong', 'low'],
        [2, 'message', 'normal'],
      ] as const) {
        for (const priority of [0, 1, 2, 3]) {
          device.sendBinary(binary(head(type, priority), bytes));
          const named = [byDefault, 'low', 'normal', 'high'][priority];
          expected.push({ type: name, priority: named, source: 'device', data64: bytes.toString('base64') });
          // One at a time: events of two priorities may come in another order.
          expect(await subscriber.event(dev)).toMatchObject(expected.at(-1) ?? {});
        }
      }
      expect(subscriber.events(dev).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      for (const event of subscriber.events(dev)) expect(event).not.toHaveProperty('data');
    });

    it('takes an empty binary payload', async () => {
      const { dev, device, subscriber } = await hub.pair();
      device.sendBinary(binary(head(2)));
      expect(await subscriber.event(dev)).toMatchObject({ type: 'message', data64: '' });
    });

    it('takes the payload of a binary status for the status of the device', async () => {
      const { dev, device, subscriber } = await hub.pair();
      for (const [priority, name] of [
        [0, 'high'],
        [1, 'low'],
        [2, 'normal'],
        [3, 'high'],
      ] as const) {
        const status = `lädt ${name} ${priority}`;
        device.sendBinary(binary(head(3, priority), status));
        expect(await subscriber.event(dev)).toMatchObject({ type: 'status', status, priority: name });
        expect((await hub.deviceEntry(dev))?.status).toBe(status);
      }
      device.sendBinary(binary(head(3), 'x'.repeat(64)));
      expect((await subscriber.event(dev)).status).toBe('x'.repeat(64));
    });

    const badTexts: readonly [what: string, text: string, id?: unknown][] = [
      ['no JSON', 'hello'],
      ['half a JSON text', '{"type":"message"'],
      ['two JSON texts', '{"type":"pong"}{"type":"pong"}'],
      ['an empty text', ''],
      ['a list', '[{"type":"pong"}]'],
      ['a string', '"pong"'],
      ['null', 'null'],
      ['no type', '{"data":1,"id":"no-type"}', 'no-type'],
      ['an unknown type', '{"type":"event","id":5}', 5],
      ['a type that is no string', '{"type":2,"id":6}', 6],
      ['an unknown priority', '{"type":"message","priority":"urgent","id":8}', 8],
      ['a priority that is no string', '{"type":"message","priority":3,"id":9}', 9],
      ['a status event without status', '{"type":"status","data":1,"id":10}', 10],
      ['an empty status', '{"type":"status","status":"","id":11}', 11],
      ['a status of 65 characters', `{"type":"status","status":"${'x'.repeat(65)}","id":12}`, 12],
      ['a status that is no string', '{"type":"status","status":5,"id":13}', 13],
      ['an id that is an object', '{"type":"message","id":{}}'],
      ['an id that is true', '{"type":"message","id":true}'],
      ['data that is no JSON', '{"type":"message","data":01}'],
    ];

    it.each(badTexts)('answers 107 to %s and keeps the connection', async (_what, text, id) => {
      const { dev, device, subscriber } = await hub.pair();
      device.sendText(text);
      const error = await device.error();
      expect(error).toMatchObject({ op: 'error', code: 107, message: expect.any(String) });
      if (id !== undefined) expect(error.id).toBe(id);
      await marker(device, subscriber);
      expect(subscriber.events(dev)).toHaveLength(1);
    });

    const badBinaries: readonly [what: string, bytes: Buffer][] = [
      ['an empty binary frame', Buffer.alloc(0)],
      ['binary type 0', binary(head(0), 'x')],
      ['binary type 4', binary(head(4), 'x')],
      ['binary type 15', binary(head(15), 'x')],
      ['binary priority 4', binary(head(2, 4), 'x')],
      ['a binary status without text', binary(head(3))],
      ['a binary status of 65 characters', binary(head(3), 'x'.repeat(65))],
      ['a binary status that is not UTF-8', binary(head(3), Buffer.from([0xc3, 0x28]))],
    ];

    it.each(badBinaries)('answers 107 to %s and keeps the connection', async (_what, bytes) => {
      const { dev, device, subscriber } = await hub.pair();
      device.sendBinary(bytes);
      expect(await device.error()).toMatchObject({ op: 'error', code: 107 });
      await marker(device, subscriber);
      expect(subscriber.events(dev)).toHaveLength(1);
    });

    it('updates last_seen on every frame', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const before = (await hub.deviceEntry(dev))?.lastSeen ?? 0;
      expect(before).toBeGreaterThan(Date.now() - hours);
      await device.message('a while later');
      await device.message('and again');
      const after = (await hub.deviceEntry(dev))?.lastSeen ?? 0;
      expect(after).toBeGreaterThanOrEqual(before);
      expect(after).toBeLessThan(Date.now() + 1000);
    });
  });
}
