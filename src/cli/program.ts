/** The commands of `dat`: names, arguments and help. What each does is in `commands/`, loaded when it runs. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../settings/version.ts';
import { withUrl } from './connection.ts';
import { CliFailure, Exit, exitMeanings } from './failure.ts';
import { note } from './output.ts';

/** @param least smallest that is accepted */
function numberFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const accepted = `a number from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`;
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`accepted is ${accepted}`);
  };
}

function countFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const number = numberFrom(least, most);
  return (text) => {
    const value = number(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError('accepted is a whole number');
  };
}

const CENTURY_SECONDS = 100 * 365 * 24 * 3600;
/** More than one process of Node can play. */
const SIMULATED_DEVICES_MAX = 10_000;
const SIMULATED_RATE_MAX = 1000;

const EXIT_CODES = Object.entries(exitMeanings)
  .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
  .join('\n');

/** @param ended told the exit code of a program that was handed over to */
export function createProgram(ended: (code: number) => void = () => {}): Command {
  const program = new Command('dat')
    .description('Device Aggregator Tunnel: the hub, and what goes with it.')
    .usage('[command]')
    .version(packageVersion(), '-V, --version')
    .addHelpText(
      'after',
      `
Without a command, or with flags only: dat serve.

Examples:
  $ dat serve                                   # a hub on loopback
  $ dat watch dev-1                             # in another terminal
  $ dat send dev-1 '{"temperature":21.5}'       # and another
  $ dat demo                                    # hub, fleet and dashboard at once

Tokens come from the environment: DAT_TOKEN for a device or subscriber, DAT_ADMIN_TOKEN for the admin API.

Exit codes:
${EXIT_CODES}`,
    );
  const json = () => new Option('--json', 'print JSON, one value a line');
  const examples = (...lines: readonly string[]): string =>
    `\nExamples:\n${lines.map((one) => `  $ ${one}`).join('\n')}`;

  program
    .command('serve')
    .description('run the hub (also: dat with flags only); its flags: dat serve --help')
    .allowUnknownOption();
  withUrl(program.command('watch <device...>'), 'subscriber')
    .description('follow devices and print their events; comes back by itself')
    .addOption(json())
    .option('--id <id>', "this subscriber's id; given twice, the newer takes over")
    .option('--count <events>', 'end after so many', countFrom(1))
    .addHelpText('after', examples('dat watch dev-1 dev-2', 'dat watch dev-1 --json | jq .data'))
    .action(async (devices, options) => (await import('./commands/follow.ts')).watch(devices, options));
  withUrl(program.command('send <device> [json]'), 'device', 'admin')
    .description(
      'send one event as a device, and wait until the hub has it; a device of this id that is connected is replaced, unless --operator',
    )
    .addOption(json())
    .addOption(
      new Option('--type <type>', 'default: status with --status, else message').choices([
        'message',
        'status',
        'pong',
      ]),
    )
    .option('--status <text>', '1 to 64 characters')
    .option(
      '--operator',
      'publish through the admin API (DAT_ADMIN_TOKEN): a connected device stays connected',
    )
    .addOption(new Option('--priority <priority>', 'default: by type').choices(['low', 'normal', 'high']))
    .addHelpText(
      'after',
      examples(
        `dat send dev-1 '{"temperature":21.5}'`,
        'dat send dev-1 --status charging',
        `dat send dev-1 '"reboot?"' --priority high --operator`,
      ),
    )
    .action(async (device, data, options) =>
      (await import('./commands/follow.ts')).send(device, data, options),
    );
  withUrl(program.command('simulate'), 'device')
    .description('a fleet with changing statuses, drop-outs and noise')
    .addOption(json())
    .option('--devices <count>', 'how many', countFrom(1, SIMULATED_DEVICES_MAX), 20)
    .option('--rate <events>', 'events per second of each', numberFrom(0, SIMULATED_RATE_MAX), 1)
    .option('--seconds <seconds>', 'how long; 0 is until Ctrl-C', numberFrom(0), 0)
    .option('--seed <number>', 'the same fleet for the same seed', countFrom(0), 1)
    .option('--prefix <text>', 'their ids begin with', 'sim-')
    .addHelpText('after', examples('dat simulate --devices 200 --rate 5 --seconds 60'))
    .action(async (options) => (await import('./commands/simulate.ts')).simulate(options));
  withUrl(program.command('top'), 'admin')
    .description('what the hub does now: rates, latency, threads, busiest devices, slow subscribers')
    .addOption(json())
    .option('--once', 'print it once')
    .addHelpText('after', examples('dat top', 'dat top --once --json | jq .latency'))
    .action(async (options) => (await import('./commands/top.ts')).top(options));

  const operate = async () => import('./commands/operate.ts');
  withUrl(program.command('who <device>'), 'admin')
    .description('who follows a device')
    .addOption(json())
    .addHelpText(
      'after',
      examples('dat who dev-1', 'DAT_ADMIN_TOKEN=… dat who dev-1 --admin-url https://hub.example:7402'),
    )
    .action(async (device, options) => (await operate()).who(device, options));
  const pairs = [
    ['allow', 'let a subscriber follow a device', { status: 'allow' }],
    ['deny', 'keep a device from a subscriber; live delivery ends at once', { status: 'deny' }],
    ['pause', 'send a subscriber nothing of a device', { status: 'inactive' }],
    ['activate', 'subscribe a subscriber to a device, or end its pause', { status: 'active' }],
    ['vip', 'send to a subscriber first', { vip: true }],
    ['no-vip', 'send to a subscriber like to others', { vip: false }],
  ] as const;
  for (const [name, description, change] of pairs) {
    withUrl(program.command(`${name} <device> <subscriber>`), 'admin')
      .description(description)
      .addOption(json())
      .addHelpText('after', examples(`dat ${name} dev-1 dashboard-1`))
      .action(async (device, subscriber, options) =>
        (await operate()).setRow(device, subscriber, change, options),
      );
  }
  withUrl(program.command('kick <subscriber>'), 'admin')
    .description("close a subscriber's connection and remove its rows, denials too (kick first, then deny)")
    .addOption(json())
    .addHelpText('after', examples('dat kick dashboard-1'))
    .action(async (subscriber, options) => (await operate()).kick(subscriber, options));
  withUrl(program.command('terminate <device>'), 'admin')
    .description("close a device's connection and remove it with every row of it, denials too")
    .addOption(json())
    .addHelpText('after', examples('dat terminate dev-1'))
    .action(async (device, options) => (await operate()).terminate(device, options));

  const token = program
    .command('token')
    .description('make and read tokens')
    .addHelpText(
      'after',
      examples('dat token create --sub dev-1 --role device', 'dat token inspect "$DAT_TOKEN"'),
    );
  token
    .command('create')
    .description('sign a token with DAT_AUTH_JWT_SECRET (HS256), or a private key')
    .requiredOption('--sub <id>', 'whom it is for')
    .addOption(
      new Option('--role <role>', 'as what').choices(['device', 'subscriber', 'admin']).makeOptionMandatory(),
    )
    .option(
      '--devices <pattern...>',
      'a subscriber: devices it may follow, ids or prefixes ending in *; default: all',
    )
    .option('--vip', 'a subscriber: is sent to first')
    .option('--expires <seconds>', 'from now; 0 is never', countFrom(0, CENTURY_SECONDS), 3600)
    .option('--key-file <path>', 'private key in PEM form: RSA, EC P-256 or Ed25519')
    .addOption(json())
    .addHelpText(
      'after',
      examples(
        'DAT_AUTH_JWT_SECRET=… dat token create --sub dev-1 --role device',
        "dat token create --sub app-1 --role subscriber --devices 'lab-*' --key-file key.pem",
      ),
    )
    .action(async (options) => (await import('./commands/token.ts')).create(options));
  token
    .command('inspect <token>')
    .description('show what a token says; the signature is not checked')
    .addOption(json())
    .addHelpText('after', examples('dat token inspect "$DAT_TOKEN"'))
    .action(async (text, options) => (await import('./commands/token.ts')).inspect(text, options));

  const config = program
    .command('config')
    .description('the settings of the hub')
    .addHelpText('after', examples('dat config check --config dat.json', 'dat config env > dat.env'));
  const flags = 'those of dat serve';
  config
    .command('check')
    .argument('[flags...]', flags)
    .allowUnknownOption()
    .description('say what is wrong with the settings')
    .addOption(json())
    .addHelpText('after', examples('dat config check', 'dat config check --config dat.json'))
    .action(async (argv, options) => (await import('./commands/config.ts')).check(argv, options));
  config
    .command('show')
    .argument('[flags...]', flags)
    .allowUnknownOption()
    .description('every setting, its value and where that comes from; secrets are masked')
    .addOption(json())
    .addHelpText('after', examples('dat config show', 'DAT_PING_INTERVAL_MS=9000 dat config show --json'))
    .action(async (argv, options) => (await import('./commands/config.ts')).show(argv, options));
  config
    .command('schema')
    .description('JSON schema of the config file')
    .addHelpText('after', examples('dat config schema > dat.schema.json'))
    .action(async () => (await import('./commands/config.ts')).schema());
  config
    .command('env')
    .description('a file of environment variables to begin with')
    .addHelpText('after', examples('dat config env > dat.env'))
    .action(async () => (await import('./commands/config.ts')).env());

  program
    .command('doctor')
    .description('whether this host is one that the hub runs well on')
    .addOption(json())
    .addHelpText('after', examples('dat doctor', 'dat doctor --json | jq -r .state'))
    .action(async (options) => (await import('./commands/doctor.ts')).doctor(options));
  program
    .command('demo')
    .description('a hub and a fleet on loopback, with the dashboard')
    .option('--devices <count>', 'how many', countFrom(1, SIMULATED_DEVICES_MAX), 50)
    .option('--rate <events>', 'events per second of each', numberFrom(0, SIMULATED_RATE_MAX), 2)
    .option('--seconds <seconds>', 'how long; 0 is until Ctrl-C', numberFrom(0), 0)
    .addHelpText('after', examples('dat demo', 'DAT_ADMIN_PORT=0 dat demo --devices 500 --rate 5'))
    .action(async (options) => (await import('./commands/bench.ts')).demo(options));
  program
    .command('bench')
    .argument('[args...]', 'those of npm run bench:load, behind --')
    .description('measure the hub beside others, where the checkout is')
    .addHelpText('after', examples('dat bench -- --shapes pairs --peers dat,ws'))
    .action(async (args) => ended(await (await import('./commands/bench.ts')).bench(args)));
  program
    .command('completion')
    .addArgument(program.createArgument('<shell>', 'for which').choices(['bash', 'zsh']))
    .description('print the completion of a shell')
    .addHelpText('after', examples('source <(dat completion bash)', 'dat completion zsh > ~/.zfunc/_dat'))
    .action(async (shell) => (await import('./commands/completion.ts')).completion(program, shell));
  return program;
}

/** @returns the exit code */
export async function runCommand(argv: readonly string[]): Promise<number> {
  let code: number = Exit.ok;
  const program = createProgram((ended) => {
    code = ended;
  });
  let failed = program;
  for (const command of all(program)) {
    command.configureOutput({ writeErr: () => {} }).exitOverride((error) => {
      failed = command;
      throw error;
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CliFailure) {
      note(`dat: ${error.message}`);
      return error.exit;
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return Exit.ok;
    if (error.code === 'commander.help') {
      process.stderr.write(failed.helpInformation());
      return Exit.usage;
    }
    note(`dat: ${sentenceOf(error)}; see: ${pathOf(failed)} --help`);
    return Exit.usage;
  }
}

/** Commander's words without its punctuation. */
function sentenceOf({ message }: CommanderError): string {
  return message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/command-argument value '(.*)' is invalid for argument '(.*)'\./, "$2: '$1' is not accepted,")
    .replace(/option '(.*)' argument '(.*)' is invalid\./, "$1: '$2' is not accepted,")
    .replace(/\.$/, '');
}

/** `dat token create` */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap((one) => all(one as Command))];
}
