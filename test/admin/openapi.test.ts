import { describe, expect, it } from 'vitest';
import { fakeHub } from './fake-hub.ts';

const described = [
  ['get', '/livez'],
  ['get', '/readyz'],
  ['get', '/metrics'],
  ['get', '/openapi.json'],
  ['get', '/v1/stats'],
  ['get', '/v1/stats/history'],
  ['get', '/v1/live'],
  ['put', '/v1/live/streams/{stream}'],
  ['get', '/v1/live/devices'],
  ['get', '/v1/devices'],
  ['get', '/v1/devices/{device}'],
  ['delete', '/v1/devices/{device}'],
  ['get', '/v1/devices/{device}/events'],
  ['post', '/v1/devices/{device}/events'],
  ['get', '/v1/devices/{device}/subscribers'],
  ['put', '/v1/devices/{device}/subscribers/{subscriber}'],
  ['delete', '/v1/devices/{device}/subscribers/{subscriber}'],
  ['get', '/v1/subscribers'],
  ['get', '/v1/subscribers/{subscriber}'],
  ['delete', '/v1/subscribers/{subscriber}'],
  ['get', '/v1/access/rules'],
  ['put', '/v1/access/rules'],
  ['get', '/v1/activity'],
  ['get', '/v1/cluster'],
  ['post', '/v1/reload'],
] as const;

describe('GET /openapi.json', () => {
  it('is an OpenAPI 3 document of this hub', async () => {
    const { status, headers, body } = await (await fakeHub()).ask('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('application/json');
    expect(body.openapi).toMatch(/^3\.[01]\.\d+$/);
    expect(body.info).toMatchObject({ title: expect.any(String), version: '1.2.3' });
  });

  it('describes exactly the routes there are', async () => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const found = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(found.sort()).toEqual(described.map(([method, path]) => `${method} ${path}`).sort());
  });

  it.each(described)('gives the schema of every answer of %s %s', async (method, path) => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const { summary, parameters = [], responses } = body.paths[path][method];
    expect(summary).toEqual(expect.any(String));
    expect(Object.keys(responses)).toContain('200');
    for (const [status, { content }] of Object.entries<{ content: Record<string, { schema: object }> }>(
      responses,
    )) {
      const [media] = Object.values(content);
      expect(media?.schema, status).toHaveProperty('type');
      if (status.startsWith('4')) expect(media?.schema).toMatchObject({ properties: { error: {} } });
    }
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const named = parameters.filter((each: { in: string }) => each.in === 'path');
    expect(named.map(({ name }: { name: string }) => name)).toEqual(inPath);
  });

  it.each([
    ['/v1/devices', 'limit', { minimum: 1, maximum: 1000, default: 100 }],
    ['/v1/devices/{device}/events', 'limit', { minimum: 1, maximum: 1000, default: 50 }],
    ['/v1/live/devices', 'offset', { minimum: 0, default: 0 }],
    ['/v1/live/devices', 'limit', { minimum: 1, default: 50 }],
    ['/v1/stats/history', 'seconds', { minimum: 1, maximum: 3600, default: expect.any(Number) }],
  ])('says of %s which whole numbers %s may be, and what it is by default', async (path, name, schema) => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const parameters = body.paths[path].get.parameters as { name: string; schema: object }[];
    expect(parameters.find((one) => one.name === name)).toMatchObject({
      required: false,
      schema: { type: 'integer', ...schema },
    });
  });

  it('describes what the events route takes', async () => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const { content } = body.paths['/v1/devices/{device}/events'].post.requestBody;
    expect(content['application/json'].schema).toMatchObject({
      type: 'object',
      required: ['type'],
      additionalProperties: false,
      properties: {
        type: { enum: ['message', 'status', 'pong'] },
        priority: { enum: ['low', 'normal', 'high'] },
      },
    });
  });

  it('says in which form each answer comes: JSON, but for the metrics and the live stream', async () => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const others: Readonly<Record<string, string>> = {
      '/metrics 200': 'text/plain',
      '/v1/live 200': 'text/event-stream',
    };
    for (const [method, path] of described)
      for (const [status, answer] of Object.entries<{ content: object }>(body.paths[path][method].responses))
        expect(Object.keys(answer.content), `${method} ${path} ${status}`).toEqual([
          others[`${path} ${status}`] ?? 'application/json',
        ]);
  });

  it.each(described.filter(([method]) => method !== 'get'))(
    'has the refusals of a body, of %s %s',
    async (method, path) => {
      const hub = await fakeHub();
      const { body } = await hub.ask('GET', '/openapi.json');
      const known = Object.keys(body.paths[path][method].responses);
      const at = path.replace(/\{stream\}/, 'b3c1a7de-5d5f-4a30-9f0e-0f0f0f0f0f0f').replace(/\{\w+\}/g, 'x');
      for (const [type, text, status] of [
        ['text/plain', 'x', 415],
        ['application/json', `"${'x'.repeat(1024 * 1024)}"`, 413],
        ['application/json', '{', 400],
      ] as const) {
        const refused = await hub.ask(method.toUpperCase(), at, {
          body: text,
          headers: { 'content-type': type },
        });
        expect(refused.status).toBe(status);
        expect(known).toContain(String(status));
      }
    },
  );

  it('has the refusal of a hub that cannot answer now, for every route', async () => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    for (const [method, path] of described)
      expect(Object.keys(body.paths[path][method].responses), `${method} ${path}`).toContain('503');
  });

  it('asks for a bearer token everywhere but on the health routes', async () => {
    const { body } = await (await fakeHub()).ask('GET', '/openapi.json');
    const [[name, scheme]] = Object.entries<object>(body.components.securitySchemes) as [[string, object]];
    expect(scheme).toEqual({ type: 'http', scheme: 'bearer' });
    expect(body.security).toEqual([{ [name]: [] }]);
    for (const [method, path] of described) {
      const open = path === '/livez' || path === '/readyz';
      expect(body.paths[path][method].security, path).toEqual(open ? [] : undefined);
    }
  });
});
