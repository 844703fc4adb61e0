/** The result of `dat bench` for people. */
import { styled, table } from '../output.ts';
import type { Knee, KneeStep } from './knee.ts';
import { type Outcome, type Percentiles, percentilesOf } from './outcome.ts';
import { type Change, describeLoad } from './result.ts';

/** A number for people, rounded, its digits in groups: `1,280,000`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en');
const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));

const PERCENTILES: readonly (readonly [keyof Percentiles, string])[] = [
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
  ['max', 'max'],
];

/** @param missed thresholds */
export function outcomeLines(outcome: Outcome, missed: readonly string[]): string[] {
  const { load, seconds, sent, delivered, expected, lost, told, doubled, disordered } = outcome;
  const percentiles = percentilesOf(outcome);
  const latency =
    percentiles === undefined
      ? 'none: nothing was delivered'
      : PERCENTILES.map(([key, name]) => `${name} ${ms(percentiles[key])}`).join('   ');
  const toldText = told === 0 ? '' : ` (${grouped(told)} of them told)`;
  return [
    `${styled('bold', describeLoad(load))}, ${seconds} s`,
    `  events      ${grouped(sent)} sent, ${grouped(outcome.eventsPerSecond)}/s`,
    `  deliveries  ${grouped(delivered)} of ${grouped(expected)}, ${grouped(outcome.deliveriesPerSecond)}/s`,
    `  books       ${grouped(lost)} lost${toldText}, ${grouped(doubled)} doubled, ${grouped(disordered)} out of order`,
    `  latency ms  ${latency}`,
    ...(outcome.refused > 0 ? [`  refused     ${grouped(outcome.refused)} events`] : []),
    ...(outcome.unsent > 0
      ? [
          `  not sent    ${grouped(outcome.unsent)} events: their devices were cut off, or the hub did not read`,
        ]
      : []),
    ...(outcome.cutOff > 0 ? [`  cut off     ${grouped(outcome.cutOff)} connections`] : []),
    ...outcome.reasons.map((reason) => `  ${styled('yellow', reason)}`),
    ...limitLines(outcome),
    ...missed.map((one) => `  ${styled('red', `missed: ${one}`)}`),
  ];
}

function limitLines({ generatorLimit }: Outcome): string[] {
  if (generatorLimit === undefined) return [];
  const advice = 'use more --processes, a lower rate or another host';
  return [
    `  ${styled('yellow', `the generator was the limit: ${generatorLimit}; latencies say nothing about the hub`)}`,
    `  ${styled('yellow', advice)}`,
  ];
}

/** The steps of a search for the highest rate, as lines for people. */
export function kneeLines({ steps, held, limit }: Knee): string[] {
  const cells = steps.map((step) => stepCells(step));
  const head = ['EVENTS/S', 'DELIVERIES/S', 'P50 MS', 'P99 MS', 'LOST', ''];
  return [...table(head, cells).split('\n'), '', verdict(held, limit), ''];
}

function stepCells({ outcome, missed }: KneeStep): string[] {
  const { load, deliveriesPerSecond, lost, generatorLimit } = outcome;
  const { p50 = 0, p99 = 0 } = percentilesOf(outcome) ?? {};
  const state = missed.length === 0 ? 'held' : generatorLimit === undefined ? 'missed' : 'generator';
  return [
    grouped(load.rate * load.devices),
    grouped(deliveriesPerSecond),
    ms(p50),
    ms(p99),
    grouped(lost),
    state,
  ];
}

function verdict(held: KneeStep | undefined, limit: Knee['limit']): string {
  const generator = 'the generator could not do more; use more --processes or another host';
  if (held === undefined)
    return limit === 'generator' ? generator : 'not even the first rate held; start lower with --rate';
  const { rate, devices } = held.outcome.load;
  const found = `held: ${grouped(rate * devices)} events/s, ${Number(rate.toFixed(2))}/s of each device`;
  if (limit === 'hub') return found;
  return `${found}; ${limit === 'generator' ? generator : 'more was not tried'}`;
}

/** What differs from an earlier result, as lines for people. @param isSame both are of the same load */
export function changeLines(changes: readonly Change[], isSame: boolean): string[] {
  const cells = changes.map(({ figure, before, after, isWorse }) => [
    figure,
    ms(before),
    ms(after),
    before === 0 ? '' : `${(after / before).toFixed(2)} ×`,
    isWorse ? styled('red', 'worse') : '',
  ]);
  const warning = isSame
    ? []
    : [styled('yellow', 'the two results are of different loads: nothing is judged')];
  return [...warning, ...table(['', 'BEFORE', 'NOW', '', ''], cells).split('\n')];
}
