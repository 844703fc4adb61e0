/** Results in words: what is wrong, and the table. Pure. */
import { type Attack, type RowName, rowNames } from './attack.ts';
import { GRANTED, type NoteCounts } from './notes.ts';
import type { Result } from './run.ts';

/** What a hub may grow by under an attack, MiB: tables that fill up, and bounded queues. */
export const GROWTH_MIB_MAX = 300;
/** Latency during an attack: at most so many times what it was before, and never above so many milliseconds. */
export const TIMES_MAX = 3;
export const P99_MS_MAX = 100;

/** What must not happen on however busy a host. */
export function problemsOf(attack: Pick<Attack, 'losesNothing'>, result: Result): string[] {
  const { victim, hub, attacker, exitCode, hubErrors } = result;
  const { sent, delivered, gaps, refused, lost, disordered, closes } = victim;
  const problems: string[] = [];
  const check = (isGood: boolean, problem: string): void => {
    if (!isGood) problems.push(problem);
  };
  check(sent > 0 && delivered > 0, `nothing was delivered of ${sent} events`);
  check(lost === 0, `${lost} of ${sent} events were lost without a gap`);
  check(disordered === 0, `${disordered} events came twice or in the wrong order`);
  check(refused === 0, `${refused} of ${sent} events were refused to the victim's device`);
  check(attack.losesNothing !== true || gaps === 0, `${gaps} of ${sent} events became gaps`);
  check(closes.length === 0, `the victim: ${closes.join(', ')}`);
  const growth = Math.round(hub.peakMiB - hub.startMiB);
  check(growth <= GROWTH_MIB_MAX, `the hub grew by ${growth} MiB`);
  check(hub.newcomers === 0 || hub.welcomed > 0, `none of ${hub.newcomers} new devices was let in`);
  check((attacker[GRANTED] ?? 0) === 0, `the attacker was ${GRANTED}, ${attacker[GRANTED]} times`);
  const { connections = 0 } = attacker;
  check(connections > 0, 'the attack did not take place');
  check(exitCode === 0, `the hub ended with ${exitCode}`);
  check(hubErrors.length === 0, `the hub logged ${hubErrors.join('; ')}`);
  return problems;
}

/** Targets that a busy host can miss. */
export function missesOf({ victim: { before, during }, hub }: Result): string[] {
  const misses: string[] = [];
  const most = Math.min(P99_MS_MAX, TIMES_MAX * before.p99);
  if (during.p99 > most) misses.push(`p99 ${ms(during.p99)} ms, at most ${ms(most)}`);
  if (hub.notAlive > 0) misses.push(`/livez failed ${hub.notAlive} times`);
  if (hub.welcomed < hub.newcomers)
    misses.push(`${hub.newcomers - hub.welcomed} of ${hub.newcomers} new devices were not let in`);
  return misses;
}

/** Kinds that say what it did, not what was done about it. */
const OWN_DEEDS = ['bytes sent', 'frames sent', 'connections'];

export function fateOf(attacker: NoteCounts): string {
  const fates = Object.entries(attacker).filter(([kind]) => !OWN_DEEDS.includes(kind));
  return fates.length === 0 ? 'served' : fates.map(([kind, count]) => `${kind} × ${count}`).join(', ');
}

/** One line for a terminal. */
export function lineOf(attack: Attack, result: Result): string {
  const { victim, hub, attacker, keyRequests } = result;
  const keys = keyRequests === undefined ? '' : `; the key server was asked ${keyRequests} times`;
  const verdict = [...problemsOf(attack, result).map((it) => `FAILED: ${it}`), ...missesOf(result)].join(
    '; ',
  );
  return [
    `${attack.name}, ${result.row}:`,
    `${deliveredOf(result)};`,
    `p99 ${ms(victim.before.p99)} → ${ms(victim.during.p99)} ms, max ${ms(victim.during.max)};`,
    `memory ${Math.round(hub.startMiB)} → ${Math.round(hub.peakMiB)} MiB;`,
    `livez ${ms(hub.livezMs)} ms; new devices ${hub.welcomed}/${hub.newcomers};`,
    `${megabytes(attacker)} MB sent; ${fateOf(attacker)}${keys}${verdict === '' ? '' : `\n  ${verdict}`}`,
  ].join(' ');
}

/** The table of the docs: a line per attack, what differs between the ways to run the hub in one cell. */
export function tableOf(attacks: readonly Attack[], results: readonly Result[]): string {
  const names = rowNames.filter((name) => results.some(({ row }) => row === name));
  const head = [
    'attack',
    'delivered',
    `p99 before → during, ms: ${names.join('; ')}`,
    'memory, MiB',
    'the attacker',
  ];
  const lines = attacks.flatMap((attack) => {
    const own = results.filter((result) => result.attack === attack.name);
    return own.length === 0 ? [] : [cellsOf(attack, own, names)];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const BEGIN = '<!-- attacks:begin -->';
const END = '<!-- attacks:end -->';

/** @returns the page with the table, and what it comes to in words, between its markers @throws when it lacks them */
export function withSection(page: string, table: string, results: readonly Result[]): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page lacks its markers ${BEGIN} and ${END}`);
  const missed = results.filter((result) => missesOf(result).length > 0);
  const slowest = Math.max(0, ...results.map(({ victim }) => victim.during.p99));
  const lost = results.filter(({ victim }) => victim.lost > 0).length;
  const words = [
    `${results.length} runs, of which ${lost === 0 ? 'none' : lost} lost an event without a gap.`,
    `${missed.length} missed a target; the highest p99 during an attack was ${ms(slowest)} ms.`,
  ].join(' ');
  return `${page.slice(0, from)}${BEGIN}\n${words}\n\n${table}\n${page.slice(to)}`;
}

function cellsOf(attack: Attack, own: readonly Result[], names: readonly RowName[]): string[] {
  const latencies = names.map((name) => {
    const result = own.find(({ row }) => row === name);
    if (result === undefined) return '–';
    const { before, during } = result.victim;
    return `${ms(before.p99)} → ${ms(during.p99)}${missesOf(result).length > 0 ? ' (!)' : ''}`;
  });
  const shares = [...new Set(own.map(deliveredOf))];
  const growths = own.map(({ hub }) => Math.round(hub.peakMiB - hub.startMiB));
  const fates = [...new Set(own.flatMap(({ attacker }) => Object.keys(attacker)))].filter(
    (kind) => !OWN_DEEDS.includes(kind),
  );
  return [
    `\`${attack.name}\`: ${attack.what}`,
    shares.length === 1 ? shares[0]! : shares.join('; '),
    latencies.join('; '),
    `+${Math.max(0, ...growths)}`,
    fates.length === 0 ? 'is served' : fates.join(', '),
  ];
}

function deliveredOf({ victim: { delivered, gaps, refused, lost } }: Result): string {
  const all = delivered + gaps + refused + lost;
  if (delivered === all) return 'all';
  const rest = [
    [gaps, 'told as gaps'],
    [refused, 'refused'],
    [lost, 'lost'],
  ] as const;
  const told = rest.filter(([count]) => count > 0).map(([count, how]) => `${count} ${how}`);
  return `${delivered} of ${all}, ${told.join(', ')}`;
}

function megabytes(attacker: NoteCounts): string {
  return ((attacker['bytes sent'] ?? 0) / 1e6).toFixed(1);
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
