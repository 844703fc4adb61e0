/** Events that no device sent: the hub's own, and those that operators publish. Owner thread only. */
import type { Clock } from '../clock.ts';
import type { RecordViews } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import { type DeviceState, deviceStateNames } from '../presence/lifecycle.ts';
import { EventField, EventFlag, privateViews, writeEventHead } from '../records/event.ts';
import { NO_BYTES } from '../records/replies.ts';
import { EventType, Priority } from '../wire/events.ts';

/** Room to build the hub's own events in: header and a short JSON text. */
const HUB_EVENT_BYTES = EventField.body + 512;

export class HubEvents {
  /** The event that `state` has written. */
  readonly views = privateViews(HUB_EVENT_BYTES);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Puts what the hub says of a device's state into `views`. @returns its length */
  state(state: Exclude<DeviceState, 0>, reason: string): number {
    const flags = EventFlag.payloadIsJson | EventFlag.fromHub;
    const payload = Buffer.from(JSON.stringify({ state: deviceStateNames[state], reason }));
    const at = this.#clock.wallNow();
    const event = { type: EventType.status, priority: Priority.high, at, flags, payload };
    return this.write(this.views, { ...event, status: NO_BYTES });
  }

  /** Puts an event of the hub's own or an operator's together. @returns its length */
  write(
    views: RecordViews,
    event: {
      readonly type: number;
      readonly priority: number;
      readonly flags: number;
      readonly at: number;
      readonly status: Uint8Array;
      readonly payload: Uint8Array;
    },
  ): number {
    const { status, payload } = event;
    const body = writeEventHead(views, 0, {
      ...event,
      received: this.#clock.now(),
      device: NONE,
      session: NONE,
      statusBytes: status.length,
      payloadBytes: payload.length,
      ackBytes: 0,
    });
    views.u8.set(status, body);
    views.u8.set(payload, body + status.length);
    return body + status.length + payload.length;
  }
}
