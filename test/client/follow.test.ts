/** Filters, recovery, pace and interest of the client against the hub, over real sockets. */
import { describe, expect, it } from 'vitest';
import type { SubscriberOptions } from '../../clients/js/src/index.ts';
import { numbersFrom, uniqueId, useHub } from '../conformance/harness.ts';
import { openDevice, openSubscriber } from '../support/client.ts';
import { Inbox } from '../support/inbox.ts';

const env = {
  DAT_HISTORY_BYTES: '33554432',
  DAT_INTEREST_LINGER_MS: '100',
  DAT_MAX_DEVICES: '100000',
  DAT_MAX_SUBSCRIPTIONS: '1000000',
};

describe.each(['0', '2'])('the client and a hub with %s workers', (workers) => {
  const hub = useHub({ ...env, DAT_FANOUT_WORKERS: workers });
  const device = (id: string, options = {}) => openDevice(hub.process.devicePort, { id, ...options }).device;
  const subscriber = (options: Partial<SubscriberOptions> = {}) =>
    openSubscriber(hub.process.subscriberPort, options);
  const isLastPage = ({
    filter,
    more,
  }: {
    readonly filter?: string | undefined;
    readonly more?: boolean | undefined;
  }) => filter !== undefined && more === false;

  it.each([false, true])(
    'a filter brings last values, new devices and states (binary: %s)',
    async (binary) => {
      const site = uniqueId('site');
      const ids = numbersFrom(1, 3).map((n) => `${site}.${n}`);
      for (const id of ids) await device(id).message({ id }, { ack: true });
      const { subscriber: client, subscribed, events } = subscriber({ binary });
      const { filters } = await client.subscribe([`${site}.*`], { last: true });
      expect(filters).toEqual([{ filter: `${site}.*`, matched: 3 }]);
      await subscribed.next(isLastPage);
      const last = await events.take(3, ({ type }) => type === 'message');
      expect(last.every(({ replay }) => replay)).toBe(true);
      expect([...client.state.keys()].sort()).toEqual(ids);
      await device(`${site}.new`).message('new', { ack: true });
      await events.next(({ data }) => data === 'new');
      expect(client.state.get(`${site}.new`)?.lastMessage?.data).toBe('new');
      expect(await client.list()).toContainEqual({ device: `${site}.*`, status: 'active' });
      expect(await client.pause([`${site}.*`])).toMatchObject({ filters: [`${site}.*`] });
      expect(await client.resume([`${site}.*`])).toMatchObject({
        filters: [{ filter: `${site}.*`, matched: 4 }],
      });
      expect(await client.unsubscribe([`${site}.*`])).toMatchObject({ filters: [`${site}.*`] });
      expect(client.state.size).toBe(0);
    },
  );

  it.each([false, true])('every event comes once over many lost connections (binary: %s)', async (binary) => {
    const site = uniqueId('site');
    const ids = numbersFrom(1, 4).map((n) => `${site}.${n}`);
    const senders = ids.map((id) => device(id));
    for (const sender of senders) await sender.message(0, { ack: true });
    const line = subscriber({ id: uniqueId('sub'), devices: [`${site}.*`, ids[0]!], binary });
    await line.subscribed.next(isLastPage);
    let last = 0;
    const send = (): Promise<unknown> => {
      last += 1;
      const options = { ack: true, priority: last % 3 === 0 ? 'high' : 'normal' } as const;
      return Promise.all(senders.map((sender) => sender.message(last, options)));
    };
    for (let round = 0; round < 6; round++) {
      await send();
      const back = line.reconnect();
      await send();
      await send();
      await back;
    }
    await send();
    await line.events.take(4, ({ data }) => data === last);
    await line.subscriber.list();
    for (const id of ids) {
      const seen = line.events.all.filter((event) => event.device === id && event.type === 'message');
      expect(
        seen.map(({ data }) => data as number).sort((one, other) => one - other),
        id,
      ).toEqual(numbersFrom(1, last));
    }
    expect([...line.gaps.all, ...line.errors.all, ...line.removals.all]).toEqual([]);
  });

  it('recovers more devices of a filter than one frame takes', async () => {
    const site = uniqueId('site');
    const senders = numbersFrom(1, 1500).map((n) => device(`${site}.${n}`));
    const sendAll = (data: number) =>
      Promise.all(senders.map((sender) => sender.message(data, { ack: true })));
    await sendAll(0);
    const line = subscriber({ id: uniqueId('sub'), devices: [`${site}.*`] });
    await line.subscribed.next(isLastPage);
    await sendAll(1);
    await line.events.take(1500, ({ data }) => data === 1);
    const back = line.reconnect();
    await sendAll(2);
    await back;
    await line.events.take(1500, ({ data }) => data === 2);
    await line.subscriber.list();
    expect(line.events.all.filter(({ data }) => data === 2)).toHaveLength(1500);
    expect([...line.gaps.all, ...line.errors.all]).toEqual([]);
  });

  it('takes types and a pace, and tells the device whether anybody listens', async () => {
    const id = uniqueId('dev');
    const sender = device(id, { interest: true });
    const interest = new Inbox<boolean>('interest');
    sender.on('interest', (isListenedTo) => interest.push(isListenedTo));
    expect(await interest.next()).toBe(false);
    const { subscriber: client, events } = subscriber({ types: ['message'], every: 200 });
    await client.subscribe([id]);
    expect(await interest.next()).toBe(true);
    await sender.status('ready', { ack: true });
    for (const data of [1, 2, 3]) await sender.message(data, { ack: true });
    await events.next(({ data }) => data === 3);
    expect(events.all.every(({ type }) => type === 'message')).toBe(true);
    await client.unsubscribe([id]);
    expect(await interest.next()).toBe(false);
  });

  it('waits where it asks for more than its rate allows, and gets all of it', async () => {
    const devices = numbersFrom(1, 20_000).map((n) => `one-of-very-many-${n}`);
    const { subscriber: client, errors } = subscriber();
    const answers = await Promise.all([1, 2, 3].map(() => client.subscribe(devices)));
    expect(answers.map((answer) => answer.devices.length)).toEqual([20_000, 20_000, 20_000]);
    expect((await client.unsubscribe(devices)).devices).toHaveLength(20_000);
    expect(errors.all).toEqual([]);
  });
});
