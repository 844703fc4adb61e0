import { describe, expect, it, vi } from 'vitest';
import { routesOf } from '../support/openapi.ts';
import { fakeHub, refusal } from './fake-hub.ts';

const TOKEN = 'secret-of-the-operator';

const HEALTH = ['/livez', '/readyz'];

/** What asks for the token: all that the hub describes but the health routes, and what there is not. */
async function guarded(): Promise<(readonly [method: string, path: string])[]> {
  const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
  const described = routesOf(body).filter(([, path]) => !HEALTH.includes(path));
  return [...described, ['GET', '/nothing'], ['PATCH', '/v1/devices/d']];
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('the bearer token', () => {
  it('is not asked for when none is set', async () => {
    const hub = await fakeHub();
    expect((await hub.ask('GET', '/v1/stats')).status).toBe(200);
  });

  it('is asked for on every route that the hub describes, and on those that it does not have', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    const routes = await guarded();
    for (const [method, path] of routes) {
      refusal(401, 'unauthorized', /^no token; send the header/)(await hub.ask(method, path));
      refusal(401, 'unauthorized', /wrong/)(await hub.ask(method, path, bearer(`${TOKEN}x`)));
    }
    expect(hub.commands).toEqual([]);
    for (const [method, path] of routes) {
      const response = await fetch(`http://127.0.0.1:${hub.port}${path}`, { method, ...bearer(TOKEN) });
      expect(response.status, `${method} ${path}`).not.toBe(401);
      await response.body?.cancel(); // a live stream does not end
    }
  });

  it('is not asked for on the health routes', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    for (const path of HEALTH) expect((await hub.ask('GET', path)).status, path).toBe(200);
  });

  it('names its scheme to a client that sent none, and never says the token', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    const { headers, body } = await hub.ask('GET', '/v1/stats', bearer('wrong-one'));
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(JSON.stringify(body)).not.toMatch(/wrong-one|secret/);
  });

  it('is refused under another scheme', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    for (const authorization of [`Basic ${TOKEN}`, TOKEN, 'Bearer', 'Bearer a b']) {
      refusal(401, 'unauthorized', /./)(await hub.ask('GET', '/v1/stats', { headers: { authorization } }));
    }
  });

  it('may be one that the hub verifies, with the role admin', async () => {
    const verifyToken = vi.fn(
      async (token: string) => (({ a: { operator: 'alice' }, d: 'otherRole' }) as const)[token] ?? 'invalid',
    );
    for (const adminToken of ['', TOKEN]) {
      const hub = await fakeHub({ options: { adminToken }, deps: { verifyToken } });
      expect((await hub.ask('GET', '/v1/stats', bearer('a'))).status).toBe(200);
      refusal(403, 'forbidden', /role admin/)(await hub.ask('GET', '/v1/stats', bearer('d')));
      refusal(401, 'unauthorized', /wrong/)(await hub.ask('GET', '/v1/stats', bearer('x')));
      refusal(401, 'unauthorized', /^no token/)(await hub.ask('GET', '/v1/stats'));
    }
  });

  it('is not handed to the verifier when it is the admin token', async () => {
    const verifyToken = vi.fn(async () => 'invalid' as const);
    const hub = await fakeHub({ options: { adminToken: TOKEN }, deps: { verifyToken } });
    expect((await hub.ask('GET', '/v1/stats', bearer(TOKEN))).status).toBe(200);
    expect(verifyToken).not.toHaveBeenCalled();
  });
});

describe('the origin', () => {
  const from = (origin: string) => ({ headers: { origin } });

  it('of another page is refused on every route, the health routes too', async () => {
    const hub = await fakeHub();
    for (const path of ['/v1/devices', '/livez', '/nothing']) {
      refusal(
        403,
        'forbidden',
        /"http:\/\/evil.example"/,
      )(await hub.ask('GET', path, from('http://evil.example')));
    }
  });

  it('may be the own host', async () => {
    const hub = await fakeHub();
    expect((await hub.ask('GET', '/v1/devices', from(`http://127.0.0.1:${hub.port}`))).status).toBe(200);
  });

  it('may be one of the list, which is then told so', async () => {
    const allowedOrigins = ['https://board.example'];
    const hub = await fakeHub({ options: { allowedOrigins } });
    const { status, headers } = await hub.ask('GET', '/v1/devices', from('https://board.example'));
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBe('https://board.example');
    refusal(
      403,
      'forbidden',
      /origin/,
    )(await hub.ask('GET', '/v1/devices', from(`http://127.0.0.1:${hub.port}`)));
  });

  it('may read the id of the live stream that it opens', async () => {
    const origin = 'https://board.example';
    const hub = await fakeHub({ options: { allowedOrigins: [origin] } });
    const ending = new AbortController();
    const { headers } = await fetch(`http://127.0.0.1:${hub.port}/v1/live`, {
      headers: { origin },
      signal: ending.signal,
    });
    ending.abort();
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-expose-headers')).toBe('dat-live-stream');
    expect(headers.get('dat-live-stream')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('gets its preflight answered without a token', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN, allowedOrigins: ['https://board.example'] } });
    const headers = { origin: 'https://board.example', 'access-control-request-method': 'PUT' };
    const { status, headers: answer } = await hub.ask('OPTIONS', '/v1/devices/d/subscribers/s', { headers });
    expect(status).toBe(204);
    expect(answer.get('access-control-allow-methods')).toContain('PUT');
    expect(answer.get('access-control-allow-headers')).toContain('authorization');
  });

  it('lets a refusal be read by a page of the list', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN, allowedOrigins: ['https://board.example'] } });
    const { status, headers } = await hub.ask('GET', '/v1/devices', from('https://board.example'));
    expect(status).toBe(401);
    expect(headers.get('access-control-allow-origin')).toBe('https://board.example');
  });
});
