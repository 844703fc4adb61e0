/** Reads settings from the environment and the config file. Pure: the caller passes in their content. */
import { lookAtJson } from '../json-text.ts';
import { problem, readFailure, shown, unknownName } from './problems.ts';
import { envName, rowOf, type SettingKey, settingKeys } from './schema.ts';

/** One value given for a setting, not yet checked. */
export interface Given {
  readonly key: SettingKey;
  /** undefined: the name is there but its value is missing */
  readonly value: unknown;
  /** `flag --host`, `env DAT_HOST` or `file dat.json, key host` */
  readonly where: string;
}

export interface SourceRead {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
}

export const CONFIG_VARIABLE = 'DAT_CONFIG';
const PREFIX = 'DAT_';
/** `DAT_…` variables that are not settings: the config file, and the token that `dat` connects with as a peer. */
export const otherVariables: readonly string[] = [CONFIG_VARIABLE, 'DAT_TOKEN'];

const keyOfVariable = new Map(settingKeys.map((key) => [envName(key), key]));
const keyOfName = new Map<string, SettingKey>(settingKeys.map((key) => [key, key]));

/** An empty variable counts as not given. Any other `DAT_…` variable that is not a setting is a problem. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): SourceRead {
  const given: Given[] = [];
  const problems: string[] = [];
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (!name.startsWith(PREFIX) || otherVariables.includes(name) || value === undefined || value === '')
      continue;
    const key = keyOfVariable.get(name);
    if (key === undefined) problems.push(unknownVariable(name));
    else given.push({ key, value, where: `env ${name}` });
  }
  return { given, problems };
}

function unknownVariable(name: string): string {
  const where = `env ${named(name)}`;
  if (/^DAT_(?:SERVICE_|PORT$|PORT_\d)/.test(name)) {
    const expected =
      'no such variable. Kubernetes sets it for a service named dat; set enableServiceLinks: false';
    return problem(where, 'an unknown variable', expected);
  }
  return unknownName(name, { where, noun: 'variable', spell: envName, others: ['config'] });
}

/**
 * @param path used in problem lines and passed to `readFile`
 * @param readFile returns the file's text; an error it throws becomes a problem
 */
export function readConfigFile(path: string, readFile: (path: string) => string): SourceRead {
  const file = `file ${named(path)}`;
  let text: string;
  let content: unknown;
  try {
    text = readFile(path);
    content = JSON.parse(text);
  } catch (error) {
    return { given: [], problems: [unreadable(file, error)] };
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    const what = Array.isArray(content) ? 'a list' : content === null ? 'null' : `a ${typeof content}`;
    return { given: [], problems: [problem(file, what, 'one JSON object whose keys are settings')] };
  }
  const given: Given[] = [];
  const problems: string[] = [];
  const { duplicate } = lookAtJson(text, { keysDownTo: 1 });
  if (duplicate !== undefined)
    problems.push(problem(`${file}, key ${named(duplicate)}`, 'twice', 'each key once'));
  for (const [name, value] of Object.entries(content)) {
    const where = `${file}, key ${named(name)}`;
    const key = keyOfName.get(name);
    if (key !== undefined && rowOf(key).environmentOnly)
      problems.push(problem(where, 'a secret', `env ${envName(key)}, and nothing in a file`));
    else if (key !== undefined) given.push({ key, value, where });
    else problems.push(unknownName(name, { where, noun: 'key', spell: (meant) => meant, others: [] }));
  }
  return { given, problems };
}

/** The engine's own message may quote the file, so only the position of a syntax error is reported. */
function unreadable(file: string, error: unknown): string {
  if (error instanceof SyntaxError) {
    const place = /\bposition \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0];
    return problem(file, `text that is not JSON${place ? ` (at ${place})` : ''}`, 'one JSON object');
  }
  return problem(file, readFailure(error), 'the path of a readable JSON file');
}

/** A name or path: unchanged if that is harmless, otherwise quoted. */
function named(name: string): string {
  return /^[\w./~-]{1,200}$/.test(name) ? name : shown(name);
}
