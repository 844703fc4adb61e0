/** What a subscribe wants of the past of its devices. */
import type { Wanted } from '../../history/reader.ts';
import { DEVICES_PER_SLICE, KEPT_EVENTS_PER_SLICE } from '../../limits.ts';
import type { Entry } from '../../records/replies.ts';
import { epochName } from '../../wire/events.ts';
import type { Past } from '../../wire/subscriber-ops.ts';

/** What is wanted of the device besides the newest of each kind; undefined: nothing. */
export function wantedOf(
  { since, history }: Past,
  { device, epoch, seq }: Pick<Entry, 'device' | 'epoch' | 'seq'>,
  types: number,
): Wanted | undefined {
  const position = since.get(device);
  if (position === undefined) return history > 0 ? { after: 0, countMax: history, types } : undefined;
  const isKnown = position.epoch === epochName(epoch) && position.seq <= seq;
  return { after: isKnown ? position.seq : 0, countMax: Number.POSITIVE_INFINITY, types };
}

/** Whether anything of the past is wanted. */
export function wantsPast(past: Past): boolean {
  return past.last || wantsHistory(past);
}

/** Whether more is wanted than the newest events of each device, which takes long to look up. */
export function wantsHistory({ history, since }: Past): boolean {
  return history > 0 || since.size > 0;
}

/** Devices of a filter in one slice: so many that their past is looked up in a few ms. @param eventsMax kept per device */
export function sliceFor(past: Past, eventsMax: number): number {
  if (!wantsHistory(past)) return DEVICES_PER_SLICE;
  const each = past.since.size > 0 ? eventsMax : Math.min(past.history, eventsMax);
  return Math.max(1, Math.min(DEVICES_PER_SLICE, Math.floor(KEPT_EVENTS_PER_SLICE / each)));
}
