/** What the bench commands accept as arguments. */
import { InvalidArgumentError } from 'commander';

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
