/**
 * Every setting, once. The type, the parsers of flags, environment and file, the help and the table in the README
 * follow from these rows; so do the names: key `devicePort` is `DAT_DEVICE_PORT` and `--device-port`.
 * The inequalities between settings stand in `rules.ts`.
 */
import {
  bearerToken,
  filePath,
  hostAddress,
  hostNames,
  type Kind,
  keySetUrl,
  oneOf,
  origins,
  secretText,
  text,
  trueOrFalse,
  wholeNumber,
  wordOrNumber,
} from './kinds.ts';

export interface SettingRow<Value> {
  readonly kind: Kind<Value>;
  readonly default: NoInfer<Value>;
  /** How the default reads where its value does not speak for itself. */
  readonly defaultText?: string;
  readonly group: SettingGroup;
  /** What it does, what follows from it, and what 0 means where 0 is accepted. */
  readonly meaning: string;
  /** Its value is never printed, and it has no flag: other users of the machine see a process's arguments. */
  readonly secret?: true;
}

export const settingGroups = [
  'Listeners',
  'Access',
  'Threads',
  'Presence',
  'Delivery',
  'Capacity',
  'Running',
] as const;
export type SettingGroup = (typeof settingGroups)[number];

const DAY_MS = 24 * 60 * 60 * 1000;
/** 24 days: Node's timers end at 24.8. */
const SPAN_MS_MAX = 24 * DAY_MS;
/** One bit per fan-out worker in a 32-bit word of interest. */
export const FANOUT_WORKERS_MAX = 32;
/** At this many rows a column of 8 bytes is 128 MB, and ids of the greatest length are 2 GB. */
const ROWS_MAX = 16_000_000;
const QUEUE_BYTES_MAX = 1024 ** 3;
const QUEUES_TOTAL_BYTES_MAX = 1024 ** 4;

const port = wholeNumber(0, 65535, 'port');
const spanMs = wholeNumber(1, SPAN_MS_MAX, 'ms');
const spanMsOrZero = wholeNumber(0, SPAN_MS_MAX, 'ms');
const queueBytes = wholeNumber(1024, QUEUE_BYTES_MAX, 'bytes');

function row<Value>(entry: SettingRow<Value>): SettingRow<Value> {
  return entry;
}

