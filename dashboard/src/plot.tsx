/**
 * A plot over time, drawn by uPlot on a canvas; its legend is text, with the values under the pointer or the last.
 * Dragging over it chooses a span of time.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockTime } from './format.ts';
import type { Value } from './series.ts';
import { colour, onColours } from './theme.ts';

export interface Line {
  readonly name: string;
  /** Custom property of the style sheet. */
  readonly colour: string;
  readonly values: readonly Value[];
}

/** Milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const HEIGHT = 150;
/** A drag that is shorter, in pixels, was meant as a click. */
const DRAG_MIN = 8;
/** Seconds from one mark of the time to the next. */
const INCREMENTS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800];
/** Plots whose pointers move together. */
const SYNC_KEY = 'dat';

export function Plot(props: {
  label: string;
  times: readonly number[];
  lines: readonly Line[];
  span: Span;
  /** A value as the legend shows it, and as the axis does. */
  text: (value: Value) => string;
  axis: (value: number) => string;
  /** Up to where the axis goes while there is nothing above 0. */
  emptyTop: number;
  zoom: (span: Span) => void;
}) {
  const { label, times, lines, span, text, axis, emptyTop } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(props.zoom);
  zoom.current = props.zoom;
  /** What is shown now: the plot may be made anew long after the lines were first given. */
  const data = useRef({ times, lines, span });
  data.current = { times, lines, span };
  const [pointed, setPointed] = useState<number | null>(null);
  const names = lines.map(({ name }) => name).join();

  // Made anew when its lines are others, not when they grow
  useEffect(() => {
    const make = (): void => {
      plot.current?.destroy();
      const element = box.current;
      if (element === null) return;
      const now = data.current;
      plot.current = new uPlot(
        optionsFor(element.clientWidth, now.lines, {
          axis,
          emptyTop,
          pointed: setPointed,
          zoom: (to) => zoom.current(to),
        }),
        dataOf(now.times, now.lines),
        element,
      );
      plot.current.setScale('x', { min: now.span.from / 1e3, max: now.span.to / 1e3 });
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
    plot.current?.setData(dataOf(times, lines), false);
    plot.current?.setScale('x', { min: span.from / 1e3, max: span.to / 1e3 });
  }, [times, lines, span.from, span.to]);

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
        {pointed === null || times[pointed] === undefined ? null : (
          <li class="muted pointed">at {clockTime(times[pointed] * 1e3)}</li>
        )}
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

interface Handlers {
  readonly axis: (value: number) => string;
  readonly emptyTop: number;
  readonly pointed: (index: number | null) => void;
  readonly zoom: (span: Span) => void;
}

function optionsFor(width: number, lines: readonly Line[], handlers: Handlers): uPlot.Options {
  const [muted, grid] = [colour('--muted'), colour('--grid')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const common = { stroke: muted, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(width, 50),
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 28, 0, 0], // on the right half of a time of day
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      sync: { key: SYNC_KEY, setSeries: false, scales: ['x', null] },
    },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_plot, _min, max) => [0, max === null || max <= 0 ? handlers.emptyTop : max * 1.15] },
    },
    axes: [
      { ...common, space: 60, size: 26, incrs: INCREMENTS_S, values: (_plot, splits) => timesOf(splits) },
      { ...common, size: 52, space: 28, values: (_plot, splits) => splits.map(handlers.axis) },
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
    hooks: {
      setCursor: [({ cursor }) => handlers.pointed(cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide < DRAG_MIN) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          handlers.zoom({
            from: plot.posToVal(left, 'x') * 1e3,
            to: plot.posToVal(left + wide, 'x') * 1e3,
          });
        },
      ],
    },
  };
}

/** Seconds only where the marks are closer than a minute. */
function timesOf(splits: readonly number[]): string[] {
  const hasSeconds = splits.some((seconds) => seconds % 60 !== 0);
  return splits.map((seconds) => {
    const text = clockTime(seconds * 1e3);
    return hasSeconds ? text : text.slice(0, 5);
  });
}
