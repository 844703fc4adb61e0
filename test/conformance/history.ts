/** Section 9: last values, replay, recovery. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import type { Subscriber } from '../support/peers.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const HISTORY = { DAT_HISTORY_BYTES: String(4 * 1024 * 1024) };

interface Entry {
  readonly device: string;
  readonly seq: number;
  readonly epoch: string;
  readonly recovered?: boolean;
}

/** The only entry of an answer. */
function entryOf({ devices = [] }: Frame): Entry {
  return devices[0] as Entry;
}

/** `42` for a live event, `42r` for a replayed one, `gap 3-5 history` for a gap. */
function story(subscriber: Subscriber, device: string): string[] {
  return subscriber.frames.all
    .filter((frame) => frame.device === device)
    .map((frame) => {
      if (frame.op === 'gap') return `gap ${frame.from}-${frame.to} ${frame.reason}`;
      return `${frame.seq}${(frame as { replay?: boolean }).replay === true ? 'r' : ''}`;
    });
}

export function history({ env }: MatrixRow): void {
  describe('history', () => {
    const hub = useHub({ ...env, ...HISTORY, DAT_HISTORY_EVENTS: '10' });
    const heard = async () => {
      const dev = uniqueId('dev');
      return { dev, device: await hub.device(dev) };
    };

    it('numbers every message and status, whether anybody listens or not, and no pong that nobody listens to', async () => {
      const { dev, device } = await heard();
      const { seq } = await device.message('first');
      expect(await device.publish({ type: 'pong' })).toMatchObject({ skipped: true, seq });
      expect(await device.message('second')).toMatchObject({ skipped: true, seq: seq + 1 });
      expect(await device.publish({ type: 'status', status: 'ok' })).toMatchObject({
        skipped: true,
        seq: seq + 2,
      });
      const event = { type: 'message', data: 'from an operator' };
      const { body } = await hub.admin('POST', `/v1/devices/${dev}/events`, event);
      expect(body).toEqual({ seq: seq + 3, skipped: true });
    });

    it('gives the newest message and status of each device after the answer, before live events', async () => {
      const { dev, device } = await heard();
      await device.publish({ type: 'status', status: 'old' });
      await device.message('old');
      await device.publish({ type: 'status', status: 'charging' });
      const { seq } = await device.message({ temperature: 21 });
      const subscriber = await hub.subscriber();
      const answer = await subscriber.ask('subscribe', [dev], { last: true });
      expect(entryOf(answer)).toMatchObject({ seq, epoch: expect.any(String) });
      await marker(device, subscriber);
      expect(story(subscriber, dev)).toEqual([`${seq - 1}r`, `${seq}r`, `${seq + 1}`]);
      expect(subscriber.events(dev)[0]).toMatchObject({
        type: 'status',
        status: 'charging',
        replay: true,
        source: 'device',
      });
      expect(subscriber.events(dev)[1]).toMatchObject({ data: { temperature: 21 }, replay: true });
    });

    it('gives it for a device that is followed already, before its next events and once', async () => {
      const { dev, device } = await heard();
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(dev);
      await device.publish({ type: 'status', status: 'charging' });
      const { seq } = await marker(device, subscriber);
      await subscriber.ask('subscribe', [dev, `${dev}*`], { last: true });
      expect(await subscriber.filterPages(`${dev}*`)).toMatchObject([{ device: dev }]);
      await marker(device, subscriber);
      const replayed = [`${seq - 1}`, `${seq}`, `${seq - 1}r`, `${seq}r`, `${seq + 1}`];
      expect(story(subscriber, dev)).toEqual(replayed);
      await subscriber.ask('subscribe', [`${dev}*`], { history: 1 });
      await subscriber.filterPages(`${dev}*`);
      await marker(device, subscriber);
      expect(story(subscriber, dev)).toEqual([...replayed, `${seq + 1}r`, `${seq + 2}`]);
    });

    it('gives up to so many of the newest events, oldest first', async () => {
      const { dev, device } = await heard();
      let last = 0;
      for (let n = 0; n < 6; n++) last = (await device.message(n)).seq!;
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [dev], { history: 3 });
      await marker(device, subscriber);
      expect(story(subscriber, dev)).toEqual([`${last - 2}r`, `${last - 1}r`, `${last}r`, `${last + 1}`]);
    });

    it('limits replays to the types that are wanted', async () => {
      const { dev, device } = await heard();
      await device.publish({ type: 'status', status: 'ok' });
      await device.message('unwanted');
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [dev], { history: 10, types: ['status'] });
      await device.publish({ type: 'status', status: 'end' });
      await eventually('the end has come', () =>
        subscriber.events(dev).some(({ status }) => status === 'end'),
      );
      expect(new Set(subscriber.events(dev).map(({ type }) => type))).toEqual(new Set(['status']));
    });

    it('recovers everything after a position, for one who comes back with hold', async () => {
      const { dev, device } = await heard();
      const sub = uniqueId('sub');
      const first = await hub.subscriber({ id: sub });
      const { seq, epoch } = entryOf(await first.ask('subscribe', [dev]));
      await marker(device, first);
      await first.drop();
      await hub.rowBecomes(dev, sub, { reason: 'disconnected' });
      for (let n = 0; n < 3; n++) await device.message(n);
      const again = await hub.openSubscriber({ id: sub, hold: true });
      expect(await again.welcome()).toMatchObject({ resumed: [dev], held: true });
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'inactive', reason: 'disconnected' });
      const since = { [dev]: { epoch, seq: seq + 1 } };
      const entry = entryOf(await again.ask('subscribe', [dev], { since }));
      expect(entry).toMatchObject({ recovered: true, seq: seq + 4, epoch });
      await marker(device, again);
      expect(story(again, dev)).toEqual([2, 3, 4].map((n) => `${seq + n}r`).concat(`${seq + 5}`));
    });

    it('leaves what is held alone until it is subscribed to: touching and resuming change nothing', async () => {
      const { dev, device } = await heard();
      const sub = uniqueId('sub');
      const first = await hub.subscriber({ id: sub });
      await first.subscribe(dev, `${dev}*`);
      await first.drop();
      await hub.rowBecomes(dev, sub, { reason: 'disconnected' });
      const again = await hub.openSubscriber({ id: sub, hold: true });
      expect(await again.welcome()).toMatchObject({
        resumed: [dev],
        resumedFilters: [`${dev}*`],
        held: true,
      });
      again.send({ op: 'touch' });
      const held = [{ device: dev, status: 'inactive' }];
      expect((await again.ask('resume', [dev])).devices).toMatchObject(held);
      expect((await again.ask('resume')).devices).toMatchObject(held);
      expect(await again.ask('resume', [`${dev}*`])).toMatchObject({ filters: [{ matched: 0 }] });
      expect(await again.ask('list')).toMatchObject({ devices: held, filters: [{ status: 'inactive' }] });
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'inactive', reason: 'disconnected' });
      expect(await device.message('nobody')).toMatchObject({ skipped: true });
      await again.subscribe(dev);
      await marker(device, again);
    });

    it('passes over pongs that took a number', async () => {
      const { dev, device } = await heard();
      await hub.witness(dev);
      const { seq } = await device.message('before');
      await device.publish({ type: 'pong' });
      await device.message('after');
      const subscriber = await hub.subscriber();
      const { epoch } = entryOf(await (await hub.subscriber()).ask('subscribe', [dev]));
      const since = { [dev]: { epoch, seq } };
      expect(entryOf(await subscriber.ask('subscribe', [dev], { since }))).toMatchObject({ recovered: true });
      await marker(device, subscriber);
      expect(story(subscriber, dev)).toEqual([`${seq! + 2}r`, `${seq! + 3}`]);
    });

    it('tells what is no longer kept as a gap, and that it is not recovered', async () => {
      const { dev, device } = await heard();
      const { seq } = await device.message('old');
      let last = 0;
      for (let n = 0; n < 20; n++) last = (await device.message(n)).seq!;
      const subscriber = await hub.subscriber();
      const { epoch } = entryOf(await (await hub.subscriber()).ask('subscribe', [dev]));
      const since = { [dev]: { epoch, seq } };
      expect(entryOf(await subscriber.ask('subscribe', [dev], { since }))).toMatchObject({
        recovered: false,
      });
      await marker(device, subscriber);
      const told = story(subscriber, dev);
      expect(told[0]).toBe(`gap ${seq! + 1}-${last - 10} history`);
      expect(told.slice(1)).toEqual(
        Array.from({ length: 10 }, (_, n) => `${last - 9 + n}r`).concat(`${last + 1}`),
      );
    });

    it('gives what is kept when the epoch is another or the position is ahead, without a gap', async () => {
      const { dev, device } = await heard();
      await device.message('kept');
      const { epoch, seq } = entryOf(await (await hub.subscriber()).ask('subscribe', [dev]));
      for (const position of [
        { epoch: 'another', seq: 0 },
        { epoch, seq: seq + 100 },
      ]) {
        const subscriber = await hub.subscriber();
        const answer = await subscriber.ask('subscribe', [dev], { since: { [dev]: position } });
        expect(entryOf(answer)).toMatchObject({ recovered: false });
        await marker(device, subscriber);
        expect(story(subscriber, dev).filter((one) => one.startsWith('gap'))).toEqual([]);
        expect(subscriber.events(dev)[0]).toMatchObject({ replay: true });
      }
    });

    it('refuses a position for a subscription that is active', async () => {
      const { dev, device } = await heard();
      const subscriber = await hub.subscriber();
      const { epoch, seq } = entryOf(await subscriber.ask('subscribe', [dev]));
      const answer = await subscriber.ask('subscribe', [dev], { since: { [dev]: { epoch, seq } } });
      expect(answer).toMatchObject({ devices: [], errors: [{ device: dev, code: 107 }] });
      await marker(device, subscriber);
    });

    it('takes positions in frames before the subscribe', async () => {
      const { dev, device } = await heard();
      const { seq } = await device.message('before');
      await device.message('after');
      const { epoch } = entryOf(await (await hub.subscriber()).ask('subscribe', [dev]));
      const subscriber = await hub.subscriber();
      subscriber.send({ op: 'since', since: { [dev]: { epoch, seq } } });
      expect(entryOf(await subscriber.ask('subscribe', [dev]))).toMatchObject({ recovered: true });
      await marker(device, subscriber);
      expect(story(subscriber, dev)).toEqual([`${seq! + 1}r`, `${seq! + 2}`]);
    });

    it('works with filters, page by page', async () => {
      const prefix = `${uniqueId('site')}.`;
      const devices = await Promise.all([1, 2, 3].map((n) => hub.device(`${prefix}${n}`)));
      for (const device of devices) await device.message('kept');
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [`${prefix}*`], { last: true });
      await subscriber.filterPages(`${prefix}*`);
      for (const device of devices) await marker(device, subscriber);
      for (const n of [1, 2, 3]) {
        const [first, ...rest] = subscriber.events(`${prefix}${n}`);
        expect(first).toMatchObject({ data: 'kept', replay: true });
        expect(rest).toHaveLength(1);
      }
    });

    it('shows operators the kept events of a device, newest first and in pages', async () => {
      const { dev, device } = await heard();
      await device.publish({ type: 'status', status: 'charging', data: { level: 3 } });
      for (let n = 0; n < 3; n++) await device.message(n);
      const { seq = 0 } = await device.publish({ type: 'message', data: 'last', priority: 'high' });
      const page = async (query: string) =>
        (await hub.admin('GET', `/v1/devices/${dev}/events${query}`)).body as {
          events: { seq: number; data: unknown }[];
          epoch: string;
          cursor: string | null;
        };
      const first = await page('?limit=2');
      expect(first.events).toEqual([
        { type: 'message', source: 'device', seq, at: expect.any(Number), priority: 'high', data: 'last' },
        {
          type: 'message',
          source: 'device',
          seq: seq - 1,
          at: expect.any(Number),
          priority: 'normal',
          data: 2,
        },
      ]);
      expect(first.epoch).toBe((await hub.deviceEntry(dev))?.epoch);
      const second = await page(`?limit=1000&before=${first.cursor}`);
      expect(second.cursor).toBeNull();
      expect(second.events.map((event) => event.seq)).toEqual(
        Array.from({ length: seq - 2 }, (_, n) => seq - 2 - n),
      );
      expect(second.events.find((event) => event.seq === seq - 4)).toMatchObject({
        type: 'status',
        status: 'charging',
        data: { level: 3 },
      });
      expect((await hub.admin('GET', `/v1/devices/${uniqueId('none')}/events`)).status).toBe(404);
      expect((await hub.admin('GET', `/v1/devices/${dev}/events?before=0`)).status).toBe(400);
    });

    it('is told in the metrics', async () => {
      const before = await hub.metrics();
      const { dev, device } = await heard();
      await device.message('kept');
      const subscriber = await hub.subscriber();
      await subscriber.ask('subscribe', [dev], { last: true });
      await subscriber.event(dev);
      // Counted once it is sent: it may be here before that.
      const after = await eventually('the replay is counted', async () => {
        const now = await hub.metrics();
        const replayed = now.value('dat_history_replayed_total');
        return replayed > before.value('dat_history_replayed_total') && now;
      });
      expect(after.value('dat_history_bytes')).toBeGreaterThan(before.value('dat_history_bytes'));
      expect(after.value('dat_history_events')).toBeGreaterThan(before.value('dat_history_events'));
      expect(after.value('dat_history_replayed_total')).toBe(before.value('dat_history_replayed_total') + 1);
      expect(after.value('dat_history_evicted_total')).toBe(0);
    });

    it('comes in binary with a flag of its own', async () => {
      const { dev, device } = await heard();
      await device.message('kept');
      const subscriber = await hub.subscriber({ protocols: ['dat.v1.binary'] });
      await subscriber.ask('subscribe', [dev], { last: true });
      await marker(device, subscriber);
      const flags = subscriber.events(dev).map(({ head }) => head!.flags & 16);
      expect(flags).toEqual([16, 0]);
    });

    it('loses and repeats nothing in a replay that a slow reader takes its time for', async () => {
      const { dev, device } = await heard();
      const text = 'x'.repeat(60_000);
      for (let n = 0; n < 10; n++) await device.message(`${n}${text}`);
      const subscriber = await hub.subscriber();
      const { seq } = await device.message('last before');
      subscriber.stopReading();
      subscriber.send({ op: 'subscribe', id: 'slow', devices: [dev], history: 10 });
      for (let n = 0; n < 5; n++) await device.message(`live ${n}`);
      subscriber.readAgain();
      await marker(device, subscriber);
      const seqs = subscriber.events(dev).map((event) => event.seq);
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => seqs[0]! + n));
      expect(seqs.at(-1)).toBeGreaterThanOrEqual(seq! + 6);
    });
  });

  describe('without history', () => {
    const hub = useHub(env);

    it('an event takes a number when its subscriber may come back, which then sees the hole', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const { seq } = await device.message('heard');
      await subscriber.drop();
      await hub.rowBecomes(dev, sub, { reason: 'disconnected' });
      expect(await device.message('missed')).toMatchObject({ skipped: true, seq: seq! + 1 });
      const again = await hub.subscriber({ id: sub });
      const { seq: next } = await marker(device, again);
      expect(next).toBe(seq! + 2);
    });

    it('a position is not recovered, and what is missing is a gap', async () => {
      const { dev, device } = await hub.pair();
      const { seq } = await device.message('one');
      await device.message('two');
      const { epoch } = entryOf(await (await hub.subscriber()).ask('subscribe', [dev]));
      const subscriber = await hub.subscriber();
      const answer = await subscriber.ask('subscribe', [dev], { since: { [dev]: { epoch, seq } } });
      expect(entryOf(answer)).toMatchObject({ recovered: false });
      await marker(device, subscriber);
      expect(story(subscriber, dev)[0]).toBe(`gap ${seq! + 1}-${seq! + 1} history`);
    });
  });

  describe('the replay of more than its reader takes at once', () => {
    const hub = useHub({
      ...env,
      DAT_HISTORY_BYTES: String(32 * 1024 * 1024),
      DAT_HISTORY_EVENTS: '400',
      // Who reads nothing answers no pings, for as long as this host takes for the rest.
      DAT_PING_INTERVAL_MS: '300000',
    });

    it('waits for the reader, who is not slow, and tells of what left the memory meanwhile', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      const large = 'x'.repeat(60_000);
      let last = 0;
      for (let n = 0; n < 300; n++) last = (await device.message(large)).seq!;
      const subscriber = await hub.subscriber({ id: sub });
      subscriber.send({ op: 'subscribe', devices: [dev], history: 300 });
      subscriber.stopReading();
      await eventually('the replay waits', async () => {
        const { body } = await hub.admin('GET', `/v1/subscribers/${sub}`);
        return (body as { queueBytes: number }).queueBytes > 0;
      });
      for (let n = 0; n < 600; n++) await device.message(large); // more than the memory holds
      subscriber.readAgain();
      await marker(device, subscriber);
      const told = story(subscriber, dev);
      expect(told[0]).toBe(`${last - 299}r`);
      expect(told.filter((one) => one.startsWith('gap')).join()).toMatch(/^gap \d+-\d+ history/);
      let next = last - 299;
      for (const one of told) {
        const [first, to = first] = one.match(/\d+/g)!.map(Number);
        expect(first, told.join(' ')).toBe(next);
        next = to! + 1;
      }
      expect(next).toBe(last + 602);
    });
  });
}
