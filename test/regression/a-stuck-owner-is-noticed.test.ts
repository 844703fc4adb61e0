/** Liveness looked at nothing: with the owner stuck, the health routes answered 200 and its delay stood still. */
import { expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { type AdminAnswer, admin, Metrics } from '../support/admin.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';

const faults = { ...calm, DAT_FAULT_INJECTION: 'true', DAT_FANOUT_WORKERS: '1' };
const stall = (ms: number) => ({ body: { thread: 'owner', how: 'stall', ms } });
/** As long as can be asked for. */
const STALL_MS_MAX = 60_000;

it('turns readiness, then liveness, and names the thread', async () => {
  const hub = await startHub(faults);
  onTestFinished(() => hub.kill());
  const ask = (path: string) => admin(hub.adminPort, 'GET', path);
  const runs = () => eventually('the owner runs', async () => (await ask('/readyz')).status === 200);
  // Liveness turns when main has looked fifteen times, once a second: a main that is late looks at nothing for longer.
  let stallMs = 10_000;
  const told = await firstOf('the owner ran again before main had looked often enough', async () => {
    await runs();
    stallMs = Math.min(2 * stallMs, STALL_MS_MAX);
    const endMs = performance.now() + stallMs;
    expect((await admin(hub.adminPort, 'POST', '/v1/faults', stall(stallMs))).status).toBe(200);
    const refusalOf = (path: string) =>
      eventually<AdminAnswer | 'too late'>(`${path} answers with 503`, async () => {
        const answer = await ask(path);
        if (answer.status === 503) return answer;
        return performance.now() > endMs && 'too late';
      });
    const unready = await refusalOf('/readyz');
    const { text } = await ask('/metrics');
    const dead = await refusalOf('/livez');
    if (unready === 'too late' || dead === 'too late') return undefined;
    return { unready: unready.body, dead: dead.body, metrics: new Metrics(text) };
  });
  expect(told.unready).toMatchObject({
    reason: expect.stringMatching(/^thread owner has not run for \d+ s$/),
  });
  const lag = told.metrics.value('dat_event_loop_lag_seconds', { thread: 'owner' });
  expect(lag).toBeGreaterThanOrEqual(3);
  expect(told.dead).toMatchObject({ reason: expect.stringContaining('thread owner') });
  await runs();
  expect((await ask('/livez')).status).toBe(200);
  expect(await hub.stop()).toBe(0);
});

it('does not keep the hub from ending', async () => {
  const hub = await startHub(faults);
  onTestFinished(() => hub.kill());
  await admin(hub.adminPort, 'POST', '/v1/faults', stall(STALL_MS_MAX));
  expect(await hub.stop(STALL_MS_MAX - 10_000)).toBe(0);
});
