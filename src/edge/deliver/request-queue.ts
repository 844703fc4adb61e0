/** The unanswered requests of one subscriber. */

import type { Walked } from '../../history/reader.ts';
import { DEVICES_PER_PAGE, REQUESTS_WAITING_MAX } from '../../limits.ts';
import type { ListNode } from '../../linked-list.ts';
import { Notice } from '../../records/replies.ts';
import type { Asked } from '../../wire/codec.ts';
import type { Named, Past } from '../../wire/subscriber-ops.ts';
import type { KeptPlace } from './deferred-work.ts';
import type { LongAnswer } from './long-answer.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** A request of a subscriber. */
export interface Ask extends Asked {
  /** undefined: all of the subscriber's. */
  readonly named: Named | undefined;
  /** Bits of the event types that a subscribe asks for. */
  readonly types: number;
  /** The past that it asks for. */
  readonly past: Past;
  /** Kept events are read separately from the answer, so those of other nodes must have arrived by then. */
  readonly wantsKept?: boolean;
}

export interface Pending extends Ask {
  readonly number: number;
  /** In devices. */
  readonly work: number;
  /** Its answer continues in pages: the owner does nothing for it until the next is requested. */
  isPaged: boolean;
  /** Device slots whose past it has brought; undefined: it names none in two ways. */
  readonly brought?: Set<number> | undefined;
  /** By device id: the past that was looked up. Undefined: nothing was looked up, or the search is not over. */
  found?: Map<string, Walked>;
  /** In an unsubscribe that is repeated to another owner: the devices that the session followed before. */
  left?: ReadonlySet<string>;
  /** It waits for other nodes; the owner does nothing for it meanwhile. */
  isDeferred: boolean;
  /** What its pages have named; undefined: there is only one page, or it names its devices itself. */
  pages?: LongAnswer;
}

/** The past that an answer, or the pages that follow it, bring. */
export type PastToBring = Pick<Pending, 'past' | 'types' | 'brought' | 'found'>;

export interface Answered extends Ask, PastToBring, Pick<Pending, 'pages' | 'left'> {
  /** It named its devices, which have been paid for. */
  readonly isNamed: boolean;
}

/** The queue of one session, while it has requests: most of ten thousand sessions have none most of the time. */
export class RequestQueue {
  /** Sent to the owner and not answered, in order. */
  readonly inFlight: Pending[] = [];
  readonly waiting: Pending[] = [];
  /** By request, or 0 for the hub's own notices: whether a promised further page was requested. */
  pages: Map<number, boolean> | undefined;
  /** By filter: the past that its pages bring. */
  pasts: Map<string, PastToBring> | undefined;
  /** Its session's place in the line. Undefined: it is in none. */
  turn: ListNode<SubscriberSession> | undefined;
  /** Its session's place among those that wait for room. Undefined: it is not one of them. */
  kept: KeptPlace | undefined;
  /** The kind of the hub's own notices that came in pages last; none of that kind ever stands alone. */
  notice: Notice = Notice.resumed;

  /** Work that the owner has for it now, in devices. */
  get work(): number {
    let work = 0;
    for (const { isPaged, isDeferred, work: own } of this.inFlight) if (!isPaged && !isDeferred) work += own;
    for (const isAsked of this.pages?.values() ?? []) if (isAsked) work += DEVICES_PER_PAGE;
    return work;
  }

  /** What waits for other nodes, in devices. */
  get deferredWork(): number {
    return this.inFlight.reduce((sum, { isDeferred, work }) => sum + (isDeferred ? work : 0), 0);
  }

  /** Positions that it holds until they are used. Filters of one request share theirs. */
  get positions(): number {
    const pasts = [...this.inFlight, ...this.waiting, ...(this.pasts?.values() ?? [])];
    let count = 0;
    for (const { size } of new Set(pasts.map(({ past }) => past.since))) count += size;
    return count;
  }

  /** Ids and positions that it holds. */
  get names(): number {
    let count = this.positions;
    for (const { named } of [...this.inFlight, ...this.waiting])
      if (named !== undefined) count += named.devices.length + named.filters.length + named.malformed.length;
    return count;
  }

  get isPaging(): boolean {
    return this.pages !== undefined && this.pages.size > 0;
  }

  /** Whether there are no requests and nothing is still to come. */
  get isIdle(): boolean {
    const { inFlight, waiting, isPaging, pasts } = this;
    return (
      inFlight.length === 0 && waiting.length === 0 && !isPaging && (pasts === undefined || pasts.size === 0)
    );
  }
}

/** @returns a page that was promised but not requested; undefined: there is none */
export function unaskedOf({ pages }: RequestQueue): number | undefined {
  for (const [page, isAsked] of pages ?? []) if (!isAsked) return page;
  return undefined;
}

/** Whether the owner may have to ask other nodes for it. */
export function mayBeDeferred({ op }: Ask): boolean {
  return op === 'subscribe' || op === 'resume';
}

/** Whether it concerns more devices than it names. */
export function isLong({ named }: Ask): boolean {
  return named === undefined || named.filters.length > 0;
}

/** Whether a request in flight delays the next one of its session. */
export function keepsOthers(pending: Pending): boolean {
  return pending.isDeferred || isLong(pending);
}

/** Whether fewer requests of the subscriber wait than may. */
export function hasRoom({ requests }: SubscriberSession): boolean {
  return requests === undefined || requests.waiting.length < REQUESTS_WAITING_MAX;
}

export function queueOf(session: SubscriberSession): RequestQueue {
  session.requests ??= new RequestQueue();
  return session.requests;
}
