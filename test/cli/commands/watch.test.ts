import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { dat, jsonLines, portsOf, start } from '../run.ts';

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
});
