/**
 * Every setting, once. The types, the parsers of flags, environment and file, the help and docs/settings.md follow
 * from these rows, and so do the names: key `devicePort` is `DAT_DEVICE_PORT` and `--device-port`.
 * What must hold between settings is in `rules.ts`.
 */
import { DEFAULT_TEMPLATES } from '../wire/mqtt/templates.ts';
import {
  bearerToken,
  filePath,
  hostAddress,
  hostNames,
  idOrNone,
  type Kind,
  keySetUrl,
  natsUrls,
  oneOf,
  origins,
  requestUrl,
  secretText,
  text,
  topicTemplates,
  trueOrFalse,
  webhookSecret,
  wholeNumber,
  wordOrNumber,
} from './kinds.ts';

export interface SettingRow<Value> {
  readonly kind: Kind<Value>;
  readonly default: NoInfer<Value>;
  /** The default in words, where the value alone does not say enough. */
  readonly defaultText?: string;
  readonly group: SettingGroup;
  /** What it does and what follows from it; what 0 means if 0 is accepted. */
  readonly meaning: string;
  /** The value is never printed, and there is no flag: other users of the machine can read a process's arguments. */
  readonly secret?: true;
  /** It may stand in the environment only. */
  readonly environmentOnly?: true;
  /**
   * A reload applies a new value, or reads the named file again, without dropping a connection. Without this marker a
   * change takes a restart. Anything that sizes memory, opens a listener or starts threads must not have it.
   */
  readonly reloadable?: true;
}

export const settingGroups = [
  'Listeners',
  'Access',
  'Threads',
  'Presence',
  'Delivery',
  'Capacity',
  'History',
  'Cluster',
  'Running',
] as const;
export type SettingGroup = (typeof settingGroups)[number];

