/**
 * `npm run test:hostile -- --attacks a,b --rows ws --seconds 6 --out FILE`: every attack beside a victim, on every way
 * to run the hub. `--out` adds to the results that the file has, and `--continue` leaves out those, so that it can be done in parts;
 * `--table FILE` prints the table of such a file and runs nothing. Exit code 1 when something happened that never may; missed times are told.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type RowName, rowNames } from './attack.ts';
import { attackNamed, attacks } from './attacks.ts';
import { lineOf, missesOf, problemsOf, tableOf } from './report.ts';
import { type Result, run } from './run.ts';

const { values } = parseArgs({
  options: {
    attacks: { type: 'string', default: attacks.map(({ name }) => name).join(',') },
    rows: { type: 'string', default: rowNames.map(shortName).join(',') },
    seconds: { type: 'string', default: '6' },
    out: { type: 'string' },
    continue: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});

const WARM_UP_MS = 1500;
const BEFORE_SHARE = 2 / 3;

/** Runs that came to no result. */
let broken = 0;

function resultsIn(file: string): Result[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result[]) : [];
}

function rowsOf(text: string): RowName[] {
  return text.split(',').map((part) => {
    const row = rowNames.find((name) => shortName(name) === part);
    if (row === undefined) throw new Error(`no row ${part}; there are ${rowNames.map(shortName).join(', ')}`);
    return row;
  });
}

/** `uws-2` of `uws, 2 workers`. */
function shortName(name: RowName): string {
  return name.replace(', ', '-').replace(' workers', '');
}

async function attackAll(): Promise<Result[]> {
  const attackMs = Number(values.seconds) * 1e3;
  if (!(attackMs > 0)) throw new Error(`--seconds: given ${values.seconds}, accepted is a number above 0`);
  const known = values.continue ? resultsIn(values.out ?? '') : [];
  const results: Result[] = [...known];
  for (const attack of values.attacks.split(',').map(attackNamed))
    for (const row of rowsOf(values.rows)) {
      if (known.some((result) => result.attack === attack.name && result.row === row)) continue;
      const times = { warmUpMs: WARM_UP_MS, beforeMs: attackMs * BEFORE_SHARE, attackMs };
      const result = await run(attack, row, times).catch((failure: Error) => {
        console.error(`${attack.name}, ${row}: BROKEN: ${failure.message}`);
        broken += 1;
      });
      if (result === undefined) continue;
      console.log(lineOf(attack, result));
      results.push(result);
      if (values.out !== undefined) add(values.out, result);
    }
  return results;
}

function add(file: string, result: Result): void {
  const others = resultsIn(file).filter(
    ({ attack, row }) => !(attack === result.attack && row === result.row),
  );
  writeFileSync(file, `${JSON.stringify([...others, result], undefined, 1)}\n`);
}

const results = values.table === undefined ? await attackAll() : resultsIn(values.table);
console.log(`\n${tableOf(attacks, results)}\n`);
const failed = results.filter((result) => problemsOf(attackNamed(result.attack), result).length > 0);
const missed = results.filter((result) => missesOf(result).length > 0);
console.log(`${results.length} runs; ${failed.length + broken} failed; ${missed.length} missed a target`);
process.exitCode = failed.length + broken > 0 ? 1 : 0;
