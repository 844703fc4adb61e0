/**
 * What single devices' protocols need on top of the settings: wills, and longer silence. Owner thread only.
 */
import { WILL_BYTES_PER_DEVICE, WILLS_BYTES_MIN } from '../limits.ts';
import type { RecordViews } from '../memory/ring.ts';
import { DeviceState } from '../presence/lifecycle.ts';
import type { Estate } from '../records/estate.ts';
import { EventFlag, eventOf } from '../records/event.ts';
import { NO_WILL, type Will } from '../records/requests.ts';
import { Priority } from '../wire/events.ts';
import type { EstateNotes } from './estate-notes.ts';
import type { Registry } from './registry.ts';

export interface DeviceTermSettings {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
}

/** Of `DevicesDeps`. */
export interface DeviceTermsDeps {
  readonly registry: Pick<Registry, 'deviceId' | 'deviceOf' | 'devices'>;
  readonly times: DeviceTermSettings;
  readonly notes: EstateNotes;
}

/** Approximate size of a will without its texts. */
const ENTRY_BYTES = 200;

export class DeviceTerms {
  readonly #deps: DeviceTermsDeps;
  readonly #willBytesMax: number;
  #willBytes = 0;
  /** By device slot. */
  readonly #wills = new Map<number, Will>();
  /** By session that has not joined yet, because an older one must leave first. */
  readonly #waiting = new Map<number, Will>();
  /** By slot of a connected device whose protocol allows for more silence than the settings: how much, ms. */
  readonly #silence = new Map<number, number>();

  constructor(deps: DeviceTermsDeps) {
    this.#deps = deps;
    this.#willBytesMax = Math.max(WILLS_BYTES_MIN, deps.registry.devices.capacity * WILL_BYTES_PER_DEVICE);
  }

  /** Takes over the wills that another owner left, by device id. A device that is offline or gone has none. */
  inherit(wills: Estate['wills']): void {
    const { registry, notes } = this.#deps;
    for (const [id, will] of wills) {
      const slot = registry.deviceOf(id);
      const isUp = slot >= 0 && registry.devices.rows.deviceState[slot] !== DeviceState.offline;
      if (!isUp) {
        notes.will(id, undefined);
        continue;
      }
      this.#wills.set(slot, will);
      this.#willBytes += bytesOf(will);
    }
  }

  /**
   * Sets the session's will, replacing an earlier one. @param slot of the will's session; undefined: it has not joined
   * yet @returns false if all wills together leave no room for it: the session then has none
   */
  setWill(slot: number | undefined, will: Will): boolean {
    if (slot === undefined) this.gaveUp(will.session);
    else this.#forget(slot);
    if (will.type === NO_WILL.type) return true;
    const own = { ...will, payload: new Uint8Array(will.payload) }; // the bytes are the ring's
    // Stryker disable next-line EqualityOperator: a byte more or less is no matter
    if (this.#willBytes + bytesOf(own) > this.#willBytesMax) return false;
    this.#willBytes += bytesOf(own);
    if (slot === undefined) this.#waiting.set(will.session, own);
    else this.#set(slot, own);
    return true;
  }

  /** A session has taken the device; forgets the will of an older session. */
  joined(session: number, slot: number, silenceMsMin = 0): void {
    const will = this.#waiting.get(session);
    this.#waiting.delete(session);
    this.#forget(slot);
    if (will !== undefined) this.#set(slot, will);
    this.#allow(slot, silenceMsMin);
  }

  /** After a change of owner: a session still has the device, and reports its will again. */
  confirmed(slot: number, silenceMsMin = 0): void {
    this.#forget(slot);
    this.#allow(slot, silenceMsMin);
  }

  #allow(slot: number, silenceMsMin: number): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an entry of 0 is as good as none
    if (silenceMsMin > 0) this.#silence.set(slot, silenceMsMin);
    else this.#silence.delete(slot);
  }

  /** A session has ended before it joined. */
  gaveUp(session: number): void {
    const will = this.#waiting.get(session);
    if (will === undefined) return;
    this.#waiting.delete(session);
    this.#willBytes -= bytesOf(will);
  }

  /** @param clean by a goodbye: then the will is forgotten */
  left(slot: number, clean: boolean): void {
    this.#silence.delete(slot);
    if (clean) this.#forget(slot);
  }

  /** Silence after which the device is stale, ms; Infinity: never. */
  staleAfterMs(slot: number): number {
    return Math.max(this.#deps.times.deviceStaleAfterMs, this.#silence.get(slot) ?? 0);
  }

  /** How long a lost device has to come back, ms. */
  graceMs(slot: number): number {
    const { deviceLeaveGraceMs } = this.#deps.times;
    return Math.min(deviceLeaveGraceMs, this.#wills.get(slot)?.delayMs ?? deviceLeaveGraceMs);
  }

  /** The device is about to become offline. @returns its will as an event; undefined if it has none */
  takeWill(slot: number, at: number, received: number): RecordViews | undefined {
    const will = this.#wills.get(slot);
    if (will === undefined) return undefined;
    this.#forget(slot);
    const { type, payload, payloadIsJson } = will;
    const flags = EventFlag.asPublished | (payloadIsJson ? EventFlag.payloadIsJson : 0);
    // As what follows it, that the device is offline: with less it could come after that.
    const priority = Priority.high;
    return eventOf({ type, priority, flags, at, received, status: Buffer.from(will.status), payload });
  }

  #set(slot: number, will: Will): void {
    this.#wills.set(slot, will);
    this.#deps.notes.will(this.#deps.registry.deviceId(slot), will);
  }

  #forget(slot: number): void {
    const will = this.#wills.get(slot);
    if (will === undefined) return;
    this.#wills.delete(slot);
    this.#willBytes -= bytesOf(will);
    this.#deps.notes.will(this.#deps.registry.deviceId(slot), undefined);
  }
}

function bytesOf({ status, payload }: Will): number {
  return ENTRY_BYTES + 2 * status.length + payload.length;
}
