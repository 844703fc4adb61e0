/** All subscribers: searched and paged by the hub. */
import { useRef, useState } from 'preact/hooks';
import { Confirm, type Question } from './confirm.tsx';
import { SearchInput } from './devices.tsx';
import { ago, bytes, integer, NOTHING } from './format.ts';
import { ErrorNote, Id, NoRoute, Pages, Panel, Table } from './parts.tsx';
import { usePoll } from './poll.ts';
import { subscriberQuestions } from './questions.ts';
import { hashOf, type SubscribersRoute } from './route.ts';
import { Actions } from './rows.tsx';
import { listSubscribers, type SubscriberEntry } from './subscribers-api.ts';

const REFRESH_MS = 5000;
const PAGE_SUBSCRIBERS = 50;

export interface SubscribersProps {
  readonly route: SubscribersRoute;
  readonly startedAt: number;
  /** Of the hub: its clock may differ from the browser's. */
  readonly now: number;
  /** Subscribers that are connected. */
  readonly connected: number;
  readonly go: (route: SubscribersRoute) => void;
}

export function Subscribers({ route, startedAt, now, connected, go }: SubscribersProps) {
  const { search, cursor } = route;
  const [question, setQuestion] = useState<Question>();
  /** Cursors of the pages before this one, as far as they were seen. */
  const before = useRef<readonly string[]>([]);
  const key = JSON.stringify([search, cursor, startedAt, question === undefined]);
  const page = usePoll(key, REFRESH_MS, (signal) =>
    listSubscribers(search, { limit: PAGE_SUBSCRIBERS, cursor, signal }),
  );
  const { answer } = page;
  const next = answer?.cursor ?? null;
  const back = (): void => {
    const last = before.current.at(-1) ?? '';
    before.current = before.current.slice(0, -1);
    go({ ...route, cursor: last });
  };
  const forth = (to: string): void => {
    before.current = [...before.current, cursor];
    go({ ...route, cursor: to });
  };
  if (page.isNoRoute) {
    return (
      <Panel title="Subscribers" wide>
        <NoRoute what="The list of subscribers is" route="GET /v1/subscribers" />
      </Panel>
    );
  }
  return (
    <Panel title="Subscribers" note={`${integer(connected)} connected`} wide>
      <search>
        <form class="filter" onSubmit={(event) => event.preventDefault()}>
          <SearchInput
            placeholder="part of an id; press / to search"
            value={search}
            go={(text) => {
              before.current = [];
              go({ ...route, search: text, cursor: '' });
            }}
          />
        </form>
      </search>
      {page.failure === '' ? null : <ErrorNote message={page.failure} retry={page.again} />}
      <Table
        label="Subscribers"
        columns={columns}
        empty={!page.isCurrent ? 'Loading…' : search === '' ? 'No subscribers.' : 'No subscribers match.'}
        isEmpty={(answer?.subscribers ?? []).length === 0}
        cards
      >
        {answer?.subscribers.map((entry) => (
          <Row key={entry.subscriber} entry={entry} now={now} ask={setQuestion} />
        ))}
      </Table>
      {next !== null || cursor !== '' ? (
        <Pages
          label="Pages of subscribers"
          previous={cursor === '' ? undefined : back}
          next={next === null || !page.isCurrent ? undefined : () => forth(next)}
        />
      ) : null}
      {question === undefined ? null : <Confirm question={question} done={() => setQuestion(undefined)} />}
    </Panel>
  );
}

const columns = [
  { name: 'Subscriber' },
  { name: 'Address' },
  { name: 'Encoding' },
  { name: 'Connected' },
  { name: 'Last seen', isMinor: true },
  { name: 'Queue', title: 'Bytes waiting to be sent to it', isNumber: true },
  { name: 'Active', title: 'Subscriptions that deliver', isNumber: true },
  {
    name: 'Inactive',
    title: 'Subscriptions that are silent, paused or disconnected',
    isNumber: true,
    isMinor: true,
  },
  { name: 'Denied', title: 'Devices that it may not subscribe to', isNumber: true, isMinor: true },
  { name: 'Actions' },
];

function Row(props: { entry: SubscriberEntry; now: number; ask: (question: Question) => void }) {
  const { entry, now, ask } = props;
  const { subscriber, connected, vip, subscriptions } = entry;
  const about = subscriberQuestions(subscriber);
  const ofConnection = connected ? 'nowrap' : 'nowrap none';
  return (
    <tr>
      <th scope="row" class="id">
        <Id id={subscriber} href={hashOf({ view: 'subscriber', subscriber })} />
        {vip ? <span class="tag">vip</span> : null}
        {connected ? null : <span class="tag off">not connected</span>}
      </th>
      <td class={ofConnection} data-name="Address">
        {entry.address ?? NOTHING}
      </td>
      <td class={ofConnection} data-name="Encoding">
        {encodingOf(entry)}
      </td>
      <td class={ofConnection} data-name="Connected">
        {entry.connectedAt === null ? NOTHING : ago(entry.connectedAt, now)}
      </td>
      <td class="nowrap minor">{ago(entry.lastSeen, now)}</td>
      <td class="number" data-name="Queue">
        {entry.queueBytes === null ? NOTHING : bytes(entry.queueBytes)}
      </td>
      <td class="number" data-name="Active">
        {integer(subscriptions.active)}
      </td>
      <td class="number minor">{integer(subscriptions.inactive)}</td>
      <td class="number minor">{integer(subscriptions.deny)}</td>
      <Actions
        subject={subscriber}
        actions={[vip ? ['Remove vip', about.noVip] : ['Make vip', about.vip], ['Kick', about.kick]]}
        ask={ask}
      />
    </tr>
  );
}

export function encodingOf({
  transport,
  encoding,
}: Partial<Pick<SubscriberEntry, 'transport' | 'encoding'>>): string {
  return [encoding, transport].filter((text) => text !== undefined && text !== null).join(', ') || NOTHING;
}
