import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { signToken } from '../../../src/cli/signing.ts';
import { TestHub, useHub } from '../../conformance/harness.ts';
import { firstOf } from '../../support/attempts.ts';
import { makeCertificate } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { SECRET } from '../../support/tokens.ts';
import { dat, jsonLines, portsOf, start } from '../run.ts';

/** A second of 200 events, each for two subscribers. No test here looks at a time. */
const SMALL = ['bench', '--devices', '20', '--rate', '10', '--subscribers', '8', '--follow', '5'];
const SHORT = ['--duration', '1', '--warmup', '0.5'];

const folder = mkdtempSync(join(tmpdir(), 'dat-bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('dat bench', () => {
  const hub = useHub({ DAT_MQTT_PORT: '0' });

  it.each([
    ['JSON', []],
    ['binary', ['--binary']],
    ['batches', ['--batch']],
    ['several processes', ['--processes', '3']],
    ['large events', ['--bytes', '4000', '--binary', '--batch']],
    ['MQTT', ['--mqtt']],
  ])('ends with one JSON line whose books balance: %s', async (_how, more) => {
    const { code, stdout } = await dat([...SMALL, ...SHORT, ...more, '--json'], portsOf(hub));
    expect(code).toBe(0);
    const [result] = jsonLines(stdout);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(result).toMatchObject({ lost: 0, doubled: 0, disordered: 0, refused: 0, cutOff: 0, missed: [] });
    const { sent, expected, delivered, p50, p99, max } = result as Record<string, number>;
    expect(sent).toBeGreaterThan(200);
    expect(expected).toBe(sent! * 2);
    expect(delivered).toBe(expected);
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50!);
    expect(max).toBeGreaterThanOrEqual(p99!);
  });

  it('speaks MQTT over TCP', async () => {
    const args = [...SMALL, ...SHORT, '--mqtt-url', `mqtt://127.0.0.1:${hub.process.mqttPort}`, '--json'];
    const { code, stdout } = await dat(args, portsOf(hub));
    expect(code).toBe(0);
    const [result] = jsonLines(stdout);
    expect(result).toMatchObject({ lost: 0, doubled: 0, disordered: 0, refused: 0, cutOff: 0, missed: [] });
    const { sent, delivered } = result as Record<string, number>;
    expect(delivered).toBe(sent! * 2);
  });

  it('lets each subscriber follow all devices where there are fewer than it would', async () => {
    const args = ['bench', '--devices', '3', '--subscribers', '2', ...SHORT, '--json'];
    const { code, stdout } = await dat(args, portsOf(hub));
    expect(code).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ lost: 0, load: { devices: 3, following: 3 } });
  });

  it('measures a hub whose devices nobody follows', async () => {
    const args = ['bench', '--devices', '5', '--rate', '20', '--subscribers', '0', ...SHORT];
    const { code, stdout } = await dat([...args, '--json'], portsOf(hub));
    expect(code).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ expected: 0, delivered: 0, lost: 0, p99: null });
  });

  it('leaves nobody behind', async () => {
    expect((await dat([...SMALL, ...SHORT, '--json'], portsOf(hub))).code).toBe(0);
    await eventually('all have left', async () => {
      const metrics = await hub.metrics();
      return ['device', 'subscriber'].every((role) => metrics.value('dat_connections', { role }) === 0);
    });
  });

  it('exits with 1 when a threshold is missed, and says which', async () => {
    const args = [...SMALL, ...SHORT, '--max-p99', '0', '--max-p50', '0'];
    const { code, stdout, stderr } = await dat(args, portsOf(hub));
    expect(code).toBe(1);
    expect(stdout).toMatch(/missed: p50 .+\n.*missed: p99 /);
    expect(stderr).toMatch(/dat: p50 [\d.]+ ms, at most 0 ms; p99 [\d.]+ ms, at most 0 ms\n$/);
  });

  it('compares with an earlier result, and writes a page', async () => {
    const before = join(folder, 'before.json');
    const html = join(folder, 'bench.html');
    const first = await dat([...SMALL, ...SHORT, '--json'], portsOf(hub));
    writeFileSync(before, first.stdout);
    const more = ['--compare', before, '--tolerance', '100000', '--html', html];
    const second = await dat([...SMALL, ...SHORT, ...more], portsOf(hub));
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/BEFORE +NOW\np50 ms /);
    expect(readFileSync(html, 'utf8')).toContain('<svg ');
  });

  it('finds the knee, or as far as it may look', async () => {
    const knee = ['--find-knee', '--max-p99', '60000', '--max-rate', '20', '--json'];
    const { code, stdout } = await dat([...SMALL, ...SHORT, ...knee], portsOf(hub));
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toMatchObject([
      { knee: { eventsPerSecond: 400, limit: 'highest rate' }, load: { rate: 20 }, lost: 0 },
    ]);
    const none = ['--find-knee', '--max-p99', '0', '--json'];
    const failed = await dat([...SMALL, ...SHORT, ...none], portsOf(hub));
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('no rate held') });
    expect(jsonLines(failed.stdout)[0]).toMatchObject({ knee: null });
  });

  it('counts what the hub refuses as lost, and tells why', async () => {
    const limited = new TestHub({ DAT_DEVICE_RATE: '5', DAT_DEVICE_BURST: '5' });
    await limited.start();
    onTestFinished(() => limited.end());
    const { code, stdout } = await dat([...SMALL, ...SHORT, '--json'], portsOf(limited));
    expect(code).toBe(1);
    const [result] = jsonLines(stdout);
    const { lost, refused, delivered, expected, doubled } = result as Record<string, number>;
    expect(refused).toBeGreaterThan(0);
    expect(lost).toBe(refused! * 2);
    expect(delivered! - doubled! + lost!).toBe(expected);
    expect(result!.reasons).toEqual([expect.stringContaining('events were refused: ')]);
  });

  it('does not call a hub good that refuses the events of devices that nobody follows', async () => {
    const limited = new TestHub({ DAT_DEVICE_RATE: '5', DAT_DEVICE_BURST: '5' });
    await limited.start();
    onTestFinished(() => limited.end());
    const args = ['bench', '--devices', '2', '--rate', '10', '--subscribers', '0', ...SHORT, '--json'];
    const { code, stdout, stderr } = await dat(args, portsOf(limited));
    expect(code).toBe(1);
    expect(stderr).toMatch(/dat: refused \d+, at most 0/);
    expect(jsonLines(stdout)[0]).toMatchObject({ lost: 0, expected: 0 });
  });

  it.each([
    [['--subscribers', '0', '--find-knee'], '--find-knee needs subscribers'],
    [['--subscribers', '0', '--max-p99', '5'], '--max-p99 needs subscribers'],
    [['--subscribers', '0', '--batch'], '--batch needs subscribers'],
    [['--max-rate', '100'], '--max-rate does nothing without --find-knee'],
    [['--tolerance', '10'], '--tolerance does nothing without --compare'],
    [
      ['--mqtt-url', 'mqtt://127.0.0.1:1', '--device-url', 'ws://127.0.0.1:1'],
      '--mqtt-url takes the place of --device-url',
    ],
    [['--rate', '5000', '--duration', '20000'], 'a device counts to 99999999 events at most'],
  ])('refuses %j', async (args, why) => {
    expect(await dat(['bench', ...args])).toMatchObject({ code: 64, stderr: expect.stringContaining(why) });
  });

  it('ends with Ctrl-C, and takes its processes with it', async () => {
    const running = start([...SMALL, '--duration', '600'], portsOf(hub));
    await eventually('it runs', () => running.out.stderr.includes('warming up'));
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' });
  });

  it('ends with Ctrl-C also while it waits for the last events', async () => {
    const ended = await firstOf('it had waited long enough', async () => {
      const running = start([...SMALL, '--duration', '1', '--warmup', '0'], portsOf(hub));
      await eventually('it waits', () => running.out.stderr.includes('waiting for the last events'));
      running.child.kill('SIGINT');
      const { code, stdout } = await running.ended;
      return code === 0 ? undefined : { code, stdout };
    });
    expect(ended).toEqual({ code: 130, stdout: '' });
  });

  it('refuses what does not go together, and says when there is no hub', async () => {
    expect(await dat(['bench', '--devices', '5', '--follow', '6'])).toMatchObject({ code: 64 });
    expect(await dat(['bench', '--compare', join(folder, 'none')])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^dat: --compare .+: no such file\n$/),
    });
    // Said before anything connects, so that no result is lost.
    expect(await dat(['bench', '--html', join(folder, 'none', 'bench.html')])).toMatchObject({
      code: 74,
      stderr: expect.stringMatching(/^dat: --html .+: no such folder\n$/),
    });
    expect(await dat(['bench', '--mqtt', '--batch'])).toMatchObject({ code: 64 });
    expect(await dat(['bench', '--mqtt-url', 'ws://127.0.0.1:1'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('expected mqtt://HOST:PORT'),
    });
    const nowhere = ['--device-url', 'ws://127.0.0.1:1', '--subscriber-url', 'ws://127.0.0.1:1'];
    const { code, stderr } = await dat([...SMALL, ...nowhere]);
    expect(code).toBe(69);
    expect(stderr).toMatch(/\ndat: no hub answers at ws:\/\/127\.0\.0\.1:1; /);
  });
});

