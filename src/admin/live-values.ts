/**
 * The newest message of devices that lists show. Where the hub keeps history they are read from there; else the
 * devices' events are looked at as they come, for as long as a list asks for them. Runs on main.
 */
import { Step } from '../history/replay.ts';
import { VALUE_BYTES_MAX, VALUE_LEASE_MS, VALUES_KEPT_MAX } from '../limits.ts';
import type { RecordViews } from '../memory/ring.ts';
import { EventField, EventFlag } from '../records/event.ts';
import type { DeviceFrame } from '../wire/device-frames.ts';
import { EventType, priorityNames, typeBit } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import type { LiveEvent } from './live-schemas.ts';

/** A device that is looked at, with the newest message as it was received. */
class Kept {
  readonly #bytes = Buffer.allocUnsafeSlow(VALUE_BYTES_MAX);
  #shown = 0;
  #found: Omit<LiveEvent, 'json' | 'base64'> | undefined;
  #isJson = false;
  /** Hub clock, ms. */
  askedAtMs = 0;
  endTap: () => void = () => {};

  /** On the way of an event: copies it, and makes no text of it. */
  take(bytes: Uint8Array, frame: DeviceFrame, at: number): void {
    if (frame.type !== EventType.message) return;
    const { payloadStart, payloadEnd, payloadIsJson, priority } = frame;
    this.#shown = Math.min(VALUE_BYTES_MAX, payloadEnd - payloadStart);
    this.#bytes.set(bytes.subarray(payloadStart, payloadStart + this.#shown));
    this.#isJson = payloadIsJson;
    this.#found = {
      at,
      type: 'message',
      priority: priorityNames[priority] as LiveEvent['priority'],
      bytes: payloadEnd - payloadStart,
    };
  }

  get event(): LiveEvent | undefined {
    if (this.#found === undefined) return undefined;
    return { ...this.#found, ...textOf(this.#bytes.subarray(0, this.#shown), this.#isJson) };
  }
}

/** The device's row, as of an answer that its value goes into. */
export interface ValueRow {
  readonly slot: number;
  readonly seq: number;
}

function eventFrom({ u8, u16, u32, f64 }: RecordViews): LiveEvent {
  const bytes = u32[EventField.payloadBytes >> 2]!;
  const start = EventField.body + u16[EventField.statusBytes >> 1]!;
  const payload = Buffer.from(u8.subarray(start, start + Math.min(VALUE_BYTES_MAX, bytes)));
  const isJson = (u8[EventField.flags]! & EventFlag.payloadIsJson) !== 0;
  return {
    at: f64[EventField.at >> 3]!,
    type: 'message',
    priority: priorityNames[u8[EventField.priority] as 1 | 2 | 3],
    bytes,
    ...textOf(payload, isJson),
  };
}

/** The payload as a list shows it; nothing of an empty one. */
function textOf(payload: Buffer, isJson: boolean): Pick<LiveEvent, 'json' | 'base64'> {
  if (payload.length === 0) return {};
  return isJson ? { json: payload.toString('utf8') } : { base64: payload.toString('base64') };
}

export class LiveValues {
  readonly #deps: AdminDeps;
  readonly #hasHistory: boolean;
  /** By device, the one asked for longest ago first. */
  readonly #kept = new Map<string, Kept>();

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#hasHistory = deps.historyUsage().capacityBytes > 0;
  }

  /** Devices that are looked at. */
  get size(): number {
    return this.#kept.size;
  }

  /** @returns the newest message that is known; without history the device is looked at for a while from now on */
  newest(device: string, row: ValueRow): LiveEvent | undefined {
    if (this.#hasHistory) return this.#fromHistory(row);
    const kept = this.#kept.get(device) ?? this.#look(device);
    kept.askedAtMs = this.#deps.clock.now();
    this.#kept.delete(device);
    this.#kept.set(device, kept);
    if (this.#kept.size > VALUES_KEPT_MAX) this.#forget(this.#oldest()!);
    return kept.event;
  }

  /** Lets go of devices that no list has asked for lately. Call now and then. */
  tick(): void {
    const endMs = this.#deps.clock.now() - VALUE_LEASE_MS;
    for (const [device, { askedAtMs }] of this.#kept) {
      if (askedAtMs > endMs) return;
      this.#forget(device);
    }
  }

  close(): void {
    for (const device of [...this.#kept.keys()]) this.#forget(device);
  }

  #fromHistory({ slot, seq }: ValueRow): LiveEvent | undefined {
    const { presence, history } = this.#deps;
    const generation = Atomics.load(presence.devices.rows.generation, slot);
    const found = history.last({ slot, generation, seq }, typeBit(EventType.message, false));
    return found.next() === Step.Event ? eventFrom(found.views) : undefined;
  }

  #look(device: string): Kept {
    const kept = new Kept();
    kept.endTap = this.#deps.tap(device, (bytes, frame, at) => kept.take(bytes, frame, at));
    return kept;
  }

  #oldest(): string | undefined {
    return this.#kept.keys().next().value;
  }

  #forget(device: string): void {
    this.#kept.get(device)?.endTap();
    this.#kept.delete(device);
  }
}
