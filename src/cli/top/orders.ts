/** The orders in which `dat top` can show the rows of its tables. */
import type { LiveFigures } from '../../admin/live-schemas.ts';

type Thread = LiveFigures['threads'][number];
type Busy = LiveFigures['busiest'][number];
type Slow = LiveFigures['slow'][number];

export interface RowOrder<Row> {
  /** The column that it goes by. */
  readonly column: string;
  compare(a: Row, b: Row): number;
}

/** Each kind of thread does one kind of work; without fan-out workers main does two. */
export function workOf(thread: Thread): number {
  const { receivedPerSecond, recordsPerSecond, deliveriesPerSecond } = thread;
  return (receivedPerSecond ?? 0) + (recordsPerSecond ?? 0) + (deliveriesPerSecond ?? 0);
}

/** As the hub lists them: main, owner, workers by number. */
const asListed = () => 0;
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** By table; the first is the one to begin with. */
export const orders = {
  threads: [
    { column: 'THREAD', compare: asListed },
    { column: 'LAG', compare: (a, b) => b.loopLagSeconds - a.loopLagSeconds },
    { column: 'SOCKETS', compare: (a, b) => b.connections - a.connections },
    { column: 'WORK/S', compare: (a, b) => workOf(b) - workOf(a) },
  ] satisfies RowOrder<Thread>[],
  devices: [
    { column: 'EVENTS/S', compare: (a, b) => b.perSecond - a.perSecond },
    { column: 'BUSIEST DEVICE', compare: (a, b) => byText(a.device, b.device) },
  ] satisfies RowOrder<Busy>[],
  slow: [
    { column: 'WAITING', compare: (a, b) => b.queuedBytes - a.queuedBytes },
    { column: 'FOR', compare: (a, b) => b.laggingMs - a.laggingMs },
    { column: 'SLOW SUBSCRIBER', compare: (a, b) => byText(a.subscriber, b.subscriber) },
  ] satisfies RowOrder<Slow>[],
};

/** Which order each table has, by its place in `orders`. */
export type Chosen = Readonly<Record<keyof typeof orders, number>>;

export const firstOrders: Chosen = { threads: 0, devices: 0, slow: 0 };

/** Keys that move a table on to its next order. */
const orderKeys: Readonly<Record<string, keyof typeof orders>> = {
  t: 'threads',
  d: 'devices',
  s: 'slow',
};

/** @returns the same where the key is for no table */
export function nextOrder(chosen: Chosen, key: string): Chosen {
  const which = orderKeys[key];
  return which === undefined ? chosen : { ...chosen, [which]: (chosen[which] + 1) % orders[which].length };
}
