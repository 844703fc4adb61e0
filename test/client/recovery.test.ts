/** What a subscriber gets of the time when it was away, from a hub that keeps history. */
import { describe, expect, it } from 'vitest';
import type { SubscriberOptions } from '../../clients/js/src/index.ts';
import { numbersFrom } from '../conformance/harness.ts';
import { openSubscriber, type SubscriberLine } from '../support/client.ts';
import { FakeHub, type FakeHubOptions } from './fake-hub/hub.ts';

interface Absence {
  readonly hub: FakeHub;
  readonly line: SubscriberLine;
  /** Loses the connection, lets this happen, and comes back. */
  away(happens: () => void): Promise<void>;
}

/** A subscriber whose way back a test holds with the token that it asks for. */
async function absenceOf(
  options: Partial<SubscriberOptions>,
  hubOptions: FakeHubOptions = {},
): Promise<Absence> {
  const hub = await FakeHub.start(hubOptions);
  let mayConnect: Promise<void> = Promise.resolve();
  const line = openSubscriber(hub.port, {
    id: 'me',
    token: () => mayConnect.then(() => 'any'),
    ...options,
  });
  await line.states.next(({ state }) => state === 'connected');
  return {
    hub,
    line,
    async away(happens) {
      let open: () => void = () => {};
      mayConnect = new Promise((resolve) => {
        open = resolve;
      });
      hub.followers.get('me')?.outbox.cut();
      await line.states.next(({ state }) => state === 'waiting');
      happens();
      open();
      await line.states.next(({ state }) => state === 'connected');
    },
  };
}

/** Data of what devices sent. */
const dataOf = ({ events }: SubscriberLine) =>
  events.all.filter(({ source }) => source === 'device').map(({ data }) => data);

describe.each([false, true])('what was missed (binary: %s)', (binary) => {
  it('is replayed before live events, each event once', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'], binary });
    await line.subscribed.next();
    hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    await away(() => {
      for (const data of [2, 3, 4]) hub.publish('a', { data });
    });
    expect(await line.subscribed.next()).toMatchObject({ devices: [{ device: 'a', recovered: true }] });
    hub.publish('a', { data: 5 });
    await line.events.next(({ data }) => data === 5);
    expect(dataOf(line)).toEqual([1, 2, 3, 4, 5]);
    expect(line.events.all.filter(({ replay }) => replay).map(({ data }) => data)).toEqual([2, 3, 4]);
    expect(line.gaps.all).toEqual([]);
    expect(hub.urls.map(({ searchParams }) => searchParams.get('hold'))).toEqual(['true', 'true']);
  });

  it('is replayed for every device of a filter, and for those that appeared meanwhile the last values', async () => {
    const { hub, line, away } = await absenceOf(
      { devices: ['*', 'a.2'], last: true, binary },
      { pageSize: 2 },
    );
    await line.subscribed.next(({ filter }) => filter !== undefined);
    for (const id of ['a.1', 'a.2', 'a.3']) hub.publish(id, { data: `${id} before` });
    await line.events.take(3, ({ type }) => type === 'message');
    await away(() => {
      for (const id of ['a.1', 'a.2', 'a.3', 'a.4']) hub.publish(id, { data: `${id} meanwhile` });
    });
    await line.events.take(4, ({ data }) => String(data).endsWith('meanwhile'));
    await line.subscriber.list();
    expect(dataOf(line).slice(3).sort()).toEqual(['a.1', 'a.2', 'a.3', 'a.4'].map((id) => `${id} meanwhile`));
    expect(line.gaps.all).toEqual([]);
    expect(line.errors.all).toEqual([]);
  });
});

