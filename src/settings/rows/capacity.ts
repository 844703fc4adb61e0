/** Settings of the group Capacity: how much the hub holds. */
import { wholeNumber, wordOrNumber } from '../kinds.ts';
import { ROWS_MAX, row } from '../row.ts';

/** The count of a subscriber's filters is one byte. */
const FILTERS_MAX = 255;

export const capacityRows = {
  maxConnections: row({
    kind: wordOrNumber('auto', 0, ROWS_MAX),
    default: 'auto',
    group: 'Capacity',
    meaning:
      'Maximum number of open connections, devices and subscribers together; one more gets 503. `auto` ' +
      "takes it from the process's limit of open files. 0 means no limit.",
  }),
  maxConnectionsPerAddress: row({
    kind: wholeNumber(0, ROWS_MAX, 'connections'),
    default: 0,
    group: 'Capacity',
    reloadable: true,
    meaning:
      'Maximum number of open connections from one address (for IPv6, one /64); one more gets 429. 0 ' +
      'means no limit; keep it at 0 behind a proxy, where all peers share one address.',
  }),
  connectionsPerSecondPerAddress: row({
    kind: wholeNumber(0, 1_000_000, 'connections per second'),
    default: 0,
    group: 'Capacity',
    reloadable: true,
    meaning: 'Maximum number of new connections per second from one address; more get 429. 0 means no limit.',
  }),
  maxSubscriptionsPerSubscriber: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscriptions'),
    default: 100_000,
    group: 'Capacity',
    meaning: 'Maximum number of subscriptions of one subscriber; one more gets error 106.',
  }),
  maxFiltersPerSubscriber: row({
    kind: wholeNumber(1, FILTERS_MAX, 'filters'),
    default: 100,
    group: 'Capacity',
    meaning: 'Maximum number of filters of one subscriber; one more gets error 106.',
  }),
  maxDevices: row({
    kind: wholeNumber(1, ROWS_MAX, 'devices'),
    default: 100_000,
    group: 'Capacity',
    meaning:
      'Number of devices that the presence table holds; the memory is reserved at start. One more device ' +
      'is closed with 4100.',
  }),
  maxDevicesPerGateway: row({
    kind: wholeNumber(1, ROWS_MAX, 'devices'),
    default: 10_000,
    group: 'Capacity',
    reloadable: true,
    meaning: 'Devices that one gateway may speak for at once; one more gets error 106.',
  }),
  maxSubscribers: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscribers'),
    default: 100_000,
    group: 'Capacity',
    meaning:
      'Number of subscribers that the presence table holds; the memory is reserved at start. One more ' +
      'subscriber is closed with 4100.',
  }),
  maxSubscriptions: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscriptions'),
    default: 1_000_000,
    group: 'Capacity',
    meaning:
      'Number of subscriptions (pairs of device and subscriber) that the presence table holds; the memory ' +
      'is reserved at start. One more gets error 106.',
  }),
} as const;
