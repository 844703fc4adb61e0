/**
 * Tells one MQTT client whether anybody listens to it. A device's session reports each change; for a client that is not
 * a device yet, the presence table is checked from time to time.
 */
import type { PresenceReader } from '../../presence/reader.ts';

export class Interest {
  readonly #presence: PresenceReader;
  readonly #tell: (isListenedTo: boolean, isFirst: boolean) => void;
  #isWatched = false;
  /** What the client was told last. */
  #told: boolean | undefined;

  constructor(presence: PresenceReader, tell: (isListenedTo: boolean, isFirst: boolean) => void) {
    this.#presence = presence;
    this.#tell = tell;
  }

  watch(wanted: boolean): void {
    this.#isWatched = wanted;
    this.#told = undefined;
  }

  /** It is so now. What a client was told before it became a device is not news. */
  is(isListenedTo: boolean): void {
    if (!this.#isWatched || this.#told === isListenedTo) return;
    const isFirst = this.#told === undefined;
    this.#told = isListenedTo;
    this.#tell(isListenedTo, isFirst);
  }

  /** @param id of the client, which is no device */
  look(id: string): void {
    const slot = this.#presence.findDevice(id);
    this.is(slot >= 0 && Atomics.load(this.#presence.devices.rows.active, slot) > 0);
  }
}
