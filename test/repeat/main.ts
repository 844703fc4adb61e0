/**
 * `npm run test:repeat -- --times 10 [FILE…]`: runs the suite again and again beside two busy loops, each time with
 * another seed, and lists the tests that ever failed, and why. A test that passes by luck stands in that list sooner or later.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type Report, type Run, runOf, tally } from './failures.ts';

const BUSY_LOOPS = 2;
/** Twice as many as in `npm test`: tests meet more load, and ten runs take less time beside the loops. */
const FILES_AT_A_TIME = 10;

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
const runs: Run[] = [];
for (let run = 1; run <= times; run++) {
  const { ran, failures } = await runOnce(join(folder, `${run}.json`));
  runs.push({ ran, failures });
  console.log(`run ${run} of ${times}: ${ran} tests ran, ${failures.length} failed`);
}
await Promise.all(loops.map((loop) => loop.terminate()));
rmSync(folder, { recursive: true });
const failed = tally(runs);
for (const line of failed) console.error(line);
console.log(failed.length === 0 ? 'no test ever failed' : `${failed.length} failed at least once`);
process.exit(failed.length === 0 ? 0 : 1);

async function runOnce(file: string): Promise<Run> {
  const reporting = ['--reporter=json', `--outputFile=${file}`];
  // Vitest's option --maxWorkers does not reach the projects of vitest.config.ts; its variable does.
  const env = { ...process.env, TEST_SEED: 'random', VITEST_MAX_WORKERS: String(FILES_AT_A_TIME) };
  const child = spawn('npx', ['vitest', 'run', ...reporting, ...positionals], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  const exitCode = await new Promise<number | null>((ended) => child.once('close', ended));
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
  return runOf(report, exitCode, process.cwd());
}
