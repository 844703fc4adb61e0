import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat who', () => {
  const entry = { device: 'dev-1', state: 'online', status: 'ok', seq: 7 };
  const of = (more: object) =>
    fakeAdmin({
      'GET /v1/devices/dev-1': () => ({ ...entry, ...more }),
      'GET /v1/devices/dev-1/subscribers': () => ({ subscribers: [], cursor: null }),
    });

  it('names the gateway that speaks for the device', async () => {
    const { flag } = await of({ gateway: 'gw-1' });
    const { stdout } = await dat(['who', 'dev-1', ...flag]);
    expect(stdout).toBe('dev-1  online, ok, 7 events, through gateway gw-1\nnobody follows it\n');
    const json = await dat(['who', 'dev-1', '--json', ...flag]);
    expect(jsonLines(json.stdout)).toEqual([{ ...entry, gateway: 'gw-1', rows: [] }]);
  });

  it('names none for a device that is connected by itself', async () => {
    const { flag } = await of({});
    expect((await dat(['who', 'dev-1', ...flag])).stdout).toMatch(/^dev-1 {2}online, ok, 7 events\n/);
  });
});
