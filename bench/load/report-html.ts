/** The session as one page that needs nothing else: tables and plots as inline SVG. */
import {
  BOTTOM,
  COLOURS,
  escapeHtml,
  frame,
  HEIGHT,
  LEFT,
  page,
  RIGHT,
  TOP,
  WIDTH,
  yTicks,
} from '../../src/cli/bench/page.ts';
import type { Result, Session } from './results.ts';
import type { Shape } from './shapes.ts';
import type { Verdict } from './thresholds.ts';

export function reportHtml(session: Session, shapes: readonly Shape[], verdicts: readonly Verdict[]): string {
  const names = [...new Set(session.results.map(({ peer }) => peer))];
  const colour = (peer: string): string => COLOURS[names.indexOf(peer) % COLOURS.length]!;
  const sections = shapes.map((shape) => sectionOf(shape, session, colour));
  return page(
    'Device Aggregator Tunnel: bench',
    `<h1>Bench</h1>
<p>${escapeHtml(session.at)} · ${escapeHtml(session.machine)} · Node ${escapeHtml(session.node)}<br><code>${escapeHtml(session.command)}</code></p>
${verdictTable(verdicts)}
${sections.join('\n')}`,
  );
}

function verdictTable(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const rows = verdicts.map(
    ({ shape, figure, value, limit, unit, ok, doubt }) =>
      `<tr><td>${escapeHtml(shape)}</td><td>${escapeHtml(figure)}</td><td>${value.toFixed(2)} ${unit}</td><td>${limit.toFixed(2)}</td><td>${ok ? 'reached' : `<span class="miss">${doubt === undefined ? 'missed' : 'not known: the generator was the limit'}</span>`}</td></tr>`,
  );
  return `<h2>Targets</h2><table><tr><th>load</th><th>figure</th><th>measured</th><th>at most</th><th></th></tr>${rows.join('')}</table>`;
}

function sectionOf(shape: Shape, session: Session, colour: (peer: string) => string): string {
  const results = session.results.filter((result) => result.shape === shape.name);
  const missing = session.missing.filter((entry) => entry.shape === shape.name);
  if (results.length === 0) return '';
  const load = `${shape.devices} devices × ${shape.rate}/s → ${shape.subscribers} subscribers × ${shape.following} devices`;
  return `<h2>${escapeHtml(shape.name)}</h2><p>${escapeHtml(shape.about)}: ${load}</p>
<div class="plots">${cpuPlot(results, colour)}${latencyPlot(results, colour)}</div>
${tableOf(results)}
${missing.map(({ peer, why }) => `<div class="note">${escapeHtml(peer)}: not played, ${escapeHtml(why)}</div>`).join('')}`;
}

