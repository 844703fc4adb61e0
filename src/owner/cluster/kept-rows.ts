/** The rows of a subscriber as it moves from node to node, slice by slice. Owner thread only. */
import { HomeKind } from '../../cluster/records.ts';
import {
  decodeKeptPart,
  encodeKeptPart,
  type KeptFilter,
  type KeptRow,
  type KeptTurn,
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

  /**
   * How long the subscriber has been away, ms. One that has never been here counts from now. One with a shorter
   * retention time counts as away for longer.
   */
  #awayMs(slot: number): number {
    const { registry, subscribers, clock, settings } = this.#context;
    const now = clock.now();
    const lastSeen = Number(Atomics.load(registry.subscribers.rows.lastSeen, slot));
    const sinceMs = lastSeen === 0 ? now : lastSeen;
    const endsAtMs = subscribers.keptUntilMs(slot) ?? sinceMs + settings.subscriberRemoveAfterMs;
    return Math.max(0, now + settings.subscriberRemoveAfterMs - endsAtMs);
  }

  /**
   * Tells the link what is kept for the subscriber, without changing it.
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
      const turns: KeptTurn[] = [];
      const visited = walks.advance(walk, ROWS_PER_PART, (row) => {
        if (!isSubscribed(registry.rowState(row))) return true;
        if (!registry.isFiltered(row)) rows.push(this.#rowOf(row));
        else if (this.#isTurned(row)) turns.push(this.#turnOf(row));
        return true;
      });
      if (rows.length + turns.length + filters.length > 0) {
        const part = encodeKeptPart({ rows, filters, turns, awayMs });
        link.tell(toLink.surrenderPart, { kind: HomeKind.subscriber, id, part });
      }
      filters = [];
      yield visited;
    } while (walk.next !== NONE);
    walks.cancel(walk);
  }

  #rowOf(row: number): KeptRow {
    return { ...this.#turnOf(row), types: bitsOf(this.#context.registry.subscriptions.rows.ownTypes[row]!) };
  }

  #turnOf(row: number): KeptTurn {
    const { registry } = this.#context;
    const device = registry.deviceId(registry.subscriptions.rows.device[row]!);
    return { device, paused: registry.rowState(row) === RowState.paused };
  }

  /**
   * The new node finds what filters follow by itself, in the filter's state. A row in another state was paused or
   * resumed individually.
   */
  #isTurned(row: number): boolean {
    const { registry } = this.#context;
    const { device, subscriber } = registry.subscriptions.rows;
    const state = registry.filters.strongestState(subscriber[row]!, registry.deviceId(device[row]!));
    return (state === RowState.paused) !== (registry.rowState(row) === RowState.paused);
  }

  #filtersOf(slot: number): KeptFilter[] {
    const { filters } = this.#context.registry;
    return filters.ofSubscriber(slot).map((filter) => ({
      filter: filters.nameOf(filter),
      paused: filters.state(filter) === RowState.paused,
      types: bitsOf(filters.slab.rows.types[filter]!),
    }));
  }

  /** Removes what is kept for the subscriber, without notice; what operators set stays. */
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
   * Adds what another node kept for the subscriber; rows that exist here stay as they are.
   * @returns the rows, and how long it was away there, ms; undefined: the part names nothing
   */
  add(id: string, part: Uint8Array): { readonly rows: number; readonly awayMs: number } | undefined {
    const { registry } = this.#context;
    const { rows, filters, turns, awayMs } = decodeKeptPart(part);
    const kept = { rows: rows.length + filters.length + turns.length, awayMs };
    if (kept.rows === 0) return undefined;
    const slot = registry.ensureSubscriberOf(id);
    if (slot < 0) return kept; // there is no room for it
    for (const filter of filters) this.#addFilter(slot, filter);
    for (const { types, ...row } of rows) this.#addRow(slot, row, typesOf(types));
    for (const turn of turns)
      if (registry.filters.typesOf(slot, turn.device) !== 0) this.#addRow(slot, turn, 0);
    return kept;
  }

  #addFilter(slot: number, { filter, paused, types }: KeptFilter): void {
    const { filters } = this.#context.registry;
    const prefix = filter.slice(0, -1);
    if (filters.find(slot, prefix) >= 0) return;
    const made = filters.create(slot, prefix, stateOf(paused), typesOf(types));
    // What it matches is looked for behind the last part: perhaps by another owner.
    if (made >= 0) filters.begin(made, Unfinished.pages);
  }

  /** @param ownTypes what the subscription by id asks for; 0: only filters follow */
  #addRow(slot: number, { device, paused }: KeptTurn, ownTypes: number): void {
    const { registry, devices, subscriptions } = this.#context;
    const deviceSlot = registry.ensureDeviceOf(device);
    if (deviceSlot < 0) return;
    const found = registry.findRow(deviceSlot, slot);
    const state = found < 0 ? RowState.none : registry.rowState(found);
    const filtered = registry.filters.typesOf(slot, device, ownTypes);
    if (found < 0)
      registry.createRow(deviceSlot, slot, stateOf(paused), { types: ownTypes | filtered, ownTypes });
    else if (state === RowState.allow) {
      registry.setTypes(found, ownTypes, ownTypes | filtered);
      registry.setRowState(found, stateOf(paused));
    } else if (isSubscribed(state) && registry.isFiltered(found)) {
      subscriptions.setTypes(found, ownTypes, filtered); // filters alone have followed it here until now
    }
    devices.unwatched(deviceSlot);
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
