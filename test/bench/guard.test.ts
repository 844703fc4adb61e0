import { describe, expect, it } from 'vitest';
import { dearer, guardLine } from '../../bench/load/guard-verdict.ts';
import type { Result } from '../../bench/load/results.ts';

function result(peer: 'now' | 'then', cpuUsOfRuns: readonly number[], lost = 0): Result {
  const none = { duplicated: 0, disordered: 0, connectionsLost: 0 };
  return { shape: 'board', peer, cpuUsOfRuns, lost, ...none } as unknown as Result;
}

describe('the guard against dearer loads', () => {
  it('compares round by round, so that a host that slows down says nothing', () => {
    const [verdict] = dearer([result('now', [1, 2, 4]), result('then', [1, 2, 4])], 5);
    expect(verdict).toMatchObject({ shape: 'board', ratio: 1, ok: true });
    expect(guardLine(verdict!)).toMatch(/^ok {3}board +CPU 1\.000 × \(1\.000 to 1\.000; at most 1\.05\)$/);
  });

  it('fails beyond what a load may cost, not below it', () => {
    const then = result('then', [10, 10, 10]);
    expect(dearer([result('now', [10.4, 10.4, 10.4]), then], 5)[0]?.ok).toBe(true);
    expect(dearer([result('now', [10.6, 10.6, 10]), then], 5)[0]).toMatchObject({ ok: false, ratio: 1.06 });
  });

  it('fails when events were lost, however cheap the load was', () => {
    const [verdict] = dearer([result('now', [1], 3), result('then', [2])], 5);
    expect(verdict).toMatchObject({ ok: false, wrong: 3 });
    expect(guardLine(verdict!)).toMatch(/^MISS .*3 events lost/);
  });
});
