import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { fakeHub, refusal } from './fake-hub.ts';

const EVENTS = '/v1/devices/d/events';
const ROW = '/v1/devices/d/subscribers/s';

describe('a refused request', () => {
  it('names a query where none is accepted', async () => {
    const hub = await fakeHub();
    const message = 'query has the unknown "x", expected none';
    refusal(400, 'bad_request', message)(await hub.ask('GET', '/v1/stats?x=1'));
  });

  it('is one with a body that is no UTF-8, however it is sent', async () => {
    const hub = await fakeHub();
    const bytes = Buffer.from('{"type":"message","data":"\xff\xc0"}', 'latin1');
    const headers = { 'content-type': 'application/json' };
    const inChunks = new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    const message = 'body is not UTF-8';
    refusal(400, 'bad_request', message)(await hub.ask('POST', EVENTS, { body: bytes, headers }));
    refusal(
      400,
      'bad_request',
      message,
    )(await hub.ask('POST', EVENTS, { body: inChunks, duplex: 'half', headers } as RequestInit));
    expect(hub.commands).toEqual([]);
  });

  it.each([
    [{ limit: '0' }, /^query limit is "0", expected a whole number from 1 to 1000$/],
    [{ limit: '1001' }, /^query limit is "1001", expected/],
    [{ limit: '1.5' }, /^query limit is "1.5", expected/],
    [{ limit: 'ten' }, /^query limit is "ten", expected/],
    [{ limit: '' }, /^query limit is "", expected/],
    [{ limit: '0x10' }, /^query limit is "0x10", expected a whole number from 1 to 1000$/],
    [{ limit: '1e2' }, /^query limit is "1e2", expected/],
    [{ limit: ' 5' }, /^query limit is " 5", expected/],
    [{ limit: '5.0' }, /^query limit is "5.0", expected/],
    [{ limit: '-5' }, /^query limit is "-5", expected/],
    [{ state: 'asleep' }, /^query state is "asleep", expected online, stale or offline$/],
    [{ cursor: 'x' }, /^query cursor is "x", expected the cursor of an earlier page/],
    [{ cursor: '' }, /^query cursor is "", expected/],
    [{ page: '2' }, /^query has the unknown "page", expected only limit, cursor, state, search, scope$/],
  ])('names the query %j and what is accepted', async (query, message) => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', message)(await hub.ask('GET', `/v1/devices?${new URLSearchParams(query)}`));
  });

  it.each([
    '/v1/devices/dev-1/events?before=1e3',
    '/v1/live/devices?offset=0x1',
    '/v1/live/devices?limit=1.0',
    '/v1/stats/history?seconds=%2060',
    '/v1/activity?limit=1e1',
  ])('takes a number in digits only: %s', async (path) => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', /^query [a-z]+ is ".*", expected/)(await hub.ask('GET', path));
  });

  it('cuts a path that is none, or has no route', async () => {
    const hub = await fakeHub();
    const long = 'x'.repeat(3000);
    refusal(404, 'not_found', /^no route GET \/x+…, see/)(await hub.ask('GET', `/${long}`));
    refusal(
      400,
      'bad_request',
      /^path is "\/v1\/devices\/Ab%zz", expected UTF-8/,
    )(await hub.ask('GET', '/v1/devices/Ab%zz'));
    refusal(
      400,
      'bad_request',
      /^path is "\/v1\/devices\/x+…, expected/,
    )(await hub.ask('GET', `/v1/devices/${long}`));
  });

  it.each([
    [{ status: 'gone' }, /^body status is "gone", expected allow, active, inactive or deny$/],
    [{ status: null }, /^body status is null, expected/],
    [{ vip: 'yes' }, /^body vip is "yes", expected true or false$/],
    [{}, /^body is \{\}, expected at least one of status, vip$/],
    [{ vip: true, colour: 'red' }, /^body has the unknown "colour", expected only status, vip$/],
    [[], /^body is \[\], expected a JSON object$/],
    ['deny', /^body is "deny", expected a JSON object$/],
    [null, /^body is null, expected a JSON object$/],
    [undefined, /^body is missing, expected a JSON object$/],
  ])('names the row change %j and what is accepted', async (json, message) => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', message)(await hub.ask('PUT', ROW, { json }));
    expect(hub.commands).toEqual([]);
  });

  it.each([
    [{}, /^body type is missing, expected message, status or pong$/],
    [{ type: 'ping' }, /^body type is "ping", expected/],
    [{ type: 'message', priority: 'urgent' }, /^body priority is "urgent", expected low, normal or high$/],
    [{ type: 'message', status: 'on' }, /^body status is "on", expected a status only with type status$/],
    [{ type: 'status', status: '' }, /^body status is "", expected a text of 1 to 64 characters$/],
    [{ type: 'status', status: 'x'.repeat(65) }, /^body status is "x+", expected/],
    [{ type: 'message', id: 1 }, /^body has the unknown "id", expected only type, data, priority, status$/],
    [{ type: 'x', priority: 'y' }, /^body type is "x", .*; body priority is "y", /],
  ])('names the publication %j and what is accepted', async (json, message) => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', message)(await hub.ask('POST', EVENTS, { json }));
    expect(hub.commands).toEqual([]);
  });

  it.each([
    ['GET', '/v1/devices/a%20b', 'device'],
    ['DELETE', '/v1/devices/a%2Fb', 'device'],
    ['GET', `/v1/devices/${'x'.repeat(129)}`, 'device'],
    ['DELETE', `/v1/devices/${'%20'.repeat(500)}`, 'device'],
    ['POST', '/v1/devices/%C3%A4/events', 'device'],
    ['GET', '/v1/devices/@/subscribers', 'device'],
    ['PUT', '/v1/devices/d/subscribers/s%00', 'subscriber'],
    ['DELETE', '/v1/devices/d/subscribers/,', 'subscriber'],
    ['GET', '/v1/subscribers/a%20b', 'subscriber'],
    ['DELETE', '/v1/subscribers/a%20b', 'subscriber'],
  ])('with an id outside the grammar is a bad request: %s %s', async (method, path, name) => {
    const hub = await fakeHub();
    const json = method === 'POST' ? { type: 'pong' } : { vip: true };
    const request = method === 'POST' || method === 'PUT' ? { json } : {};
    const message = new RegExp(`^path ${name} is ".*"?…?, expected 1 to 128 of A-Z a-z 0-9`, 's');
    refusal(400, 'bad_request', message)(await hub.ask(method, path, request));
    expect(hub.commands).toEqual([]);
  });

  it('with broken JSON is a bad request', async () => {
    const hub = await fakeHub();
    const headers = { 'content-type': 'application/json' };
    refusal(400, 'bad_request', /JSON/)(await hub.ask('POST', EVENTS, { headers, body: '{"type":' }));
    refusal(400, 'bad_request', /./)(await hub.ask('POST', EVENTS, { headers, body: '' }));
    refusal(400, 'bad_request', /expected a JSON object/)(await hub.ask('PUT', ROW));
  });

  it('with another kind of body is an unsupported media type', async () => {
    const hub = await fakeHub();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream']) {
      const request = { headers: { 'content-type': type }, body: '{"type":"pong"}' };
      refusal(
        415,
        'unsupported_media_type',
        `content-type is "${type}", expected application/json`,
      )(await hub.ask('POST', EVENTS, request));
    }
  });

  it('with too large a body is refused', async () => {
    const hub = await fakeHub();
    const json = { type: 'message', data: 'x'.repeat(1024 * 1024) };
    refusal(413, 'payload_too_large', /at most 1 MiB/)(await hub.ask('POST', EVENTS, { json }));
  });

  it('with more data than an event may hold is refused', async () => {
    const hub = await fakeHub({ options: { maxMessageBytes: 100 } });
    const json = (length: number) => ({ json: { type: 'message', data: 'x'.repeat(length) } });
    hub.answer = () => ({ ok: true, seq: 1 });
    expect((await hub.ask('POST', EVENTS, json(98))).status).toBe(200);
    refusal(413, 'payload_too_large', /101 bytes.*at most 100/)(await hub.ask('POST', EVENTS, json(99)));
  });

  it('for an unknown path is not found', async () => {
    const hub = await fakeHub();
    for (const path of ['/', '/v1', '/v1/nothing', '/v1/devices/', '/v1/devices/d/', '/v2/devices']) {
      const { status, body } = await hub.ask('GET', path);
      expect([path, status === 404 || status === 400]).toEqual([path, true]);
      expect(Object.keys(body.error)).toEqual(['code', 'message']);
    }
    refusal(404, 'not_found', /GET.*\/v1\/nothing/)(await hub.ask('GET', '/v1/nothing?token=secret'));
  });

  it('with a method that its path does not have says which ones it has', async () => {
    const hub = await fakeHub();
    const answer = await hub.ask('PATCH', '/v1/devices/d', { json: {} });
    refusal(405, 'method_not_allowed', 'method is PATCH, expected GET, HEAD, DELETE')(answer);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, DELETE');
    refusal(405, 'method_not_allowed', /expected GET, HEAD, POST$/)(await hub.ask('PATCH', EVENTS));
    refusal(405, 'method_not_allowed', /expected GET, HEAD$/)(await hub.ask('POST', '/livez'));
  });

  it('with a path that cannot be decoded is a bad request', async () => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', /./)(await hub.ask('GET', '/v1/devices/%zz'));
  });

  it('that is no HTTP gets the same shape', async () => {
    const hub = await fakeHub();
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(hub.port, '127.0.0.1', () => socket.write('what is this\r\n\r\n'));
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes;
      });
      socket.on('end', () => resolve(received)).on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1]!)).toEqual({
      error: { code: 'bad_request', message: 'bad request' },
    });
  });
});

