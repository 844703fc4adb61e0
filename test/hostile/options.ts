/** The command line of `npm run test:hostile`. */
import { parseArgs } from 'node:util';
import { type Attack, type RowName, rowNames } from './attack.ts';
import { attackNamed, attacks } from './attacks.ts';

export interface Options {
  readonly attacks: readonly Attack[];
  readonly rows: readonly RowName[];
  readonly attackMs: number;
  /** Gets the results, beside those that it has. */
  readonly out: string | undefined;
  /** What is in `out` already is not run again. */
  readonly isContinued: boolean;
  /** Results whose table is printed; nothing is run. */
  readonly table: string | undefined;
  /** The table of `docs/security.md` is written anew. */
  readonly writesDocs: boolean;
}

export const HELP = `Usage: npm run test:hostile -- [OPTION]...

Attacks a hub beside a device that sends 50 events a second, and tells what became of its events.

  --attacks NAME,…   which attacks; default: all
  --rows ROW,…       ways to run the hub; default: ${rowNames.map(shortName).join(',')}
  --seconds N        how long each attack takes; default: 6
  --out FILE         adds the results to those in the file
  --continue         runs only what the file of --out does not have yet
  --table FILE       prints the table of such a file, and runs nothing
  --docs             writes the table into docs/security.md; rows and attacks that were left out are left out there too
  --help             this text

Attacks: ${attacks.map(({ name }) => name).join(', ')}

Exit code 1: something happened that never may. Missed times are told, and are no failure.
`;

/** @returns undefined when help is asked for @throws Error that says what is accepted */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      attacks: { type: 'string' },
      rows: { type: 'string' },
      seconds: { type: 'string', default: '6' },
      out: { type: 'string' },
      continue: { type: 'boolean', default: false },
      table: { type: 'string' },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const attackMs = Number(values.seconds) * 1e3;
  if (!(attackMs > 0)) throw new Error(`--seconds: given ${values.seconds}, accepted is a number above 0`);
  return {
    attacks: values.attacks === undefined ? attacks : values.attacks.split(',').map(attackNamed),
    rows: values.rows === undefined ? rowNames : values.rows.split(',').map(rowNamed),
    attackMs,
    out: values.out,
    isContinued: values.continue,
    table: values.table,
    writesDocs: values.docs,
  };
}

/** @throws Error that names those there are */
function rowNamed(short: string): RowName {
  const row = rowNames.find((name) => shortName(name) === short);
  if (row === undefined) throw new Error(`no row ${short}; there are ${rowNames.map(shortName).join(', ')}`);
  return row;
}

/** `uws-2` of `uws, 2 workers`, with `-ingest-2` where there are as many ingest threads. */
function shortName(name: RowName): string {
  return name
    .replace(', ', '-')
    .replace(' workers', '')
    .replace(/, (\d+) ingest threads/, '-ingest-$1');
}
