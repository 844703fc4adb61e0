/** Reads settings from the command line. A wrong flag does not stop the parse; later flags are read too. Pure. */
import { Command, Option } from 'commander';
import { helpItems, helpWidth, layOutHelp } from './help-layout.ts';
import { nearestName, problem, shown, unknownName } from './problems.ts';
import { settingGroups } from './row.ts';
import { envName, flagName, rowOf, type SettingKey, settingKeys } from './schema.ts';
import type { Given } from './sources.ts';

const PRECEDENCE =
  'Precedence: flag, environment variable, config file, default. With an invalid setting the hub does not start ' +
  '(exit code 78).';

export interface FlagsRead {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
  /** Value of `--config`; undefined if it was not given. */
  readonly config: string | undefined;
  readonly asked: 'help' | 'version' | undefined;
}

/** @param argv the arguments after the program's name */
export function readFlags(argv: readonly string[]): FlagsRead {
  const command = commandLine();
  const { operands, unknown } = command.parseOptions([...argv]);
  const values = command.opts<Partial<Record<SettingKey | 'config' | 'help' | 'version', unknown>>>();
  const problems = [...operands.map(strayWord), ...unknownFlags(unknown)];
  const given: Given[] = [];
  for (const key of settingKeys) {
    if (!Object.hasOwn(values, key)) continue;
    // Commander gives `true` for a flag without a value; only true-or-false settings accept that.
    const bare = values[key] === true && typeof rowOf(key).default !== 'boolean';
    given.push({ key, value: bare ? undefined : values[key], where: `flag ${flagName(key)}` });
  }
  const config = values.config;
  if (config === true || config === '') {
    problems.push(
      problem('flag --config', shown(config === true ? undefined : ''), 'the path of a JSON file'),
    );
  }
  return {
    given,
    problems,
    config: typeof config === 'string' && config !== '' ? config : undefined,
    asked: values.help ? 'help' : values.version ? 'version' : undefined,
  };
}

/**
 * All settings by group, each with its accepted values, its default and its environment variable.
 * @param columns width of the terminal; undefined without one
 */
export function helpText(columns?: number): string {
  const secrets = settingKeys.filter((key) => rowOf(key).secret);
  const width = helpWidth(columns);
  const command = commandLine();
  command.configureOutput({ getOutHelpWidth: () => width });
  const withoutFlag = secrets.map((key) => [envName(key), helpOf(key)] as const);
  const wrap = (text: string): string => command.createHelp().boxWrap(text, width);
  return `${command.helpInformation()}
${wrap("Secrets have no flag, because any user of the machine can read a process's arguments:")}
${helpItems(command, width, withoutFlag)}

${wrap(PRECEDENCE)}
`;
}

/** Every value is optional for commander: so a missing one is a problem like any other and does not end the parse. */
function commandLine(): Command {
  const command = new Command('dat')
    .description('Device Aggregator Tunnel: sends the events of devices to the subscribers that follow them.')
    .usage('[flags]')
    .helpOption(false)
    .configureOutput({ getOutHasColors: () => false, getErrHasColors: () => false });
  layOutHelp(command);
  command.addOption(new Option('-h, --help', 'print this help').helpGroup('General:'));
  command.addOption(new Option('-V, --version', 'print the version').helpGroup('General:'));
  const config = `JSON file with settings; keys are in camel case, such as devicePort (env DAT_CONFIG)`;
  command.addOption(new Option('--config [file]', config).helpGroup('General:'));
  for (const group of settingGroups) {
    for (const key of settingKeys) {
      const { kind, secret, group: own } = rowOf(key);
      if (secret || own !== group) continue;
      const flags = `${flagName(key)} [${kind.placeholder}]`;
      command.addOption(new Option(flags, helpOf(key)).helpGroup(`${group}:`));
    }
  }
  return command;
}

function helpOf(key: SettingKey): string {
  const { kind, meaning, secret } = rowOf(key);
  const env = secret ? '' : `, env ${envName(key)}`;
  return `${meaning.replaceAll('`', '')} Accepted: ${kind.accepted} (default ${defaultText(key)}${env})`;
}

/** The default as the help shows it. */
export function defaultText(key: SettingKey): string {
  const row = rowOf(key);
  return row.defaultText ?? String(row.default);
}

/**
 * The word after an unknown flag is probably its value and may be a secret, so it is not printed.
 * @param words what commander did not recognise, from the first unknown flag on
 */
function unknownFlags(words: readonly string[]): string[] {
  const problems: string[] = [];
  let afterFlag = false;
  let afterSecret = false;
  for (const word of words) {
    const isValue = afterSecret || !word.startsWith('-') || word === '-' || word === '--';
    afterSecret = false;
    if (isValue) {
      if (!afterFlag) problems.push(strayWord(word));
      continue;
    }
    const flag = word.split('=', 1)[0] ?? word;
    const secret = secretMeantBy(flag);
    problems.push(secret === undefined ? unknownFlag(flag) : secretFlag(flag, secret));
    afterFlag = true;
    afterSecret = secret !== undefined && flag === word;
  }
  return problems;
}

function secretMeantBy(flag: string): SettingKey | undefined {
  const meant = settingKeys.find((key) => key === nearestName(flag, settingKeys));
  return meant !== undefined && rowOf(meant).secret ? meant : undefined;
}

function secretFlag(flag: string, key: SettingKey): string {
  const file = rowOf(key).environmentOnly ? '' : ` or key ${key} of the config file`;
  const expected = `env ${envName(key)}${file}, because any user of the machine can read flags`;
  return problem(placeOf(flag), 'a secret', expected);
}

function unknownFlag(flag: string): string {
  const others = ['config', 'help', 'version'];
  return unknownName(flag, { where: placeOf(flag), noun: 'flag', spell: flagName, others });
}

function placeOf(flag: string): string {
  return `flag ${/^[\w-]{1,60}$/.test(flag) ? flag : shown(flag)}`;
}

function strayWord(word: string): string {
  return problem('argument', shown(word), 'flags only');
}
