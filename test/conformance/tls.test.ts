/** The three listeners with a certificate, in every way to run the hub. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOSE_HANDSHAKE_MS } from '../../src/limits.ts';
import { proxyHeader } from '../../src/transport/proxy-header.ts';
import { connect as connectMqtt } from '../mqtt/client.ts';
import { firstOf } from '../support/attempts.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber, UpgradeRefused } from '../support/peers.ts';
import { reset } from '../support/reset.ts';
import { TlsPeer } from '../support/tls-peer.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { calm, type MatrixRow, numbersFrom, uniqueId } from './harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const { certFile, keyFile, cert: ca } = makeCertificate(directory);
const files = { DAT_TLS_CERT_FILE: certFile, DAT_TLS_KEY_FILE: keyFile };

const rows: readonly MatrixRow[] = [
  { name: 'uws, subscribers on main', env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' } },
  { name: 'uws, 1 fan-out worker', env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' } },
  {
    name: 'uws, 2 fan-out workers, 2 ingest threads',
    env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2', DAT_INGEST_WORKERS: '2' },
  },
  {
    name: 'uws, 1 fan-out worker, TLS in the library',
    env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1', DAT_TLS_END: 'uws' },
  },
  { name: 'ws', env: { DAT_TRANSPORT: 'ws' } },
];

function isOffline({ data }: Frame): boolean {
  return (data as { readonly state?: string } | undefined)?.state === 'offline';
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function askOverTls(port: number, path: string, body?: object, trusted = ca): Promise<Answer> {
  const sent = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' } };
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, ca: trusted, agent: false, ...sent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A device that the owner has let in: whoever follows it from now on is not told that it is online. */
async function welcomed(
  hub: HubProcess,
  query: string,
  trust: { ca: string; token?: string },
): Promise<Device> {
  const device = await Device.connect(hub.devicePort, query, trust);
  await device.welcome();
  return device;
}

/** What a plain client gets before its connection ends. */
async function sayPlainly(port: number, text: string): Promise<string> {
  const socket = connectTcp({ port, host: '127.0.0.1' });
  let got = '';
  socket.on('error', () => {}); // a reset; 'close' follows
  socket.setEncoding('latin1').on('data', (part: string) => {
    got += part;
  });
  socket.write(text);
  await once(socket, 'close');
  return got;
}

const UPGRADE = (id: string): string =>
  `GET /v1/device?id=${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n` +
  'Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n';

/** The status of a device's upgrade from that address of this host; its connection stays until the hub ends. */
async function upgradeFrom(localAddress: string, port: number): Promise<number> {
  const tcp = connectTcp({ port, host: '127.0.0.1', localAddress });
  const socket = connectTls({ socket: tcp, host: '127.0.0.1', ca });
  socket.on('error', () => {}); // 'close' follows
  socket.write(UPGRADE(uniqueId('dev')));
  const [first] = (await once(socket, 'data')) as [Buffer];
  return Number(first.toString('latin1').split(' ')[1]);
}

async function stopped(hub: HubProcess): Promise<void> {
  expect(await hub.stop(), hub.stderr().slice(-4000)).toBe(0);
}

