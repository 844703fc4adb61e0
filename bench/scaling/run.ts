/**
 * `npm run bench:scaling`: adds fan-out and ingest threads, finds the highest rate that a hub with so many holds, and
 * plots it. Server and generator share the host, so it says little below 16 cores.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { machineLine } from '../../src/cli/bench/host.ts';
import { named } from '../load/arguments.ts';
import { type ScalingLoad, scalingLoads, THREADS } from './loads.ts';
import { MAX_P99_MS, measurePoint, type Point } from './measure.ts';
import { scalingHtml, scalingText } from './report.ts';

const CORES_MIN = 4;

function counts(text: string): number[] {
  const threads = text.split(',').map(Number);
  if (threads.every((count) => Number.isInteger(count) && count >= 1)) return threads;
  throw new InvalidArgumentError('Whole numbers from 1, separated by commas, are accepted.');
}

const { loads, threads, html, json } = new Command('bench:scaling')
  .description(
    `Finds the highest rate that a hub holds with more and more threads: p99 at most ${MAX_P99_MS} ms, nothing lost`,
  )
  .addOption(
    new Option('--loads <names>', 'loads, separated by commas')
      .argParser(named(scalingLoads))
      .default([...scalingLoads], scalingLoads.map(({ name }) => name).join(',')),
  )
  .option('--threads <counts>', 'numbers of threads, separated by commas', counts, [...THREADS])
  .option('--html <file>', 'where the page goes', 'bench/results/scaling.html')
  .option('--json <file>', 'write the points as JSON')
  .parse()
  .opts<{ loads: ScalingLoad[]; threads: number[]; html: string; json?: string }>();

if (availableParallelism() < CORES_MIN) {
  console.error(
    `This host has ${availableParallelism()} cores; more threads show nothing below ${CORES_MIN}.`,
  );
  process.exit(1);
}

const note = (line: string): void => console.error(line);
const points: Point[] = [];
const report = () => ({
  at: new Date().toISOString(),
  machine: machineLine(),
  node: process.version,
  command: ['npm run bench:scaling', '--', ...process.argv.slice(2)].join(' '),
  points,
});

/** After each point: a run that is cut off has shown what it found. */
function save(): void {
  mkdirSync(dirname(html), { recursive: true });
  writeFileSync(html, scalingHtml(report(), loads));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report(), null, 1)}\n`);
}

for (const load of loads) {
  for (const count of threads) {
    const point = await measurePoint(load, count, note);
    if (point === undefined) {
      note(`${load.name} × ${count}: not even the first rate held`);
      process.exitCode = 1; // there is a row less than was asked for
    } else points.push(point);
    save();
  }
}
console.log(scalingText(report(), loads));
console.log(`\n${html}`);
