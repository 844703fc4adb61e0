/** How the hub does over time: rates, latency and connections, of the span that is chosen. */
import { useMemo, useState } from 'preact/hooks';
import { clockTime, integer, milliseconds, NOTHING, rate, short } from './format.ts';
import type { LiveFigures } from './live.ts';
import { Tables } from './overview-tables.tsx';
import { NoRoute, Panel } from './parts.tsx';
import { type Line, Plot, type Span } from './plot.tsx';
import type { Columns, Series, SeriesName } from './series.ts';

const MINUTE_MS = 60_000;
const ranges = [
  { name: '5 min', ms: 5 * MINUTE_MS },
  { name: '15 min', ms: 15 * MINUTE_MS },
  { name: '1 h', ms: 60 * MINUTE_MS },
] as const;

/** What `GET` the kept figures gave: nothing yet, figures, or why there are none. */
export type KeptFiguresState = 'loading' | 'loaded' | 'off';

export interface OverviewProps {
  readonly figures: LiveFigures;
  /** The first figures of this hub that the page got. */
  readonly first: LiveFigures;
  readonly series: Series;
  /** Grows when something was added to the series elsewhere than at its end. */
  readonly filled: number;
  readonly kept: KeptFiguresState;
}

export function Overview({ figures, first, series, filled, kept }: OverviewProps) {
  const [rangeMs, setRangeMs] = useState<number>(ranges[0].ms);
  /** Undefined: the last `rangeMs`, up to now. */
  const [zoomed, setZoomed] = useState<Span>();
  const [from, to] = zoomed === undefined ? [figures.at - rangeMs, figures.at] : [zoomed.from, zoomed.to];
  const newest = zoomed === undefined ? figures.at : 0;
  // The series is one object that grows
  const columns = useMemo(() => series.columns(from, to), [series, filled, from, to, newest]);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Time span">
        {ranges.map(({ name, ms }) => (
          <button
            key={ms}
            type="button"
            class="small"
            aria-pressed={zoomed === undefined && rangeMs === ms}
            onClick={() => {
              setZoomed(undefined);
              setRangeMs(ms);
            }}
          >
            {name}
          </button>
        ))}
        {zoomed === undefined ? (
          <span class="toolbar-note">drag over a plot to zoom</span>
        ) : (
          <>
            <button type="button" class="small" onClick={() => setZoomed(undefined)}>
              Reset zoom
            </button>
            <span class="toolbar-note">
              {clockTime(from)} to {clockTime(to)}
            </span>
          </>
        )}
      </div>
      {kept === 'off' ? (
        <NoRoute what="Figures of before you opened this page are" route="GET /v1/stats/history" />
      ) : null}
      <div class="grid plots">
        <Plots
          columns={columns}
          span={{ from, to }}
          zoom={setZoomed}
          gateways={figures.connections.gateway}
        />
      </div>
      <Tables figures={figures} first={first} />
    </>
  );
}

interface PlotsProps {
  readonly columns: Columns;
  readonly span: Span;
  readonly zoom: (span: Span) => void;
  /** Connections of gateways now. */
  readonly gateways: number;
}

function Plots({ columns, span, zoom, gateways }: PlotsProps) {
  const { times, of } = columns;
  const common = { times, span, zoom };
  const line = (name: string, colour: string, series: SeriesName): Line => ({
    name,
    colour,
    values: of[series],
  });
  return (
    <>
      <Panel title="Events received" note="per second; skipped: nobody listens">
        <Plot
          {...common}
          label="Events per second"
          lines={[
            line('message', '--line-1', 'message'),
            line('status', '--line-2', 'status'),
            line('pong', '--line-3', 'pong'),
            line('skipped', '--line-4', 'skipped'),
          ]}
          text={rate}
          axis={short}
          emptyTop={10}
        />
      </Panel>
      <Panel title="Deliveries" note="per second">
        <Plot
          {...common}
          label="Deliveries per second"
          lines={[line('delivered', '--line-1', 'deliveries'), line('dropped', '--line-bad', 'dropped')]}
          text={rate}
          axis={short}
          emptyTop={10}
        />
      </Panel>
      <Panel title="Latency" note="receive to send">
        <Plot
          {...common}
          label="Latency"
          lines={[
            line('p50', '--line-1', 'p50'),
            line('p90', '--line-2', 'p90'),
            line('p99', '--line-4', 'p99'),
          ]}
          text={milliseconds}
          axis={milliseconds}
          emptyTop={0.01}
        />
      </Panel>
      <Panel title="Connections" note={gateways === 0 ? undefined : `and ${integer(gateways)} of gateways`}>
        <Plot
          {...common}
          label="Connections"
          lines={[line('devices', '--line-1', 'devices'), line('subscribers', '--line-2', 'subscribers')]}
          text={(value) => (value === null ? NOTHING : integer(value))}
          axis={short}
          emptyTop={10}
        />
      </Panel>
    </>
  );
}
