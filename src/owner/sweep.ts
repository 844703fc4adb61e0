/** The subject and progress of a sweep over a subscriber's rows: `sweeps.ts`. Owner thread only. */
import type { Input } from '../presence/lifecycle.ts';
import type { FilterEntry, Notice } from '../records/replies.ts';
import type { Request } from '../records/requests.ts';
import type { RowWalk } from './row-walks.ts';

/** Inputs after which filters are active again: those of connected subscribers. */
export const restarting: ReadonlySet<string> = new Set(['reconnect', 'activity', 'resume']);

export interface Sweep {
  readonly subscriber: number;
  /** Who is told; NONE: nobody. */
  readonly session: number;
  /** `hold` names what is held, `expireHeld` removes it. `drop` removes everything without notice. */
  readonly input: Input | 'list' | 'hold' | 'expireHeld' | 'drop';
  /** The kind of its pages: answers to this request, or this notice. */
  readonly request: Request | undefined;
  readonly notice: Notice | undefined;
  /** The first page goes out with the session's `Joined`. */
  joins: boolean;
  readonly walk: RowWalk;
  /** The last page that was sent promises another. */
  promised: boolean;
  /** It continues when the peer has read. */
  waits: boolean;
  /** Filters that the input has changed, or all for a list. */
  readonly filters: readonly FilterEntry[];
  /** The subscriber has paused or resumed them, so the types that count for each device change. */
  readonly turnsFilters: boolean;
  /** The next page must name them; for filters that a request resumed, the last page. */
  namesFilters: boolean;
  /** How many devices each filter that a request resumed follows now, in the order of `filters`. */
  readonly matches: { readonly prefix: Uint8Array; count: number }[];
  /** Begins when this one ends. */
  next: Begun | undefined;
  /** The disconnect that was still in progress when a subscriber with `hold` came back; it continues. */
  beside: Sweep | undefined;
  /** Rows that an operator has activated since the held ones began to be named: they are not held. */
  passedOver: Set<number> | undefined;
}

/** One of the hub's own. */
export type Begun = Pick<Sweep, 'subscriber' | 'session' | 'input' | 'notice' | 'joins'>;

/**
 * Whether the newer input must wait until the older one has visited every row instead of replacing it: rows that are
 * being dropped are neither kept nor resumed.
 */
export function waitsFor(newer: Sweep['input'], older: Sweep['input']): boolean {
  return older === 'drop' ? newer !== 'drop' : isApart(newer, older);
}

/** Whether the two concern different rows: held ones, and those that may be silent or active. */
export function isApart(one: Sweep['input'], other: Sweep['input']): boolean {
  const isHearing = (input: Sweep['input']): boolean => input === 'silence' || input === 'activity';
  return (one === 'expireHeld' && isHearing(other)) || (other === 'expireHeld' && isHearing(one));
}
