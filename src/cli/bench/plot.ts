/** Lines over an axis, as SVG. */
import { BOTTOM, COLOURS, escapeHtml, frame, HEIGHT, LEFT, RIGHT, short, TOP, WIDTH } from './page.ts';

export interface Line {
  readonly name: string;
  /** x from 0 to 1, y in units of the axis. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  readonly title: string;
  readonly isLogarithmic: boolean;
  readonly xLabels: readonly (readonly [x: number, text: string])[];
}

/** @returns SVG; empty without a value above 0 */
export function plot({ title, isLogarithmic, xLabels }: Axis, lines: readonly Line[]): string {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0);
  if (values.length === 0) return '';
  const { scale, ticks } = isLogarithmic ? decades(values) : linear(values);
  const x = (share: number): number => LEFT + share * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - scale(value) * (HEIGHT - TOP - BOTTOM);
  const grid = ticks.map(
    (value) =>
      `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>
<text class="dim" x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${numberText(value)}</text>`,
  );
  const labels = xLabels.map(
    ([share, text]) =>
      `<text class="dim" x="${x(share).toFixed(1)}" y="${HEIGHT - 14}" text-anchor="middle">${escapeHtml(text)}</text>`,
  );
  const drawn = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const path = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>
<text x="${WIDTH - RIGHT + 8}" y="${TOP + 14 + index * 16}" fill="${colour}" style="fill: ${colour}">${escapeHtml(name)}</text>`;
  });
  return frame(title, [...grid, ...labels, ...drawn]);
}

interface Scale {
  /** From 0, at the bottom, to 1. */
  readonly scale: (value: number) => number;
  readonly ticks: readonly number[];
}

function decades(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const scale = (value: number): number =>
    value <= 0 ? 0 : Math.max(0, (Math.log10(value) - low) / (high - low));
  return { scale, ticks };
}

function linear(values: readonly number[]): Scale {
  const max = roundUp(Math.max(...values));
  return { scale: (value: number): number => value / max, ticks: [0, max / 2, max] };
}

/** To 1, 2, 4 or 6 times a power of ten, or that power. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 6, 10].find((factor) => factor * power >= value) ?? 10);
}

const numberText = (value: number): string =>
  value > 0 && value < 1 ? value.toFixed(Math.ceil(-Math.log10(value))) : short(value);
