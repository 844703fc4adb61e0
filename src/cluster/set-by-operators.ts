/** What operators have set, as a hub's presence table holds it. */
import type { AccessRule } from '../access/rules.ts';
import { highWater } from '../memory/layout.ts';
import { Vip } from '../presence/columns.ts';
import type { PresenceReader } from '../presence/reader.ts';
import type { OperatorChange } from './host.ts';

/** @returns denials, grants, vips and rules, but not what an operator made active or inactive */
export function setByOperators(presence: PresenceReader, rules: readonly AccessRule[]): OperatorChange[] {
  const changes: OperatorChange[] = rules.length > 0 ? [{ kind: 'rules', rules }] : [];
  for (let slot = 0; slot < highWater(presence.subscriptions); slot++) {
    const row = presence.subscription(slot);
    const access = row === undefined ? undefined : presence.accessOf(slot);
    if (row === undefined || access === undefined) continue;
    const device = presence.device(row.device)?.device;
    const subscriber = presence.subscriber(row.subscriber)?.subscriber;
    if (device !== undefined && subscriber !== undefined)
      changes.push({ kind: 'pair', device, subscriber, access });
  }
  const { rows } = presence.subscribers;
  for (let slot = 0; slot < highWater(presence.subscribers); slot++) {
    const row = presence.subscriber(slot);
    const isVip = (Atomics.load(rows.vip, slot) & Vip.operator) !== 0;
    if (row !== undefined && isVip) changes.push({ kind: 'vip', subscriber: row.subscriber, vip: true });
  }
  return changes;
}
