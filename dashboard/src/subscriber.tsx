/** One subscriber: its connection, and what it follows. */
import { useState } from 'preact/hooks';
import type { SubscriberDevice } from './api.ts';
import { Confirm, type Question } from './confirm.tsx';
import { ago, bytes, dateTime, integer, NOTHING } from './format.ts';
import type { LiveFigures } from './live.ts';
import { ErrorNote, Facts, Id, Pages, Panel, State, Table } from './parts.tsx';
import { usePoll } from './poll.ts';
import { pairQuestions, subscriberQuestions } from './questions.ts';
import { hashOf } from './route.ts';
import { Actions } from './rows.tsx';
import { encodingOf } from './subscribers.tsx';
import { readSubscriber, type SubscriberPage } from './subscribers-api.ts';

const REFRESH_MS = 2000;
const PAGE_DEVICES = 50;

export function Subscriber({ subscriber, figures }: { subscriber: string; figures: LiveFigures }) {
  const [question, setQuestion] = useState<Question>();
  const [cursors, setCursors] = useState<readonly string[]>(['']);
  const cursor = cursors.at(-1) ?? '';
  const key = JSON.stringify([subscriber, cursor, figures.startedAt, question === undefined]);
  const page = usePoll(key, REFRESH_MS, (signal) =>
    readSubscriber(subscriber, { limit: PAGE_DEVICES, cursor, signal }),
  );
  const { answer, failure } = page;
  const isUnknown = failure.startsWith('no subscriber');
  const about = subscriberQuestions(subscriber);
  const isKnown = answer !== undefined && !isUnknown;
  return (
    <>
      <p class="crumbs">
        <a href="#/subscribers">All subscribers</a>
      </p>
      <section class="panel wide" aria-label="Subscriber">
        <header class="panel-head">
          <h1 class="id">
            <Id id={subscriber} />
          </h1>
          {isKnown ? <Connected page={answer} /> : null}
          <div class="panel-aside">
            <button
              type="button"
              disabled={!isKnown}
              onClick={() => setQuestion(answer?.vip === true ? about.noVip : about.vip)}
            >
              {answer?.vip === true ? 'Remove vip' : 'Make vip'}
            </button>
            <button type="button" class="danger" disabled={!isKnown} onClick={() => setQuestion(about.kick)}>
              Kick
            </button>
            <button
              type="button"
              class="danger"
              disabled={!isKnown}
              onClick={() => setQuestion(about.forget)}
            >
              Kick and forget
            </button>
          </div>
        </header>
        {isUnknown ? <p class="note">The hub does not know this subscriber.</p> : null}
        {isUnknown || failure === '' ? null : <ErrorNote message={failure} retry={page.again} />}
        {isKnown ? <Facts facts={factsOf(answer, figures)} /> : null}
      </section>
      {isKnown ? (
        <Follows
          page={answer}
          ask={setQuestion}
          previous={cursors.length === 1 ? undefined : () => setCursors(cursors.slice(0, -1))}
          next={answer.cursor === null ? undefined : () => setCursors([...cursors, answer.cursor ?? ''])}
        />
      ) : null}
      {question === undefined ? null : <Confirm question={question} done={() => setQuestion(undefined)} />}
    </>
  );
}

function Connected({ page: { connected, vip } }: { page: SubscriberPage }) {
  return (
    <>
      <span class={`state ${connected ? 'ok' : 'off'}`}>{connected ? 'connected' : 'not connected'}</span>
      {vip ? <span class="tag">vip</span> : null}
    </>
  );
}

/** The send queue and the time of a slow subscriber come with the figures, and are those of now. */
function factsOf(page: SubscriberPage, { slow, at }: LiveFigures): [name: string, value: string][] {
  const lag = slow.find(({ subscriber }) => subscriber === page.subscriber);
  const queue = lag?.queuedBytes ?? page.queueBytes;
  const counts = page.subscriptions;
  return [
    ['Address', page.address ?? NOTHING],
    ['Encoding', encodingOf(page)],
    ['Connected since', page.connectedAt ? dateTime(page.connectedAt) : NOTHING],
    ['Last seen', ago(page.lastSeen, at)],
    ['Send queue', queue === undefined || queue === null ? NOTHING : bytes(queue)],
    ['Slow for', lag === undefined ? 'not slow' : ago(at - lag.laggingMs, at).replace(' ago', '')],
    ...(counts === undefined
      ? []
      : ([
          ['Active devices', integer(counts.active)],
          ['Inactive, allowed, denied', [counts.inactive, counts.allow, counts.deny].map(integer).join(', ')],
        ] as [string, string][])),
    ...(page.filters === undefined || page.filters.length === 0
      ? []
      : [['Filters', page.filters.map(({ filter }) => filter).join(', ')] as [string, string]]),
  ];
}

function Follows(props: {
  page: SubscriberPage;
  ask: (question: Question) => void;
  previous: (() => void) | undefined;
  next: (() => void) | undefined;
}) {
  const { page, ask, previous, next } = props;
  return (
    <Panel title="Devices" note="that it follows, or that operators set" wide>
      <Table
        label="Devices that it follows"
        columns={[{ name: 'Device' }, { name: 'Status' }, { name: 'Actions' }]}
        empty="It follows no device."
        isEmpty={page.devices.length === 0}
        cards
      >
        {page.devices.map((row) => (
          <DeviceOf key={row.device} subscriber={page.subscriber} row={row} ask={ask} />
        ))}
      </Table>
      {previous === undefined && next === undefined ? null : (
        <Pages label="Pages of devices" previous={previous} next={next} />
      )}
    </Panel>
  );
}

function DeviceOf(props: { subscriber: string; row: SubscriberDevice; ask: (question: Question) => void }) {
  const { subscriber, row, ask } = props;
  const { device, status, reason } = row;
  const pair = pairQuestions(device, subscriber);
  const actions: (readonly [name: string, question: Question])[] = [
    status === 'deny' ? ['Allow', pair.allow] : ['Deny', pair.deny],
    ...(status === 'active' ? [['Pause', pair.pause] as const] : []),
    ...(status === 'inactive' && reason === 'paused' ? [['Resume', pair.resume] as const] : []),
    ['Remove', pair.remove],
  ];
  return (
    <tr>
      <th scope="row" class="id">
        <Id id={device} href={hashOf({ view: 'device', device })} />
      </th>
      <td class="nowrap">
        <State state={status} reason={reason} />
      </td>
      <Actions subject={device} actions={actions} ask={ask} />
    </tr>
  );
}
