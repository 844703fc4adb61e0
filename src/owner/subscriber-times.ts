/**
 * Times of single subscribers that differ from the settings: how long subscriptions are held or kept, and how much
 * silence a protocol allows. Owner thread only.
 */

export interface SubscriberTimeSettings {
  readonly subscriberInactiveAfterMs: number;
  readonly subscriberRemoveAfterMs: number;
}

export class SubscriberTimes {
  readonly #settings: SubscriberTimeSettings;
  /** By subscriber with held subscriptions: hub clock, ms, when these expire. */
  readonly #held = new Map<number, number>();
  /** By absent subscriber whose session has its own retention time: hub clock, ms, when that ends. */
  readonly #kept = new Map<number, number>();
  /** By connected subscriber whose protocol allows more silence than the settings: how much, ms. */
  readonly #silence = new Map<number, number>();

  constructor(settings: SubscriberTimeSettings) {
    this.#settings = settings;
  }

  /** If removal is set to come before inactivity, rows are removed without having been inactive. */
  get firstMs(): number {
    const { subscriberInactiveAfterMs, subscriberRemoveAfterMs } = this.#settings;
    return Math.min(subscriberInactiveAfterMs, subscriberRemoveAfterMs);
  }

  /** Silence after which the subscriber is inactive, ms; Infinity: it is never silent. */
  inactiveAfterMs(slot: number): number {
    return this.#atLeast(slot, this.#settings.subscriberInactiveAfterMs);
  }

  /** Silence after which its subscriptions are removed, ms; Infinity: never. */
  removeAfterMs(slot: number): number {
    return this.#atLeast(slot, this.#settings.subscriberRemoveAfterMs);
  }

  /** How long to wait before its silence is checked again, ms. */
  lookAfterMs(slot: number, silentMs: number): number {
    const leftMs = this.#atLeast(slot, this.firstMs) - silentMs;
    return Number.isFinite(leftMs) ? leftMs : this.firstMs;
  }

  #atLeast(slot: number, ms: number): number {
    return Math.max(ms, this.#silence.get(slot) ?? 0);
  }

  /** @param silenceMsMin lower bound of every silence limit; 0: the settings apply */
  connected(slot: number, silenceMsMin = 0): void {
    this.#kept.delete(slot);
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an entry of 0 is as good as none
    if (silenceMsMin > 0) this.#silence.set(slot, silenceMsMin);
    else this.#silence.delete(slot);
  }

  disconnected(slot: number): void {
    this.#held.delete(slot);
    this.#silence.delete(slot);
  }

  hold(slot: number, untilMs: number): void {
    this.#held.set(slot, untilMs);
  }

  endHold(slot: number): void {
    this.#held.delete(slot);
  }

  /** Infinity: it holds nothing. */
  heldUntilMs(slot: number): number {
    return this.#held.get(slot) ?? Number.POSITIVE_INFINITY;
  }

  keep(slot: number, untilMs: number): void {
    this.#kept.set(slot, untilMs);
  }

  endKeep(slot: number): void {
    this.#kept.delete(slot);
  }

  /** Undefined: as long as the settings say. */
  keptUntilMs(slot: number): number | undefined {
    return this.#kept.get(slot);
  }
}