describe('a failed request', () => {
  it('says nothing of its cause and is reported', async () => {
    const hub = await fakeHub({
      deps: {
        notReady: () => {
          throw new Error('secret cause');
        },
      },
    });
    refusal(500, 'internal', 'internal error')(await hub.ask('GET', '/readyz'));
    expect(hub.failures).toEqual([new Error('secret cause')]);
  });

  it('whose answer does not match its schema is reported too', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: true, seq: Number.NaN });
    const json = { type: 'pong' };
    refusal(500, 'internal', 'internal error')(await hub.ask('POST', EVENTS, { json }));
    expect(hub.failures).toHaveLength(1);
  });

  it('is unavailable while the owner is gone', async () => {
    const hub = await fakeHub();
    hub.answer = () => Promise.reject(new Error('the owner has ended'));
    for (const [method, path, request] of [
      ['DELETE', '/v1/devices/d', {}],
      ['POST', EVENTS, { json: { type: 'pong' } }],
      ['PUT', ROW, { json: { vip: true } }],
      ['DELETE', ROW, {}],
      ['DELETE', '/v1/subscribers/s', {}],
    ] as const) {
      refusal(503, 'unavailable', /the owner has ended/)(await hub.ask(method, path, request));
    }
    expect(hub.failures).toEqual([]);
  });
});
