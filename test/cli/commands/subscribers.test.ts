import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

const HOUR_MS = 3_600_000;

describe('dat subscribers', () => {
  const entry = {
    subscriber: 'dashboard-1',
    connected: true,
    address: '127.0.0.1',
    transport: 'websocket',
    encoding: 'json',
    connectedAt: Date.now() - 50 * HOUR_MS,
    lastSeen: Date.now() - 49.5 * HOUR_MS, // shown the same for half an hour
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
    expect(row).toMatch(/^dashboard-1 +connected +127\.0\.0\.1 +json +12 +2 KiB +vip +2 d 1 h ago$/);
    expect(row.length).toBeLessThanOrEqual(80);
    expect(requests[0]?.query.get('search')).toBe('dash');
    const json = await dat(['subscribers', '--json', ...flag]);
    expect(jsonLines(json.stdout)).toEqual([entry]);
  });

  it('asks for them behind the path of the address, as a proxy may have it', async () => {
    const { flag, requests } = await fakeAdmin({
      'GET /hub-1/v1/subscribers': () => ({ subscribers: [entry], cursor: null }),
    });
    const [name = '', url = ''] = flag;
    for (const path of ['/hub-1', '/hub-1/'])
      expect((await dat(['subscribers', name, url + path])).stdout).toContain('dashboard-1');
    expect(requests[0]?.query.get('limit')).toBe('1000');
  });

  it('shows one that is away', async () => {
    const none = { address: null, transport: null, encoding: null, queueBytes: null };
    const away = { ...entry, ...none, connected: false, vip: false };
    const { flag } = await fakeAdmin({
      'GET /v1/subscribers': () => ({ subscribers: [away], cursor: null }),
    });
    expect((await dat(['subscribers', ...flag])).stdout).toMatch(
      /\ndashboard-1 +away +12 +\? +2 d 1 h ago\n$/,
    );
  });
});
