/** `dat`: collects the commands, runs the one that was asked for, and puts what went wrong into one line. */
import { Command, CommanderError } from 'commander';
import { nearest } from '../did-you-mean.ts';
import { helpItems, helpWidth, layOutHelp } from '../settings/help-layout.ts';
import { packageVersion } from '../settings/version.ts';
import { examples, Group, type RegisterCommand } from './command.ts';
import { register as bench } from './commands/bench.ts';
import { register as cluster } from './commands/cluster.ts';
import { register as completion } from './commands/completion.ts';
import { register as config } from './commands/config.ts';
import { register as context } from './commands/context.ts';
import { register as demo } from './commands/demo.ts';
import { register as doctor } from './commands/doctor.ts';
import { register as gateway } from './commands/gateway.ts';
import { register as history } from './commands/history.ts';
import { register as kick } from './commands/kick.ts';
import { register as ls } from './commands/ls.ts';
import { register as pair } from './commands/pair.ts';
import { register as reload } from './commands/reload.ts';
import { register as send } from './commands/send.ts';
import { register as serve } from './commands/serve.ts';
import { register as simulate } from './commands/simulate.ts';
import { register as subscribers } from './commands/subscribers.ts';
import { register as terminate } from './commands/terminate.ts';
import { register as token } from './commands/token.ts';
import { register as top } from './commands/top.ts';
import { register as watch } from './commands/watch.ts';
import { register as who } from './commands/who.ts';
import { CliFailure, Exit, exitMeanings } from './failure.ts';
import { note } from './output.ts';

/** In the order of the help. What a command needs beyond its options is loaded when it runs. */
const commands: readonly RegisterCommand[] = [
  ...[serve, demo],
  ...[watch, send, simulate, gateway],
  ...[top, ls, who, subscribers, history, cluster],
  ...[pair, kick, terminate, reload],
  ...[context, token, config, doctor, bench, completion],
];

const helpCommand = ['help [command]', 'print the help of a command'] as const;

/** `dat` with all its commands. */
export function createProgram(): Command {
  const dat = new Command('dat')
    .description('Device Aggregator Tunnel: run a hub for a fleet of devices, watch it, operate it.')
    .usage('[command]')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .commandsGroup(Group.setup)
    .helpCommand(...helpCommand);
  layOutHelp(dat);
  dat
    .configureHelp({
      ...dat.configureHelp(),
      subcommandTerm: (one) => [one.name(), ...termsOf(one)].join(' '),
      commandDescription: (one) => asSentence(one.description()),
    })
    .configureOutput({
      getOutHelpWidth: () => helpWidth(process.stdout.columns),
      getErrHelpWidth: () => helpWidth(process.stderr.columns),
    });
  for (const register of commands) register(dat);
  // The one that they inherit stands under a heading that is about all commands.
  for (const one of dat.commands) if (one.commands.length > 0) one.helpCommand(...helpCommand);
  return dat.addHelpText('after', () => closingHelp(dat));
}

/** What stands as a phrase in the list of commands is a sentence above a command's own help. */
function asSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

/** The arguments of a command, without the word for its options. */
function termsOf({ registeredArguments }: Command): string[] {
  return registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
}

function closingHelp(dat: Command): string {
  const width = helpWidth(process.stdout.columns);
  const help = dat.createHelp();
  const tokens =
    'Tokens come from the environment, DAT_TOKEN for a device or subscriber and DAT_ADMIN_TOKEN for the admin API, or ' +
    'from the files of a context.';
  return `${examples(
    'dat serve                              # a hub on loopback',
    'dat watch dev-1                        # in a second terminal',
    `dat send dev-1 '{"temperature":21.5}'  # in a third`,
    'dat demo                               # all at once',
  )}

${help.boxWrap(`Without a command, or with flags only, dat runs the hub. ${tokens}`, width)}

Exit codes:
${helpItems(
  dat,
  width,
  Object.entries(exitMeanings).map(([code, meaning]) => [code, meaning.replaceAll('`', '"')]),
)}`;
}

/** @returns the exit code */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const dat = createProgram();
  let failed = dat;
  for (const command of withSubcommands(dat)) {
    command.configureOutput({ writeErr: () => {} }).exitOverride((error) => {
      failed = command;
      throw error;
    });
  }
  try {
    await dat.parseAsync([...argv], { from: 'user' });
    return Number(process.exitCode ?? Exit.ok);
  } catch (error) {
    if (error instanceof CliFailure) {
      note(`dat: ${error.message}`);
      return error.exit;
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return Exit.ok;
    if (error.code === 'commander.help') {
      const [word, name] = failed.args;
      if (word === 'help' && name !== undefined) {
        note(`dat: ${unknownCommand(name, failed)}; see "${pathOf(failed)} --help"`);
        return Exit.usage;
      }
      process.stderr.write(failed.helpInformation({ error: true }));
      return Exit.usage;
    }
    note(`dat: ${sentenceOf(error)}; see "${pathOf(failed)} --help"`);
    return Exit.usage;
  }
}

/** As commander says it, which answers `help NAME` with the help of all where there is no NAME. */
function unknownCommand(name: string, { commands }: Command): string {
  const meant = nearest(
    name,
    commands.map((one) => one.name()),
  );
  return `unknown command "${name}"${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`;
}

/** Commander's words without its punctuation. */
function sentenceOf({ message }: CommanderError): string {
  return message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/command-argument value '(.*)' is invalid for argument '(.*)'\./, '$2 "$1":')
    .replace(/option '(.*)' argument '(.*)' is invalid\./, '$1 "$2":')
    .replace(/Allowed choices are (.*)\.$/, 'expected one of $1')
    .replaceAll("'", '"')
    .replace(/ \(Did you mean (.*)\?\)$/, ' (did you mean "$1"?)')
    .replace(/\.$/, '');
}

/** `dat token create` */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap((one) => withSubcommands(one as Command))];
}