describe('what was missed', () => {
  it('is told as a gap where it is no longer kept', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] });
    await line.subscribed.next();
    const first = hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    await away(() => {
      for (const data of [2, 3, 4]) hub.publish('a', { data });
      hub.forget('a', first + 2);
    });
    expect(await line.subscribed.next()).toMatchObject({ devices: [{ recovered: false }] });
    expect(await line.gaps.next()).toMatchObject({ from: first + 1, to: first + 2, reason: 'history' });
    await line.events.next(({ data }) => data === 4);
    expect(dataOf(line)).toEqual([1, 4]);
    expect(line.gaps.all).toHaveLength(1);
  });

  it('is not recovered when the numbering has started anew, and what is kept comes', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] });
    await line.subscribed.next();
    for (const data of [1, 2, 3]) hub.publish('a', { data });
    await line.events.next(({ data }) => data === 3);
    await away(() => {
      hub.fleet.renumber(hub.fleet.row('a'));
      hub.publish('a', { data: 'anew' });
    });
    expect(await line.subscribed.next()).toMatchObject({ devices: [{ seq: 1, recovered: false }] });
    expect(await line.events.next(({ data }) => data === 'anew')).toMatchObject({ seq: 1, replay: true });
    expect(line.subscriber.state.get('a')?.lastMessage?.data).toBe('anew');
    expect(line.gaps.all).toEqual([]);
    await away(() => hub.publish('a', { data: 'again' }));
    await line.events.next(({ data }) => data === 'again');
    expect(dataOf(line).slice(-2)).toEqual(['anew', 'again']);
  });

  it('is asked for from a crashed hub too, which recovers nothing', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a', 'b*'] });
    await line.subscribed.next();
    hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    await away(() => hub.crash());
    const again = await line.subscribed.next(({ devices }) => devices.length > 0);
    expect(again.devices[0]).toMatchObject({ device: 'a', recovered: false });
    hub.publish('a', { data: 'after' });
    await line.events.next(({ data }) => data === 'after');
    expect(line.subscriber.follows('b*')).toBe(true);
  });

  it('is replayed even when the hub has removed the subscription meanwhile', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a', 'b*'] });
    await line.subscribed.next();
    for (const id of ['a', 'b1']) hub.publish(id, { data: 1 });
    await line.events.take(2, ({ data }) => data === 1);
    await away(() => {
      hub.followers.delete('me');
      for (const id of ['a', 'b1']) hub.publish(id, { data: 2 });
    });
    const again = await line.events.take(2, ({ data }) => data === 2);
    expect(again).toMatchObject([{ replay: true }, { replay: true }]);
    expect(line.gaps.all).toEqual([]);
  });

  it('is what an urgent event had overtaken, too, and the urgent event does not come twice', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] });
    await line.subscribed.next();
    hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    const follower = hub.follower('me');
    follower.outbox.losesAllButHigh = true; // they wait behind it when the link dies
    for (const data of [2, 3]) hub.publish('a', { data });
    hub.publish('a', { data: 'urgent', priority: 'high' });
    await line.events.next(({ data }) => data === 'urgent');
    await away(() => hub.publish('a', { data: 5 }));
    await line.events.next(({ data }) => data === 5);
    expect(dataOf(line)).toEqual([1, 'urgent', 2, 3, 5]);
    expect(line.gaps.all).toEqual([]);
  });

  it('is recovered again when the connection is lost in the middle of it', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] });
    await line.subscribed.next();
    hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    const leave = line.subscriber.on('event', ({ data }) => {
      if (data !== 4) return;
      leave();
      hub.follower('me').outbox.cut();
    });
    // The fake hub sends all at once, so what came before the cut is lost on the way: only high events get through.
    await away(() => {
      for (const data of [2, 3]) hub.publish('a', { data });
      hub.publish('a', { data: 4, priority: 'high' });
      for (const data of [5, 6]) hub.publish('a', { data });
    });
    await line.events.next(({ data }) => data === 6);
    hub.publish('a', { data: 7 });
    await line.events.next(({ data }) => data === 7);
    expect(dataOf(line)).toEqual(numbersFrom(1, 7));
  });

  it('is told by the numbers, as a gap, where the hub keeps no history', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] }, { historyEvents: 0 });
    await line.subscribed.next();
    const first = hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    await away(() => {
      for (const data of [2, 3]) hub.publish('a', { data });
    });
    expect(await line.gaps.next()).toEqual({
      device: 'a',
      from: first + 1,
      to: first + 2,
      reason: 'reconnect',
    });
    expect(hub.frames.all.every(({ since }) => since === undefined)).toBe(true);
  });

  it('is told by the numbers where the hub did not take what it was to go on from', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['*'] });
    await line.subscribed.next(({ filter }) => filter !== undefined);
    for (const n of numbersFrom(1, 600)) hub.publish(`device-${n}`, { data: n });
    await line.events.next(({ data }) => data === 600);
    hub.refuse('since', 1, 10);
    await away(() => {
      for (const n of numbersFrom(1, 600)) hub.publish(`device-${n}`, { data: -n });
    });
    await line.subscribed.next(({ filter, devices }) => filter !== undefined && devices.length === 600);
    await line.subscriber.list();
    const told = new Set(line.gaps.all.map(({ device }) => device));
    const replayed = new Set(line.events.all.filter(({ replay }) => replay).map(({ device }) => device));
    expect(told.size).toBeGreaterThan(0);
    expect(told.size + replayed.size).toBe(600);
    expect(line.gaps.all.every(({ reason }) => reason === 'reconnect')).toBe(true);
    expect(line.errors.all).toMatchObject([{ hubCode: 111 }]);
  });

  it('in a pause is not: nothing was to be delivered', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a', 'b'] });
    await line.subscribed.next();
    hub.publish('a', { data: 1 });
    await line.events.next(({ data }) => data === 1);
    await line.subscriber.pause(['a']);
    await away(() => hub.publish('a', { data: 'unheard' }));
    await line.subscribed.next();
    await line.subscriber.resume(['a']);
    hub.publish('a', { data: 2 });
    await line.events.next(({ data }) => data === 2);
    expect(dataOf(line)).toEqual([1, 2]);
    expect(line.gaps.all).toEqual([]);
  });
});

