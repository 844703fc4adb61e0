/** All devices: searched, filtered and paged by the hub, so that a hundred thousand are as quick as ten. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type DeviceEntry, listDevices } from './api.ts';
import { ago, integer, NOTHING } from './format.ts';
import type { LiveFigures } from './live.ts';
import { ErrorNote, Panel, State, Table } from './parts.tsx';
import { hashOf } from './route.ts';

const PAGE_DEVICES = 50;
/** Typing asks once it rests. */
const SEARCH_MS = 250;
const states = ['online', 'stale', 'offline'] as const;

interface Listed {
  /** Which page of which search this is. */
  readonly page: string;
  readonly devices: readonly DeviceEntry[];
  readonly next: string | null;
}

/**
 * Asks for pages until one is full: a page may be short, even empty, and not be the last.
 * @param found called with each part as it comes
 */
async function fillPage(
  filter: { readonly search: string; readonly state: string },
  start: { readonly cursor: string; readonly signal: AbortSignal },
  found: (part: Omit<Listed, 'page'>) => void,
): Promise<void> {
  let devices: readonly DeviceEntry[] = [];
  let next: string | null = start.cursor;
  do {
    const limit = PAGE_DEVICES - devices.length;
    const page: Awaited<ReturnType<typeof listDevices>> = await listDevices(filter, {
      limit,
      cursor: next ?? '',
      signal: start.signal,
    });
    devices = [...devices, ...page.devices];
    next = page.cursor;
    found({ devices, next });
  } while (next !== null && devices.length < PAGE_DEVICES);
}

export interface DevicesProps {
  readonly search: string;
  readonly state: string;
  readonly figures: LiveFigures;
  /** Entries as the live stream has them; null: the device is gone. */
  readonly entries: ReadonlyMap<string, DeviceEntry | null>;
  readonly watch: (devices: readonly string[]) => void;
  readonly go: (filter: { search: string; state: string }) => void;
}

export function Devices({ search, state, figures, entries, watch, go }: DevicesProps) {
  const [text, setText] = useState(search);
  /** Cursors of the pages up to the one shown. */
  const [cursors, setCursors] = useState<readonly string[]>(['']);
  const [listed, setListed] = useState<Listed>({ page: '', devices: [], next: null });
  const [isLooking, setIsLooking] = useState(true);
  const [failure, setFailure] = useState('');
  const [attempt, setAttempt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const cursor = cursors.at(-1) ?? '';
  const page = [search, state, cursor, cursors.length].join();
  /** Whether what is listed is what was asked for: until then no page follows it. */
  const isThis = listed.page === page && !isLooking;
  const problem =
    text === '' || /^[A-Za-z0-9._:~-]{1,128}$/.test(text) ? '' : 'An id has A-Z a-z 0-9 . _ : ~ - only.';

  useEffect(() => setText(search), [search]);
  useEffect(() => setCursors(['']), [search, state]);
  useEffect(() => {
    if (text === search || problem !== '') return;
    const timer = setTimeout(() => go({ search: text, state }), SEARCH_MS);
    return () => clearTimeout(timer);
  }, [text, search, state, problem, go]);

  // Another attempt, or another hub, asks again
  useEffect(() => {
    const abort = new AbortController();
    setIsLooking(true);
    setFailure('');
    fillPage({ search, state }, { cursor, signal: abort.signal }, (part) => setListed({ page, ...part }))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setFailure(error instanceof ApiError ? error.message : String(error));
      })
      .finally(() => {
        if (!abort.signal.aborted) setIsLooking(false);
      });
    return () => abort.abort();
  }, [page, attempt, figures.startedAt]);

  const ids = listed.devices.map(({ device }) => device).join();
  useEffect(() => {
    watch(ids === '' ? [] : ids.split(','));
  }, [ids, watch]);

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);

  const first = (cursors.length - 1) * PAGE_DEVICES + 1;
  const range =
    listed.devices.length === 0 ? '' : `${integer(first)}–${integer(first + listed.devices.length - 1)}`;
  return (
    <Panel title="Devices" note={countsOf(figures)} wide>
      <search>
        <form class="filter" onSubmit={(event) => event.preventDefault()}>
          <label>
            <span>Search</span>
            <input
              ref={input}
              type="search"
              value={text}
              placeholder="part of an id, press / to search"
              autocomplete="off"
              spellcheck={false}
              maxLength={128}
              aria-invalid={problem !== ''}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <label>
            <span>State</span>
            <select value={state} onChange={(event) => go({ search, state: event.currentTarget.value })}>
              <option value="">any</option>
              {states.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            Refresh
          </button>
          <span class="muted" role="status">
            {problem !== '' ? problem : isThis ? range : 'Looking…'}
          </span>
        </form>
      </search>
      {failure === '' ? null : <ErrorNote message={failure} retry={() => setAttempt(attempt + 1)} />}
      <Table
        label="Devices"
        columns={deviceColumns}
        empty={isLooking ? 'Looking…' : 'No device like that.'}
        isEmpty={listed.devices.length === 0}
      >
        {listed.devices.map((entry) => (
          <DeviceRow key={entry.device} entry={entry} live={entries.get(entry.device)} now={figures.at} />
        ))}
      </Table>
      <nav class="pages" aria-label="Pages">
        <button
          type="button"
          disabled={cursors.length === 1}
          onClick={() => setCursors(cursors.slice(0, -1))}
        >
          Previous
        </button>
        <span class="muted">page {integer(cursors.length)}</span>
        <button
          type="button"
          disabled={listed.next === null || !isThis}
          onClick={() => setCursors([...cursors, listed.next ?? ''])}
        >
          Next
        </button>
      </nav>
    </Panel>
  );
}

const deviceColumns = [
  { name: 'Device' },
  { name: 'State' },
  { name: 'Status' },
  { name: 'Last seen' },
  { name: 'Events', isNumber: true, isMinor: true },
  { name: 'Active', isNumber: true },
  { name: 'Inactive', isNumber: true, isMinor: true },
  { name: 'Denied', isNumber: true, isMinor: true },
];

function DeviceRow(props: { entry: DeviceEntry; live: DeviceEntry | null | undefined; now: number }) {
  const { live, now } = props;
  const entry = live ?? props.entry;
  return (
    <tr class={live === null ? 'gone' : ''}>
      <th scope="row" class="id">
        <a href={hashOf({ view: 'device', device: entry.device })}>{entry.device}</a>
      </th>
      <td>{live === null ? <span class="muted">gone</span> : <State state={entry.state} />}</td>
      <td class="text">{entry.status ?? NOTHING}</td>
      <td>{ago(entry.lastSeen, now)}</td>
      <td class="number minor">{integer(entry.seq)}</td>
      <td class="number">{integer(entry.subscribers.active)}</td>
      <td class="number minor">{integer(entry.subscribers.inactive)}</td>
      <td class="number minor">{integer(entry.subscribers.deny)}</td>
    </tr>
  );
}

function countsOf({ devices }: LiveFigures): string {
  return states.map((state) => `${integer(devices[state])} ${state}`).join(', ');
}
