/** How a session's role is called in the log and in the figures, and what counts its connections. */
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
