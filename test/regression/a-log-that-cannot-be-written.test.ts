/** A full disk under the log, or a reader of it that has gone, ended the hub. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'))),
  DAT_DEVICE_PORT: '0',
  DAT_SUBSCRIBER_PORT: '0',
  DAT_ADMIN_PORT: '0',
};

/** @param full which of stdout and stderr is on a full disk */
function startWith(full: 1 | 2) {
  const disk = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [MAIN], {
    env,
    stdio: ['ignore', full === 1 ? disk : 'pipe', full === 2 ? disk : 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function adminPortIn(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return eventually('the hub tells its ports', () => pattern.exec(text)?.[1]);
}

it('costs lines, not the hub', async () => {
  const hub = startWith(2);
  const port = await adminPortIn(hub.stdout, /admin +http:\/\/[\d.]+:(\d+)/);
  const { status, body } = await fetch(`http://127.0.0.1:${port}/livez`).then(async (answer) => ({
    status: answer.status,
    body: await answer.text(),
  }));
  expect([status, body]).toEqual([200, '{"status":"ok"}']);
  hub.kill('SIGTERM');
  expect(await once(hub, 'exit')).toEqual([0, null]);
});

it('is no more to the hub than a terminal that is full', async () => {
  const hub = startWith(1);
  const port = await adminPortIn(hub.stderr, /"adminPort":(\d+)/);
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  hub.kill('SIGTERM');
  expect(await once(hub, 'exit')).toEqual([0, null]);
});
