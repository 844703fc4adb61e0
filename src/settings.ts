/**
 * Settings from flags, environment, config file and defaults, in that order of precedence, or the list of everything
 * that is wrong with them. Runs on the main thread at start. Nothing else in the project reads the environment.
 */

import { readFileSync } from 'node:fs';
import { HISTORY_BYTES_MAX, HISTORY_BYTES_MIN } from './history/memory.ts';
import { helpText, readFlags } from './settings/flags.ts';
import { wrongValue } from './settings/problems.ts';
import { brokenRules, type Origins } from './settings/rules.ts';
import { rowOf, type SettingKey, type Settings, settingKeys } from './settings/schema.ts';
import { readSecretFiles } from './settings/secret-files.ts';
import {
  CONFIG_VARIABLE,
  type Given,
  readConfigFile,
  readEnvironment,
  type SourceRead,
} from './settings/sources.ts';
import { packageVersion } from './settings/version.ts';
import { settingWarnings } from './settings/warnings.ts';

export type { SettingGroup, SettingRow } from './settings/row.ts';
export { FANOUT_WORKERS_MAX, INGEST_WORKERS_MAX } from './settings/rows/threads.ts';
export { type SettingKey, type Settings, settingKeys, settingRows } from './settings/schema.ts';
export { settingsTable } from './settings/table.ts';
export { resolveFanoutWorkers, resolveThreads, type ThreadCounts } from './settings/thread-counts.ts';
export { packageVersion } from './settings/version.ts';

/** Exit code of a start with invalid settings: EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78;

/** @throws what the file system throws */
export const readTextFile = (path: string): string => readFileSync(path, 'utf8');

export interface SettingsSources {
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called for the config file only; an error it throws becomes a problem. */
  readonly readFile: (path: string) => string;
  /** Of the terminal that the help is for; absent without one. */
  readonly columns?: number;
}

export type LoadedSettings =
  | {
      readonly ok: true;
      readonly settings: Settings;
      /** What the hub accepts and is probably not meant, one line each: for the log. */
      readonly warnings: readonly string[];
      readonly text?: undefined;
    }
  /** The help or the version was asked for: print it and exit 0. */
  | { readonly ok: true; readonly settings?: undefined; readonly text: string }
  /** One line each: print them and exit with `EXIT_CONFIG`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Loads the settings. Reports all problems at once and never throws. */
export function loadSettings(sources: SettingsSources): LoadedSettings {
  const { asked } = readFlags(sources.argv);
  if (asked === 'help') return { ok: true, text: helpText(sources.columns) };
  if (asked === 'version') return { ok: true, text: `${packageVersion()}\n` };
  const { settings, origins, problems } = explainSettings(sources);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, settings, warnings: settingWarnings(settings, origins) };
}

export interface ExplainedSettings {
  /** An invalid setting has its default here. */
  readonly settings: Settings;
  /** Where each given setting is. */
  readonly origins: Origins;
  /** One line each. */
  readonly problems: readonly string[];
  /** What would be wrong between other settings from these sources, one line each. */
  rulesBrokenBy(settings: Settings): readonly string[];
  /** What of other settings from these sources is accepted and probably not meant, one line each. */
  warningsOf(settings: Settings): readonly string[];
}

/** The settings, where each comes from, and what is wrong with them. Never throws. */
export function explainSettings(sources: SettingsSources): ExplainedSettings {
  const flags = readFlags(sources.argv);
  const environment = readEnvironment(sources.env);
  const file = readChosenFile(flags.config, sources);
  const problems = [...flags.problems, ...environment.problems, ...file.problems];
  const { settings, origins, wrong } = settle([file, environment, flags], problems, sources.readFile);
  const { NODE_ENV } = sources.env;
  const circumstances = { origins, production: NODE_ENV === 'production' };
  problems.push(...brokenRules(settings, circumstances, wrong));
  const rulesBrokenBy = (others: Settings) => brokenRules(others, circumstances, wrong);
  const warningsOf = (others: Settings) => settingWarnings(others, origins);
  return { settings, origins, problems, rulesBrokenBy, warningsOf };
}

const processSources = (): SettingsSources => ({
  argv: process.argv.slice(2),
  env: process.env,
  readFile: readTextFile,
  columns: process.stdout.columns,
});

/** Loads the settings of this process. */
export function loadSettingsFromProcess(): LoadedSettings {
  return loadSettings(processSources());
}

/** Reads the settings of this process again. */
export function explainSettingsOfProcess(): ExplainedSettings {
  return explainSettings(processSources());
}

/** Memory for history, bytes; 0: off. */
export function resolveHistoryBytes({
  historyBytes,
  maxDevices,
}: Pick<Settings, 'historyBytes' | 'maxDevices'>): number {
  if (historyBytes !== 'auto') return historyBytes === 0 ? 0 : Math.max(HISTORY_BYTES_MIN, historyBytes);
  return Math.min(HISTORY_BYTES_MAX, Math.max(32 * 1024 ** 2, 1024 * maxDevices));
}

function readChosenFile(fromFlag: string | undefined, { env, readFile }: SettingsSources): SourceRead {
  const path = fromFlag ?? env[CONFIG_VARIABLE];
  if (path === undefined || path === '') return { given: [], problems: [] };
  return readConfigFile(path, readFile);
}

interface Settled {
  readonly settings: Settings;
  readonly origins: ReadonlyMap<SettingKey, string>;
  readonly wrong: ReadonlySet<SettingKey>;
}

/**
 * Checks every given value, including those that a stronger source overrides, and keeps the strongest.
 * @param sources from the weakest to the strongest
 * @param problems gets a line for each wrong value
 */
function settle(
  sources: readonly { readonly given: readonly Given[] }[],
  problems: string[],
  readFile: SettingsSources['readFile'],
): Settled {
  const values: Record<string, unknown> = {};
  const origins = new Map<SettingKey, string>();
  const wrong = new Set<SettingKey>();
  for (const key of settingKeys) values[key] = rowOf(key).default;
  const given = sources.flatMap((source) => source.given);
  for (const { key, value, where } of given) {
    const checked = rowOf(key).kind.schema.safeParse(value);
    if (checked.success) {
      values[key] = checked.data;
      origins.set(key, where);
    } else {
      wrong.add(key);
      problems.push(wrongValue(where, key, value));
    }
  }
  const secrets = readSecretFiles(
    given.filter(({ key }) => !wrong.has(key)),
    readFile,
  );
  problems.push(...secrets.problems);
  for (const { key, value, where } of secrets.given) {
    values[key] = value;
    origins.set(key, where);
  }
  // Every key is there, and each value is the row's default or came out of the row's schema.
  return { settings: Object.freeze(values) as unknown as Settings, origins, wrong };
}
