/**
 * Numbers the events of devices, keeps them, and copies each to every edge with a follower of the device. Owner thread
 * only.
 */
import type { HistoryLog } from '../history/log.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { RecordViews } from '../memory/ring.ts';
import { EventField } from '../records/event.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Registry } from './registry.ts';

export interface BroadcastsDeps {
  readonly registry: Registry;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly history: HistoryLog;
  readonly counters: Counters;
}

export class Broadcasts {
  readonly #deps: BroadcastsDeps;

  constructor(deps: BroadcastsDeps) {
    this.#deps = deps;
  }

  /**
   * Remembers the event's status, if it has one, and broadcasts the event, or skips it if it takes no number.
   * @param bytes length of the record, without its ack id
   * @returns whether somebody listens; the number, if it took one, is the device's `seq` now
   */
  send(slot: number, views: RecordViews, offset: number, bytes: number): boolean {
    const { registry, counters, history } = this.#deps;
    const { rows } = registry.devices;
    const statusBytes = views.u16[(offset + EventField.statusBytes) >> 1]!;
    const start = offset + EventField.body;
    if (statusBytes > 0 && !registry.setDeviceStatus(slot, views.u8, start, statusBytes))
      counters.add(Counter.refusedTexts);
    const isHeard = rows.active[slot] !== 0;
    if (!isHeard && !history.takesNumber(views.u8[offset + EventField.type]!, rows.waiting[slot] !== 0))
      return false;
    const seq = rows.seq[slot]! + 1;
    history.append(slot, seq, views, offset, bytes); // first: no number is taken that history knows nothing of
    rows.seq[slot] = seq;
    if (isHeard) toEdges(this.#deps, slot, views, offset, bytes, seq);
    return isHeard;
  }
}

/**
 * Copies an event to every edge with a follower of the device.
 * @param bytes length of the record, without its ack id
 * @param seq 0: nobody could number it
 * @returns whether all of them had room for it
 */
export function toEdges(
  { registry, links, counters }: Pick<BroadcastsDeps, 'registry' | 'links' | 'counters'>,
  slot: number,
  views: RecordViews,
  offset: number,
  bytes: number,
  seq: number,
): boolean {
  const { interest, edges } = registry;
  let lost = 0;
  for (let edge = 0; edge < edges; edge++) {
    if (interest[slot * edges + edge] === 0) continue;
    if (!links[edge]!.event(views, offset, bytes, slot, seq)) lost += 1;
  }
  if (lost > 0) counters.add(Counter.droppedFanoutFull, lost);
  return lost === 0;
}
