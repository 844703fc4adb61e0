import { describe, expect, it } from 'vitest';
import type { Result, Session } from '../../bench/load/results.ts';
import { checkMergeable, mergeSessions, readSession } from '../../bench/load/session.ts';
import { machineLine } from '../../src/cli/bench/host.ts';

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

  it('is refused where that one is of another machine, or of another Node', () => {
    const older = { ...sessionOf('first', { board: 1 }), machine: machineLine(), node: process.version };
    expect(() => checkMergeable(older, 'a.json')).not.toThrow();
    expect(() => checkMergeable({ ...older, machine: '64 cores' }, 'a.json')).toThrow(
      '--onto a.json: it is of 64',
    );
    expect(() => checkMergeable({ ...older, node: 'v1.0.0' }, 'a.json')).toThrow('Node v1.0.0');
  });

  it('is read with figures that there were none of', () => {
    const [result] = readSession(JSON.stringify(sessionOf('first', { board: 1 / 0 }))).results;
    expect(result?.cpuUs).toBeNaN();
  });
});
