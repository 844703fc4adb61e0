/** The events of one device as they come: the newest first, the last few hundred only, and all of it as text. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes, clockTimeMs, integer } from './format.ts';
import type { LiveEvent, LiveEvents } from './live.ts';
import { Panel, Table } from './parts.tsx';

const EVENTS_SHOWN = 200;
const DATA_CHARACTERS = 300;

interface Shown extends LiveEvent {
  readonly key: number;
}

export function EventLog(props: {
  device: string;
  onEvents: (listener: (events: LiveEvents) => void) => () => void;
}) {
  const { device, onEvents } = props;
  const [events, setEvents] = useState<readonly Shown[]>([]);
  const [skipped, setSkipped] = useState(0);
  const [isPaused, setIsPaused] = useState(false);
  const paused = useRef(false);
  const next = useRef(1);
  paused.current = isPaused;

  useEffect(
    () =>
      onEvents((news) => {
        if (news.device !== device || paused.current) return;
        setSkipped((count) => count + news.skipped);
        const shown = news.events.map((event) => ({ ...event, key: next.current++ })).reverse();
        setEvents((before) => [...shown, ...before].slice(0, EVENTS_SHOWN));
      }),
    [device, onEvents],
  );

  const aside = (
    <>
      <button type="button" aria-pressed={isPaused} onClick={() => setIsPaused(!isPaused)}>
        {isPaused ? 'Go on' : 'Hold'}
      </button>
      <button
        type="button"
        onClick={() => {
          setEvents([]);
          setSkipped(0);
        }}
      >
        Clear
      </button>
    </>
  );
  const note = skipped === 0 ? 'as they come' : `${integer(skipped)} left out: more than 100 in a second`;
  return (
    <Panel title="Events" note={isPaused ? 'held' : note} aside={aside}>
      <Table
        label="Events"
        columns={eventColumns}
        empty="None since this page was opened."
        isEmpty={events.length === 0}
      >
        {events.map((event) => (
          <tr key={event.key}>
            <td class="nowrap">{clockTimeMs(event.at)}</td>
            <td>
              {event.type}
              {event.status === undefined ? null : <b class="text"> {event.status}</b>}
            </td>
            <td class="minor">{event.priority}</td>
            <td class="number minor nowrap">{bytes(event.bytes)}</td>
            <td class="data">
              <Data event={event} />
            </td>
          </tr>
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

function Data({ event: { json, base64 } }: { event: LiveEvent }) {
  const text = json ?? (base64 === undefined ? '' : `binary ${base64}`);
  if (text.length <= DATA_CHARACTERS) return <code>{text}</code>;
  return (
    <details>
      <summary>
        <code>{text.slice(0, DATA_CHARACTERS)}…</code>
      </summary>
      <code>{text}</code>
    </details>
  );
}
