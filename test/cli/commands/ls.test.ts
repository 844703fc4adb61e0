import { describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines, portsOf } from '../run.ts';

describe('dat ls', () => {
  const hub = useHub({});

  it('lists devices by filter and state', async () => {
    for (const id of ['site-a.1', 'site-a.2', 'my-site-a.3', 'site-b.1']) await hub.device(id);
    const env = portsOf(hub);
    const names = async (...args: string[]) =>
      jsonLines((await dat(['ls', ...args, '--json'], env)).stdout).map(({ device }) => device);
    expect((await names()).sort()).toEqual(['my-site-a.3', 'site-a.1', 'site-a.2', 'site-b.1']);
    expect((await names('site-a.*')).sort()).toEqual(['site-a.1', 'site-a.2']);
    expect(await names('site-a.1')).toEqual(['site-a.1']);
    expect(await names('--state', 'offline')).toEqual([]);
    const { stdout } = await dat(['ls', 'site-a.1'], env);
    expect(stdout).toMatch(
      /^DEVICE +STATE +STATUS +SEEN +EVENTS +ACTIVE\nsite-a\.1 +online +\d+ (s|min) ago +0 +0\n$/,
    );
    expect(await dat(['ls', 'none*'], env)).toMatchObject({ code: 0, stdout: 'no devices\n' });
    const limited = await dat(['ls', '--limit', '2', '--json'], env);
    expect(jsonLines(limited.stdout)).toHaveLength(2);
    expect(limited.stderr).toBe('there are more than 2; show all with --limit 0\n');
  });

  it('asks for the whole cluster, page by page, and names the nodes', async () => {
    const entry = (device: string, node: string) => ({
      ...{ device, node, state: 'online', status: null, lastSeen: 0, seq: 1 },
      subscribers: { active: 2 },
    });
    const { flag, requests } = await fakeAdmin({
      'GET /v1/devices': ({ query }) =>
        query.get('cursor') === null
          ? { devices: [entry('dev-1', 'node-a')], cursor: 'next' }
          : { devices: [entry('dev-2', 'node-b')], cursor: null, missingNodes: ['node-c'] },
    });
    const { stdout, stderr } = await dat(['ls', '--cluster', '--state', 'online', ...flag]);
    expect(stdout.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^dev-1 .* never +1 +2 +node-a$/),
      expect.stringMatching(/^dev-2 .* node-b$/),
    ]);
    expect(stderr).toBe('node node-c did not answer: what it has is not listed\n');
    const [first, second] = requests.map(({ query }) => Object.fromEntries(query));
    expect(first).toEqual({ scope: 'cluster', state: 'online', limit: '1000' });
    expect(second).toEqual({ ...first, cursor: 'next' });
  });
});
