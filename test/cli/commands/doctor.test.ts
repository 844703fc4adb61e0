import { describe, expect, it } from 'vitest';
import { dat, jsonLines } from '../run.ts';

describe('dat doctor', () => {
  it('names what it looked at, and a fix for all that is not good', async () => {
    const findings = jsonLines((await dat(['doctor', '--json'])).stdout);
    expect(findings.map(({ name }) => name)).toContain('transport');
    for (const { state, mend } of findings)
      expect(typeof mend).toBe(state === 'good' ? 'undefined' : 'string');
  });
});
