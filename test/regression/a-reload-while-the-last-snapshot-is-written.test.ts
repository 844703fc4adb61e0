/**
 * A reload that set another interval while the hub ended, or after it, had snapshots written beside and after the last
 * one: to a file that could be the next hub's by then.
 */
import type { Logger } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { PresenceMemory } from '../../src/presence/memory.ts';
import { RuleKeeper } from '../../src/supervise/rule-keeper.ts';
import { Snapshots } from '../../src/supervise/snapshots.ts';
import { WAIT_MS } from '../support/waits.ts';

/** Each snapshot that was begun: ends it. */
const begun = vi.hoisted(() => [] as (() => void)[]);
vi.mock('../../src/supervise/thread.ts', () => ({
  runOnce: () => new Promise<void>((resolve) => begun.push(resolve)),
}));

const INTERVAL_MS = 1000;

function start(): Snapshots {
  const snapshots = new Snapshots({
    settings: { snapshotFile: 'snapshot', snapshotIntervalMs: 0, snapshotOnCorrupt: 'refuse' },
    presence: {} as PresenceMemory,
    rules: new RuleKeeper([], () => Promise.reject(new Error('no owner'))),
    writtenAtMs: undefined,
    logger: {} as Logger,
  });
  void snapshots.start();
  return snapshots;
}

beforeEach(() => {
  begun.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it('an interval that is set once the last snapshot was asked for has none written', async () => {
  const snapshots = start();
  snapshots.setIntervalMs(INTERVAL_MS);
  vi.advanceTimersByTime(INTERVAL_MS);
  expect(begun).toHaveLength(1);
  const finished = snapshots.finish();
  snapshots.setIntervalMs(INTERVAL_MS);
  begun[0]!();
  await vi.waitFor(() => expect(begun).toHaveLength(2), WAIT_MS); // the last
  begun[1]!();
  await finished;
  expect(snapshots.isLastLost).toBe(false);
  snapshots.setIntervalMs(INTERVAL_MS / 2);
  vi.advanceTimersByTime(10 * INTERVAL_MS);
  expect(begun).toHaveLength(2);
  expect(snapshots.figures().intervalMs).toBe(INTERVAL_MS / 2);
});
