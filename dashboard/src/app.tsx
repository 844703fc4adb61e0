/** The page: what stands on top of every view, which view there is, and what keeps them up to date. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { DeviceEntry } from './api.ts';
import { Device } from './device.tsx';
import { Devices } from './devices.tsx';
import { clockTime } from './format.ts';
import { Header } from './header.tsx';
import { History } from './history.ts';
import { LiveConnection, type LiveEvents, type LiveFigures, type LiveState } from './live.ts';
import { Overview } from './overview.tsx';
import { hashOf, type Route, routeOf } from './route.ts';
import { storeToken } from './token.ts';
import { TokenPrompt } from './token-prompt.tsx';

/** How long it is said that the hub was restarted. */
const NOTICE_MS = 30_000;

export function App() {
  const route = useRoute();
  const hub = useHub();
  const { look } = hub;
  const [watched, setWatched] = useState<readonly string[]>([]);
  const device = route.view === 'device' ? route.device : '';
  useEffect(() => {
    look({ device, watch: device !== '' ? [device] : route.view === 'devices' ? watched : [] });
  }, [look, device, route.view, watched]);
  const go = useCallback((filter: { search: string; state: string }) => {
    location.replace(hashOf({ view: 'devices', ...filter }));
  }, []);

  if (hub.state.phase === 'unauthorized') {
    return (
      <TokenPrompt
        reason={hub.state.reason}
        give={(token) => {
          storeToken(token);
          hub.restart();
        }}
      />
    );
  }
  const { figures } = hub;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to content
      </button>
      <Header
        route={route}
        state={hub.state}
        figures={figures}
        forget={() => {
          storeToken('');
          hub.restart();
        }}
      />
      <Banner state={hub.state} figures={figures} restartedAt={hub.restartedAt} />
      <main id="content" tabIndex={-1}>
        {figures === undefined ? <p class="note">Asking the hub…</p> : null}
        {figures !== undefined && route.view === 'overview' ? (
          <Overview figures={figures} history={hub.history} />
        ) : null}
        {figures !== undefined && route.view === 'devices' ? (
          <Devices
            search={route.search}
            state={route.state}
            figures={figures}
            entries={hub.entries}
            watch={setWatched}
            go={go}
          />
        ) : null}
        {figures !== undefined && route.view === 'device' ? (
          <Device
            key={device}
            device={device}
            entry={hub.entries.get(device)}
            now={figures.at}
            startedAt={figures.startedAt}
            onEvents={hub.onEvents}
          />
        ) : null}
      </main>
    </>
  );
}

/** Says what an operator must not miss; read out by screen readers as it changes. */
function Banner(props: { state: LiveState; figures: LiveFigures | undefined; restartedAt: number }) {
  const { state, figures, restartedAt } = props;
  const [level, text] = noticeOf(state, figures, restartedAt);
  return (
    <div role="status" aria-live="polite">
      {text === '' ? null : <p class={`banner ${level}`}>{text}</p>}
    </div>
  );
}

function noticeOf(
  state: LiveState,
  figures: LiveFigures | undefined,
  restartedAt: number,
): readonly [level: string, text: string] {
  if (state.phase === 'lost') {
    const since = figures === undefined ? '' : ` These figures are of ${clockTime(figures.at)}.`;
    return ['bad', `No connection: ${state.reason}. Trying again.${since}`];
  }
  if (figures === undefined) return ['', ''];
  if (figures.notReady !== null) return ['warn', `The hub takes no new peers: ${figures.notReady}.`];
  if (restartedAt !== 0 && Date.now() - restartedAt < NOTICE_MS)
    return ['ok', `Connected again: the hub was restarted at ${clockTime(figures.startedAt)}.`];
  return ['', ''];
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const changed = (): void => setRoute(routeOf(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

/** All that comes over the live stream. */
function useHub() {
  const history = useMemo(() => new History(), []);
  const [state, setState] = useState<LiveState>({ phase: 'connecting' });
  const [figures, setFigures] = useState<LiveFigures>();
  const [entries, setEntries] = useState<ReadonlyMap<string, DeviceEntry | null>>(new Map());
  const [restartedAt, setRestartedAt] = useState(0);
  const listeners = useRef(new Set<(events: LiveEvents) => void>());
  const startedAt = useRef(0);
  const connection = useMemo(
    () =>
      new LiveConnection({
        state: (next) => setState((before) => (isSame(before, next) ? before : next)),
        figures(next) {
          if (startedAt.current !== 0 && startedAt.current !== next.startedAt) {
            setRestartedAt(Date.now());
            setEntries(new Map());
          }
          startedAt.current = next.startedAt;
          if (history.add(next)) setFigures(next);
        },
        devices: ({ devices, gone }) =>
          setEntries(
            (before) =>
              new Map([
                ...[...before].slice(-ENTRIES_KEPT),
                ...devices.map((entry) => [entry.device, entry] as const),
                ...gone.map((id) => [id, null] as const),
              ]),
          ),
        events(events) {
          for (const listener of listeners.current) listener(events);
        },
      }),
    [history],
  );
  useEffect(() => connection.start(), [connection]);
  const look = useCallback(
    (subject: Parameters<typeof connection.look>[0]) => connection.look(subject),
    [connection],
  );
  const onEvents = useCallback((listener: (events: LiveEvents) => void) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);
  return { state, figures, entries, history, restartedAt, look, onEvents, restart: () => connection.start() };
}

/** More than any one view shows. */
const ENTRIES_KEPT = 200;

function isSame(one: LiveState, other: LiveState): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
