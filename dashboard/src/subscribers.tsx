/** Who follows a device, and what an operator may do about it. Asked for again when the device's counts change. */
import { useEffect, useState } from 'preact/hooks';
import { ApiError, changeRow, type DeviceEntry, kick, listRows, type RowEntry } from './api.ts';
import type { Question } from './confirm.tsx';
import { clockTime, dateTime, integer } from './format.ts';
import { ErrorNote, Panel, State, Table } from './parts.tsx';

const PAGE_ROWS = 50;
/** Counts that change quickly ask once they rest. */
const REFRESH_MS = 250;
const ID = /^[A-Za-z0-9._:~-]{1,128}$/;

export interface SubscribersProps {
  readonly device: string;
  readonly counts: DeviceEntry['subscribers'] | undefined;
  readonly ask: (question: Question) => void;
  readonly isAsking: boolean;
}

export function Subscribers({ device, counts, ask, isAsking }: SubscribersProps) {
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
          setFailure(isUnknown ? '' : error instanceof ApiError ? error.message : String(error));
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
    <div class="subscribers">
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
        <Table label="Subscribers" columns={columns} empty="Nobody follows it." isEmpty={rows.length === 0}>
          {rows.map((row) => (
            <Row key={row.subscriber} device={device} row={row} ask={ask} />
          ))}
        </Table>
        {isPaged ? (
          <nav class="pages" aria-label="Pages of subscribers">
            <button
              type="button"
              disabled={cursors.length === 1}
              onClick={() => setCursors(cursors.slice(0, -1))}
            >
              Previous
            </button>
            <button
              type="button"
              disabled={next === null}
              onClick={() => setCursors([...cursors, next ?? ''])}
            >
              Next
            </button>
          </nav>
        ) : null}
        <OtherPair device={device} ask={ask} />
      </Panel>
    </div>
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
  const about = questionsAbout(device, subscriber);
  const actions: readonly (readonly [name: string, question: Question])[] = [
    status === 'deny' ? ['Allow', about.allow] : ['Deny', about.deny],
    ...(status === 'active' ? [['Pause', about.pause] as const] : []),
    ...(isPaused ? [['Resume', about.resume] as const] : []),
    vip ? ['No vip', about.noVip] : ['Vip', about.vip],
    ['Kick', about.kick],
  ];
  return (
    <tr>
      <th scope="row" class="id">
        {subscriber}
        {vip ? <span class="tag">vip</span> : null}
        {connected ? null : <span class="tag off">not connected</span>}
      </th>
      <td>
        <State state={status} reason={reason} />
      </td>
      <td class="minor nowrap">{seenAt(lastSeen)}</td>
      <td class="actions">
        {actions.map(([name, question]) => (
          <button
            key={name}
            type="button"
            class={question.isDangerous === true ? 'danger small' : 'small'}
            aria-label={`${name} ${subscriber}`}
            onClick={() => ask(question)}
          >
            {name}
          </button>
        ))}
      </td>
    </tr>
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
  const isId = ID.test(text);
  const about = questionsAbout(device, text);
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
          aria-invalid={text !== '' && !isId}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="button" disabled={!isId} onClick={() => ask(about.allow)}>
        Allow
      </button>
      <button type="button" class="danger" disabled={!isId} onClick={() => ask(about.deny)}>
        Deny
      </button>
    </form>
  );
}

function questionsAbout(device: string, subscriber: string) {
  return {
    allow: {
      title: `Allow ${subscriber}?`,
      text: `It may subscribe to ${device}, whatever the rules and the default say. A denial ends.`,
      action: 'Allow',
      run: () => changeRow(device, subscriber, { status: 'allow' }),
    },
    deny: {
      title: `Deny ${subscriber}?`,
      text: `It gets nothing more of ${device} from now on, is told so, and may not subscribe to it again until it is allowed.`,
      action: 'Deny',
      isDangerous: true,
      run: () => changeRow(device, subscriber, { status: 'deny' }),
    },
    pause: {
      title: `Pause ${subscriber}?`,
      text: `It gets no events of ${device} until it, or you, resumes. It is told so.`,
      action: 'Pause',
      run: () => changeRow(device, subscriber, { status: 'inactive' }),
    },
    resume: {
      title: `Resume ${subscriber}?`,
      text: `It gets the events of ${device} again.`,
      action: 'Resume',
      run: () => changeRow(device, subscriber, { status: 'active' }),
    },
    vip: {
      title: `Make ${subscriber} a vip?`,
      text: 'It is sent to before others, for all devices that it follows.',
      action: 'Make vip',
      run: () => changeRow(device, subscriber, { vip: true }),
    },
    noVip: {
      title: `${subscriber} no vip any more?`,
      text: 'It is sent to after the vips, unless its token makes it one.',
      action: 'No vip',
      run: () => changeRow(device, subscriber, { vip: false }),
    },
    kick: {
      title: `Kick ${subscriber}?`,
      text: 'Its connection is closed with 4005 and must not come back by itself; all its rows go, of every device, denials too.',
      action: 'Kick',
      isDangerous: true,
      run: () => kick(subscriber),
    },
  } satisfies Record<string, Question>;
}
