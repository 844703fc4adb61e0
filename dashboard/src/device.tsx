/** One device: what it is, who follows it, and its events as they come. */
import { useState } from 'preact/hooks';
import type { DeviceEntry } from './api.ts';
import { Confirm, type Question } from './confirm.tsx';
import { EventLog } from './event-log.tsx';
import { ago, dateTime, integer, NOTHING } from './format.ts';
import type { LiveEvents } from './live.ts';
import { Facts, Id, State } from './parts.tsx';
import { terminateQuestion } from './questions.ts';
import { Rows } from './rows.tsx';

export interface DeviceProps {
  readonly device: string;
  /** As the live stream has it; null: the hub does not know it, undefined: nothing was heard yet. */
  readonly entry: DeviceEntry | null | undefined;
  readonly now: number;
  /** Of the hub: after a restart all is asked for again. */
  readonly startedAt: number;
  readonly onEvents: (listener: (events: LiveEvents) => void) => () => void;
}

export function Device({ device, entry, now, startedAt, onEvents }: DeviceProps) {
  const [question, setQuestion] = useState<Question>();
  return (
    <>
      <p class="crumbs">
        <a href="#/devices">All devices</a>
      </p>
      <section class="panel wide" aria-label="Device">
        <header class="panel-head">
          <h1 class="id">
            <Id id={device} />
          </h1>
          {entry === undefined || entry === null ? null : <State state={entry.state} />}
          <div class="panel-aside">
            <button
              type="button"
              class="danger"
              disabled={entry === null || entry === undefined}
              onClick={() => setQuestion(terminateQuestion(device))}
            >
              Terminate
            </button>
          </div>
        </header>
        {entry === null ? (
          <p class="note">The hub does not know this device. If it connects, this page shows it.</p>
        ) : (
          <Facts facts={factsOf(entry, now)} />
        )}
      </section>
      <div class="columns">
        <Rows
          key={`${device} ${startedAt}`}
          device={device}
          counts={entry?.subscribers}
          ask={setQuestion}
          isAsking={question !== undefined}
        />
        <EventLog key={`${device} ${startedAt}`} device={device} onEvents={onEvents} />
      </div>
      {question === undefined ? null : <Confirm question={question} done={() => setQuestion(undefined)} />}
    </>
  );
}

function factsOf(entry: DeviceEntry | undefined, now: number): [name: string, value: string][] {
  if (entry === undefined) return [['Status', NOTHING]];
  const { status, lastSeen, connectedAt, seq, subscribers } = entry;
  return [
    ['Status', status ?? NOTHING],
    ['Last seen', ago(lastSeen, now)],
    ['Connected since', connectedAt === null ? NOTHING : dateTime(connectedAt)],
    ['Events', integer(seq)],
    ['Active subscribers', integer(subscribers.active)],
    [
      'Inactive, allowed, denied',
      [subscribers.inactive, subscribers.allow, subscribers.deny].map(integer).join(', '),
    ],
  ];
}
