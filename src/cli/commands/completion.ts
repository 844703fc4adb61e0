/** `dat completion`: made of the commands as they are. */
import type { Command } from 'commander';
import { line } from '../output.ts';

interface Words {
  /** `''`, `watch`, `token create`, … */
  readonly path: string;
  readonly words: readonly string[];
}

export function completion(program: Command, shell: 'bash' | 'zsh'): void {
  const all = wordsOf(program, []);
  line(shell === 'bash' ? bash(all) : zsh(all));
}

function wordsOf(command: Command, path: readonly string[]): Words[] {
  const flags = command.options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag != null);
  const names = command.commands.map((one) => one.name());
  const own = { path: path.join(' '), words: [...names, ...flags, '--help'] };
  return [own, ...command.commands.flatMap((one) => wordsOf(one as Command, [...path, one.name()]))];
}

/** One word of a command, or two: `token create`. */
const bash = (all: readonly Words[]): string => `_dat() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${cases(all, 2, '    ')}
    *) case "\${COMP_WORDS[1]}" in
${cases(all, 1, '      ')}
      *) words="${all[0]?.words.join(' ')}" ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _dat dat`;

const zsh = (all: readonly Words[]): string => `#compdef dat
local words_of
case "\${words[2]} \${words[3]}" in
${cases(all, 2, '  ', 'words_of')}
  *) case "\${words[2]}" in
${cases(all, 1, '    ', 'words_of')}
    *) words_of="${all[0]?.words.join(' ')}" ;;
  esac ;;
esac
compadd -- \${=words_of}`;

function cases(all: readonly Words[], depth: number, indent: string, variable = 'words'): string {
  return all
    .filter(({ path }) => path !== '' && path.split(' ').length === depth)
    .map(({ path, words }) => `${indent}"${path}") ${variable}="${words.join(' ')}" ;;`)
    .join('\n');
}
