/**
 * With no descriptor left a snapshot's thread could not start, which ended the hub, with exit code 0; and an owner that
 * died was tried again five times within 33 ms.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { KeptConnection } from '../support/kept-connection.ts';
import { Device } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const DESCRIPTORS = 128;

/** Opens connections that never say anything until the hub has no descriptor left. @returns what closes them */
async function useUp({ pid, devicePort }: HubProcess): Promise<() => void> {
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
  const silent: Socket[] = [];
  for (let n = 0; n < DESCRIPTORS; n++) silent.push(connect(devicePort, '127.0.0.1').on('error', () => {}));
  await eventually('they are accepted', () => {
    const used = execFileSync('ls', [`/proc/${pid}/fd`], { encoding: 'utf8' })
      .trim()
      .split('\n').length;
    return used >= DESCRIPTORS;
  });
  return () => {
    for (const socket of silent) socket.destroy();
  };
}

async function hubOn(env: Record<string, string>): Promise<{ hub: HubProcess; admin: KeptConnection }> {
  const hub = await startHub({ ...calm, DAT_TRANSPORT: 'ws', ...env });
  onTestFinished(() => hub.kill());
  const admin = new KeptConnection(hub.adminPort);
  onTestFinished(() => admin.close());
  expect((await admin.ask('GET', '/readyz')).status).toBe(200);
  return { hub, admin };
}

describe('a hub without a descriptor left', { timeout: 60_000 }, () => {
  it('counts the snapshots that it cannot write, serves on, and writes the last one', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const { hub, admin } = await hubOn({ DAT_SNAPSHOT_FILE: file, DAT_SNAPSHOT_INTERVAL_MS: '100' });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    await useUp(hub);
    const failures = async () => (await admin.metrics()).value('dat_snapshot_failures_total');
    const before = await failures();
    await eventually('several snapshots have failed', async () => (await failures()) >= before + 3);
    expect(await device.message('still here')).toMatchObject({ op: 'ack' });
    expect(hub.stderr()).toContain('a snapshot could not be written');
    expect(await hub.stop()).toBe(0);
    expect(existsSync(file)).toBe(true);
  });

  it('starts its owner anew as soon as it can, not five times at once', async () => {
    const { hub, admin } = await hubOn({ DAT_FAULT_INJECTION: 'true' });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.welcome();
    const free = await useUp(hub);
    expect((await admin.ask('POST', '/v1/faults', { thread: 'owner', how: 'terminate' })).status).toBe(200);
    const tries = () => hub.stderr().split('the owner thread died').length - 1;
    // More than a crash may cost, each after a longer pause, and it is still there.
    await eventually('it was tried more than five times', () => tries() > 6);
    expect((await admin.ask('GET', '/readyz')).status).toBe(503);
    free();
    await eventually(
      'the hub is ready',
      async () => (await admin.ask('GET', '/readyz')).status === 200,
      30_000,
    );
    expect(await device.message('after')).toMatchObject({ op: 'ack' });
    expect(await hub.stop()).toBe(0);
  });
});
