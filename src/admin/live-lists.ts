/**
 * Pages of devices as the dashboard shows them: filtered, sorted, counted by state, with the newest values where they
 * are asked for. Runs on main, beside the hot path. What lists may cost is bounded: the table is gone through in short
 * steps, for one question at a time, and an answer is used again for twenty times as long as it took to make.
 */
import { matches } from '../access/pattern.ts';
import {
  LIST_FRESH_MS_MIN,
  LIST_FRESH_SHARE,
  LIST_PAUSE_SHARE,
  LIST_REACH_MAX,
  LIST_SLICE_MS,
  LISTS_MAX,
} from '../limits.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { type ListQuestion, type Ordered, Ordering } from './live-order.ts';
import type { LiveList, LiveListEntry } from './live-schemas.ts';
import { LiveValues } from './live-values.ts';
import { readDevice } from './rows.ts';

/** A list that is paged a little further needs no other order. */
const KEEP_STEP = 500;
const TICK_MS = 10_000;

export interface ListRequest extends ListQuestion {
  /** `offset` and `limit` together are at most `LIST_REACH_MAX`. */
  readonly offset: number;
  readonly limit: number;
  readonly values: boolean;
}

interface Order {
  readonly made: Promise<Made>;
  /** Hub clock, ms: until then it is used again. Undefined while it is being made. */
  freshUntilMs: number | undefined;
}

interface Made {
  readonly ordered: Ordered;
  /** Wall clock, ms. */
  readonly at: number;
}

export class LiveLists {
  readonly #deps: AdminDeps;
  readonly #values: LiveValues;
  /** By question, the one made longest ago first. */
  readonly #orders = new Map<string, Order>();
  #waiting = 0;
  /** The table is gone through for one question at a time. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#values = new LiveValues(deps);
    this.#timer = setInterval(() => this.#values.tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Devices whose events are looked at for the lists' values. */
  get valuesKept(): number {
    return this.#values.size;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#values.close();
  }

  /** @throws AdminError if too many questions wait */
  async list(request: ListRequest): Promise<LiveList> {
    const { offset, limit, values } = request;
    const { ordered, at } = await this.#orderFor(request);
    const { slots, total, states } = ordered;
    const devices = slots.slice(offset, offset + limit).flatMap((slot): LiveListEntry[] => {
      const entry = readDevice(this.#deps, slot);
      if (entry === undefined || !stillMatches(request, entry.device, entry.state)) return [];
      if (!values) return [entry];
      return [{ ...entry, value: this.#values.newest(entry.device, { slot, seq: entry.seq }) ?? null }];
    });
    return { at: this.#deps.clock.wallNow(), orderedAt: at, total, states: { ...states }, offset, devices };
  }

  #orderFor({ filter, search, state, column, descending, offset, limit }: ListRequest): Promise<Made> {
    const question = { filter, search, state, column, descending };
    const keepMax = Math.min(LIST_REACH_MAX, Math.ceil((offset + limit) / KEEP_STEP) * KEEP_STEP);
    const key = JSON.stringify([filter, search, state, column, descending, keepMax]);
    const known = this.#orders.get(key);
    if (known !== undefined && this.#isFresh(known)) return known.made;
    if (this.#waiting >= LISTS_MAX) {
      throw new AdminError('over_capacity', `${LISTS_MAX} lists are being made, which is the limit`);
    }
    const order = this.#make(question, keepMax);
    this.#orders.delete(key);
    this.#orders.set(key, order);
    if (this.#orders.size > LISTS_MAX) this.#orders.delete(this.#orders.keys().next().value!);
    return order.made;
  }

  #isFresh({ freshUntilMs }: Order): boolean {
    return freshUntilMs === undefined || this.#deps.clock.now() < freshUntilMs;
  }

  #make(question: ListQuestion, keepMax: number): Order {
    this.#waiting += 1;
    const made = this.#last
      .then(async () => {
        const ordering = new Ordering(this.#deps.presence, question, keepMax);
        const { ordered, spentMs } = await orderInSteps(ordering);
        const { clock } = this.#deps;
        order.freshUntilMs = clock.now() + Math.max(LIST_FRESH_MS_MIN, LIST_FRESH_SHARE * spentMs);
        return { ordered, at: clock.wallNow() };
      })
      .finally(() => {
        this.#waiting -= 1;
        order.freshUntilMs ??= 0; // it failed: the next question tries again
      });
    const order: Order = { made, freshUntilMs: undefined };
    this.#last = made.catch(() => {});
    return order;
  }
}

/** The device may have changed, or the slot may hold another one, since it was put in order. */
function stillMatches({ filter, search, state }: ListQuestion, device: string, deviceState: string): boolean {
  const isIn = filter === '' || matches(filter, device);
  return (
    isIn &&
    device.toLowerCase().includes(search.toLowerCase()) &&
    (state === undefined || state === deviceState)
  );
}

/** @returns the order, and the time that the thread spent on it, ms */
async function orderInSteps(ordering: Ordering): Promise<{ ordered: Ordered; spentMs: number }> {
  let spentMs = 0;
  for (;;) {
    const startMs = performance.now();
    const hasMore = ordering.step(() => performance.now() - startMs >= LIST_SLICE_MS);
    if (!hasMore) {
      const ordered = ordering.result();
      return { ordered, spentMs: spentMs + performance.now() - startMs };
    }
    const tookMs = performance.now() - startMs;
    spentMs += tookMs;
    await new Promise((resolve) => setTimeout(resolve, tookMs * LIST_PAUSE_SHARE));
  }
}
