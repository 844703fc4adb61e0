/** What the hub accepts and is probably not meant: secrets that can be guessed, times that contradict each other. Pure. */
import { isShortSecret } from '../access/keys.ts';
import { keyOf } from '../webhooks/signature.ts';
import type { Origins } from './rules.ts';
import { envName, type SettingKey, type Settings } from './schema.ts';

interface Warning {
  readonly keys: readonly SettingKey[];
  /** What is wrong; undefined where nothing is. */
  readonly check: (settings: Settings, given: (key: SettingKey) => boolean) => string | undefined;
}

/** Whoever asks once a millisecond needs centuries for as many random characters. */
const ADMIN_TOKEN_CHARACTERS_MIN = 16;

/** What Standard Webhooks asks for. */
const WEBHOOK_KEY_BYTES_MIN = 24;

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
    keys: ['snapshotIntervalMs', 'snapshotFile'],
    check: ({ snapshotFile }, given) =>
      snapshotFile === '' && (given('snapshotIntervalMs') || given('snapshotOnCorrupt'))
        ? 'has no effect without a snapshot file'
        : undefined,
  },
  {
    keys: ['authJwtAudience', 'authJwtSecret'],
    check: (settings) => {
      const { authJwtAudience, authJwtIssuer, authJwtSecret, authJwtPublicKeyFile, authJwksUrl } = settings;
      const isOff = authJwtSecret + authJwtPublicKeyFile + authJwksUrl === '';
      return isOff && authJwtAudience + authJwtIssuer !== ''
        ? 'has no effect: without a key, nobody needs a token'
        : undefined;
    },
  },
];

/** One line each. @param origins where each given setting is */
export function settingWarnings(settings: Settings, origins: Origins): string[] {
  return checks.flatMap(({ keys, check }) => {
    const what = check(settings, (key) => origins.has(key));
    if (what === undefined) return [];
    const [about, ...others] = keys.map(envName);
    return `${about} ${what}${others.length === 0 ? '' : ` (see ${others.join(', ')})`}`;
  });
}
