/** Section 1: settings, what is refused at start, and the line that tells the ports. One run: no socket is involved. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { admin } from '../support/admin.ts';
import { bindFreePort } from '../support/bind-free-port.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Ended, type Env, type HubProcess, runHub, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const EXIT_CONFIG = 78;

async function start(env: Env = {}, args: readonly string[] = []): Promise<HubProcess> {
  const hub = await startHub(env, { args });
  onTestFinished(() => hub.kill());
  return hub;
}

function linesOf({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.trim() !== '');
}

/** One line per problem, each with all of its words. */
function expectRefusal(ended: Ended, ...problems: readonly (readonly (string | RegExp)[])[]): void {
  expect(ended.code, ended.stderr).toBe(EXIT_CONFIG);
  const lines = linesOf(ended);
  expect(lines).toHaveLength(problems.length);
  for (const words of problems) {
    const fits = lines.filter((line) =>
      words.every((word) => (typeof word === 'string' ? line.includes(word) : word.test(line))),
    );
    expect(fits, `one line with ${words.join(', ')} among\n${ended.stderr}`).toHaveLength(1);
  }
}

function configFile(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'dat-conformance-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'dat.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** A port that somebody else listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  return bindFreePort(server);
}

async function pingIntervalOf(hub: HubProcess): Promise<number | undefined> {
  const device = await Device.connect(hub.devicePort, '?id=asks');
  const { pingIntervalMs } = await device.welcome();
  await device.drop();
  return pingIntervalMs;
}

describe('the start', () => {
  it('prints the three bound ports as one JSON log line', async () => {
    const hub = await start();
    const lines = hub.logs.filter(({ msg }) => msg === 'listening');
    expect(lines).toHaveLength(1);
    const { devicePort, subscriberPort, adminPort } = hub;
    expect(lines[0]).toMatchObject({ devicePort, subscriberPort, adminPort });
    expect(new Set([devicePort, subscriberPort, adminPort]).size).toBe(3);
    for (const port of [devicePort, subscriberPort, adminPort]) expect(port).toBeGreaterThan(0);
    expect((await admin(adminPort, 'GET', '/readyz')).status).toBe(200);
    expect(await pingIntervalOf(hub)).toBe(25_000);
    expect(await hub.stop()).toBe(0);
  });

  it('logs NDJSON on stderr, also when peers misbehave', async () => {
    const hub = await start({ DAT_LOG_LEVEL: 'debug' });
    const device = await Device.connect(hub.devicePort, '?id=noisy');
    device.sendText('no JSON');
    await device.error();
    const subscriber = await Subscriber.connect(hub.subscriberPort, '?id=noisy&devices=noisy');
    await subscriber.subscribedByUrl();
    await Promise.all([device.drop(), subscriber.drop()]);
    expect(await hub.stop()).toBe(0);
    for (const line of linesOf(await hub.ended)) expect(() => JSON.parse(line), line).not.toThrow();
  });

  // Only Linux has all of 127.0.0.0/8 without being told.
  it.skipIf(process.platform !== 'linux')(
    'binds all listeners to DAT_HOST, which is a loopback address by default',
    async () => {
      const hub = await start({ DAT_HOST: '127.0.0.2' });
      expect((await fetch(`http://127.0.0.2:${hub.adminPort}/livez`)).status).toBe(200);
      for (const port of [hub.devicePort, hub.subscriberPort, hub.adminPort]) {
        await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
      }
    },
  );

  it('takes every number of fan-out workers, and auto', async () => {
    for (const workers of ['auto', '0', '3']) {
      const hub = await start({ DAT_FANOUT_WORKERS: workers });
      expect(await hub.stop(), workers).toBe(0);
    }
  });

  it('uses the ports that it is given', async () => {
    const ports = await freePorts();
    const { devicePort, subscriberPort, adminPort } = await start(ports);
    expect({
      DAT_DEVICE_PORT: `${devicePort}`,
      DAT_SUBSCRIBER_PORT: `${subscriberPort}`,
      DAT_ADMIN_PORT: `${adminPort}`,
    }).toEqual(ports);
  });
});

describe('the precedence of a setting', () => {
  const byFile = () => ['--config', configFile({ pingIntervalMs: 11_000 })];

  it('is the config file over the default', async () => {
    expect(await pingIntervalOf(await start({}, byFile()))).toBe(11_000);
  });

  it('is the env variable over the config file', async () => {
    expect(await pingIntervalOf(await start({ DAT_PING_INTERVAL_MS: '12000' }, byFile()))).toBe(12_000);
  });

  it('is the flag over the env variable', async () => {
    const args = [...byFile(), '--ping-interval-ms', '13000'];
    expect(await pingIntervalOf(await start({ DAT_PING_INTERVAL_MS: '12000' }, args))).toBe(13_000);
  });

  it('holds for the ports too', async () => {
    const taken = `${await takenPort()}`;
    const hub = await start({ DAT_DEVICE_PORT: taken, DAT_SUBSCRIBER_PORT: taken, DAT_ADMIN_PORT: taken }, [
      '--device-port=0',
      '--subscriber-port=0',
      '--admin-port=0',
    ]);
    expect(hub.devicePort).toBeGreaterThan(0);
  });
});

