import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../../conformance/harness.ts';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines, portsOf } from '../run.ts';

describe('dat history', () => {
  const common = { device: 'dev-1', source: 'device', priority: 'normal' };
  const at = Date.UTC(2026, 10, 25, 12, 0, 0, 5);
  const events = [
    { ...common, type: 'message', seq: 43, at: at + 2000, data64: 'AAEC' },
    { ...common, type: 'status', seq: 42, at: at + 1000, status: 'hot', data: null },
    { ...common, type: 'message', seq: 41, at, data: { temperature: 21.5 } },
  ];

  it('shows the kept events, the newest last, and how to see older ones', async () => {
    const { flag, requests } = await fakeAdmin({
      'GET /v1/devices/dev-1/events': () => ({ events, epoch: 'k3', cursor: '41' }),
    });
    const { stdout, stderr } = await dat(['history', 'dev-1', '--limit', '3', ...flag], { TZ: 'UTC' });
    expect(stdout.split('\n')).toEqual([
      '12:00:00.005Z dev-1 41 message {"temperature":21.5}',
      '12:00:01.005Z dev-1 42 status hot null',
      '12:00:02.005Z dev-1 43 message 3 bytes',
      '',
    ]);
    expect(stderr).toBe('older events: dat history dev-1 --before 41\n');
    expect(Object.fromEntries(requests[0]!.query)).toEqual({ limit: '3' });
  });

  it('prints them as the hub has them with --json', async () => {
    const { flag, requests } = await fakeAdmin({
      'GET /v1/devices/dev-1/events': () => ({ events, epoch: 'k3', cursor: null }),
    });
    const { stdout, stderr } = await dat(['history', 'dev-1', '--before', '44', '--json', ...flag]);
    expect(jsonLines(stdout)).toEqual(events.toReversed());
    expect(stderr).toBe('');
    expect(Object.fromEntries(requests[0]!.query)).toEqual({ limit: '50', before: '44' });
  });

  it('says when there are none, and what the hub says', async () => {
    const none = await fakeAdmin({
      'GET /v1/devices/dev-1/events': () => ({ events: [], epoch: 'k3', cursor: null }),
    });
    expect(await dat(['history', 'dev-1', ...none.flag])).toMatchObject({ stdout: 'no events are kept\n' });
    const refused = await fakeAdmin({});
    expect(await dat(['history', 'dev-1', ...refused.flag])).toMatchObject({
      code: 1,
      stderr: 'dat: no /v1/devices/dev-1/events\n',
    });
  });

  describe('beside a hub', () => {
    const hub = useHub({ DAT_HISTORY_BYTES: 'auto' });

    it('shows what the hub has kept', async () => {
      const id = uniqueId('dev');
      const device = await hub.device(id);
      for (const data of [1, { two: 2 }]) await device.publish({ type: 'message', data });
      await device.publish({ type: 'status', status: 'hot' });
      const { stdout, stderr } = await dat(['history', id, '--limit', '2'], portsOf(hub));
      expect(stdout).toMatch(/^\S+ dev-\d+ \d+ message \{"two":2\}\n\S+ dev-\d+ \d+ status hot null\n$/);
      expect(stderr).toMatch(/^older events: dat history dev-\d+ --before \d+\n$/);
      expect(await dat(['history', uniqueId('none')], portsOf(hub))).toMatchObject({ code: 1 });
    });
  });
});
