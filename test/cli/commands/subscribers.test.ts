import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat subscribers', () => {
  const entry = {
    subscriber: 'dashboard-1',
    connected: true,
    address: '127.0.0.1',
    transport: 'websocket',
    encoding: 'json',
    connectedAt: Date.now() - 60_000,
    lastSeen: Date.now() - 5500,
    queueBytes: 1500,
    vip: true,
    subscriptions: { active: 12, inactive: 1, allow: 0, deny: 0 },
  };

  it('lists them on 80 columns, or as JSON', async () => {
    const { flag, requests } = await fakeAdmin({
      'GET /v1/subscribers': () => ({ subscribers: [entry], cursor: null }),
    });
    const { stdout } = await dat(['subscribers', '--search', 'dash', ...flag]);
    const [head = '', row = ''] = stdout.split('\n');
    expect(head).toMatch(/^SUBSCRIBER +NOW +ADDRESS +BY +ACTIVE +QUEUE +VIP +SEEN$/);
    expect(row).toMatch(/^dashboard-1 +connected +127\.0\.0\.1 +websocket json +12 +2 KiB +vip +[56] s ago$/);
    expect(row.length).toBeLessThanOrEqual(80);
    expect(requests[0]?.query.get('search')).toBe('dash');
    const json = await dat(['subscribers', '--json', ...flag]);
    expect(jsonLines(json.stdout)).toEqual([entry]);
  });

  it('shows one that is away', async () => {
    const none = { address: null, transport: null, encoding: null, queueBytes: null };
    const away = { ...entry, ...none, connected: false, vip: false };
    const { flag } = await fakeAdmin({
      'GET /v1/subscribers': () => ({ subscribers: [away], cursor: null }),
    });
    expect((await dat(['subscribers', ...flag])).stdout).toMatch(/\ndashboard-1 +away +12 +\? +\d+ s ago\n$/);
  });
});