describe('more than a frame takes', () => {
  it('of devices of a filter to go on from goes into frames before the subscribe', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['*'] });
    const ids = numbersFrom(1, 2500).map((n) => `device-of-the-fleet-${n}`);
    await line.subscribed.next(({ filter }) => filter !== undefined);
    for (const id of ids) hub.publish(id, { data: 1 });
    await line.events.next(({ device, type }) => device === ids.at(-1) && type === 'message');
    const before = hub.frames.all.length;
    await away(() => {
      for (const id of ids) hub.publish(id, { data: 2 });
    });
    await line.events.next(({ device, data }) => device === ids.at(-1) && data === 2);
    const asked = hub.frames.all.slice(before);
    expect(asked.map(({ op }) => op)).toEqual([...asked.slice(1).map(() => 'since'), 'subscribe']);
    const given = asked.flatMap(({ since = {} }) => Object.keys(since));
    expect(new Set(given).size).toBe(2500);
    expect(given).toHaveLength(2500);
    for (const frame of asked) {
      expect(Object.keys(frame.since ?? {}).length).toBeLessThanOrEqual(1000);
      expect(JSON.stringify(frame).length).toBeLessThan(17_000);
    }
    expect(line.events.all.filter(({ data }) => data === 2)).toHaveLength(2500);
  });

  it('of ids goes with what each is to go on from', async () => {
    const ids = numbersFrom(1, 1200).map((n) => `device-${n}`);
    const { hub, line, away } = await absenceOf({ devices: ids }, { pageSize: 500 });
    await line.subscriber.list();
    for (const id of ids) hub.publish(id, { data: 1 });
    await line.events.next(({ device, type }) => device === ids.at(-1) && type === 'message');
    const before = hub.frames.all.length;
    await away(() => {
      for (const id of ids) hub.publish(id, { data: 2 });
    });
    await line.events.next(({ device, data }) => device === ids.at(-1) && data === 2);
    const asked = hub.frames.all.slice(before);
    for (const { op, devices = [], since = {} } of asked) {
      expect(op).toBe('subscribe');
      expect(Object.keys(since)).toEqual(devices);
    }
    expect(line.events.all.filter(({ data }) => data === 2)).toHaveLength(1200);
    expect(line.gaps.all).toEqual([]);
  });
});

