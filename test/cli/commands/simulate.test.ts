import { describe, expect, it, onTestFinished } from 'vitest';
import { TestHub, uniqueId, useHub } from '../../conformance/harness.ts';
import { dat, jsonLines, portsOf } from '../run.ts';

describe('dat simulate', () => {
  const hub = useHub({});

  it('runs a fleet for as long as it is told', async () => {
    const prefix = uniqueId('sim');
    const args = ['simulate', '--devices', '5', '--rate', '20', '--seconds', '2', '--prefix', prefix];
    const { code, stdout } = await dat([...args, '--json'], portsOf(hub));
    expect(code).toBe(0);
    const { sent } = jsonLines(stdout).at(-1) as { sent: number };
    expect(sent).toBeGreaterThan(20);
    const received = (await hub.metrics()).value('dat_events_received_total');
    expect(received).toBeGreaterThanOrEqual(20);
  });

  it('counts what the hub refuses, and says why once', async () => {
    const args = ['simulate', '--devices', '1', '--rate', '1', '--seconds', '1'];
    expect(await dat([...args, '--prefix', 'a b'], portsOf(hub))).toMatchObject({ code: 64 });
    const limited = new TestHub({ DAT_DEVICE_RATE: '10', DAT_DEVICE_BURST: '10' });
    await limited.start();
    onTestFinished(() => limited.end());
    const fast = ['simulate', '--devices', '1', '--rate', '60', '--seconds', '2', '--json'];
    const { code, stdout, stderr } = await dat(fast, portsOf(limited));
    expect(code).toBe(0);
    const { refused } = jsonLines(stdout).at(-1) as { refused: number };
    expect(refused).toBeGreaterThan(1);
    expect(stderr.match(/10 events per second/g)).toHaveLength(1);
  });
});
