/** Section 5: the status of a pair of device and subscriber. */
import { describe, expect, it } from 'vitest';
import { firstOf, whilePrompt } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { Subscriber } from '../support/peers.ts';
import { dataOf, type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

export function subscriptions({ env }: MatrixRow): void {
  describe('the status of a subscription', () => {
    const hub = useHub(env);

    it('is allow, and nothing is delivered, until the subscriber subscribes', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      const { dev: other, device: otherDevice } = await hub.pair();
      expect((await hub.setRow(dev, sub, { status: 'allow' })).body).toMatchObject({
        subscriber: sub,
        status: 'allow',
      });
      const subscriber = await hub.subscriber({ id: sub, devices: [other] });
      expect(await device.message('not yet')).toMatchObject({ skipped: true });
      await hub.witness(dev);
      await device.message('still not');
      await marker(otherDevice, subscriber);
      expect(subscriber.events(dev)).toEqual([]);
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'allow' });
      expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
      await marker(device, subscriber);
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', reason: null, connected: true });
    });

    it('is inactive with the reason paused after a pause, and active after a resume', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', reason: null });
      await subscriber.ask('pause', [dev]);
      expect(await hub.row(dev, sub)).toMatchObject({
        status: 'inactive',
        reason: 'paused',
        connected: true,
      });
      await subscriber.resume(dev);
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', reason: null });
    });

    it('goes with an unsubscribe', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await subscriber.ask('unsubscribe', [dev]);
      expect(await hub.row(dev, sub)).toBeUndefined();
    });

    it('is inactive with the reason disconnected after a disconnect, and active after a reconnect in time', async () => {
      for (const leave of ['close', 'drop'] as const) {
        const { dev, sub, device, subscriber } = await hub.pair();
        await (leave === 'close' ? subscriber.close(1000) : subscriber.drop());
        await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'disconnected', connected: false });
        expect(await device.message('nobody')).toMatchObject({ skipped: true });
        const again = await hub.openSubscriber({ id: sub });
        expect(await again.frames.next()).toMatchObject({ op: 'welcome', subscriber: sub, resumed: [dev] });
        expect(await again.list()).toEqual({ [dev]: 'active' });
        await marker(device, again);
        expect(dataOf(again, dev)).toHaveLength(1);
        expect(await hub.row(dev, sub)).toMatchObject({ status: 'active', reason: null, connected: true });
      }
    });

    it('goes with a goodbye of a subscriber that the hub named, but for what operators set', async () => {
      const [dev, denied] = [uniqueId('dev'), uniqueId('dev')];
      const named = async (): Promise<{ id: string; subscriber: Subscriber }> => {
        const subscriber = await Subscriber.connect(hub.process.subscriberPort, `?devices=${dev}`);
        const { subscriber: id = '' } = await subscriber.welcome();
        await hub.rowBecomes(dev, id, { status: 'active' });
        return { id, subscriber };
      };
      for (const code of [1000, undefined]) {
        const { id, subscriber } = await named();
        await hub.setRow(denied, id, { status: 'deny' });
        await subscriber.close(code);
        await hub.rowGoes(dev, id);
        expect(await hub.row(denied, id)).toMatchObject({ status: 'deny', connected: false });
      }
      const { id, subscriber } = await named();
      await subscriber.drop();
      await hub.rowBecomes(dev, id, { status: 'inactive', reason: 'disconnected' });
    });

    it('stays inactive over a reconnect when it was paused', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const other = uniqueId('dev');
      await hub.witness(dev);
      await subscriber.subscribe(other);
      await subscriber.ask('pause', [dev]);
      await subscriber.drop();
      await hub.rowBecomes(other, sub, { status: 'inactive', reason: 'disconnected' });
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([other]);
      expect(await again.list()).toEqual({ [dev]: 'inactive', [other]: 'active' });
      await device.message('paused');
      expect((await again.resume(dev)).devices).toMatchObject([{ device: dev, status: 'active', seq: 1 }]);
      await marker(device, again);
      expect(dataOf(again, dev)).not.toContain('paused');
    });

    it('is not resumed for a subscription that was given up', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      const kept = uniqueId('dev');
      await subscriber.subscribe(kept);
      await subscriber.ask('unsubscribe', [dev]);
      await subscriber.drop();
      await hub.rowBecomes(kept, sub, { status: 'inactive' });
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([kept]);
    });

    it('is told after the resumed ones when the URL names devices too', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const more = uniqueId('dev');
      await subscriber.drop();
      await hub.rowBecomes(dev, sub, { status: 'inactive' });
      const again = await hub.openSubscriber({ id: sub, devices: [more, dev] });
      expect((await again.welcome()).resumed).toEqual([dev]);
      expect((await again.subscribedByUrl()).devices).toHaveLength(2);
      await device.message('once');
      await marker(device, again);
      expect(dataOf(again, dev)).toHaveLength(2);
    });

    it('is deny by an operator, and a subscribe is answered with error 103', async () => {
      const [dev, sub, other] = [uniqueId('dev'), uniqueId('sub'), uniqueId('dev')];
      await hub.device(dev);
      expect((await hub.setRow(dev, sub, { status: 'deny' })).body).toMatchObject({ status: 'deny' });
      const subscriber = await hub.subscriber({ id: sub });
      const answer = await subscriber.subscribe(dev, other);
      expect(answer.devices).toMatchObject([{ device: other, status: 'active' }]);
      expect(answer.errors).toMatchObject([{ device: dev, code: 103, message: expect.any(String) }]);
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'deny' });
      expect(await subscriber.list()).toEqual({ [other]: 'active' });
    });

    it('is deny for a device in the URL too', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      await hub.setRow(dev, sub, { status: 'deny' });
      const subscriber = await hub.subscriber({ id: sub, devices: [dev] });
      expect(await subscriber.subscribedByUrl()).toMatchObject({
        devices: [],
        errors: [{ device: dev, code: 103 }],
      });
    });

    it('stops delivery at once when an active pair is denied', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const { dev: other, device: otherDevice } = await hub.pair();
      await hub.witness(dev);
      await subscriber.subscribe(other);
      let sent = 0;
      const busy = setInterval(() => {
        for (let n = 0; n < 5; n++) device.send({ type: 'message', data: ++sent });
      }, 1);
      try {
        await subscriber.event(dev);
        expect((await hub.setRow(dev, sub, { status: 'deny' })).status).toBe(200);
      } finally {
        clearInterval(busy);
      }
      const answeredAfter = sent;
      for (let n = 1; n <= 50; n++) device.send({ type: 'message', data: answeredAfter + n });
      await device.message('the last one');
      await marker(otherDevice, subscriber);
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        op: 'removed',
        devices: [dev],
        code: 103,
        reason: expect.any(String),
      });
      const numbers = dataOf(subscriber, dev) as number[];
      expect(Math.max(...numbers)).toBeLessThanOrEqual(answeredAfter);
      const removedAt = subscriber.frames.all.findIndex(({ op }) => op === 'removed');
      const late = subscriber.frames.all
        .slice(removedAt)
        .filter((frame) => frame.op === 'event' && frame.device === dev);
      expect(late).toEqual([]);
      expect(await subscriber.list()).toEqual({ [other]: 'active' });
    });

    it('is removed with code 103 when an inactive pair is denied', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await subscriber.ask('pause', [dev]);
      await hub.setRow(dev, sub, { status: 'deny' });
      expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({
        devices: [dev],
        code: 103,
      });
      expect((await subscriber.subscribe(dev)).errors).toMatchObject([{ device: dev, code: 103 }]);
    });

    it('keeps a denied row when its subscriber disconnects', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await hub.setRow(dev, sub, { status: 'deny' });
      await subscriber.drop();
      await hub.rowBecomes(dev, sub, { status: 'deny', connected: false });
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([]);
      expect((await again.subscribe(dev)).errors).toMatchObject([{ code: 103 }]);
    });

    it('keeps a denied row when its subscriber unsubscribes, pauses or resumes', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await hub.setRow(dev, sub, { status: 'deny' });
      for (const op of ['unsubscribe', 'pause', 'resume']) {
        await subscriber.ask(op, [dev]);
        expect(await hub.row(dev, sub), op).toMatchObject({ status: 'deny' });
      }
      for (const op of ['pause', 'resume']) expect((await subscriber.ask(op)).devices).toEqual([]);
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'deny' });
    });

    it('leaves deny when an operator allows the pair', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      await hub.setRow(dev, sub, { status: 'deny' });
      expect((await hub.setRow(dev, sub, { status: 'allow' })).body).toMatchObject({ status: 'allow' });
      expect((await subscriber.subscribe(dev)).errors).toEqual([]);
      await marker(device, subscriber);
    });

    it('is told to the subscriber when an operator pauses and wakes it', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      await hub.witness(dev);
      expect((await hub.setRow(dev, sub, { status: 'inactive' })).body).toMatchObject({ status: 'inactive' });
      expect(await subscriber.frames.next(({ op }) => op === 'status')).toEqual({
        op: 'status',
        devices: [dev],
        status: 'inactive',
        reason: 'paused',
      });
      await device.message('missed');
      expect(await subscriber.list()).toEqual({ [dev]: 'inactive' });
      expect((await hub.setRow(dev, sub, { status: 'active' })).body).toMatchObject({ status: 'active' });
      expect(await subscriber.frames.next(({ op }) => op === 'status')).toMatchObject({
        devices: [dev],
        status: 'active',
      });
      await marker(device, subscriber);
      expect(dataOf(subscriber, dev)).not.toContain('missed');
    });

    it('is resumed by the subscriber after an operator paused it', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      await hub.setRow(dev, sub, { status: 'inactive' });
      expect((await subscriber.resume(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
      await marker(device, subscriber);
    });

    it('is the same for any number of subscribers and devices: each pair has its own', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      const second = await hub.witness(dev);
      const other = uniqueId('dev');
      const otherDevice = await hub.device(other);
      await subscriber.subscribe(other);
      await hub.setRow(dev, sub, { status: 'deny' });
      await marker(device, second);
      await marker(otherDevice, subscriber);
      expect(subscriber.events(dev)).toEqual([]);
    });
  });

  describe('DAT_DEFAULT_ACCESS=deny', () => {
    const hub = useHub({ ...env, DAT_DEFAULT_ACCESS: 'deny' });

    it('answers a subscribe with error 103 and stores no row', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      await hub.device(dev);
      const subscriber = await hub.subscriber({ id: sub, devices: [dev] });
      expect(await subscriber.subscribedByUrl()).toMatchObject({
        devices: [],
        errors: [{ device: dev, code: 103 }],
      });
      expect(await subscriber.subscribe(dev)).toMatchObject({
        devices: [],
        errors: [{ device: dev, code: 103 }],
      });
      expect(await hub.rows(dev)).toEqual([]);
    });

    it('lets a pair subscribe that an operator allowed, again and again', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      await hub.setRow(dev, sub, { status: 'allow' });
      const subscriber = await hub.subscriber({ id: sub });
      const stranger = await hub.subscriber();
      for (let round = 0; round < 2; round++) {
        expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
        await marker(device, subscriber);
        expect((await stranger.subscribe(dev)).errors).toMatchObject([{ code: 103 }]);
        await subscriber.ask('unsubscribe', [dev]);
      }
    });

    it('resumes an allowed subscription after a reconnect', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      await hub.setRow(dev, sub, { status: 'allow' });
      const subscriber = await hub.subscriber({ id: sub, devices: [dev] });
      await subscriber.subscribedByUrl();
      await subscriber.drop();
      await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'disconnected' });
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([dev]);
      await marker(device, again);
    });

    it('refuses a pair again that was denied after it was allowed', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      await hub.setRow(dev, sub, { status: 'allow' });
      await hub.setRow(dev, sub, { status: 'deny' });
      const subscriber = await hub.subscriber({ id: sub });
      expect((await subscriber.subscribe(dev)).errors).toMatchObject([{ code: 103 }]);
    });
  });
}

