/** Loads settings from what a test gives, with a config file that is never on disk. */
import { type LoadedSettings, loadSettings, type Settings } from '../../src/settings.ts';

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Record<string, string>;
  /** Content of the config file; objects are put into JSON. */
  readonly file?: unknown;
}

export function load({ argv = [], env = {}, file }: Given): LoadedSettings {
  const config = file === undefined ? {} : { DAT_CONFIG: 'dat.json' };
  const readFile = (): string => (typeof file === 'string' ? file : JSON.stringify(file));
  return loadSettings({ argv, env: { ...config, ...env }, readFile });
}

export function settingsOf(given: Given): Settings {
  const loaded = load(given);
  if (!loaded.ok || loaded.settings === undefined) throw new Error(JSON.stringify(loaded));
  return loaded.settings;
}

export function problemsOf(given: Given): readonly string[] {
  const loaded = load(given);
  return loaded.ok ? [] : loaded.problems;
}
