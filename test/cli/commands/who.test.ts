import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat who', () => {
  const entry = { device: 'dev-1', state: 'online', status: 'ok', seq: 7 };
  const of = (more: object, subscribers: readonly object[] = []) =>
    fakeAdmin({
      'GET /v1/devices/dev-1': () => ({ ...entry, ...more }),
      'GET /v1/devices/dev-1/subscribers': () => ({ subscribers, cursor: null }),
    });

  it('names the gateway that speaks for the device', async () => {
    const { flag } = await of({ gateway: 'gw-1' });
    const { stdout } = await dat(['who', 'dev-1', ...flag]);
    expect(stdout).toBe('dev-1  online, ok, 7 events, through gateway gw-1\nnobody follows it\n');
    const json = await dat(['who', 'dev-1', '--json', ...flag]);
    expect(jsonLines(json.stdout)).toEqual([{ ...entry, gateway: 'gw-1', rows: [] }]);
  });

  it('says how each subscriber is, in 80 columns', async () => {
    const lastSeen = Date.now() - 3_599_000;
    const row = { subscriber: `s-${randomUUID()}`, reason: null, vip: true, connected: true, lastSeen };
    const rows = [
      { ...row, status: 'active' },
      { ...row, status: 'inactive', reason: 'silent' },
      { ...row, status: 'inactive', reason: 'paused' },
      { ...row, status: 'inactive', reason: 'paused', connected: false },
      { ...row, status: 'inactive', reason: 'disconnected', connected: false },
      { ...row, status: 'deny', connected: false },
    ];
    const { flag } = await of({}, rows);
    const { stdout } = await dat(['who', 'dev-1', ...flag]);
    const [, head, ...lines] = stdout.trim().split('\n');
    expect(head?.split(/ {2,}/)).toEqual(['SUBSCRIBER', 'STATUS', 'NOW', 'VIP', 'SEEN']);
    expect(lines.map((line) => line.split(/ {2,}/).slice(1, 3).join(': '))).toEqual([
      'active: connected',
      'inactive: silent',
      'inactive: paused',
      'inactive: away, paused',
      'inactive: away',
      'deny: away',
    ]);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('names none for a device that is connected by itself', async () => {
    const { flag } = await of({});
    expect((await dat(['who', 'dev-1', ...flag])).stdout).toMatch(/^dev-1 {2}online, ok, 7 events\n/);
  });
});
