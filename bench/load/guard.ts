/**
 * `npm run bench:guard -- --against v1.2.0`: plays loads on this build and on an older commit's, in turns, and fails when
 * one costs more CPU than it may. The older commit is checked out and built in a temporary folder.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { dat } from '../peers/dat.ts';
import { dearer, guardLine } from './guard-verdict.ts';
import { runSession } from './session.ts';
import { playable, type Shape } from './shapes.ts';

const DEFAULT_SHAPES = 'board,pairs,unwatched';

function named(text: string): Shape[] {
  return text.split(',').map((name) => {
    const shape = playable.find((candidate) => candidate.name === name);
    if (shape !== undefined && shape.hubOnly !== true) return shape;
    const known = playable.filter(({ hubOnly }) => hubOnly !== true).map((candidate) => candidate.name);
    throw new InvalidArgumentError(`${name} is none of ${known.join(', ')}.`);
  });
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('A number above 0 is accepted.');
}

interface Options {
  readonly against: string;
  readonly shapes: Shape[];
  readonly rounds: number;
  readonly percent: number;
  readonly json?: string;
}

const options = new Command('bench:guard')
  .description('Fails when a load costs clearly more CPU than with an older commit, played in turns')
  .requiredOption('--against <commit>', 'commit, tag or branch to compare with')
  .option('--shapes <names>', 'loads, separated by commas', named, named(DEFAULT_SHAPES))
  .option('--rounds <n>', 'runs of each load and build', positive, 5)
  .option('--percent <n>', 'how much dearer a load may be', positive, 5)
  .option('--json <file>', 'write the results as JSON')
  .parse()
  .opts<Options>();

/** @returns the entry of the older build, and what takes it away again */
function buildOlder(commit: string): { entry: string; remove(): void } {
  const folder = join(mkdtempSync(join(tmpdir(), 'bench-guard-')), 'hub');
  const git = (...args: string[]): void =>
    void execFileSync('git', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const npm = (...args: string[]): void =>
    void execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  git('worktree', 'add', '--detach', folder, commit);
  try {
    npm('ci', '--no-audit', '--no-fund');
    npm('run', 'build');
  } catch (error) {
    git('worktree', 'remove', '--force', folder);
    throw error;
  }
  const entry = join(folder, 'dist/src/main.js');
  return { entry, remove: () => git('worktree', 'remove', '--force', folder) };
}

const note = (line: string): void => console.error(line);
note(`building ${options.against}`);
const older = buildOlder(options.against);
try {
  const session = await runSession({
    shapes: options.shapes,
    peers: [dat('now'), dat('then', { entry: older.entry })],
    rounds: () => options.rounds,
    command: ['npm run bench:guard', '--', ...process.argv.slice(2)].join(' '),
    progress: (line) => {
      if (line.endsWith(': starting')) note(line);
    },
  });
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(session, null, 1)}\n`);
  for (const { shape, peer, why } of session.missing) note(`${shape}, ${peer}: not played, ${why}`);
  const found = dearer(session.results, options.percent);
  for (const verdict of found) console.log(guardLine(verdict));
  const isBad = found.some(({ ok }) => !ok) || session.missing.length > 0;
  process.exitCode = isBad ? 1 : 0;
} finally {
  older.remove();
}
