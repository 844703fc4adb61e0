import { describe, expect, it } from 'vitest';
import { type Report, type Run, runOf, tally } from './failures.ts';

const report: Report = {
  testResults: [
    {
      name: '/hub/test/a.test.ts',
      status: 'passed',
      message: '',
      assertionResults: [
        { fullName: 'a is', status: 'passed', failureMessages: [] },
        { fullName: 'a may be', status: 'skipped', failureMessages: [] },
      ],
    },
    {
      name: '/hub/test/b.test.ts',
      status: 'failed',
      message: '',
      assertionResults: [
        { fullName: 'b is', status: 'passed' },
        {
          fullName: 'b does',
          status: 'failed',
          failureMessages: ['expected 1 to be 2\n    at b.test.ts:7', 'late'],
        },
        { fullName: 'b says', status: 'failed', failureMessages: null },
      ],
    },
    { name: '/hub/test/c.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
  ],
};
const passed: Report = { testResults: report.testResults.slice(0, 1) };

describe('a run of the suite', () => {
  it('tells how many tests ran, and which failed and why, or the file where no test could run', () => {
    expect(runOf(report, 1, '/hub')).toEqual({
      ran: 4,
      failures: [
        { test: 'test/b.test.ts > b does', message: 'expected 1 to be 2\n    at b.test.ts:7\nlate' },
        { test: 'test/b.test.ts > b says', message: '' },
        { test: 'test/c.test.ts', message: 'no such module' },
      ],
    });
    expect(runOf(passed, 0, '/hub')).toEqual({ ran: 1, failures: [] });
  });

  it.each<readonly [string, Report | undefined, number | null, number, string]>([
    ['wrote no report', undefined, null, 0, 'vitest ended with null and wrote no report'],
    ['ran no file', { testResults: [] }, 0, 0, 'no test ran'],
    ['found every test skipped', skipped(passed), 0, 0, 'no test ran'],
    ['ended badly outside of its tests', passed, 1, 1, 'vitest ended with 1, though no test failed'],
  ])('has failed where it %s', (_, of, exitCode, ran, message) => {
    expect(runOf(of, exitCode, '/hub')).toEqual({ ran, failures: [{ test: 'the run itself', message }] });
  });
});

function skipped({ testResults }: Report): Report {
  return {
    testResults: testResults.map((file) => ({
      ...file,
      assertionResults: file.assertionResults.map((result) => ({ ...result, status: 'skipped' })),
    })),
  };
}

describe('the failures of all runs', () => {
  const run = (...failures: (readonly [test: string, message: string])[]): Run => ({
    ran: 9,
    failures: failures.map(([test, message]) => ({ test, message })),
  });

  it('are counted, the most frequent first, each with why it failed first', () => {
    const runs = [run(['a', 'early']), run(), run(['b', 'once\n\n  at b.ts:3'], ['a', 'late'])];
    expect(tally(runs)).toEqual(['2 of 3: a\n    early', '1 of 3: b\n    once\n      at b.ts:3']);
    expect(tally([run(), run()])).toEqual([]);
  });

  it('count once per run, also where two tests of a file have one name', () => {
    expect(tally([run(['a', 'one'], ['a', 'other'])])).toEqual(['1 of 1: a\n    one']);
  });

  it('are told in a few lines, however long they are', () => {
    const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`);
    const stack = '    at file:///hub/node_modules/vitest/runner.js:1:1';
    expect(tally([run(['a', [stack, ...lines].join('\n')])])).toEqual([
      ['1 of 1: a', ...lines.slice(0, 6).map((line) => `    ${line}`)].join('\n'),
    ]);
  });
});