function tableOf(results: readonly Result[]): string {
  const per = results[0]!.per === 'connection' ? 'connection and second' : results[0]!.per;
  const head = [
    'peer',
    `CPU µs per ${per}`,
    'runs',
    'cores',
    'events/s',
    'deliveries/s',
    'p50',
    'p99',
    'p99.9 ms',
    'came in time',
    'lost',
    'refused',
    'doubled',
    'out of order',
    'cut off',
  ];
  const rows = results.map((result) => {
    const { p50, p99, p999 } = result.latencyMs;
    const { generatorLimits, keptUp, lost, refused = 0, duplicated, disordered, connectionsLost } = result;
    const limit = generatorLimits.length > 0 ? ' *' : '';
    const cells = [
      result.peer,
      result.cpuUs.toFixed(2),
      result.runs,
      result.cores.toFixed(2),
      result.eventsPerSecond.toFixed(0),
      result.deliveriesPerSecond.toFixed(0),
      p50.toFixed(2),
      p99.toFixed(2),
      p999.toFixed(2),
      `${keptUp === undefined ? '' : `${(keptUp * 100).toFixed(0)} %`}${limit}`,
      lost,
      refused,
      duplicated,
      disordered,
      connectionsLost,
    ];
    return `<tr>${cells.map((text) => `<td>${escapeHtml(String(text))}</td>`).join('')}</tr>`;
  });
  const note = results.some(({ generatorLimits }) => generatorLimits.length > 0)
    ? '<div class="note">* the generator itself was the limit in some of these runs</div>'
    : '';
  return `<table><tr>${head.map((text) => `<th>${escapeHtml(text)}</th>`).join('')}</tr>${rows.join('')}</table>${note}`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Throughput against the cores it took: up and left is better. */
function cpuPlot(results: readonly Result[], colour: (peer: string) => string): string {
  const throughput = ({ per, deliveriesPerSecond, eventsPerSecond }: Result): number =>
    per === 'delivery' ? deliveriesPerSecond : eventsPerSecond;
  const xMax = Math.max(...results.map(({ cores }) => cores)) * 1.1 || 1;
  const yMax = Math.max(...results.map(throughput)) * 1.1 || 1;
  const place = (result: Result): Point => ({
    x: LEFT + (result.cores / xMax) * (WIDTH - LEFT - RIGHT),
    y: HEIGHT - BOTTOM - (throughput(result) / yMax) * (HEIGHT - TOP - BOTTOM),
  });
  const dots = spread(results.map((result) => ({ result, at: place(result) }))).map(
    ({ result, at, labelY }) =>
      `<circle cx="${at.x.toFixed(1)}" cy="${at.y.toFixed(1)}" r="6" fill="${colour(result.peer)}"/>
<text x="${(at.x + 10).toFixed(1)}" y="${labelY.toFixed(1)}">${escapeHtml(result.peer)}</text>`,
  );
  const unit = results[0]?.per === 'delivery' ? 'deliveries/s' : 'events/s';
  return frame(`${unit} against cores`, [...dots, ...xTicks(xMax, 'cores'), ...yTicks(yMax)]);
}

/** Latency by percentile, logarithmic: low and flat is better. */
function latencyPlot(results: readonly Result[], colour: (peer: string) => string): string {
  const shown = results.filter(({ latencyMs }) => latencyMs.max > 0);
  if (shown.length === 0) return '';
  const labels = ['p50', 'p90', 'p99', 'p99.9', 'max'];
  const values = ({ latencyMs: { p50, p90, p99, p999, max } }: Result): number[] => [
    p50,
    p90,
    p99,
    p999,
    max,
  ];
  const all = shown.flatMap(values).map((ms) => Math.max(0.05, ms));
  const low = Math.floor(Math.log10(Math.min(...all)));
  const high = Math.ceil(Math.log10(Math.max(...all)));
  const x = (index: number): number =>
    LEFT + 14 + (index / (labels.length - 1)) * (WIDTH - LEFT - RIGHT - 28);
  const y = (ms: number): number =>
    HEIGHT -
    BOTTOM -
    ((Math.log10(Math.max(0.05, ms)) - low) / Math.max(1, high - low)) * (HEIGHT - TOP - BOTTOM);
  const ends = spread(
    shown.map((result) => ({ result, at: { x: x(labels.length - 1), y: y(result.latencyMs.max) } })),
  );
  const lines = ends.map(({ result, at, labelY }) => {
    const points = values(result).map((ms, index) => `${x(index).toFixed(1)},${y(ms).toFixed(1)}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour(result.peer)}" stroke-width="2"/>
<text x="${(at.x + 6).toFixed(1)}" y="${labelY.toFixed(1)}">${escapeHtml(result.peer)}</text>`;
  });
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const grid = decades.map(
    (ms) =>
      `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms).toFixed(1)}" y2="${y(ms).toFixed(1)}"/>
<text class="dim" x="${LEFT - 6}" y="${(y(ms) + 4).toFixed(1)}" text-anchor="end">${ms < 1 ? ms.toFixed(-Math.floor(Math.log10(ms))) : ms}</text>`,
  );
  const names = labels.map(
    (label, index) =>
      `<text class="dim" x="${x(index).toFixed(1)}" y="${HEIGHT - 14}" text-anchor="middle">${label}</text>`,
  );
  return frame('latency, ms, from the intended time of sending', [...grid, ...lines, ...names]);
}

/** Labels that would lie on each other move apart. */
function spread(marks: readonly { readonly result: Result; readonly at: Point }[]) {
  let lastY = Number.NEGATIVE_INFINITY;
  return [...marks]
    .sort((a, b) => a.at.y - b.at.y)
    .map((mark) => {
      lastY = Math.max(mark.at.y + 4, lastY + 14);
      return { ...mark, labelY: lastY };
    });
}

function xTicks(max: number, unit: string): string[] {
  return [0, 0.5, 1].map((share) => {
    const x = LEFT + share * (WIDTH - LEFT - RIGHT);
    const text = `${(share * max).toFixed(2)}${share === 1 ? ` ${unit}` : ''}`;
    return `<text class="dim" x="${x}" y="${HEIGHT - 14}" text-anchor="middle">${text}</text>`;
  });
}