describe('a refusal at start', () => {
  it('names an unknown env variable and what was probably meant', async () => {
    expectRefusal(await runHub({ DAT_DEVICE_PROT: '7400' }), [
      'DAT_DEVICE_PROT',
      /did you mean/i,
      /DAT_DEVICE_PORT/,
    ]);
  });

  it('names an unknown key of the config file and what was probably meant', async () => {
    const path = configFile({ fanoutWorker: 1 });
    expectRefusal(await runHub({}, ['--config', path]), [
      'fanoutWorker',
      path,
      /did you mean/i,
      /fanoutWorkers/,
    ]);
  });

  it('names an unknown flag and what was probably meant', async () => {
    expectRefusal(await runHub({}, ['--admin-prot', '0']), ['--admin-prot', /did you mean/i, '--admin-port']);
  });

  it('names a wrong value, where it stands and what is accepted', async () => {
    const path = configFile({ maxMessageBytes: 'many' });
    expectRefusal(await runHub({ DAT_DEVICE_PORT: 'banana' }), ['DAT_DEVICE_PORT', 'banana', '65535']);
    expectRefusal(await runHub({ DAT_DEVICE_PORT: '65536' }), ['DAT_DEVICE_PORT', '65536', '65535']);
    expectRefusal(await runHub({ DAT_DEVICE_RATE: '-1' }), ['DAT_DEVICE_RATE', '-1']);
    expectRefusal(await runHub({}, ['--admin-port', '1.5']), ['--admin-port', '1.5', '65535']);
    expectRefusal(await runHub({}, ['--config', path]), ['maxMessageBytes', path, 'many']);
  });

  it('names a wrong word and what was probably meant', async () => {
    expectRefusal(await runHub({ DAT_DEFAULT_ACCESS: 'denny' }), [
      'DAT_DEFAULT_ACCESS',
      'denny',
      /did you mean "?deny/i,
    ]);
    expectRefusal(await runHub({ DAT_SUBSCRIBER_ACTIVITY: 'pongs' }), [
      'DAT_SUBSCRIBER_ACTIVITY',
      'pongs',
      'frame',
    ]);
    expectRefusal(await runHub({ DAT_TRANSPORT: 'tcp' }), ['DAT_TRANSPORT', 'tcp', 'uws']);
    expectRefusal(await runHub({ DAT_FANOUT_WORKERS: 'some' }), ['DAT_FANOUT_WORKERS', 'some', 'auto']);
    expectRefusal(await runHub({ DAT_LOG_LEVEL: 'loud' }), ['DAT_LOG_LEVEL', 'loud', 'info']);
  });

  it('has one line per problem', async () => {
    const path = configFile({ adminPrt: 1, drainRate: 'x' });
    const env = { DAT_MAX_DEVICES: '0', DAT_NO_SUCH_THING: '1', DAT_INSECURE: 'maybe' };
    expectRefusal(
      await runHub(env, ['--config', path, '--flush-max-ms', 'soon']),
      ['adminPrt'],
      ['drainRate'],
      ['DAT_MAX_DEVICES'],
      ['DAT_NO_SUCH_THING'],
      ['DAT_INSECURE'],
      ['--flush-max-ms'],
    );
  });

  it('tells of a config file that cannot be read', async () => {
    expectRefusal(await runHub({}, ['--config', '/nowhere/dat.json']), ['/nowhere/dat.json']);
    const path = configFile('{"adminPort": ');
    expectRefusal(await runHub({}, ['--config', path]), [path]);
    const list = configFile([]);
    expectRefusal(await runHub({}, ['--config', list]), [list]);
  });

  it('does not print a secret', async () => {
    const { code, stderr, stdout } = await runHub({ DAT_ADMIN_TOKEN: 'se cret', DAT_ADMIN_TOKN: 's3cr3t' });
    expect(code).toBe(EXIT_CONFIG);
    expect(`${stderr}${stdout}`).not.toMatch(/se cret|s3cr3t/);
  });

  it.each(['0.0.0.0', '::', '192.0.2.1'])(
    'comes for the non-loopback address %s without authentication',
    async (host) => {
      const { code, stderr } = await runHub({ DAT_HOST: host, DAT_ADMIN_TOKEN: 'token' });
      expect(code).toBe(EXIT_CONFIG);
      expect(stderr).toContain('DAT_HOST');
      expect(stderr).toContain('DAT_INSECURE');
    },
  );

  it('comes for a non-loopback address without DAT_ADMIN_TOKEN', async () => {
    expectRefusal(await runHub({ DAT_HOST: '0.0.0.0', DAT_INSECURE: 'true' }), ['DAT_ADMIN_TOKEN']);
  });

  it('does not come for a non-loopback address with DAT_INSECURE=true and a token', async () => {
    const hub = await start({ DAT_HOST: '0.0.0.0', DAT_INSECURE: 'true', DAT_ADMIN_TOKEN: 'token' });
    expect((await admin(hub.adminPort, 'GET', '/v1/stats')).status).toBe(401);
    expect((await admin(hub.adminPort, 'GET', '/v1/stats', { token: 'token' })).status).toBe(200);
    expect(await hub.stop()).toBe(0);
  });

  it.each(uwsLoads() ? ['uws', 'ws'] : ['ws'])(
    'is one clear line for a port in use, on %s',
    async (transport) => {
      for (const name of ['DAT_DEVICE_PORT', 'DAT_SUBSCRIBER_PORT', 'DAT_ADMIN_PORT']) {
        const port = await takenPort();
        const ended = await runHub({ DAT_TRANSPORT: transport, [name]: `${port}` });
        expect(ended.signal, name).toBeNull();
        expect(ended.code, name).toBeGreaterThan(0);
        expect(ended.code, name).toBeLessThan(128);
        const lines = linesOf(ended);
        expect(
          lines.filter((line) => line.includes(`${port}`)),
          ended.stderr,
        ).toHaveLength(1);
        expect(lines.filter((line) => /^\s+at /.test(line))).toEqual([]);
        expect(lines.filter((line) => line.includes('listening'))).toEqual([]);
      }
    },
  );
});
