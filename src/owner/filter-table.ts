/**
 * The filters of all subscribers: prefixes of device ids that they follow, now and in future. A new id costs a look at
 * each length that prefixes have, not at each filter. Owner thread only; maps and lists can be rebuilt from the rows.
 */
import { type Arena, NO_TEXT } from '../memory/arena.ts';
import { attachSlab, highWater } from '../memory/layout.ts';
import { linkFirst, unlink } from '../memory/row-writes.ts';
import { Slots } from '../memory/slots.ts';
import { filterColumns, NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import type { FilterSlab, SubscriberSlab } from '../presence/memory.ts';

/**
 * Work that is left for a filter. `pages` and `rules`: a device that it matches may still lack a row. If neither is
 * set, a missing row means that an operator has removed it, or that the subscriber may not follow the device. `resume`:
 * the filter was resumed, and some of its rows are still paused.
 */
export const Unfinished = { pages: 1, rules: 2, resume: 4 } as const;

/** Bits that require a search for devices without a row. */
const LACKING = Unfinished.pages | Unfinished.rules;

/** The states that a filter may have. */
const byStrength: readonly RowState[] = [
  RowState.active,
  RowState.silent,
  RowState.disconnected,
  RowState.paused,
];

export class FilterTable {
  readonly slab: FilterSlab;
  readonly #subscribers: SubscriberSlab;
  readonly #arena: Arena;
  readonly #slots: Slots;
  readonly #byPrefix = new Map<string, Set<number>>();
  /** By slot: the prefix of the row as text, because every new device needs it. */
  // Stryker disable next-line ArrayDeclaration: a slot's entry is written with its filter
  readonly #prefixes: string[] = [];
  /** Filters by the length of their prefix. */
  readonly #lengths = new Map<number, number>();

  /** A prefix has got its first filter, or lost its last. */
  prefixesChanged: () => void = () => {};

  constructor(memory: SharedArrayBuffer, subscribers: SubscriberSlab, arena: Arena) {
    this.slab = attachSlab(filterColumns, memory);
    this.#subscribers = subscribers;
    this.#arena = arena;
    this.#slots = new Slots(this.slab);
  }

  /** The arena chunks that filters use, for an owner that takes over. */
  chunks(): number[] {
    const { state, prefix } = this.slab.rows;
    const chunks: number[] = [];
    for (let slot = 0; slot < highWater(this.slab); slot++) {
      if (state[slot] !== RowState.none && prefix[slot] !== NO_TEXT) chunks.push(prefix[slot]!);
    }
    return chunks;
  }

  /** Takes over the filters that another owner left. @param isSubscriber whether the slot is in use */
  adopt(isSubscriber: (slot: number) => boolean): void {
    const { state, subscriber } = this.slab.rows;
    const isFilter = (slot: number): boolean =>
      state[slot] !== RowState.none && isSubscriber(subscriber[slot]!);
    for (let slot = 0; slot < highWater(this.slab); slot++) {
      if (isFilter(slot)) this.#enter(slot);
      else state[slot] = RowState.none;
    }
    this.#slots.adopt(isFilter);
  }

  /** @returns the filter's slot, or -1 */
  find(subscriber: number, prefix: string): number {
    const { nextOfSubscriber } = this.slab.rows;
    for (let slot = this.#firstOf(subscriber); slot !== NONE; slot = nextOfSubscriber[slot]!)
      if (this.prefix(slot) === prefix) return slot;
    return -1;
  }

  /** Makes a filter that does not exist. @returns its slot, or -1 when there is no room */
  create(subscriber: number, prefix: string, state: RowState, types: number): number {
    const slot = this.#slots.take();
    if (slot < 0) return -1;
    const bytes = Buffer.from(prefix);
    const chunk = bytes.length === 0 ? NO_TEXT : this.#arena.store(bytes, 0, bytes.length);
    if (chunk === NO_TEXT && bytes.length > 0) {
      this.#slots.release(slot);
      return -1;
    }
    const { rows } = this.slab;
    rows.subscriber[slot] = subscriber;
    rows.prefix[slot] = chunk;
    rows.types[slot] = types;
    rows.unfinished[slot] = 0;
    this.#enter(slot);
    Atomics.store(rows.state, slot, state);
    return slot;
  }

  remove(slot: number): void {
    const { rows } = this.slab;
    const subscriber = rows.subscriber[slot]!;
    const prefix = this.prefix(slot);
    Atomics.store(rows.state, slot, RowState.none);
    unlink(
      slot,
      subscriber,
      this.#subscribers.rows.firstFilter,
      rows.nextOfSubscriber,
      rows.prevOfSubscriber,
    );
    this.#subscribers.rows.filterCount[subscriber]! -= 1;
    const same = this.#byPrefix.get(prefix)!;
    same.delete(slot);
    if (same.size === 0) {
      this.#byPrefix.delete(prefix);
      this.prefixesChanged();
    }
    // Stryker disable next-line ArithmeticOperator: a length that no prefix has costs a look, and finds nothing
    const count = this.#lengths.get(prefix.length)! - 1;
    if (count === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, count);
    this.#arena.release(rows.prefix[slot]!);
    this.#slots.release(slot);
  }

  prefix(slot: number): string {
    return this.#prefixes[slot]!;
  }

  /** The filter as subscribers write it: the prefix and its star. */
  nameOf(slot: number): string {
    return `${this.prefix(slot)}*`;
  }

  state(slot: number): number {
    return this.slab.rows.state[slot]!;
  }

  setState(slot: number, state: RowState): void {
    Atomics.store(this.slab.rows.state, slot, state);
  }

  /** Whether devices that the filter matches are still to get their rows. */
  isUnfinished(slot: number): boolean {
    return (this.slab.rows.unfinished[slot]! & LACKING) !== 0;
  }

  /** Whether paused rows of the filter must still be activated. */
  isResuming(slot: number): boolean {
    return (this.slab.rows.unfinished[slot]! & Unfinished.resume) !== 0;
  }

  /** @param why bits of Unfinished */
  begin(slot: number, why: number): void {
    this.slab.rows.unfinished[slot]! |= why;
  }

  finish(slot: number, why: number): void {
    this.slab.rows.unfinished[slot]! &= ~why;
  }

  /** As `begin`, of every filter. */
  beginAll(why: number): void {
    // Stryker disable next-line EqualityOperator: a row that was never used starts anew
    for (let slot = 0; slot < highWater(this.slab); slot++) this.begin(slot, why);
  }

  /** As `finish`, of every filter. */
  finishAll(why: number): void {
    // Stryker disable next-line EqualityOperator: as above
    for (let slot = 0; slot < highWater(this.slab); slot++) this.finish(slot, why);
  }

  count(subscriber: number): number {
    return this.#subscribers.rows.filterCount[subscriber]!;
  }

  /** The subscriber's filters; the caller may remove each while it has it. */
  ofSubscriber(subscriber: number): number[] {
    const { nextOfSubscriber } = this.slab.rows;
    const slots: number[] = [];
    for (let slot = this.#firstOf(subscriber); slot !== NONE; slot = nextOfSubscriber[slot]!)
      slots.push(slot);
    return slots;
  }

  /** Whether any filter has this prefix. */
  hasPrefix(prefix: string): boolean {
    return this.#byPrefix.has(prefix);
  }

  /** Of all filters, each once. */
  prefixes(): string[] {
    return [...this.#byPrefix.keys()];
  }

  /** Filters that match the id. Filters may be added and removed between two steps. */
  *matching(id: string): Generator<number> {
    for (const length of this.#lengths.keys())
      if (length <= id.length) yield* this.#byPrefix.get(id.slice(0, length)) ?? [];
  }

  subscriber(slot: number): number {
    return this.slab.rows.subscriber[slot]!;
  }

  /**
   * Bits of the event types that the subscriber's filters want from the device; 0: no filter matches. The types of a
   * filter that is paused, or held by its connected subscriber, count only if nothing else follows the device.
   * @param own what the subscription by id asks for; 0: only filters follow
   */
  typesOf(subscriber: number, id: string, own = 0): number {
    const { nextOfSubscriber, types: typesOf, state } = this.slab.rows;
    const isConnected = this.#subscribers.rows.session[subscriber] !== NONE;
    let types = 0;
    let resting = 0;
    for (let slot = this.#firstOf(subscriber); slot !== NONE; slot = nextOfSubscriber[slot]!) {
      if (!id.startsWith(this.prefix(slot))) continue;
      const isHeld = isConnected && state[slot] === RowState.disconnected;
      if (isHeld || state[slot] === RowState.paused) resting |= typesOf[slot]!;
      else types |= typesOf[slot]!;
    }
    return types === 0 && own === 0 ? resting : types;
  }

  /** The state of a device that the subscriber's filters match: that of the filter that lets most through. */
  strongestState(subscriber: number, id: string): RowState {
    const { state, nextOfSubscriber } = this.slab.rows;
    let strongest: number = byStrength.length;
    for (let slot = this.#firstOf(subscriber); slot !== NONE; slot = nextOfSubscriber[slot]!) {
      if (!id.startsWith(this.prefix(slot))) continue;
      strongest = Math.min(strongest, byStrength.indexOf(state[slot] as RowState));
    }
    return byStrength[strongest] ?? RowState.none;
  }

  #firstOf(subscriber: number): number {
    return this.#subscribers.rows.firstFilter[subscriber]!;
  }

  #enter(slot: number): void {
    const { rows } = this.slab;
    const subscriber = rows.subscriber[slot]!;
    linkFirst(
      slot,
      subscriber,
      this.#subscribers.rows.firstFilter,
      rows.nextOfSubscriber,
      rows.prevOfSubscriber,
    );
    this.#subscribers.rows.filterCount[subscriber]! += 1;
    const prefix = this.#arena.text(rows.prefix[slot]!);
    this.#prefixes[slot] = prefix;
    const same = this.#byPrefix.get(prefix);
    if (same === undefined) {
      this.#byPrefix.set(prefix, new Set([slot]));
      this.prefixesChanged();
    } else same.add(slot);
    // Stryker disable next-line ArithmeticOperator,LogicalOperator: as in `remove`
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }
}
