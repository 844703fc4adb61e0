/** All devices: searched, sorted, counted and paged by the hub, so that a hundred thousand are as quick as ten. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { isIdPrefix } from '../../src/wire/id.ts';
import { isInCluster } from './cluster.tsx';
import { DeviceTable, deviceColumn, rangeOf, StateSelect, states, useList } from './device-table.tsx';
import { integer } from './format.ts';
import type { LiveFigures } from './live.ts';
import { Panel } from './parts.tsx';
import type { DevicesRoute } from './route.ts';

const REFRESH_MS = 2000;
/** Typing asks once it rests. */
const TYPING_MS = 250;

const columns = [
  deviceColumn.device,
  deviceColumn.state,
  deviceColumn.status,
  deviceColumn.lastSeen,
  deviceColumn.events,
  deviceColumn.active,
  deviceColumn.inactive,
  deviceColumn.denied,
];

export function Devices(props: {
  route: DevicesRoute;
  figures: LiveFigures;
  go: (route: DevicesRoute) => void;
}) {
  const { route, figures, go } = props;
  const { search, state, sort, page } = route;
  const list = useList(
    { filter: '', search, state, sort, page, values: false },
    REFRESH_MS,
    figures.startedAt,
  );
  const counts = list.answer?.states;
  const where = isInCluster(figures) ? ', on the node that serves this page' : '';
  return (
    <Panel
      title="Devices"
      note={
        counts === undefined
          ? undefined
          : `${states.map((each) => `${integer(counts[each])} ${each}`).join(', ')}${where}`
      }
      wide
    >
      <search>
        <form class="filter" onSubmit={(event) => event.preventDefault()}>
          <SearchInput
            placeholder="part of an id; press / to search"
            value={search}
            go={(text) => go({ ...route, search: text, page: 1 })}
          />
          <StateSelect state={state} choose={(chosen) => go({ ...route, state: chosen, page: 1 })} />
          <span class="muted" role="status">
            {list.isCurrent ? rangeOf(list) : 'Loading…'}
          </span>
        </form>
      </search>
      <DeviceTable
        label="Devices"
        list={list}
        page={page}
        columns={columns}
        sorting={{ by: sort, go: (by) => go({ ...route, sort: by, page: 1 }) }}
        empty={
          search === '' && state === ''
            ? 'No devices yet. To try it, run: npx dat simulate'
            : 'No devices match.'
        }
        go={(next) => go({ ...route, page: next })}
      />
    </Panel>
  );
}

/** Part of an id. Focused by `/`; told once the typing rests. */
export function SearchInput(props: { placeholder: string; value: string; go: (text: string) => void }) {
  const { placeholder, value, go } = props;
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const latest = useRef(go);
  latest.current = go;
  /** What was told last: when it comes back as the value, more may have been typed. */
  const told = useRef(value);
  const isBad = text !== '' && !isIdPrefix(text);
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (text === value || isBad) return;
    const timer = setTimeout(() => {
      told.current = text;
      latest.current(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value, isBad]);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping =
        target instanceof HTMLInputElement ||
        target instanceof HTMLSelectElement ||
        target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <label>
      <span>Search</span>
      <input
        ref={input}
        type="search"
        value={text}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        maxLength={128}
        aria-invalid={isBad}
        title={isBad ? 'An id has A-Z a-z 0-9 . _ : ~ - only.' : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {isBad ? (
        <small class="bad" role="alert">
          An id has only A-Z a-z 0-9 . _ : ~ -
        </small>
      ) : null}
    </label>
  );
}
