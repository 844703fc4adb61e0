/** Jobs for filters: requests that name them, and the pages of devices that come after. Owner thread only. */
import type { Actor } from '../access/actor.ts';
import type { Input, RowState } from '../presence/lifecycle.ts';
import type { FilterEntry, RefusedDevice } from '../records/replies.ts';
import type { NamedRequest } from './requests.ts';
import type { RowWalk } from './row-walks.ts';
import type { SlotList } from './slot-list.ts';

/** Devices or rows looked at in one slice: about half a millisecond. */
export const SLICE_SLOTS = 2048;
/** Rows changed in one slice: as many as a page has. */
export const SLICE_CHANGES = 1000;
/** Slices in one poll, however many jobs there are. */
export const SLICES_PER_STEP = 2;

/** A search in the table for devices that a filter matches, that the subscriber may follow, and that have no row. */
export interface Search {
  /** The device slot at which it continues. */
  next: number;
  /** Only for devices that this token did not cover; undefined: for all. */
  readonly before?: Actor | undefined;
}

/** The work for one filter of a request. */
export interface FilterTarget {
  readonly filter: string;
  readonly prefix: Uint8Array;
  /** Slot of the filter; -1: refused. */
  readonly slot: number;
  /** Its earlier state, which is restored if the request fails; undefined: the filter is new. */
  readonly before: { readonly state: RowState; readonly types: number } | undefined;
  /** Devices found. */
  readonly devices: SlotList;
  /** Rows that must be created for them, in addition to those reserved for other filters of the request. */
  missing: number;
  /** Prefixes of those. */
  readonly reserved: readonly Uint8Array[];
  /** Where a scan of the table continues. */
  next: number;
  /** The walk over the subscriber's rows, if those are searched. */
  readonly walk: RowWalk | undefined;
}

export interface RequestJob {
  readonly kind: 'request';
  readonly subscriber: number;
  readonly session: number;
  readonly request: NamedRequest;
  /** The filters that are left; the first is in progress. */
  readonly filters: string[];
  target: FilterTarget | undefined;
  readonly results: FilterEntry[];
  readonly refused: RefusedDevice[];
  /** Filters whose devices are sent after the answer. */
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
  readonly devices: SlotList;
  /** Devices that the filter has gained: they may have no row yet, whatever the input. */
  readonly gained: Set<number>;
  /** Devices whose rows an operator has removed since: they do not come back. */
  readonly removed: Set<number>;
  /** How many of them the pages have come to, and the rest. */
  at: number;
  readonly rest: Iterator<number, undefined>;
  /** What was sent since the peer last read: devices, and bytes of their entries. */
  unreadDevices: number;
  unreadBytes: number;
  /** Rows that it has reserved and not created yet. */
  reserved: number;
  /** Of the subscriber's rows, while the devices are still being gathered. */
  walk: RowWalk | undefined;
  /** A search for devices that the filter has gained is in progress. */
  search: Search | undefined;
  /** No answer or state change announced these pages: if there are no devices, nothing is sent. */
  readonly isUnasked: boolean;
  /** The filter is paused: devices that it gains are named when it is resumed. */
  readonly isPaused: boolean;
  /** Devices in one slice. */
  readonly sliceMax: number;
  waits: boolean;
  /** A device of this page found no room; the subscriber must be told. */
  isFull: boolean;
}

export type Job = RequestJob | PageJob;
