/** mosquitto's command-line clients, as Debian has them, against the hub: plain and with TLS. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { uniqueId } from '../conformance/harness.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { programPath } from '../support/programs.ts';
import { WAIT_MS } from '../support/waits.ts';
import { type MqttHub, startMqttHub } from './harness.ts';

const [sub, pub] = [programPath('mosquitto_sub'), programPath('mosquitto_pub')];
const versions = ['mqttv311', 'mqttv5'] as const;
/** Seconds for which `mosquitto_sub` waits at most. */
const WAIT_S = String(WAIT_MS / 1000);

interface Run {
  readonly child: ChildProcess;
  /** stdout and stderr so far. */
  readonly said: () => string;
  /** Settles when it has ended and all that it said was read. */
  readonly closed: Promise<unknown>;
}

function run(program: string | undefined, args: readonly string[]): Run {
  // Into a pipe they would say nothing before they end.
  const child = spawn('stdbuf', ['-oL', program ?? '', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (said += text));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, said: () => said, closed: once(child, 'close') };
}

/** @returns the exit code and what was said */
async function finished({ child, said, closed }: Run): Promise<{ code: number | null; said: string }> {
  await closed;
  return { code: child.exitCode, said: said() };
}

describe.skipIf(sub === undefined || pub === undefined)('mosquitto’s clients (mosquitto-clients)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
  const { certFile, keyFile } = makeCertificate(directory);
  let [plain, secure, guarded]: MqttHub[] = [];
  beforeAll(async () => {
    plain = await startMqttHub({ leaveGraceMs: 300 });
    secure = await startMqttHub({ tls: { certFile, keyFile } });
    guarded = await startMqttHub({ needsTokens: true });
  });
  afterAll(async () => {
    for (const hub of [plain, secure, guarded]) await hub?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const argsFor = (hub: MqttHub | undefined, version: string, ...more: string[]): string[] => [
    ...['-h', '127.0.0.1', '-p', String(hub?.tcpPort), '-V', version],
    ...(hub === secure ? ['--cafile', certFile] : []),
    ...more,
  ];
  const publish = (hub: MqttHub | undefined, version: string, ...more: string[]) =>
    finished(run(pub, argsFor(hub, version, ...more)));

  /** Follows until so many messages came; is there when this returns. */
  async function follow(
    hub: MqttHub | undefined,
    version: string,
    count: number,
    filter: string,
  ): Promise<Run> {
    const follower = run(
      sub,
      argsFor(hub, version, '-d', '-v', '-C', String(count), '-W', WAIT_S, '-t', filter),
    );
    await eventually('it has subscribed', () => follower.said().includes('Subscribed'));
    return follower;
  }

  /** Lines of `-v`: without those of `-d`. */
  const messagesOf = (said: string): string[] =>
    said.split('\n').filter((line) => line.startsWith('devices/'));

  describe.each(versions)('%s', (version) => {
    it.each([
      ['plain', 'TCP'],
      ['secure', 'TLS'],
    ])('bring events at every QoS, %s (%s)', async (name) => {
      const hub = name === 'plain' ? plain : secure;
      const dev = uniqueId('dev');
      const follower = await follow(hub, version, 3, `devices/${dev}/message`);
      for (const qos of ['0', '1', '2']) {
        const args = ['-i', dev, '-q', qos, '-t', `devices/${dev}/message`, '-m', `qos ${qos}`];
        expect(await publish(hub, version, ...args)).toEqual({ code: 0, said: '' });
      }
      const { code, said } = await finished(follower);
      expect(code).toBe(0);
      expect(messagesOf(said)).toEqual([0, 1, 2].map((qos) => `devices/${dev}/message qos ${qos}`));
    });

    it('get retained events', async () => {
      const dev = uniqueId('dev');
      await publish(plain, version, '-i', dev, '-q', '1', '-t', `devices/${dev}/status`, '-m', 'charging');
      const args = argsFor(
        plain,
        version,
        '-C',
        '1',
        '-W',
        WAIT_S,
        '--retained-only',
        '-t',
        `devices/${dev}/status`,
      );
      expect(await finished(run(sub, args))).toEqual({ code: 0, said: 'charging\n' });
    });

    it('have their will', async () => {
      const dev = uniqueId('dev');
      const follower = await follow(plain, version, 1, `devices/${dev}/status`);
      const will = ['--will-topic', `devices/${dev}/status`, '--will-payload', 'gone', '--will-qos', '1'];
      const device = run(
        sub,
        argsFor(plain, version, '-i', dev, '-d', ...will, '-t', `devices/${dev}/interest`),
      );
      await eventually('it is there', () => device.said().includes('Subscribed'));
      device.child.kill('SIGKILL');
      expect(messagesOf((await finished(follower)).said)).toEqual([`devices/${dev}/status gone`]);
    });

    it('learn that a topic or a topic filter is refused', async () => {
      const refused = await finished(run(sub, argsFor(plain, version, '-W', WAIT_S, '-t', 'no/such/topic')));
      expect(refused.said).toMatch(/All subscription requests were denied/);
      const args = ['-i', uniqueId('dev'), '-q', '1', '-t', 'devices/somebody/message', '-m', 'x'];
      const { said } = await publish(plain, version, ...args);
      expect(said).toMatch(
        version === 'mqttv5' ? /Publish 1 failed: Not authorized/ : /connection was lost|disconnect/i,
      );
    });

    it('need a token', async () => {
      const dev = uniqueId('dev');
      const topic = ['-t', `devices/${dev}/message`, '-m', '1', '-q', '1', '-i', dev];
      const { code, said } = await publish(guarded, version, ...topic, '-u', 'any', '-P', 'wrong');
      expect([code !== 0, said]).toEqual([true, expect.stringMatching(/bad user ?name or password/i)]);
      const token = await guarded?.token({ sub: dev, role: 'device' });
      expect(await publish(guarded, version, ...topic, '-u', 'any', '-P', token ?? '')).toMatchObject({
        code: 0,
      });
    });
  });
});
