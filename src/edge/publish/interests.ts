/**
 * Tells devices that asked for it whether anybody listens to them: at once when somebody does, and after some time
 * without listeners when nobody does any more. It reports what the presence table says at that moment; the owner only
 * says when to check.
 */
import type { Clock } from '../../clock.ts';
import { LOOK_MS } from '../../limits.ts';
import type { DeviceSlab } from '../../presence/memory.ts';
import type { DeviceSession } from './device-session.ts';

export interface InterestSettings {
  /** Time without a listener after which a device is told, ms. */
  readonly interestLingerMs: number;
}

export class Interests {
  readonly tickMs = LOOK_MS;
  readonly #rows: DeviceSlab['rows'];
  readonly #clock: Clock;
  readonly #settings: InterestSettings;
  /**
   * Devices without listeners that have not been told yet, with the time when the last listener left, hub clock, ms.
   */
  readonly #lingering = new Map<DeviceSession, number>();

  constructor(rows: DeviceSlab['rows'], clock: Clock, settings: InterestSettings) {
    this.#rows = rows;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** The device has just been welcomed. */
  welcomed(session: DeviceSession): void {
    if (session.wantsInterest) this.#tell(session, this.#isListenedTo(session));
  }

  /** The first listener came, or the last one went. */
  changed(session: DeviceSession): void {
    if (session.toldInterest === undefined) return; // not before its welcome
    if (this.#isListenedTo(session)) {
      this.#lingering.delete(session);
      if (!session.toldInterest) this.#tell(session, true);
    } else if (session.toldInterest) {
      this.#lingering.delete(session); // one may have come and gone since: the time begins anew
      this.#lingering.set(session, this.#clock.now());
    }
  }

  /** Its connection ends. */
  forget(session: DeviceSession): void {
    this.#lingering.delete(session);
  }

  /** Tells those that have had no listener for long enough. */
  tick(): void {
    const sinceMax = this.#clock.now() - this.#settings.interestLingerMs;
    for (const [session, since] of this.#lingering) {
      if (since > sinceMax) return; // the map is in order of time
      this.#lingering.delete(session);
      if (!this.#isListenedTo(session)) this.#tell(session, false);
    }
  }

  #isListenedTo({ slot }: DeviceSession): boolean {
    return Atomics.load(this.#rows.active, slot) > 0;
  }

  #tell(session: DeviceSession, isListenedTo: boolean): void {
    session.toldInterest = isListenedTo;
    session.send(session.codec.interest(isListenedTo));
  }
}
