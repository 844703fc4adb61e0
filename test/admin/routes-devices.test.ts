import { describe, expect, it } from 'vitest';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { EventType, Priority } from '../../src/wire/events.ts';
import { type FakeHub, fakeHub, refusal } from './fake-hub.ts';

/** A device that connected 5 s ago, was heard 2 s ago and calls itself charging. */
function connectedDevice(hub: FakeHub, id: string): void {
  const slot = hub.device(id);
  const { rows } = hub.registry.devices;
  hub.registry.setDeviceState(slot, DeviceState.online);
  rows.session[slot] = 7;
  rows.connectedAt[slot] = 1_763_999_999_000;
  rows.lastSeen[slot] = BigInt(hub.clock.nowMs - 2000);
  rows.seq[slot] = 41;
  hub.registry.setDeviceStatus(slot, Buffer.from('charging'), 0, 8);
}

async function walk(hub: FakeHub, path: string, meanwhile: (page: number) => void = () => {}) {
  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { status, body } = await hub.ask('GET', `${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    pages.push(body.devices.map(({ device }: { device: string }) => device));
    cursor = body.cursor;
    meanwhile(pages.length);
  }
  return pages;
}

describe('GET /v1/devices/ID', () => {
  it('tells what the contract names', async () => {
    const hub = await fakeHub();
    connectedDevice(hub, 'dev-1');
    for (const [sub, state] of [
      ['a', 2],
      ['b', 2],
      ['c', 3],
      ['d', 1],
      ['e', 6],
      ['f', 4],
    ] as const) {
      hub.subscribe('dev-1', sub, state);
    }
    expect((await hub.ask('GET', '/v1/devices/dev-1')).body).toEqual({
      device: 'dev-1',
      state: 'online',
      status: 'charging',
      lastSeen: hub.clock.wallMs - 2000,
      connectedAt: 1_763_999_999_000,
      seq: 41,
      epoch: expect.any(String),
      subscribers: { active: 2, inactive: 2, allow: 1, deny: 1 },
    });
  });

  it('tells of a device that nobody has seen yet', async () => {
    const hub = await fakeHub();
    hub.subscribe('later', 'a');
    expect((await hub.ask('GET', '/v1/devices/later')).body).toEqual({
      device: 'later',
      state: 'offline',
      status: null,
      lastSeen: 0,
      connectedAt: null,
      seq: 0,
      epoch: expect.any(String),
      subscribers: { active: 1, inactive: 0, allow: 0, deny: 0 },
    });
  });

  it('takes every character of the grammar', async () => {
    const hub = await fakeHub();
    for (const id of ['Az09._:~-', 'x'.repeat(128), '...', 'events']) {
      hub.device(id);
      expect((await hub.ask('GET', `/v1/devices/${encodeURIComponent(id)}`)).body.device).toBe(id);
    }
  });

  it('does not find a device that is unknown or gone', async () => {
    const hub = await fakeHub();
    hub.registry.freeDevice(hub.device('gone'));
    for (const id of ['gone', 'never']) {
      refusal(404, 'not_found', `no device "${id}"`)(await hub.ask('GET', `/v1/devices/${id}`));
    }
  });
});

describe('GET /v1/devices', () => {
  it('lists nothing on an empty hub', async () => {
    const hub = await fakeHub();
    expect((await hub.ask('GET', '/v1/devices')).body).toEqual({ devices: [], cursor: null });
  });

  it('lists each device as it stands alone', async () => {
    const hub = await fakeHub();
    connectedDevice(hub, 'dev-1');
    const { body } = await hub.ask('GET', '/v1/devices/dev-1');
    expect((await hub.ask('GET', '/v1/devices')).body).toEqual({ devices: [body], cursor: null });
  });

  it('goes over the pages of a limit, with null after the last', async () => {
    const hub = await fakeHub();
    for (let n = 0; n < 6; n++) hub.device(`d${n}`);
    expect((await walk(hub, '/v1/devices?limit=4')).map(({ length }) => length)).toEqual([4, 2]);
    expect((await walk(hub, '/v1/devices?limit=3')).map(({ length }) => length)).toEqual([3, 3]);
    expect((await walk(hub, '/v1/devices?limit=6')).map(({ length }) => length)).toEqual([6]);
  });

  it('names every device that stays exactly once while others come and go', async () => {
    const hub = await fakeHub();
    for (let n = 0; n < 20; n++) hub.device(`d${n}`);
    const staying = Array.from({ length: 20 }, (_, n) => `d${n}`).filter(
      (id) => !['d1', 'd4', 'd5'].includes(id),
    );
    const pages = await walk(hub, '/v1/devices?limit=3', (page) => {
      if (page === 1) for (const id of ['d1', 'd4', 'd5']) hub.registry.freeDevice(hub.device(id));
      if (page === 2) hub.device('new-one');
    });
    expect(pages.length).toBeGreaterThan(5);
    const named = pages.flat().filter((id) => staying.includes(id));
    expect(named.sort()).toEqual(staying.sort());
  });

  it('lists 100 devices when no limit is given', async () => {
    const hub = await fakeHub();
    for (let n = 0; n < 64; n++) hub.device(`d${n}`);
    expect((await hub.ask('GET', '/v1/devices')).body.devices).toHaveLength(64);
    expect((await hub.ask('GET', '/openapi.json')).body.paths['/v1/devices'].get.parameters).toContainEqual(
      expect.objectContaining({ name: 'limit', schema: expect.objectContaining({ default: 100 }) }),
    );
  });

  it('lists the devices of one state', async () => {
    const hub = await fakeHub();
    for (const [id, state] of Object.entries({
      a: 'online',
      b: 'stale',
      c: 'offline',
      d: 'stale',
    } as const)) {
      hub.registry.setDeviceState(hub.device(id), DeviceState[state]);
    }
    expect(await walk(hub, '/v1/devices?limit=10&state=online')).toEqual([['a']]);
    expect(await walk(hub, '/v1/devices?limit=1&state=stale')).toEqual([['b'], ['d']]);
    expect(await walk(hub, '/v1/devices?limit=10&state=offline')).toEqual([['c']]);
  });

  it('finds devices by a part of their id, in lower or upper case', async () => {
    const hub = await fakeHub();
    for (const id of ['lab-1', 'LAB-2', 'field-1', 'slab', 'la', 'x'.repeat(128)]) hub.device(id);
    hub.registry.setDeviceState(hub.device('slab'), DeviceState.online);
    const found = async (query: string) => (await walk(hub, `/v1/devices?limit=2&${query}`)).flat().sort();
    expect(await found('search=lab')).toEqual(['LAB-2', 'lab-1', 'slab']);
    expect(await found('search=Lab-')).toEqual(['LAB-2', 'lab-1']);
    expect(await found('search=1')).toEqual(['field-1', 'lab-1']);
    expect(await found(`search=${'x'.repeat(128)}`)).toEqual(['x'.repeat(128)]);
    expect(await found('search=lab&state=online')).toEqual(['slab']);
    expect(await found('search=none')).toEqual([]);
    refusal(400, 'bad_request', /^query search/)(await hub.ask('GET', '/v1/devices?search=a%20b'));
    refusal(400, 'bad_request', /^query search/)(await hub.ask('GET', '/v1/devices?search='));
  });

  it('refuses a cursor that is not as it was given out', async () => {
    const hub = await fakeHub();
    for (const text of ['-1', '1.5', '1e3', ' 1', '01', '12345678901', 'x']) {
      const cursor = Buffer.from(text).toString('base64url');
      refusal(400, 'bad_request', /^query cursor/)(await hub.ask('GET', `/v1/devices?cursor=${cursor}`));
    }
    const padded = Buffer.from('1').toString('base64');
    expect((await hub.ask('GET', `/v1/devices?cursor=${encodeURIComponent(padded)}`)).status).toBe(400);
  });
});

describe('DELETE /v1/devices/ID', () => {
  it('asks the owner to terminate the device', async () => {
    const hub = await fakeHub();
    const { status, body } = await hub.ask('DELETE', '/v1/devices/d');
    expect([status, body]).toEqual([200, { device: 'd', removed: true }]);
    expect(hub.commands).toEqual([{ kind: ToOwner.Terminate, device: 'd' }]);
  });

  it('may come with the content type of JSON and no body', async () => {
    const hub = await fakeHub();
    const headers = { 'content-type': 'application/json' };
    expect((await hub.ask('DELETE', '/v1/devices/d', { headers })).status).toBe(200);
  });

  it('says what the owner says', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no device "d"' });
    refusal(404, 'not_found', 'no device "d"')(await hub.ask('DELETE', '/v1/devices/d'));
  });
});

describe('POST /v1/devices/ID/events', () => {
  const publish = (hub: FakeHub, json: unknown) => hub.ask('POST', '/v1/devices/d/events', { json });

  it('answers the event number', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: true, seq: 42 });
    const { status, body } = await publish(hub, { type: 'message', data: 1 });
    expect([status, body]).toEqual([200, { seq: 42 }]);
  });

  it('says when nobody listens', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: true, seq: 7, skipped: true });
    expect((await publish(hub, { type: 'pong' })).body).toEqual({ seq: 7, skipped: true });
  });

  it.each([
    ['message', undefined, EventType.message, Priority.normal],
    ['status', undefined, EventType.status, Priority.high],
    ['pong', undefined, EventType.pong, Priority.low],
    ['message', 'high', EventType.message, Priority.high],
    ['status', 'low', EventType.status, Priority.low],
    ['pong', 'normal', EventType.pong, Priority.normal],
  ] as const)('publishes type %s with priority %s', async (type, priority, typeNumber, priorityNumber) => {
    const hub = await fakeHub();
    expect((await publish(hub, { type, priority })).status).toBe(200);
    expect(hub.commands).toMatchObject([
      {
        kind: ToOwner.Publish,
        device: 'd',
        type: typeNumber,
        priority: priorityNumber,
        at: hub.clock.wallMs,
      },
    ]);
  });

  it('passes any JSON on as it is', async () => {
    const hub = await fakeHub();
    const values = [null, 0, false, '', 'ä', [], [1, [2]], { a: { b: null } }];
    for (const data of values) expect((await publish(hub, { type: 'message', data })).status).toBe(200);
    const odd = '{"type":"message","data":{"__proto__":{"x":1},"constructor":{"prototype":2}}}';
    const headers = { 'content-type': 'application/json' };
    expect((await hub.ask('POST', '/v1/devices/d/events', { headers, body: odd })).status).toBe(200);
    const payloads = hub.commands.map(
      (command) => 'payload' in command && Buffer.from(command.payload).toString(),
    );
    expect(payloads).toEqual([
      ...values.map((data) => JSON.stringify(data)),
      '{"__proto__":{"x":1},"constructor":{"prototype":2}}',
    ]);
  });

  it('publishes without data an event without payload', async () => {
    const hub = await fakeHub();
    await publish(hub, { type: 'message' });
    expect(hub.commands).toMatchObject([{ payload: Buffer.alloc(0), deviceStatus: '' }]);
  });

  it('sets the status of the device, in characters and not in bytes', async () => {
    const hub = await fakeHub();
    for (const status of ['charging', '🔋'.repeat(64)]) {
      expect((await publish(hub, { type: 'status', status })).status).toBe(200);
      expect(hub.commands.at(-1)).toMatchObject({ deviceStatus: status });
    }
    expect((await publish(hub, { type: 'status', status: '🔋'.repeat(65) })).status).toBe(400);
  });

  it('does not find an unknown device', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no device "d"' });
    refusal(404, 'not_found', 'no device "d"')(await publish(hub, { type: 'pong' }));
  });
});
