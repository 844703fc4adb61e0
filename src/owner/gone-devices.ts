/** Devices that only filters followed and that have left the table: their followers are told soon, many at a time. */
import { DEVICES_PER_PAGE } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import { EntryWriter, Notice } from '../records/replies.ts';
import type { Registry } from './registry.ts';
import type { Subscriptions } from './subscriptions.ts';

const NO_STATE = {
  deviceSlot: NONE,
  rowState: RowState.none,
  deviceState: 0,
  lastSeen: 0,
  seq: 0,
  epoch: 0,
  generation: 0,
} as const;

export class GoneDevices {
  readonly #registry: Registry;
  readonly #subscriptions: Subscriptions;
  /** By subscriber. */
  readonly #ids = new Map<number, string[]>();

  constructor(registry: Registry, subscriptions: Subscriptions) {
    this.#registry = registry;
    this.#subscriptions = subscriptions;
  }

  get size(): number {
    return this.#ids.size;
  }

  add(subscriber: number, id: string): void {
    const ids = this.#ids.get(subscriber);
    if (ids === undefined) this.#ids.set(subscriber, [id]);
    else ids.push(id);
  }

  /** At most 1000 devices in a notice. @returns how many subscribers there were to tell */
  tell(): number {
    // Stryker disable next-line ConditionalExpression: a short cut, as the writer is large
    if (this.#ids.size === 0) return 0;
    const writer = new EntryWriter();
    for (const [subscriber, ids] of this.#ids) {
      const session = this.#registry.subscribers.rows.session[subscriber]!;
      for (let at = 0; session !== NONE && at < ids.length; at += DEVICES_PER_PAGE) {
        for (const id of ids.slice(at, at + DEVICES_PER_PAGE)) {
          const text = Buffer.from(id);
          writer.add(NO_STATE, text, 0, text.length, 0, 0);
        }
        this.#subscriptions.link(session).notice(session, Notice.gone, writer.take(), false);
      }
    }
    const told = this.#ids.size;
    this.#ids.clear();
    return told;
  }
}
