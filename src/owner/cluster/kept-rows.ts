/** The rows of a subscriber as it moves from node to node, slice by slice. Owner thread only. */
import { HomeKind } from '../../cluster/records.ts';
import {
  decodeKeptSubscriber,
  encodeKeptSubscriber,
  type KeptFilter,
  type KeptRow,
  ROWS_PER_PART,
} from '../../cluster/subscribers.ts';
import { NONE } from '../../presence/columns.ts';
import { RowState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import { Unfinished } from '../filter-table.ts';
import { isSubscribed } from '../subscriptions.ts';
import type { ClusterContext } from './context.ts';
import type { Slices } from './sliced-work.ts';

export class KeptRows {
  readonly #context: ClusterContext;

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  /** How long the subscriber has been away, ms; one that has never been here is away from now on. */
  #awayMs(slot: number): number {
    const { registry, clock } = this.#context;
    const lastSeen = Number(Atomics.load(registry.subscribers.rows.lastSeen, slot));
    return lastSeen === 0 ? 0 : Math.max(0, clock.now() - lastSeen);
  }

  /**
   * Tells the link what the subscriber keeps; nothing changes by that.
   * @param wasConnected until now @param goesOn asked before each slice
   */
  *tell(id: string, wasConnected: boolean, goesOn: () => boolean): Slices {
    const { registry, walks, link } = this.#context;
    const slot = registry.subscriberOf(id);
    if (slot < 0) return;
    const awayMs = wasConnected ? 0 : this.#awayMs(slot);
    const walk = walks.start(slot);
    let filters = this.#filtersOf(slot);
    do {
      if (!goesOn()) break;
      const rows: KeptRow[] = [];
      const visited = walks.advance(walk, ROWS_PER_PART, (row) => {
        const kept = this.#rowOf(row);
        if (kept !== undefined) rows.push(kept);
        return true;
      });
      const isAny = rows.length + filters.length > 0;
      for (const part of isAny ? encodeKeptSubscriber({ rows, filters, awayMs }) : [])
        link.tell(toLink.surrenderPart, { kind: HomeKind.subscriber, id, part });
      filters = [];
      yield visited;
    } while (walk.next !== NONE);
    walks.cancel(walk);
  }

  /** What filters follow is found anew. */
  #rowOf(row: number): KeptRow | undefined {
    const { registry } = this.#context;
    const { ownTypes, device } = registry.subscriptions.rows;
    const state = registry.rowState(row);
    if (!isSubscribed(state) || registry.isFiltered(row)) return undefined;
    const id = registry.deviceId(device[row]!);
    return { device: id, paused: state === RowState.paused, types: bitsOf(ownTypes[row]!) };
  }

  #filtersOf(slot: number): KeptFilter[] {
    const { filters } = this.#context.registry;
    return filters.ofSubscriber(slot).map((filter) => ({
      filter: filters.nameOf(filter),
      paused: filters.state(filter) === RowState.paused,
      types: bitsOf(filters.slab.rows.types[filter]!),
    }));
  }

  /** What the subscriber keeps goes, without a word; what operators set stays. */
  *remove(id: string): Slices {
    const { registry, walks, subscriptions, subscribers } = this.#context;
    const slot = registry.subscriberOf(id);
    if (slot < 0) return;
    for (const filter of registry.filters.ofSubscriber(slot)) registry.filters.remove(filter);
    const walk = walks.start(slot);
    while (walk.next !== NONE) {
      const rows: number[] = [];
      const visited = walks.advance(walk, ROWS_PER_PART, (row) => rows.push(row) > 0);
      for (const row of rows) {
        if (isSubscribed(registry.rowState(row)))
          subscriptions.move(row, registry.isGranted(row) ? RowState.allow : RowState.none);
      }
      yield visited;
    }
    if (registry.subscriberOf(id) === slot) subscribers.dismissed(slot); // else it has gone meanwhile
  }

  /**
   * Keeps what another node told of the subscriber; what stands here already stands.
   * @returns the rows, and how long it was away there, ms; undefined: the part names nothing
   */
  add(id: string, part: Uint8Array): { readonly rows: number; readonly awayMs: number } | undefined {
    const { registry, devices } = this.#context;
    const { rows, filters, awayMs } = decodeKeptSubscriber([part]);
    if (rows.length + filters.length === 0) return undefined;
    const kept = { rows: rows.length + filters.length, awayMs };
    const slot = registry.ensureSubscriberOf(id);
    if (slot < 0) return kept; // there is no room for it
    for (const { device, paused, types } of rows) {
      const deviceSlot = registry.ensureDeviceOf(device);
      if (deviceSlot < 0) continue;
      const found = registry.findRow(deviceSlot, slot);
      const state = stateOf(paused);
      if (found < 0) registry.createRow(deviceSlot, slot, state, { types: typesOf(types) });
      else if (registry.rowState(found) === RowState.allow) registry.setRowState(found, state);
      devices.unwatched(deviceSlot);
    }
    for (const { filter, paused, types } of filters) {
      const prefix = filter.slice(0, -1);
      if (registry.filters.find(slot, prefix) >= 0) continue;
      const made = registry.filters.create(slot, prefix, stateOf(paused), typesOf(types));
      // What it matches is looked for behind the last part: perhaps by another owner.
      if (made >= 0) registry.filters.begin(made, Unfinished.pages);
    }
    return kept;
  }
}

function stateOf(paused: boolean): RowState {
  return paused ? RowState.paused : RowState.disconnected;
}

/** As a part names types: one place further left, 0 all. */
function bitsOf(types: number): number {
  return types === ALL_TYPES ? 0 : types << 1;
}

function typesOf(bits: number): number {
  return bits === 0 ? ALL_TYPES : bits >> 1;
}
