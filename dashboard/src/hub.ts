/** All that a page knows of the hub: what comes over the live stream, and the figures that the hub kept. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, type DeviceEntry } from './api.ts';
import { keptFigures } from './kept-figures.ts';
import type { LiveEvents, LiveFigures, LiveNews, LiveState, LiveSubject } from './live.ts';
import { LiveClient } from './live-client.ts';
import type { KeptFiguresState } from './overview.tsx';
import { Series, sampleOf } from './series.ts';

/** More than any one view watches. */
const ENTRIES_KEPT = 200;

export interface HubState {
  readonly state: LiveState;
  readonly figures: LiveFigures | undefined;
  /** The first figures of the hub that runs now. */
  readonly first: LiveFigures | undefined;
  readonly entries: ReadonlyMap<string, DeviceEntry | null>;
  readonly series: Series;
  /** Grows when the series was filled from what the hub kept. */
  readonly filled: number;
  readonly kept: KeptFiguresState;
  /** When the page saw that the hub was restarted; 0 never. */
  readonly restartedAt: number;
  /** Grows when the page may have missed something. */
  readonly gaps: number;
  readonly onEvents: (listener: (events: LiveEvents) => void) => () => void;
  /** Starts over, with the token there is now. */
  readonly restart: () => void;
}

/** @param subject what the page looks at */
export function useHub(subject: LiveSubject): HubState {
  const series = useMemo(() => new Series(), []);
  const [state, setState] = useState<LiveState>({ phase: 'connecting' });
  const [figures, setFigures] = useState<LiveFigures>();
  const [first, setFirst] = useState<LiveFigures>();
  const [entries, setEntries] = useState<ReadonlyMap<string, DeviceEntry | null>>(new Map());
  const [restartedAt, setRestartedAt] = useState(0);
  const [filled, setFilled] = useState(0);
  const [kept, setKept] = useState<KeptFiguresState>('loading');
  const [gaps, setGaps] = useState(0);
  const listeners = useRef(new Set<(events: LiveEvents) => void>());
  const startedAt = useRef(0);
  const wasLost = useRef(false);

  const fill = useCallback(() => {
    keptFigures()
      .then((samples) => {
        series.fill(samples);
        setFilled((count) => count + 1);
        setKept('loaded');
      })
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.isNoRoute) setKept('off');
      });
  }, [series]);

  const hear = useCallback(
    (news: LiveNews) => {
      switch (news.kind) {
        case 'state':
          if (news.state.phase === 'live' && wasLost.current) setGaps((count) => count + 1);
          wasLost.current = news.state.phase === 'lost' || (wasLost.current && news.state.phase !== 'live');
          setState((before) => (JSON.stringify(before) === JSON.stringify(news.state) ? before : news.state));
          break;
        case 'figures': {
          const next = news.figures;
          if (startedAt.current !== next.startedAt) {
            if (startedAt.current !== 0) setRestartedAt(Date.now());
            setEntries(new Map());
            setFirst(next);
          }
          startedAt.current = next.startedAt;
          // After a pause, the hub knows what was missed
          if (series.add(sampleOf(next))) {
            fill();
            setGaps((count) => count + 1);
          }
          setFigures(next);
          break;
        }
        case 'devices':
          // It was on its way when the page let go. With an entry, the page reads the kept events and waits for new
          // ones, which a stream that it has let go of does not bring.
          if (document.visibilityState === 'hidden') break;
          setEntries((before) => withEntries(before, news.devices));
          break;
        case 'events':
          for (const listener of listeners.current) listener(news.events);
          break;
      }
    },
    [series, fill],
  );

  const client = useMemo(() => new LiveClient(hear), [hear]);
  const key = JSON.stringify(subject);
  useEffect(() => {
    setEntries(new Map()); // whoever waits for an entry waits for one of now
    client.look(JSON.parse(key) as LiveSubject);
  }, [client, key]);
  useEffect(() => {
    const changed = (): void => {
      if (document.visibilityState === 'hidden') setEntries(new Map());
    };
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  }, []);
  const restart = useCallback(() => client.start(), [client]);
  const onEvents = useCallback((listener: (events: LiveEvents) => void) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);
  return { state, figures, first, entries, series, filled, kept, restartedAt, gaps, onEvents, restart };
}

function withEntries(
  before: ReadonlyMap<string, DeviceEntry | null>,
  { devices, gone }: (LiveNews & { kind: 'devices' })['devices'],
): ReadonlyMap<string, DeviceEntry | null> {
  return new Map([
    ...[...before].slice(-ENTRIES_KEPT),
    ...devices.map((entry) => [entry.device, entry] as const),
    ...gone.map((id) => [id, null] as const),
  ]);
}
