/**
 * A hub that was restored and could not write its first snapshot left the one of the hub before it in place, which says
 * that the numbering goes on. When the hub was killed, the next one gave numbers of the same epoch twice.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { calm, type DeviceEntry } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Device } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function start(file: string): Promise<HubProcess> {
  const history = { DAT_HISTORY_BYTES: '1048576' };
  const env = { DAT_SNAPSHOT_FILE: file, DAT_SNAPSHOT_INTERVAL_MS: '0', DAT_FANOUT_WORKERS: '0' };
  const hub = await startHub({ ...calm, ...history, ...env });
  onTestFinished(() => hub.kill());
  return hub;
}

/** Publishes as dev-1. @returns the epoch of its numbers */
async function epochOf(hub: HubProcess): Promise<string> {
  const device = await Device.connect(hub.devicePort, '?id=dev-1');
  await device.welcome();
  await device.message('one more');
  const { body } = await admin(hub.adminPort, 'GET', '/v1/devices/dev-1');
  return (body as DeviceEntry).epoch;
}

it('begins anew after a crash, though no snapshot could be written before it', async () => {
  const file = join(temporaryDirectory(), 'snapshot');
  const first = await start(file);
  const epoch = await epochOf(first);
  const { status } = await admin(first.adminPort, 'PUT', '/v1/devices/dev-1/subscribers/s-2', {
    body: { status: 'deny' },
  });
  expect([status, await first.stop()]).toEqual([200, 0]);

  mkdirSync(`${file}.tmp`); // in the way of what is written
  const second = await start(file);
  expect(second.stderr()).toContain('a snapshot could not be written');
  expect(await epochOf(second)).toBe(epoch);
  await second.kill();
  rmSync(`${file}.tmp`, { recursive: true });

  const third = await start(file);
  expect(await epochOf(third)).not.toBe(epoch);
  const { body } = await admin(third.adminPort, 'GET', '/v1/devices/dev-1/subscribers');
  expect(body).toMatchObject({ subscribers: [{ subscriber: 's-2', status: 'deny' }] });
});
