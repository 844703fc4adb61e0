/** `dat` as its users run it: the built command in a process of its own, beside a hub. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { TestHub, uniqueId, useHub } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { SECRET } from '../support/tokens.ts';

const DAT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dat-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'));
  const child = spawn(process.execPath, [DAT, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...out }));
  });
  return { child, out, ended };
}

const dat = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => start(args, env).ended;

function portsOf(hub: TestHub): Record<string, string> {
  const { devicePort, subscriberPort, adminPort } = hub.process;
  return {
    DAT_DEVICE_PORT: String(devicePort),
    DAT_SUBSCRIBER_PORT: String(subscriberPort),
    DAT_ADMIN_PORT: String(adminPort),
  };
}

describe('dat beside a hub', () => {
  const hub = useHub({});

  it('follows a device with one command and sends as it with another', async () => {
    const id = uniqueId('dev');
    const watching = start(['watch', id, '--json', '--count', '2'], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('"subscribed"'));
    const sent = await dat(['send', id, '{"temperature":21.5}'], portsOf(hub));
    expect(sent).toMatchObject({ code: 0, stdout: `sent as ${id}, number 2\n`, stderr: '' });
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
      .filter(({ op }) => op === 'event');
    expect(events).toMatchObject([
      { device: id, source: 'hub', data: { state: 'online' } },
      { device: id, seq: 2, data: { temperature: 21.5 } },
    ]);
  });

  it('prints what comes for people, without what moves a cursor, and ends with Ctrl-C', async () => {
    const device = await hub.device();
    const id = new URL(device.url).searchParams.get('id')!;
    const watching = start(['watch', id], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('events so far'));
    await device.publish({ type: 'status', status: 'hot\u001b[2J', data: null });
    await eventually('it is printed', () => watching.out.stdout.includes('hot'));
    watching.child.kill('SIGINT');
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('hot\\u001b[2J');
    expect(stdout).not.toContain('\u001b');
  });

  it('says when nobody follows, and what JSON looks like', async () => {
    const id = uniqueId('dev');
    expect(await dat(['send', id, '1'], portsOf(hub))).toMatchObject({
      code: 0,
      stdout: `nobody follows ${id}: skipped\n`,
    });
    const { code, stderr } = await dat(['send', id, 'hello'], portsOf(hub));
    expect(code).toBe(64);
    expect(stderr).toBe(`dat: the data is no JSON: hello; a text needs quotes: '"hello"'\n`);
  });

  it('sends a status where one is given, and nothing that contradicts itself', async () => {
    const { dev, subscriber } = await hub.pair();
    const sent = await dat(['send', dev, '--status', 'hot', '--operator'], portsOf(hub));
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringContaining(`sent as ${dev}`) });
    expect(await subscriber.frames.next(({ status }) => status === 'hot')).toMatchObject({ type: 'status' });
    for (const args of [
      ['--status', 'hot', '--type', 'pong'],
      ['--type', 'status'],
      ['--status', ''],
      ['--status', 'x'.repeat(65)],
    ])
      expect(await dat(['send', dev, ...args], portsOf(hub))).toMatchObject({ code: 64 });
  });

  it('sends as an operator beside a device that stays connected, and replaces it without', async () => {
    const { dev, device, subscriber } = await hub.pair();
    expect((await dat(['send', dev, '1', '--operator'], portsOf(hub))).code).toBe(0);
    await subscriber.frames.next(({ data }) => data === 1);
    expect((await device.message(2)).skipped).toBeUndefined();
    expect((await dat(['send', dev, '3'], portsOf(hub))).code).toBe(0);
    expect((await device.closed).code).toBe(4004);
  });

  it('ends a watch that has nothing left to follow, with what was said', async () => {
    const { dev, sub } = await hub.pair();
    await hub.setRow(dev, 'watcher', { status: 'deny' });
    const denied = await dat(['watch', dev, '--id', 'watcher'], portsOf(hub));
    expect(denied.code).toBe(77);
    expect(denied.stderr).toMatch(new RegExp(`${dev}: .+\\ndat: nothing is left to follow\\n$`));
    expect((await hub.row(dev, sub))?.status).toBe('active');
  });

  it('is silent when who reads has had enough', async () => {
    const id = uniqueId('dev');
    const device = await hub.device(id);
    const watching = start(['watch', id], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('events so far'));
    watching.child.stdout!.destroy();
    const sending = setInterval(() => device.send({ type: 'message', data: 1 }), 20);
    const { code, stderr } = await watching.ended;
    clearInterval(sending);
    expect(code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });

  it('says what is wrong with a listener that it was told, at once', async () => {
    const { devicePort, subscriberPort, adminPort } = hub.process;
    const wrong = [
      ['send', 'dev-1', '1', '--device-url', `ws://127.0.0.1:${subscriberPort}`],
      ['watch', 'dev-1', '--subscriber-url', `ws://127.0.0.1:${devicePort}`],
      ['simulate', '--device-url', `ws://127.0.0.1:${subscriberPort}`],
      ['who', 'dev-1', '--admin-url', `http://127.0.0.1:${devicePort}`],
      ['send', 'dev-1', '1', '--device-url', `ws://127.0.0.1:${adminPort}`],
    ];
    for (const args of wrong) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(/dat: what answers at .+ is no hub's (device|subscriber|admin) listener\n$/);
    }
    const { code, stderr } = await dat([
      'send',
      'dev-1',
      '1',
      '--device-url',
      `wss://127.0.0.1:${devicePort}`,
    ]);
    expect(code).toBe(69);
    expect(stderr).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('says what the hub refuses of a fleet', async () => {
    await hub.setRow('any', 'any', { status: 'allow' });
    const args = ['simulate', '--devices', '1', '--rate', '1', '--seconds', '1'];
    expect(await dat([...args, '--prefix', 'a b'], portsOf(hub))).toMatchObject({ code: 64 });
    const limited = new TestHub({ DAT_DEVICE_RATE: '10', DAT_DEVICE_BURST: '10' });
    await limited.start();
    onTestFinished(() => limited.end());
    const fast = ['simulate', '--devices', '1', '--rate', '200', '--seconds', '2', '--json'];
    const { code, stdout, stderr } = await dat(fast, portsOf(limited));
    expect(code).toBe(0);
    const { sent, refused } = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(refused).toBeGreaterThan(sent / 2);
    expect(stderr).toContain('10 events per second');
  });

  it('shows who follows, and lets an operator change it', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const env = portsOf(hub);
    const who = await dat(['who', dev], env);
    expect(who.code).toBe(0);
    expect(who.stdout).toMatch(new RegExp(`${sub}\\s+active\\s+connected`));
    const steps = [
      [['pause', dev, sub], `${dev} × ${sub}: inactive (paused)`],
      [['activate', dev, sub], `${dev} × ${sub}: active`],
      [['vip', dev, sub], `${dev} × ${sub}: active, vip`],
      [['no-vip', dev, sub], `${dev} × ${sub}: active`],
      [['deny', dev, sub], `${dev} × ${sub}: deny`],
      [['allow', dev, sub], `${dev} × ${sub}: active`],
    ] as const;
    for (const [args, expected] of steps.slice(0, 5))
      expect(await dat(args, env)).toMatchObject({ code: 0, stdout: `${expected}\n` });
    expect((await dat(['who', dev, '--json'], env)).stdout).toContain('"status":"deny"');
    expect((await dat(['allow', dev, sub], env)).code).toBe(0);
    expect(await dat(['kick', sub], env)).toMatchObject({ code: 0, stdout: `${sub}: kicked\n` });
    expect((await subscriber.closed).code).toBe(4005);
    expect((await dat(['terminate', dev], env)).code).toBe(0);
    const gone = await dat(['who', dev], env);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toMatch(/^dat: .+\n$/);
  });

  it('runs a fleet that is the same for the same seed, for as long as it is told', async () => {
    const args = [
      'simulate',
      '--devices',
      '5',
      '--rate',
      '20',
      '--seconds',
      '2',
      '--prefix',
      uniqueId('sim'),
      '--json',
    ];
    const { code, stdout } = await dat(args, portsOf(hub));
    expect(code).toBe(0);
    const { sent } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { sent: number };
    expect(sent).toBeGreaterThan(20);
    const received = (await hub.metrics()).value('dat_events_received_total');
    expect(received).toBeGreaterThanOrEqual(20);
  });

  it('shows what the hub does now', async () => {
    const json = await dat(['top', '--once', '--json'], portsOf(hub));
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      rates: {},
      threads: expect.any(Array),
      busiest: expect.any(Array),
    });
    const text = await dat(['top', '--once'], portsOf(hub));
    expect(text.stdout).toMatch(/events\/s .+deliveries\/s/);
    expect(text.stdout).toMatch(/THREAD\s+LAG/);
  });
});

describe('dat and tokens', () => {
  const admin = 'admin-token';
  const hub = useHub({ DAT_AUTH_JWT_SECRET: SECRET, DAT_ADMIN_TOKEN: admin });

  it('makes tokens that the hub takes, and says what to do without one', async () => {
    const env = portsOf(hub);
    const secret = { DAT_AUTH_JWT_SECRET: SECRET };
    const made = await dat(
      ['token', 'create', '--sub', 'dev-1', '--role', 'device', '--expires', '60'],
      secret,
    );
    expect(made.code).toBe(0);
    const token = made.stdout.trim();
    expect(await dat(['send', 'dev-1', '1'], { ...env, DAT_TOKEN: token })).toMatchObject({ code: 0 });
    const without = await dat(['send', 'dev-1', '1'], env);
    expect(without).toMatchObject({
      code: 77,
      stderr: 'dat: the hub wants a token, or does not accept this one: set DAT_TOKEN\n',
    });
    const other = await dat(['send', 'dev-2', '1'], { ...env, DAT_TOKEN: token });
    expect(other.code).toBe(77);
    expect((await dat(['who', 'dev-1'], env)).code).toBe(77);
    expect((await dat(['who', 'dev-1'], { ...env, DAT_ADMIN_TOKEN: admin })).code).toBe(0);
    const inspected = await dat(['token', 'inspect', token, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      header: { alg: 'HS256' },
      payload: { sub: 'dev-1', role: 'device' },
      problems: [],
    });
  });

  it('signs with a private key, and refuses what it cannot sign with', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const path = join(folder, 'key.pem');
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const args = [
      'token',
      'create',
      '--sub',
      'app-1',
      '--role',
      'subscriber',
      '--devices',
      'lab-*',
      '--key-file',
    ];
    const made = await dat([...args, path, '--json']);
    expect(JSON.parse(made.stdout)).toMatchObject({ role: 'subscriber', devices: ['lab-*'] });
    expect(await dat([...args, join(folder, 'none.pem')])).toMatchObject({ code: 78 });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
    for (const key of [weak, other]) {
      writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem' }));
      const { code, stderr } = await dat([...args, path]);
      expect(code).toBe(78);
      expect(stderr).toMatch(/^dat: --key-file .+ accepted: RSA of 2048 bits or more, EC P-256, Ed25519\n$/);
    }
    expect(await dat(['token', 'create', '--sub', 'a', '--role', 'device'])).toMatchObject({ code: 78 });
    expect(
      await dat(['token', 'create', '--sub', 'a', '--role', 'device', '--vip'], {
        DAT_AUTH_JWT_SECRET: SECRET,
      }),
    ).toMatchObject({ code: 64 });
  });
});

describe('dat without a hub', () => {
  it('says so in one line, with 69', async () => {
    const env = { DAT_DEVICE_PORT: '1', DAT_SUBSCRIBER_PORT: '1', DAT_ADMIN_PORT: '1' };
    for (const args of [
      ['watch', 'dev-1'],
      ['send', 'dev-1', '1'],
      ['who', 'dev-1'],
      ['top'],
      ['simulate'],
    ]) {
      const { code, stdout, stderr } = await dat(args, env);
      expect({ args, code, stdout }).toEqual({ args, code: 69, stdout: '' });
      expect(stderr).toMatch(/^dat: no hub answers at .+\n$/);
    }
  });

  it('says which help to read, and prints it where a command is missing', async () => {
    expect((await dat(['send'])).stderr).toMatch(/see: dat send --help\n$/);
    expect((await dat(['token', 'create'])).stderr).toMatch(/see: dat token create --help\n$/);
    expect((await dat(['token'])).stderr).toContain('dat token [options] [command]');
    expect((await dat(['who', 'dev-1'], { DAT_ADMIN_PORT: 'abc' })).stderr).toBe(
      'dat: DAT_ADMIN_PORT: given "abc", accepted is the port that a hub listens on, 1 to 65535\n',
    );
  });

  it('refuses wrong arguments with 64 and one line', async () => {
    for (const args of [
      ['watch'],
      ['nothing'],
      ['who', 'ä'],
      ['send', 'dev-1', '1', '--type', 'x'],
      ['simulate', '--devices', 'no'],
      ['simulate', '--devices', '1.5'],
      ['simulate', '--rate', '1e9'],
      ['simulate', '--devices', '10000', '--rate', '1000'],
      ['watch', 'dev-1', '--count', '0'],
      ['who', 'a', '--admin-url', 'x'],
    ]) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 64 });
      expect(stderr).toMatch(/^dat: .+\n$/);
    }
  });

  it('checks, shows and describes settings, and hides secrets', async () => {
    expect(await dat(['config', 'check'])).toMatchObject({ code: 0, stdout: 'the settings are right\n' });
    for (const flags of [['--device-port=99999'], ['--', '--device-port=99999']]) {
      const wrong = await dat(['config', 'check', ...flags]);
      expect(wrong.code).toBe(78);
      expect(wrong.stderr).toContain('--device-port');
    }
    const shown = await dat(['config', 'show', '--json'], {
      DAT_AUTH_JWT_SECRET: SECRET,
      DAT_ADMIN_PORT: '7999',
    });
    expect(shown.stdout).not.toContain(SECRET);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      authJwtSecret: { value: '********', from: 'env DAT_AUTH_JWT_SECRET' },
      adminPort: { value: 7999, from: 'env DAT_ADMIN_PORT' },
      host: { value: '127.0.0.1', from: 'default' },
    });
    const schema = JSON.parse((await dat(['config', 'schema'])).stdout);
    expect(schema.properties.devicePort).toEqual({
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      default: 7400,
      description: expect.any(String),
    });
    expect((await dat(['config', 'env'])).stdout).toContain('#DAT_DEVICE_PORT=7400');
  });

  it('examines the host', async () => {
    const { stdout } = await dat(['doctor', '--json']);
    const findings = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { name: string; state: string; mend?: string });
    expect(findings.map(({ name }) => name)).toContain('transport');
    for (const { state, mend } of findings)
      expect(state === 'good' ? mend : typeof mend).toBe(state === 'good' ? undefined : 'string');
  });

  it('completes commands', async () => {
    const { stdout } = await dat(['completion', 'bash']);
    const complete = (words: string) =>
      new Promise<string>((resolve) => {
        const script = `${stdout}\nCOMP_WORDS=(${words} ''); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _dat; echo "\${COMPREPLY[@]}"`;
        const bash = spawn('bash', ['-c', script]);
        let text = '';
        bash.stdout.on('data', (chunk) => {
          text += chunk;
        });
        bash.once('close', () => resolve(text));
      });
    expect(await complete('dat')).toContain('watch');
    expect(await complete('dat token')).toContain('create inspect');
    expect(await complete('dat token create')).toContain('--expires');
    expect(await complete('dat token create --role')).toBe('device subscriber admin\n');
    expect(await complete('dat completion')).toContain('bash zsh');
    expect(await complete('dat serve')).toContain('--admin-port');
    expect((await dat(['completion', 'zsh'])).stdout).toContain('#compdef dat');
  });

  it('runs hub, fleet and dashboard with one command', async () => {
    const ports = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
    // What else is exported for a hub is not for the demo.
    const env = { ...ports, DAT_AUTH_JWT_SECRET: SECRET, DAT_TOKEN: 'x', DAT_TLS_CERT_FILE: 'none' };
    const demo = start(['demo', '--devices', '3', '--rate', '10', '--seconds', '3'], env);
    await eventually('the dashboard is there', () => /dashboard {4}(\S+)/.test(demo.out.stdout));
    const url = /dashboard {4}(\S+)/.exec(demo.out.stdout)?.[1] ?? '';
    expect(await (await fetch(url)).text()).toContain('<!doctype html>');
    expect((await demo.ended).code).toBe(0);
  });

  it('is the hub with flags only, as before', async () => {
    const { code, stdout } = await dat(['--device-port=0', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--subscriber-port');
    expect((await dat(['serve', '--device-port=x'])).code).toBe(78);
  });
});
