/** Small parts that several views share. All text goes in as text: nothing here makes markup of what a peer sent. */
import { type ComponentChildren, Fragment } from 'preact';
import { useMemo } from 'preact/hooks';

export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <section class={props.wide === true ? 'panel wide' : 'panel'} aria-label={props.title}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.note === undefined ? null : <span class="muted">{props.note}</span>}
        {props.aside === undefined ? null : <div class="panel-aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}

export interface Column {
  readonly name: string;
  /** Says more, where the name alone does not. */
  readonly title?: string;
  readonly isNumber?: boolean;
  /** Of no use on a narrow screen. */
  readonly isMinor?: boolean;
  /** What the hub calls it, where the table can be sorted by it. */
  readonly sort?: string;
}

function cellClass({ isNumber = false, isMinor = false }: Column): string {
  return `${isNumber ? 'number' : ''}${isMinor ? ' minor' : ''}`;
}

export interface Sorting {
  /** The column sorted by, with a `-` in front for descending order. */
  readonly by: string;
  readonly go: (by: string) => void;
}

/**
 * @param empty what stands in place of rows where there are none
 * @param cards whether each row becomes a card of its own on a narrow screen
 */
export function Table(props: {
  label: string;
  columns: readonly Column[];
  empty: string;
  isEmpty: boolean;
  sorting?: Sorting;
  cards?: boolean;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class={props.cards === true ? 'scroll cards' : 'scroll'} tabIndex={0} aria-label={props.label}>
      <table>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <Heading key={column.name} column={column} sorting={props.sorting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {props.isEmpty ? (
            <tr>
              <td class="muted empty" colSpan={props.columns.length}>
                {props.empty}
              </td>
            </tr>
          ) : (
            props.children
          )}
        </tbody>
      </table>
    </section>
  );
}

function Heading({ column, sorting }: { column: Column; sorting: Sorting | undefined }) {
  const { name, title, sort } = column;
  if (sorting === undefined || sort === undefined) {
    return (
      <th scope="col" class={cellClass(column)} title={title}>
        {name}
      </th>
    );
  }
  const isBy = sorting.by.replace('-', '') === sort;
  const isDescending = isBy && sorting.by.startsWith('-');
  // What is counted is first of interest where it is highest
  const first = column.isNumber === true ? `-${sort}` : sort;
  const next = !isBy ? first : isDescending ? sort : `-${sort}`;
  return (
    <th
      scope="col"
      class={cellClass(column)}
      title={title}
      aria-sort={isBy ? (isDescending ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" class="sort" onClick={() => sorting.go(next)}>
        {isBy ? (
          <span class="arrow" aria-hidden="true">
            {isDescending ? '↓' : '↑'}
          </span>
        ) : null}
        {name}
      </button>
    </th>
  );
}

/** The same choice where a narrow screen has no headings. */
export function SortChoice({ columns, sorting }: { columns: readonly Column[]; sorting: Sorting }) {
  const named = columns.filter(({ sort }) => sort !== undefined);
  return (
    <label class="narrow">
      <span>Sort by</span>
      <select value={sorting.by} onChange={(event) => sorting.go(event.currentTarget.value)}>
        {named.map(({ name, sort = '' }) => (
          <Fragment key={sort}>
            <option value={sort}>{name} ↑</option>
            <option value={`-${sort}`}>{name} ↓</option>
          </Fragment>
        ))}
      </select>
    </label>
  );
}

/** Half full is worth a look, three quarters is where the hub begins to refuse. */
const WARN_RATIO = 0.5;
const BAD_RATIO = 0.75;

/** A share of something as a bar; `name` says of what. */
export function Meter({ name, ratio }: { name: string; ratio: number }) {
  const percent = Math.min(100, Math.round(ratio * 100));
  const level = ratio >= BAD_RATIO ? 'bad' : ratio >= WARN_RATIO ? 'warn' : '';
  const style = useMemo(() => ({ width: `${percent}%` }), [percent]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> each in its own way, and not to the full height
    <div
      role="meter"
      class="meter"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div class={`meter-value ${level}`} style={style} />
    </div>
  );
}

const stateLevels: Readonly<Record<string, string>> = {
  online: 'ok',
  stale: 'warn',
  offline: 'off',
  active: 'ok',
  inactive: 'warn',
  allow: 'off',
  deny: 'bad',
};

/** A state in words, with its colour beside it: never told by the colour alone. */
export function State({ state, reason }: { state: string; reason?: string | null }) {
  return (
    <span class={`state ${stateLevels[state] ?? 'off'}`}>
      {state}
      {reason === null || reason === undefined ? null : <span class="muted"> ({reason})</span>}
    </span>
  );
}

/** An id, which breaks after its separators before it breaks anywhere else. */
export function Id({ id, href }: { id: string; href?: string }) {
  const parts = id.split(/(?<=[._:~-])/).map((part, index) => (
    <Fragment key={index}>
      {index === 0 ? null : <wbr />}
      {part}
    </Fragment>
  ));
  return href === undefined ? <span>{parts}</span> : <a href={href}>{parts}</a>;
}

export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ComponentChildren])[] }) {
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

export function ErrorNote({ message, retry }: { message: string; retry?: () => void }) {
  return (
    <p class="note bad" role="alert">
      {message}
      {retry === undefined ? null : (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </p>
  );
}

/** In place of what a route would give, where the hub does not have the route. */
export function NoRoute({ route, what }: { route: string; what: string }) {
  return (
    <p class="note muted">
      {what} not available: this hub has no <code>{route}</code>.
    </p>
  );
}

export function Pages(props: {
  label: string;
  previous: (() => void) | undefined;
  next: (() => void) | undefined;
  children?: ComponentChildren;
}) {
  return (
    <nav class="pages" aria-label={props.label}>
      <Turn name="Previous" go={props.previous} />
      {props.children}
      <Turn name="Next" go={props.next} />
    </nav>
  );
}

/** Keeps the focus while it leads nowhere, as it does until a page has come: `disabled` would take it away. */
function Turn({ name, go }: { name: string; go: (() => void) | undefined }) {
  return (
    <button type="button" aria-disabled={go === undefined} onClick={go}>
      {name}
    </button>
  );
}
