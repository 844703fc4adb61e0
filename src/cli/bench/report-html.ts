/** The result of `dat bench` as one page that needs nothing else. */
import { merged } from './histogram.ts';
import type { Knee } from './knee.ts';
import type { Outcome } from './outcome.ts';
import { escapeHtml, page, short } from './page.ts';
import { type Line, plot } from './plot.ts';
import { kneeLines, outcomeLines } from './report-text.ts';
import { describeLoad } from './result.ts';

export interface HtmlReport {
  readonly outcome: Outcome;
  readonly missed: readonly string[];
  readonly knee: Knee | undefined;
  /** How it was started, where, and when. */
  readonly facts: readonly string[];
}

/** A page that stands alone: what a load gave, in text and plots. */
export function reportHtml({ outcome, missed, knee, facts }: HtmlReport): string {
  const text = [...(knee === undefined ? [] : kneeLines(knee)), ...outcomeLines(outcome, missed)];
  const plots = [
    ...(knee === undefined ? [] : [kneePlot(knee)]),
    percentilePlot(outcome),
    latencyPlot(outcome),
    ratePlot(outcome),
  ];
  return page(
    `dat bench: ${describeLoad(outcome.load)}`,
    `<h1>${escapeHtml(describeLoad(outcome.load))}</h1>
<p>${facts.map(escapeHtml).join('<br>')}</p>
<pre>${escapeHtml(text.join('\n'))}</pre>
<div class="plots">${plots.join('\n')}</div>`,
  );
}

/** Each point lets a tenth through of what the one before did. */
const TAIL = [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999];

function percentilePlot({ latency }: Outcome): string {
  const all = merged([latency]);
  // A percentile needs more values than it leaves out.
  const shown = TAIL.filter((percent) => all.count * (1 - percent / 100) >= 1);
  const widest = Math.log10(1 / (1 - (shown.at(-1) ?? 0) / 100)) || 1;
  const place = (percent: number): number => Math.log10(1 / (1 - percent / 100)) / widest;
  return plot(
    {
      title: 'latency by percentile, ms',
      isLogarithmic: true,
      xLabels: [0, 90, 99, 99.9, 99.99, 99.999]
        .filter((percent) => shown.includes(percent))
        .map((percent) => [place(percent), `${percent}`]),
    },
    [
      {
        name: 'all events',
        points: shown.map((percent) => [place(percent), Math.max(1e-3, all.percentile(percent) / 1e3)]),
      },
    ],
  );
}

function latencyPlot(outcome: Outcome): string {
  const series = wholeSeconds(outcome);
  const seen = series.filter(({ received }) => received > 0);
  const line = (name: string, read: (second: Outcome['series'][number]) => number): Line => ({
    name,
    points: seen.map((second) => [placeOf(second.second, series.length), Math.max(1e-3, read(second))]),
  });
  return plot(
    { title: 'latency of each second, ms', isLogarithmic: true, xLabels: secondLabels(series.length) },
    [line('p50', ({ p50Ms }) => p50Ms), line('p99', ({ p99Ms }) => p99Ms), line('max', ({ maxMs }) => maxMs)],
  );
}

function ratePlot(outcome: Outcome): string {
  const series = wholeSeconds(outcome);
  const line = (name: string, read: (second: Outcome['series'][number]) => number): Line => ({
    name,
    points: series.map((second) => [placeOf(second.second, series.length), read(second)]),
  });
  return plot({ title: 'per second', isLogarithmic: false, xLabels: secondLabels(series.length) }, [
    line('events', ({ sent }) => sent),
    line('deliveries', ({ received }) => received),
  ]);
}

/** The last second is cut short by the end of the load. */
const wholeSeconds = ({ series }: Outcome): Outcome['series'] => series.slice(0, -1);

const placeOf = (second: number, count: number): number => second / Math.max(1, count - 1);

function secondLabels(count: number): [number, string][] {
  const last = Math.max(1, count - 1);
  return [
    [0, '0'],
    [0.5, `${Math.round(last / 2)}`],
    [1, `${last} s`],
  ];
}

function kneePlot({ steps }: Knee): string {
  const sorted = steps.map(({ outcome }) => outcome).toSorted((a, b) => a.load.rate - b.load.rate);
  const eventsOf = ({ load }: Outcome): number => load.rate * load.devices;
  const most = Math.max(...sorted.map(eventsOf));
  const points = sorted.map((outcome): [number, number] => [
    eventsOf(outcome) / most,
    Math.max(1e-3, merged([outcome.latency]).percentile(99) / 1e3),
  ]);
  const xLabels: [number, string][] = [
    [0, '0'],
    [0.5, short(most / 2)],
    [1, `${short(most)}/s`],
  ];
  return plot({ title: 'p99 by events per second, ms', isLogarithmic: true, xLabels }, [
    { name: 'p99', points },
  ]);
}
