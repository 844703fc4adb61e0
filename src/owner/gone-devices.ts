/**
 * Devices that only filters followed and that have left the table: their followers are told soon, many devices at a
 * time. Until then a follower's slot may be reused, but its session number is not. Owner thread only.
 */
import { DEVICES_PER_PAGE } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import { EntryWriter, Notice } from '../records/replies.ts';
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
  readonly #subscriptions: Pick<Subscriptions, 'link'>;
  /** By session. */
  readonly #ids = new Map<number, string[]>();

  constructor(subscriptions: Pick<Subscriptions, 'link'>) {
    this.#subscriptions = subscriptions;
  }

  /** Sessions that must be told. */
  get size(): number {
    return this.#ids.size;
  }

  /** @param session that followed the device */
  add(session: number, id: string): void {
    const ids = this.#ids.get(session);
    if (ids === undefined) this.#ids.set(session, [id]);
    else ids.push(id);
  }

  /** The session is over. */
  forget(session: number): void {
    this.#ids.delete(session);
  }

  /** Sends notices with at most 1000 devices each. @returns the number of sessions that were told */
  tell(): number {
    // Stryker disable next-line ConditionalExpression: a short cut, as the writer is large
    if (this.#ids.size === 0) return 0;
    const writer = new EntryWriter();
    for (const [session, ids] of this.#ids) {
      for (let at = 0; at < ids.length; at += DEVICES_PER_PAGE) {
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
