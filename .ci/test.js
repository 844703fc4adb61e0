/**
 * Runs the test command. Files that failed run once more, alone: a test that fails beside others and passes alone is named
 * as flaky, and is to be mended (`npm run test:repeat` finds what it depends on). More than MOST_AGAIN failed files are no
 * luck, and are not run again. The last line holds the counts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const MOST_AGAIN = 3;
const folder = mkdtempSync(join(tmpdir(), 'ci-'));

/** @returns {{ status: number, report: any }} how the run ended, and Vitest's report */
function run(name, files) {
  const output = join(folder, `${name}.json`);
  const args = [
    'test',
    '--',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${output}`,
    ...files,
  ];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  return { status: status ?? 1, report: JSON.parse(readFileSync(output, 'utf8')) };
}

const first = run('first', []);
let { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = first.report;
let { status } = first;
const suspects = first.report.testResults.filter((file) => file.status === 'failed');
// A run that failed without a failed file met an error outside of all tests: nothing to run again.
if (status !== 0 && suspects.length > 0 && suspects.length <= MOST_AGAIN) {
  const files = suspects.map((file) => relative(process.cwd(), file.name));
  console.log(`\nonce more, alone: ${files.join(', ')}`);
  const second = run('second', files);
  status = second.status;
  if (status === 0) console.log(`flaky, to be mended: ${files.join(', ')}`);
  const before = suspects.flatMap((file) => file.assertionResults.map((test) => test.status));
  const count = (...states) => before.filter((status) => states.includes(status)).length;
  passed += second.report.numPassedTests - count('passed');
  failed += second.report.numFailedTests - count('failed');
  skipped += second.report.numPendingTests - count('pending', 'skipped');
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = status;
