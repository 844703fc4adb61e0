/** A page of devices as the hub sorts and counts them; what the views of all devices and of a filter share. */
import type { ComponentChildren } from 'preact';
import { LIST_PAGE_MAX, LIST_REACH_MAX } from '../../src/limits.ts';
import { type ListQuestion, type LiveList, type LiveListEntry, listDevices } from './api.ts';
import { ago, clockTime, integer, NOTHING } from './format.ts';
import { type Column, ErrorNote, Id, Pages, SortChoice, type Sorting, State, Table } from './parts.tsx';
import { type Polled, usePoll } from './poll.ts';
import { hashOf } from './route.ts';

export const PAGE_DEVICES = 50;
/** The hub pages no further. */
const PAGES_MAX = Math.floor((LIST_REACH_MAX - LIST_PAGE_MAX) / PAGE_DEVICES) + 1;
export const states = ['online', 'stale', 'offline'] as const;

/** @param startedAt of the hub: another one is asked at once */
export function useList(
  question: Omit<ListQuestion, 'offset' | 'limit'> & { readonly page: number },
  everyMs: number,
  startedAt: number,
): Polled<LiveList> {
  const { page, ...asked } = question;
  const offset = (Math.min(page, PAGES_MAX) - 1) * PAGE_DEVICES;
  return usePoll(JSON.stringify([question, startedAt]), everyMs, (signal) =>
    listDevices({ ...asked, offset, limit: PAGE_DEVICES }, signal),
  );
}

/** Chooses one of `states`, or with '' any. */
export function StateSelect({ state, choose }: { state: string; choose(state: string): void }) {
  return (
    <label>
      <span>State</span>
      <select value={state} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">any</option>
        {states.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

export function DeviceTable(props: {
  label: string;
  list: Polled<LiveList>;
  page: number;
  columns: readonly DeviceColumn[];
  sorting: Sorting;
  empty: string;
  go: (page: number) => void;
}) {
  const { label, list, columns, sorting, page, go } = props;
  const { answer } = list;
  const devices = answer?.devices ?? [];
  const pages = Math.min(PAGES_MAX, Math.max(1, Math.ceil((answer?.total ?? 0) / PAGE_DEVICES)));
  const at = Math.min(page, PAGES_MAX);
  // An address may name a page that the list does not have.
  const previous = answer === undefined ? at - 1 : Math.min(at - 1, pages);
  return (
    <>
      {list.failure === '' ? null : <ErrorNote message={list.failure} retry={list.again} />}
      <div class="filter narrow">
        <SortChoice columns={columns} sorting={sorting} />
      </div>
      <Table
        label={label}
        columns={columns}
        empty={list.isCurrent ? props.empty : 'Loading…'}
        isEmpty={devices.length === 0}
        sorting={sorting}
        cards
      >
        {devices.map((entry) => (
          <tr key={entry.device}>{columns.map((column) => column.cell(entry, answer?.at ?? 0))}</tr>
        ))}
      </Table>
      <Pages
        label={`Pages of ${label.toLowerCase()}`}
        previous={at > 1 ? () => go(previous) : undefined}
        next={at < pages && list.isCurrent ? () => go(at + 1) : undefined}
      >
        <span class="muted">
          page {integer(at)} of {integer(pages)}
          {pages === PAGES_MAX
            ? `; only the first ${integer(PAGES_MAX * PAGE_DEVICES)} devices have pages`
            : ''}
        </span>
      </Pages>
    </>
  );
}

/** Which of all devices are shown. */
export function rangeOf({ answer }: Polled<LiveList>): string {
  if (answer === undefined) return '';
  const { offset, devices, total } = answer;
  if (devices.length === 0) return `none of ${integer(total)}`;
  return `${integer(offset + 1)}–${integer(offset + devices.length)} of ${integer(total)}`;
}

export interface DeviceColumn extends Column {
  /** @param now of the hub */
  readonly cell: (entry: LiveListEntry, now: number) => ComponentChildren;
}

const numberColumn = (
  column: Omit<Column, 'isNumber'>,
  read: (entry: LiveListEntry) => number,
): DeviceColumn => ({
  ...column,
  isNumber: true,
  cell: (entry) => (
    <td key={column.name} data-name={column.name} class={`number ${column.isMinor === true ? 'minor' : ''}`}>
      {integer(read(entry))}
    </td>
  ),
});

const EVENTS_TITLE =
  'Events that the hub received and numbered. Without history (DAT_HISTORY_BYTES=0) only those that somebody listened to.';

export const deviceColumn = {
  device: {
    name: 'Device',
    sort: 'device',
    cell: ({ device }) => (
      <th key="device" scope="row" class="id">
        <Id id={device} href={hashOf({ view: 'device', device })} />
      </th>
    ),
  },
  state: {
    name: 'State',
    sort: 'state',
    cell: ({ state }) => (
      <td key="state" class="nowrap">
        <State state={state} />
      </td>
    ),
  },
  status: {
    name: 'Status',
    title: 'The status that the device last reported',
    sort: 'status',
    cell: ({ status }) => (
      <td key="status" class="text" data-name="Status">
        {status ?? NOTHING}
      </td>
    ),
  },
  lastSeen: {
    name: 'Last seen',
    sort: 'lastSeen',
    cell: ({ lastSeen }, now) => (
      <td key="lastSeen" class="nowrap" data-name="Last seen">
        {ago(lastSeen, now)}
      </td>
    ),
  },
  value: {
    name: 'Newest message',
    cell: ({ value }) => (
      <td key="value" class={value === null || value === undefined ? 'value none' : 'value'}>
        <code>{value === null || value === undefined ? NOTHING : textOf(value)}</code>
      </td>
    ),
  },
  valueAt: {
    name: 'Received',
    isMinor: true,
    cell: ({ value }) => (
      <td key="valueAt" class="nowrap minor">
        {value === null || value === undefined ? NOTHING : clockTime(value.at)}
      </td>
    ),
  },
  events: numberColumn(
    { name: 'Events', title: EVENTS_TITLE, sort: 'events', isMinor: true },
    ({ seq }) => seq,
  ),
  active: numberColumn(
    { name: 'Active subscribers', title: 'Subscribers that get its events', sort: 'active' },
    ({ subscribers }) => subscribers.active,
  ),
  inactive: numberColumn(
    {
      name: 'Inactive',
      title: 'Subscribers that are silent, paused or disconnected',
      sort: 'inactive',
      isMinor: true,
    },
    ({ subscribers }) => subscribers.inactive,
  ),
  denied: numberColumn(
    { name: 'Denied', title: 'Subscribers that may not subscribe to it', sort: 'denied', isMinor: true },
    ({ subscribers }) => subscribers.deny,
  ),
} satisfies Record<string, DeviceColumn>;

function textOf({ json, base64, bytes }: NonNullable<LiveListEntry['value']>): string {
  const text = json ?? (base64 === undefined ? '' : `binary ${base64}`);
  return text === '' && bytes === 0 ? '(empty)' : text;
}
