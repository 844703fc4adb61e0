import { describe, expect, it } from 'vitest';
import type { Result, Session } from '../../bench/load/results.ts';
import { mergeSessions } from '../../bench/load/session.ts';

function sessionOf(command: string, loads: Readonly<Record<string, number>>): Session {
  const results = Object.entries(loads).map(([shape, cpuUs]) => ({ shape, peer: 'dat', cpuUs }) as Result);
  return {
    at: '2026-01-01T00:00:00.000Z',
    machine: 'm',
    node: 'v20',
    command,
    results,
    missing: [{ shape: Object.keys(loads)[0]!, peer: 'ws', why: command }],
  };
}

describe('a session put onto an older one', () => {
  it('has its own loads, those that it did not play from the older one, and both commands', () => {
    const older = sessionOf('first', { board: 1, pairs: 2, hot: 3 });
    const merged = mergeSessions(sessionOf('second', { pairs: 7 }), older);
    expect(merged.results.map(({ shape, cpuUs }) => [shape, cpuUs])).toEqual([
      ['board', 1],
      ['hot', 3],
      ['pairs', 7],
    ]);
    expect(merged.missing.map(({ shape, why }) => [shape, why])).toEqual([
      ['board', 'first'],
      ['pairs', 'second'],
    ]);
    expect(merged.command).toBe('first; then second');
  });
});
