/** The page: what stands on top of every view, and which view there is. */
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { ID_ACCEPTED, isId } from '../../src/wire/id.ts';
import { Activity } from './activity.tsx';
import { Cluster } from './cluster.tsx';
import { Device } from './device.tsx';
import { Devices } from './devices.tsx';
import { Follow } from './follow.tsx';
import { clockTime } from './format.ts';
import { Header } from './header.tsx';
import { type HubState, useHub } from './hub.ts';
import { type LiveFigures, type LiveState, type LiveSubject, NO_SUBJECT } from './live.ts';
import { Overview } from './overview.tsx';
import { ErrorNote } from './parts.tsx';
import { hashOf, type Route, routeOf } from './route.ts';
import { Rules } from './rules.tsx';
import { Subscriber } from './subscriber.tsx';
import { Subscribers } from './subscribers.tsx';
import { storeToken } from './token.ts';
import { TokenPrompt } from './token-prompt.tsx';

/** How long it is said that the hub was restarted. */
const NOTICE_MS = 30_000;
const TITLE = 'Device Aggregator Tunnel';

export function App() {
  const route = useRoute();
  const hub = useHub(subjectOf(route));
  const { figures } = hub;
  const title = titleOf(route);
  useEffect(() => {
    document.title = title === '' ? TITLE : `${title} · ${TITLE}`;
  }, [title]);

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
        {figures === undefined || hub.first === undefined ? (
          <p class="note">Waiting for the hub…</p>
        ) : (
          <View route={route} hub={hub} figures={figures} first={hub.first} />
        )}
      </main>
    </>
  );
}

function View(props: {
  route: Route;
  hub: HubState;
  figures: LiveFigures;
  first: LiveFigures;
}): ComponentChildren {
  const { route, hub, figures, first } = props;
  const { at, startedAt } = figures;
  const go = useCallback((to: Route) => location.replace(hashOf(to)), []);
  switch (route.view) {
    case 'overview':
      return (
        <Overview figures={figures} first={first} series={hub.series} filled={hub.filled} kept={hub.kept} />
      );
    case 'devices':
      return <Devices route={route} figures={figures} go={go} />;
    case 'device': {
      const { device } = route;
      if (!isId(device)) return <NoId text={device} />;
      return (
        <Device
          key={device}
          device={device}
          entry={hub.entries.get(device)}
          now={at}
          startedAt={startedAt}
          gaps={hub.gaps}
          onEvents={hub.onEvents}
        />
      );
    }
    case 'follow':
      return <Follow route={route} startedAt={startedAt} go={go} />;
    case 'subscribers':
      return (
        <Subscribers
          route={route}
          startedAt={startedAt}
          now={at}
          connected={figures.connections.subscriber}
          go={go}
        />
      );
    case 'subscriber':
      if (!isId(route.subscriber)) return <NoId text={route.subscriber} />;
      return <Subscriber key={route.subscriber} subscriber={route.subscriber} figures={figures} />;
    case 'rules':
      return <Rules startedAt={startedAt} />;
    case 'activity':
      return <Activity route={route} startedAt={startedAt} go={go} />;
    case 'cluster':
      return <Cluster figures={figures} />;
  }
}

/** An address may hold anything. */
function NoId({ text }: { text: string }) {
  return <ErrorNote message={`"${text}" is not an id; expected ${ID_ACCEPTED}`} />;
}

/** What the hub would refuse is not asked of the stream: all tabs share it. */
function subjectOf(route: Route): LiveSubject {
  if (route.view !== 'device' || !isId(route.device)) return NO_SUBJECT;
  return { devices: [route.device], watch: [route.device] };
}

function titleOf(route: Route): string {
  switch (route.view) {
    case 'overview':
      return '';
    case 'device':
      return route.device;
    case 'subscriber':
      return route.subscriber;
    case 'follow':
      return route.filter === '' ? 'Follow' : route.filter;
    case 'rules':
      return 'Access rules';
    default:
      return `${route.view.charAt(0).toUpperCase()}${route.view.slice(1)}`;
  }
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
    const since = figures === undefined ? '' : ` These figures are from ${clockTime(figures.at)}.`;
    return ['bad', `No connection: ${state.reason}. Trying again.${since}`];
  }
  if (figures === undefined) return ['', ''];
  if (figures.notReady !== null) return ['warn', `The hub admits no new peers: ${figures.notReady}.`];
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
