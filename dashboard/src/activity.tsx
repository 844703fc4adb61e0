/** What operators did lately, and what the hub refused: the newest that it keeps in memory. */
import type { ComponentChildren } from 'preact';
import { type ActivityEntry, listActivity } from './activity-api.ts';
import { clockTime, dateTime, integer, NOTHING } from './format.ts';
import { ErrorNote, Id, NoRoute, Panel, Table } from './parts.tsx';
import { usePoll } from './poll.ts';
import { type ActivityRoute, hashOf } from './route.ts';

const REFRESH_MS = 3000;
const shown = [
  { show: '', name: 'All' },
  { show: 'actions', name: 'Operator actions' },
  { show: 'refusals', name: 'Refusals' },
] as const;

export interface ActivityProps {
  readonly route: ActivityRoute;
  readonly startedAt: number;
  readonly go: (route: ActivityRoute) => void;
}

export function Activity({ route, startedAt, go }: ActivityProps) {
  const page = usePoll(`activity ${startedAt}`, REFRESH_MS, listActivity);
  const { show } = route;
  const entries = (page.answer ?? []).filter(
    ({ kind }) => show === '' || (kind === 'action') === (show === 'actions'),
  );
  if (page.isNoRoute) {
    return (
      <Panel title="Activity" wide>
        <NoRoute what="Operator actions and refusals are" route="GET /v1/activity" />
      </Panel>
    );
  }
  return (
    <Panel
      title="Activity"
      note="newest first, since the hub started; the log has all of it"
      aside={shown.map(({ show: which, name }) => (
        <button
          key={which}
          type="button"
          class="small"
          aria-pressed={which === show}
          onClick={() => go({ ...route, show: which })}
        >
          {name}
        </button>
      ))}
      wide
    >
      {page.failure === '' ? null : <ErrorNote message={page.failure} retry={page.again} />}
      <Table
        label="Activity"
        columns={columns}
        empty={page.isCurrent ? 'Nothing yet.' : 'Loading…'}
        isEmpty={entries.length === 0}
        cards
      >
        {entries.map((entry, index) => (
          <Row key={index} entry={entry} />
        ))}
      </Table>
    </Panel>
  );
}

const columns = [
  { name: 'Time' },
  { name: 'Who' },
  { name: 'From' },
  { name: 'What' },
  { name: 'Details' },
  { name: 'Result' },
];

interface Cells {
  readonly who: string;
  readonly from: string;
  readonly what: string;
  readonly details: ComponentChildren;
  readonly result: string;
  readonly level: '' | 'ok' | 'bad' | 'warn';
}

function Row({ entry }: { entry: ActivityEntry }) {
  const { who, from, what, details, result, level } = cellsOf(entry);
  const isToday = new Date(entry.at).toDateString() === new Date().toDateString();
  return (
    <tr>
      <td class="nowrap">{isToday ? clockTime(entry.at) : dateTime(entry.at)}</td>
      <td class="text">{who}</td>
      <td class="text" data-name="from">
        {from}
      </td>
      <td class="text">{what}</td>
      <td class="text wide">{details}</td>
      <td class={`nowrap ${level}`}>{result}</td>
    </tr>
  );
}

function cellsOf(entry: ActivityEntry): Cells {
  switch (entry.kind) {
    case 'action': {
      const { who, from, action, what, status } = entry;
      const isDone = status < 400;
      return {
        who,
        from,
        what: wordsOf(action, what),
        details: <Details what={what} />,
        result: isDone ? 'done' : `failed (${status})`,
        level: isDone ? 'ok' : 'bad',
      };
    }
    case 'refusedRequest': {
      const { from, action, status, message } = entry;
      return {
        who: NOTHING,
        from,
        what: `admin request ${action}`,
        details: message,
        result: `refused (${status})`,
        level: 'warn',
      };
    }
    case 'refused': {
      const { address, role = 'peer', status, message, id } = entry;
      return {
        who: id ?? NOTHING,
        from: address,
        what: `connection of a ${role}`,
        details: message,
        result: `refused (${status})`,
        level: 'warn',
      };
    }
    case 'suppressed': {
      const { count, role = 'peer', reason } = entry;
      return {
        who: NOTHING,
        from: NOTHING,
        what: `${integer(count)} more connections of ${role}s`,
        details: reason,
        result: 'refused',
        level: 'warn',
      };
    }
  }
}

/** By method and path: what an operator would say. */
const words: Readonly<Record<string, string>> = {
  'PUT /v1/devices/:device/subscribers/:subscriber': 'set a subscription',
  'DELETE /v1/devices/:device/subscribers/:subscriber': 'remove a subscription',
  'DELETE /v1/devices/:device': 'terminate a device',
  'POST /v1/devices/:device/events': 'publish an event',
  'DELETE /v1/subscribers/:subscriber': 'kick a subscriber',
  'PUT /v1/access/rules': 'set the access rules',
  'POST /v1/reload': 'reload the settings',
};

function wordsOf(action: string, { dryRun }: Readonly<Record<string, unknown>>): string {
  if (dryRun === true || dryRun === 'true') return 'dry run of access rules';
  return words[action] ?? action;
}

/** Devices and subscribers are links, the rest is as the hub tells it. */
function Details({ what }: { what: Readonly<Record<string, unknown>> }) {
  const parts = Object.entries(what).filter(([name]) => name !== 'dryRun');
  return (
    <>
      {parts.map(([name, value], index) => (
        <span key={name}>
          {index === 0 ? '' : ', '}
          <span class="muted">{name}</span> <Value name={name} value={value} />
        </span>
      ))}
    </>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (name === 'device') return <Id id={text} href={hashOf({ view: 'device', device: text })} />;
  if (name === 'subscriber') return <Id id={text} href={hashOf({ view: 'subscriber', subscriber: text })} />;
  return <>{text}</>;
}
