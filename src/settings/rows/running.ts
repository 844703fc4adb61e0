/** Settings of the group Running: overload, logs, drain, snapshots and webhooks. */
import {
  filePath,
  oneOf,
  requestUrl,
  trueOrFalse,
  webhookSecret,
  wholeNumber,
  wordOrNumber,
} from '../kinds.ts';
import { DAY_MS, row, spanMsOrZero } from '../row.ts';

export const runningRows = {
  firstFrameTimeoutMs: row({
    kind: spanMsOrZero,
    default: 0,
    group: 'Running',
    meaning:
      'If set, a new peer is pinged at once and must answer, with a pong or any frame, within this time; ' +
      'otherwise it is closed with 4201. 0 turns this off.',
  }),
  overloadLagMs: row({
    kind: wholeNumber(0, 3_600_000, 'ms'),
    default: 1000,
    group: 'Running',
    reloadable: true,
    meaning:
      "If a thread's event loop delay exceeds this for two seconds in a row, new peers get 503 and " +
      '`/readyz` gives the reason. 0 turns this off.',
  }),
  overloadMemoryBytes: row({
    kind: wordOrNumber('auto', 0, Number.MAX_SAFE_INTEGER),
    default: 'auto',
    group: 'Running',
    reloadable: true,
    meaning:
      'If resident memory exceeds this, new peers get 503 and `/readyz` gives the reason. `auto` is 90 % ' +
      'of what the host or the container gives the process. 0 turns this off.',
  }),
  faultInjection: row({
    kind: trueOrFalse,
    default: false,
    group: 'Running',
    meaning:
      'For tests of the hub itself: lets `POST /v1/faults` break a thread on purpose. Refused with ' +
      '`NODE_ENV=production`.',
  }),
  logLevel: row({
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    group: 'Running',
    reloadable: true,
    meaning:
      'Lowest level that is logged. Logs go to stderr, as NDJSON, or in readable form on a terminal. ' +
      '`listening` is always logged.',
  }),
  drainRate: row({
    kind: wholeNumber(1, 1_000_000, 'closes per second'),
    default: 1000,
    group: 'Running',
    reloadable: true,
    meaning: 'Connections closed per second during a drain, so that not all peers reconnect at once.',
  }),
  drainTimeoutMs: row({
    kind: wholeNumber(0, 600_000, 'ms'),
    default: 15_000,
    group: 'Running',
    reloadable: true,
    meaning:
      'Longest time that a drain may take; the remaining connections are then closed together. 0 closes ' +
      'all of them at once.',
  }),
  snapshotFile: row({
    kind: filePath,
    default: '',
    defaultText: 'none',
    group: 'Running',
    meaning:
      "Snapshot file: operators' settings, access rules, and the status and numbering of each device " +
      'survive a restart. Read at start, written at an interval and at the end of a drain. Each hub needs ' +
      'a file of its own.',
  }),
  snapshotIntervalMs: row({
    kind: wholeNumber(0, DAY_MS, 'ms'),
    default: 60_000,
    group: 'Running',
    reloadable: true,
    meaning:
      "Time between two snapshots. A hub that is killed loses operators' changes made since the last one. " +
      '0 writes a snapshot only at the end of a drain.',
  }),
  snapshotOnCorrupt: row({
    kind: oneOf('refuse', 'empty'),
    default: 'refuse',
    group: 'Running',
    meaning:
      'What the hub does at start if neither the snapshot nor the previous one can be read: `refuse` ' +
      'exits with code 78, `empty` starts without it, so every denial is forgotten.',
  }),
  webhookUrl: row({
    kind: requestUrl,
    default: '',
    defaultText: 'none',
    group: 'Running',
    reloadable: true,
    meaning:
      'URL that gets a signed POST when devices connect, become stale or go, and when their subscriptions change. ' +
      'Needs `DAT_WEBHOOK_SECRET`.',
  }),
  webhookSecret: row({
    kind: webhookSecret,
    default: '',
    defaultText: 'none',
    group: 'Running',
    secret: true,
    environmentOnly: true,
    reloadable: true,
    meaning: 'Secret that webhooks are signed with, as Standard Webhooks describes. In the environment only.',
  }),
  webhookCoalesceMs: row({
    kind: wholeNumber(10, 3_600_000, 'ms'),
    default: 1000,
    group: 'Running',
    reloadable: true,
    meaning:
      'Time over which changes of a device are combined: the receiver gets the net change, and nothing if the device ' +
      'is as it was.',
  }),
} as const;
