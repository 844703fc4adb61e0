import { describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { dat, portsOf } from '../run.ts';

describe('the commands of operators', () => {
  const hub = useHub({});

  it('show who follows a device, and change it', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const env = portsOf(hub);
    const who = await dat(['who', dev], env);
    expect(who.code).toBe(0);
    expect(who.stdout).toMatch(new RegExp(`${sub} +active +connected +\\d+ (s|min) ago\n`));
    for (const row of who.stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(80);
    const steps = [
      [['pause', dev, sub], `${dev} × ${sub}: inactive (paused)`],
      [['activate', dev, sub], `${dev} × ${sub}: active`],
      [['vip', dev, sub], `${dev} × ${sub}: active, vip`],
      [['no-vip', dev, sub], `${dev} × ${sub}: active`],
      [['deny', dev, sub], `${dev} × ${sub}: deny`],
    ] as const;
    for (const [args, expected] of steps)
      expect(await dat(args, env)).toMatchObject({ code: 0, stdout: `${expected}\n` });
    expect((await dat(['who', dev, '--json'], env)).stdout).toContain('"status":"deny"');
    expect((await dat(['allow', dev, sub], env)).code).toBe(0);
    expect(await dat(['kick', sub], env)).toMatchObject({ code: 0, stdout: `${sub}: kicked\n` });
    expect((await subscriber.closed).code).toBe(4005);
  });

  it('terminate a device, and say in one line that it does not exist then', async () => {
    const { dev } = await hub.pair();
    const env = portsOf(hub);
    expect((await dat(['terminate', dev], env)).code).toBe(0);
    const gone = await dat(['who', dev], env);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toMatch(/^dat: .+\n$/);
  });
});
