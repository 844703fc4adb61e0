/**
 * The events of one device: those that the hub kept, then those that come. All of it is shown as text.
 */
import { Fragment } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { LIVE_EVENTS_PER_SECOND } from '../../src/limits.ts';
import { ApiError, messageOf } from './api.ts';
import { bytes, clockTimeMs, dateTime, integer } from './format.ts';
import { keptEvents } from './kept-events.ts';
import type { LiveEvent, LiveEvents } from './live.ts';
import { Panel, Table } from './parts.tsx';
import { type Shown, withCome, withKept } from './shown-events.ts';

const KEPT_SHOWN = 50;
const DATA_CHARACTERS = 300;
const DAY_MS = 86_400_000;

/** What is known of the events before those that come. */
type Kept =
  | { readonly phase: 'loading' | 'loaded' | 'off' }
  | { readonly phase: 'failed'; readonly reason: string };

export function EventLog(props: {
  device: string;
  /** The stream shows the device's events: what comes from now on is not missed. */
  isLive: boolean;
  /** Grows when events may have been missed. */
  gaps: number;
  onEvents: (listener: (events: LiveEvents) => void) => () => void;
}) {
  const { device, isLive, gaps, onEvents } = props;
  const [events, setEvents] = useState<readonly Shown[]>([]);
  const [kept, setKept] = useState<Kept>({ phase: 'loading' });
  const [skipped, setSkipped] = useState(0);
  const [isPaused, setIsPaused] = useState(false);
  const paused = useRef(false);
  const next = useRef(1);
  /** Of the newest event that was cleared away. */
  const clearedAt = useRef(Number.NEGATIVE_INFINITY);
  paused.current = isPaused;

  useEffect(
    () =>
      onEvents((news) => {
        if (news.device !== device || paused.current) return;
        setSkipped((count) => count + news.skipped);
        const shown = news.events.map((event) => ({
          ...event,
          key: `live-${next.current++}`,
          isKept: false,
          isFromHub: false,
        }));
        setEvents((before) => withCome(before, shown.reverse()));
      }),
    [device, onEvents],
  );

  // Another gap asks again, and so does the end of a hold
  useEffect(() => {
    if (!isLive || isPaused) return;
    const abort = new AbortController();
    keptEvents(device, KEPT_SHOWN, abort.signal)
      .then((found) => {
        setEvents((before) => withKept(before, found, clearedAt.current));
        setKept({ phase: 'loaded' });
      })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        const isOff = error instanceof ApiError && error.isNoRoute;
        const isUnknown = error instanceof ApiError && error.status === 404 && !isOff;
        setKept(
          isOff
            ? { phase: 'off' }
            : isUnknown
              ? { phase: 'loaded' }
              : { phase: 'failed', reason: messageOf(error) },
        );
      });
    return () => abort.abort();
  }, [device, isLive, isPaused, gaps]);

  const aside = (
    <>
      <button type="button" aria-pressed={isPaused} onClick={() => setIsPaused(!isPaused)}>
        {isPaused ? 'Resume' : 'Hold'}
      </button>
      <button
        type="button"
        onClick={() => {
          clearedAt.current = events[0]?.at ?? clearedAt.current;
          setEvents([]);
          setSkipped(0);
        }}
      >
        Clear
      </button>
    </>
  );
  const note =
    skipped === 0
      ? 'as they arrive'
      : `${integer(skipped)} left out: at most ${LIVE_EVENTS_PER_SECOND} per second are shown`;
  return (
    <Panel title="Events" note={isPaused ? 'on hold' : note} aside={aside}>
      {kept.phase === 'off' ? (
        <p class="note muted">
          Earlier events are not available: this hub has no <code>GET /v1/devices/ID/events</code>.
        </p>
      ) : null}
      {kept.phase === 'failed' ? (
        <p class="note bad" role="alert">
          Earlier events could not be loaded: {kept.reason}
        </p>
      ) : null}
      <Table
        label="Events"
        columns={eventColumns}
        empty={kept.phase === 'loading' ? 'Loading…' : 'No events since you opened this page.'}
        isEmpty={events.length === 0}
      >
        {events.map((event) => (
          <EventRow key={event.key} event={event} />
        ))}
      </Table>
    </Panel>
  );
}

const eventColumns = [
  { name: 'Time' },
  { name: 'Type' },
  { name: 'Priority', isMinor: true },
  { name: 'Size', isNumber: true, isMinor: true },
  { name: 'Data' },
];

function EventRow({ event }: { event: Shown }) {
  const isOld = Date.now() - event.at > DAY_MS;
  return (
    <tr class={event.isKept ? 'kept' : ''}>
      <td class="nowrap">{isOld ? dateTime(event.at) : clockTimeMs(event.at)}</td>
      <td class="nowrap">{event.isFromHub ? `hub ${event.type}` : event.type}</td>
      <td class="minor">{event.priority}</td>
      <td class="number minor nowrap">{bytes(event.bytes)}</td>
      <td class="data">
        {event.status === undefined ? null : <b>{event.status} </b>}
        <Data event={event} />
      </td>
    </tr>
  );
}

function Data({ event: { json, base64 } }: { event: LiveEvent }) {
  const text = json ?? (base64 === undefined ? '' : `binary ${base64}`);
  if (text.length <= DATA_CHARACTERS) return <Code text={text} />;
  return (
    <details>
      <summary>
        <Code text={`${text.slice(0, DATA_CHARACTERS)}…`} />
      </summary>
      <code>{text}</code>
    </details>
  );
}

/** Breaks after a comma before it breaks anywhere else. */
function Code({ text }: { text: string }) {
  const parts = text.split(/(?<=,)/);
  return (
    <code>
      {parts.map((part, index) => (
        <Fragment key={index}>
          {index === 0 ? null : <wbr />}
          {part}
        </Fragment>
      ))}
    </code>
  );
}
