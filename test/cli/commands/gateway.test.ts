import { describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeListener } from '../fake-hub.ts';
import { dat, jsonLines, portsOf, start } from '../run.ts';

describe('dat gateway', () => {
  const welcome = { op: 'welcome', gateway: 'gw-1', pingIntervalMs: 25_000 };
  const args = ['gateway', '--devices', '3', '--rate', '20', '--prefix', 'g-', '--id', 'gw-1'];

  it('speaks for all devices of the fleet on one connection, and says goodbye for each', async () => {
    const { url, peers } = await fakeListener((peer) => peer.send(welcome));
    const running = start([...args, '--json', '--device-url', url]);
    await eventually('all have sent something', () => {
      const events = peers[0]?.frames.filter(({ type }) => type === 'message') ?? [];
      return new Set(events.map(({ device }) => device)).size === 3;
    });
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(peers).toHaveLength(1);
    const [peer] = peers;
    expect(`${peer?.url.pathname}?${peer?.url.searchParams}`).toBe('/v1/gateway?id=gw-1');
    const events = peer!.frames.filter(({ type }) => type === 'message' || type === 'status');
    expect(jsonLines(stdout).at(-1)).toEqual({ sent: events.length, refused: 0 });
    expect(new Set(events.map(({ device }) => device))).toEqual(new Set(['g-001', 'g-002', 'g-003']));
    const goodbyes = peer!.frames.filter(({ op }) => op === 'close').map(({ device }) => device);
    expect(new Set(goodbyes)).toEqual(new Set(['g-001', 'g-002', 'g-003']));
  });

  it('leaves a device alone that connected elsewhere', async () => {
    let isTaken = false;
    let hasRead = false;
    const after: unknown[] = [];
    let others = 0;
    const { url } = await fakeListener(
      (peer) => peer.send(welcome),
      ({ device, op }, peer) => {
        if (hasRead && device === 'g-002') after.push(op ?? 'event');
        if (hasRead && device !== 'g-002' && op === undefined) others += 1;
        if (isTaken || device !== 'g-002') return;
        isTaken = true;
        peer.send({ op: 'closed', device: 'g-002', code: 4004 });
        // What it sent before it has read that is on its way until then.
        void peer.hasRead().then(() => {
          hasRead = true;
        });
      },
    );
    const running = start([...args, '--device-url', url]);
    await eventually('the others go on', () => others > 20);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('a device connected elsewhere');
    expect(after).not.toContain('event');
  });

  it('comes back when the connection was lost, and counts what is refused', async () => {
    let dropped = false;
    const { url, peers } = await fakeListener(
      (peer) => {
        peer.send(welcome);
        peer.send({ op: 'error', code: 103, device: 'g-001', message: 'not for this gateway' });
      },
      (_frame, peer) => {
        if (!dropped) void peer.hasRead().then(() => peer.drop());
        dropped = true;
      },
    );
    const running = start([...args, '--json', '--device-url', url]);
    await eventually('it sends again', () => peers.length === 2 && peers[1]!.frames.length > 0);
    await peers[1]!.hasRead();
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ refused: 2 });
    expect(stderr).toContain('not for this gateway');
  });

  describe('beside a hub', () => {
    const hub = useHub({});

    it('brings the fleet online on one connection, and offline when it ends', async () => {
      const running = start([...args, '--json'], portsOf(hub));
      const ids = ['g-001', 'g-002', 'g-003'];
      await eventually('all are online', async () => {
        const entries = await Promise.all(ids.map((id) => hub.deviceEntry(id)));
        return entries.every((entry) => entry?.state === 'online' && entry.gateway === 'gw-1');
      });
      expect((await hub.metrics()).value('dat_connections', { role: 'gateway' })).toBe(1);
      running.child.kill('SIGINT');
      const { code, stdout, stderr } = await running.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(jsonLines(stdout).at(-1)).toMatchObject({ refused: 0 });
      await eventually('all are offline', async () => {
        const entries = await Promise.all(ids.map((id) => hub.deviceEntry(id)));
        return entries.every((entry) => entry?.state === 'offline');
      });
    });

    it('leaves a device to its own connection', async () => {
      const running = start([...args, '--json'], portsOf(hub));
      await eventually('it is online', async () => (await hub.deviceEntry('g-002'))?.gateway === 'gw-1');
      const device = await hub.device('g-002');
      await eventually('the gateway tells', () =>
        running.out.stderr.includes('a device connected elsewhere'),
      );
      await device.message('still mine');
      running.child.kill('SIGINT');
      expect((await running.ended).code).toBe(0);
      expect(await hub.deviceEntry('g-002')).toMatchObject({ state: 'online' });
    });

    it('says that there is no such listener where there is none', async () => {
      const url = `ws://127.0.0.1:${hub.process.subscriberPort}`;
      expect(await dat([...args, '--device-url', url])).toMatchObject({ code: 69 });
      expect(await dat([...args, '--seconds', '1', '--id', 'ä'], portsOf(hub))).toMatchObject({ code: 64 });
    });
  });
});
