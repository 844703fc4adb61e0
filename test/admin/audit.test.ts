import { describe, expect, it } from 'vitest';
import { fakeHub } from './fake-hub.ts';

const TOKEN = 'hunter2-hunter2';
const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };

describe('what operators do', () => {
  it('is told with who, from where, what and the result', async () => {
    const hub = await fakeHub({
      options: { adminToken: TOKEN },
      deps: { verifyToken: async (token) => (token === 'b' ? { operator: 'bob' } : 'invalid') },
    });
    hub.subscribe('dev-1', 's-1');
    await hub.ask('PUT', '/v1/devices/dev-1/subscribers/s-1', { json: { status: 'deny' }, ...bearer });
    await hub.ask('DELETE', '/v1/subscribers/s-9', { headers: { authorization: 'Bearer b' } });
    await hub.ask('PUT', '/v1/access/rules?dryRun=true', { json: { rules: [] }, ...bearer });
    const actions = hub.lines.filter(({ msg }) => msg === 'operator action');
    expect(actions).toMatchObject([
      {
        who: 'admin token',
        from: '127.0.0.1',
        action: 'PUT /v1/devices/:device/subscribers/:subscriber',
        what: { device: 'dev-1', subscriber: 's-1', status: 'deny' },
      },
      { who: 'bob', action: 'DELETE /v1/subscribers/:subscriber', what: { subscriber: 's-9' } },
      { action: 'PUT /v1/access/rules', what: { rules: 0, dryRun: true }, status: 200 },
    ]);
  });

  it('tells no payload and no secret', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    hub.device('dev-1');
    hub.answer = () => ({ ok: true, seq: 1 });
    const body = { type: 'status', status: 'secret-status', data: { key: 'secret-data' }, priority: 'high' };
    const answer = await hub.ask('POST', '/v1/devices/dev-1/events', { json: body, ...bearer });
    expect(answer.status).toBe(200);
    expect(hub.lines).toMatchObject([
      {
        who: 'admin token',
        what: { device: 'dev-1', type: 'status', priority: 'high', bytes: 21 },
        status: 200,
      },
    ]);
    expect(JSON.stringify(hub.lines)).not.toMatch(/secret-|hunter2/);
  });

  it('tells of a refusal by the owner as of any result', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no subscriber "s-1"' });
    await hub.ask('DELETE', '/v1/subscribers/s-1');
    expect(hub.lines).toMatchObject([{ who: 'anyone', status: 404 }]);
  });

  it('is not told of who only looks', async () => {
    const hub = await fakeHub();
    for (const path of ['/v1/stats', '/livez', '/metrics', '/v1/devices']) await hub.ask('GET', path);
    expect(hub.lines).toEqual([]);
  });
});

describe('an admin request that is not let in', () => {
  it('is told with why, without its token', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    await hub.ask('GET', '/v1/stats', { headers: { authorization: 'Bearer guess-1' } });
    await hub.ask('DELETE', '/v1/devices/dev-1');
    await hub.ask('GET', '/v1/stats', {
      headers: { origin: 'https://elsewhere.example', ...bearer.headers },
    });
    expect(hub.lines).toMatchObject([
      {
        level: 'warn',
        msg: 'admin request refused',
        from: '127.0.0.1',
        action: 'GET /v1/stats',
        status: 401,
      },
      {
        action: 'DELETE /v1/devices/:device',
        status: 401,
        message: expect.stringMatching(/^no token/),
      },
      { status: 403, message: expect.stringContaining('origin') },
    ]);
    expect(JSON.stringify(hub.lines)).not.toContain('guess-1');
  });
});

describe('GET /v1/activity', () => {
  it('lists both, newest first', async () => {
    const hub = await fakeHub({ options: { adminToken: TOKEN } });
    await hub.ask('GET', '/v1/stats');
    hub.clock.advance(1000);
    await hub.ask('DELETE', '/v1/subscribers/s-1', bearer);
    const { status, body } = await hub.ask('GET', '/v1/activity?limit=10', bearer);
    expect(status).toBe(200);
    expect(body.entries).toMatchObject([
      { kind: 'action', at: hub.clock.wallNow(), who: 'admin token' },
      { kind: 'refusedRequest', status: 401 },
    ]);
    expect((await hub.ask('GET', '/v1/activity?limit=1', bearer)).body.entries).toHaveLength(1);
    expect((await hub.ask('GET', '/v1/activity?limit=1000', bearer)).status).toBe(400);
  });
});
