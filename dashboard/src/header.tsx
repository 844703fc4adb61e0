/** On top of every view: how the hub is, the figures that matter most, and where to go. */
import { useState } from 'preact/hooks';
import { isInCluster } from './cluster.tsx';
import { bytes, integer, milliseconds, percent, rate, span } from './format.ts';
import type { LiveFigures, LiveState } from './live.ts';
import type { Route } from './route.ts';
import { applyTheme, storedTheme, type Theme, themes } from './theme.ts';
import { storedToken } from './token.ts';

export interface HeaderProps {
  readonly route: Route;
  readonly state: LiveState;
  readonly figures: LiveFigures | undefined;
  readonly forget: () => void;
}

/** Each view with the views that are reached through it. */
const views: readonly { name: string; href: string; of: readonly Route['view'][] }[] = [
  { name: 'Overview', href: '#/', of: ['overview'] },
  { name: 'Devices', href: '#/devices', of: ['devices', 'device'] },
  { name: 'Follow', href: '#/follow', of: ['follow'] },
  { name: 'Subscribers', href: '#/subscribers', of: ['subscribers', 'subscriber'] },
  { name: 'Access rules', href: '#/rules', of: ['rules'] },
  { name: 'Activity', href: '#/activity', of: ['activity'] },
  { name: 'Cluster', href: '#/cluster', of: ['cluster'] },
];

export function Header({ route, state, figures, forget }: HeaderProps) {
  const hasCluster = figures !== undefined && isInCluster(figures);
  const shown = views.filter(({ of }) => !of.includes('cluster') || hasCluster || route.view === 'cluster');
  return (
    <header class="top">
      <div class="top-row">
        <span class="brand">Device Aggregator Tunnel</span>
        <Health state={state} figures={figures} />
        <nav aria-label="Views">
          {shown.map(({ name, href, of }) => (
            <a key={name} href={href} aria-current={of.includes(route.view) ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <div class="top-aside">
          {figures === undefined ? null : (
            <span class="muted version">
              {figures.version} · {figures.transport} · up {span(figures.at - figures.startedAt)}
            </span>
          )}
          <ThemeChoice />
          {storedToken() === '' ? null : (
            <button type="button" class="small" onClick={forget}>
              Forget token
            </button>
          )}
        </div>
      </div>
      <Figures figures={figures} />
    </header>
  );
}

function Health({ state, figures }: { state: LiveState; figures: LiveFigures | undefined }) {
  const [level, text] =
    state.phase === 'lost'
      ? ['bad', 'no connection']
      : figures === undefined || state.phase !== 'live'
        ? ['off', 'connecting']
        : figures.notReady !== null
          ? ['warn', figures.notReady === 'draining' ? 'draining' : 'not ready']
          : ['ok', 'live'];
  return <span class={`pill ${level}`}>{text}</span>;
}

function Figures({ figures }: { figures: LiveFigures | undefined }) {
  if (figures === undefined) return null;
  const { rates, latency, devices, connections, sendQueues, process } = figures;
  const received =
    rates === null ? null : rates.received.message + rates.received.status + rates.received.pong;
  const known = devices.online + devices.stale + devices.offline;
  const dropped = rates?.droppedEvents ?? null;
  const items: readonly (readonly [
    name: string,
    value: string,
    more?: string | undefined,
    level?: string,
  ])[] = [
    ['Events/s', rate(received)],
    ['Deliveries/s', rate(rates?.deliveries)],
    ['Latency p99', milliseconds(latency.p99Seconds)],
    ['Online', integer(devices.online), `of ${integer(known)}`],
    ['Subscribers', integer(connections.subscriber)],
    ['Dropped/s', rate(dropped), undefined, dropped !== null && dropped > 0 ? 'bad' : ''],
    [
      'Slow subscribers',
      integer(sendQueues.lagging),
      sendQueues.lagging > 0 ? bytes(sendQueues.bytes) : undefined,
      sendQueues.lagging > 0 ? 'warn' : '',
    ],
    ['CPU', percent(process.cpuRatio), bytes(process.residentBytes)],
  ];
  return (
    <dl class="figures">
      {items.map(([name, value, more, level = '']) => (
        <div key={name}>
          <dt>
            <Label name={name} />
          </dt>
          <dd class={level}>
            {value}
            {more === undefined ? null : <span class="muted"> {more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What a narrow screen has room for. */
const LABEL_CHARACTERS = 12;

/** Of a longer name, a narrow screen shows the first word. */
function Label({ name }: { name: string }) {
  if (name.length <= LABEL_CHARACTERS) return name;
  const end = name.indexOf(' ');
  return (
    <>
      {name.slice(0, end)}
      <span class="rest">{name.slice(end)}</span>
    </>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  return (
    <label class="theme">
      <span class="hidden">Theme</span>
      <select
        value={theme}
        onChange={(event) => {
          const next = themes.find((each) => each === event.currentTarget.value) ?? 'system';
          setTheme(next);
          applyTheme(next);
        }}
      >
        {themes.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}
