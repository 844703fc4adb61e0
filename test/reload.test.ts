/** The reload of a running hub: settings, certificate, keys and secrets, without a connection dropped. */

import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from './conformance/harness.ts';
import { type AdminAnswer, admin } from './support/admin.ts';
import { makeCertificate } from './support/certificates.ts';
import { eventually } from './support/eventually.ts';
import { type HubProcess, startHub } from './support/hub-process.ts';
import { Device, Subscriber, UpgradeRefused } from './support/peers.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { SECRET, tokenFor } from './support/tokens.ts';
import { uwsLoads } from './support/uws-loads.ts';

const modes = [
  ['uws, 2 workers', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2' }],
  ['uws, no worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

/** A hub with a config file that the test writes. */
class Place {
  readonly directory = temporaryDirectory();
  readonly file = join(this.directory, 'dat.json');
  hub!: HubProcess;

  async start(env: Record<string, string>, config: object): Promise<this> {
    this.write(config);
    const { DAT_DEVICE_RATE: _, ...quiet } = calm;
    this.hub = await startHub({ ...quiet, ...env, DAT_CONFIG: this.file });
    onTestFinished(() => this.hub.kill());
    return this;
  }

  write(config: object): void {
    writeFileSync(this.file, JSON.stringify(config));
  }

  reload(token?: string): Promise<AdminAnswer> {
    return admin(this.hub.adminPort, 'POST', '/v1/reload', { token });
  }
}

/** What the listener shows. @param servername '' for none, as from a peer that connects by address */
function certificateAt(port: number, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe.each(modes)('a hub that is told to reload (%s)', (_, env) => {
  const skips = env.DAT_TRANSPORT === 'uws' && !uwsLoads();

  it.skipIf(skips)('takes what it can, names the rest, and drops nobody', async () => {
    const place = await new Place().start(env, { deviceRate: 1, deviceBurst: 2, logLevel: 'info' });
    const { hub } = place;
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s-1&devices=dev-1');
    await subscriber.subscribedByUrl();
    /** Whether each of eight events at once was accepted. */
    const burst = (): Promise<boolean[]> =>
      Promise.all(
        Array.from({ length: 8 }, () =>
          device.message(1).then(
            () => true,
            () => false,
          ),
        ),
      );
    expect(await burst()).toContain(false);
    place.write({
      deviceRate: 1000,
      deviceBurst: 1000,
      maxMessageBytes: 2048,
      logLevel: 'debug',
      subscriberRate: 7,
    });
    const { status, body } = await place.reload();
    expect(status).toBe(200);
    expect(body).toEqual({
      changed: ['subscriberRate', 'deviceRate', 'deviceBurst', 'logLevel'],
      needRestart: ['maxMessageBytes'],
    });
    expect(await burst()).not.toContain(false);
    expect((await place.reload()).body).toEqual({ changed: [], needRestart: ['maxMessageBytes'] });
    const { seq } = await device.message('still here');
    await eventually('the subscriber gets it', () =>
      subscriber.events('dev-1').some((event) => event.seq === seq),
    );
    expect(await hub.stop()).toBe(0);
  });

  it.skipIf(skips)('shows new connections the new certificate, and keeps the old ones', async () => {
    const directory = temporaryDirectory();
    const first = makeCertificate(directory);
    const files = { DAT_TLS_CERT_FILE: first.certFile, DAT_TLS_KEY_FILE: first.keyFile };
    const place = await new Place().start({ ...env, ...files }, {});
    const { hub } = place;
    const ports = [hub.devicePort, hub.subscriberPort, hub.adminPort];
    const shown = async () =>
      new Set(
        (
          await Promise.all(
            [...ports, ...ports].flatMap((port) =>
              ['', 'localhost'].map((name) => certificateAt(port, name)),
            ),
          )
        ).values(),
      );
    const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;
    const tls = { ca: first.cert };
    const device = await Device.connect(hub.devicePort, '?id=dev-1', tls);
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=s-1&devices=dev-1', tls);
    await subscriber.subscribedByUrl();
    expect(await shown()).toEqual(new Set([fingerprint(first.cert)]));

    const second = makeCertificate(directory); // in the same files
    hub.signal('SIGHUP');
    await eventually('it has reloaded', () => hub.logs.some(({ msg }) => msg === 'reloaded'));
    expect(hub.logs.find(({ msg }) => msg === 'reloaded')).toMatchObject({
      changed: ['tlsCertFile', 'tlsKeyFile'],
      needRestart: [],
    });
    expect(await shown()).toEqual(new Set([fingerprint(second.cert)]));
    const late = await Subscriber.connect(hub.subscriberPort, '?id=s-2&devices=dev-1', { ca: second.cert });
    await late.subscribedByUrl();
    await device.message('to both');
    expect((await subscriber.event('dev-1')).data).toBe('to both');
    expect((await late.event('dev-1')).data).toBe('to both');

    writeFileSync(second.certFile, 'no certificate');
    hub.signal('SIGHUP');
    await eventually('it has refused', () => hub.stderr().includes('a reload was refused'));
    expect(hub.stderr()).toContain('DAT_TLS_CERT_FILE holds no certificate in PEM form');
    expect(await shown()).toEqual(new Set([fingerprint(second.cert)]));
    await device.message('still here');
    expect((await subscriber.event('dev-1')).data).toBe('still here');
    expect(await hub.stop()).toBe(0);
    expect((await subscriber.closed).code).toBe(4200);
  });

  it.skipIf(skips)('takes other secrets, for operators and for tokens', async () => {
    const directory = temporaryDirectory();
    const files = { adminTokenFile: join(directory, 'admin'), authJwtSecretFile: join(directory, 'jwt') };
    const write = (token: string, secret: string): void => {
      writeFileSync(files.adminTokenFile, `${token}\n`);
      writeFileSync(files.authJwtSecretFile, `${secret}\n`);
    };
    write('old-token', SECRET);
    const place = await new Place().start(env, files);
    const { hub } = place;
    const claims = { sub: 's-1', role: 'subscriber' };
    const [old, fresh] = [await tokenFor(claims), await tokenFor(claims, {}, Buffer.from(`${SECRET}2`))];
    const open = (token: string) => Subscriber.connect(hub.subscriberPort, `?token=${token}`);
    const subscriber = await open(old);
    await subscriber.welcome();
    await expect(open(fresh)).rejects.toThrow(UpgradeRefused);

    write('new-token', `${SECRET}2`);
    expect((await place.reload('new-token')).status).toBe(401);
    const { status, body } = await place.reload('old-token');
    expect([status, body]).toEqual([200, { changed: ['adminToken', 'authJwtSecret'], needRestart: [] }]);
    expect((await place.reload('old-token')).status).toBe(401);
    expect((await place.reload('new-token')).body).toEqual({ changed: [], needRestart: [] });
    await subscriber.subscribe('dev-1'); // it stays
    // Each worker in turn.
    for (let n = 0; n < 4; n++) await expect(open(old)).rejects.toThrow(UpgradeRefused);
    for (let n = 0; n < 4; n++) await (await open(fresh)).welcome();
    expect(hub.stderr()).not.toMatch(/old-token|new-token/);
    expect(await hub.stop()).toBe(0);
  });

  it.skipIf(skips)('changes nothing when anything is wrong, and says what', async () => {
    const place = await new Place().start(env, { deviceRate: 1, deviceBurst: 2, adminToken: 'a' });
    const wrong: readonly (readonly [object | string, string])[] = [
      ['{', 'text that is not JSON'],
      [{ deviceRate: 50, devicerate: 1, adminToken: 'a' }, 'did you mean deviceRate'],
      [{ deviceRate: 50, flushMaxMs: -1, adminToken: 'a' }, 'flushMaxMs'],
      [{ deviceRate: 50, adminTokenFile: '/nowhere/token' }, 'no such file'],
    ];
    for (const [config, message] of wrong) {
      writeFileSync(place.file, typeof config === 'string' ? config : JSON.stringify(config));
      const { status, body } = await place.reload('a');
      expect(status).toBe(400);
      expect(body).toMatchObject({
        error: { code: 'bad_request', message: expect.stringContaining(message) },
      });
      expect(place.hub.stderr()).toContain('a reload was refused; nothing has changed');
    }
    place.write({ deviceRate: 1, deviceBurst: 2, adminToken: 'a' });
    expect((await place.reload('a')).body).toEqual({ changed: [], needRestart: [] });
    expect(await place.hub.stop()).toBe(0);
  });
});

describe('a reload', () => {
  it('keeps a rule between a setting that it changes and one that takes a restart', async () => {
    const place = await new Place().start(
      { DAT_TRANSPORT: 'ws', DAT_INSECURE: 'true' },
      { host: '0.0.0.0', adminToken: 'a' },
    );
    place.write({ host: '127.0.0.1' });
    const { body } = await place.reload('a');
    expect(body).toEqual({ changed: [], needRestart: ['host', 'adminToken'] });
    expect((await admin(place.hub.adminPort, 'GET', '/v1/stats')).status).toBe(401);
  });

  it('that comes while another goes on waits for it', async () => {
    const place = await new Place().start({ DAT_TRANSPORT: 'ws' }, { deviceRate: 1 });
    place.write({ deviceRate: 2 });
    const answers = await Promise.all([place.reload(), place.reload(), place.reload()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const changed = answers.map(({ body }) => (body as { changed: string[] }).changed);
    expect(changed.flat()).toEqual(['deviceRate']);
  });
});
