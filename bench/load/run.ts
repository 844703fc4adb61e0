/** `npm run bench:load`: puts the loads on the hub and on its peers, and reports. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { mqttPeers, peers, variants } from '../peers/index.ts';
import { named, namesOf } from './arguments.ts';
import { changeLine, changes } from './report-compare.ts';
import { reportHtml } from './report-html.ts';
import { reportText } from './report-text.ts';
import type { Session } from './results.ts';
import { mergeSessions, runSession } from './session.ts';
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
  .option('--check', 'exit 1 when a target is missed, or a figure is worse than in --compare')
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
const before =
  options.compare === undefined ? undefined : (JSON.parse(readFileSync(options.compare, 'utf8')) as Session);

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
const session =
  options.onto === undefined
    ? played
    : mergeSessions(played, JSON.parse(readFileSync(options.onto, 'utf8')) as Session);
const shown = playable.filter(({ name }) =>
  [...session.results, ...session.missing].some(({ shape }) => shape === name),
);
const verdicts = judge(session.results);
console.log(reportText(session, shown, verdicts));
mkdirSync(dirname(options.html), { recursive: true });
writeFileSync(options.html, reportHtml(session, shown, verdicts));
console.log(`\n${options.html}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(session, null, 1)}\n`);
const changed = before === undefined ? [] : changes(before, session);
if (before !== undefined) {
  console.log([`\nAgainst ${options.compare}:`, ...changed.map(changeLine)].join('\n'));
}
const failed = verdicts.some(({ ok }) => !ok) || changed.some(({ worse }) => worse);
if (options.check && failed) process.exitCode = 1;
