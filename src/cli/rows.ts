/** A row of the presence table, which the admin API shows, as people read it: what holds between a device and a subscriber. */
import type { RowEntry } from '../admin/rows.ts';

/** `active`, `inactive (paused)`, … */
export function describeStatus({ status, reason }: Pick<RowEntry, 'status' | 'reason'>): string {
  return reason === null ? status : `${status} (${reason})`;
}
