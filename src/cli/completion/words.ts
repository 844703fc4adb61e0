/** What can be completed, made of the commands as they are. */
import type { Command, Option } from 'commander';
import { flagName, rowOf, settingKeys } from '../../settings/schema.ts';

export interface CompletionWord {
  readonly text: string;
  readonly about: string;
}

export interface Flag {
  /** With its dashes. */
  readonly long: string;
  /** One letter with its dash, '' for none. */
  readonly short: string;
  readonly about: string;
  /** What follows it: nothing, one of these words, a path, or anything. */
  readonly value: 'none' | 'path' | 'any' | readonly string[];
}

/** What may follow a command. */
export interface CommandPlace {
  /** `''`, `watch`, `token create`, … */
  readonly path: string;
  readonly words: readonly CompletionWord[];
  readonly flags: readonly Flag[];
}

/** The command that takes the settings as flags, as `dat` without a command does. */
const SERVE = 'serve';
const HELP: Flag = { long: '--help', short: '-h', about: 'print this help', value: 'none' };

/** What may follow each command of the program. */
export function placesOf(program: Command): CommandPlace[] {
  return placesBelow(program, []);
}

function placesBelow(command: Command, path: readonly string[]): CommandPlace[] {
  const words = [
    ...command.commands.map((one) => ({ text: one.name(), about: one.summary() || one.description() })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((text) => ({ text, about: description })),
    ),
  ];
  const isServe = path.length === 0 || path[0] === SERVE;
  const flags = [...command.options.map(flagOf), ...(isServe ? settingFlags() : []), HELP];
  const own = { path: path.join(' '), words, flags };
  return [own, ...command.commands.flatMap((one) => placesBelow(one as Command, [...path, one.name()]))];
}

function flagOf(option: Option): Flag {
  const { long, short, description, argChoices } = option;
  const value = option.isBoolean()
    ? 'none'
    : (argChoices ?? (/<path>|<file>/.test(option.flags) ? 'path' : 'any'));
  return { long: long ?? '', short: short ?? '', about: description, value };
}

function settingFlags(): Flag[] {
  return settingKeys
    .filter((key) => !rowOf(key).secret)
    .map((key) => ({ long: flagName(key), short: '', about: rowOf(key).group, value: 'any' as const }));
}
