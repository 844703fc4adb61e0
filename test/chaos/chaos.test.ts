/** Short in the whole suite; as long as CHAOS_SECONDS says by hand, with CHAOS_SEED to see the same again. */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../support/seed.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { chaos } from './chaos.ts';

const SHORT_SECONDS = 8;
const { CHAOS_SECONDS = SHORT_SECONDS, CHAOS_SEED = testSeed() } = process.env;
const seconds = Number(CHAOS_SECONDS);
const seed = Number(CHAOS_SEED);
/** At most five threads may die in a minute. */
const killEveryMs = seconds > SHORT_SECONDS ? 13_000 : 1500;

describe.skipIf(!uwsLoads())('after threads were killed, peers stopped and connections cut', () => {
  const timeout = (seconds + 120) * 1000;
  it.each([2, 0])('the books balance, with %i fan-out workers', { timeout }, async (fanoutWorkers) => {
    const report = await chaos({ seconds, seed, fanoutWorkers, killEveryMs });
    const { problems, ...figures } = report;
    if (seconds > SHORT_SECONDS) console.log(`CHAOS_SEED=${seed}`, figures);
    expect(problems.slice(0, 10), `CHAOS_SEED=${seed}`).toEqual([]);
    expect(report.ownerRestarts, 'owners started anew').toBeGreaterThan(0);
    expect(report.delivered).toBeGreaterThan(report.sent);
    expect(report.recoveries, 'clients came back').toBeGreaterThan(0);
  });
});
