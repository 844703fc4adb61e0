/** What the files in `commands/` are written with: groups of the help, options that several have, number parsers. */
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Each file in `commands/` exports functions of this type; `program.ts` calls them all. */
export type RegisterCommand = (dat: Command) => void;

/** Headings of `dat --help`. */
export const Group = {
  hub: 'Run a hub:',
  peer: 'Be a device or a subscriber:',
  look: 'Look at a hub:',
  operate: 'Operate a hub:',
  setup: 'Tokens, settings, tools:',
} as const;

export interface JsonOption {
  readonly json?: boolean;
}

export const jsonOption = (): Option => new Option('--json', 'print JSON, one value per line');

/** Lines for `addHelpText('after', …)`. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((one) => `  $ ${one}`).join('\n')}`;
}

/** Parses a number for commander. @param least smallest accepted value */
export function numberFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a number ${rangeOf(least, most)}`);
  };
}

/** Parses a whole number for commander. @param least smallest accepted value */
export function countFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number ${rangeOf(least, most)}`);
  };
}

function rangeOf(least: number, most: number): string {
  return most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
}
