/** The settings as Markdown for docs/settings.md: one table per group, in the order of the help. */
import { defaultText } from './flags.ts';
import { type SettingGroup, settingGroups } from './row.ts';
import { envName, rowOf, type SettingKey, settingKeys } from './schema.ts';

const HEAD = ['setting', 'default', 'accepted', 'reload', 'meaning'] as const;

/** A heading and a table for each group; no line break at the end. */
export function settingsTable(): string {
  return settingGroups.map((group) => `## ${group}\n\n${tableOf(group)}`).join('\n\n');
}

function tableOf(group: SettingGroup): string {
  const rows = settingKeys.filter((key) => rowOf(key).group === group).map(cellsOf);
  return [HEAD, HEAD.map(() => '---'), ...rows].map(line).join('\n');
}

function cellsOf(key: SettingKey): readonly string[] {
  const { kind, meaning, secret, reloadable, environmentOnly, defaultText: inWords } = rowOf(key);
  const name = `${code(envName(key))}${secret ? ' (secret)' : ''}`;
  // The environment of a running process cannot change.
  const takes = reloadable && !environmentOnly ? 'yes' : 'restart';
  return [name, inWords ?? code(defaultText(key)), kind.accepted, takes, meaning];
}

function code(text: string): string {
  return `\`${text}\``;
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
