/**
 * What the protocols of single devices ask for beside the settings: wills, and more silence. Owner thread only.
 */
import type { RecordViews } from '../memory/ring.ts';
import { EventFlag, eventOf } from '../records/event.ts';
import { NO_WILL, type Will } from '../records/requests.ts';
import { Priority } from '../wire/events.ts';

export interface DeviceTermSettings {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
}

export class DeviceTerms {
  readonly #settings: DeviceTermSettings;
  /** By device slot. */
  readonly #wills = new Map<number, Will>();
  /** By session that is not in yet: it waits until an older one has been let go. */
  readonly #waiting = new Map<number, Will>();
  /** By slot of a connected device whose protocol allows for more silence than the settings: how much, ms. */
  readonly #silence = new Map<number, number>();

  constructor(settings: DeviceTermSettings) {
    this.#settings = settings;
  }

  /** @param slot of the will's session; undefined: it is not in yet */
  setWill(slot: number | undefined, will: Will): void {
    if (will.type === NO_WILL.type) {
      if (slot === undefined) this.#waiting.delete(will.session);
      else this.#wills.delete(slot);
      return;
    }
    const own = { ...will, payload: new Uint8Array(will.payload) }; // the bytes are the ring's
    if (slot === undefined) this.#waiting.set(will.session, own);
    else this.#wills.set(slot, own);
  }

  /** A session has the device; the will of an older one is forgotten. */
  joined(session: number, slot: number, silenceMsMin = 0): void {
    const will = this.#waiting.get(session);
    this.#waiting.delete(session);
    // Stryker disable next-line ConditionalExpression: an entry without a will is as good as none
    if (will === undefined) this.#wills.delete(slot);
    else this.#wills.set(slot, will);
    this.confirmed(slot, silenceMsMin);
  }

  /** After another owner: a session still has the device. */
  confirmed(slot: number, silenceMsMin = 0): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an entry of 0 is as good as none
    if (silenceMsMin > 0) this.#silence.set(slot, silenceMsMin);
    else this.#silence.delete(slot);
  }

  /** A session is over that is not in yet. */
  gaveUp(session: number): void {
    this.#waiting.delete(session);
  }

  /** @param clean by a goodbye: then the will is forgotten */
  left(slot: number, clean: boolean): void {
    this.#silence.delete(slot);
    if (clean) this.#wills.delete(slot);
  }

  /** Silence after which the device is stale, ms; Infinity: never. */
  staleAfterMs(slot: number): number {
    return Math.max(this.#settings.deviceStaleAfterMs, this.#silence.get(slot) ?? 0);
  }

  /** How long a lost device has to come back, ms. */
  graceMs(slot: number): number {
    const { deviceLeaveGraceMs } = this.#settings;
    return Math.min(deviceLeaveGraceMs, this.#wills.get(slot)?.delayMs ?? deviceLeaveGraceMs);
  }

  /** The device is about to be called offline. @returns its will as an event; undefined: it has none */
  takeWill(slot: number, at: number, received: number): RecordViews | undefined {
    const will = this.#wills.get(slot);
    if (will === undefined) return undefined;
    this.#wills.delete(slot);
    const { type, payload, payloadIsJson } = will;
    const flags = EventFlag.asPublished | (payloadIsJson ? EventFlag.payloadIsJson : 0);
    // As what follows it, that the device is offline: with less it could come after that.
    const priority = Priority.high;
    return eventOf({ type, priority, flags, at, received, status: Buffer.from(will.status), payload });
  }
}
