/** Whether this host can run the uws transport at all; asked in a process of its own, without the hub. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const names = ['uWebSockets.js-next', 'uWebSockets.js'] as const;

export function uwsLoads(): boolean {
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  return names.some(
    (name) => spawnSync(process.execPath, ['-e', `require('${name}')`], { cwd }).status === 0,
  );
}
