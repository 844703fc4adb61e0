/** Section 2 with tokens: who gets in as whom, and for how long. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Metrics } from '../support/admin.ts';
import { enterBeforeExpiry } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { RawPeer, upgradeAnswer } from '../support/raw-peer.ts';
import { KeyServer, keyPair, SECRET, tokenFor } from '../support/tokens.ts';
import { calm, dataOf, type MatrixRow, TestHub, uniqueId, useHub } from './harness.ts';

const ADMIN_TOKEN = 'canary-admin-token';

export function authentication({ env }: MatrixRow): void {
  describe('authentication', () => {
    const secured = { ...env, DAT_AUTH_JWT_SECRET: SECRET, DAT_ADMIN_TOKEN: ADMIN_TOKEN };
    const hub = useHub(secured);
    const ports = () => [
      { port: hub.process.devicePort, path: '/v1/device', role: 'device' },
      { port: hub.process.subscriberPort, path: '/v1/subscribe', role: 'subscriber' },
    ];
    const device = async (id: string, options = {}) => {
      const token = await tokenFor({ sub: id, role: 'device' }, options);
      const peer = await Device.connect(hub.process.devicePort, '', { token });
      await peer.welcome();
      return peer;
    };
    const subscriber = async (id: string, claims: object = {}, options = {}) => {
      const token = await tokenFor({ sub: id, role: 'subscriber', ...claims }, options);
      return Subscriber.connect(hub.process.subscriberPort, '', { token });
    };
    const operator = (
      method: string,
      path: string,
      body?: unknown,
      token: string | undefined = ADMIN_TOKEN,
    ) => hub.admin(method, path, body, { token });
    const rowOf = async (dev: string, sub: string) => {
      const { body } = await operator('GET', `/v1/devices/${dev}/subscribers`);
      const { subscribers = [] } = body as {
        subscribers?: { subscriber: string; status: string; vip: boolean }[];
      };
      return subscribers.find((row) => row.subscriber === sub);
    };

    it('takes the id from the token, in the header or in the query', async () => {
      const dev = uniqueId('dev');
      const sub = uniqueId('sub');
      const deviceToken = await tokenFor({ sub: dev, role: 'device' }, { expiresIn: 600 });
      const subscriberToken = await tokenFor({ sub, role: 'subscriber' }, { expiresIn: 600 });
      for (const id of ['', `&id=${dev}`]) {
        const byQuery = await Device.connect(hub.process.devicePort, `?token=${deviceToken}${id}`);
        expect((await byQuery.welcome()).device).toBe(dev);
      }
      const byHeader = await Device.connect(hub.process.devicePort, '', { token: deviceToken });
      expect((await byHeader.welcome()).device).toBe(dev);
      const query = await Subscriber.connect(
        hub.process.subscriberPort,
        `?token=${subscriberToken}&id=${sub}`,
      );
      expect((await query.welcome()).subscriber).toBe(sub);
      const header = await Subscriber.connect(hub.process.subscriberPort, '', { token: subscriberToken });
      expect((await header.welcome()).subscriber).toBe(sub);
    });

    it('answers 401 to a peer without a token, with a wrong one, and with one that has expired', async () => {
      for (const { port, path, role } of ports()) {
        const claims = { sub: 'peer-1', role };
        const bad = [
          '',
          'x',
          'a.b.c',
          await tokenFor(claims, { expiresIn: -60 }),
          await tokenFor(claims, { expiresIn: -1 }),
          await tokenFor(claims, {}, Buffer.from('not-the-secret-but-32-characters-long')),
          await tokenFor({ role }),
        ];
        for (const token of bad) {
          const { status, headers } = await upgradeAnswer(port, `${path}?token=${token}&id=peer-1`);
          expect(status, token).toBe(401);
          expect(headers['www-authenticate']).toMatch(/^Bearer/);
        }
        expect((await upgradeAnswer(port, `${path}?id=peer-1`)).status).toBe(401);
      }
    });

    it('answers 403 to a token of another role, and to another id than its own', async () => {
      for (const { port, path, role } of ports()) {
        for (const other of ['device', 'subscriber', 'admin', 'operator', undefined]) {
          if (other === role) continue;
          const token = await tokenFor({ sub: 'peer-1', ...(other === undefined ? {} : { role: other }) });
          expect((await upgradeAnswer(port, `${path}?token=${token}`)).status, other).toBe(403);
        }
        const token = await tokenFor({ sub: 'peer-1', role });
        for (const id of ['peer-2', 'peer-1%20', '', 'PEER-1']) {
          expect((await upgradeAnswer(port, `${path}?token=${token}&id=${id}`)).status, id).toBe(403);
        }
      }
    });

    it('lets a subscriber follow what its token covers, and answers 103 to the rest', async () => {
      const own = uniqueId('own');
      const fleet = uniqueId('fleet');
      const foreign = uniqueId('foreign');
      const peer = await subscriber(uniqueId('sub'), { devices: [own, `${fleet}:*`] });
      await peer.welcome();
      const { devices, errors } = await peer.subscribe(own, `${fleet}:1`, fleet, foreign);
      expect(devices.map((item) => item.device)).toEqual([own, `${fleet}:1`]);
      expect(errors.map(({ device: id, code }) => [id, code])).toEqual([
        [fleet, 103],
        [foreign, 103],
      ]);
      expect(await peer.list()).toEqual({ [own]: 'active', [`${fleet}:1`]: 'active' });
    });

    it('holds ?devices= to the token too', async () => {
      const own = uniqueId('own');
      const token = await tokenFor({ sub: uniqueId('sub'), role: 'subscriber', devices: [own] });
      const peer = await Subscriber.connect(
        hub.process.subscriberPort,
        `?token=${token}&devices=${own},other`,
      );
      const { devices, errors } = await peer.subscribedByUrl();
      expect([devices.length, errors.map(({ code }) => code)]).toEqual([1, [103]]);
    });

    it('lets nobody resume what a newer token does not cover', async () => {
      const [kept, lost, sub] = [uniqueId('kept'), uniqueId('lost'), uniqueId('sub')];
      const source = await device(lost);
      const first = await subscriber(sub);
      await first.welcome();
      await first.subscribe(kept, lost);
      await first.drop();
      const second = await subscriber(sub, { devices: [kept] });
      expect((await second.welcome()).resumed).toEqual([kept]);
      const removed = await second.frames.next(({ op }) => op === 'removed');
      expect(removed).toMatchObject({ devices: [lost], code: 103 });
      expect(await second.list()).toEqual({ [kept]: 'active' });
      expect((await source.message('unheard')).skipped).toBe(true);
      expect(dataOf(second, lost)).toEqual([]);
    });

    it('does not let an operator lead a subscriber past its token', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const peer = await subscriber(sub, { devices: ['elsewhere'] });
      await peer.welcome();
      const { status } = await operator('PUT', `/v1/devices/${dev}/subscribers/${sub}`, { status: 'active' });
      expect(status).toBe(403);
      expect(await rowOf(dev, sub)).toBeUndefined();
    });

    it("makes a subscriber a vip by its token, for that connection's time", async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const first = await subscriber(sub, { vip: true });
      await first.welcome();
      await first.subscribe(dev);
      expect(await rowOf(dev, sub)).toMatchObject({ vip: true });
      const second = await subscriber(sub);
      await second.welcome();
      expect(await rowOf(dev, sub)).toMatchObject({ vip: false });
      await operator('PUT', `/v1/devices/${dev}/subscribers/${sub}`, { vip: true });
      const third = await subscriber(sub);
      await third.welcome();
      expect(await rowOf(dev, sub)).toMatchObject({ vip: true });
    });

    it('closes a connection with 4202 when its token expires', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const listener = await enterBeforeExpiry(async (expiresIn) => {
        const peer = await subscriber(sub, {}, { expiresIn });
        await peer.welcome();
        return peer;
      });
      const source = await enterBeforeExpiry((expiresIn) => device(dev, { expiresIn }));
      expect((await listener.closed).code).toBe(4202);
      expect((await source.closed).code).toBe(4202);
    });

    it('opens the admin API to its own token and to a token of the role admin', async () => {
      const token = async (role: string, options = {}) => tokenFor({ sub: 'ops', role }, options);
      const statusFor = async (bearer: string) =>
        (await operator('GET', '/v1/stats', undefined, bearer)).status;
      expect(await statusFor(ADMIN_TOKEN)).toBe(200);
      expect(await statusFor(await token('admin'))).toBe(200);
      expect(await statusFor(await token('subscriber'))).toBe(403);
      expect(await statusFor(await token('admin', { expiresIn: -60 }))).toBe(401);
      expect(await statusFor('x')).toBe(401);
      expect((await hub.admin('GET', '/v1/stats')).status).toBe(401);
      expect((await hub.admin('GET', '/livez')).status).toBe(200);
    });

    it('takes no harm from peers that go away while their token is verified', async () => {
      const token = await tokenFor({ sub: uniqueId('dev'), role: 'device' });
      for (let round = 0; round < 50; round++) {
        for (const { port, path } of ports()) {
          const peer = await RawPeer.connect(port);
          void peer.upgrade(`${path}?token=${token}`).catch(() => {}); // gone before the answer, mostly
          await new Promise(setImmediate);
          peer.destroy();
        }
      }
      const after = await device(uniqueId('dev'));
      expect((await after.message('alive')).skipped).toBe(true);
    });

    it('counts what it turns away, by reason', async () => {
      const before = await metricsOf(hub);
      await upgradeAnswer(hub.process.devicePort, '/v1/device?token=x');
      await upgradeAnswer(hub.process.subscriberPort, '/v1/subscribe?token=x');
      await eventually('both are counted', async () => {
        const now = await metricsOf(hub);
        const of = (metrics: typeof now) => metrics.value('dat_upgrades_refused_total', { reason: 'token' });
        return of(now) === of(before) + 2;
      });
    });
  });

  describe('authentication by a key set', () => {
    let server: KeyServer;
    let hub: TestHub;
    let sign: (claims: object) => Promise<string>;
    beforeAll(async () => {
      const pair = await keyPair('EdDSA');
      server = new KeyServer([pair.publicJwk]);
      const url = await server.start();
      sign = (claims) => tokenFor(claims as never, { algorithm: 'EdDSA', keyId: 'key-1' }, pair.privateKey);
      hub = new TestHub({ ...calm, ...env, DAT_AUTH_JWKS_URL: url, DAT_AUTH_JWT_AUDIENCE: 'dat' });
      await hub.start();
    });
    afterAll(async () => {
      await hub.end();
      await server.stop();
    });

    it('answers 503 while the keys cannot be had, then lets in whom they vouch for', async () => {
      const token = await sign({ sub: 'dev-1', role: 'device', aud: 'dat' });
      server.isUp = false;
      expect((await upgradeAnswer(hub.process.devicePort, `/v1/device?token=${token}`)).status).toBe(503);
      server.isUp = true;
      // The hub does not ask again at once.
      const peer = await eventually('the keys are there', () =>
        Device.connect(hub.process.devicePort, '', { token }).catch(() => undefined),
      );
      expect((await peer.welcome()).device).toBe('dev-1');
      const other = await sign({ sub: 'dev-1', role: 'device', aud: 'other' });
      await eventually('every thread that lets devices in has the keys', async () => {
        const { status } = await upgradeAnswer(hub.process.devicePort, `/v1/device?token=${other}`);
        expect([401, 503]).toContain(status);
        return status === 401;
      });
      const subscriber = await sign({ sub: 'sub-1', role: 'subscriber', aud: 'dat' });
      const listener = await eventually('the threads that let subscribers in have the keys', () =>
        Subscriber.connect(hub.process.subscriberPort, '', { token: subscriber }).catch(() => undefined),
      );
      expect((await listener.welcome()).subscriber).toBe('sub-1');
      await peer.drop();
      await listener.drop();
    });
  });
}

async function metricsOf(hub: TestHub) {
  return new Metrics((await hub.admin('GET', '/metrics', undefined, { token: ADMIN_TOKEN })).text);
}
