/** `dat bench` as a process, which the benches of the cluster load their hubs with. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadTarget } from '../../src/cli/bench/messages.ts';
import type { Result } from '../../src/cli/bench/result.ts';
import { removeAtEnd } from '../peers/leave-nothing.ts';

const DAT = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** What a load gave that delivered something. */
export interface Delivered extends Result {
  readonly p50: number;
  readonly p99: number;
}

/**
 * Plays a load.
 * @param args options of `dat bench`, but for the addresses
 * @throws with what it said when there is no result, or nothing was delivered
 */
export async function datBench(
  { deviceUrl, subscriberUrl }: Pick<LoadTarget, 'deviceUrl' | 'subscriberUrl'>,
  args: readonly string[],
): Promise<Delivered> {
  const urls = ['--device-url', deviceUrl, '--subscriber-url', subscriberUrl];
  const child = spawn(process.execPath, [DAT, 'bench', '--json', ...args, ...urls], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = removeAtEnd(() => void child.kill());
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  }).finally(kill);
  const last = said.stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`dat bench gave no result:\n${said.stdout}${said.stderr}`);
  const result = JSON.parse(last) as Result;
  if (result.p50 === null) throw new Error(`nothing was delivered:\n${said.stderr}`);
  return result as Delivered;
}

/** Deliveries that did not come as they should, and connections that ended: there must be none. */
export const wrongOf = ({ lost, doubled, disordered, cutOff }: Result): number =>
  lost + doubled + disordered + cutOff;
