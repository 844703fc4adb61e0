/** `dat completion`: made of the commands as they are. */
import type { Command, Option } from 'commander';
import { flagName, rowOf, settingKeys } from '../../settings/schema.ts';
import { examples, Group, type Register } from '../command.ts';
import { line } from '../output.ts';

export const register: Register = (dat) => {
  dat
    .command('completion')
    .helpGroup(Group.setup)
    .addArgument(dat.createArgument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .description('print the completion script of a shell')
    .addHelpText('after', examples('source <(dat completion bash)', 'dat completion zsh > ~/.zfunc/_dat'))
    .action((shell) => completion(dat, shell));
};

interface Words {
  /** `''`, `watch`, `token create`, … */
  readonly path: string;
  readonly words: readonly string[];
}

/** The command that takes the settings as flags, as `dat` without a command does. */
const SERVE = 'serve';

function completion(program: Command, shell: 'bash' | 'zsh'): void {
  const all = wordsOf(program, []);
  const values = new Map<string, readonly string[]>();
  for (const { long, argChoices } of optionsOf(program))
    if (long != null && argChoices !== undefined) values.set(long, argChoices);
  line(shell === 'bash' ? bash(all, values) : zsh(all, values));
}

function wordsOf(command: Command, path: readonly string[]): Words[] {
  const flags = command.options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag != null);
  const names = command.commands.map((one) => one.name());
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const isServe = path.length === 0 || path[0] === SERVE;
  const settings = isServe ? settingKeys.filter((key) => !rowOf(key).secret).map(flagName) : [];
  const own = { path: path.join(' '), words: [...names, ...choices, ...flags, ...settings, '--help'] };
  return [own, ...command.commands.flatMap((one) => wordsOf(one as Command, [...path, one.name()]))];
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...command.commands.flatMap((one) => optionsOf(one as Command))];
}

/** Values by option: an option means the same in every command. */
type Values = ReadonlyMap<string, readonly string[]>;

/** One word of a command, or two: `token create`. */
const bash = (all: readonly Words[], values: Values): string => `_dat() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${valueCases(values, '    ')}
    *) words="" ;;
  esac
  [ -n "$words" ] || case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${cases(all, 2, '    ')}
    *) case "\${COMP_WORDS[1]}" in
${cases(all, 1, '      ')}
      *) words="${all[0]?.words.join(' ')}" ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _dat dat`;

const zsh = (all: readonly Words[], values: Values): string => `#compdef dat
local words_of
case "\${words[CURRENT - 1]}" in
${valueCases(values, '  ', 'words_of')}
esac
[[ -n "$words_of" ]] || case "\${words[2]} \${words[3]}" in
${cases(all, 2, '  ', 'words_of')}
  *) case "\${words[2]}" in
${cases(all, 1, '    ', 'words_of')}
    *) words_of="${all[0]?.words.join(' ')}" ;;
  esac ;;
esac
compadd -- \${=words_of}`;

function valueCases(values: Values, indent: string, variable = 'words'): string {
  return [...values]
    .map(([flag, choices]) => `${indent}${flag}) ${variable}="${choices.join(' ')}" ;;`)
    .join('\n');
}

function cases(all: readonly Words[], depth: number, indent: string, variable = 'words'): string {
  return all
    .filter(({ path }) => path !== '' && path.split(' ').length === depth)
    .map(({ path, words }) => `${indent}"${path}") ${variable}="${words.join(' ')}" ;;`)
    .join('\n');
}
