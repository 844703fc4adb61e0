/**
 * Entries of the admin API read from the presence table while its owner writes it. A row that goes or changes hands
 * during the read is left out, never mixed with its successor.
 */
import type { z } from 'zod';
import { toWallMs } from '../clock.ts';
import { Numbering } from '../presence/columns.ts';
import type { SubscriptionRow } from '../presence/reader.ts';
import { epochName } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import { turn } from './pages.ts';
import type { deviceEntry, rowEntry, subscriberPage } from './schemas.ts';

/** A subscriber has at most 255 of them. */
const FILTERS_PER_SCAN = 256;

export type DeviceEntry = z.infer<typeof deviceEntry>;
export type RowEntry = z.infer<typeof rowEntry>;
export type SubscriberFilter = z.infer<typeof subscriberPage>['filters'][number];
export type SubscriberDevice = z.infer<typeof subscriberPage>['devices'][number];

/** @returns undefined when the slot is free */
export function readDevice(deps: AdminDeps, slot: number): DeviceEntry | undefined {
  const row = deps.presence.device(slot);
  if (row === undefined) return undefined;
  return {
    device: row.device,
    state: row.state,
    status: row.deviceStatus ?? null,
    lastSeen: toWallMs(deps.clock, row.lastSeen),
    connectedAt: row.connectedAt ?? null,
    ...(row.gateway !== undefined && { gateway: row.gateway }),
    seq: row.seq,
    epoch: epochName(row.epoch),
    subscribers: row.subscribers,
    ...nodeOf(deps, slot),
  };
}

/** An id that no device has used is of no node. */
function nodeOf({ cluster, presence }: AdminDeps, slot: number): { readonly node?: string } {
  const isHere = Atomics.load(presence.devices.rows.home, slot) !== Numbering.elsewhere;
  return cluster !== undefined && isHere ? { node: cluster.node } : {};
}

/** @returns the row of the subscription in this slot and its device's slot; undefined when it is gone */
export function readRow(deps: AdminDeps, slot: number): { entry: RowEntry; device: number } | undefined {
  const pair = readPair(deps, slot, ({ subscriber }) => deps.presence.subscriber(subscriber));
  if (pair === undefined) return undefined;
  const { row, other } = pair;
  const entry = {
    subscriber: other.subscriber,
    status: row.status,
    reason: row.reason ?? null,
    lastSeen: toWallMs(deps.clock, other.lastSeen),
    vip: other.vip,
    connected: other.connected,
    ...(deps.cluster && { node: deps.cluster.node }),
  };
  return { entry, device: row.device };
}

/** @returns the subscription in this slot by its device, and its subscriber's slot; undefined when it is gone */
export function readDeviceOfRow(
  deps: AdminDeps,
  slot: number,
): { entry: SubscriberDevice; subscriber: number } | undefined {
  const pair = readPair(deps, slot, ({ device }) => deps.presence.device(device));
  if (pair === undefined) return undefined;
  const { row, other } = pair;
  const entry = { device: other.device, status: row.status, reason: row.reason ?? null };
  return { entry, subscriber: row.subscriber };
}

/** All filters of the subscriber, by name. */
export async function readSubscriberFilters(
  { presence }: AdminDeps,
  subscriber: number,
): Promise<SubscriberFilter[]> {
  const filters: SubscriberFilter[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page = presence.filterSlotsOfSubscriber(subscriber, from, FILTERS_PER_SCAN);
    for (const slot of page.slots) {
      const row = presence.filter(slot);
      if (row?.subscriber !== subscriber) continue;
      filters.push({ filter: row.filter, status: row.status, reason: row.reason ?? null });
    }
    from = page.next;
    if (from !== undefined) await turn();
  }
  return filters.sort((a, b) => (a.filter < b.filter ? -1 : 1));
}

/**
 * Reads a subscription and what stands at one of its ends. The owner frees a subscription before its ends: as long as
 * it still names both ends afterwards, what was read there is its own.
 */
function readPair<Other>(
  { presence }: AdminDeps,
  slot: number,
  readOther: (row: SubscriptionRow) => Other | undefined,
): { row: SubscriptionRow; other: Other } | undefined {
  const before = presence.subscription(slot);
  const other = before && readOther(before);
  const row = presence.subscription(slot);
  if (before === undefined || other === undefined || row === undefined) return undefined;
  return row.device === before.device && row.subscriber === before.subscriber ? { row, other } : undefined;
}
