/** A hub whose last snapshot could not be written ended with 0, as if nothing was lost. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { startHub } from '../support/hub-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

it.each(['0', '1'])('ends with 74 (fan-out workers: %s)', async (workers) => {
  const directory = join(temporaryDirectory(), 'state');
  mkdirSync(directory);
  const env = { DAT_SNAPSHOT_FILE: join(directory, 'snapshot'), DAT_SNAPSHOT_INTERVAL_MS: '0' };
  const hub = await startHub({ ...calm, ...env, DAT_FANOUT_WORKERS: workers });
  rmSync(directory, { recursive: true });
  expect(await hub.stop()).toBe(74);
  expect(hub.stderr()).toContain('a snapshot could not be written');
});
