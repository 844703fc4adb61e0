/** `dat config`: what the hub would start with, and what may be given to it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { defaultText } from '../../settings/flags.ts';
import { withoutCredentials } from '../../settings/problems.ts';
import { settingGroups } from '../../settings/row.ts';
import { envName, rowOf, settingKeys } from '../../settings/schema.ts';
import { startProblems } from '../../settings/start-check.ts';
import { settingWarnings } from '../../settings/warnings.ts';
import { explainSettings } from '../../settings.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, note, styled, table } from '../output.ts';

const sources = (argv: readonly string[]) => ({
  argv,
  env: process.env,
  readFile: (path: string) => readFileSync(path, 'utf8'),
});

/** @param flags those of `dat serve` */
export function check(flags: readonly string[], { json }: JsonOption): void {
  const from = sources(flags);
  const { settings, origins, problems: wrong } = explainSettings(from);
  // What the settings name is looked at only once they are right by themselves.
  const problems = wrong.length > 0 ? wrong : startProblems(settings, from.readFile);
  const warnings = settingWarnings(settings, origins);
  if (json) jsonLine({ ok: problems.length === 0, problems, warnings });
  else if (problems.length === 0) line('the settings are right');
  for (const problem of json ? [] : problems) note(`dat: ${problem}`);
  for (const warning of json ? [] : warnings) note(`dat: warning: ${warning}`);
  if (problems.length > 0) {
    throw new CliFailure(Exit.config, `${counted(problems)}; what is accepted: dat config env`);
  }
}

const counted = ({ length }: readonly string[]): string =>
  length === 1 ? '1 problem' : `${length} problems`;

/** Every setting with its value and where that comes from; secrets masked. */
export function show(flags: readonly string[], { json }: JsonOption): void {
  const { settings, origins, problems } = explainSettings(sources(flags));
  const entries = settingKeys.map((key) => {
    const value = settings[key];
    const isHidden = rowOf(key).secret === true && value !== '';
    return { key, value: isHidden ? '********' : masked(value), from: origins.get(key) ?? 'default' };
  });
  if (json) jsonLine(Object.fromEntries(entries.map(({ key, ...rest }) => [key, rest])));
  else {
    const cells = entries.map(({ key, value, from }) => [
      key,
      String(value) || `(${defaultText(key)})`,
      from === 'default' ? styled('dim', from) : from,
    ]);
    line(table(['SETTING', 'VALUE', 'FROM'], cells));
  }
  for (const problem of problems) note(`dat: ${problem}`);
  if (problems.length > 0)
    throw new CliFailure(Exit.config, `${counted(problems)}: these settings do not start`);
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  return typeof value === 'string' ? withoutCredentials(value) : value;
}

/** The JSON schema of the config file. */
export function schema(): void {
  const properties = Object.fromEntries(
    settingKeys
      .filter((key) => !rowOf(key).environmentOnly)
      .map((key) => {
        const row = rowOf(key);
        // What a setting is once it is read: text that stands for a number or a truth is for the environment.
        const { $schema: _, ...of } = z.toJSONSchema(row.kind.schema, {
          io: 'output',
          unrepresentable: 'any',
        });
        return [
          key,
          {
            description: row.meaning.replaceAll('`', ''),
            ...of,
            ...(!row.secret && { default: row.default }),
          },
        ];
      }),
  );
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Device Aggregator Tunnel',
    type: 'object',
    additionalProperties: false,
    properties,
  };
  line(JSON.stringify(document, undefined, 2));
}

/** A file of environment variables to begin with: all there are, none set. */
export function env(): void {
  for (const group of settingGroups) {
    line(`# ${group}`);
    for (const key of settingKeys) {
      const { group: own, meaning, kind, secret, default: value } = rowOf(key);
      if (own !== group) continue;
      line(`\n# ${meaning.replaceAll('`', '')}\n# Accepted: ${kind.accepted}.`);
      line(`#${envName(key)}=${secret ? '' : String(value)}`);
    }
    line('');
  }
}

export const register: RegisterCommand = (dat) => {
  const config = dat
    .command('config')
    .helpGroup(Group.setup)
    .description('check and show the settings of the hub')
    .addHelpText('after', examples('dat config check --config dat.json', 'dat config env > dat.env'));
  const flags = 'flags of "dat serve"';
  config
    .command('check')
    .argument('[flags...]', flags)
    .allowUnknownOption()
    .description('check the settings, and list what is wrong')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat config check', 'dat config check --config dat.json'))
    .action(check);
  config
    .command('show')
    .argument('[flags...]', flags)
    .allowUnknownOption()
    .description('show every setting, its value and where the value comes from; secrets are masked')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat config show', 'DAT_PING_INTERVAL_MS=9000 dat config show --json'))
    .action(show);
  config
    .command('schema')
    .description('print the JSON schema of the config file')
    .addHelpText('after', examples('dat config schema > dat.schema.json'))
    .action(schema);
  config
    .command('env')
    .description('print a template for a file of environment variables')
    .addHelpText('after', examples('dat config env > dat.env'))
    .action(env);
};
