/**
 * `npm run bench:guard -- --against v1.2.0`: plays loads on this build and on an older commit's, side by side in turns,
 * and fails when one costs more CPU than it may. The older commit is checked out and built in a temporary folder.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { machineLine } from '../../src/cli/bench/host.ts';
import { dat } from '../peers/dat.ts';
import { removeAtEnd } from '../peers/leave-nothing.ts';
import { temporaryFolder } from '../peers/processes.ts';
import { named } from './arguments.ts';
import { type GuardVerdict, guardLine, verdict } from './guard-verdict.ts';
import { playable, type Shape } from './shapes.ts';
import { type SideBySide, sideBySide } from './side-by-side.ts';

const DEFAULT_SHAPES = 'board,pairs,unwatched';
/** Steady loads that an older hub can play, too. Without events the pings come in waves, which slices hit or miss. */
const comparable = playable.filter(
  ({ hubOnly, disturbance, rate }) => hubOnly !== true && disturbance === undefined && rate > 0,
);

/** Git says why, on stderr. */
function commit(text: string): string {
  try {
    return execFileSync('git', ['rev-parse', '--verify', `${text}^{commit}`], { encoding: 'utf8' }).trim();
  } catch {
    throw new InvalidArgumentError('A commit, tag or branch of this repository is accepted.');
  }
}

function setting(text: string, earlier: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('NAME=VALUE is accepted.');
  return { ...earlier, [name]: value };
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('A number above 0 is accepted.');
}

interface Options {
  readonly against: string;
  readonly shapes: Shape[];
  readonly starts: number;
  readonly pairs: number;
  readonly sliceMs: number;
  readonly warmupMs: number;
  readonly percent: number;
  readonly set: Readonly<Record<string, string>>;
  readonly json?: string;
}

const options = new Command('bench:guard')
  .description('Fails when a load costs clearly more CPU than with an older commit, played in turns')
  .requiredOption('--against <commit>', 'commit, tag or branch to compare with', commit)
  .addOption(
    new Option('--shapes <names>', 'loads, separated by commas')
      .argParser(named(comparable))
      .default(named(comparable)(DEFAULT_SHAPES), DEFAULT_SHAPES),
  )
  .option('--starts <n>', 'fresh processes of each build, for each load', positive, 3)
  .option('--pairs <n>', 'slices of each build in one start', positive, 8)
  .option('--slice-ms <ms>', 'length of a slice', positive, 2000)
  .option('--warmup-ms <ms>', 'load for each build before the first slice', positive, 12_000)
  .option('--percent <n>', 'how much dearer a load may be', positive, 5)
  .addOption(
    new Option('--set <NAME=VALUE>', 'a setting of this build alone; may be given again')
      .argParser(setting)
      .default({}, 'none'),
  )
  .option('--json <file>', 'write the results as JSON')
  .parse()
  .opts<Options>();

/** @returns the entry of the older build, and what takes it away again */
function buildOlder(older: string): { entry: string; remove(): void } {
  const parent = temporaryFolder('guard');
  const folder = join(parent.path, 'hub');
  const git = (...args: string[]): void =>
    void execFileSync('git', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const npm = (...args: string[]): void =>
    void execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  git('worktree', 'add', '--detach', folder, older);
  const remove = removeAtEnd(() => {
    git('worktree', 'remove', '--force', folder);
    parent.remove();
  });
  try {
    npm('ci', '--no-audit', '--no-fund');
    npm('run', 'build');
  } catch (error) {
    remove();
    throw error;
  }
  return { entry: join(folder, 'dist/src/main.js'), remove };
}

const note = (line: string): void => console.error(line);
note(`building ${options.against}`);
const older = buildOlder(options.against);
try {
  const found: GuardVerdict[] = [];
  const sides = [dat('now', { env: options.set }), dat('then', { entry: older.entry })] as const;
  for (const shape of options.shapes) {
    const slices = { pairs: options.pairs, ms: options.sliceMs, warmupMs: options.warmupMs, progress: note };
    const starts: SideBySide[] = [];
    for (let start = 0; start < options.starts; start++) starts.push(await sideBySide(shape, sides, slices));
    const judged = verdict(starts, options.percent);
    found.push(judged);
    console.log(guardLine(judged));
  }
  const command = ['npm run bench:guard', '--', ...process.argv.slice(2)].join(' ');
  const session = { at: new Date().toISOString(), machine: machineLine(), node: process.version, command };
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ ...session, found }, null, 1)}\n`);
  process.exitCode = found.every(({ ok }) => ok) ? 0 : 1;
} finally {
  older.remove();
}
