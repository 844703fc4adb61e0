/** Section 1, from the outside: who may connect where, and what a listener survives. Section 6, code 4000. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Opcode, RawPeer, upgradeAnswer } from '../support/raw-peer.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

const MAX_BYTES = 2048;

/** The status of a plain GET, with any Host or none (then in HTTP/1.0). */
async function plainStatus(port: number, path: string, host?: string, ...more: string[]): Promise<number> {
  const peer = await RawPeer.connect(port);
  const hosts = host === undefined ? [] : [`Host: ${host}`];
  const version = host === undefined ? '1.0' : '1.1';
  try {
    return (await peer.ask([`GET ${path} HTTP/${version}`, ...hosts, ...more])).status;
  } finally {
    peer.destroy();
  }
}

export function listeners({ env }: MatrixRow): void {
  describe('listeners', () => {
    const hub = useHub({ ...env, DAT_MAX_MESSAGE_BYTES: `${MAX_BYTES}` });
    const devicePort = () => hub.process.devicePort;
    const subscriberPort = () => hub.process.subscriberPort;
    const both = [
      { listener: 'device', port: devicePort, path: '/v1/device' },
      { listener: 'subscriber', port: subscriberPort, path: '/v1/subscribe' },
    ] as const;

    for (const { listener, port, path } of both) {
      describe(`the ${listener} listener`, () => {
        const good = () => `${path}?id=${uniqueId('raw')}`;

        it('lets a good handshake in', async () => {
          expect((await upgradeAnswer(port(), good())).status).toBe(101);
        });

        it('answers 404 on another path', async () => {
          for (const other of ['/', '/v1', `${path}/x?id=a`, '/v2/device?id=a', '/v1/devices?id=a']) {
            expect((await upgradeAnswer(port(), other)).status, other).toBe(404);
          }
        });

        it('does not serve the path of the other listener', async () => {
          const other = path === '/v1/device' ? '/v1/subscribe' : '/v1/device';
          expect((await upgradeAnswer(port(), `${other}?id=a`)).status).toBe(404);
        });

        it('answers 426 to another version of WebSocket', async () => {
          for (const version of ['8', '12', '14']) {
            const { status } = await upgradeAnswer(port(), good(), { 'Sec-WebSocket-Version': version });
            expect(status, `version ${version}`).toBe(426);
          }
        });

        it('answers 426 to a key without a connection to upgrade', async () => {
          for (const connection of ['close', 'keep-alive', undefined]) {
            const { status } = await upgradeAnswer(port(), good(), { Connection: connection });
            expect(status, `Connection: ${connection}`).toBe(426);
          }
        });

        it('refuses a request that is no upgrade', async () => {
          const { status } = await fetch(`http://127.0.0.1:${port()}${good()}`);
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
        });

        it('answers 403 to a foreign origin', async () => {
          for (const origin of ['https://evil.example', 'http://127.0.0.1', 'http://localhost:1', 'null']) {
            expect((await upgradeAnswer(port(), good(), { Origin: origin })).status, origin).toBe(403);
          }
        });

        it('answers 403 to a foreign Host, whatever the origin: a page that rebinds its name', async () => {
          for (const host of [
            'evil.example',
            `evil.example:${port()}`,
            '10.0.0.1',
            'localhost.evil.example',
          ]) {
            const headers = { Host: host, Origin: `http://${host}` };
            expect((await upgradeAnswer(port(), good(), headers)).status, host).toBe(403);
            expect((await upgradeAnswer(port(), good(), { Host: host })).status, host).toBe(403);
          }
        });

        it('lets every name of its own host in', async () => {
          for (const host of [
            'localhost',
            `LOCALHOST.:${port()}`,
            '127.0.0.1:1',
            '[::1]:7400',
            '127.9.9.9',
          ]) {
            expect((await upgradeAnswer(port(), good(), { Host: host })).status, host).toBe(101);
          }
        });

        it('lets the origin of its own host in', async () => {
          const { status } = await upgradeAnswer(port(), good(), { Origin: `http://127.0.0.1:${port()}` });
          expect(status).toBe(101);
        });

        // RFC 6455 would have the hub close; uWebSockets.js reads on. Either way nobody is to hear of it.
        it('takes nothing from a peer whose frames are not masked', async () => {
          const id = uniqueId('raw');
          const { device, subscriber } = await hub.pair();
          await subscriber.subscribe(id);
          const peer = await RawPeer.open(port(), `${path}?id=${id}`);
          for (let n = 0; n < 5; n++)
            peer.send(Opcode.text, '{"type":"message","data":1}', { masked: false });
          peer.destroy();
          await peer.closed;
          await marker(device, subscriber);
          expect(subscriber.events(id).filter(({ source }) => source === 'device')).toEqual([]);
        });

        it('answers a ping with a pong of the same payload', async () => {
          const peer = await RawPeer.open(port(), good());
          peer.send(Opcode.ping, 'still there?');
          const pong = await peer.frames.next(({ opcode }) => opcode === Opcode.pong);
          expect(pong.payload.toString()).toBe('still there?');
          peer.destroy();
        });

        it('closes a peer with 4000 that sends a frame larger than DAT_MAX_MESSAGE_BYTES', async () => {
          const large = 'x'.repeat(MAX_BYTES + 1);
          for (const kind of ['text', 'binary'] as const) {
            const id = uniqueId('large');
            const peer = listener === 'device' ? await hub.device(id) : await hub.subscriber({ id });
            if (kind === 'text') peer.sendText(large);
            else peer.sendBinary(Buffer.from(large));
            expect((await peer.closed).code, kind).toBe(4000);
          }
        });

        it('closes a peer with 4000 whose fragments add up to more than DAT_MAX_MESSAGE_BYTES', async () => {
          const peer = await RawPeer.open(port(), good());
          const part = Buffer.alloc(MAX_BYTES, 0x20);
          peer.send(Opcode.text, part, { fin: false });
          peer.send(Opcode.continuation, part);
          const close = await peer.frames.next(({ opcode }) => opcode === Opcode.close);
          expect(close.payload.readUInt16BE(0)).toBe(4000);
          peer.destroy();
        });

        it('carries on after peers that vanish in the middle of things', async () => {
          const early = await RawPeer.connect(port());
          early.write('GET /v1/dev');
          early.destroy();
          const noise = await RawPeer.connect(port());
          noise.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]));
          noise.destroy();
          const half = await RawPeer.open(port(), good());
          half.write(Buffer.from([0x81, 0xfe, 0x04]));
          half.destroy();
          const garbage = await RawPeer.open(port(), good());
          garbage.write(Buffer.alloc(64, 0xff));
          await garbage.closed;
          await Promise.all([early.closed, noise.closed, half.closed]);
          expect((await upgradeAnswer(port(), good())).status).toBe(101);
        });
      });
    }

    it('takes a device frame of exactly DAT_MAX_MESSAGE_BYTES', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const empty = JSON.stringify({ type: 'message', data: '' });
      const data = 'x'.repeat(MAX_BYTES - empty.length);
      device.send({ type: 'message', data });
      expect((await subscriber.event(dev)).data).toBe(data);
    });

    it('puts the fragments of a device frame together', async () => {
      const dev = uniqueId('dev');
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(dev);
      const peer = await RawPeer.open(devicePort(), `/v1/device?id=${dev}`);
      peer.send(Opcode.text, '{"type":"mess', { fin: false });
      peer.send(Opcode.continuation, 'age","da', { fin: false });
      peer.send(Opcode.ping, '');
      peer.send(Opcode.continuation, 'ta":[1,2]}');
      const event = await subscriber.frames.next(({ type }) => type === 'message');
      expect(event.data).toEqual([1, 2]);
      peer.destroy();
    });

    it('delivers events while other peers are reset', async () => {
      const { device, subscriber } = await hub.pair();
      const lost = await Promise.all(
        both.map(({ port, path }) => RawPeer.open(port(), `${path}?id=${uniqueId('lost')}`)),
      );
      for (const peer of lost) {
        peer.send(Opcode.text, '{"type":"message"', { fin: false });
        peer.destroy();
      }
      await Promise.all(lost.map(({ closed }) => closed));
      await marker(device, subscriber);
      expect((await hub.admin('GET', '/livez')).status).toBe(200);
    });

    it('answers 403 to a foreign origin on the admin listener', async () => {
      const headers = { origin: 'https://evil.example' };
      expect((await hub.admin('GET', '/v1/stats', undefined, { headers })).status).toBe(403);
      const own = { origin: `http://127.0.0.1:${hub.process.adminPort}` };
      expect((await hub.admin('GET', '/v1/stats', undefined, { headers: own })).status).toBe(200);
    });
  });

  describe('listeners with DAT_ALLOWED_HOSTS', () => {
    const hub = useHub({ ...env, DAT_ALLOWED_HOSTS: 'dat.example,10.1.2.3' });
    const statuses = async (host: string) => [
      (await upgradeAnswer(hub.process.devicePort, `/v1/device?id=${uniqueId('dev')}`, { Host: host }))
        .status,
      (await upgradeAnswer(hub.process.subscriberPort, '/v1/subscribe', { Host: host })).status,
      await plainStatus(hub.process.adminPort, '/v1/stats', host),
    ];

    it('let those in too, and no others', async () => {
      for (const host of ['dat.example', 'DAT.example.:443', '10.1.2.3:8080', 'localhost']) {
        expect(await statuses(host), host).toEqual([101, 101, 200]);
      }
      for (const host of ['evil.example', 'dat.example.evil.example', '10.1.2.4', '']) {
        expect(await statuses(host), host).toEqual([403, 403, 403]);
      }
    });

    it('answer the health routes whatever the Host, and the admin API without one', async () => {
      for (const path of ['/livez', '/readyz']) {
        expect(await plainStatus(hub.process.adminPort, path, 'evil.example'), path).toBe(200);
      }
      expect(await plainStatus(hub.process.adminPort, '/v1/stats')).toBe(200);
      for (const path of ['/', '/metrics', '/openapi.json', '/nothing']) {
        expect(await plainStatus(hub.process.adminPort, path, 'evil.example'), path).toBe(403);
      }
    });
  });

  describe('listeners with an admin token and authentication', () => {
    const hub = useHub({ ...env, DAT_ADMIN_TOKEN: 'admin', DAT_AUTH_JWT_SECRET: SECRET });

    it('let any Host in that has a token', async () => {
      const headers = async (role: string) => ({
        Host: 'hub.example',
        Authorization: `Bearer ${await tokenFor({ sub: 'peer-1', role })}`,
      });
      const { devicePort, subscriberPort, adminPort } = hub.process;
      expect((await upgradeAnswer(devicePort, '/v1/device', await headers('device'))).status).toBe(101);
      expect((await upgradeAnswer(subscriberPort, '/v1/subscribe', await headers('subscriber'))).status).toBe(
        101,
      );
      expect(await plainStatus(adminPort, '/v1/stats', 'hub.example', 'Authorization: Bearer admin')).toBe(
        200,
      );
      expect(await plainStatus(adminPort, '/v1/stats', 'hub.example')).toBe(401);
    });
  });

  describe('listeners with DAT_ALLOWED_ORIGINS', () => {
    const odd = ['file://', 'null', 'http://firmware/path', 'arduino-origin'];
    const hub = useHub({
      ...env,
      DAT_ALLOWED_ORIGINS: ['https://board.example', 'https://two.example:8443', ...odd].join(','),
    });

    it('let exactly the named origins in, on every listener', async () => {
      const { devicePort, subscriberPort } = hub.process;
      const statuses = async (origin: string) => [
        (await upgradeAnswer(devicePort, `/v1/device?id=${uniqueId('dev')}`, { Origin: origin })).status,
        (await upgradeAnswer(subscriberPort, '/v1/subscribe', { Origin: origin })).status,
        (await hub.admin('GET', '/v1/stats', undefined, { headers: { origin } })).status,
      ];
      for (const origin of ['https://board.example', 'https://two.example:8443', ...odd]) {
        expect(await statuses(origin), origin).toEqual([101, 101, 200]);
      }
      for (const origin of [
        'http://board.example',
        'https://board.example:8443',
        'https://board.example.evil.example',
        'https://sub.board.example',
        'https://two.example',
        'file:///',
        'NULL',
        'http://firmware/',
      ]) {
        expect(await statuses(origin), origin).toEqual([403, 403, 403]);
      }
    });

    it('let peers in that send no origin', async () => {
      expect((await upgradeAnswer(hub.process.devicePort, `/v1/device?id=${uniqueId('dev')}`)).status).toBe(
        101,
      );
    });
  });

  describe('listeners of a full presence table', () => {
    const hub = useHub({
      ...env,
      DAT_MAX_DEVICES: '2',
      DAT_MAX_SUBSCRIBERS: '3',
      DAT_MAX_SUBSCRIPTIONS: '2',
    });

    it('turn peers away with a clear error and carry on', async () => {
      const [one, two, three] = [uniqueId('dev'), uniqueId('dev'), uniqueId('dev')];
      const device = await hub.device(one);
      await hub.device(two);
      const subscriber = await hub.subscriber();
      const second = await hub.subscriber();
      const third = await hub.subscriber();

      const spareDevice = await hub.openDevice(three);
      expect((await spareDevice.closed).code).toBe(4100);
      const spareSubscriber = await hub.openSubscriber();
      expect((await spareSubscriber.closed).code).toBe(4100);

      const unknown = await subscriber.subscribe(three);
      expect(unknown.devices).toEqual([]);
      expect(unknown.errors).toMatchObject([{ device: three, code: 106 }]);

      expect((await subscriber.subscribe(one, two)).devices).toHaveLength(2);
      const full = await second.subscribe(one);
      expect(full.devices).toEqual([]);
      expect(full.errors).toMatchObject([{ device: one, code: 106, message: expect.any(String) }]);
      await marker(device, subscriber);

      // What is given back can be used again.
      expect((await subscriber.ask('unsubscribe', [two])).op).toBe('unsubscribed');
      expect((await second.subscribe(one)).devices).toHaveLength(1);
      await marker(device, second);
      await third.close(1000);
      await eventually('a freed place is taken', async () => {
        const next = await hub.openSubscriber();
        return await Promise.race([next.welcome().catch(() => undefined), next.closed.then(() => undefined)]);
      });
    });
  });
}
