/**
 * Gives devices' events their numbers, keeps them, and copies each to every edge on which somebody follows the device.
 * Owner thread only.
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
   * Remembers a status that the event brings, and broadcasts the event, or skips it where it takes no number.
   * @param bytes length of the record, without its ack id
   * @returns whether somebody listens; the number, if it took one, is the device's `seq` now
   */
  send(slot: number, views: RecordViews, offset: number, bytes: number): boolean {
    const { registry, links, counters, history } = this.#deps;
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
    const { interest, edges } = registry;
    for (let edge = 0; isHeard && edge < edges; edge++) {
      if (interest[slot * edges + edge] === 0) continue;
      if (!links[edge]!.event(views, offset, bytes, slot, seq)) counters.add(Counter.droppedFanoutFull);
    }
    return isHeard;
  }
}
