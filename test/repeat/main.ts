/**
 * `npm run test:repeat -- --times 10 [FILE…]`: runs the suite again and again beside two busy loops, each time with
 * another seed, and lists the tests that ever failed. A test that passes by luck stands in that list sooner or later.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { failuresOf, type Report, tally } from './failures.ts';

const BUSY_LOOPS = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { times: { type: 'string', default: '10' } },
});
const times = Number(values.times);
if (!Number.isSafeInteger(times) || times < 1) {
  console.error(`--times: given ${values.times}, accepted is a whole number above 0`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'dat-repeat-'));
const loops = Array.from({ length: BUSY_LOOPS }, () => new Worker('for (;;);', { eval: true }));
const runs: string[][] = [];
for (let run = 1; run <= times; run++) {
  const failures = await runOnce(join(folder, `${run}.json`));
  runs.push(failures);
  console.log(`run ${run} of ${times}: ${failures.length} failed`);
}
await Promise.all(loops.map((loop) => loop.terminate()));
rmSync(folder, { recursive: true });
const failed = tally(runs);
for (const line of failed) console.error(line);
console.log(failed.length === 0 ? 'no test ever failed' : `${failed.length} tests failed at least once`);
process.exit(failed.length === 0 ? 0 : 1);

/** @returns the failed tests; throws when the run wrote no report */
async function runOnce(report: string): Promise<string[]> {
  const args = ['vitest', 'run', '--reporter=json', `--outputFile=${report}`, ...positionals];
  const child = spawn('npx', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TEST_SEED: 'random' },
  });
  await new Promise((ended) => child.once('close', ended));
  return failuresOf(JSON.parse(readFileSync(report, 'utf8')) as Report, process.cwd());
}