for (const { name, env } of rows) {
  const { DAT_TRANSPORT: transport } = env;
  const isPossible = transport !== 'uws' || uwsLoads();
  /** What the library cannot do (decision 0033). */
  const { DAT_TLS_END: tlsEnd } = env;
  const isLossy = tlsEnd === 'uws';
  describe.skipIf(!isPossible)(`TLS on ${name}`, () => {
    let hub: HubProcess;
    beforeAll(async () => {
      // Who reads nothing answers no pings, for as long as this host takes to fill its queue.
      const patient = { DAT_PING_INTERVAL_MS: '300000' };
      hub = await startHub({ ...calm, ...env, ...files, ...patient, DAT_MQTT_PORT: '0' });
    });
    afterAll(() => stopped(hub));

    const device = (id: string) => welcomed(hub, `?id=${id}`, { ca });
    const subscriber = (...devices: string[]) =>
      Subscriber.connect(hub.subscriberPort, `?devices=${devices.join(',')}`, { ca });

    it('carries events from wss devices to wss subscribers, in order and whole', async () => {
      const id = uniqueId('dev');
      const sender = await device(id);
      const receivers = await Promise.all(numbersFrom(1, 4).map(() => subscriber(id)));
      await Promise.all(receivers.map((receiver) => receiver.subscribedByUrl()));
      const large = 'x'.repeat(60_000);
      await sender.message(large);
      for (const number of numbersFrom(1, 50)) sender.send({ type: 'message', data: number });
      for (const receiver of receivers) {
        expect((await receiver.event()).data).toBe(large);
        for (const number of numbersFrom(1, 50)) expect((await receiver.event()).data).toBe(number);
        await receiver.close(1000);
      }
      expect((await sender.close(1000)).code).toBe(1000);
    });

    it('serves the admin API over https', async () => {
      expect((await askOverTls(hub.adminPort, '/readyz')).status).toBe(200);
      expect((await askOverTls(hub.adminPort, '/metrics')).text).toContain('dat_build_info');
    });

    it('refuses plain clients and those of broken handshakes, and harms nobody with that', async () => {
      const id = uniqueId('dev');
      const sender = await device(id);
      const receiver = await subscriber(id);
      await receiver.subscribedByUrl();
      const ports = [hub.devicePort, hub.subscriberPort, hub.adminPort];
      const upgrade =
        'GET /v1/device?id=plain HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n';
      for (let round = 0; round < 10; round += 1) {
        const answers = await Promise.all(ports.map((port) => sayPlainly(port, upgrade)));
        for (const answer of answers) expect(answer).not.toContain('101');
        for (const port of ports) {
          const broken = connectTls({ port, host: '127.0.0.1', ca: [] });
          await once(broken, 'error'); // it does not trust the certificate
          const half = connectTcp({ port, host: '127.0.0.1' });
          await once(half, 'connect');
          half.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
          reset(half);
        }
        await sender.message(round);
        expect((await receiver.event()).data).toBe(round);
      }
      await expect(Device.connect(hub.devicePort, '?id=plain')).rejects.toThrow();
      await receiver.close(1000);
      await sender.close(1000);
    });

    it('lets go of peers that vanish, and closes with its own codes', async () => {
      const id = uniqueId('dev');
      const first = await device(id);
      const second = await device(id);
      expect((await first.closed).code).toBe(4004);
      const gone = await subscriber(id);
      await gone.subscribedByUrl();
      await gone.drop();
      await eventually('its connection is gone', async () => {
        const { text } = await askOverTls(hub.adminPort, '/metrics');
        return /^dat_connections\{role="subscriber"\} 0$/m.test(text);
      });
      await second.close(1000);
    });

    it.skipIf(isLossy)(
      'takes what comes together with the end of TLS: the last event, and the goodbye',
      async () => {
        for (let round = 0; round < 10; round++) {
          const id = uniqueId('dev');
          const receiver = await subscriber(id);
          await receiver.subscribedByUrl();
          const leaving = await TlsPeer.open(hub.devicePort, `/v1/device?id=${id}`, ca);
          await eventually('it is welcomed', () => leaving.received.includes('"welcome"'));
          leaving.sendAndLeave(JSON.stringify({ type: 'message', data: 'last words' }), 1000);
          expect(await receiver.frames.next(({ type }) => type === 'message')).toMatchObject({
            data: 'last words',
          });
          const offline = (frame: Frame) =>
            frame.op === 'event' && frame.source === 'hub' && isOffline(frame);
          await receiver.frames.next(offline);
          leaving.destroy();
          await receiver.close(1000);
        }
      },
    );

    it.skipIf(isLossy)('lets a client finish the close handshake that the hub began', async () => {
      const { older, newer, hadEnded } = await firstOf('the hub had waited long enough', async () => {
        const id = uniqueId('dev');
        const older = await TlsPeer.open(hub.devicePort, `/v1/device?id=${id}`, ca);
        await eventually('it is welcomed', () => older.received.includes('"welcome"'));
        const since = performance.now();
        const newer = await device(id);
        await eventually('it is closed', () => older.closedWith === 4004);
        await new Promise((resolve) => setTimeout(resolve, 300));
        const { hasEnded: hadEnded } = older;
        return performance.now() - since < CLOSE_HANDSHAKE_MS ? { older, newer, hadEnded } : undefined;
      });
      expect(hadEnded, 'TLS has not ended with the close frame').toBe(false);
      older.sendClose(4004);
      await eventually('TLS ends once it has answered', () => older.hasEnded);
      older.destroy();
      await newer.close(1000);
    });

    it('carries MQTT over wss and over TLS, to the last event before a goodbye', async () => {
      const { mqttPort: tcpPort, devicePort, subscriberPort } = hub;
      const ports = { tcpPort, devicePort, subscriberPort };
      const id = uniqueId('dev');
      const topic = `devices/${id}/message`;
      const followers = await Promise.all(
        (['tcp', 'subscriber'] as const).map((way) =>
          connectMqtt(ports, { way, ca, clientId: uniqueId('sub') }),
        ),
      );
      for (const follower of followers) expect(await follower.subscribe(topic)).toEqual([0]);
      for (const way of ['tcp', 'device'] as const) {
        const leaving = await connectMqtt(ports, { way, ca, clientId: id });
        for (const number of numbersFrom(1, 20)) void leaving.publish(topic, `${number} over ${way}`);
        await leaving.mqtt.endAsync();
        for (const follower of followers)
          expect(await follower.texts(20)).toEqual(
            numbersFrom(1, 20).map((number) => `${topic} ${number} over ${way}`),
          );
      }
    });

    it('closes who does not read, and delays nobody else', async () => {
      const id = uniqueId('dev');
      const sender = await device(id);
      const [slow, quick] = await Promise.all([subscriber(id), subscriber(id)]);
      await Promise.all([slow.subscribedByUrl(), quick.subscribedByUrl()]);
      slow.stopReading();
      const filler = 'x'.repeat(60_000);
      const isClosed = async (): Promise<boolean> => {
        const { text } = await askOverTls(hub.adminPort, '/metrics');
        return /^dat_disconnects_total\{role="subscriber",code="4108"\} 1$/m.test(text);
      };
      await eventually('it is closed with 4108', async () => {
        // Several at a time: each look is a handshake, and the kernel takes megabytes before anything waits in the hub.
        for (let n = 0; n < 8; n++) {
          const { seq } = await sender.publish({ type: 'message', priority: 'high', data: filler });
          expect((await quick.event()).seq).toBe(seq);
        }
        return isClosed();
      });
      await slow.drop();
      await quick.close(1000);
      await sender.close(1000);
    });
  });

  describe.skipIf(!isPossible)(`TLS and the end of the hub on ${name}`, () => {
    it('says goodbye to everybody', async () => {
      const hub = await startHub({ ...calm, ...env, ...files });
      const ids = numbersFrom(1, 10).map(() => uniqueId('dev'));
      const peers = await Promise.all(
        ids.flatMap((id) => [
          Device.connect(hub.devicePort, `?id=${id}`, { ca }),
          Subscriber.connect(hub.subscriberPort, `?devices=${id}`, { ca }),
        ]),
      );
      await stopped(hub);
      for (const { closed } of peers) expect((await closed).code).toBe(4200);
    });
  });

  describe.skipIf(!isPossible)(`TLS and limits by address on ${name}`, () => {
    let hub: HubProcess;
    beforeAll(async () => {
      hub = await startHub({ ...calm, ...env, ...files, DAT_MAX_CONNECTIONS_PER_ADDRESS: '1' });
    });
    afterAll(() => stopped(hub));

    it('knows whose every connection is', async () => {
      for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
        expect(await upgradeFrom(address, hub.devicePort), address).toBe(101);
        expect(await upgradeFrom(address, hub.devicePort), `${address} again`).toBe(429);
      }
    });

    it('takes nobody at their word about the address', async () => {
      const localAddress = '127.0.0.4';
      expect(await upgradeFrom(localAddress, hub.devicePort)).toBe(101);
      const claim = proxyHeader({ address: [10, 0, 0, 1], port: 1 });
      const refused = Buffer.from('GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      const tcp = connectTcp({ port: hub.devicePort, host: '127.0.0.1', localAddress });
      const socket = connectTls({ socket: tcp, host: '127.0.0.1', ca });
      let answers = '';
      socket.setEncoding('latin1').on('data', (part: string) => {
        answers += part;
      });
      socket.on('error', () => {}); // 'close' follows
      socket.write(Buffer.concat([refused, claim, Buffer.from(UPGRADE(uniqueId('dev')))]));
      await once(socket, 'close');
      expect(answers).not.toContain(' 101 ');
    });
  });

  describe.skipIf(!isPossible)(`TLS and tokens on ${name}`, () => {
    // Tokens are verified by a promise: each upgrade is answered late.
    it('lets hundreds in by their tokens, some of which leave meanwhile, and turns the others away', async () => {
      const hub = await startHub({ ...calm, ...env, ...files, DAT_AUTH_JWT_SECRET: SECRET });
      for (let round = 0; round < 10; round += 1) {
        const signed = (role: string, id: string) => tokenFor({ role, sub: id });
        await Promise.all(
          numbersFrom(1, 10).map(async (number) => {
            const id = `peer-${round}-${number}`;
            const device = await welcomed(hub, '', { ca, token: await signed('device', id) });
            const subscriber = await Subscriber.connect(hub.subscriberPort, `?devices=${id}`, {
              ca,
              token: await signed('subscriber', id),
            });
            await subscriber.subscribedByUrl();
            const refused = Subscriber.connect(hub.subscriberPort, '', { ca, token: 'wrong' });
            await expect(refused).rejects.toBeInstanceOf(UpgradeRefused);
            const leaving = connectTls({ port: hub.subscriberPort, host: '127.0.0.1', ca });
            await once(leaving, 'secureConnect');
            leaving.write(
              `GET /v1/subscribe?token=${await signed('subscriber', `${id}-leaving`)} HTTP/1.1\r\nHost: a\r\n` +
                'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
                'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
              () => leaving.destroy(),
            );
            await device.message(number);
            expect((await subscriber.event()).data).toBe(number);
            if (number % 2 === 0) await Promise.all([device.drop(), subscriber.drop()]);
            else await Promise.all([device.close(1000), subscriber.close(1000)]);
          }),
        );
      }
      await stopped(hub);
      expect(hub.stderr()).not.toContain('cork');
    });
  });
}