const DAY_MS = 24 * 60 * 60 * 1000;
/** 24 days: Node's timers reach 24.8 days at most. */
const SPAN_MS_MAX = 24 * DAY_MS;
/** With main, all edges must have a number that fits into a session's (`records/sessions.ts`). */
export const FANOUT_WORKERS_MAX = 32;
export const INGEST_WORKERS_MAX = 16;
/** The count of a subscriber's filters is one byte. */
const FILTERS_MAX = 255;
/** With this many rows, a column of 8 bytes takes 128 MB and ids of the maximum length take 2 GB. */
const ROWS_MAX = 16_000_000;
const QUEUE_BYTES_MAX = 1024 ** 3;
/** What one shared memory may have. */
const HISTORY_BYTES_MAX = 2 ** 31;
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
      'Address that all listeners bind to. An address that other machines can reach needs ' +
      '`DAT_ADMIN_TOKEN`, and also authentication or `DAT_INSECURE=true`.',
  }),
  devicePort: row({
    kind: port,
    default: 7400,
    group: 'Listeners',
    meaning: 'Port for devices (WebSocket, `/v1/device`). 0 picks any free port.',
  }),
  subscriberPort: row({
    kind: port,
    default: 7401,
    group: 'Listeners',
    meaning: 'Port for subscribers (WebSocket, `/v1/subscribe`). 0 picks any free port.',
  }),
  adminPort: row({
    kind: port,
    default: 7402,
    group: 'Listeners',
    meaning:
      'Port for the admin API, metrics, health checks and the dashboard (HTTP). 0 picks any free port.',
  }),
  mqttPort: row({
    kind: wordOrNumber('off', 0, 65535),
    default: 'off',
    group: 'Listeners',
    meaning:
      'Port for MQTT over TCP, and over TLS if the hub has a certificate. `off`: no such listener; MQTT over WebSocket ' +
      'is served on the other ports at `/mqtt`. 0 picks any free port.',
  }),
  mqttTopics: row({
    kind: topicTemplates,
    default: DEFAULT_TEMPLATES as readonly string[],
    group: 'Listeners',
    meaning:
      'Topics of MQTT clients, as a list of `TEMPLATE=TYPE`, such as `factory/{device}/telemetry=message`. `{device+}` ' +
      'stands for one or more levels, joined by dots in the id; `{type}` for each type.',
  }),
  transport: row({
    kind: oneOf('auto', 'uws', 'ws'),
    default: 'auto',
    group: 'Listeners',
    meaning:
      'WebSocket library. `uws` is uWebSockets.js; the hub does not start if its binary does not load. ' +
      '`ws` is slower and runs everywhere. `auto` takes uWebSockets.js if it loads, otherwise `ws`, and ' +
      'logs which.',
  }),
  tlsCertFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    reloadable: true,
    meaning:
      "TLS certificate for all listeners, in PEM form: the server's own certificate first, then the " +
      'intermediates. With it and `DAT_TLS_KEY_FILE`, the hub accepts only wss and https.',
  }),
  tlsKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    reloadable: true,
    meaning: 'Private key of the certificate, in PEM form, without a passphrase.',
  }),
  tlsEnd: row({
    kind: oneOf('front', 'uws'),
    default: 'front',
    group: 'Listeners',
    meaning:
      'Where TLS ends when uWebSockets.js carries the connections. `front`: in two threads in front of it; a ' +
      'connection takes three open files. `uws`: in the library, with less CPU and memory. The library loses what a ' +
      'peer sends together with the end of TLS, such as its last event, and some clients report 1006 for every close.',
  }),

  insecure: row({
    kind: trueOrFalse,
    default: false,
    group: 'Access',
    meaning:
      'Allows a non-loopback `DAT_HOST` without authentication. Anyone who reaches the ports can then ' +
      'publish as any device and follow every device.',
  }),
  adminToken: row({
    kind: bearerToken,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    reloadable: true,
    meaning:
      'Bearer token for the admin API. Without one, and without authentication, every admin route is ' +
      'open. Required on a non-loopback address.',
  }),
  adminTokenFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'File that holds the value of `DAT_ADMIN_TOKEN`, such as a mounted secret; a line break at its end does not ' +
      'count. Not together with the variable.',
  }),
  authJwtSecret: row({
    kind: secretText,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    reloadable: true,
    meaning:
      'Shared secret for tokens signed with HS256; use at least 32 random bytes. This or any other key ' +
      'turns authentication on: every peer then needs a token.',
  }),
  authJwtSecretFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'File that holds the value of `DAT_AUTH_JWT_SECRET`, such as a mounted secret; a line break at its end does ' +
      'not count. Not together with the variable.',
  }),
  authJwtPublicKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'Public key for tokens, in PEM form. An RSA key verifies RS256, EC P-256 verifies ES256, Ed25519 ' +
      'verifies EdDSA. Turns authentication on.',
  }),
  authJwksUrl: row({
    kind: keySetUrl,
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'URL of a JSON Web Key Set with the public keys for tokens (RS256, ES256, EdDSA). The hub fetches ' +
      'it again every 10 minutes, and at most every 30 seconds when a token names an unknown key. Turns ' +
      'authentication on.',
  }),
  authJwtAudience: row({
    kind: text('what the `aud` of tokens names', 'audience'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    reloadable: true,
    meaning: "If set, a token's `aud` must contain this value.",
  }),
  authJwtIssuer: row({
    kind: text('the `iss` of tokens', 'issuer'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    reloadable: true,
    meaning: "If set, a token's `iss` must equal this value.",
  }),
  authFailuresPerMinute: row({
    kind: wholeNumber(0, 1_000_000, 'failures per minute'),
    default: 0,
    group: 'Access',
    reloadable: true,
    meaning:
      'Number of wrong tokens per minute from one address after which the address gets 429 for ' +
      '`DAT_AUTH_BAN_MS`. 0 means no limit; keep it at 0 behind a proxy, where all peers share one ' +
      'address.',
  }),
  authBanMs: row({
    kind: wholeNumber(1000, SPAN_MS_MAX, 'ms'),
    default: 60_000,
    group: 'Access',
    reloadable: true,
    meaning: 'How long an address stays banned after too many wrong tokens.',
  }),
  allowedOrigins: row({
    kind: origins,
    default: [] as readonly string[],
    defaultText: 'same host',
    group: 'Access',
    reloadable: true,
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
      'What holds for a pair of device and subscriber that no operator and no access rule decides. With ' +
      '`deny`, only allowed pairs may subscribe.',
  }),

  fanoutWorkers: row({
    kind: wordOrNumber('auto', 0, FANOUT_WORKERS_MAX),
    default: 'auto',
    group: 'Threads',
    meaning:
      'Number of fan-out worker threads. `auto` is the number of cores minus 2, at least 1 and at most ' +
      `${FANOUT_WORKERS_MAX}; with ingest threads, what they and the owner leave. 0 keeps the subscribers' sockets on ` +
      'the main thread.',
  }),
  ingestWorkers: row({
    kind: wordOrNumber('auto', 0, INGEST_WORKERS_MAX),
    default: 0,
    group: 'Threads',
    meaning:
      "Number of threads that hold the devices' sockets, for fleets that send more than one core can receive. `auto` " +
      'gives them half of the cores that the owner leaves, from 5 cores on, and at most 8. 0 keeps the sockets of ' +
      'devices on the main thread. Needs the `uws` transport; on `ws` the main thread has all sockets.',
  }),

  subscriberActivity: row({
    kind: oneOf('pong', 'frame'),
    default: 'pong',
    group: 'Presence',
    reloadable: true,
    meaning:
      'What counts as activity of a subscriber. `pong`: any frame, including WebSocket pongs, so a ' +
      'connected subscriber stays active. `frame`: data frames only, so a subscriber that sends nothing ' +
      'becomes inactive.',
  }),
  subscriberInactiveAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning:
      'A subscriber that is silent for this long becomes inactive and gets no events. Keep it above ' +
      '`DAT_PING_INTERVAL_MS`; otherwise subscribers become inactive between two pings.',
  }),
  subscriberRemoveAfterMs: row({
    kind: spanMs,
    default: 300_000,
    group: 'Presence',
    meaning:
      'Subscriptions of a subscriber that is silent for this long are removed. A subscriber that ' +
      'reconnects earlier keeps them. Set it above `DAT_SUBSCRIBER_INACTIVE_AFTER_MS`; otherwise ' +
      'subscriptions are removed without becoming inactive first.',
  }),
  deviceStaleAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning: 'A connected device that is silent for this long becomes stale.',
  }),
  deviceLeaveGraceMs: row({
    kind: spanMsOrZero,
    default: 15_000,
    group: 'Presence',
    meaning:
      'Leave grace: how long the hub waits after an unclean disconnect before it calls the device ' +
      'offline. If the device returns in time, nothing is broadcast. 0 means offline at once.',
  }),
  interestLingerMs: row({
    kind: spanMsOrZero,
    default: 5000,
    group: 'Presence',
    meaning:
      'Time without listeners after which the hub says so to a device that connected with ?interest=true. ' +
      '0 means at once.',
  }),
  deviceRemoveAfterMs: row({
    kind: spanMsOrZero,
    default: 300_000,
    group: 'Presence',
    meaning:
      'An offline device is removed after this, if it has no subscription and no operator has set a pair ' +
      'of it. 0 removes it at once.',
  }),
  pingIntervalMs: row({
    kind: wholeNumber(10, 3_600_000, 'ms'),
    default: 25_000,
    group: 'Presence',
    meaning:
      "Interval of the hub's WebSocket pings to every peer. A peer that sends nothing for this interval " +
      'plus 10 seconds is closed with 4201.',
  }),

  flushMaxMs: row({
    kind: wholeNumber(0, 1000, 'ms'),
    default: 5,
    group: 'Delivery',
    meaning:
      'Longest time that batching may hold an event under load. 0 sends each event at once, at the price ' +
      'of more writes.',
  }),
  maxMessageBytes: row({
    kind: wholeNumber(1024, 1_048_576, 'bytes'),
    default: 65_536,
    group: 'Delivery',
    meaning:
      'Largest frame that a peer may send. A larger one gets error 106 and the connection is closed with ' +
      '4000.',
  }),
  sendQueueBytes: row({
    kind: queueBytes,
    default: 262_144,
    group: 'Delivery',
    meaning:
      'Send queue size above which a subscriber counts as slow. It then gets only high-priority events ' +
      'until the queue is down to a quarter, followed by a `gap` and the newest missed event of each ' +
      'device. Must not exceed `DAT_SEND_QUEUE_MAX_BYTES`; if both are equal, a slow subscriber is closed ' +
      'at once.',
  }),
  sendQueueMaxBytes: row({
    kind: queueBytes,
    default: 1_048_576,
    group: 'Delivery',
    meaning:
      'Send queue size above which a subscriber is closed with 4108. A subscriber that is slow for 30 ' +
      'seconds is closed too. Each subscriber can take this much memory, and briefly a little more.',
  }),
  sendQueuesTotalBytes: row({
    kind: wholeNumber(0, QUEUES_TOTAL_BYTES_MAX, 'bytes'),
    default: 268_435_456,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Limit for all send queues together, divided evenly among the fan-out threads. Above it, the ' +
      'subscribers with the largest queues are closed first, with 4108. 0 means no limit.',
  }),
  subscriberRate: row({
    kind: wholeNumber(0, 1_000_000, 'frames per second'),
    default: 1000,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Frames per second that one subscriber may send; more are refused with error 111. 0 means no limit.',
  }),
  subscriberBurst: row({
    kind: wholeNumber(0, 1_000_000, 'frames'),
    default: 2000,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Burst: frames that one subscriber may send at once before its rate limit applies. 0 means no limit.',
  }),
  deviceRate: row({
    kind: wholeNumber(0, 1_000_000, 'events per second'),
    default: 100,
    group: 'Delivery',
    reloadable: true,
    meaning: 'Events per second that one device may send; more are refused with error 111. 0 means no limit.',
  }),
  deviceBurst: row({
    kind: wholeNumber(0, 1_000_000, 'events'),
    default: 200,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Burst: events that one device may send at once before its rate limit applies. 0 means no limit.',
  }),

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
  historyBytes: row({
    kind: wordOrNumber('auto', 0, HISTORY_BYTES_MAX),
    default: 'auto',
    group: 'History',
    meaning:
      'Memory for recent events of all devices together. auto is the larger of 32 MiB and 1 KiB for each device of ' +
      'DAT_MAX_DEVICES. 0 turns history off.',
  }),
  historyEvents: row({
    kind: wholeNumber(1, 1_000_000, 'events'),
    default: 100,
    group: 'History',
    meaning: 'Maximum number of kept events per device; fewer are kept when the memory is full.',
  }),
  historyTtlMs: row({
    kind: wholeNumber(1000, SPAN_MS_MAX, 'ms'),
    default: 3_600_000,
    group: 'History',
    meaning:
      'Age up to which events are kept. The newest message and status of each device are kept whatever their age.',
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

  clusterNatsUrl: row({
    kind: natsUrls,
    default: [] as readonly string[],
    defaultText: 'none',
    group: 'Cluster',
    meaning:
      'NATS servers that make hubs with the same `DAT_CLUSTER_NAME` one system, such as `nats://host:4222` or ' +
      '`tls://user:password@host:4222`. They need JetStream. Without it the hub is alone and loads none of the ' +
      "cluster's code.",
  }),
  clusterNatsCredsFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Cluster',
    meaning: 'NATS credentials file (`.creds`) that the hub signs in with.',
  }),
  clusterName: row({
    kind: idOrNone('dat'),
    default: 'dat',
    group: 'Cluster',
    meaning:
      'Name of the cluster. Hubs with the same name are one system; several clusters may share a NATS server.',
  }),
  nodeId: row({
    kind: idOrNone(''),
    default: '',
    defaultText: 'generated',
    group: 'Cluster',
    meaning:
      'Name of this hub within its cluster, the same after a restart, such as the name of its pod. No two hubs of a ' +
      'cluster may have the same.',
  }),
  clusterReplicas: row({
    kind: wholeNumber(1, 5, 'replicas'),
    default: 1,
    group: 'Cluster',
    meaning:
      'Number of NATS servers that keep a copy of what operators set. Counts when the bucket is created; use 3 with a ' +
      'NATS cluster.',
  }),
  clusterNodeTimeoutMs: row({
    kind: wholeNumber(500, 300_000, 'ms'),
    default: 5000,
    group: 'Cluster',
    meaning: 'Silence after which a node of the cluster is lost. All nodes need the same value.',
  }),
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
