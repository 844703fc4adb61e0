/** The events of one device as its page lists them, the newest first: those that came, and those that the hub kept. Pure. */
import { LIVE_PAYLOAD_BYTES_MAX } from '../../src/limits.ts';
import type { LiveEvent } from './live.ts';

/** The last few hundred only. */
export const EVENTS_SHOWN = 200;
/** A kept event and one that came over the stream are the same if they are equal and this close together. */
const SAME_MS = 5;

/** An event of the hub's history. */
export interface KeptEvent extends LiveEvent {
  readonly seq: number;
  readonly isFromHub: boolean;
}

/** An event in the list. */
export interface Shown extends LiveEvent {
  readonly key: string;
  readonly isKept: boolean;
  readonly isFromHub: boolean;
}

/**
 * The list with events that came over the stream. One that the hub had told of as kept before takes its place.
 * @param came the newest first
 */
export function withCome(shown: readonly Shown[], came: readonly Shown[]): Shown[] {
  const others = shown.filter((other) => !(other.isKept && came.some((event) => isSame(event, other))));
  return [...came, ...others].slice(0, EVENTS_SHOWN);
}

/**
 * The list with kept events. Those that are shown already, perhaps because they came, are not shown again.
 * @param clearedAt `at` of the newest event when the list was cleared: what is not newer stays away
 */
export function withKept(
  shown: readonly Shown[],
  found: readonly KeptEvent[],
  clearedAt = Number.NEGATIVE_INFINITY,
): Shown[] {
  const isShown = (event: KeptEvent): boolean =>
    shown.some((other) => (other.isKept ? other.key === keyOf(event) : isSame(other, event)));
  const news = found
    .filter((event) => event.at > clearedAt + SAME_MS && !isShown(event))
    .map((event): Shown => ({ ...event, key: keyOf(event), isKept: true }));
  return [...shown, ...news].sort((one, other) => other.at - one.at).slice(0, EVENTS_SHOWN);
}

/** A device that was deleted and is back counts anew. */
function keyOf({ seq, at }: KeptEvent): string {
  return `kept-${seq}-${at}`;
}

/** @param kept the same event as the hub kept it, or another */
function isSame(live: LiveEvent, kept: LiveEvent & { readonly isFromHub: boolean }): boolean {
  if (kept.isFromHub || live.type !== kept.type || Math.abs(live.at - kept.at) > SAME_MS) return false;
  if (live.bytes > LIVE_PAYLOAD_BYTES_MAX) return kept.bytes > LIVE_PAYLOAD_BYTES_MAX; // it was cut
  return live.base64 === kept.base64 && compact(live.json) === kept.json;
}

/** JSON as the hub answers it: without the spaces that a device may write; null is no data. */
function compact(json: string | undefined): string | undefined {
  return json === undefined || json === 'null' ? undefined : JSON.stringify(JSON.parse(json));
}
