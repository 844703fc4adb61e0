/** What MQTT devices want to be published of them when they are lost. Owner thread only. */

import type { RecordViews } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import { EventField, EventFlag, privateViews, writeEventHead } from '../records/event.ts';
import type { Will } from '../records/requests.ts';
import { defaultPriorities } from '../wire/events.ts';

export class Wills {
  /** By device slot. */
  readonly #wills = new Map<number, Will>();

  set(slot: number, will: Will): void {
    this.#wills.set(slot, { ...will, payload: new Uint8Array(will.payload) }); // the bytes are the ring's
  }

  delete(slot: number): void {
    this.#wills.delete(slot);
  }

  /** How long the device has to come back, ms. */
  graceMs(slot: number, leaveGraceMs: number): number {
    return Math.min(leaveGraceMs, this.#wills.get(slot)?.delayMs ?? leaveGraceMs);
  }

  /** The device is about to be called offline. @returns its will as an event; undefined: it has none */
  take(slot: number, at: number, received: number): { views: RecordViews; bytes: number } | undefined {
    const will = this.#wills.get(slot);
    if (will === undefined) return undefined;
    this.#wills.delete(slot);
    const status = Buffer.from(will.status);
    const bytes = EventField.body + status.length + will.payload.length;
    const views = privateViews(bytes);
    const body = writeEventHead(views, 0, {
      at,
      received,
      device: NONE,
      session: NONE,
      type: will.type,
      priority: defaultPriorities[will.type as 1 | 2 | 3],
      flags: EventFlag.asPublished | (will.payloadIsJson ? EventFlag.payloadIsJson : 0),
      statusBytes: status.length,
      payloadBytes: will.payload.length,
      ackBytes: 0,
    });
    views.u8.set(status, body);
    views.u8.set(will.payload, body + status.length);
    return { views, bytes };
  }
}
