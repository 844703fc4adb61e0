/**
 * Which devices a list shows, and in which order: one pass over the presence table in steps of a millisecond or so,
 * between which the thread turns to its sockets. Keeps no more rows than the list can be paged to.
 */
import { isFilter } from '../access/pattern.ts';
import { highWater } from '../memory/layout.ts';
import { DeviceState } from '../presence/lifecycle.ts';
import type { PresenceReader } from '../presence/reader.ts';

/** Columns that a list can be sorted by. */
export const listColumns = [
  'device',
  'state',
  'status',
  'lastSeen',
  'events',
  'active',
  'inactive',
  'denied',
] as const;
export type ListColumn = (typeof listColumns)[number];

/** Which devices, and in which order. */
export interface ListQuestion {
  /** An id, a prefix ending in `*`, or `*`: devices that are known, as in a subscribe; '' for every row. */
  readonly filter: string;
  /** Part of the id, case-insensitive; '' for every id. */
  readonly search: string;
  readonly state: 'online' | 'stale' | 'offline' | undefined;
  /** undefined: the order of the table. */
  readonly column: ListColumn | undefined;
  readonly descending: boolean;
}

export interface Ordered {
  /** The first devices in order, by slot. */
  readonly slots: readonly number[];
  /** Devices that match. */
  readonly total: number;
  /** Devices that match, whatever `state` asks for. */
  readonly states: Readonly<Record<'online' | 'stale' | 'offline', number>>;
}

interface Keyed {
  readonly slot: number;
  readonly key: string | number;
}

/** Rows looked at between two looks at the watch. */
const ROWS_PER_LOOK = 256;
/** Rows that wait to be sorted in; then only the best are kept. */
const UNSORTED_MAX = 1024;

export class Ordering {
  readonly #presence: PresenceReader;
  readonly #question: ListQuestion;
  readonly #keepMax: number;
  readonly #passes: (slot: number) => boolean;
  readonly #keyOf: (slot: number) => string | number;
  readonly #counts = { online: 0, stale: 0, offline: 0 };
  #next = 0;
  /** The best first, then those that wait to be sorted in. */
  #found: Keyed[] = [];
  /** The last that is good enough, once as many were found as are kept. */
  #worst: Keyed | undefined;

  /** @param keepMax rows to keep */
  constructor(presence: PresenceReader, question: ListQuestion, keepMax: number) {
    this.#presence = presence;
    this.#question = question;
    this.#keepMax = keepMax;
    this.#passes = passesOf(presence, question);
    this.#keyOf = keyOf(presence, question.column);
  }

  /** Looks at rows until the time is up. @returns whether there are more */
  step(isTimeUp: () => boolean): boolean {
    const end = highWater(this.#presence.devices);
    do {
      const stop = Math.min(end, this.#next + ROWS_PER_LOOK);
      for (; this.#next < stop; this.#next++) this.#look(this.#next);
    } while (this.#next < end && !isTimeUp());
    return this.#next < end;
  }

  /** Call after the last step. */
  result(): Ordered {
    this.#sort();
    const { state } = this.#question;
    const states = { ...this.#counts };
    const total = state === undefined ? states.online + states.stale + states.offline : states[state];
    return { slots: this.#found.map(({ slot }) => slot), total, states };
  }

  #look(slot: number): void {
    const deviceState = Atomics.load(this.#presence.devices.rows.deviceState, slot);
    if (deviceState === DeviceState.free || !this.#passes(slot)) return;
    const state =
      deviceState === DeviceState.online ? 'online' : deviceState === DeviceState.stale ? 'stale' : 'offline';
    this.#counts[state] += 1;
    if (this.#question.state !== undefined && this.#question.state !== state) return;
    const keyed = { slot, key: this.#keyOf(slot) };
    if (this.#worst !== undefined && this.#compare(keyed, this.#worst) >= 0) return;
    this.#found.push(keyed);
    if (this.#found.length >= this.#keepMax + UNSORTED_MAX) this.#sort();
  }

  #sort(): void {
    this.#found.sort((one, other) => this.#compare(one, other));
    if (this.#found.length < this.#keepMax) return;
    this.#found.length = this.#keepMax;
    this.#worst = this.#found.at(-1);
  }

  /** Rows of one key stand in the order of the table; without a status comes last either way. */
  #compare(one: Keyed, other: Keyed): number {
    const { descending } = this.#question;
    if (one.key === other.key) return one.slot - other.slot;
    if (one.key === '') return 1;
    if (other.key === '') return -1;
    return one.key < other.key === descending ? 1 : -1;
  }
}

function passesOf(presence: PresenceReader, { filter, search }: ListQuestion): (slot: number) => boolean {
  const needle = Buffer.from(search.toLowerCase());
  const isPrefix = isFilter(filter);
  const prefix = Buffer.from(isPrefix ? filter.slice(0, -1) : filter);
  const { known } = presence.devices.rows;
  const hasFilter = filter !== '';
  return (slot) => {
    if (needle.length > 0 && !presence.deviceIdIncludes(slot, needle)) return false;
    if (!hasFilter) return true;
    if (!presence.deviceIdStartsWith(slot, prefix)) return false;
    if (!isPrefix && presence.deviceId(slot) !== filter) return false;
    return Atomics.load(known, slot) !== 0; // ids that were only subscribed to do not match
  };
}

function keyOf(presence: PresenceReader, column: ListColumn | undefined): (slot: number) => string | number {
  const { rows } = presence.devices;
  switch (column) {
    case undefined:
      return (slot) => slot;
    case 'device':
      return (slot) => presence.deviceId(slot);
    case 'status':
      return (slot) => presence.deviceStatus(slot);
    case 'lastSeen':
      return (slot) => Number(Atomics.load(rows.lastSeen, slot));
    default: {
      const cells = {
        state: rows.deviceState,
        events: rows.seq,
        active: rows.active,
        inactive: rows.inactive,
        denied: rows.deny,
      }[column];
      return (slot) => cells[slot]!;
    }
  }
}
