/** Short in the whole suite; as long as CHAOS_SECONDS says by hand, with CHAOS_SEED to see the same again. */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../support/seed.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { TEST_MS } from '../support/waits.ts';
import { chaos } from './chaos.ts';

const SHORT_SECONDS = 8;
const { CHAOS_SECONDS = SHORT_SECONDS, CHAOS_SEED = testSeed() } = process.env;
const seconds = Number(CHAOS_SECONDS);
const seed = Number(CHAOS_SEED);
/** At most five threads may die in a minute. */
const killEveryMs = seconds > SHORT_SECONDS ? 13_000 : 1500;

describe.skipIf(!uwsLoads())('after threads were killed, peers stopped and connections cut', () => {
  const timeout = seconds * 1000 + TEST_MS;
  it.each([
    [2, 2],
    [0, 0],
  ])('the books balance, with %i fan-out workers and %i ingest threads', { timeout }, async (...threads) => {
    const [fanoutWorkers, ingestWorkers] = threads;
    const report = await chaos({ seconds, seed, fanoutWorkers, ingestWorkers, killEveryMs });
    const { problems, ...figures } = report;
    if (seconds > SHORT_SECONDS) console.log(`CHAOS_SEED=${seed}`, figures);
    expect(problems.slice(0, 10), `CHAOS_SEED=${seed}`).toEqual([]);
    expect(report.ownerRestarts, 'owners started anew').toBeGreaterThan(0);
    if (ingestWorkers > 0) expect(report.ingestRestarts, 'ingest threads started anew').toBeGreaterThan(0);
    expect(report.deviceReconnects, 'devices took over their connections').toBeGreaterThan(0);
    expect(report.gatewayReconnects, 'gateways were cut and came back').toBeGreaterThan(0);
    expect(report.delivered).toBeGreaterThan(report.sent);
    expect(report.recoveries, 'clients came back').toBeGreaterThan(0);
  });
});
