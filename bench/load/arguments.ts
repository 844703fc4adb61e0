/** What the bench commands accept as arguments. */
import { Command, InvalidArgumentError } from 'commander';
import { numberFrom } from '../../src/cli/command.ts';

interface Named {
  readonly name: string;
}

export const namesOf = (all: readonly Named[]): string => all.map(({ name }) => name).join(', ');

/** @returns a parser of names, separated by commas, of these items @throws InvalidArgumentError on a name of none */
export const named =
  <Item extends Named>(all: readonly Item[]) =>
  (text: string): Item[] =>
    text.split(',').map((name) => {
      const item = all.find((candidate) => candidate.name === name);
      if (item !== undefined) return item;
      throw new InvalidArgumentError(`${name} is none of ${namesOf(all)}.`);
    });

/** An option that is a number. */
export interface NumberOption {
  readonly default: number;
  /** The smallest that is accepted. */
  readonly least: number;
}

/** Reads `--NAME N` options from the command line; ends the process with a line on stderr for anything else. */
export function numbersOf<Name extends string>(
  command: string,
  options: Readonly<Record<Name, NumberOption>>,
): Readonly<Record<Name, number>> {
  const program = new Command(command);
  for (const [name, { default: value, least }] of Object.entries<NumberOption>(options))
    program.option(`--${name} <number>`, `from ${least}`, numberFrom(least), value);
  return program.parse().opts<Record<Name, number>>();
}
