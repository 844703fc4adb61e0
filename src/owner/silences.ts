/**
 * Handles a subscriber's timer: silence, and the expiry of what is kept or held for it. `presence/lifecycle.ts` decides
 * the states of rows. Owner thread only.
 */
import type { Clock } from '../clock.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE } from '../presence/columns.ts';
import { Notice } from '../records/replies.ts';
import type { Registry } from './registry.ts';
import type { SubscriberTimes } from './subscriber-times.ts';
import type { Sweeps } from './sweeps.ts';

export interface SilencesDeps {
  readonly registry: Registry;
  readonly sweeps: Sweeps;
  /** A timer per subscriber slot: silence, then removal. */
  readonly wheel: Wheel;
  /** By edge. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
}

export class Silences {
  readonly #deps: SilencesDeps;
  readonly #times: SubscriberTimes;

  constructor(deps: SilencesDeps, times: SubscriberTimes) {
    this.#deps = deps;
    this.#times = times;
  }

  /** The subscriber's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, wheel, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    const now = clock.now();
    if (rows.session[slot] === NONE) {
      this.#timerOfLost(slot, now);
      return;
    }
    if (now >= this.#times.heldUntilMs(slot)) {
      if (!sweeps.isSettling(slot)) this.#expireHeld(slot);
      wheel.set(slot, now); // the rest comes with the next tick
      return;
    }
    if (sweeps.isReconnecting(slot)) {
      // It reads what it kept, page by page, and has nothing to say yet.
      this.#wake(slot, now + this.#times.firstMs);
      return;
    }
    const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
    const silentMs = this.#silentMs(slot, lastSeen, now);
    if (silentMs >= this.#times.removeAfterMs(slot)) {
      this.#expire(slot);
      return;
    }
    if (rows.silent[slot] === 0) {
      if (silentMs < this.#times.inactiveAfterMs(slot)) {
        this.#wake(slot, now + this.#times.lookAfterMs(slot, silentMs));
        return;
      }
      this.#silence(slot, lastSeen);
      if (rows.silent[slot] === 0) return;
    }
    this.#wake(slot, now + this.#times.removeAfterMs(slot) - silentMs);
  }

  /** A connected subscriber that was marked silent has shown a sign of life. */
  heard(slot: number): void {
    const { registry, clock, sweeps } = this.#deps;
    const { silent } = registry.subscribers.rows;
    // Its edge says so for each frame until it sees that this has heard.
    if (Atomics.exchange(silent, slot, 0) === 0) return;
    this.#wake(slot, clock.now() + this.#times.firstMs);
    sweeps.input(slot, 'activity', Notice.heard);
  }

  /** The timer of a lost subscriber: what is kept for it expires in time. */
  #timerOfLost(slot: number, now: number): void {
    const { registry, wheel } = this.#deps;
    const lastSeen = Number(Atomics.load(registry.subscribers.rows.lastSeen, slot));
    const leftMs = this.#times.removeAfterMs(slot) - this.#silentMs(slot, lastSeen, now);
    const keptUntilMs = this.#times.keptUntilMs(slot) ?? now + leftMs;
    if (now < keptUntilMs) wheel.set(slot, keptUntilMs);
    else this.#expire(slot);
  }

  #silentMs(slot: number, lastSeen: number, now: number): number {
    const { registry, pulses } = this.#deps;
    return pulses[registry.subscribers.rows.edge[slot]!]!.silentMs(lastSeen, now);
  }

  /** Sets the timer to this time, or to the time when what the subscriber holds expires. */
  #wake(slot: number, atMs: number): void {
    this.#deps.wheel.set(slot, Math.min(this.#times.heldUntilMs(slot), atMs));
  }

  #expireHeld(slot: number): void {
    this.#times.endHold(slot);
    this.#deps.sweeps.expireHeld(slot);
  }

  /**
   * The edge stores last_seen, then checks whether the subscriber is silent; this stores silent, then checks last_seen.
   * So at least one of the two notices a frame that arrives at this moment.
   */
  #silence(slot: number, lastSeen: number): void {
    const { registry, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.silent, slot, 1);
    if (Number(Atomics.load(rows.lastSeen, slot)) !== lastSeen) this.heard(slot);
    else sweeps.input(slot, 'silence', Notice.silent);
  }

  #expire(slot: number): void {
    const { registry, sweeps } = this.#deps;
    this.#times.endKeep(slot);
    // Still connected: the next frame counts as activity and arms the timer again.
    const isConnected = registry.subscribers.rows.session[slot] !== NONE;
    if (isConnected) Atomics.store(registry.subscribers.rows.silent, slot, 1);
    sweeps.input(slot, 'expire', isConnected ? Notice.inactiveTooLong : undefined);
  }
}