/** In hubs with short timers; the tests wait beside each other. */
/** Long enough for a peer that answers pings on a busy host. */
const SILENCE_MS = 2000;

export function subscriptionTimers({ env }: MatrixRow): void {
  describe('the silence of a subscriber', () => {
    // Pongs come all the time here and count for nothing.
    const hub = useHub({
      ...env,
      DAT_MAX_DEVICES: '40000',
      DAT_SUBSCRIBER_ACTIVITY: 'frame',
      DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '400',
      DAT_PING_INTERVAL_MS: '100',
    });
    const isStatus = (status: string) => (frame: { readonly op: string; readonly status?: string | null }) =>
      frame.op === 'status' && frame.status === status;

    it('makes its subscriptions inactive with the reason silent, and says so', async () => {
      const [dev, sub, other] = [uniqueId('dev'), uniqueId('sub'), uniqueId('dev')];
      const device = await hub.device(dev);
      const subscriber = await hub.subscriber({ id: sub });
      await subscriber.subscribe(dev, other);
      const notice = await subscriber.frames.next(isStatus('inactive'));
      expect(notice).toMatchObject({ op: 'status', status: 'inactive', reason: 'silent' });
      expect([...(notice.devices ?? [])].sort()).toEqual([dev, other].sort());
      expect(await hub.row(dev, sub)).toMatchObject({
        status: 'inactive',
        reason: 'silent',
        connected: true,
      });
      expect(await device.message('nobody')).toMatchObject({ skipped: true });
    });

    it('is told page by page, and no page twice', async () => {
      const prefix = uniqueId('many');
      const ids = Array.from({ length: 2500 }, (_, n) => `${prefix}-${n}`);
      const subscriber = await hub.subscriber();
      // All at once: no silence fits between them.
      await Promise.all([0, 1000, 2000].map((at) => subscriber.subscribe(...ids.slice(at, at + 1000))));
      const seen = new Set<string>();
      const notice = new Set<string>();
      // On a busy host a silence may fit between the requests after all: then there is more than one notice.
      for (let more = false; more || seen.size < ids.length; ) {
        const page = await subscriber.frames.next(isStatus('inactive'));
        expect(page.devices?.length).toBeLessThanOrEqual(1000);
        for (const id of page.devices as string[]) {
          expect(notice.has(id), `${id} twice`).toBe(false);
          notice.add(id);
          seen.add(id);
        }
        more = page.more === true;
        if (!more) notice.clear();
      }
      expect([...seen].sort()).toEqual(ids.sort());
    });

    it.each([
      ['touch', '{"op":"touch"}'],
      ['list', '{"op":"list"}'],
      ['a frame that is refused', 'no JSON'],
    ])('ends with %s, and its subscriptions are active again', async (_what, text) => {
      const { dev, sub, device, subscriber } = await hub.pair();
      await subscriber.frames.next(isStatus('inactive'));
      // Touched often from now on, so that the silence does not come back under the test.
      const activity = setInterval(() => subscriber.sendText(text), 40);
      try {
        expect(await subscriber.frames.next(isStatus('active'))).toMatchObject({
          devices: [dev],
          status: 'active',
        });
        await eventually('an event is taken', async () => (await device.message('awake')).skipped !== true);
        await subscriber.event(dev);
        await hub.rowBecomes(dev, sub, { status: 'active', reason: null });
      } finally {
        clearInterval(activity);
      }
    });

    it('does not wake a subscription that was paused', async () => {
      const { dev, sub, other, subscriber, notice } = await firstOf('it was silent before', async () => {
        const [dev, sub, other] = [uniqueId('dev'), uniqueId('sub'), uniqueId('dev')];
        const subscriber = await hub.subscriber({ id: sub });
        // Both at once: hardly ever does a silence fit between them.
        await Promise.all([subscriber.subscribe(dev, other), subscriber.ask('pause', [dev])]);
        const notice = await subscriber.frames.next(isStatus('inactive'));
        return notice.devices?.includes(dev) ? undefined : { dev, sub, other, subscriber, notice };
      });
      expect(notice).toMatchObject({ devices: [other], reason: 'silent' });
      subscriber.send({ op: 'touch' });
      expect(await subscriber.frames.next(isStatus('active'))).toMatchObject({ devices: [other] });
      expect(await hub.row(dev, sub)).toMatchObject({ status: 'inactive', reason: 'paused' });
    });
  });

  describe('the activity of a subscriber', () => {
    const hub = useHub({
      ...env,
      DAT_SUBSCRIBER_INACTIVE_AFTER_MS: String(SILENCE_MS),
      DAT_PING_INTERVAL_MS: '100',
    });

    it('is a WebSocket pong too, unless DAT_SUBSCRIBER_ACTIVITY says otherwise', () =>
      whilePrompt(SILENCE_MS / 2, async () => {
        const { dev, device, subscriber } = await hub.pair();
        // One that does not pong falls silent later than this one would.
        const deaf = await hub.subscriber({ autoPong: false, devices: [dev] });
        expect(await deaf.frames.next(({ op }) => op === 'status')).toMatchObject({
          devices: [dev],
          status: 'inactive',
          reason: 'silent',
        });
        await marker(device, subscriber);
        expect(subscriber.frames.all.filter(({ op }) => op === 'status')).toEqual([]);
        expect(deaf.events(dev)).toEqual([]);
      }));
  });

  describe('a subscriber that is silent for longer than DAT_SUBSCRIBER_REMOVE_AFTER_MS', () => {
    const hub = useHub({
      ...env,
      DAT_SUBSCRIBER_ACTIVITY: 'frame',
      DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '200',
      DAT_SUBSCRIBER_REMOVE_AFTER_MS: '600',
    });
    const isRemoved = ({ op }: { readonly op: string }) => op === 'removed';

    it('loses its subscriptions with code 121 and stays connected', async () => {
      const { dev, sub, subscriber, removed, notices } = await firstOf(
        'the owner stood still until all of the silence was over',
        async () => {
          const all = await hub.pair();
          const removed = await all.subscriber.frames.next(isRemoved);
          const told = all.subscriber.frames.all.map(({ op }) => op);
          const notices = told.filter((op) => op === 'status' || op === 'removed');
          return notices.length > 1 ? { ...all, removed, notices } : undefined;
        },
      );
      expect(removed).toMatchObject({
        op: 'removed',
        devices: [dev],
        code: 121,
        reason: expect.any(String),
      });
      expect(await hub.row(dev, sub)).toBeUndefined();
      expect(notices).toEqual(['status', 'removed']);
      expect((await subscriber.subscribe(dev)).devices).toMatchObject([{ device: dev, status: 'active' }]);
    });

    it('loses a paused subscription too', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await subscriber.ask('pause', [dev]);
      expect(await subscriber.frames.next(isRemoved)).toMatchObject({ devices: [dev], code: 121 });
      expect(await hub.row(dev, sub)).toBeUndefined();
    });

    it('loses its subscriptions while it is disconnected, and has none to resume', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      await subscriber.drop();
      await hub.rowGoes(dev, sub);
      const again = await hub.openSubscriber({ id: sub });
      expect((await again.welcome()).resumed).toEqual([]);
      expect(await again.list()).toEqual({});
    });

    it('keeps a denied row', async () => {
      const { dev, sub, subscriber } = await hub.pair();
      const denied = uniqueId('dev');
      await hub.setRow(denied, sub, { status: 'deny' });
      await subscriber.frames.next(isRemoved);
      await subscriber.drop();
      await hub.rowGoes(dev, sub);
      expect(await hub.row(denied, sub)).toMatchObject({ status: 'deny' });
      const again = await hub.subscriber({ id: sub });
      expect((await again.subscribe(denied)).errors).toMatchObject([{ device: denied, code: 103 }]);
    });
  });
}
