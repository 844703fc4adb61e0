/** `npm run test:hostile`: every attack beside a victim, on every way to run the hub. `--help` says how. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { attackNamed, attacks } from './attacks.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { lineOf, missesOf, problemsOf, tableOf, withSection } from './report.ts';
import { type Result, run } from './run.ts';

const WARM_UP_MS = 1500;
const BEFORE_SHARE = 2 / 3;
/** Where it is run from. */
const PAGE = 'docs/security.md';

/** Runs that came to no result. */
let broken = 0;

function resultsIn(file: string): Result[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result[]) : [];
}

async function attackAll({ attacks: chosen, rows, attackMs, out, isContinued }: Options): Promise<Result[]> {
  const known = isContinued ? resultsIn(out ?? '') : [];
  const results: Result[] = [...known];
  for (const attack of chosen)
    for (const row of rows) {
      if (known.some((result) => result.attack === attack.name && result.row === row)) continue;
      const times = { warmUpMs: WARM_UP_MS, beforeMs: attackMs * BEFORE_SHARE, attackMs };
      const result = await run(attack, row, times).catch((failure: Error) => {
        console.error(`${attack.name}, ${row}: BROKEN: ${failure.message}`);
        broken += 1;
      });
      if (result === undefined) continue;
      console.log(lineOf(attack, result));
      results.push(result);
      if (out !== undefined) add(out, result);
    }
  return results;
}

function add(file: string, result: Result): void {
  const others = resultsIn(file).filter(
    ({ attack, row }) => !(attack === result.attack && row === result.row),
  );
  writeFileSync(file, `${JSON.stringify([...others, result], undefined, 1)}\n`);
}

async function main(options: Options): Promise<void> {
  const results = options.table === undefined ? await attackAll(options) : resultsIn(options.table);
  console.log(`\n${tableOf(attacks, results)}\n`);
  const failed = results.filter((result) => problemsOf(attackNamed(result.attack), result).length > 0);
  const missed = results.filter((result) => missesOf(result).length > 0);
  console.log(`${results.length} runs; ${failed.length + broken} failed; ${missed.length} missed a target`);
  if (options.writesDocs)
    writeFileSync(PAGE, withSection(readFileSync(PAGE, 'utf8'), tableOf(attacks, results), results));
  process.exitCode = failed.length + broken > 0 ? 1 : 0;
}

const options = readOptions(process.argv.slice(2));
if (options === undefined) process.stdout.write(HELP);
else await main(options);
