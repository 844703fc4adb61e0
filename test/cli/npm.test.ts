/** The hub as npm starts it, ended by a signal to npm alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { DAT } from './run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PORTS = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };

/** Starts a hub through npm. @returns npm's process and the hub's admin port */
async function startWithNpm(args: readonly string[], cwd: string): Promise<[ChildProcess, number]> {
  // As from a terminal: whoever runs this test may be an npm script too.
  const env = Object.entries(process.env).filter(([name]) => !/^(npm_|DAT_)/i.test(name));
  const npm = spawn('npm', args, {
    cwd,
    env: { ...Object.fromEntries(env), ...PORTS },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  onTestFinished(() => {
    try {
      process.kill(-npm.pid!, 'SIGKILL'); // what a failed test has left of the group
    } catch {}
  });
  const { adminPort } = await new Promise<{ adminPort: number }>((resolve, reject) => {
    createInterface(npm.stderr!).on('line', (text) => {
      if (text.includes('"listening"')) resolve(JSON.parse(text));
    });
    npm.once('exit', (code) => reject(new Error(`npm ended with ${code}`)));
  });
  return [npm, adminPort];
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/livez`).then(
    () => true,
    () => false,
  );

describe('a hub that npm started', () => {
  it('drains before npm ends, when npm start is killed', async () => {
    const [npm, adminPort] = await startWithNpm(['start', '--ignore-scripts'], ROOT);
    expect(await answers(adminPort)).toBe(true);
    npm.kill('SIGTERM');
    const [code] = await once(npm, 'exit');
    expect(code).toBe(0);
    expect(await answers(adminPort)).toBe(false);
  });

  it('ends soon after npx was killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dat-npx-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const bin = join(folder, 'node_modules/.bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'dat'), `#!/bin/sh\nexec "${process.execPath}" "${DAT}" "$@"\n`);
    chmodSync(join(bin, 'dat'), 0o755);
    const [npm, adminPort] = await startWithNpm(['exec', '--no', 'dat', 'serve'], folder);
    npm.kill('SIGTERM');
    await eventually('the hub has ended', async () => !(await answers(adminPort)));
  });
});
