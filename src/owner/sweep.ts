/** What a sweep through a subscriber's rows is about, and how far it has come: `sweeps.ts`. Owner thread only. */
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
  /** `hold` names what waits, `expireHeld` removes it. `drop` removes all, and tells nobody of it. */
  readonly input: Input | 'list' | 'hold' | 'expireHeld' | 'drop';
  /** What a page is: an answer to this request, or this notice. */
  readonly request: Request | undefined;
  readonly notice: Notice | undefined;
  /** The first page goes out with the session's `Joined`. */
  joins: boolean;
  readonly walk: RowWalk;
  /** The last page that was sent promises another. */
  promised: boolean;
  /** It goes on when the peer has read. */
  waits: boolean;
  /** Filters that the input has changed, or all for a list. */
  readonly filters: readonly FilterEntry[];
  /** They are paused, or active again, at the subscriber's wish: what they ask for of each device counts so. */
  readonly turnsFilters: boolean;
  /** They are to be named by the next page; those that a request resumed, by the last one. */
  namesFilters: boolean;
  /** How many devices each filter that a request resumed follows now, in the order of `filters`. */
  readonly matches: { readonly prefix: Uint8Array; count: number }[];
  /** Begins when this is over. */
  next: Begun | undefined;
  /** What the subscriber is to hold was still being disconnected when it came back: that goes on. */
  beside: Sweep | undefined;
  /** Rows that an operator has made active since what is held began to be named: they are not held. */
  passedOver: Set<number> | undefined;
}

/** One of the hub's own. */
export type Begun = Pick<Sweep, 'subscriber' | 'session' | 'input' | 'notice' | 'joins'>;

/**
 * Whether the newer input has to wait until the older one has seen every row, and does not take its place: what is to
 * be dropped is neither kept nor resumed.
 */
export function waitsFor(newer: Sweep['input'], older: Sweep['input']): boolean {
  return older === 'drop' ? newer !== 'drop' : isApart(newer, older);
}

/** Whether the two concern different rows: what is held, and what may be silent or active. */
export function isApart(one: Sweep['input'], other: Sweep['input']): boolean {
  const isHearing = (input: Sweep['input']): boolean => input === 'silence' || input === 'activity';
  return (one === 'expireHeld' && isHearing(other)) || (other === 'expireHeld' && isHearing(one));
}
