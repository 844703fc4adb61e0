/** The session as one page that needs nothing else: tables and plots as inline SVG. */
import type { Result, Session } from './results.ts';
import type { Shape } from './shapes.ts';
import type { Verdict } from './thresholds.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d8de, #3a3f4a); --dim: light-dark(#667, #99a); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem;
  background: light-dark(#fff, #14161a); color: light-dark(#1b1e24, #e6e8ec); }
h2 { margin: 2.5rem 0 0.2rem; } p { margin: 0.2rem 0 1rem; color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { color: var(--dim); font-weight: 500; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; } svg { flex: 1 1 480px; max-width: 530px; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } .axis { stroke: var(--line); }
.dim { fill: var(--dim) !important; } .miss { color: light-dark(#b3261e, #ff8a80); font-weight: 600; }
.note { color: var(--dim); font-size: 0.9em; }`;

const COLOURS = ['#2f7de1', '#e8710a', '#7a52c7', '#c2185b', '#00897b', '#8d6e63', '#6b7785'];

export function reportHtml(session: Session, shapes: readonly Shape[], verdicts: readonly Verdict[]): string {
  const names = [...new Set(session.results.map(({ peer }) => peer))];
  const colour = (peer: string): string => COLOURS[names.indexOf(peer) % COLOURS.length]!;
  const sections = shapes.map((shape) => sectionOf(shape, session, colour));
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Device Aggregator Tunnel: bench</title><style>${STYLE}</style>
<h1>Bench</h1>
<p>${escapeHtml(session.at)} · ${escapeHtml(session.machine)} · Node ${escapeHtml(session.node)}<br><code>${escapeHtml(session.command)}</code></p>
${verdictTable(verdicts)}
${sections.join('\n')}
</html>
`;
}

function verdictTable(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const rows = verdicts.map(
    ({ shape, figure, value, limit, unit, ok }) =>
      `<tr><td>${escapeHtml(shape)}</td><td>${escapeHtml(figure)}</td><td>${value.toFixed(2)} ${unit}</td><td>${limit.toFixed(2)}</td><td>${ok ? 'reached' : '<span class="miss">missed</span>'}</td></tr>`,
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
    'lost',
  ];
  const rows = results.map((result) => {
    const { p50, p99, p999 } = result.latencyMs;
    const limit = result.generatorLimits.length > 0 ? ' *' : '';
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
      `${result.lost}${limit}`,
    ];
    return `<tr>${cells.map((text) => `<td>${escapeHtml(String(text))}</td>`).join('')}</tr>`;
  });
  const note = results.some(({ generatorLimits }) => generatorLimits.length > 0)
    ? '<div class="note">* the generator itself was the limit in some of these runs</div>'
    : '';
  return `<table><tr>${head.map((text) => `<th>${escapeHtml(text)}</th>`).join('')}</tr>${rows.join('')}</table>${note}`;
}

const WIDTH = 530;
const HEIGHT = 250;
const LEFT = 70;
const RIGHT = 100;
const TOP = 34;
const BOTTOM = 36;

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

function yTicks(max: number): string[] {
  return [0, 0.5, 1].map((share) => {
    const y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    return `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>
<text class="dim" x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${short(share * max)}</text>`;
  });
}

function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)} k` : value.toFixed(0);
}

function frame(title: string, marks: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">
<text x="${LEFT}" y="16">${escapeHtml(title)}</text>${marks.join('\n')}</svg>`;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}
