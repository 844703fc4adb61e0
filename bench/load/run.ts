/** `npm run bench:load`: puts the loads on the hub and on its peers, and reports. */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { mqttPeers, peers, variants } from '../peers/index.ts';
import { named, namesOf } from './arguments.ts';
import { exitCodeOf } from './exit-code.ts';
import { changeLine, changes } from './report-compare.ts';
import { reportHtml } from './report-html.ts';
import { reportText } from './report-text.ts';
import type { Session } from './results.ts';
import { checkMergeable, mergeSessions, readSession, runSession } from './session.ts';
import { playable, shapes } from './shapes.ts';
import { judge } from './thresholds.ts';

const HTML = 'bench/results/latest.html';
const MAIN_PEERS = ['dat', 'uws-lean', ...[...variants, ...mqttPeers].map(({ name }) => name)];

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('A whole number from 1 is accepted.');
}

const program = new Command('bench:load')
  .description('Puts the same loads on the hub and on its peers, in turns, and reports what they took')
  .addOption(
    new Option('--shapes <names>', `loads, of: ${namesOf(shapes)}; NAME-bursts: in bursts of a millisecond`)
      .argParser(named(playable))
      .default(shapes, 'all'),
  )
  .addOption(
    new Option('--peers <names>', `peers, of: ${namesOf(peers)}; ${namesOf([...variants, ...mqttPeers])}`)
      .argParser(named([...peers, ...variants, ...mqttPeers]))
      .default(peers, 'those before the semicolon'),
  )
  .option('--rounds <n>', `runs of each load for ${MAIN_PEERS.join(', ')}`, count, 5)
  .option('--other-rounds <n>', 'runs of each load for the other peers', count, 2)
  .option('--json <file>', 'write the results as JSON')
  .option('--onto <file>', 'take the loads that are not played from older results of this machine')
  .option('--compare <file>', 'compare with the results of an older session')
  .option('--html <file>', 'where the page goes', HTML)
  .option('--check', 'exit 1 also when a target is missed, or a figure of the hub is worse than in --compare')
  .parse();

interface Options {
  readonly shapes: typeof shapes;
  readonly peers: typeof peers;
  readonly rounds: number;
  readonly otherRounds: number;
  readonly json?: string;
  readonly onto?: string;
  readonly compare?: string;
  readonly html: string;
  readonly check?: true;
}

const options = program.opts<Options>();
const { onto, before } = prepare();

/** All that could fail is done before the first run, or hours of results would be lost. */
function prepare(): { readonly onto: Session | undefined; readonly before: Session | undefined } {
  const read = (file: string | undefined): Session | undefined =>
    file === undefined ? undefined : readSession(readFileSync(file, 'utf8'));
  try {
    const found = { onto: read(options.onto), before: read(options.compare) };
    if (found.onto !== undefined) checkMergeable(found.onto, options.onto!);
    mkdirSync(dirname(options.html), { recursive: true });
    for (const file of [options.html, options.json ?? options.html])
      accessSync(dirname(file), constants.W_OK);
    return found;
  } catch (error) {
    return program.error((error as Error).message);
  }
}

/** One line that is overwritten on a terminal; a log gets the starts only. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
  else if (line.endsWith(': starting')) process.stderr.write(`${line}\n`);
}

const played = await runSession({
  shapes: options.shapes,
  peers: options.peers,
  rounds: ({ name }) => (MAIN_PEERS.includes(name) ? options.rounds : options.otherRounds),
  command: ['npm run bench:load', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
    ' ',
  ),
  progress,
});
if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
const session = onto === undefined ? played : mergeSessions(played, onto);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(session, null, 1)}\n`);
const shown = playable.filter(({ name }) =>
  [...session.results, ...session.missing].some(({ shape }) => shape === name),
);
const verdicts = judge(session.results);
console.log(reportText(session, shown, verdicts));
writeFileSync(options.html, reportHtml(session, shown, verdicts));
console.log(`\n${options.html}`);
const changed = before === undefined ? [] : changes(before, session);
if (before !== undefined) {
  console.log([`\nAgainst ${options.compare}:`, ...changed.map(changeLine)].join('\n'));
}
process.exitCode = exitCodeOf({ session: played, verdicts, changed, isChecked: options.check === true });
