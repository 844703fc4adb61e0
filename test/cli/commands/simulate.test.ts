import { describe, expect, it, onTestFinished } from 'vitest';
import { TestHub, uniqueId, useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { dat, jsonLines, portsOf, start } from '../run.ts';

const received = async (hub: TestHub): Promise<number> =>
  (await hub.metrics()).value('dat_events_received_total');

describe('dat simulate', () => {
  const hub = useHub({});

  it('runs a fleet for as long as it is told', async () => {
    const startedAt = performance.now();
    const args = ['simulate', '--devices', '5', '--rate', '20', '--seconds', '2'];
    const { code, stdout } = await dat([...args, '--prefix', uniqueId('sim'), '--json'], portsOf(hub));
    expect(code).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(2000);
    const { sent } = jsonLines(stdout).at(-1) as { sent: number };
    await eventually('the hub has had all of them', async () => (await received(hub)) === sent);
  });

  it('goes on until Ctrl-C', async () => {
    const before = await received(hub);
    const args = ['simulate', '--devices', '5', '--rate', '20', '--prefix', uniqueId('sim')];
    const running = start(args, portsOf(hub));
    await eventually('events come', async () => (await received(hub)) > before + 20);
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
  });

  it('speaks MQTT, over WebSocket and TCP', async () => {
    const own = new TestHub({ DAT_MQTT_PORT: '0' });
    await own.start();
    onTestFinished(() => own.end());
    for (const where of [[], [`mqtt://127.0.0.1:${own.process.mqttPort}`]]) {
      const before = await received(own);
      const args = ['simulate', '--devices', '3', '--rate', '20', '--json', '--mqtt', ...where];
      const running = start(args, portsOf(own));
      await eventually('events come', async () => (await received(own)) > before + 10);
      running.child.kill('SIGINT');
      const { code, stdout } = await running.ended;
      expect(code).toBe(0);
      const { sent, refused } = jsonLines(stdout).at(-1) as { sent: number; refused: number };
      expect(refused).toBe(0);
      await eventually('the hub has had all of them', async () => (await received(own)) === before + sent);
    }
  });

  it('says why it cannot connect over MQTT', async () => {
    const closed = await dat(['simulate', '--mqtt', 'mqtt://127.0.0.1:1'], portsOf(hub));
    expect(closed.code).toBe(69);
    expect(closed.stderr).toContain('ECONNREFUSED');
    expect(await dat(['simulate', '--mqtt', 'http://127.0.0.1'], portsOf(hub))).toMatchObject({ code: 64 });
  });

  it('counts what the hub refuses, and says why once', async () => {
    const args = ['simulate', '--devices', '1', '--rate', '1', '--seconds', '1'];
    expect(await dat([...args, '--prefix', 'a b'], portsOf(hub))).toMatchObject({ code: 64 });
    const limited = new TestHub({ DAT_DEVICE_RATE: '10', DAT_DEVICE_BURST: '10' });
    await limited.start();
    onTestFinished(() => limited.end());
    const running = start(['simulate', '--devices', '1', '--rate', '60', '--json'], portsOf(limited));
    const dropped = async (): Promise<number> =>
      (await limited.metrics()).value('dat_deliveries_dropped_total', { reason: 'rate' });
    await eventually('several are refused', async () => (await dropped()) > 5);
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    const { refused } = jsonLines(stdout).at(-1) as { refused: number };
    expect(refused).toBeGreaterThan(1);
    expect(stderr.match(/10 events per second/g)).toHaveLength(1);
  });
});
