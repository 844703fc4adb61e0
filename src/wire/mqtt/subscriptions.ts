/**
 * The topic filters of one client, and what they come to: several may name one device, and the hub knows one set of
 * kinds for each id and prefix.
 */
import { express, type Target } from './filters.ts';
import type { KeptSubscription } from './host.ts';
import { TOPIC_FILTERS_BYTES_MAX, TOPIC_FILTERS_MAX } from './limits.ts';
import type { TopicLayout } from './topics.ts';

export interface Subscription extends KeptSubscription {
  readonly targets: readonly Target[];
  /** Whether it asks for the interest in the client's own device. */
  readonly hasInterest: boolean;
}

interface Entry {
  readonly subscription: Subscription;
  readonly kinds: number;
}

export class Subscriptions {
  readonly #byFilter = new Map<string, Subscription>();
  /** By id or prefix with `*`. */
  readonly #byName = new Map<string, Entry[]>();
  /** Of these, the prefixes: without their `*`, by name. */
  readonly #prefixes = new Map<string, string>();
  #filterBytes = 0;
  #interested = 0;

  get count(): number {
    return this.#byFilter.size;
  }

  get hasInterest(): boolean {
    return this.#interested > 0;
  }

  /** Whether any device is followed, by id or by prefix. */
  get hasTargets(): boolean {
    return this.#byName.size > 0;
  }

  /** Whether events must be made to fit some of them. */
  get needsAdapting(): boolean {
    for (const subscription of this.#byFilter.values()) if (needsAdapting(subscription)) return true;
    return false;
  }

  has(filter: string): boolean {
    return this.#byFilter.has(filter);
  }

  hasRoomFor(filter: string): boolean {
    if (this.has(filter)) return true;
    return this.count < TOPIC_FILTERS_MAX && this.#filterBytes + filter.length <= TOPIC_FILTERS_BYTES_MAX;
  }

  /** Adds one, or replaces that of the same topic filter. */
  set(subscription: Subscription): void {
    const { filter, targets, hasInterest } = subscription;
    this.delete(filter);
    this.#byFilter.set(filter, subscription);
    this.#filterBytes += filter.length;
    if (hasInterest) this.#interested += 1;
    for (const { name, kinds } of targets) {
      const entries = this.#byName.get(name);
      if (entries === undefined) this.#byName.set(name, [{ subscription, kinds }]);
      else entries.push({ subscription, kinds });
      if (name.endsWith('*')) this.#prefixes.set(name, name.slice(0, -1));
    }
  }

  /** @returns what it was, undefined when there was none */
  delete(filter: string): Subscription | undefined {
    const subscription = this.#byFilter.get(filter);
    if (subscription === undefined) return undefined;
    this.#byFilter.delete(filter);
    this.#filterBytes -= filter.length;
    if (subscription.hasInterest) this.#interested -= 1;
    for (const { name } of subscription.targets) {
      const left = this.#byName.get(name)!.filter((entry) => entry.subscription !== subscription);
      if (left.length > 0) {
        this.#byName.set(name, left);
      } else {
        this.#byName.delete(name);
        this.#prefixes.delete(name);
      }
    }
    return subscription;
  }

  /** Bits of `Kind` that all topic filters together ask for under an id or a prefix; 0 when none does. */
  kindsOf(name: string): number {
    let all = 0;
    for (const { kinds } of this.#byName.get(name) ?? []) all |= kinds;
    return all;
  }

  /** Calls `found` with each subscription that events of this kind of the device match. */
  eachMatching(device: string, kind: number, found: (subscription: Subscription) => void): void {
    this.#eachOf(device, kind, found);
    for (const [name, prefix] of this.#prefixes)
      if (device.startsWith(prefix)) this.#eachOf(name, kind, found);
  }

  /**
   * Takes over what was kept. A topic filter that the layout no longer knows is left out.
   * @param device whose interest the client may watch, undefined for none
   */
  restore(kept: readonly KeptSubscription[], layout: TopicLayout, device: string | undefined): void {
    for (const { filter, identifier, noLocal } of kept) {
      const expressed = express(layout, filter);
      if (!expressed.ok) continue;
      const { targets, interestOf } = expressed;
      const hasInterest = interestOf !== undefined && interestOf === device;
      this.set({ filter, identifier, noLocal, targets, hasInterest });
    }
  }

  kept(): KeptSubscription[] {
    return [...this.#byFilter.values()].map(({ filter, identifier, noLocal }) => ({
      filter,
      identifier,
      noLocal,
    }));
  }

  #eachOf(name: string, kind: number, found: (subscription: Subscription) => void): void {
    for (const { subscription, kinds } of this.#byName.get(name) ?? [])
      if ((kinds & kind) !== 0) found(subscription);
  }
}

/** Whether an event must be made to fit this one: it adds its identifier, or leaves out the client's own events. */
export function needsAdapting({ identifier, noLocal }: KeptSubscription): boolean {
  return identifier !== 0 || noLocal;
}
