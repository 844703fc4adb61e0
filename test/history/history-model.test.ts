import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.ts';
import { CAPACITY, carryOut, operation, Run } from './history-model.ts';

describe('a history over any sequence of operations', () => {
  it('tells every event since a seq, itself or as a gap, and keeps the newest message and status of each device', () => {
    let wrapped = 0;
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const run = new Run();
        for (let n = 0; n < 3; n++) run.connect();
        for (const op of operations) carryOut(run, op);
        run.checkAll();
        if (run.appended > CAPACITY) wrapped += 1;
      }),
      { numRuns: runs(150) },
    );
    expect(wrapped, 'runs that filled the log').toBeGreaterThan(runs(20));
  });
});
