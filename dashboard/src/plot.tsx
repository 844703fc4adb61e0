/** A plot over time, drawn by uPlot on a canvas; its legend is text, with the values under the pointer or the last. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockTime } from './format.ts';
import { HISTORY_LENGTH, type Value } from './history.ts';
import { colour, onColours } from './theme.ts';

export interface Line {
  readonly name: string;
  /** Custom property of the style sheet. */
  readonly colour: string;
  readonly values: readonly Value[];
}

const HEIGHT = 150;

export function Plot(props: {
  label: string;
  times: readonly number[];
  lines: readonly Line[];
  /** A value as the legend shows it, and as the axis does. */
  text: (value: Value) => string;
  axis: (value: number) => string;
}) {
  const { label, times, lines, text, axis } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const names = lines.map(({ name }) => name).join();

  // Made anew when its lines are others, not when they grow
  useEffect(() => {
    const make = (): void => {
      plot.current?.destroy();
      const element = box.current;
      if (element === null) return;
      plot.current = new uPlot(
        optionsFor(element.clientWidth, lines, axis, setPointed),
        dataOf(times, lines),
        element,
      );
    };
    make();
    const endColours = onColours(make);
    const sizes = new ResizeObserver(() => {
      const width = box.current?.clientWidth ?? 0;
      if (width > 0) plot.current?.setSize({ width, height: HEIGHT });
    });
    if (box.current !== null) sizes.observe(box.current);
    return () => {
      sizes.disconnect();
      endColours();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [names]);

  useEffect(() => {
    plot.current?.setData(dataOf(times, lines));
    plot.current?.setScale('x', rangeOf(times));
  }, [times, lines]);

  const shown = pointed ?? times.length - 1;
  const values = lines.map(({ name, values: all }) => `${name} ${text(all[shown] ?? null)}`);
  return (
    <div>
      <ul class="legend">
        {lines.map(({ name, colour: property, values: all }) => (
          <li key={name}>
            <Swatch property={property} />
            <span class="muted">{name}</span> <b>{text(all[shown] ?? null)}</b>
          </li>
        ))}
      </ul>
      <div ref={box} class="plot" role="img" aria-label={`${label}: ${values.join(', ')}`} />
    </div>
  );
}

function Swatch({ property }: { property: string }) {
  const style = useMemo(() => ({ background: `var(${property})` }), [property]);
  return <span class="swatch" style={style} />;
}

function dataOf(times: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

/** The newest on the right, and room on the left for what is to come. */
function rangeOf(times: readonly number[]): { min: number; max: number } {
  const max = times.at(-1) ?? 0;
  return { min: max - HISTORY_LENGTH, max };
}

function optionsFor(
  width: number,
  lines: readonly Line[],
  axis: (value: number) => string,
  setPointed: (index: number | null) => void,
): uPlot.Options {
  const [muted, grid] = [colour('--muted'), colour('--grid')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const common = { stroke: muted, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(width, 50),
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 28, 0, 0], // on the right half of a time of day
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true },
      y: { range: (_plot, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.15] },
    },
    axes: [
      { ...common, space: 50, size: 26, values: (_plot, splits) => splits.map(timeOf) },
      { ...common, size: 52, space: 28, values: (_plot, splits) => splits.map(axis) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour: property }) => ({
        label: name,
        stroke: colour(property),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [({ cursor }) => setPointed(cursor.idx ?? null)] },
  };
}

function timeOf(seconds: number): string {
  const text = clockTime(seconds * 1e3);
  return seconds % 60 === 0 ? text.slice(0, 5) : text;
}
