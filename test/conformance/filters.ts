/** Section 8: filters and types. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Subscriber } from '../support/peers.ts';
import { dataOf, type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const names = (entries: readonly { readonly device: string }[]) => entries.map(({ device }) => device).sort();

export function filters({ env }: MatrixRow): void {
  describe('a filter', () => {
    const hub = useHub({ ...env, DAT_DEVICE_REMOVE_AFTER_MS: '700', DAT_DEVICE_LEAVE_GRACE_MS: '100' });
    const site = () => `${uniqueId('site')}.`;
    /** Subscribes to a filter and waits for its devices. */
    const follow = async (subscriber: Subscriber, filter: string, more: object = {}) => {
      const answer = await subscriber.ask('subscribe', [filter], more);
      return { answer, entries: await subscriber.filterPages(filter) };
    };

    it('follows the devices that have ever connected, and is answered with their number before their pages', async () => {
      const prefix = site();
      const [one, two] = [await hub.device(`${prefix}1`), await hub.device(`${prefix}2`)];
      await hub.witness(`${prefix}only-followed`);
      const subscriber = await hub.subscriber();
      const { answer, entries } = await follow(subscriber, `${prefix}*`);
      expect(answer).toMatchObject({
        op: 'subscribed',
        devices: [],
        filters: [{ filter: `${prefix}*`, matched: 2 }],
        errors: [],
      });
      expect(names(entries)).toEqual([`${prefix}1`, `${prefix}2`]);
      expect(entries[0]).toMatchObject({ status: 'active', state: 'online' });
      for (const device of [one, two]) await marker(device, subscriber);
      const all = subscriber.frames.all;
      const answerAt = all.findIndex((frame) => frame.filters !== undefined);
      expect(all.findIndex((frame) => frame.filter !== undefined)).toBeGreaterThan(answerAt);
    });

    it('joins each entry to the live stream: the next event has its seq and 1', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      await hub.witness(`${prefix}1`);
      for (let n = 0; n < 5; n++) await device.message(n);
      const subscriber = await hub.subscriber();
      const { entries } = await follow(subscriber, `${prefix}*`);
      const { seq } = await device.message('next');
      expect(seq).toBe(entries[0]!.seq + 1);
      expect(await subscriber.event(`${prefix}1`)).toMatchObject({ seq, data: 'next' });
    });

    it('with nothing to follow gets one empty page, and a page with one entry when a device appears, before its first event', async () => {
      const prefix = site();
      const subscriber = await hub.subscriber();
      const { answer, entries } = await follow(subscriber, `${prefix}*`);
      expect(answer).toMatchObject({ filters: [{ filter: `${prefix}*`, matched: 0 }] });
      expect(entries).toEqual([]);
      await hub.connectDevice(`${prefix}new`);
      expect(await subscriber.filterPages(`${prefix}*`)).toMatchObject([{ device: `${prefix}new`, seq: 0 }]);
      expect(await subscriber.event(`${prefix}new`)).toMatchObject({ seq: 1, source: 'hub' });
      const of = subscriber.frames.all.filter(
        (frame) => frame.device === `${prefix}new` || (frame.filter !== undefined && frame.more === false),
      );
      expect(of.map(({ op }) => op)).toEqual(['subscribed', 'subscribed', 'event']);
    });

    it('delivers one copy of an event, however often its device is followed', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(`${prefix}1`);
      await follow(subscriber, `${prefix}*`);
      await follow(subscriber, '*');
      await device.message('once');
      await marker(device, subscriber);
      expect(dataOf(subscriber, `${prefix}1`).filter((data) => data === 'once')).toHaveLength(1);
      await subscriber.ask('unsubscribe', ['*']);
    });

    it('ends with the subscriptions that only it made', async () => {
      const prefix = site();
      const [own, only] = [await hub.device(`${prefix}own`), await hub.device(`${prefix}only`)];
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(`${prefix}own`);
      await follow(subscriber, `${prefix}*`);
      expect(await subscriber.ask('unsubscribe', [`${prefix}only`])).toMatchObject({
        errors: [{ device: `${prefix}only`, code: 120 }],
      });
      expect(await subscriber.ask('unsubscribe', [`${prefix}*`])).toMatchObject({
        op: 'unsubscribed',
        filters: [`${prefix}*`],
      });
      expect(await only.message('nobody')).toMatchObject({ skipped: true });
      await marker(own, subscriber);
      expect(await subscriber.list()).toEqual({ [`${prefix}own`]: 'active' });
      await hub.connectDevice(`${prefix}later`);
      await marker(own, subscriber);
      expect(subscriber.events(`${prefix}later`)).toEqual([]);
    });

    it('goes on with a device whose subscription by id ends', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber();
      await follow(subscriber, `${prefix}*`);
      await subscriber.subscribe(`${prefix}1`);
      expect(await subscriber.ask('unsubscribe', [`${prefix}1`])).toMatchObject({ devices: [`${prefix}1`] });
      await marker(device, subscriber);
    });

    it('is listed with its status, and pauses and resumes with what it follows', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber();
      await follow(subscriber, `${prefix}*`);
      expect(await subscriber.ask('list')).toMatchObject({
        devices: [{ device: `${prefix}1`, status: 'active' }],
        filters: [{ filter: `${prefix}*`, status: 'active' }],
      });
      expect(await subscriber.ask('pause', [`${prefix}*`])).toMatchObject({
        op: 'paused',
        filters: [`${prefix}*`],
      });
      expect(await device.message('nobody')).toMatchObject({ skipped: true });
      await hub.connectDevice(`${prefix}while-paused`);
      expect(await subscriber.ask('list')).toMatchObject({
        filters: [{ filter: `${prefix}*`, status: 'inactive' }],
      });
      expect(await subscriber.ask('resume', [`${prefix}*`])).toMatchObject({
        op: 'subscribed',
        filters: [{ filter: `${prefix}*`, matched: 2 }],
      });
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([
        `${prefix}1`,
        `${prefix}while-paused`,
      ]);
      await marker(device, subscriber);
    });

    it('pauses and resumes with everything else when no devices are named', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber();
      await follow(subscriber, `${prefix}*`);
      expect(await subscriber.ask('pause')).toMatchObject({ filters: [`${prefix}*`] });
      expect(await device.message('nobody')).toMatchObject({ skipped: true });
      expect(await subscriber.ask('resume')).toMatchObject({
        op: 'subscribed',
        filters: [{ filter: `${prefix}*`, matched: 1 }],
      });
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([`${prefix}1`]);
      await marker(device, subscriber);
    });

    it('survives a reconnect: the welcome names it, and its devices come as pages', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const [own, sub] = [uniqueId('own'), uniqueId('sub')];
      await hub.device(own);
      const first = await hub.subscriber({ id: sub });
      await first.subscribe(own);
      await follow(first, `${prefix}*`);
      await first.drop();
      await hub.rowBecomes(`${prefix}1`, sub, { status: 'inactive', reason: 'disconnected' });
      const again = await hub.openSubscriber({ id: sub });
      expect(await again.welcome()).toMatchObject({ resumed: [own], resumedFilters: [`${prefix}*`] });
      expect(names(await again.filterPages(`${prefix}*`))).toEqual([`${prefix}1`]);
      await marker(device, again);
    });

    it('leaves out what the subscriber may not follow, and follows it when a deny is lifted', async () => {
      const prefix = site();
      const denied = await hub.device(`${prefix}denied`);
      const allowed = await hub.device(`${prefix}allowed`);
      const sub = uniqueId('sub');
      await hub.setRow(`${prefix}denied`, sub, { status: 'deny' });
      const subscriber = await hub.subscriber({ id: sub });
      const { answer, entries } = await follow(subscriber, `${prefix}*`);
      expect(answer).toMatchObject({ filters: [{ matched: 1 }], errors: [] });
      expect(names(entries)).toEqual([`${prefix}allowed`]);
      await hub.admin('DELETE', `/v1/devices/${prefix}denied/subscribers/${sub}`);
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([`${prefix}denied`]);
      await marker(denied, subscriber);
      await hub.setRow(`${prefix}denied`, sub, { status: 'deny' });
      await denied.message('not for you');
      await marker(allowed, subscriber);
      expect(dataOf(subscriber, `${prefix}denied`)).not.toContain('not for you');
    });

    it('does not follow again what an operator has removed, until it is subscribed to again', async () => {
      const prefix = site();
      const [removed, other] = [await hub.device(`${prefix}1`), await hub.device(`${prefix}2`)];
      const sub = uniqueId('sub');
      const subscriber = await hub.subscriber({ id: sub });
      await follow(subscriber, `${prefix}*`);
      await hub.admin('DELETE', `/v1/devices/${prefix}1/subscribers/${sub}`);
      await removed.message('not followed');
      await marker(other, subscriber);
      expect(dataOf(subscriber, `${prefix}1`)).not.toContain('not followed');
      expect(names((await follow(subscriber, `${prefix}*`)).entries)).toEqual([`${prefix}1`, `${prefix}2`]);
      await marker(removed, subscriber);
    });

    it('does not hold an offline device, and tells when it leaves the table', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber();
      await follow(subscriber, `${prefix}*`);
      await device.close(1000);
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        devices: [`${prefix}1`],
        code: 123,
      });
      await eventually('it is gone', async () => (await hub.deviceEntry(`${prefix}1`)) === undefined);
      await hub.device(`${prefix}1`);
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([`${prefix}1`]);
    });

    it('follows what an operator publishes for', async () => {
      const prefix = site();
      const dev = `${prefix}1`;
      await hub.witness(dev);
      const subscriber = await hub.subscriber();
      await follow(subscriber, `${prefix}*`);
      const event = { type: 'message', data: 'from an operator' };
      expect((await hub.admin('POST', `/v1/devices/${dev}/events`, event)).status).toBe(200);
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([dev]);
      expect(await subscriber.event(dev)).toMatchObject({ data: 'from an operator' });
    });

    it('answers what is neither an id nor a filter by itself', async () => {
      const prefix = site();
      const subscriber = await hub.subscriber();
      const answer = await subscriber.ask('subscribe', [`${prefix}*`, 'a*b', `${prefix}x`, 'a b']);
      expect(answer).toMatchObject({
        devices: [{ device: `${prefix}x` }],
        filters: [{ filter: `${prefix}*` }],
        errors: [
          { device: 'a*b', code: 107 },
          { device: 'a b', code: 107 },
        ],
      });
      expect(await subscriber.ask('pause', ['a b', `${prefix}x`])).toMatchObject({
        op: 'paused',
        devices: [`${prefix}x`],
        errors: [{ device: 'a b', code: 107 }],
      });
    });

    it('may stand in the URL', async () => {
      const prefix = site();
      const device = await hub.device(`${prefix}1`);
      const subscriber = await hub.subscriber({ devices: [`${prefix}*`, `${prefix}own`] });
      expect(await subscriber.subscribedByUrl()).toMatchObject({ devices: [{ device: `${prefix}own` }] });
      expect(names(await subscriber.filterPages(`${prefix}*`))).toEqual([`${prefix}1`]);
      await marker(device, subscriber);
    });
  });

  describe('filters beyond a limit', () => {
    const hub = useHub({
      ...env,
      DAT_MAX_FILTERS_PER_SUBSCRIBER: '2',
      DAT_MAX_SUBSCRIPTIONS: '4',
      DAT_MAX_DEVICES: '20',
    });

    it('are error 106, one by one, and change nothing', async () => {
      const subscriber = await hub.subscriber();
      const answer = await subscriber.ask('subscribe', ['a*', 'b*', 'c*']);
      expect(answer).toMatchObject({ errors: [{ device: 'c*', code: 106 }] });
      await subscriber.ask('unsubscribe', ['a*', 'b*']);
      for (const name of ['1', '2', '3', '4', '5']) await hub.device(`dev-${name}`);
      expect(await subscriber.ask('subscribe', ['dev-*'])).toMatchObject({
        errors: [{ device: 'dev-*', code: 106 }],
      });
      expect(await subscriber.ask('list')).toMatchObject({ devices: [] });
      expect((await subscriber.ask('list')).filters ?? []).toEqual([]);
    });

    it('tell of a device that finds no room', async () => {
      const subscriber = await hub.subscriber();
      await subscriber.subscribe('dev-1', 'dev-2', 'dev-3', 'dev-4');
      await subscriber.ask('subscribe', ['new-*']);
      await hub.connectDevice('new-1');
      expect(await subscriber.frames.next(({ op }) => op === 'error')).toMatchObject({
        code: 106,
        filter: 'new-*',
      });
    });
  });

  describe('event types', () => {
    const hub = useHub(env);

    it('limit what a subscription delivers, in order and with holes in seq', async () => {
      const { dev, device } = await hub.pair();
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [dev], { types: ['status'] });
      for (let n = 0; n < 3; n++) {
        await device.message(n);
        await device.publish({ type: 'status', status: `s-${n}` });
      }
      await eventually('the statuses have come', () => subscriber.events(dev).length >= 3);
      expect(subscriber.events(dev).map(({ type }) => type)).toEqual(['status', 'status', 'status']);
      const seqs = subscriber.events(dev).map(({ seq }) => seq);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      expect(subscriber.frames.all.filter(({ op }) => op === 'gap')).toEqual([]);
    });

    it('are replaced by subscribing again, and add up over ways to follow', async () => {
      const prefix = `${uniqueId('site')}.`;
      const dev = `${prefix}1`;
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [dev], { types: ['pong'] });
      await subscriber.ask('subscribe', [`${prefix}*`], { types: ['message'] });
      await subscriber.filterPages(`${prefix}*`);
      await hub.witness(dev);
      // One at a time: events of two priorities may come in another order.
      await device.publish({ type: 'pong', data: 1 });
      await eventually('the pong has come', () => subscriber.events(dev).length >= 1);
      await device.publish({ type: 'status', status: 'unwanted' });
      await device.message('wanted');
      await eventually('the message has come', () => subscriber.events(dev).length >= 2);
      await subscriber.ask('subscribe', [dev]);
      await device.publish({ type: 'status', status: 'wanted' });
      await eventually('the status has come', () => subscriber.events(dev).length >= 3);
      expect(subscriber.events(dev).map(({ type }) => type)).toEqual(['pong', 'message', 'status']);
    });

    it('survive a reconnect', async () => {
      const { dev, device } = await hub.pair();
      const sub = uniqueId('sub');
      const first = await hub.subscriber({ id: sub });
      await first.ask('subscribe', [dev], { types: ['status'] });
      await first.drop();
      await hub.rowBecomes(dev, sub, { reason: 'disconnected' });
      const again = await hub.subscriber({ id: sub });
      await device.message('unwanted');
      await device.publish({ type: 'status', status: 'wanted' });
      expect(await again.event(dev)).toMatchObject({ type: 'status' });
    });

    it('that are none are error 107', async () => {
      const subscriber = await hub.subscriber();
      for (const types of [[], ['nope'], 'status']) {
        const answer = await subscriber.ask('subscribe', ['dev-1'], { types });
        expect(answer).toMatchObject({ op: 'error', code: 107 });
      }
    });
  });
}
