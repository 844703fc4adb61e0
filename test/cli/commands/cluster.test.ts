import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat cluster', () => {
  it('lists the nodes', async () => {
    const nodes = [
      {
        ...{
          node: 'node-a',
          version: '0.1.0',
          startedAt: Date.now() - 3_700_000,
          devices: 12,
          subscribers: 3,
        },
        ...{ eventsPerSecond: 120.4, roundTripMs: null },
      },
      {
        ...{ node: 'node-b', version: '0.1.0', startedAt: Date.now() - 61_000, devices: 7, subscribers: 0 },
        ...{ eventsPerSecond: 0, roundTripMs: 0.42 },
      },
    ];
    const { flag } = await fakeAdmin({ 'GET /v1/cluster': () => ({ nodes }) });
    const rows = (await dat(['cluster', ...flag])).stdout.split('\n');
    expect(rows[1]).toMatch(/^node-a +0\.1\.0 +1 h 1 min +12 +3 +120 +asked$/);
    expect(rows[2]).toMatch(/^node-b +0\.1\.0 +1 min +7 +0 +0 +0\.4 ms$/);
    expect(jsonLines((await dat(['cluster', '--json', ...flag])).stdout)).toEqual(nodes);
  });
});
