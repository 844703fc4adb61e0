/**
 * Tells subscribers which of their subscriptions the hub has removed. An access rule, or the end of a gateway, removes
 * tens of thousands at once, and these notices must not make a peer slow: a page is sent when the peer has read the
 * last, and the rest waits here. Delivery has ended by then. If a device is followed again, its notice is sent first.
 * For each session, a number per device waits, at most as many as the hub may have devices.
 */
import type { Clock } from '../../clock.ts';
import { DEVICES_PER_PAGE } from '../../limits.ts';
import { bareEntry, Notice } from '../../records/replies.ts';
import { isMqtt } from '../../wire/encodings.ts';
import { SharedNames } from './shared-names.ts';
import { FREE, Slice, Slices } from './slices.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface RemovalsDeps {
  readonly clock: Clock;
  /** A page ends at this many bytes of ids, even with less than 1000; it is sent when at most this many bytes wait. */
  readonly pageBytes: number;
  /** At most this many devices wait for one session; beyond that the oldest are sent, whether the peer reads or not. */
  readonly devicesMax: number;
  /** A slow subscriber gets its pages with `next`. */
  readonly isSlow: (session: SubscriberSession) => boolean;
  /** Something was sent to this one alone. */
  readonly sent: (session: SubscriberSession) => void;
}

/** What a session has not been told yet. */
interface Untold {
  /**
   * By notice, the one with the next page first: the numbers of names, oldest first. None is empty. They are sets,
   * because a device that comes back is looked up among a hundred thousand.
   */
  readonly numbers: Map<Notice, Set<number>>;
  size: number;
}

/** Notices of removed subscriptions that come one by one as they happen, not in pages from the owner. */
const removals: ReadonlySet<Notice> = new Set([
  Notice.deniedByOperator,
  Notice.removedByOperator,
  Notice.deniedByRule,
  Notice.notCovered,
  Notice.terminated,
  Notice.gone,
]);

/** An id in a list: two quotes and a comma. */
const ID_EXTRA_BYTES = 3;

export class Removals {
  readonly #deps: RemovalsDeps;
  readonly #bySession = new Map<SubscriberSession, Untold>();
  readonly #names = new SharedNames();
  readonly #slices: Slices;

  constructor(deps: RemovalsDeps) {
    this.#deps = deps;
    const { clock, pageBytes: queueBytes } = deps;
    this.#slices = new Slices({ clock, queueBytes, charges: FREE }, (session) => this.#slice(session));
  }

  /** Devices with a notice that still waits. */
  get size(): number {
    return this.#names.size;
  }

  /**
   * Whether this notice may wait for the session's peer. MQTT has no such message, but its edge needs the notice at
   * once.
   */
  takes({ encoding }: SubscriberSession, notice: Notice): boolean {
    return removals.has(notice) && !isMqtt(encoding);
  }

  /** Sends the notice, now or when the peer has read. @param notice that `takes` accepts */
  tell(session: SubscriberSession, notice: Notice, devices: readonly { readonly device: string }[]): void {
    let untold = this.#bySession.get(session);
    if (untold === undefined) {
      untold = { numbers: new Map(), size: 0 };
      this.#bySession.set(session, untold);
    }
    const numbers = untold.numbers.get(notice) ?? new Set();
    untold.numbers.set(notice, numbers);
    for (const { device } of devices) {
      const number = this.#names.take(device);
      if (numbers.has(number)) {
        this.#names.giveBack(number); // one notice is enough: it was not followed in between
        continue;
      }
      numbers.add(number);
      untold.size += 1;
    }
    if (untold.size > this.#deps.devicesMax) {
      do this.#sendPage(session, untold);
      while (untold.size > this.#deps.devicesMax);
      this.#deps.sent(session);
    }
    this.run(session);
  }

  /** The session is about to be told that it follows these devices: their waiting notices come first. */
  tellFirst(session: SubscriberSession, devices: readonly { readonly device: string }[]): void {
    const untold = this.#bySession.get(session);
    if (untold === undefined) return;
    for (const [notice, numbers] of untold.numbers) {
      const now: number[] = [];
      for (const { device } of devices) {
        const number = this.#names.numberOf(device);
        if (numbers.delete(number)) now.push(number);
      }
      if (now.length === 0) continue;
      if (numbers.size === 0) untold.numbers.delete(notice);
      this.#send(session, untold, { notice, numbers: now, more: numbers.size > 0 });
    }
  }

  /** Sends what the session's peer can take, for a moment; the rest follows by itself. */
  run(session: SubscriberSession): void {
    // Stryker disable next-line ConditionalExpression: the slice of one that waits for nothing ends at once
    if (this.#bySession.has(session)) this.#slices.run(session);
  }

  /** Sends one page to a slow subscriber while it recovers: pages and gaps take turns. */
  next(session: SubscriberSession): void {
    const untold = this.#bySession.get(session);
    if (untold !== undefined && !session.closing) this.#sendPage(session, untold);
  }

  /** The session is over. */
  forget(session: SubscriberSession): void {
    this.#slices.forget(session);
    const untold = this.#bySession.get(session);
    if (untold === undefined) return;
    this.#bySession.delete(session);
    for (const numbers of untold.numbers.values()) for (const number of numbers) this.#names.giveBack(number);
  }

  #slice(session: SubscriberSession): Slice {
    for (;;) {
      const untold = this.#bySession.get(session);
      if (untold === undefined) return Slice.through;
      if (this.#deps.isSlow(session)) return Slice.blocked;
      const end = this.#slices.look(session, 0);
      if (end !== Slice.through) return end;
      this.#sendPage(session, untold);
      this.#deps.sent(session);
    }
  }

  /** The oldest of one notice; the next page is of another, where there is one. */
  #sendPage(session: SubscriberSession, untold: Untold): void {
    const [notice, all] = untold.numbers.entries().next().value!;
    const numbers = this.#pageOf(all);
    for (const number of numbers) all.delete(number);
    untold.numbers.delete(notice);
    if (all.size > 0) untold.numbers.set(notice, all);
    this.#send(session, untold, { notice, numbers, more: all.size > 0 });
  }

  #pageOf(numbers: Iterable<number>): number[] {
    const page: number[] = [];
    let bytes = 0;
    for (const number of numbers) {
      bytes += this.#names.nameOf(number).length + ID_EXTRA_BYTES;
      if (page.length > 0 && bytes > this.#deps.pageBytes) break;
      if (page.push(number) === DEVICES_PER_PAGE) break;
    }
    return page;
  }

  /** @param page that waits no more */
  #send(
    session: SubscriberSession,
    untold: Untold,
    page: { readonly notice: Notice; readonly numbers: readonly number[]; readonly more: boolean },
  ): void {
    const { notice, numbers, more } = page;
    const devices = numbers.map((number) => bareEntry(this.#names.nameOf(number)));
    for (const number of numbers) this.#names.giveBack(number);
    untold.size -= numbers.length;
    if (untold.size === 0) this.#bySession.delete(session);
    session.send(session.codec.notice(notice, devices, [], more));
  }
}
