/**
 * With no descriptor left a snapshot's thread could not start, which ended the hub, with exit code 0; and an owner that
 * died was tried again five times within 33 ms. Connections cannot use up what the hub keeps back for threads, so these
 * tests lower its limit below that.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { KeptConnection } from '../support/kept-connection.ts';
import { Device } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Leaves the hub no descriptor, not even those that it keeps back. A thread that ends afterwards leaves some again.
 * @param but leaves it so many; a thread takes eight
 * @returns what lifts the limit again
 */
function useUp({ pid }: HubProcess, but = 0): () => void {
  const directory = `/proc/${pid}/fd`;
  const isUsed = (fd: number): boolean => {
    try {
      return fd < 3 || readlinkSync(`${directory}/${fd}`) !== '/dev/null';
    } catch {
      return false;
    }
  };
  let firstFree = 0;
  while (isUsed(firstFree)) firstFree += 1;
  const soft = (limit: string): unknown => execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${limit}:`]);
  const before = execFileSync('prlimit', [`--pid=${pid}`, '--nofile', '--noheadings', '--output=SOFT'], {
    encoding: 'utf8',
  });
  soft(String(firstFree + but));
  return () => soft(before.trim());
}

async function hubOn(env: Record<string, string>): Promise<{ hub: HubProcess; admin: KeptConnection }> {
  const hub = await startHub({ ...calm, DAT_TRANSPORT: 'ws', ...env });
  onTestFinished(() => hub.kill());
  const admin = new KeptConnection(hub.adminPort);
  onTestFinished(() => admin.close());
  expect((await admin.ask('GET', '/readyz')).status).toBe(200);
  return { hub, admin };
}

describe('a hub without a descriptor left', () => {
  it('counts the snapshots that it cannot write, serves on, and writes the last one', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const { hub, admin } = await hubOn({ DAT_SNAPSHOT_FILE: file, DAT_SNAPSHOT_INTERVAL_MS: '100' });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    const failures = async () => (await admin.metrics()).value('dat_snapshot_failures_total');
    const before = await failures();
    await eventually('several snapshots have failed', async () => {
      useUp(hub);
      return (await failures()) >= before + 3;
    });
    expect(await device.message('still here')).toMatchObject({ op: 'ack' });
    expect(hub.stderr()).toContain('a snapshot could not be written');
    useUp(hub, 4); // enough for a file, which main writes itself
    expect(await hub.stop(), hub.stderr().slice(-3000)).toBe(0);
    expect(existsSync(file)).toBe(true);
  });

  it('starts its owner anew as soon as it can, not five times at once', async () => {
    const { hub, admin } = await hubOn({ DAT_FAULT_INJECTION: 'true' });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    const free = useUp(hub);
    expect((await admin.ask('POST', '/v1/faults', { thread: 'owner', how: 'terminate' })).status).toBe(200);
    const tries = () => hub.stderr().split('the owner thread died').length - 1;
    // More than a crash may cost, each after a longer pause, and it is still there.
    await eventually('it was tried more than five times', () => tries() > 6);
    expect((await admin.ask('GET', '/readyz')).status).toBe(503);
    free();
    await eventually('the hub is ready', async () => (await admin.ask('GET', '/readyz')).status === 200);
    expect(await device.message('after')).toMatchObject({ op: 'ack' });
    expect(await hub.stop()).toBe(0);
  });
});
