/** The settings as a Markdown table, as the README shows it. */
import { defaultText } from './flags.ts';
import { envName, flagName, rowOf, settingGroups, settingKeys } from './schema.ts';

/** One row a setting, in the order of the help; no line break at the end. */
export function settingsTable(): string {
  const rows = settingGroups.flatMap((group) =>
    settingKeys
      .filter((key) => rowOf(key).group === group)
      .map((key) => {
        const { kind, meaning, secret } = rowOf(key);
        const flag = secret ? 'none: secret' : code(flagName(key));
        const fallback = rowOf(key).defaultText ?? code(defaultText(key));
        return [code(envName(key)), flag, code(key), fallback, kind.accepted, meaning];
      }),
  );
  const config = ['`DAT_CONFIG`', '`--config`', '–', 'none', 'the path of a JSON file', CONFIG_MEANING];
  const head = ['env', 'flag', 'file key', 'default', 'accepted', 'meaning'];
  return [head, head.map(() => '---'), config, ...rows].map(line).join('\n');
}

const CONFIG_MEANING = 'Config file: one JSON object whose keys are those of the third column.';

function code(text: string): string {
  return `\`${text}\``;
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