describe('dat bench beside a hub with TLS and tokens', () => {
  const { certFile, keyFile } = makeCertificate(folder);
  const hub = useHub({
    DAT_TLS_CERT_FILE: certFile,
    DAT_TLS_KEY_FILE: keyFile,
    DAT_AUTH_JWT_SECRET: SECRET,
  });

  const env = { NODE_EXTRA_CA_CERTS: certFile };
  const urlsOf = (): string[] => {
    const { devicePort, subscriberPort } = hub.process;
    return [
      ...['--device-url', `wss://127.0.0.1:${devicePort}`],
      ...['--subscriber-url', `wss://127.0.0.1:${subscriberPort}`],
    ];
  };

  it('signs a token for each peer', async () => {
    const urls = urlsOf();
    const signed = { ...env, DAT_AUTH_JWT_SECRET: SECRET };
    const { code, stdout } = await dat([...SMALL, ...SHORT, ...urls, '--json'], signed);
    expect(code).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ lost: 0, cutOff: 0 });
    const without = await dat([...SMALL, ...urls], env);
    expect(without).toMatchObject({ code: 77, stderr: expect.stringContaining('set DAT_AUTH_JWT_SECRET') });
    const mqtt = await dat([...SMALL, ...SHORT, ...urls, '--mqtt', '--json'], signed);
    expect(jsonLines(mqtt.stdout)[0]).toMatchObject({ lost: 0, cutOff: 0 });
    const wrong = await dat([...SMALL, ...urls], { ...env, DAT_AUTH_JWT_SECRET: `not-${SECRET}` });
    expect(wrong).toMatchObject({ code: 77, stderr: expect.stringContaining('did not accept the tokens') });
    const plain = urls.map((text) => text.replace('wss:', 'ws:'));
    // A hub that does not shake hands soon is taken for something else.
    await eventually('the hub is known by its handshake', async () =>
      (await dat([...SMALL, ...plain], signed)).stderr.includes('speaks TLS only; use wss://'),
    );
  });

  it('plays with tokens that somebody else signed, a peer for each', async () => {
    const urls = urlsOf();
    const tokenOf = (role: string, sub: string, secret = SECRET): Promise<string> =>
      signToken({ key: Buffer.from(secret), alg: 'HS256' }, { sub, role }, 600);
    const [device, ...more] = await Promise.all([
      ...['pump-1', 'pump-2', 'pump-3'].map((sub) => tokenOf('device', sub)),
      ...['wall', 'desk'].map((sub) => tokenOf('subscriber', sub)),
    ]);
    const file = join(folder, 'tokens.txt');
    writeFileSync(file, `\n${more.join('\n')}\n`);
    const tokens = ['--token', device!, '--token-file', file];
    const { code, stdout } = await dat(['bench', ...tokens, ...SHORT, ...urls, '--json'], env);
    expect(code).toBe(0);
    const [result] = jsonLines(stdout);
    expect(result).toMatchObject({ lost: 0, cutOff: 0, load: { devices: 3, subscribers: 2, following: 3 } });
    const { sent, delivered } = result as Record<string, number>;
    expect(delivered).toBe(2 * sent!);
    const fewer = await dat(
      ['bench', ...tokens, '--devices', '2', '--follow', '1', ...SHORT, ...urls, '--mqtt', '--json'],
      env,
    );
    // The devices have sent before, and a subscriber over MQTT gets the newest of each first.
    expect(fewer.code).toBe(0);
    expect(jsonLines(fewer.stdout)[0]).toMatchObject({
      ...{ lost: 0, doubled: 0, disordered: 0 },
      load: { devices: 2, following: 1, wire: 'mqtt-websocket' },
    });
    const asked = await dat(['bench', ...tokens, '--devices', '4', ...urls], env);
    expect(asked).toMatchObject({ code: 64, stderr: 'dat: --devices 4: tokens with the role device: 3\n' });
    const others = await dat(
      ['bench', '--token', await tokenOf('device', 'pump-1', `not-${SECRET}`), ...urls],
      env,
    );
    expect(others).toMatchObject({
      code: 77,
      stderr: expect.stringContaining('did not accept the tokens that were given'),
    });
  });
});
