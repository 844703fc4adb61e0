/** Small parts that several views share. All text goes in as text: nothing here makes markup of what a peer sent. */
import type { ComponentChildren } from 'preact';

export function Panel(props: {
  title: string;
  note?: string | undefined;
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
  readonly isNumber?: boolean;
  /** Of no use on a narrow screen. */
  readonly isMinor?: boolean;
}

export function cellClass({ isNumber = false, isMinor = false }: Column): string {
  return `${isNumber ? 'number' : ''}${isMinor ? ' minor' : ''}`;
}

/** @param empty what stands in place of rows where there are none */
export function Table(props: {
  label: string;
  columns: readonly Column[];
  empty: string;
  isEmpty: boolean;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="scroll" tabIndex={0} aria-label={props.label}>
      <table>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.name} scope="col" class={cellClass(column)}>
                {column.name}
              </th>
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

/** Half full is worth a look, three quarters is where the hub begins to refuse. */
const WARN_RATIO = 0.5;
const BAD_RATIO = 0.75;

/** A share of something as a bar; `name` says of what. */
export function Meter({ name, ratio }: { name: string; ratio: number }) {
  return (
    <meter aria-label={name} min={0} max={1} low={WARN_RATIO} high={BAD_RATIO} optimum={0} value={ratio}>
      {Math.round(ratio * 100)} %
    </meter>
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
