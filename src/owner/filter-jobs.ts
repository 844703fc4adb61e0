/** What is under way for filters: requests that name them, and the pages of devices that follow. Owner thread only. */
import type { Actor } from '../access/actor.ts';
import type { Input, RowState } from '../presence/lifecycle.ts';
import type { FilterEntry, RefusedDevice } from '../records/replies.ts';
import type { NamedRequest } from './requests.ts';
import type { RowWalk } from './row-walks.ts';

/** Devices or rows looked at in one slice: about half a millisecond. */
export const SLICE_SLOTS = 2048;
/** Rows changed in one slice: as many as a page brings. */
export const SLICE_CHANGES = 1000;
/** Slices in one poll, however many jobs there are. */
export const SLICES_PER_STEP = 2;

/** Looks through the table for devices that a filter matches and that have no row, as the subscriber may follow them. */
export interface Search {
  /** The device slot at which it goes on. */
  next: number;
  /** Only for devices that this token did not cover; undefined: for all. */
  readonly before?: Actor | undefined;
}

/** What is being done for one filter of a request. */
export interface FilterTarget {
  readonly filter: string;
  readonly prefix: Uint8Array;
  /** Slot of the filter; -1: refused. */
  readonly slot: number;
  /** As it was before, to be put back when the request fails; undefined: the filter is new. */
  readonly before: { readonly state: RowState; readonly types: number } | undefined;
  /** Devices found. */
  readonly devices: number[];
  /** Rows that have to be made for them, beside those that are reserved for other filters of the request. */
  missing: number;
  /** Prefixes of those. */
  readonly reserved: readonly Uint8Array[];
  /** Where a scan of the table goes on. */
  next: number;
  /** Of the subscriber's rows, where they are what is looked through. */
  readonly walk: RowWalk | undefined;
}

export interface RequestJob {
  readonly kind: 'request';
  readonly subscriber: number;
  readonly session: number;
  readonly request: NamedRequest;
  /** Still to be done, the first is under way. */
  readonly filters: string[];
  target: FilterTarget | undefined;
  readonly results: FilterEntry[];
  readonly refused: RefusedDevice[];
  /** Whose devices come once the request was answered. */
  readonly pages: PageJob[];
}

export interface PageJob {
  readonly kind: 'pages';
  readonly subscriber: number;
  readonly session: number;
  readonly slot: number;
  readonly filter: string;
  /** What its rows go through. */
  readonly input: Input;
  /** Names its pages for `More`. */
  readonly page: number;
  readonly devices: number[];
  /** Those among them that the filter has gained: they may have no row yet, whatever the input. */
  readonly gained: Set<number>;
  /** Those whose rows an operator has removed since: they stay away. */
  readonly removed: Set<number>;
  at: number;
  /** What was sent since the peer has read: devices, and bytes of their entries. */
  unreadDevices: number;
  unreadBytes: number;
  /** Rows that it has reserved and not made yet. */
  reserved: number;
  /** Of the subscriber's rows, while the devices are still being gathered. */
  walk: RowWalk | undefined;
  /** What the filter has gained is still being looked for. */
  search: Search | undefined;
  /** No answer or state change promises it: where there is no device, nothing is told. */
  readonly isUnasked: boolean;
  /** The filter is paused: what it gains is named when it is resumed. */
  readonly isPaused: boolean;
  /** Devices in one slice. */
  readonly sliceMax: number;
  waits: boolean;
  /** A device of this page found no room; the subscriber is to be told. */
  isFull: boolean;
}

export type Job = RequestJob | PageJob;
