/** The examples of proxies, run in front of a hub as they stand but for ports and the files of the certificate. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { admin } from '../support/admin.ts';
import { type Certificate, makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-ports.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber, UpgradeRefused } from '../support/peers.ts';
import { programPath } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { WAIT_MS } from '../support/waits.ts';

const example = (path: string): string =>
  readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8');

/** @throws Error when a place to be changed is not in the text: the example has changed */
function withChanges(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`no ${from} in the example`);
    return changed.replaceAll(from, to);
  }, text);
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly hub: HubProcess;
  readonly certificate: Certificate;
}

function nginxCommand({ directory, port, hub, certificate }: Place): readonly string[] {
  const site = join(directory, 'dat.conf');
  const main = join(directory, 'nginx.conf');
  writeFileSync(
    site,
    withChanges(example('nginx/dat.conf'), [
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['127.0.0.1:7400', `127.0.0.1:${hub.devicePort}`],
      ['127.0.0.1:7401', `127.0.0.1:${hub.subscriberPort}`],
      ['/etc/ssl/hub.example.crt', certificate.certFile],
      ['/etc/ssl/hub.example.key', certificate.keyFile],
    ]),
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  writeFileSync(
    main,
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr;
     events { worker_connections 64; } http { ${temporary.join(' ')} include ${site}; }`,
  );
  return ['-p', directory, '-c', main];
}

function haproxyCommand({ directory, port, hub, certificate }: Place): readonly string[] {
  const both = join(directory, 'both.pem');
  writeFileSync(both, certificate.cert);
  appendFileSync(both, readFileSync(certificate.keyFile));
  const config = join(directory, 'haproxy.cfg');
  writeFileSync(
    config,
    withChanges(example('haproxy/haproxy.cfg'), [
      ['bind :443', `bind 127.0.0.1:${port}`],
      ['maxconn 100000', 'maxconn 64'],
      ['127.0.0.1:7400', `127.0.0.1:${hub.devicePort}`],
      ['127.0.0.1:7401', `127.0.0.1:${hub.subscriberPort}`],
      ['/etc/ssl/hub.example.pem', both],
    ]),
  );
  return ['-db', '-f', config];
}

const proxies = [
  { name: 'nginx', check: '-t', commandFor: nginxCommand },
  { name: 'haproxy', check: '-c', commandFor: haproxyCommand },
] as const;

function statusOf(port: number, ca: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, ca, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe.skipIf(programPath('haproxy') === undefined)(
  'the balancer of a cluster (skipped without haproxy)',
  () => {
    it('is a configuration that haproxy takes', () => {
      const path = fileURLToPath(new URL('../../deploy/nats/haproxy.cfg', import.meta.url));
      const checked = spawnSync(programPath('haproxy')!, ['-c', '-f', path], { encoding: 'utf8' });
      expect(checked.status, checked.stderr + checked.stdout).toBe(0);
      expect(checked.stderr + checked.stdout).not.toMatch(/warn/i);
    });

    it('may open the files that its connections need', () => {
      const { services } = parse(example('compose.cluster.yaml')) as {
        services: { balancer: { ulimits?: { nofile?: number } } };
      };
      const [, connections] = /maxconn (\d+)/.exec(example('nats/haproxy.cfg'))!;
      expect(services.balancer.ulimits?.nofile).toBeGreaterThan(2 * Number(connections));
    });
  },
);

async function mqttAt(port: number, ca: string, path: string, clientId: string): Promise<MqttClient> {
  const options = { clientId, ca, reconnectPeriod: 0, connectTimeout: WAIT_MS };
  const client = await mqtt.connectAsync(`wss://127.0.0.1:${port}${path}`, options, false);
  onTestFinished(() => void client.end(true));
  return client;
}

for (const { name, check, commandFor } of proxies) {
  const program = programPath(name);

  describe.skipIf(program === undefined)(`the hub behind ${name} (skipped where that is missing)`, () => {
    it('gets devices and subscribers over TLS, and the proxy shows nothing else', async () => {
      const hub = await startHub();
      const directory = temporaryDirectory();
      const certificate = makeCertificate(directory);
      const port = await freePort();
      const command = commandFor({ directory, port, hub, certificate });
      const checked = spawnSync(program!, [check, ...command], { encoding: 'utf8' });
      expect(checked.status, checked.stderr + checked.stdout).toBe(0);
      expect(checked.stderr + checked.stdout).not.toMatch(/warn/i);

      const proxy = spawn(program!, command, { stdio: 'ignore' });
      onTestFinished(() => void proxy.kill('SIGKILL'));
      const { cert: ca } = certificate;
      await eventually('the proxy listens', () => statusOf(port, ca, '/').catch(() => undefined));
      for (const path of ['/', '/v1/stats', '/metrics', '/v1/device/more'])
        expect(await statusOf(port, ca, path)).toBe(404);

      // A page that the proxy's own host served is of the same host for the hub.
      const origin = `https://127.0.0.1:${port}`;
      const device = await Device.connect(port, '?id=dev-1', { ca, origin });
      const subscriber = await Subscriber.connect(port, '?devices=dev-1', { ca, origin });
      await subscriber.subscribedByUrl();
      await device.message('through the proxy');
      expect((await subscriber.event()).data).toBe('through the proxy');
      const foreign = Subscriber.connect(port, '', { ca, origin: 'https://elsewhere.example' });
      await expect(foreign).rejects.toThrow(UpgradeRefused);

      // MQTT over WebSocket, on the hub's two ports.
      const follower = await mqttAt(port, ca, '/mqtt/subscribe', 'mqtt-follower');
      await follower.subscribeAsync('devices/mqtt-dev/message');
      const arrived = new Promise<string>((resolve) => {
        follower.once('message', (_topic, payload) => resolve(payload.toString()));
      });
      const sensor = await mqttAt(port, ca, '/mqtt', 'mqtt-dev');
      await sensor.publishAsync('devices/mqtt-dev/message', '{"through":"the proxy"}', { qos: 1 });
      expect(await arrived).toBe('{"through":"the proxy"}');
      // On the devices' port a client is a device as soon as it is there; on the other only when it publishes.
      const { body } = await admin(hub.adminPort, 'GET', '/v1/devices');
      expect(JSON.stringify(body)).not.toContain('mqtt-follower');

      expect(await hub.stop()).toBe(0);
      expect((await device.closed).code).toBe(4200);
      expect((await subscriber.closed).code).toBe(4200);
      proxy.kill('SIGTERM');
      await once(proxy, 'exit');
    });
  });
}
