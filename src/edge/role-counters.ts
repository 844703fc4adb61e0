/** The name of a session's role in the log and in figures, and the counters of its connections. */
import { Counter } from '../memory/counters.ts';
import { SessionKind } from '../records/requests.ts';

/** Connections since the start. */
export const openedCounters = {
  [SessionKind.device]: Counter.openedDevices,
  [SessionKind.subscriber]: Counter.openedSubscribers,
  [SessionKind.gateway]: Counter.openedGateways,
} as const;

/** Connections now. */
export const connectionCounters = {
  [SessionKind.device]: Counter.deviceConnections,
  [SessionKind.subscriber]: Counter.subscriberConnections,
  [SessionKind.gateway]: Counter.gatewayConnections,
} as const;

export const roleNames = {
  [SessionKind.device]: 'device',
  [SessionKind.subscriber]: 'subscriber',
  [SessionKind.gateway]: 'gateway',
} as const;
