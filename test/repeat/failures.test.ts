import { describe, expect, it } from 'vitest';
import { failuresOf, tally } from './failures.ts';

const report = {
  testResults: [
    {
      name: '/hub/test/a.test.ts',
      status: 'passed',
      message: '',
      assertionResults: [{ fullName: 'a is', status: 'passed' }],
    },
    {
      name: '/hub/test/b.test.ts',
      status: 'failed',
      message: '',
      assertionResults: [
        { fullName: 'b is', status: 'passed' },
        { fullName: 'b does', status: 'failed' },
      ],
    },
    { name: '/hub/test/c.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
  ],
};

describe('the failures of a repeated suite', () => {
  it('are named by file and test, or by file where no test could run', () => {
    expect(failuresOf(report, '/hub')).toEqual(['test/b.test.ts > b does', 'test/c.test.ts']);
  });

  it('are counted over all runs, the most frequent first', () => {
    expect(tally([['a'], [], ['b', 'a']])).toEqual(['2 of 3: a', '1 of 3: b']);
    expect(tally([[], []])).toEqual([]);
  });
});
