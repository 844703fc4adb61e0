/** A drain whose time a reload had raised was cut off after the time that the hub had started with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { endMsMax } from '../../src/supervise/end.ts';
import { calm } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { startHub } from '../support/hub-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Has the process tell of timers that no part of it but the end of the hub sets. */
const tellLongTimers = `
  const set = globalThis.setTimeout;
  globalThis.setTimeout = (work, ms, ...rest) => {
    if (ms > 400_000) process.stderr.write(JSON.stringify({ msg: 'timer', ms }) + '\\n');
    return set(work, ms, ...rest);
  };`;

it('may take as long as the settings in force say', async () => {
  const file = join(temporaryDirectory(), 'dat.json');
  writeFileSync(file, JSON.stringify({ drainTimeoutMs: 0 }));
  const hub = await startHub({
    ...calm,
    DAT_CONFIG: file,
    DAT_FANOUT_WORKERS: '0',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tellLongTimers)}`,
  });
  onTestFinished(() => hub.kill());
  const drainTimeoutMs = 600_000;
  writeFileSync(file, JSON.stringify({ drainTimeoutMs }));
  expect((await admin(hub.adminPort, 'POST', '/v1/reload')).body).toMatchObject({
    changed: ['drainTimeoutMs'],
  });
  expect(await hub.stop()).toBe(0);
  expect(hub.logs).toContainEqual({ msg: 'timer', ms: endMsMax({ drainTimeoutMs }) });
});
