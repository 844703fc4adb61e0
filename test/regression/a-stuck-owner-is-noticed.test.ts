/** Liveness looked at nothing: with the owner stuck, the health routes answered 200 and its delay stood still. */
import { expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';

const faults = { ...calm, DAT_FAULT_INJECTION: 'true', DAT_FANOUT_WORKERS: '1' };
const stall = (ms: number) => ({ body: { thread: 'owner', how: 'stall', ms } });

it('turns readiness, then liveness, and names the thread', async () => {
  const hub = await startHub(faults);
  onTestFinished(() => hub.kill());
  const ask = (path: string) => admin(hub.adminPort, 'GET', path);
  expect((await admin(hub.adminPort, 'POST', '/v1/faults', stall(20_000))).status).toBe(200);
  const unready = await eventually('the hub is not ready', async () => {
    const answer = await ask('/readyz');
    return answer.status === 503 && answer;
  });
  expect(unready.body).toMatchObject({
    reason: expect.stringMatching(/^thread owner has not run for \d+ s$/),
  });
  const lag = new Metrics((await ask('/metrics')).text).value('dat_event_loop_lag_seconds', {
    thread: 'owner',
  });
  expect(lag).toBeGreaterThanOrEqual(3);
  const dead = await eventually('the hub is not alive', async () => {
    const answer = await ask('/livez');
    return answer.status === 503 && answer;
  });
  expect(dead.body).toMatchObject({ reason: expect.stringContaining('thread owner') });
  await eventually('it runs again', async () => (await ask('/readyz')).status === 200);
  expect((await ask('/livez')).status).toBe(200);
  expect(await hub.stop()).toBe(0);
});

it('does not keep the hub from ending', async () => {
  const hub = await startHub(faults);
  onTestFinished(() => hub.kill());
  const stallMs = 60_000; // as long as can be asked for
  await admin(hub.adminPort, 'POST', '/v1/faults', stall(stallMs));
  expect(await hub.stop(stallMs - 10_000)).toBe(0);
});