describe('what the hub kept of an earlier life of the same id', () => {
  it('is followed again, ids and filters, pages and all', async () => {
    const hub = await FakeHub.start({ pageSize: 2 });
    for (const id of ['a', 'b', 'c', 'd', 'e', 'x.1']) hub.publish(id, { data: id });
    const first = openSubscriber(hub.port, { id: 'me' });
    await first.subscriber.subscribe(['a', 'b', 'c', 'd', 'e', 'x.*']);
    await first.subscriber.pause(['e']);
    hub.follower('me').outbox.cut();
    await first.states.next(({ state }) => state === 'waiting');
    await first.subscriber.close();
    const second = openSubscriber(hub.port, { id: 'me', devices: ['a'], last: true });
    const { resumed } = (await second.states.next(({ state }) => state === 'connected')) as {
      readonly resumed: readonly string[];
    };
    expect(resumed).toEqual(['a', 'b', 'x.*']); // the rest comes in further pages
    await second.events.take(5, ({ type }) => type === 'message');
    expect([...second.subscriber.state.keys()].sort()).toEqual(['a', 'b', 'c', 'd', 'x.1']);
    hub.publish('x.2', { data: 'new' });
    await second.events.next(({ data }) => data === 'new');
    expect(second.subscriber.follows('x.*')).toBe(true);
    expect(second.errors.all).toEqual([]);
  });
});

describe('an epoch that changes while the connection holds', () => {
  it('is told with the new entry, and events of the new count come', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a'] });
    const { devices } = await line.subscribed.next();
    for (const data of [1, 2, 3]) hub.publish('a', { data });
    await line.events.next(({ data }) => data === 3);
    hub.renumber('a');
    const again = await line.subscribed.next();
    expect(again.devices[0]).toMatchObject({ device: 'a', seq: 0 });
    expect(again.devices[0]?.epoch).not.toBe(devices[0]?.epoch);
    hub.publish('a', { data: 'anew' });
    expect(await line.events.next(({ data }) => data === 'anew')).toMatchObject({ seq: 1 });
    await away(() => hub.publish('a', { data: 'missed' }));
    expect(await line.events.next(({ data }) => data === 'missed')).toMatchObject({ seq: 2, replay: true });
    expect(line.gaps.all).toEqual([]);
  });
});

describe('over many lost connections', () => {
  it('every event comes once', async () => {
    const { hub, line, away } = await absenceOf({ devices: ['a.*', 'b'] });
    const ids = ['a.1', 'a.2', 'b'];
    await line.subscribed.next(({ filter }) => filter !== undefined);
    let last = 0;
    const publish = (): void => {
      last += 1;
      for (const device of ids)
        hub.publish(device, { data: last, priority: last % 3 === 0 ? 'high' : 'low' });
    };
    publish();
    await line.events.take(3, ({ data }) => data === 1);
    for (const round of numbersFrom(1, 12)) {
      for (let n = 0; n < round % 4; n++) publish();
      hub.follower('me').outbox.losesAllButHigh = round % 2 === 0;
      for (let n = 0; n < 3; n++) publish();
      await away(() => {
        for (let n = 0; n < round % 3; n++) publish();
      });
      publish();
    }
    publish();
    await line.events.take(3, ({ data }) => data === last);
    await line.subscriber.list();
    for (const id of ids) {
      const seen = line.events.all.filter(({ device, type }) => device === id && type === 'message');
      expect(
        seen.map(({ data }) => data as number).sort((one, other) => one - other),
        id,
      ).toEqual(numbersFrom(1, last));
    }
    expect(line.gaps.all).toEqual([]);
    expect(line.errors.all).toEqual([]);
  });
});
