/** Completion scripts. A command has one word, or two: `token create`. */
import type { CommandPlace, Flag } from './words.ts';

export const shells = { bash, zsh, fish } as const;
export type Shell = keyof typeof shells;

function bash(places: readonly CommandPlace[]): string {
  return `_dat() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${valueCases(places, '    ', 'words')}
    *) words="" ;;
  esac
  [ -n "$words" ] || case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${cases(places, { depth: 2, indent: '    ', variable: 'words' })}
    *) case "\${COMP_WORDS[1]}" in
${cases(places, { depth: 1, indent: '      ', variable: 'words' })}
      *) words="${wordsAt(places[0])}" ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _dat dat`;
}

function zsh(places: readonly CommandPlace[]): string {
  return `#compdef dat
local words_of
case "\${words[CURRENT - 1]}" in
${valueCases(places, '  ', 'words_of')}
esac
[[ -n "$words_of" ]] || case "\${words[2]} \${words[3]}" in
${cases(places, { depth: 2, indent: '  ', variable: 'words_of' })}
  *) case "\${words[2]}" in
${cases(places, { depth: 1, indent: '    ', variable: 'words_of' })}
    *) words_of="${wordsAt(places[0])}" ;;
  esac ;;
esac
compadd -- \${=words_of}`;
}

function wordsAt(place: CommandPlace | undefined): string {
  const { words = [], flags = [] } = place ?? {};
  const names = flags.flatMap(({ long, short }) => [long, short]).filter((name) => name !== '');
  return [...words.map(({ text }) => text), ...names].join(' ');
}

/** A case for each flag that takes one of a few words: a flag means the same in every command. */
function valueCases(places: readonly CommandPlace[], indent: string, variable: string): string {
  const values = new Map<string, readonly string[]>();
  for (const { flags } of places)
    for (const { long, value } of flags) if (typeof value !== 'string') values.set(long, value);
  return [...values]
    .map(([flag, words]) => `${indent}${flag}) ${variable}="${words.join(' ')}" ;;`)
    .join('\n');
}

interface Cases {
  /** Words of the commands. */
  readonly depth: number;
  readonly indent: string;
  readonly variable: string;
}

function cases(places: readonly CommandPlace[], { depth, indent, variable }: Cases): string {
  return places
    .filter(({ path }) => path !== '' && path.split(' ').length === depth)
    .map((place) => `${indent}"${place.path}") ${variable}="${wordsAt(place)}" ;;`)
    .join('\n');
}

function fish(places: readonly CommandPlace[]): string {
  const parents = new Set(
    places.filter(({ path }) => path.includes(' ')).map(({ path }) => path.split(' ')[0]),
  );
  const lines = places.flatMap((place) => fishLines(place));
  return `# The command so far: its first word, and its second where that is one of a command too.
function __dat_path
    set -l words (commandline -opc | string match -v -- '-*')
    set -l path $words[2]
    contains -- "$path" ${[...parents].join(' ')}; and set path $path $words[3]
    string join ' ' -- $path
end
function __dat_at
    test "$(__dat_path)" = "$argv"
end
complete -c dat -f
${lines.join('\n')}`;
}

function fishLines({ path, words, flags }: CommandPlace): string[] {
  const at = `complete -c dat -n ${quoted(`__dat_at ${path}`.trim())}`;
  return [
    ...words.map(({ text, about }) => `${at} -a ${text} -d ${quoted(about)}`),
    ...flags.map((flag) => `${at} ${fishFlag(flag)} -d ${quoted(flag.about)}`),
  ];
}

function fishFlag({ long, short, value }: Flag): string {
  const names = `-l ${long.slice(2)}${short === '' ? '' : ` -s ${short.slice(1)}`}`;
  if (value === 'none') return names;
  if (value === 'path') return `${names} -r -F`;
  return value === 'any' ? `${names} -x` : `${names} -x -a ${quoted(value.join(' '))}`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
