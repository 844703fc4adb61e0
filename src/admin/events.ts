/** Kept events of a device, as the admin API shows them. */
import type { z } from 'zod';
import { Step } from '../history/replay.ts';
import type { RecordViews } from '../memory/ring.ts';
import { EventField, EventFlag } from '../records/event.ts';
import { eventTypeNames, priorityNames } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import type { keptEvent } from './schemas.ts';

type KeptEvent = z.infer<typeof keptEvent>;

/**
 * @param seq of the device's last event @param before only events of a smaller seq; undefined: from the newest
 * @returns events newest first, and the `before` of the next page; null when there is none
 */
export function readEvents(
  { presence, history }: AdminDeps,
  slot: number,
  seq: number,
  limit: number,
  before = seq + 1,
): { events: KeptEvent[]; cursor: string | null } {
  const generation = Atomics.load(presence.devices.rows.generation, slot);
  const replay = history.before({ slot, generation, seq }, before, limit + 1);
  const events: KeptEvent[] = [];
  for (let step = replay.next(); step !== Step.End; step = replay.next()) {
    if (step === Step.Event) events.unshift(eventFrom(replay.views, replay.seq));
  }
  const hasMore = events.length > limit;
  if (hasMore) events.pop();
  return { events, cursor: hasMore ? String(events.at(-1)!.seq) : null };
}

function eventFrom({ u8, u16, u32, f64 }: RecordViews, seq: number): KeptEvent {
  const flags = u8[EventField.flags]!;
  const statusEnd = EventField.body + u16[EventField.statusBytes >> 1]!;
  const end = statusEnd + u32[EventField.payloadBytes >> 2]!;
  const status = Buffer.from(u8.subarray(EventField.body, statusEnd)).toString('utf8');
  const payload = Buffer.from(u8.subarray(statusEnd, end));
  const isJson = (flags & EventFlag.payloadIsJson) !== 0;
  return {
    type: eventTypeNames[u8[EventField.type] as 1 | 2 | 3],
    source: (flags & EventFlag.fromHub) === 0 ? 'device' : 'hub',
    seq,
    at: f64[EventField.at >> 3]!,
    priority: priorityNames[u8[EventField.priority] as 1 | 2 | 3],
    ...(status !== '' && { status }),
    ...(isJson ? { data: dataFrom(payload) } : { data64: payload.toString('base64') }),
  };
}

/** A number beyond 2^53 loses its last digits here; the WebSocket side passes it on as it was written. */
function dataFrom(payload: Buffer): unknown {
  return payload.length === 0 ? null : JSON.parse(payload.toString('utf8'));
}
