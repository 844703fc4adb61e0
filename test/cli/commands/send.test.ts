import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../../conformance/harness.ts';
import { dat, portsOf } from '../run.ts';

describe('dat send', () => {
  const hub = useHub({});

  it('says when nobody follows the device, and how JSON looks', async () => {
    const id = uniqueId('dev');
    expect(await dat(['send', id, '1'], portsOf(hub))).toMatchObject({
      code: 0,
      stdout: `skipped: nobody follows ${id}\n`,
    });
    const { code, stderr } = await dat(['send', id, 'hello'], portsOf(hub));
    expect(code).toBe(64);
    expect(stderr).toBe(`dat: not JSON: hello; a text needs quotes: '"hello"'\n`);
  });

  it('publishes a status where one is given, and refuses what contradicts itself', async () => {
    const { dev, subscriber } = await hub.pair();
    const sent = await dat(['send', dev, '--status', 'hot', '--operator'], portsOf(hub));
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringContaining(`sent as ${dev}`) });
    expect(await subscriber.frames.next(({ status }) => status === 'hot')).toMatchObject({ type: 'status' });
    for (const args of [
      ['--status', 'hot', '--type', 'pong'],
      ['--type', 'status'],
      ['--status', ''],
      ['--status', 'x'.repeat(65)],
    ])
      expect(await dat(['send', dev, ...args], portsOf(hub))).toMatchObject({ code: 64 });
  });

  it('leaves a connected device alone as an operator, and replaces it otherwise', async () => {
    const { dev, device, subscriber } = await hub.pair();
    expect((await dat(['send', dev, '1', '--operator'], portsOf(hub))).code).toBe(0);
    await subscriber.frames.next(({ data }) => data === 1);
    expect((await device.message(2)).skipped).toBeUndefined();
    expect((await dat(['send', dev, '3'], portsOf(hub))).code).toBe(0);
    expect((await device.closed).code).toBe(4004);
  });
});
