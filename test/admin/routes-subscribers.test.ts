import { describe, expect, it } from 'vitest';
import { RowState } from '../../src/presence/lifecycle.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { type FakeHub, fakeHub, refusal } from './fake-hub.ts';

/** Marks the subscriber as connected, vip and heard 3 s ago. */
function connect(hub: FakeHub, id: string): void {
  const { rows } = hub.registry.subscribers;
  const slot = hub.subscriber(id);
  rows.session[slot] = 1;
  rows.vip[slot] = 1;
  rows.lastSeen[slot] = BigInt(hub.clock.nowMs - 3000);
}

/** Values of `of` under `list`, page by page. */
async function walk(
  hub: FakeHub,
  path: string,
  list: 'subscribers' | 'devices',
  meanwhile: (page: number) => void = () => {},
): Promise<string[][]> {
  const pages: string[][] = [];
  const of = list === 'subscribers' ? 'subscriber' : 'device';
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { status, body } = await hub.ask('GET', `${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    pages.push(body[list].map((entry: Record<string, string>) => entry[of]));
    cursor = body.cursor;
    meanwhile(pages.length);
  }
  return pages;
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);

describe('GET /v1/devices/ID/subscribers', () => {
  it('tells of each row what the contract names', async () => {
    const hub = await fakeHub();
    for (const [sub, state] of Object.entries(RowState)) if (sub !== 'none') hub.subscribe('d', sub, state);
    hub.subscribe('other', 'stranger');
    connect(hub, 'active');
    const row = { reason: null, lastSeen: 0, vip: false, connected: false };
    expect((await hub.ask('GET', '/v1/devices/d/subscribers')).body).toEqual({
      subscribers: [
        { ...row, subscriber: 'allow', status: 'allow' },
        {
          subscriber: 'active',
          status: 'active',
          reason: null,
          lastSeen: hub.clock.wallMs - 3000,
          vip: true,
          connected: true,
        },
        { ...row, subscriber: 'silent', status: 'inactive', reason: 'silent' },
        { ...row, subscriber: 'paused', status: 'inactive', reason: 'paused' },
        { ...row, subscriber: 'disconnected', status: 'inactive', reason: 'disconnected' },
        { ...row, subscriber: 'deny', status: 'deny' },
      ],
      cursor: null,
    });
  });

  it('names every row that stays exactly once while others come and go', async () => {
    const hub = await fakeHub();
    const rows = numbered('s', 12).map((sub) => [hub.subscribe('d', sub), hub.subscribe('other', sub)]);
    const pages = await walk(hub, '/v1/devices/d/subscribers?limit=5', 'subscribers', (page) => {
      if (page !== 1) return;
      for (const n of [0, 6]) hub.registry.removeRow(rows[n]![0]!);
      hub.subscribe('other', 'stranger');
    });
    const staying = numbered('s', 12).filter((sub) => sub !== 's0' && sub !== 's6');
    expect(pages.length).toBeGreaterThan(2);
    const named = pages.flat().filter((sub) => sub !== 's0' && sub !== 's6');
    expect(named.sort()).toEqual(staying.sort());
  });

  it('is empty for a device without rows and not found for none', async () => {
    const hub = await fakeHub();
    hub.device('d');
    expect((await hub.ask('GET', '/v1/devices/d/subscribers')).body).toEqual({
      subscribers: [],
      cursor: null,
    });
    refusal(404, 'not_found', 'no device "e"')(await hub.ask('GET', '/v1/devices/e/subscribers'));
  });
});

describe('PUT /v1/devices/ID/subscribers/SID', () => {
  const put = (hub: FakeHub, json: unknown) => hub.ask('PUT', '/v1/devices/d/subscribers/s', { json });

  it.each(['allow', 'active', 'inactive', 'deny'] as const)('passes the status %s on', async (status) => {
    const hub = await fakeHub();
    const slot = hub.subscribe('d', 's', RowState.allow);
    hub.answer = () => ({ ok: true, slot });
    expect((await put(hub, { status })).status).toBe(200);
    expect(hub.commands).toEqual([
      { kind: ToOwner.SetRow, device: 'd', subscriber: 's', status, vip: undefined },
    ]);
  });

  it('passes vip on alone and with a status', async () => {
    const hub = await fakeHub();
    const slot = hub.subscribe('d', 's');
    hub.answer = () => ({ ok: true, slot });
    await put(hub, { vip: false });
    await put(hub, { vip: true, status: 'deny' });
    expect(hub.commands).toMatchObject([
      { status: undefined, vip: false },
      { status: 'deny', vip: true },
    ]);
  });

  it('answers the row as the table has it after the change', async () => {
    const hub = await fakeHub();
    const slot = hub.subscribe('d', 's');
    connect(hub, 's');
    hub.answer = () => {
      hub.registry.setRowState(slot, RowState.deny);
      return { ok: true, slot };
    };
    expect((await put(hub, { status: 'deny' })).body).toEqual({
      subscriber: 's',
      status: 'deny',
      reason: null,
      lastSeen: hub.clock.wallMs - 3000,
      vip: true,
      connected: true,
    });
  });

  it('does not answer with a row of someone else when its own has gone since', async () => {
    const hub = await fakeHub();
    const other = hub.subscribe('d', 'other');
    const elsewhere = hub.subscribe('e', 's');
    const gone = hub.subscribe('d', 's');
    hub.registry.removeRow(gone);
    for (const slot of [gone, other, elsewhere]) {
      hub.answer = () => ({ ok: true, slot });
      refusal(404, 'not_found', /was removed/)(await put(hub, { status: 'deny' }));
    }
  });

  it('says what the owner says', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no row' });
    refusal(404, 'not_found', 'no row')(await put(hub, { vip: true }));
    hub.answer = () => ({ ok: false, why: 'over_capacity', message: 'the presence table is full' });
    refusal(503, 'over_capacity', 'the presence table is full')(await put(hub, { status: 'allow' }));
  });
});

describe('DELETE /v1/devices/ID/subscribers/SID', () => {
  it('asks the owner to remove the row', async () => {
    const hub = await fakeHub();
    const { status, body } = await hub.ask('DELETE', '/v1/devices/d/subscribers/s');
    expect([status, body]).toEqual([200, { device: 'd', subscriber: 's', removed: true }]);
    expect(hub.commands).toEqual([{ kind: ToOwner.RemoveRow, device: 'd', subscriber: 's' }]);
  });

  it('says what the owner says', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no row' });
    refusal(404, 'not_found', 'no row')(await hub.ask('DELETE', '/v1/devices/d/subscribers/s'));
  });
});

describe('GET /v1/subscribers', () => {
  it('tells where each connects from, what waits for it, and how many subscriptions of each status it has', async () => {
    const hub = await fakeHub();
    hub.subscribe('d1', 's');
    hub.subscribe('d2', 's', RowState.paused);
    hub.subscribe('d2', 'away', RowState.deny);
    connect(hub, 's');
    const session = hub.deps.presence.sessionOfSubscriber(hub.subscriber('s'));
    const connection = {
      address: '192.0.2.1',
      transport: 'websocket',
      encoding: 'binary',
      connectedAt: 1,
    } as const;
    hub.connections = [{ session: session!, ...connection, queuedBytes: 77 }];
    const { status, body } = await hub.ask('GET', '/v1/subscribers');
    expect(status).toBe(200);
    expect(body).toEqual({
      subscribers: [
        {
          subscriber: 's',
          connected: true,
          ...connection,
          lastSeen: hub.clock.wallMs - 3000,
          queueBytes: 77,
          vip: true,
          subscriptions: { active: 1, inactive: 1, allow: 0, deny: 0 },
        },
        {
          subscriber: 'away',
          connected: false,
          address: null,
          transport: null,
          encoding: null,
          connectedAt: null,
          lastSeen: 0,
          queueBytes: 0,
          vip: false,
          subscriptions: { active: 0, inactive: 0, allow: 0, deny: 1 },
        },
      ],
      cursor: null,
    });
  });

  it('comes in pages, and finds by a part of the id in any case', async () => {
    const hub = await fakeHub();
    for (const subscriber of numbered('s', 9)) hub.subscribe('d', subscriber);
    hub.subscribe('d', 'Board-1');
    const pages = await walk(hub, '/v1/subscribers?limit=2', 'subscribers');
    expect(pages.flat()).toEqual([...numbered('s', 9), 'Board-1']);
    expect(pages.length).toBeGreaterThan(4);
    const found = (await hub.ask('GET', '/v1/subscribers?search=board')).body.subscribers;
    expect(found.map(({ subscriber }: { subscriber: string }) => subscriber)).toEqual(['Board-1']);
  });

  it.each(['limit=0', 'limit=1001', 'search=%20', 'cursor=x', 'more=1'])('refuses ?%s', async (query) => {
    const hub = await fakeHub();
    expect((await hub.ask('GET', `/v1/subscribers?${query}`)).status).toBe(400);
  });
});

describe('GET /v1/subscribers/SID', () => {
  it('tells of the subscriber and of each of its rows', async () => {
    const hub = await fakeHub();
    hub.subscribe('d1', 's');
    hub.subscribe('d2', 's', RowState.paused);
    hub.subscribe('d2', 'stranger');
    connect(hub, 's');
    expect((await hub.ask('GET', '/v1/subscribers/s')).body).toEqual({
      subscriber: 's',
      connected: true,
      address: null,
      transport: null,
      encoding: null,
      connectedAt: null,
      vip: true,
      lastSeen: hub.clock.wallMs - 3000,
      queueBytes: null,
      subscriptions: { active: 1, inactive: 1, allow: 0, deny: 0 },
      devices: [
        { device: 'd1', status: 'active', reason: null },
        { device: 'd2', status: 'inactive', reason: 'paused' },
      ],
      cursor: null,
    });
  });

  it('names every row that stays exactly once while others come and go', async () => {
    const hub = await fakeHub();
    const rows = numbered('d', 9).map((device) => hub.subscribe(device, 's'));
    const pages = await walk(hub, '/v1/subscribers/s?limit=2', 'devices', (page) => {
      if (page === 1) hub.registry.removeRow(rows[2]!);
    });
    const staying = numbered('d', 9).filter((device) => device !== 'd2');
    expect(pages.flat().filter((device) => device !== 'd2')).toEqual(staying);
    expect(pages.length).toBeGreaterThan(3);
  });

  it('does not find an unknown subscriber', async () => {
    const hub = await fakeHub();
    refusal(404, 'not_found', 'no subscriber "s"')(await hub.ask('GET', '/v1/subscribers/s'));
  });
});

describe('DELETE /v1/subscribers/SID', () => {
  it('asks the owner to kick the subscriber', async () => {
    const hub = await fakeHub();
    const { status, body } = await hub.ask('DELETE', '/v1/subscribers/s');
    expect([status, body]).toEqual([200, { subscriber: 's', removed: true }]);
    expect(hub.commands).toEqual([{ kind: ToOwner.Kick, subscriber: 's', forget: false }]);
    await hub.ask('DELETE', '/v1/subscribers/s?forget=true');
    expect(hub.commands[1]).toEqual({ kind: ToOwner.Kick, subscriber: 's', forget: true });
  });

  it('says what the owner says', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: false, why: 'not_found', message: 'no subscriber "s"' });
    refusal(404, 'not_found', 'no subscriber "s"')(await hub.ask('DELETE', '/v1/subscribers/s'));
  });
});
