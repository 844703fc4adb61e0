import { describe, expect, it } from 'vitest';
import { fakeHub } from '../../admin/fake-hub.ts';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat cluster', () => {
  it('says that a hub is not part of a cluster', async () => {
    const hub = await fakeHub();
    const { code, stderr } = await dat(['cluster', '--admin-url', `http://127.0.0.1:${hub.port}`]);
    expect(code).toBe(1);
    expect(stderr).toContain('this hub is not part of a cluster; see docs/cluster.md');
  });

  it('lists the nodes', async () => {
    const nodes = [
      {
        ...{
          id: 'node-a',
          version: '0.1.0',
          started: Date.now() - 3_661_000,
          devices: 12,
          subscribers: 3,
        },
        ...{ draining: false, eventsPerSecond: 120.4, roundTripMs: null },
        ...{ phase: 'in', eventsSent: 900, eventsReceived: 70, gaps: 1 },
      },
      {
        ...{ id: 'node-b', version: '0.1.0', started: Date.now() - 61_000, devices: 7, subscribers: 0 },
        ...{ draining: true, eventsPerSecond: 0, roundTripMs: 0.42 },
        ...{ phase: 'in', eventsSent: 70, eventsReceived: 900, gaps: 0 },
      },
    ];
    const { flag } = await fakeAdmin({
      'GET /v1/cluster': () => ({ node: 'node-a', state: 'connected', nodes, lost: ['node-c'] }),
    });
    const rows = (await dat(['cluster', ...flag])).stdout.split('\n');
    expect(rows[1]).toMatch(/^node-a +0\.1\.0 +1 h 1 min +12 +3 +120 +asked +900 +70 +1$/);
    expect(rows[2]).toMatch(/^node-b \(draining\) +0\.1\.0 +1 min +7 +0 +0 +0\.4 ms +70 +900 +0$/);
    expect(rows[3]).toMatch(/^node-c \(lost\) *$/);
    expect(jsonLines((await dat(['cluster', '--json', ...flag])).stdout)).toEqual(nodes);
  });
});
