/**
 * Random commands to a hub over real sockets, and to the model: after each, both have the same rows, and each subscriber
 * was told what the model says. MODEL_SECONDS for longer, MODEL_SEED to see the same again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calm, TestHub } from '../conformance/harness.ts';
import type { Env } from '../support/hub-process.ts';
import { testSeed } from '../support/seed.ts';
import { SECRET } from '../support/tokens.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { TEST_MS } from '../support/waits.ts';
import { Run } from './run.ts';
import type { Terms } from './world.ts';

const { MODEL_SECONDS, MODEL_SEED = testSeed(), MODEL_COMMANDS } = process.env;
const ADMIN_TOKEN = 'for-operators';
/** Of a run, where neither their number nor a time is given. */
const COMMANDS = 100;
/** Where timers are short, whatever is to expire is waited for. */
const TIMED_COMMANDS = 16;

const plain: Terms = {
  history: false,
  historyEvents: 0,
  defaultAccess: 'allow',
  claims: undefined,
  timers: false,
};
const withHistory: Env = { DAT_HISTORY_BYTES: String(4 * 1024 * 1024), DAT_HISTORY_EVENTS: '5' };
const kept = { history: true, historyEvents: 5 } as const;

interface Setup {
  readonly name: string;
  readonly terms: Terms;
  readonly transport: 'uws' | 'ws';
  readonly env: Env;
}

const setups: readonly Setup[] = [
  {
    name: 'without history, on uws with 2 workers',
    terms: plain,
    transport: 'uws',
    env: { DAT_FANOUT_WORKERS: '2' },
  },
  {
    name: 'with history and tokens, on uws with 1 worker',
    terms: {
      ...plain,
      ...kept,
      claims: {
        's-1': { devices: ['a.*', 'b.1'] },
        's-2': { devices: ['ab', 'b.9'], vip: true },
        's-3': { vip: true },
      },
    },
    transport: 'uws',
    env: {
      DAT_FANOUT_WORKERS: '1',
      DAT_AUTH_JWT_SECRET: SECRET,
      DAT_ADMIN_TOKEN: ADMIN_TOKEN,
      ...withHistory,
    },
  },
  {
    name: 'with history, where access is denied unless allowed, on ws',
    terms: { ...plain, ...kept, defaultAccess: 'deny' },
    transport: 'ws',
    env: { DAT_DEFAULT_ACCESS: 'deny', ...withHistory },
  },
  {
    name: 'with history and short timers, on uws without workers',
    terms: { ...plain, ...kept, timers: true },
    transport: 'uws',
    env: {
      DAT_FANOUT_WORKERS: '0',
      DAT_DEVICE_LEAVE_GRACE_MS: '50',
      DAT_DEVICE_REMOVE_AFTER_MS: '50',
      DAT_SUBSCRIBER_REMOVE_AFTER_MS: '3000',
      DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '3000',
      DAT_PING_INTERVAL_MS: '500',
      ...withHistory,
    },
  },
];

describe.each(setups)('the model of a hub $name', ({ terms, transport, env }) => {
  const skip = transport === 'uws' && !uwsLoads();
  const hub = new TestHub(
    { ...calm, ...env, DAT_TRANSPORT: transport },
    {},
    terms.claims === undefined ? undefined : ADMIN_TOKEN,
  );
  beforeAll(() => (skip ? undefined : hub.start()));
  afterAll(() => (skip ? undefined : hub.end()));

  const seconds = Number(MODEL_SECONDS ?? 0);
  const commands = Number(MODEL_COMMANDS ?? (terms.timers ? TIMED_COMMANDS : COMMANDS));
  const timeout = seconds * 1000 + TEST_MS * Math.max(1, commands / COMMANDS);
  it.skipIf(skip)('holds after every command', { timeout }, async () => {
    const run = new Run(hub, terms, Number(MODEL_SEED));
    const endAt = performance.now() + seconds * 1000;
    const isOver = () => (seconds === 0 ? run.log.length >= commands : performance.now() > endAt);
    try {
      while (!isOver()) await run.step();
    } catch (failure) {
      const said = run.log.slice(-60).join('\n');
      throw new Error(
        `MODEL_SEED=${MODEL_SEED}, after ${run.log.length} commands, the last:\n${said}\n${(failure as Error).message}`,
        { cause: failure },
      );
    }
    expect(run.log.length).toBeGreaterThanOrEqual(seconds === 0 ? commands : 1);
  });
});
