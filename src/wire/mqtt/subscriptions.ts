/**
 * The topic filters of one client, and the ids and prefixes they translate to. Several topic filters may name the same
 * id or prefix; the hub knows one set of kinds for it.
 */
import { isFilter } from '../../access/pattern.ts';
import { express, type FilterMatch } from './filters.ts';
import type { KeptSubscription } from './host.ts';
import { TOPIC_FILTERS_BYTES_MAX, TOPIC_FILTERS_MAX } from './limits.ts';
import { Kind } from './templates.ts';
import type { TopicLayout } from './topics.ts';

export interface Subscription extends KeptSubscription {
  readonly targets: readonly FilterMatch[];
  /** Whether it matches the interest topic of the client's own device. */
  readonly hasInterest: boolean;
}

interface Entry {
  readonly subscription: Subscription;
  readonly kinds: number;
}

const NO_PREFIXES: ReadonlyMap<string, string> = new Map();

export class MqttSubscriptions {
  /** Fingerprint of the client's scope with which all of a kept session's were followed; undefined: this is no kept session. */
  scope: string | undefined;
  readonly #byFilter = new Map<string, Subscription>();
  /** By id or prefix with `*`. */
  readonly #byName = new Map<string, Entry[]>();
  /** Prefix names, and the same without their `*`; undefined until there is one. */
  #prefixes: Map<string, string> | undefined;
  #filterBytes = 0;
  #interested = 0;
  /** Those of SUBSCRIBE packets that are not answered yet. */
  #pending: MqttSubscriptions | undefined;

  get count(): number {
    return this.#byFilter.size;
  }

  get hasInterest(): boolean {
    return this.#interested > 0;
  }

  /** Identifiers of those that match the interest topic of the client's own device. */
  get interestIdentifiers(): number[] {
    const all = [...this.#byFilter.values()];
    return all.flatMap(({ hasInterest, identifier }) =>
      hasInterest && identifier !== 0 ? [identifier] : [],
    );
  }

  /** Whether any device is followed, by id or by prefix. */
  get hasTargets(): boolean {
    return this.#byName.size > 0;
  }

  /** Whether any of them needs events to be adapted. */
  get needsAdapting(): boolean {
    for (const subscription of this.#byFilter.values()) if (needsAdapting(subscription)) return true;
    return false;
  }

  has(filter: string): boolean {
    return this.#byFilter.has(filter);
  }

  /** Whether it has the topic filter, or will if the hub grants it. */
  mayHave(filter: string): boolean {
    return this.has(filter) || this.#pending?.has(filter) === true;
  }

  /** @param coming what is asked for with it and is not among these yet */
  hasRoomFor(filter: string, coming: MqttSubscriptions): boolean {
    if (this.has(filter) || coming.has(filter)) return true;
    const bytes = this.#filterBytes + coming.#filterBytes + textBytes(filter);
    return this.count + coming.count < TOPIC_FILTERS_MAX && bytes <= TOPIC_FILTERS_BYTES_MAX;
  }

  /** Until `settle`, events match these too: they may come before the hub has said which are granted. */
  expect(subscriptions: readonly Subscription[]): void {
    this.#pending = new MqttSubscriptions();
    for (const subscription of subscriptions) this.#pending.set(subscription);
  }

  settle(): void {
    this.#pending = undefined;
  }

  /** The connection is over before the hub has said which are granted: they count. */
  grantPending(): void {
    const pending = this.#pending;
    this.settle();
    if (pending !== undefined) for (const subscription of pending.#byFilter.values()) this.set(subscription);
  }

  /** Adds a subscription, or replaces the one with the same topic filter. */
  set(subscription: Subscription): void {
    const { filter, targets, hasInterest } = subscription;
    this.delete(filter);
    this.#byFilter.set(filter, subscription);
    this.#filterBytes += textBytes(filter);
    if (hasInterest) this.#interested += 1;
    for (const { name, kinds } of targets) {
      const entries = this.#byName.get(name);
      if (entries === undefined) this.#byName.set(name, [{ subscription, kinds }]);
      else entries.push({ subscription, kinds });
      if (!isFilter(name)) continue;
      this.#prefixes ??= new Map();
      this.#prefixes.set(name, name.slice(0, -1));
    }
  }

  /** @returns the removed subscription, undefined when there was none */
  delete(filter: string): Subscription | undefined {
    const subscription = this.#byFilter.get(filter);
    if (subscription === undefined) return undefined;
    this.#byFilter.delete(filter);
    this.#filterBytes -= textBytes(filter);
    if (subscription.hasInterest) this.#interested -= 1;
    for (const { name } of subscription.targets) {
      const left = this.#byName.get(name)!.filter((entry) => entry.subscription !== subscription);
      if (left.length > 0) {
        this.#byName.set(name, left);
      } else {
        this.#byName.delete(name);
        this.#prefixes?.delete(name);
      }
    }
    return subscription;
  }

  /** Union of the kinds of all topic filters under an id or a prefix; 0 when there is none. */
  kindsOf(name: string): number {
    let all = 0;
    for (const { kinds } of this.#byName.get(name) ?? []) all |= kinds;
    return all;
  }

  /** Calls `found` with each subscription that events of this kind of the device match. */
  eachMatching(device: string, kind: number, found: (subscription: Subscription) => void): void {
    this.#eachOf(device, kind, found);
    for (const [name, prefix] of this.#prefixes ?? NO_PREFIXES)
      if (device.startsWith(prefix)) this.#eachOf(name, kind, found);
    // One that is to be replaced counts until it is.
    this.#pending?.eachMatching(device, kind, (one) => {
      if (!this.has(one.filter)) found(one);
    });
  }

  /** @returns those of the subscriptions that want the event; undefined: none does @param isOwn of the client's device */
  identifiersFor(device: string, kind: number, isOwn: boolean): number[] | undefined {
    const identifiers: number[] = [];
    let isWanted = false;
    this.eachMatching(device, kind, ({ identifier, noLocal }) => {
      if (noLocal && isOwn && kind !== Kind.presence) return;
      isWanted = true;
      if (identifier !== 0) identifiers.push(identifier);
    });
    return isWanted ? identifiers : undefined;
  }

  /** All ids and prefixes. */
  names(): string[] {
    return [...this.#byName.keys()];
  }

  /** Those that are followed by their ids. */
  devices(): string[] {
    return this.names().filter((name) => this.#prefixes?.has(name) !== true);
  }

  /** Whether events of this kind of the device match any. */
  matches(device: string, kind: number): boolean {
    let isMatched = false;
    this.eachMatching(device, kind, () => {
      isMatched = true;
    });
    return isMatched;
  }

  /**
   * Restores one of a kept session's. A topic filter that the layout does not know any more is dropped.
   * @param device whose interest the client may watch, undefined for none
   */
  restore(
    { filter, identifier, noLocal }: KeptSubscription,
    layout: TopicLayout,
    device: string | undefined,
  ): void {
    const expressed = express(layout, filter);
    if (!expressed.ok) return;
    const { targets, interestOf } = expressed;
    const hasInterest = interestOf !== undefined && interestOf === device;
    this.set({ filter, identifier, noLocal, targets, hasInterest });
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

/** Whether events need adapting for this subscription: it has an identifier or No Local. */
export function needsAdapting({ identifier, noLocal }: KeptSubscription): boolean {
  return identifier !== 0 || noLocal;
}

/** What a topic filter takes in a kept session, bytes. */
function textBytes(filter: string): number {
  return Buffer.byteLength(JSON.stringify(filter));
}
