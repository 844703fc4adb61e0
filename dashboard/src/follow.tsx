/** The devices of a filter: how many are in which state, and their newest values at a pace. */
import { useEffect, useState } from 'preact/hooks';
import { isPattern, PATTERN_ACCEPTED } from '../../src/access/pattern.ts';
import { DeviceTable, deviceColumn, rangeOf, StateSelect, states, useList } from './device-table.tsx';
import { clockTime, integer, NOTHING, span } from './format.ts';
import { Panel } from './parts.tsx';
import { type FollowRoute, PACES_MS } from './route.ts';

const columns = [
  deviceColumn.device,
  deviceColumn.state,
  deviceColumn.status,
  deviceColumn.value,
  deviceColumn.valueAt,
  deviceColumn.lastSeen,
  deviceColumn.events,
  deviceColumn.active,
];

interface FollowProps {
  readonly route: FollowRoute;
  readonly startedAt: number;
  readonly go: (route: FollowRoute) => void;
}

export function Follow({ route, startedAt, go }: FollowProps) {
  const { filter } = route;
  return (
    <Panel title="Follow devices" wide>
      <search>
        <form class="filter" onSubmit={(event) => event.preventDefault()}>
          <FilterInput filter={filter} go={(next) => go({ ...route, filter: next, page: 1 })} />
          <StateSelect state={route.state} choose={(chosen) => go({ ...route, state: chosen, page: 1 })} />
          <label>
            <span>Update every</span>
            <select
              value={route.every}
              onChange={(event) => go({ ...route, every: Number(event.currentTarget.value) })}
            >
              {PACES_MS.map((pace) => (
                <option key={pace} value={pace}>
                  {pace < 60_000 ? span(pace) : '1 min'}
                </option>
              ))}
            </select>
          </label>
        </form>
      </search>
      {filter === '' ? (
        <p class="note muted">
          Enter a filter to see its devices: an id, a prefix followed by <code>*</code> such as{' '}
          <code>site-a.*</code>, or <code>*</code> for all. A filter matches devices that have ever connected.
          You can bookmark the page: its address has the filter.
        </p>
      ) : (
        <Matches route={route} startedAt={startedAt} go={go} />
      )}
    </Panel>
  );
}

function Matches({ route, startedAt, go }: FollowProps) {
  const { filter, state, sort, page, every } = route;
  const list = useList({ filter, search: '', state, sort, page, values: true }, every, startedAt);
  const counts = list.answer?.states;
  return (
    <>
      <dl class="facts counts" aria-label="Devices by state">
        {states.map((each) => (
          <div key={each}>
            <dt>{each}</dt>
            <dd>{counts === undefined ? NOTHING : integer(counts[each])}</dd>
          </div>
        ))}
        <div>
          <dt>shown</dt>
          <dd>
            <span role="status">{list.isCurrent ? rangeOf(list) : 'Loading…'}</span>
          </dd>
        </div>
        <div>
          <dt>as of</dt>
          <dd>{list.answer === undefined ? NOTHING : clockTime(list.answer.at)}</dd>
        </div>
      </dl>
      <DeviceTable
        label="Followed devices"
        list={list}
        page={page}
        columns={columns}
        sorting={{ by: sort, go: (by) => go({ ...route, sort: by, page: 1 }) }}
        empty="No devices match."
        go={(next) => go({ ...route, page: next })}
      />
    </>
  );
}

/** Told with Enter, or when it is left: a prefix that is being typed matches what nobody asked for. */
function FilterInput({ filter, go }: { filter: string; go: (filter: string) => void }) {
  const [text, setText] = useState(filter);
  const isBad = text !== '' && !isPattern(text);
  useEffect(() => setText(filter), [filter]);
  const tell = (): void => {
    if (text !== filter && !isBad) go(text);
  };
  return (
    <label>
      <span>Filter</span>
      <input
        value={text}
        placeholder="site-a.*, then Enter"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={129}
        aria-invalid={isBad}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={tell}
        onKeyDown={(event) => {
          if (event.key === 'Enter') tell();
        }}
      />
      {isBad ? (
        <small class="bad" role="alert">
          A filter is {PATTERN_ACCEPTED}
        </small>
      ) : null}
    </label>
  );
}
