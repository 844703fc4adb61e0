/**
 * Entries of subscribers: who they are from the presence table, how many subscriptions of each status they have from one
 * look through the table for a whole page, and where they connect from by asking the edges that hold them.
 */
import type { z } from 'zod';
import { toWallMs } from '../clock.ts';
import type { SubscriptionStatus } from '../presence/lifecycle.ts';
import type { SubscriberRow } from '../presence/reader.ts';
import type { AdminDeps } from './deps.ts';
import { turn } from './pages.ts';
import type { subscriberEntry } from './schemas.ts';

export type SubscriberEntry = z.infer<typeof subscriberEntry>;

type Counts = Record<SubscriptionStatus, number>;

/** @param slots in use when they were found; those that are free by now are left out */
export async function readSubscribers(
  deps: AdminDeps,
  slots: readonly number[],
  passes: (row: SubscriberRow) => boolean = () => true,
): Promise<SubscriberEntry[]> {
  const counts = await countSubscriptions(deps, slots);
  const rows = slots.flatMap((slot) => {
    const row = deps.presence.subscriber(slot);
    if (row === undefined || !passes(row)) return [];
    const session = row.connected ? deps.presence.sessionOfSubscriber(slot) : undefined;
    return [{ row, session, subscriptions: counts.get(slot)! }];
  });
  const sessions = rows.flatMap(({ session }) => session ?? []);
  const connections = sessions.length === 0 ? [] : await deps.connections(sessions);
  const bySession = new Map(connections.map((connection) => [connection.session, connection]));
  return rows.map(({ row, session, subscriptions }) => {
    const connection = session === undefined ? undefined : bySession.get(session);
    return {
      subscriber: row.subscriber,
      connected: row.connected,
      address: connection?.address ?? null,
      transport: connection?.transport ?? null,
      encoding: connection?.encoding ?? null,
      connectedAt: connection?.connectedAt ?? null,
      lastSeen: toWallMs(deps.clock, row.lastSeen),
      queueBytes: connection?.queuedBytes ?? (row.connected ? null : 0),
      vip: row.vip,
      subscriptions,
      ...(deps.cluster && { node: deps.cluster.node }),
    };
  });
}

/** Looks through the table in short parts, between which the thread turns to its connections. */
async function countSubscriptions(
  { presence }: AdminDeps,
  slots: readonly number[],
): Promise<ReadonlyMap<number, Counts>> {
  const counts = new Map<number, Counts>(
    slots.map((slot) => [slot, { active: 0, inactive: 0, allow: 0, deny: 0 }]),
  );
  if (slots.length === 0) return counts;
  const note = (subscriber: number, status: SubscriptionStatus): void => {
    const own = counts.get(subscriber);
    if (own !== undefined) own[status] += 1;
  };
  let next = presence.eachSubscription(0, note);
  while (next !== undefined) {
    await turn();
    next = presence.eachSubscription(next, note);
  }
  return counts;
}