export const settingRows = {
  host: row({
    kind: hostAddress,
    default: '127.0.0.1',
    group: 'Listeners',
    meaning:
      'Address that all three listeners bind to. Anything but a loopback address is refused without authentication, ' +
      'unless `DAT_INSECURE=true`, and needs `DAT_ADMIN_TOKEN`.',
  }),
  devicePort: row({
    kind: port,
    default: 7400,
    group: 'Listeners',
    meaning: 'Port where devices connect (WebSocket, `/v1/device`). 0 takes any free port.',
  }),
  subscriberPort: row({
    kind: port,
    default: 7401,
    group: 'Listeners',
    meaning: 'Port where subscribers connect (WebSocket, `/v1/subscribe`). 0 takes any free port.',
  }),
  adminPort: row({
    kind: port,
    default: 7402,
    group: 'Listeners',
    meaning: 'Port of the admin API, the metrics and the health routes (HTTP). 0 takes any free port.',
  }),
  transport: row({
    kind: oneOf('auto', 'uws', 'ws'),
    default: 'auto',
    group: 'Listeners',
    meaning:
      'WebSocket library: `uws` (uWebSockets.js) refuses to start where its binary does not load, `ws` is slower ' +
      'and runs everywhere, `auto` takes the first that loads and says which.',
  }),
  tlsCertFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    meaning:
      "Certificate of all three listeners, in PEM form: the server's own first, then those between it and the root. " +
      'Given with `DAT_TLS_KEY_FILE`, peers connect with wss and https only. A renewed one is read at the next start.',
  }),
  tlsKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    meaning: 'Private key of the certificate, in PEM form and without a passphrase.',
  }),

  insecure: row({
    kind: trueOrFalse,
    default: false,
    group: 'Access',
    meaning:
      'Accepts a non-loopback `DAT_HOST` without authentication: whoever reaches the ports may then publish as any ' +
      'device and listen to all of them.',
  }),
  adminToken: row({
    kind: bearerToken,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    meaning:
      'Bearer token of the admin API. Without one every admin route is open, so it is needed on a non-loopback ' +
      'address.',
  }),
  authJwtSecret: row({
    kind: secretText,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    meaning:
      'Shared secret of tokens signed with HS256; give it 32 random bytes at least. This or another key turns ' +
      'authentication on: every peer then needs a token.',
  }),
  authJwtPublicKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    meaning:
      'Public key of tokens, in PEM form: RSA is for RS256, EC P-256 for ES256, Ed25519 for EdDSA. Turns ' +
      'authentication on.',
  }),
  authJwksUrl: row({
    kind: keySetUrl,
    default: '',
    defaultText: 'none',
    group: 'Access',
    meaning:
      'Where the public keys of tokens are (JSON Web Key Set: RS256, ES256, EdDSA). Asked every 10 minutes, and for ' +
      'a key it lacked at most every 30 seconds. Turns authentication on.',
  }),
  authJwtAudience: row({
    kind: text('what the `aud` of tokens names', 'audience'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    meaning: 'Tokens must name this in `aud`.',
  }),
  authJwtIssuer: row({
    kind: text('the `iss` of tokens', 'issuer'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    meaning: 'Tokens must have this as `iss`.',
  }),
  authFailuresPerMinute: row({
    kind: wholeNumber(0, 1_000_000, 'failures per minute'),
    default: 0,
    group: 'Access',
    meaning:
      'Wrong tokens from one address in a minute after which it is answered with 429 for `DAT_AUTH_BAN_MS`. 0 means ' +
      'no limit: behind a proxy all peers have one address.',
  }),
  authBanMs: row({
    kind: wholeNumber(1000, SPAN_MS_MAX, 'ms'),
    default: 60_000,
    group: 'Access',
    meaning: 'How long an address with too many wrong tokens is turned away.',
  }),
  allowedOrigins: row({
    kind: origins,
    default: [] as readonly string[],
    defaultText: 'same host',
    group: 'Access',
    meaning:
      'Values of the `Origin` header that may connect, on every listener, compared exactly: of browsers ' +
      '`https://board.example`, of some firmware libraries `file://` or an origin with a path. Naming any replaces the ' +
      'default, the same host.',
  }),
  allowedHosts: row({
    kind: hostNames,
    default: [] as readonly string[],
    defaultText: 'local names',
    group: 'Access',
    meaning:
      'More host names that requests may name in `Host`. Where no token is needed, a hub on a loopback address answers ' +
      'only requests for `localhost`, loopback addresses, `DAT_HOST` and these, so that no foreign web page reaches it ' +
      'by DNS rebinding. Name the host that a proxy in front passes on.',
  }),
  defaultAccess: row({
    kind: oneOf('allow', 'deny'),
    default: 'allow',
    group: 'Access',
    meaning:
      'With `deny` only pairs of device and subscriber that an operator set to allow, or that an access rule ' +
      'allows, may subscribe.',
  }),

  fanoutWorkers: row({
    kind: wordOrNumber('auto', 0, FANOUT_WORKERS_MAX),
    default: 'auto',
    group: 'Threads',
    meaning:
      `Fan-out worker threads. \`auto\` is the number of cores less 2, at least 1 and at most ${FANOUT_WORKERS_MAX}. ` +
      "0 lets the main thread hold the subscribers' sockets.",
  }),

  subscriberActivity: row({
    kind: oneOf('pong', 'frame'),
    default: 'pong',
    group: 'Presence',
    meaning:
      "What counts as a subscriber's activity: `pong` is any frame, WebSocket pongs too, so a connected subscriber " +
      'stays active; `frame` is only data frames, so one that sends nothing turns inactive.',
  }),
  subscriberInactiveAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning:
      'Silence after which a subscription turns from active to inactive and gets nothing. Keep it above ' +
      '`DAT_PING_INTERVAL_MS`, or subscribers turn inactive between two pings.',
  }),
  subscriberRemoveAfterMs: row({
    kind: spanMs,
    default: 300_000,
    group: 'Presence',
    meaning:
      'Silence after which a subscription is removed, and the time in which a lost subscriber may resume. Not below ' +
      '`DAT_SUBSCRIBER_INACTIVE_AFTER_MS`.',
  }),
  deviceStaleAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning: 'Silence after which a connected device is called stale.',
  }),
  deviceLeaveGraceMs: row({
    kind: spanMsOrZero,
    default: 15_000,
    group: 'Presence',
    meaning:
      'Wait after an unclean disconnect before the device is called offline; a return within it is not broadcast. 0 ' +
      'means offline at once.',
  }),
  deviceRemoveAfterMs: row({
    kind: spanMsOrZero,
    default: 300_000,
    group: 'Presence',
    meaning:
      'An offline device with no subscription and nothing pinned by an operator is removed after this. 0 removes ' +
      'it at once.',
  }),
  pingIntervalMs: row({
    kind: wholeNumber(10, 3_600_000, 'ms'),
    default: 25_000,
    group: 'Presence',
    meaning:
      'Time between two WebSocket pings of the hub to every peer. A peer that shows no sign of life for this and 10 ' +
      'seconds more is closed with 4201.',
  }),

  flushMaxMs: row({
    kind: wholeNumber(0, 1000, 'ms'),
    default: 5,
    group: 'Delivery',
    meaning:
      'The longest that batching may hold an event under load. 0 sends each event as it comes, in more writes.',
  }),
  maxMessageBytes: row({
    kind: wholeNumber(1024, 1_048_576, 'bytes'),
    default: 65_536,
    group: 'Delivery',
    meaning: 'Largest frame that a peer may send; a larger one is refused and the peer closed.',
  }),
  sendQueueBytes: row({
    kind: queueBytes,
    default: 262_144,
    group: 'Delivery',
    meaning:
      'Bytes waiting for one subscriber above which it lags: it gets high events only until a quarter is left, then a ' +
      '`gap` and the newest missed event of each device. Not above `DAT_SEND_QUEUE_MAX_BYTES`; at that or above, who ' +
      'would lag is closed at once.',
  }),
  sendQueueMaxBytes: row({
    kind: queueBytes,
    default: 1_048_576,
    group: 'Delivery',
    meaning:
      'Bytes waiting for one subscriber above which it is closed with 4108, as it is after lagging for 30 seconds. Each ' +
      'subscriber may cost this much memory, and for a moment what is published between two looks.',
  }),
  sendQueuesTotalBytes: row({
    kind: wholeNumber(0, QUEUES_TOTAL_BYTES_MAX, 'bytes'),
    default: 268_435_456,
    group: 'Delivery',
    meaning:
      'Bytes waiting for all subscribers together, shared out evenly over the fan-out threads; above it those with ' +
      'the largest queues are closed first, with 4108. 0 means no limit.',
  }),
  subscriberRate: row({
    kind: wholeNumber(0, 1_000_000, 'frames per second'),
    default: 1000,
    group: 'Delivery',
    meaning: 'Frames per second that one subscriber may send; what goes beyond is refused. 0 means no limit.',
  }),
  subscriberBurst: row({
    kind: wholeNumber(0, 1_000_000, 'frames'),
    default: 2000,
    group: 'Delivery',
    meaning: 'Frames that one subscriber may send at once, after a pause, above its rate. 0 means no limit.',
  }),
  deviceRate: row({
    kind: wholeNumber(0, 1_000_000, 'events per second'),
    default: 100,
    group: 'Delivery',
    meaning: 'Events per second that one device may send; what goes beyond is refused. 0 means no limit.',
  }),
  deviceBurst: row({
    kind: wholeNumber(0, 1_000_000, 'events'),
    default: 200,
    group: 'Delivery',
    meaning: 'Events that one device may send at once, after a pause, above its rate. 0 means no limit.',
  }),

  maxConnections: row({
    kind: wordOrNumber('auto', 0, ROWS_MAX),
    default: 'auto',
    group: 'Capacity',
    meaning:
      'Open connections of devices and subscribers together; one more is answered with 503. `auto` is what the ' +
      "process's limit of open files leaves for them. 0 means no limit.",
  }),
  maxConnectionsPerAddress: row({
    kind: wholeNumber(0, ROWS_MAX, 'connections'),
    default: 0,
    group: 'Capacity',
    meaning:
      'Open connections from one address (IPv6: one /64) to a listener or another; one more is answered with 429. 0 ' +
      'means no limit: behind a proxy all peers have one address.',
  }),
  connectionsPerSecondPerAddress: row({
    kind: wholeNumber(0, 1_000_000, 'connections per second'),
    default: 0,
    group: 'Capacity',
    meaning: 'New connections per second from one address; more are answered with 429. 0 means no limit.',
  }),
  maxSubscriptionsPerSubscriber: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscriptions'),
    default: 100_000,
    group: 'Capacity',
    meaning: 'Subscriptions that one subscriber may have; one more is answered with error 106.',
  }),
  maxDevices: row({
    kind: wholeNumber(1, ROWS_MAX, 'devices'),
    default: 100_000,
    group: 'Capacity',
    meaning:
      'Devices that the presence table has room for, reserved at start; one more is turned away with 4100.',
  }),
  maxSubscribers: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscribers'),
    default: 100_000,
    group: 'Capacity',
    meaning:
      'Subscribers that the presence table has room for, reserved at start; one more is turned away with 4100.',
  }),
  maxSubscriptions: row({
    kind: wholeNumber(1, ROWS_MAX, 'subscriptions'),
    default: 1_000_000,
    group: 'Capacity',
    meaning:
      'Pairs of device and subscriber that the presence table has room for, reserved at start; one more is answered ' +
      'with error 106.',
  }),

  firstFrameTimeoutMs: row({
    kind: spanMsOrZero,
    default: 0,
    group: 'Running',
    meaning:
      'A new peer is pinged at once and must show a sign of life (a pong or any frame) within this, or it is closed ' +
      'with 4201. 0 means it has as long as any other.',
  }),
  overloadLagMs: row({
    kind: wholeNumber(0, 3_600_000, 'ms'),
    default: 1000,
    group: 'Running',
    meaning:
      'Event loop lag of a thread above which, two seconds in a row, new peers are answered with 503 and `/readyz` ' +
      'says why. 0 means never.',
  }),
  overloadMemoryBytes: row({
    kind: wordOrNumber('auto', 0, Number.MAX_SAFE_INTEGER),
    default: 'auto',
    group: 'Running',
    meaning:
      'Resident memory above which new peers are answered with 503 and `/readyz` says why. `auto` is 90 % of what ' +
      'the host or its container gives the process. 0 means never.',
  }),
  faultInjection: row({
    kind: trueOrFalse,
    default: false,
    group: 'Running',
    meaning:
      'For tests of the hub itself: `POST /v1/faults` then breaks a thread on purpose. Refused with ' +
      '`NODE_ENV=production`.',
  }),
  logLevel: row({
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    group: 'Running',
    meaning:
      'The least level that is logged, on stderr: NDJSON, or pretty on a terminal. `listening` is always logged.',
  }),
  drainRate: row({
    kind: wholeNumber(1, 1_000_000, 'closes per second'),
    default: 1000,
    group: 'Running',
    meaning: 'Connections closed per second while draining, so that not all reconnect at once.',
  }),
  drainTimeoutMs: row({
    kind: wholeNumber(0, 600_000, 'ms'),
    default: 15_000,
    group: 'Running',
    meaning: 'The longest that draining may take; whoever is left is closed then. 0 closes everyone at once.',
  }),
  snapshotFile: row({
    kind: filePath,
    default: '',
    defaultText: 'none',
    group: 'Running',
    meaning:
      'File that outlives a restart: what operators set, the access rules, and the status and numbering of each ' +
      'device. Read at start, written at an interval and at the end of a drain; one hub a file.',
  }),
  snapshotIntervalMs: row({
    kind: wholeNumber(0, DAY_MS, 'ms'),
    default: 60_000,
    group: 'Running',
    meaning:
      'Time between two snapshots: what a hub that is killed may lose of what operators set. 0 writes one at the ' +
      'end of a drain only.',
  }),
  snapshotOnCorrupt: row({
    kind: oneOf('refuse', 'empty'),
    default: 'refuse',
    group: 'Running',
    meaning:
      'What a start does when neither the snapshot nor the one before it can be read: `refuse` with exit code 78, or ' +
      'start `empty`, with every denial forgotten.',
  }),
} as const satisfies Record<string, SettingRow<unknown>>;

export type SettingKey = keyof typeof settingRows;

/** One value for every row, checked; plain data that may be sent to a thread. */
export type Settings = {
  readonly [Key in SettingKey]: (typeof settingRows)[Key] extends SettingRow<infer Value> ? Value : never;
};

export const settingKeys = Object.keys(settingRows) as readonly SettingKey[];

/** The row without its value's type, for code that treats all settings alike. */
export function rowOf(key: SettingKey): SettingRow<unknown> {
  return settingRows[key];
}

/** `devicePort` → `DAT_DEVICE_PORT` */
export function envName(key: string): string {
  return `DAT_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** `devicePort` → `--device-port` */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
}
