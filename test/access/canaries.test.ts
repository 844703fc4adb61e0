/** Secrets are let loose in every place that takes one, and nothing that the hub says has any of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestHub } from '../conformance/harness.ts';
import { routesOf } from '../support/openapi.ts';
import { Device, Subscriber, UpgradeRefused } from '../support/peers.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const ADMIN_TOKEN = 'canary-admin-token-7f3a';
const WRONG_ADMIN = 'canary-wrong-admin-81c2';
const FORGED = 'canary-forged-token-55d0';
const transports = [
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(transports)('secrets of a hub on %s', (_, transport) => {
  const hub = new TestHub({
    ...transport,
    DAT_ADMIN_TOKEN: ADMIN_TOKEN,
    DAT_AUTH_JWT_SECRET: SECRET,
    DAT_LOG_LEVEL: 'trace',
    DAT_FAULT_INJECTION: 'true',
  });
  const skip = transport.DAT_TRANSPORT === 'uws' && !uwsLoads();
  beforeAll(() => (skip ? undefined : hub.start()));
  afterAll(() => (skip ? undefined : hub.end()));

  it.skipIf(skip)('are in nothing that it logs, answers, sends or counts', async () => {
    const said: string[] = [];
    const { devicePort, subscriberPort, adminPort } = hub.process;
    const tokens = {
      device: await tokenFor({ sub: 'dev-1', role: 'device' }, { expiresIn: 600 }),
      subscriber: await tokenFor({ sub: 'sub-1', role: 'subscriber' }, { expiresIn: 600 }),
      expired: await tokenFor({ sub: 'dev-2', role: 'device' }, { expiresIn: -600 }),
      forged: `${FORGED}.${FORGED}.${FORGED}`,
    };
    const http = async (port: number, path: string, init: RequestInit = {}): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
      said.push(JSON.stringify([...answer.headers]), await answer.text());
      return answer.status;
    };
    const { body: document } = await hub.admin('GET', '/openapi.json', undefined, { token: ADMIN_TOKEN });
    const endless = '/v1/live';
    const readable = routesOf(document)
      .filter(([method, path]) => method === 'GET' && path !== endless)
      .map(([, path]) => path);
    expect(readable).toContain('/metrics');
    const admitted: string[] = [];
    for (const [whose, token] of Object.entries(tokens)) {
      for (const [Peer, port] of [
        [Device, devicePort],
        [Subscriber, subscriberPort],
      ] as const) {
        for (const [where, attempt] of [
          ['query', () => Peer.connect(port, `?token=${token}`)],
          ['header', () => Peer.connect(port, '', { token })],
        ] as const) {
          const peer = await attempt().catch((failure: Error) => {
            expect(failure).toBeInstanceOf(UpgradeRefused);
            return undefined;
          });
          if (peer === undefined) continue;
          await peer.welcome();
          admitted.push(`${whose}, ${Peer.name}, ${where}`);
          peer.sendText('{"op":"nothing","token":"x"}');
          peer.sendText('no json');
          await peer.error();
          said.push(JSON.stringify(peer.frames.all));
          await peer.close(1000);
        }
      }
      for (const port of [devicePort, subscriberPort, adminPort]) {
        await http(port, `/nowhere?token=${token}`, { headers: { authorization: `Bearer ${token}` } });
      }
      await http(adminPort, '/v1/stats', { headers: { authorization: `Bearer ${token}` } });
      await http(adminPort, `/v1/devices?token=${token}`);
    }
    expect(admitted).toEqual([
      'device, Device, query',
      'device, Device, header',
      'subscriber, Subscriber, query',
      'subscriber, Subscriber, header',
    ]);
    for (const token of [ADMIN_TOKEN, WRONG_ADMIN]) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      for (const path of [...readable, '/', '/nowhere']) {
        const status = await http(adminPort, path, { headers });
        if (path.startsWith('/v1/stats')) expect(status).toBe(token === ADMIN_TOKEN ? 200 : 401);
      }
      await http(adminPort, '/v1/devices/dev-1/subscribers/sub-1', {
        method: 'PUT',
        headers,
        body: '{"status":1}',
      });
      await http(adminPort, '/v1/devices/dev-1/subscribers/sub-1', { method: 'PUT', headers, body: token });
      await http(adminPort, '/v1/faults', {
        method: 'POST',
        headers,
        body: '{"thread":"owner","how":"throw"}',
      });
    }
    said.push(hub.process.stderr());
    const everything = said.join('\n');
    expect(everything.length).toBeGreaterThan(10_000);
    const secrets = [SECRET, ADMIN_TOKEN, WRONG_ADMIN, ...Object.values(tokens), FORGED];
    // A body that is no JSON comes back in the error, as its sender gave it: that is his own.
    const own = everything.split('\n').filter((line) => !line.includes('body is not JSON'));
    for (const secret of secrets) {
      const line = own.find((one) => one.includes(secret));
      expect(line, `${secret.slice(0, 12)}… was said`).toBeUndefined();
    }
    expect(hub.process.stderr()).not.toContain('Warning:');
  });
});
