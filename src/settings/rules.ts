/** Rules between settings. A rule is checked only if each setting that it names is valid by itself. Pure. */
import { isAuthenticated } from '../access/keys.ts';
import { isLoopback } from '../ip.ts';
import { readTemplates } from '../wire/mqtt/templates.ts';
import { problem, shown } from './problems.ts';
import { envName, type SettingKey, type Settings } from './schema.ts';

/** Where each given setting comes from; the others have their default. */
export type Origins = ReadonlyMap<SettingKey, string>;

export interface Circumstances {
  readonly origins: Origins;
  /** `NODE_ENV` is production. */
  readonly production: boolean;
}

interface Rule {
  readonly keys: readonly SettingKey[];
  /** The problem; undefined if the rule holds. */
  readonly check: (settings: Settings, circumstances: Circumstances) => string | undefined;
}

/** All listeners bind to one address. */
const LISTENER_PORTS = ['devicePort', 'subscriberPort', 'adminPort', 'mqttPort'] as const;

const rules: readonly Rule[] = [
  {
    keys: ['host', 'insecure', 'authJwtSecret', 'authJwtPublicKeyFile', 'authJwksUrl'],
    check: (settings, { origins }) => {
      const { host, insecure } = settings;
      if (insecure || isLoopback(host) || isAuthenticated(settings)) return undefined;
      const expected =
        'a loopback address (127.0.0.1, ::1, localhost), or authentication, or DAT_INSECURE=true';
      return problem(placeOf('host', origins), shown(host), expected);
    },
  },
  {
    keys: ['host', 'adminToken'],
    check: ({ host, adminToken }, { origins }) => {
      if (adminToken !== '' || isLoopback(host)) return undefined;
      const expected = `a bearer token for the admin API, because the address ${shown(host)} is not loopback`;
      return problem(placeOf('adminToken', origins), 'nothing', expected);
    },
  },
  {
    keys: ['devicePort', 'subscriberPort', 'adminPort', 'mqttPort'],
    check: (settings, { origins }) => {
      for (const [at, key] of LISTENER_PORTS.entries()) {
        const port = settings[key];
        const other = LISTENER_PORTS.slice(0, at).find((before) => settings[before] === port);
        if (other === undefined || port === 0) continue; // 0: any free port
        const [given, taken] = origins.has(key) ? [key, other] : [other, key];
        return problem(placeOf(given, origins), shown(port), `another port than that of ${envName(taken)}`);
      }
      return undefined;
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
      const expected = `the path of a PEM file, because ${placeOf(given, origins)} is set`;
      return problem(placeOf(missing, origins), 'nothing', expected);
    },
  },
  {
    keys: ['mqttTopics'],
    check: ({ mqttTopics }, { origins }) => {
      const read = readTemplates(mqttTopics);
      return read.ok ? undefined : `${placeOf('mqttTopics', origins)}: ${read.problems.join('; ')}`;
    },
  },
  {
    keys: ['webhookUrl', 'webhookSecret'],
    check: ({ webhookUrl, webhookSecret }, { origins }) =>
      webhookUrl !== '' && webhookSecret === ''
        ? problem(
            placeOf('webhookSecret', origins),
            'nothing',
            `a secret to sign with, because ${placeOf('webhookUrl', origins)} is set`,
          )
        : undefined,
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
      // The default yields to a lower hard limit. A number that was set is intended, so it is refused.
      if (!origins.has('sendQueueBytes') || sendQueueBytes <= sendQueueMaxBytes) return undefined;
      const max = `${placeOf('sendQueueMaxBytes', origins)}, ${sendQueueMaxBytes}`;
      const expected = `at most the hard limit of the same queue (${max})`;
      return problem(placeOf('sendQueueBytes', origins), shown(sendQueueBytes), expected);
    },
  },
];

/** @param wrong keys that already have a problem: rules about them are skipped */
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
