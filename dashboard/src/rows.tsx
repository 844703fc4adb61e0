/** Who follows a device, and what an operator may do about it. Asked for again when the device's counts change. */
import { useEffect, useState } from 'preact/hooks';
import { isId } from '../../src/wire/id.ts';
import { ApiError, type DeviceEntry, listRows, messageOf, type RowEntry } from './api.ts';
import type { Question } from './confirm.tsx';
import { clockTime, dateTime, integer } from './format.ts';
import { ErrorNote, Id, Pages, Panel, State, Table } from './parts.tsx';
import { pairQuestions, subscriberQuestions } from './questions.ts';
import { hashOf } from './route.ts';

const PAGE_ROWS = 50;
/** Counts that change quickly ask once they rest. */
const REFRESH_MS = 250;

export interface RowsProps {
  readonly device: string;
  readonly counts: DeviceEntry['subscribers'] | undefined;
  readonly ask: (question: Question) => void;
  readonly isAsking: boolean;
}

export function Rows({ device, counts, ask, isAsking }: RowsProps) {
  const [cursors, setCursors] = useState<readonly string[]>(['']);
  const [rows, setRows] = useState<readonly RowEntry[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [askedAt, setAskedAt] = useState(0);
  const [failure, setFailure] = useState('');
  const [attempt, setAttempt] = useState(0);
  const cursor = cursors.at(-1) ?? '';
  const key = counts === undefined ? '' : JSON.stringify(counts);

  // Other counts, or an answered question, ask again
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      listRows(device, { limit: PAGE_ROWS, cursor, signal: abort.signal })
        .then((page) => {
          setRows(page.subscribers);
          setNext(page.cursor);
          setAskedAt(Date.now());
          setFailure('');
        })
        .catch((error: unknown) => {
          if (abort.signal.aborted) return;
          setRows([]);
          const isUnknown = error instanceof ApiError && error.status === 404;
          setFailure(isUnknown ? '' : messageOf(error));
        });
    }, REFRESH_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [device, cursor, key, attempt, isAsking]);

  const total =
    counts === undefined ? undefined : Object.values(counts).reduce((sum, count) => sum + count, 0);
  const isPaged = next !== null || cursors.length > 1;
  return (
    <Panel
      title="Subscribers"
      note={
        total === undefined || askedAt === 0 ? undefined : `${integer(total)}, as of ${clockTime(askedAt)}`
      }
      aside={
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          Refresh
        </button>
      }
    >
      {failure === '' ? null : <ErrorNote message={failure} retry={() => setAttempt(attempt + 1)} />}
      <Table label="Subscribers" columns={columns} empty="No subscribers." isEmpty={rows.length === 0} cards>
        {rows.map((row) => (
          <Row key={row.subscriber} device={device} row={row} ask={ask} />
        ))}
      </Table>
      {isPaged ? (
        <Pages
          label="Pages of subscribers"
          previous={cursors.length === 1 ? undefined : () => setCursors(cursors.slice(0, -1))}
          next={next === null ? undefined : () => setCursors([...cursors, next])}
        />
      ) : null}
      <OtherPair device={device} ask={ask} />
    </Panel>
  );
}

const columns = [
  { name: 'Subscriber' },
  { name: 'Status' },
  { name: 'Last seen', isMinor: true },
  { name: 'Actions' },
];

function Row(props: { device: string; row: RowEntry; ask: (question: Question) => void }) {
  const { device, row, ask } = props;
  const { subscriber, status, reason, vip, connected, lastSeen } = row;
  const isPaused = status === 'inactive' && reason === 'paused';
  const pair = pairQuestions(device, subscriber);
  const about = subscriberQuestions(subscriber);
  const actions: readonly (readonly [name: string, question: Question])[] = [
    status === 'deny' ? ['Allow', pair.allow] : ['Deny', pair.deny],
    ...(status === 'active' ? [['Pause', pair.pause] as const] : []),
    ...(isPaused ? [['Resume', pair.resume] as const] : []),
    vip ? ['Remove vip', about.noVip] : ['Make vip', about.vip],
    ['Kick', about.kick],
  ];
  return (
    <tr>
      <th scope="row" class="id">
        <Id id={subscriber} href={hashOf({ view: 'subscriber', subscriber })} />
        {vip ? <span class="tag">vip</span> : null}
        {connected ? null : <span class="tag off">not connected</span>}
      </th>
      <td class="nowrap">
        <State state={status} reason={reason} />
      </td>
      <td class="minor nowrap">{seenAt(lastSeen)}</td>
      <Actions subject={subscriber} actions={actions} ask={ask} />
    </tr>
  );
}

/** What may be done to the one that the row is about. */
export function Actions(props: {
  subject: string;
  actions: readonly (readonly [name: string, question: Question])[];
  ask: (question: Question) => void;
}) {
  return (
    <td class="actions">
      {props.actions.map(([name, question]) => (
        <button
          key={name}
          type="button"
          class={question.isDangerous === true ? 'danger small' : 'small'}
          aria-label={`${name} ${props.subject}`}
          onClick={() => props.ask(question)}
        >
          {name}
        </button>
      ))}
    </td>
  );
}

/** As a time and not as a span, which would grow although the subscriber was heard: rows are not kept up to date. */
function seenAt(at: number): string {
  if (at === 0) return 'never';
  return new Date(at).toDateString() === new Date().toDateString() ? clockTime(at) : dateTime(at);
}

/** Sets a pair that has no row yet: before its subscriber has ever come. */
function OtherPair({ device, ask }: { device: string; ask: (question: Question) => void }) {
  const [text, setText] = useState('');
  const isGood = isId(text);
  const about = pairQuestions(device, text);
  return (
    <form class="filter" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Another subscriber</span>
        <input
          value={text}
          placeholder="id"
          autocomplete="off"
          spellcheck={false}
          maxLength={128}
          aria-invalid={text !== '' && !isGood}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="button" disabled={!isGood} onClick={() => ask(about.allow)}>
        Allow
      </button>
      <button type="button" class="danger" disabled={!isGood} onClick={() => ask(about.deny)}>
        Deny
      </button>
    </form>
  );
}
