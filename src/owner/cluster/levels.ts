/**
 * Tells the link, for each device with another home, what the subscriptions here need from it. Checked once per poll
 * for devices whose subscriptions have changed. Owner thread only.
 */
import { Level } from '../../cluster/records.ts';
import { Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { epochName, type StreamPosition } from '../../wire/events.ts';
import type { ClusterContext } from './context.ts';

interface Told {
  readonly level: Level;
  readonly holds: boolean;
}

export class Levels {
  readonly #context: Pick<ClusterContext, 'registry' | 'link' | 'devices'>;
  readonly #changed = new Set<number>();
  /** By device slot. */
  readonly #told = new Map<number, Told>();
  /** Devices that are looked up before there is a subscription, with the number of requests that wait for each. */
  readonly #lookups = new Map<number, number>();
  /** Devices for which the link has answered completely, or said that no node has them. */
  readonly #answered = new Set<number>();

  constructor(context: Pick<ClusterContext, 'registry' | 'link' | 'devices'>) {
    this.#context = context;
  }

  /** The device's subscriptions have changed. */
  changed(slot: number): void {
    this.#changed.add(slot);
  }

  /** Whether the row agrees with the device's home, as far as the home is known. */
  isAnswered(slot: number): boolean {
    return this.#answered.has(slot);
  }

  answered(slot: number): void {
    if (this.#told.get(slot)?.level === Level.active) this.#answered.add(slot);
  }

  /** The earlier answer is no longer valid. */
  unanswered(slot: number): void {
    this.#answered.delete(slot);
  }

  /** The device is wanted until `endLookup`, subscriptions or not. */
  beginLookup(slot: number): void {
    this.#lookups.set(slot, (this.#lookups.get(slot) ?? 0) + 1);
    this.changed(slot);
  }

  endLookup(slot: number): void {
    const left = (this.#lookups.get(slot) ?? 0) - 1;
    if (left > 0) this.#lookups.set(slot, left);
    else if (this.#lookups.delete(slot)) this.#context.devices.unwatched(slot);
    this.changed(slot);
  }

  /** Devices that the link has been told to follow. */
  wanted(): Iterable<number> {
    return this.#told.keys();
  }

  isLookedUp(slot: number): boolean {
    return this.#lookups.has(slot);
  }

  /** Tells the link all that has changed. */
  flush(): void {
    for (const slot of this.#changed) this.#tell(slot);
    this.#changed.clear();
  }

  /** The device no longer has its home here: tells the link before anything else. @returns whether it is wanted */
  tellNow(slot: number, since: StreamPosition | undefined): boolean {
    this.#changed.delete(slot);
    return this.#tell(slot, since);
  }

  /** The row is about to be freed, or its home is here now. @param isKnown the link has heard why */
  forget(slot: number, isKnown: boolean): void {
    const { registry, link } = this.#context;
    this.#changed.delete(slot);
    this.#answered.delete(slot);
    if (!isKnown) this.#lookups.delete(slot); // else who looks it up ends that, wherever the device is by then
    if (this.#told.delete(slot) && !isKnown) link.tell(toLink.unwant, { id: registry.deviceId(slot) });
  }

  /** The link has restarted and knows nothing. */
  reset(): void {
    this.#told.clear();
    this.#answered.clear();
  }

  #tell(slot: number, since?: StreamPosition): boolean {
    const { registry, link } = this.#context;
    const { rows } = registry.devices;
    if (rows.deviceState[slot] === DeviceState.free || rows.home[slot] !== Numbering.elsewhere) return false;
    const told = this.#told.get(slot);
    const level = this.#levelOf(slot);
    if (level === undefined) {
      if (told !== undefined) this.forget(slot, false);
      return false;
    }
    const holds = registry.isHeld(slot);
    if (told?.level === level && told.holds === holds) return true;
    if (told !== undefined && told.level !== level) this.#answered.delete(slot);
    this.#told.set(slot, { level, holds });
    const start = since ?? this.#startOf(slot, told, level);
    const { epoch, seq } = start ?? { epoch: '', seq: 0 };
    const id = registry.deviceId(slot);
    link.tell(toLink.want, { id, level, holds, since: start !== undefined, epoch, seq });
    return true;
  }

  /** A restarted link continues after the last event that subscribers here have received. */
  #startOf(slot: number, told: Told | undefined, level: Level): StreamPosition | undefined {
    const { known, epoch, seq } = this.#context.registry.devices.rows;
    if (told !== undefined || level !== Level.active || known[slot] === 0) return undefined;
    return { epoch: epochName(epoch[slot]!), seq: seq[slot]! };
  }

  /** @returns undefined: nothing is wanted of it */
  #levelOf(slot: number): Level | undefined {
    const { active, waiting, inactive } = this.#context.registry.devices.rows;
    if (active[slot]! > 0 || this.#lookups.has(slot)) return Level.active;
    if (waiting[slot]! > 0) return Level.waiting;
    return inactive[slot]! > 0 ? Level.idle : undefined;
  }
}
