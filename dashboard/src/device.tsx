/** One device: what it is, who follows it, and its events as they come. */
import { useEffect, useState } from 'preact/hooks';
import { type DeviceEntry, terminate } from './api.ts';
import { Confirm, type Question } from './confirm.tsx';
import { EventLog } from './event-log.tsx';
import { ago, dateTime, integer, NOTHING } from './format.ts';
import type { LiveEvents } from './live.ts';
import { State } from './parts.tsx';
import { Subscribers } from './subscribers.tsx';

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
  useEffect(() => {
    document.title = `${device} · Device Aggregator Tunnel`;
    return () => {
      document.title = 'Device Aggregator Tunnel';
    };
  }, [device]);
  const end: Question = {
    title: `Terminate ${device}?`,
    text: 'Its connection is closed with 4009 and must not come back by itself, its subscribers are told, and its entry and all its rows go, denials too.',
    action: 'Terminate',
    isDangerous: true,
    run: () => terminate(device),
  };
  return (
    <>
      <p class="crumbs">
        <a href="#/devices">All devices</a>
      </p>
      <section class="panel wide" aria-label="Device">
        <header class="panel-head">
          <h1 class="id">{device}</h1>
          {entry === undefined || entry === null ? null : <State state={entry.state} />}
          <div class="panel-aside">
            <button
              type="button"
              class="danger"
              disabled={entry === null || entry === undefined}
              onClick={() => setQuestion(end)}
            >
              Terminate
            </button>
          </div>
        </header>
        {entry === null ? (
          <p class="note">
            The hub does not know this device (any more). What is shown here starts when it comes.
          </p>
        ) : (
          <Facts entry={entry} now={now} />
        )}
      </section>
      <div class="columns">
        <Subscribers
          key={`${device} ${startedAt}`}
          device={device}
          counts={entry?.subscribers}
          ask={setQuestion}
          isAsking={question !== undefined}
        />
        <EventLog key={device} device={device} onEvents={onEvents} />
      </div>
      {question === undefined ? null : <Confirm question={question} done={() => setQuestion(undefined)} />}
    </>
  );
}

function Facts({ entry, now }: { entry: DeviceEntry | undefined; now: number }) {
  const subscribers = entry?.subscribers;
  const facts = [
    ['Status', entry?.status ?? NOTHING],
    ['Last seen', entry === undefined ? NOTHING : ago(entry.lastSeen, now)],
    ['Connected since', entry?.connectedAt ? dateTime(entry.connectedAt) : NOTHING],
    ['Events broadcast', entry === undefined ? NOTHING : integer(entry.seq)],
    ['Active subscribers', subscribers === undefined ? NOTHING : integer(subscribers.active)],
    [
      'Inactive, allowed, denied',
      subscribers === undefined
        ? NOTHING
        : [subscribers.inactive, subscribers.allow, subscribers.deny].map(integer).join(', '),
    ],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
