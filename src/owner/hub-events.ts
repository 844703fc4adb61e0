/** The hub's own events about devices. Owner thread only. */
import type { Clock } from '../clock.ts';
import { type DeviceState, deviceStateNames } from '../presence/lifecycle.ts';
import { EventField, EventFlag, privateViews, writeOwnEvent } from '../records/event.ts';
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

  /** Writes the hub's event about a device's state into `views`. @returns its length */
  state(state: Exclude<DeviceState, 0>, reason: string): number {
    const flags = EventFlag.payloadIsJson | EventFlag.fromHub;
    const payload = Buffer.from(JSON.stringify({ state: deviceStateNames[state], reason }));
    const times = { at: this.#clock.wallNow(), received: this.#clock.now() };
    const event = { type: EventType.status, priority: Priority.high, ...times, flags, payload };
    return writeOwnEvent(this.views, { ...event, status: NO_BYTES });
  }
}
