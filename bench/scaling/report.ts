/** What more threads bring, as text and as a page. */
import { escapeHtml, page } from '../../src/cli/bench/page.ts';
import { type Line, plot } from '../../src/cli/bench/plot.ts';
import type { ScalingLoad } from './loads.ts';
import type { Point } from './measure.ts';

export interface ScalingReport {
  readonly at: string;
  readonly machine: string;
  readonly node: string;
  readonly command: string;
  readonly points: readonly Point[];
}

/** Markdown: a table for each load. */
export function scalingText({ points, machine, node }: ScalingReport, loads: readonly ScalingLoad[]): string {
  const tables = loads.map(({ name, about, threads }) =>
    [
      `${name}: ${about}`,
      '',
      `| ${threads} threads | events/s | deliveries/s | × of one | hub's cores | busiest thread | CPU µs per ${unitOf(threads)} | p50 ms | p99 ms | limit |`,
      '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
      ...rowsOf(
        points.filter(({ load }) => load === name),
        threads,
      ),
    ].join('\n'),
  );
  return [`${machine}, Node ${node}`, ...tables].join('\n\n');
}

export function scalingHtml(report: ScalingReport, loads: readonly ScalingLoad[]): string {
  const plots = loads.map(({ name, about, threads }) => {
    const points = report.points.filter(({ load }) => load === name);
    const most = Math.max(1, ...points.map((point) => point.threads));
    const line = (of: string, read: (point: Point) => number): Line => ({
      name: of,
      points: points.map((point) => [point.threads / most, read(point)]),
    });
    const xLabels = points.map((point): [number, string] => [point.threads / most, `${point.threads}`]);
    const axis = (title: string) => ({
      title: `${title} by ${threads} threads`,
      isLogarithmic: false,
      xLabels,
    });
    const work = threads === 'fan-out' ? 'deliveries' : 'events';
    return `<h2>${escapeHtml(name)}</h2><p>${escapeHtml(about)}</p><div class="plots">
${plot(axis(`${work} per second`), [line(work, (point) => workOf(point, threads))])}
${plot(axis('cores that the hub used'), [line('hub', ({ cores }) => cores), line('busiest', ({ busiest }) => busiest)])}
</div>`;
  });
  return page(
    'Device Aggregator Tunnel: scaling',
    `<h1>More threads</h1>
<p>${escapeHtml(report.at)} · ${escapeHtml(report.machine)} · Node ${escapeHtml(report.node)}<br><code>${escapeHtml(report.command)}</code></p>
${plots.join('\n')}
<pre>${escapeHtml(scalingText(report, loads))}</pre>`,
  );
}

const unitOf = (threads: ScalingLoad['threads']): string => (threads === 'fan-out' ? 'delivery' : 'event');

const workOf = (point: Point, threads: ScalingLoad['threads']): number =>
  threads === 'fan-out' ? point.deliveriesPerSecond : point.eventsPerSecond;

function rowsOf(points: readonly Point[], threads: ScalingLoad['threads']): string[] {
  const one = points.find((point) => point.threads === 1);
  return points.map((point) => {
    const work = workOf(point, threads);
    const times = one === undefined ? '–' : (work / workOf(one, threads)).toFixed(2);
    const cells = [
      point.threads,
      Math.round(point.eventsPerSecond),
      Math.round(point.deliveriesPerSecond),
      times,
      point.cores.toFixed(2),
      point.busiest.toFixed(2),
      ((point.cores * 1e6) / work).toFixed(2),
      point.p50Ms.toFixed(1),
      point.p99Ms.toFixed(1),
      point.limit,
    ];
    return `| ${cells.join(' | ')} |`;
  });
}
