/**
 * Warns about settings that are valid but probably unintended: secrets that can be guessed, times that contradict each
 * other, settings that have no effect while another is off. Pure.
 */
import { isAuthenticated, isShortSecret } from '../access/keys.ts';
import { keyOf } from '../webhooks/signature.ts';
import type { Origins } from './rules.ts';
import { envName, rowOf, type SettingKey, type Settings } from './schema.ts';

interface Warning {
  readonly keys: readonly SettingKey[];
  /** What is wrong; undefined if nothing is. */
  readonly check: (settings: Settings) => string | undefined;
}

/** At one guess per millisecond, this many random characters take centuries. */
const ADMIN_TOKEN_CHARACTERS_MIN = 16;

/** As Standard Webhooks requires. */
const WEBHOOK_KEY_BYTES_MIN = 24;

/** Of a burst. */
const NO_RATE = 'is 0: nothing is limited, whatever the rate';

const checks: readonly Warning[] = [
  {
    keys: ['authJwtSecret'],
    check: (settings) =>
      isShortSecret(settings) ? 'is shorter than 32 bytes: it may be guessed' : undefined,
  },
  {
    keys: ['adminToken'],
    check: ({ adminToken }) =>
      adminToken !== '' && adminToken.length < ADMIN_TOKEN_CHARACTERS_MIN
        ? `is shorter than ${ADMIN_TOKEN_CHARACTERS_MIN} characters: it may be guessed`
        : undefined,
  },
  {
    keys: ['webhookSecret'],
    check: ({ webhookSecret }) =>
      webhookSecret !== '' && keyOf(webhookSecret).length < WEBHOOK_KEY_BYTES_MIN
        ? `holds less than ${WEBHOOK_KEY_BYTES_MIN} bytes: it may be guessed`
        : undefined,
  },
  {
    keys: ['subscriberInactiveAfterMs', 'pingIntervalMs'],
    check: ({ subscriberActivity, subscriberInactiveAfterMs, pingIntervalMs }) =>
      subscriberActivity === 'pong' && subscriberInactiveAfterMs <= pingIntervalMs
        ? 'is not above the ping interval: silent subscribers become inactive between two pings'
        : undefined,
  },
  {
    keys: ['deviceStaleAfterMs', 'pingIntervalMs'],
    check: ({ deviceStaleAfterMs, pingIntervalMs }) =>
      deviceStaleAfterMs <= pingIntervalMs
        ? 'is not above the ping interval: silent devices become stale between two pings'
        : undefined,
  },
  {
    keys: ['subscriberRemoveAfterMs', 'subscriberInactiveAfterMs'],
    check: ({ subscriberRemoveAfterMs, subscriberInactiveAfterMs }) =>
      subscriberRemoveAfterMs < subscriberInactiveAfterMs
        ? 'is below the time to inactive: subscriptions are removed without having been inactive'
        : undefined,
  },
  {
    keys: ['maxMessageBytes', 'sendQueueMaxBytes'],
    check: ({ maxMessageBytes, sendQueueMaxBytes }) =>
      maxMessageBytes > sendQueueMaxBytes
        ? 'is above the hard limit of a send queue: one large event closes a subscriber that is a little behind'
        : undefined,
  },
  {
    keys: ['sendQueuesTotalBytes', 'sendQueueMaxBytes'],
    check: ({ sendQueuesTotalBytes, sendQueueMaxBytes }) =>
      sendQueuesTotalBytes > 0 && sendQueuesTotalBytes < sendQueueMaxBytes
        ? 'is below what one send queue may hold: a single slow subscriber fills it'
        : undefined,
  },
  {
    keys: ['deviceBurst', 'deviceRate'],
    check: ({ deviceBurst, deviceRate }) => (deviceBurst === 0 && deviceRate > 0 ? NO_RATE : undefined),
  },
  {
    keys: ['subscriberBurst', 'subscriberRate'],
    check: ({ subscriberBurst, subscriberRate }) =>
      subscriberBurst === 0 && subscriberRate > 0 ? NO_RATE : undefined,
  },
];

/** Settings that have no effect while something is off. */
interface Idle {
  readonly keys: readonly SettingKey[];
  /** What turns them on. */
  readonly by: readonly SettingKey[];
  readonly isOff: (settings: Settings) => boolean;
}

const idle: readonly Idle[] = [
  {
    keys: ['snapshotIntervalMs', 'snapshotOnCorrupt'],
    by: ['snapshotFile'],
    isOff: ({ snapshotFile }) => snapshotFile === '',
  },
  {
    keys: ['authJwtAudience', 'authJwtIssuer', 'authFailuresPerMinute'],
    by: ['authJwtSecret', 'authJwtPublicKeyFile', 'authJwksUrl'],
    isOff: (settings) => !isAuthenticated(settings),
  },
  {
    keys: ['authBanMs'],
    by: ['authFailuresPerMinute'],
    isOff: ({ authFailuresPerMinute }) => authFailuresPerMinute === 0,
  },
  {
    keys: ['clusterNatsCredsFile', 'clusterName', 'nodeId', 'clusterReplicas', 'clusterNodeTimeoutMs'],
    by: ['clusterNatsUrl'],
    isOff: ({ clusterNatsUrl }) => clusterNatsUrl.length === 0,
  },
  {
    keys: ['historyEvents', 'historyTtlMs'],
    by: ['historyBytes'],
    isOff: ({ historyBytes }) => historyBytes === 0,
  },
  { keys: ['tlsEnd'], by: ['tlsCertFile'], isOff: ({ tlsCertFile }) => tlsCertFile === '' },
  {
    keys: ['webhookSecret', 'webhookCoalesceMs'],
    by: ['webhookUrl'],
    isOff: ({ webhookUrl }) => webhookUrl === '',
  },
];

/** One line each. @param origins where each given setting is */
export function settingWarnings(settings: Settings, origins: Origins): string[] {
  const wrong = checks.flatMap(({ keys, check }) => {
    const what = check(settings);
    if (what === undefined) return [];
    const [about, ...others] = keys.map(envName);
    return `${about} ${what}${others.length === 0 ? '' : ` (see ${others.join(', ')})`}`;
  });
  const useless = idle.flatMap(({ keys, by, isOff }) => {
    // A setting that is given with its default has no intended effect.
    const given = keys.filter((key) => origins.has(key) && settings[key] !== rowOf(key).default);
    if (given.length === 0 || !isOff(settings)) return [];
    return given.map((key) => `${envName(key)} has no effect without ${by.map(envName).join(' or ')}`);
  });
  return [...wrong, ...useless];
}
