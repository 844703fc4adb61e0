import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeListener } from '../fake-hub.ts';
import { dat, type JsonLine, jsonLines, portsOf, start } from '../run.ts';

describe('dat watch', () => {
  const hub = useHub({});

  it('prints the state of a device and then its events, as many as it is told', async () => {
    const id = uniqueId('dev');
    const watching = start(['watch', id, '--json', '--count', '3'], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('"subscribed"'));
    const sent = await dat(['send', id, '{"temperature":21.5}'], portsOf(hub));
    expect(sent).toMatchObject({ code: 0, stdout: `sent as ${id}, number 2\n`, stderr: '' });
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    const events = jsonLines(stdout).filter(({ op }) => op === 'event');
    // The goodbye has the higher priority and may come first.
    expect(events.sort((a, b) => Number(a.seq) - Number(b.seq))).toMatchObject([
      { device: id, source: 'hub', data: { state: 'online' } },
      { device: id, seq: 2, data: { temperature: 21.5 } },
      { device: id, source: 'hub', data: { state: 'offline' } },
    ]);
  });

  it('escapes what would move the cursor, and ends with Ctrl-C', async () => {
    const device = await hub.device();
    const id = new URL(device.url).searchParams.get('id')!;
    const watching = start(['watch', id], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('events so far'));
    await device.publish({ type: 'status', status: 'hot\u001b[2J', data: null });
    await eventually('it is printed', () => watching.out.stdout.includes('hot'));
    watching.child.kill('SIGINT');
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('hot\\u001b[2J');
    expect(stdout).not.toContain('\u001b');
  });

  it('ends when nothing is left to follow, and says what the hub said', async () => {
    const { dev, sub } = await hub.pair();
    await hub.setRow(dev, 'watcher', { status: 'deny' });
    const denied = await dat(['watch', dev, '--id', 'watcher'], portsOf(hub));
    expect(denied.code).toBe(77);
    expect(denied.stderr).toMatch(new RegExp(`${dev}: .+\\ndat: nothing is left to follow\\n$`));
    expect((await hub.row(dev, sub))?.status).toBe('active');
  });

  it('ends without a word when its reader does', async () => {
    const id = uniqueId('dev');
    const device = await hub.device(id);
    const watching = start(['watch', id], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('events so far'));
    watching.child.stdout!.destroy();
    const sending = setInterval(() => device.send({ type: 'message', data: 1 }), 20);
    const { code, stderr } = await watching.ended;
    clearInterval(sending);
    expect(code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });

  it('follows every device of a filter, now and in future, and the types that are asked for', async () => {
    const site = uniqueId('site');
    const early = await hub.device(`${site}.1`);
    const args = ['watch', `${site}.*`, '--types', 'status', '--json'];
    const watching = start(args, portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes(`${site}.1`));
    const late = await hub.device(`${site}.2`);
    for (const device of [early, late]) {
      await device.publish({ type: 'message', data: 'not wanted' });
      await device.publish({ type: 'status', status: 'hot' });
    }
    const events = (): JsonLine[] => jsonLines(watching.out.stdout).filter(({ op }) => op === 'event');
    await eventually('both are hot', () => events().filter(({ status }) => status === 'hot').length === 2);
    watching.child.kill('SIGINT');
    expect((await watching.ended).code).toBe(0);
    expect(new Set(events().map(({ type }) => type))).toEqual(new Set(['status']));
    expect(new Set(events().map(({ device }) => device))).toEqual(new Set([`${site}.1`, `${site}.2`]));
  });

  it('says how many devices a filter matches, not each of them', async () => {
    const site = uniqueId('site');
    for (const n of [1, 2, 3]) await hub.device(`${site}.${n}`);
    const watching = start(['watch', `${site}.*`], portsOf(hub));
    await eventually('it follows', () => watching.out.stdout.includes('devices match'));
    watching.child.kill('SIGINT');
    const { stdout, stderr } = await watching.ended;
    expect(stdout).toBe(`${site}.*  3 devices match\n`);
    expect(stderr).toContain(`following ${site}.*`);
  });

  it('asks for a pace, for the last events and for history, and marks what was replayed', async () => {
    const event = { op: 'event', device: 'dev-1', source: 'device', at: 0, priority: 'normal' };
    const { url, peers } = await fakeListener(
      (peer) => peer.send({ op: 'welcome', subscriber: 's-1', pingIntervalMs: 25_000, resumed: [] }),
      ({ op, id }, peer) => {
        if (op !== 'subscribe') return;
        peer.send({ op: 'subscribed', id, devices: [], filters: [], errors: [] });
        peer.send({ ...event, type: 'message', seq: 1, data: 1, replay: true });
        peer.send({ ...event, type: 'message', seq: 9, data: 2, conflated: 7 });
      },
    );
    const args = ['watch', 'dev-1', '--every', '1000', '--last', '--history', '20', '--count', '2'];
    const { code, stdout } = await dat([...args, '--subscriber-url', url], { TZ: 'UTC' });
    expect(code).toBe(0);
    expect(stdout).toBe('00:00:00.000Z dev-1 1 message replay 1\n00:00:00.000Z dev-1 9 message +7 2\n');
    expect(peers[0]?.url.searchParams.get('every')).toBe('1000');
    expect(peers[0]?.frames).toContainEqual(
      expect.objectContaining({ op: 'subscribe', devices: ['dev-1'], last: true, history: 20 }),
    );
  });

  it('refuses what no hub takes', async () => {
    for (const args of [
      ['a*b'],
      ['dev-1', '--types', 'status,nothing'],
      ['dev-1', '--every', '50'],
      ['dev-1', '--history', '0'],
      ['dev-1', '--id', 'dev-*'],
    ])
      expect(await dat(['watch', ...args], portsOf(hub))).toMatchObject({ code: 64 });
  });
});

describe('dat watch beside a hub with history', () => {
  const hub = useHub({ DAT_HISTORY_BYTES: 'auto' });

  it('begins with the newest events of a device that the hub has kept', async () => {
    const { dev, device } = await hub.pair();
    await device.publish({ type: 'message', data: 'old' });
    await device.publish({ type: 'message', data: 'new' });
    const { code, stdout } = await dat(['watch', dev, '--last', '--count', '1', '--json'], portsOf(hub));
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ op: 'event', data: 'new', replay: true });
  });
});
