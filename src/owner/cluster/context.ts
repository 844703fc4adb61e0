/** What every part of the owner's side of the cluster is given. */
import type { Clock } from '../../clock.ts';
import type { HistoryLog } from '../../history/log.ts';
import type { HistoryReader } from '../../history/reader.ts';
import type { Counters } from '../../memory/counters.ts';
import type { Wheel } from '../../memory/wheel.ts';
import type { AccessControl } from '../access.ts';
import type { Devices } from '../devices.ts';
import type { EdgeLink } from '../edge-link.ts';
import type { Filters } from '../filters.ts';
import type { Gateways } from '../gateways.ts';
import type { HeldEvents } from '../held-events.ts';
import type { Operator } from '../operator.ts';
import type { OperatorRows } from '../operator-rows.ts';
import type { Registry } from '../registry.ts';
import type { RowWalks } from '../row-walks.ts';
import type { RuleSweep } from '../rule-sweep.ts';
import type { TokenScopes } from '../scopes.ts';
import type { Subscribers } from '../subscribers.ts';
import type { Subscriptions } from '../subscriptions.ts';
import type { Sweeps } from '../sweeps.ts';

export interface ClusterContext {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscribers: Subscribers;
  readonly gateways: Gateways;
  readonly subscriptions: Subscriptions;
  readonly access: AccessControl;
  readonly scopes: TokenScopes;
  readonly filters: Filters;
  readonly operator: Operator;
  readonly rows: OperatorRows;
  readonly sweep: RuleSweep;
  readonly history: HistoryLog;
  readonly reader: HistoryReader;
  /** By edge, the link among them. */
  readonly links: readonly EdgeLink[];
  /** To the cluster link. */
  readonly link: EdgeLink;
  /** Number of the link among the edges. */
  readonly edge: number;
  /** The devices' timers, and the subscribers'. */
  readonly wheel: Wheel;
  readonly subscriberWheel: Wheel;
  readonly sweeps: Sweeps;
  readonly walks: RowWalks;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly held: HeldEvents;
  readonly settings: {
    readonly deviceLeaveGraceMs: number;
    readonly subscriberRemoveAfterMs: number;
    readonly maxMessageBytes: number;
    readonly historyEvents: number;
  };
}
