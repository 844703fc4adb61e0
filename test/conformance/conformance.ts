/** The wire contract as one suite, registered for one way to run the hub. */
import { describe } from 'vitest';
import { uwsLoads } from '../support/uws-loads.ts';
import { accessRules } from './access-rules.ts';
import { adminApi } from './admin-api.ts';
import { authentication } from './authentication.ts';
import { batches } from './batches.ts';
import { closing } from './closing.ts';
import { deviceStates, deviceTimers } from './device-states.ts';
import { devices } from './devices.ts';
import { filters } from './filters.ts';
import type { MatrixRow } from './harness.ts';
import { history } from './history.ts';
import { identity } from './identity.ts';
import { interest } from './interest.ts';
import { lagging } from './lagging.ts';
import { listeners } from './listeners.ts';
import { live } from './live.ts';
import { liveness } from './liveness.ts';
import { metrics } from './metrics.ts';
import { order } from './order.ts';
import { ownerRestart } from './owner-restart.ts';
import { pace } from './pace.ts';
import { pages } from './pages.ts';
import { subscribers } from './subscribers.ts';
import { subscriptions, subscriptionTimers } from './subscriptions.ts';
import { webSocket } from './websocket.ts';

const suites = [
  listeners,
  webSocket,
  identity,
  authentication,
  devices,
  deviceStates,
  subscribers,
  subscriptions,
  order,
  batches,
  filters,
  history,
  interest,
  pace,
  pages,
  lagging,
  closing,
  adminApi,
  accessRules,
  live,
  metrics,
  ownerRestart,
];
/** Their tests mostly wait, so they wait beside each other. */
const timers = [deviceTimers, subscriptionTimers, liveness];

/** Rows on uws are skipped where no uws binary loads: the hub runs on ws there. */
export function conformance(row: MatrixRow): void {
  const { DAT_TRANSPORT: transport } = row.env;
  const possible = transport !== 'uws' || uwsLoads();
  describe.skipIf(!possible)(`the contract on ${row.name}`, () => {
    for (const suite of suites) suite(row);
    describe.concurrent('with short timers', () => {
      for (const suite of timers) suite(row);
    });
  });
}
