/** Every limit at the door and beyond it: what the peer over it sees, and where that is counted. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { TestHub, uniqueId } from '../conformance/harness.ts';
import { Metrics } from '../support/admin.ts';
import { firstOf, whilePrompt } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Env } from '../support/hub-process.ts';
import { Opcode, RawPeer, type UpgradeAnswer, upgradeAnswer } from '../support/raw-peer.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const transports = [
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

const ADMIN_TOKEN = 'admin';
const BAN_MS = 2000;
const FIRST_FRAME_MS = 600;

async function metricsOf(hub: TestHub): Promise<Metrics> {
  return new Metrics((await hub.admin('GET', '/metrics', undefined, { token: ADMIN_TOKEN })).text);
}

describe.each(transports)('limits on %s', (_, transport) => {
  const skip = transport.DAT_TRANSPORT === 'uws' && !uwsLoads();
  const hubWith = (env: Env) => new TestHub({ ...transport, DAT_ADMIN_TOKEN: ADMIN_TOKEN, ...env });
  const refusedBy = async (hub: TestHub, reason: string): Promise<number> =>
    (await metricsOf(hub)).value('dat_upgrades_refused_total', { reason });
  const withHub = (env: Env): { hub: TestHub; refused(reason: string): Promise<number> } => {
    const hub = hubWith(env);
    beforeAll(() => hub.start());
    afterAll(() => hub.end());
    return { hub, refused: (reason) => refusedBy(hub, reason) };
  };
  const subscriberUpgrade = (hub: TestHub, headers = {}): Promise<UpgradeAnswer> =>
    upgradeAnswer(hub.process.subscriberPort, `/v1/subscribe?id=${uniqueId('sub')}`, headers);

  describe.skipIf(skip)('connections from one address', () => {
    const { hub, refused } = withHub({ DAT_MAX_CONNECTIONS_PER_ADDRESS: '3' });

    it('are as many as set over both listeners, then 429; one that goes makes room', async () => {
      const device = await hub.connectDevice(uniqueId('dev'));
      const [first] = [await hub.subscriber(), await hub.subscriber()];
      const { status, headers } = await subscriberUpgrade(hub);
      expect(status).toBe(429);
      expect(headers['retry-after']).toBe('1');
      const path = `/v1/device?id=${uniqueId('dev')}`;
      expect((await upgradeAnswer(hub.process.devicePort, path)).status).toBe(429);
      expect(await refused('address_connections')).toBe(2);
      await first.close(1000);
      await eventually('there is room', async () => (await subscriberUpgrade(hub)).status === 101);
      await device.message('still served');
    });
  });

  describe.skipIf(skip)('new connections per second from one address', () => {
    const { hub, refused } = withHub({ DAT_CONNECTIONS_PER_SECOND_PER_ADDRESS: '4' });

    it('are let in as many as set, the others get 429 until a second has passed', async () => {
      const startMs = performance.now();
      const answers = await Promise.all(Array.from({ length: 40 }, () => subscriberUpgrade(hub)));
      const secondsMax = Math.floor((performance.now() - startMs) / 1e3) + 2; // of the hub's clock, in part or whole
      const turnedAway = answers.filter(({ status }) => status === 429);
      const letIn = answers.filter(({ status }) => status === 101).length;
      expect(letIn).toBeGreaterThanOrEqual(4);
      expect(letIn).toBeLessThanOrEqual(4 * secondsMax);
      expect(turnedAway.length).toBe(40 - letIn);
      expect(await refused('address_rate')).toBe(turnedAway.length);
      await eventually('it is let in again', async () => (await subscriberUpgrade(hub)).status === 101);
    });
  });

  describe.skipIf(skip)('wrong tokens from one address', () => {
    const env = {
      DAT_AUTH_JWT_SECRET: SECRET,
      DAT_AUTH_FAILURES_PER_MINUTE: '3',
      DAT_AUTH_BAN_MS: String(BAN_MS),
    };
    /** Of the hub, which counts failures by the minutes of this clock. */
    const minute = (): number => Math.floor(systemClock.now() / 60e3);

    it('end in a ban, for good tokens too, until it is over', async () => {
      const good = await tokenFor({ sub: 'sub-1', role: 'subscriber' }, { expiresIn: 600 });
      await firstOf('the ban was over before it was asked for, or a minute was', async () => {
        const hub = hubWith(env);
        await hub.start();
        onTestFinished(() => hub.process.kill());
        const enter = (token: string) =>
          upgradeAnswer(hub.process.subscriberPort, '/v1/subscribe', { Authorization: `Bearer ${token}` });
        const [since, inMinute] = [performance.now(), minute()];
        for (let wrong = 0; wrong < 3; wrong++) expect((await enter('wrong')).status).toBe(401);
        const { status, headers } = await enter(good);
        const isLate = performance.now() - since > BAN_MS || minute() !== inMinute;
        if (!isLate) {
          expect(status).toBe(429);
          expect(Number(headers['retry-after'])).toBeGreaterThan(0);
          expect(await refusedBy(hub, 'token')).toBe(3);
          expect(await refusedBy(hub, 'banned')).toBe(1);
          await eventually('the ban is over', async () => (await enter(good)).status === 101);
        }
        await hub.end();
        return isLate ? undefined : true;
      });
    });
  });

  describe.skipIf(skip)('connections in total', () => {
    const { hub, refused } = withHub({ DAT_MAX_CONNECTIONS: '2' });

    it('are as many as set, then 503; one that goes makes room', async () => {
      const sub = await hub.subscriber();
      await hub.connectDevice(uniqueId('dev'));
      const { status, headers } = await subscriberUpgrade(hub);
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('1');
      expect(await refused('capacity')).toBe(1);
      await sub.close(1000);
      await eventually('there is room', async () => (await subscriberUpgrade(hub)).status === 101);
    });
  });

  describe.skipIf(skip)('the first sign of life', () => {
    const { hub } = withHub({ DAT_FIRST_FRAME_TIMEOUT_MS: String(FIRST_FRAME_MS) });

    it('comes in time, or the peer is closed with 4201', () =>
      whilePrompt(FIRST_FRAME_MS / 2, async () => {
        const closes = async () => (await metricsOf(hub)).value('dat_disconnects_total', { code: '4201' });
        const before = await closes();
        const mute = await RawPeer.open(hub.process.subscriberPort, `/v1/subscribe?id=${uniqueId('mute')}`);
        const pong = await hub.subscriber();
        await mute.closed;
        const close = mute.frames.all.find(({ opcode }) => opcode === Opcode.close);
        expect(close?.payload.readUInt16BE(0)).toBe(4201);
        expect(await pong.list()).toEqual({});
        expect(await closes()).toBe(before + 1);
      }));
  });

  describe.skipIf(skip)("a subscriber's frames and subscriptions", () => {
    const { hub } = withHub({
      DAT_SUBSCRIBER_RATE: '1',
      DAT_SUBSCRIBER_BURST: '5',
      DAT_MAX_SUBSCRIPTIONS_PER_SUBSCRIBER: '2',
    });

    it('are answered up to the burst, then refused with 111 and counted; others are not', async () => {
      const busy = await hub.subscriber();
      const startMs = performance.now();
      const answers = await Promise.all(Array.from({ length: 9 }, () => busy.ask('list')));
      const filledMax = Math.floor((performance.now() - startMs) / 1e3) + 1;
      const refused = answers.filter(({ op, code }) => op === 'error' && code === 111);
      const answered = answers.filter(({ op }) => op === 'list').length;
      expect(answered).toBeGreaterThanOrEqual(5);
      expect(answered).toBeLessThanOrEqual(5 + filledMax);
      expect(refused.length).toBe(9 - answered);
      const dropped = (await metricsOf(hub)).value('dat_deliveries_dropped_total', {
        reason: 'subscriber_rate',
      });
      expect(dropped).toBe(refused.length);
      expect(await (await hub.subscriber()).list()).toEqual({});
    });

    it('are as many as set, then each is refused with 106', async () => {
      const sub = await hub.subscriber();
      const { devices, errors } = await sub.subscribe('a', 'b', 'c');
      expect(devices.map(({ device }) => device)).toEqual(['a', 'b']);
      expect(errors).toMatchObject([{ device: 'c', code: 106 }]);
      expect((await sub.ask('unsubscribe', ['a'])).op).toBe('unsubscribed');
      expect((await sub.subscribe('c')).errors ?? []).toEqual([]);
    });
  });

  describe.skipIf(skip)('the other reasons', () => {
    const { hub, refused } = withHub({ DAT_AUTH_JWT_SECRET: SECRET });

    it('of a refused upgrade are counted by name', async () => {
      const deviceToken = await tokenFor({ sub: 'dev-1', role: 'device' }, { expiresIn: 600 });
      const path = (query: string) => `/v1/subscribe${query}`;
      const { subscriberPort } = hub.process;
      expect((await upgradeAnswer(subscriberPort, path(''), { Origin: 'https://evil.example' })).status).toBe(
        403,
      );
      expect((await upgradeAnswer(subscriberPort, path(''))).status).toBe(401);
      expect((await upgradeAnswer(subscriberPort, path(`?token=${deviceToken}`))).status).toBe(403);
      const token = await tokenFor({ sub: 'sub-1', role: 'subscriber' }, { expiresIn: 600 });
      expect((await upgradeAnswer(subscriberPort, path(`?id=other&token=${token}`))).status).toBe(403);
      const counted = await Promise.all(['origin', 'token', 'role', 'id'].map(refused));
      expect(counted).toEqual([1, 1, 1, 1]);
    });
  });
});
