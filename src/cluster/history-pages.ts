/** Decides how many of a device's kept events go into one page for another node. Cluster thread only. */
import type { DeviceAsOf, HistoryReader } from '../history/reader.ts';
import { Step } from '../history/replay.ts';
import { eventBytes } from './event-record.ts';
import { HISTORY_PAGE_BYTES_MAX } from './limits.ts';

/**
 * @param max largest number of events @returns how many of the newest events before the seq fit into a page, at least
 * one if there is any; and whether there are more
 */
export function pageOf(
  reader: Pick<HistoryReader, 'before'>,
  device: DeviceAsOf,
  before: number,
  max: number,
): { readonly count: number; readonly isCut: boolean } {
  const sizes: number[] = [];
  const replay = reader.before(device, before, max);
  for (let step = replay.next(); step !== Step.End; step = replay.next())
    if (step === Step.Event) sizes.push(eventBytes(replay.views, 0));
  let bytes = 0;
  let count = 0;
  while (count < sizes.length) {
    bytes += sizes[sizes.length - 1 - count]!;
    if (count > 0 && bytes > HISTORY_PAGE_BYTES_MAX) break;
    count += 1;
  }
  return { count, isCut: count < sizes.length || replay.count >= max };
}
