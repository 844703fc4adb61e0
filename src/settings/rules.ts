/** What must hold between settings. A rule is checked once the settings it names are each right. Pure. */
import { isLoopback } from '../access/ip.ts';
import { isAuthenticated } from '../access/keys.ts';
import { problem, shown } from './problems.ts';
import { envName, type SettingKey, type Settings } from './schema.ts';

/** Where each setting that was given stands; the others have their default. */
export type Origins = ReadonlyMap<SettingKey, string>;

export interface Circumstances {
  readonly origins: Origins;
  /** `NODE_ENV` is production. */
  readonly production: boolean;
}

interface Rule {
  readonly keys: readonly SettingKey[];
  /** The problem, or undefined where the rule holds. */
  readonly check: (settings: Settings, circumstances: Circumstances) => string | undefined;
}

const rules: readonly Rule[] = [
  {
    keys: ['host', 'insecure', 'authJwtSecret', 'authJwtPublicKeyFile', 'authJwksUrl'],
    check: (settings, { origins }) => {
      const { host, insecure } = settings;
      if (insecure || isLoopback(host) || isAuthenticated(settings)) return undefined;
      const accepted =
        'a loopback address (127.0.0.1, ::1, localhost) without authentication, unless DAT_INSECURE=true';
      return problem(placeOf('host', origins), shown(host), accepted);
    },
  },
  {
    keys: ['host', 'adminToken'],
    check: ({ host, adminToken }, { origins }) => {
      if (adminToken !== '' || isLoopback(host)) return undefined;
      const accepted = `a bearer token for the admin API on the non-loopback address ${shown(host)}`;
      return problem(placeOf('adminToken', origins), 'nothing', accepted);
    },
  },
  {
    keys: ['tlsCertFile', 'tlsKeyFile'],
    check: ({ tlsCertFile, tlsKeyFile }, { origins }) => {
      if ((tlsCertFile === '') === (tlsKeyFile === '')) return undefined;
      const [given, missing] =
        tlsCertFile === ''
          ? (['tlsKeyFile', 'tlsCertFile'] as const)
          : (['tlsCertFile', 'tlsKeyFile'] as const);
      const accepted = `the path of a PEM file, because ${placeOf(given, origins)} is set: both or neither`;
      return problem(placeOf(missing, origins), 'nothing', accepted);
    },
  },
  {
    keys: ['faultInjection'],
    check: ({ faultInjection }, { origins, production }) =>
      faultInjection && production
        ? problem(placeOf('faultInjection', origins), shown(true), 'false with NODE_ENV=production')
        : undefined,
  },
  {
    keys: ['sendQueueBytes', 'sendQueueMaxBytes'],
    check: ({ sendQueueBytes, sendQueueMaxBytes }, { origins }) => {
      // Its default gives way to a lower hard limit; a number that was given is meant.
      if (!origins.has('sendQueueBytes') || sendQueueBytes <= sendQueueMaxBytes) return undefined;
      const max = `${placeOf('sendQueueMaxBytes', origins)}, ${sendQueueMaxBytes}`;
      const accepted = `at most the hard limit of the same queue (${max})`;
      return problem(placeOf('sendQueueBytes', origins), shown(sendQueueBytes), accepted);
    },
  },
];

/** @param wrong keys with a problem already: rules about them are left out */
export function brokenRules(
  settings: Settings,
  circumstances: Circumstances,
  wrong: ReadonlySet<SettingKey>,
): string[] {
  return rules
    .filter((rule) => !rule.keys.some((key) => wrong.has(key)))
    .map((rule) => rule.check(settings, circumstances))
    .filter((line) => line !== undefined);
}

function placeOf(key: SettingKey, origins: Origins): string {
  return origins.get(key) ?? `env ${envName(key)}`;
}