describe.skipIf(!uwsLoads())('TLS when a fan-out thread dies', () => {
  it('lets its subscribers back in on the thread that takes its place', async () => {
    const env = { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2', DAT_FAULT_INJECTION: 'true' };
    const hub = await startHub({ ...calm, ...env, ...files });
    const query = (number: number) => `?id=sub-${number}&devices=dev-1`;
    const connect = (number: number) => Subscriber.connect(hub.subscriberPort, query(number), { ca });
    const sender = await Device.connect(hub.devicePort, '?id=dev-1', { ca });
    const before = await Promise.all(numbersFrom(1, 4).map(connect));
    await Promise.all(before.map((subscriber) => subscriber.subscribedByUrl()));
    const fault = { thread: 'fanout', worker: 0 };
    expect((await askOverTls(hub.adminPort, '/v1/faults', fault)).status).toBe(200);
    expect((await Promise.race(before.map(({ closed }) => closed))).code).toBe(1006);
    await eventually('it is replaced', async () => {
      const { text } = await askOverTls(hub.adminPort, '/metrics');
      return /^dat_worker_restarts_total\{role="fanout"\} 1$/m.test(text);
    });
    // As many as it takes for the rotation to pass both threads.
    const after = await Promise.all(numbersFrom(5, 4).map(connect));
    await Promise.all(after.map((subscriber) => subscriber.subscribedByUrl()));
    await sender.message('again');
    for (const subscriber of after) expect((await subscriber.event()).data).toBe('again');
    await stopped(hub);
  });
});

describe.skipIf(!uwsLoads())('TLS when a thread that ends it dies', () => {
  it('lets its peers back in on the same port, with the newest certificate', async () => {
    const env = { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1', DAT_FAULT_INJECTION: 'true' };
    const own = makeCertificate(directory, 'renewed');
    const hub = await startHub({
      ...calm,
      ...env,
      DAT_TLS_CERT_FILE: own.certFile,
      DAT_TLS_KEY_FILE: own.keyFile,
    });
    const before = await Device.connect(hub.devicePort, '?id=dev-1', { ca: own.cert });
    const renewed = makeCertificate(directory, 'renewed');
    hub.signal('SIGHUP');
    await eventually('it is reloaded', () => hub.stderr().includes('"reloaded"'));
    const status = async (fault: object) =>
      (await askOverTls(hub.adminPort, '/v1/faults', fault, renewed.cert)).status;
    expect(await status({ thread: 'tls', worker: 0 })).toBe(200);
    expect((await before.closed).code).toBe(1006);
    await eventually('it is replaced', async () => {
      const { text } = await askOverTls(hub.adminPort, '/metrics', undefined, renewed.cert);
      return /^dat_worker_restarts_total\{role="tls"\} 1$/m.test(text);
    });
    const after = await Device.connect(hub.devicePort, '?id=dev-1', { ca: renewed.cert });
    expect(await after.message('again')).toMatchObject({ op: 'ack' });
    await stopped(hub);
  });
});
