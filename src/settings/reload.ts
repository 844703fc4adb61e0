/** Decides what a reload changes: compares the settings in force with the newly loaded ones. Pure. */
import { isAuthenticated } from '../access/keys.ts';
import { rowOf, type SettingKey, type Settings, settingKeys } from './schema.ts';

export interface ReloadPlan {
  /** Settings with another value that can take effect now. */
  readonly changed: readonly SettingKey[];
  /** Settings with another value that take a restart. */
  readonly needRestart: readonly SettingKey[];
  /** The settings in force once the changed ones have taken effect. */
  readonly settings: Settings;
}

/**
 * Turning one of these on or off takes a restart, even if its settings are reloadable, because listeners depend on it.
 */
const switches: readonly {
  readonly keys: readonly SettingKey[];
  readonly isOn: (settings: Settings) => boolean;
}[] = [
  { keys: ['tlsCertFile', 'tlsKeyFile'], isOn: ({ tlsCertFile }) => tlsCertFile !== '' },
  { keys: ['webhookUrl'], isOn: ({ webhookUrl }) => webhookUrl !== '' },
  { keys: ['adminToken', 'adminTokenFile'], isOn: ({ adminToken }) => adminToken !== '' },
  {
    keys: ['authJwtSecret', 'authJwtSecretFile', 'authJwtPublicKeyFile', 'authJwksUrl'],
    isOn: isAuthenticated,
  },
];

/** Splits newly loaded settings into those that take effect with a reload, and those that need a restart. */
export function planReload(inForce: Settings, loaded: Settings): ReloadPlan {
  const switched = new Set(
    switches.filter(({ isOn }) => isOn(inForce) !== isOn(loaded)).flatMap(({ keys }) => keys),
  );
  const different = settingKeys.filter((key) => !isSame(inForce[key], loaded[key]));
  const changed = different.filter((key) => rowOf(key).reloadable === true && !switched.has(key));
  const needRestart = different.filter((key) => !changed.includes(key));
  return { changed, needRestart, settings: { ...inForce, ...pick(loaded, changed) } };
}

/** Only these settings. */
export function pick(settings: Settings, keys: readonly SettingKey[]): Partial<Settings> {
  return Object.fromEntries(keys.map((key) => [key, settings[key]]));
}

/** Values are texts, numbers, booleans and lists of texts. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
