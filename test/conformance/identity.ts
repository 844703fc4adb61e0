/** Section 2, without tokens: ids and takeover. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { upgradeAnswer } from '../support/raw-peer.ts';
import { dataOf, type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const ID = /^[A-Za-z0-9._:~-]{1,128}$/;

/** As they stand in a URL. */
const badIds = [
  'a%20b',
  'a/b',
  'a%2Fb',
  'a%23b',
  '%C3%A4',
  'a%00',
  'a%0A',
  'a,b',
  'a@b',
  'a%25b',
  `${'x'.repeat(129)}`,
  'x'.repeat(1000),
  '.',
  '..',
  '%2E',
  '.%2e',
];

export function identity({ env }: MatrixRow): void {
  describe('identity', () => {
    const hub = useHub(env);
    const devicePath = (id: string) => `/v1/device?id=${id}`;
    const subscriberPath = (id: string) => `/v1/subscribe?id=${id}`;

    it('takes every character of the grammar, and 128 of them', async () => {
      for (const id of ['A', 'z9', 'a.b_c:d~e-F', 'x'.repeat(128), '-', '~', '...', '.a', 'a.']) {
        const device = await Device.connect(hub.process.devicePort, `?id=${id}`);
        expect((await device.welcome()).device).toBe(id);
        await device.close(1000);
        const subscriber = await Subscriber.connect(hub.process.subscriberPort, `?id=${id}`);
        expect((await subscriber.welcome()).subscriber).toBe(id);
        await subscriber.close(1000);
      }
    });

    it('decodes a percent-encoded id', async () => {
      const device = await Device.connect(hub.process.devicePort, '?id=percent%3A%7Eencoded');
      expect((await device.welcome()).device).toBe('percent:~encoded');
      await device.close(1000);
    });

    it('answers 400 to a device id outside the grammar', async () => {
      for (const id of badIds) {
        expect((await upgradeAnswer(hub.process.devicePort, devicePath(id))).status, id).toBe(400);
      }
    });

    it('answers 400 to a subscriber id outside the grammar', async () => {
      for (const id of badIds) {
        expect((await upgradeAnswer(hub.process.subscriberPort, subscriberPath(id))).status, id).toBe(400);
      }
    });

    it('answers 400 to a device that gives no id', async () => {
      for (const path of ['/v1/device', '/v1/device?', '/v1/device?id=', '/v1/device?x=1']) {
        expect((await upgradeAnswer(hub.process.devicePort, path)).status, path).toBe(400);
      }
    });

    it('answers 400 to an id outside the grammar in ?devices=', async () => {
      const { status } = await upgradeAnswer(hub.process.subscriberPort, '/v1/subscribe?devices=good,b%20d');
      expect(status).toBe(400);
    });

    it.each([
      ['device', '?id=a&id=b', /^query parameter id is given more than once$/],
      ['device', '?id=a&device=b', /^unknown query parameter "device"; expected id, token/],
      [
        'device',
        '?id=a&Token=x',
        /^unknown query parameter "Token"; expected id, token, interest; did you mean token\?/,
      ],
      ['subscriber', '?device=a', /^unknown query parameter "device"; .*did you mean devices\?/],
      [
        'subscriber',
        '?devices=a&devices=b',
        /^query parameter devices is given more than once; .*\?devices=dev-1,dev-2/,
      ],
      ['subscriber', '?batch=true&batch=true', /^query parameter batch is given more than once$/],
      ['subscriber', '?x=1', /^unknown query parameter "x"; expected id, token, devices, types/],
      ['subscriber', '?toekn=secret', /^(?!.*secret)unknown query parameter "toekn"; .*did you mean token\?/],
    ] as const)(
      'answers 400 on the %s listener to %s, and says what is meant',
      async (name, query, message) => {
        const path = name === 'device' ? '/v1/device' : '/v1/subscribe';
        const answer = await upgradeAnswer(hub.process[`${name}Port`], `${path}${query}`);
        expect(answer.status).toBe(400);
        expect(answer.body.trim()).toMatch(message);
      },
    );

    it('generates an id for a subscriber that gives none', async () => {
      const ids = new Set<string>();
      for (let n = 0; n < 3; n++) {
        const subscriber = await Subscriber.connect(hub.process.subscriberPort);
        const { subscriber: id = '' } = await subscriber.welcome();
        expect(id).toMatch(ID);
        ids.add(id);
        await subscriber.close(1000);
      }
      expect(ids.size).toBe(3);
    });

    it('answers 107 to an id outside the grammar in a frame, and follows the others', async () => {
      const subscriber = await hub.subscriber();
      for (const bad of ['a b', '', 'x'.repeat(129), 'ä', 7, null, '.', '..']) {
        const answer = await subscriber.ask('subscribe', ['good', bad] as readonly string[]);
        expect(answer).toMatchObject({
          op: 'subscribed',
          devices: [{ device: 'good' }],
          errors: [{ code: 107 }],
        });
      }
      expect(await subscriber.list()).toEqual({ good: 'active' });
    });

    it('closes the older connection of a device with 4004 and broadcasts no status for it', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const before = await marker(device, subscriber);
      const newer = await hub.connectDevice(dev);
      expect((await device.closed).code).toBe(4004);
      const after = await marker(newer, subscriber);
      expect(after.seq).toBe(before.seq + 1);
      expect(subscriber.events(dev).filter(({ source }) => source === 'hub')).toEqual([]);
      expect((await hub.deviceEntry(dev))?.state).toBe('online');
    });

    it('keeps the newest of many connections of one device', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const newer = await Promise.all([1, 2, 3, 4, 5].map(() => hub.openDevice(dev)));
      expect((await device.closed).code).toBe(4004);
      const codes: number[] = [];
      for (const one of newer) void one.closed.then(({ code }) => codes.push(code));
      // A thread may answer 101 and say so to the owner a moment later: then the last of these is not in yet.
      await eventually('one of them is left', () => codes.length === 4);
      const last = await hub.connectDevice(dev);
      await Promise.all(newer.map(({ closed }) => closed));
      expect(codes).toEqual([4004, 4004, 4004, 4004, 4004]);
      await marker(last, subscriber);
      expect(subscriber.events(dev).filter(({ source }) => source === 'hub')).toEqual([]);
    });

    it('closes the older connection of a subscriber with 4004 and keeps its subscriptions', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const newer = await hub.openSubscriber({ id: sub });
      expect((await newer.welcome()).resumed).toEqual([dev]);
      expect((await subscriber.closed).code).toBe(4004);
      const event = await marker(device, newer);
      expect(dataOf(subscriber, dev)).not.toContain(event.data);
      expect(await newer.list()).toEqual({ [dev]: 'active' });
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', connected: true });
    });

    it('takes a device and a subscriber of the same id for two peers', async () => {
      const id = uniqueId('both');
      const device = await hub.device(id);
      const subscriber = await hub.subscriber({ id });
      await subscriber.subscribe(id);
      await marker(device, subscriber);
    });
  });
}
