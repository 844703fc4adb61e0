/**
 * The requests of an edge's subscribers to the owner, and the pages that come back. At any time, the owner has at most
 * one request of a thousand devices, or one page, to process for an edge. Further requests wait here, at most 16 per
 * subscriber, and peers take turns. So an event behind them in the ring never waits for more than that. A request that
 * waits for other nodes of a cluster delays only its own peer; if too many do, further ones wait for room, and delay
 * nobody else either. The next page of a long answer is requested when the peer has read the last one and its allowance
 * covers the next.
 */
import type { Clock } from '../../clock.ts';
import { DEVICES_PER_PAGE, REQUEST_WORK_IN_FLIGHT } from '../../limits.ts';
import { LinkedList } from '../../linked-list.ts';
import type { FilterEntry, Notice } from '../../records/replies.ts';
import { COST_PER_DEVICE } from '../allowance.ts';
import type { Charges } from '../charges.ts';
import type { OwnerLine } from '../owner-line.ts';
import { DeferredWork } from './deferred-work.ts';
import { LongAnswer } from './long-answer.ts';
import { sliceFor, wantsPast } from './past.ts';
import type { PastSearches } from './past-searches.ts';
import {
  type Answered,
  type Ask,
  isLong,
  keepsOthers,
  mayBeDeferred,
  type PastToBring,
  type Pending,
  queueOf,
  type RequestQueue,
  unaskedOf,
} from './request-queue.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { WaitingNames } from './waiting-names.ts';

/** The cost of a request for the owner, besides the devices that it names, in devices. */
const WORK_PER_REQUEST = 8;
/** Time between two checks of peers that wait for a page, ms. */
const LOOK_MS = 20;
/** Stands for the hub's own notices where pages are counted and requested by request. */
const OF_NOTICES = 0;

export interface RequestFlowDeps {
  readonly line: OwnerLine;
  readonly clock: Clock;
  readonly charges: Pick<Charges, 'waitMs'>;
  /** A page may be requested when at most this many bytes wait for the peer. */
  readonly resumeBytes: number;
  readonly searches: Pick<PastSearches, 'isOver' | 'forget'>;
  /** Events that count as kept, per device. */
  readonly keptEventsMax: number;
  /** Whether this edge has not yet done what earlier answers bring with them. */
  readonly isBehind: () => boolean;
  /** Told of each session whose requests are more, or fewer. */
  readonly names: Pick<WaitingNames, 'look' | 'forget'>;
  /** A request goes to the owner. Its subscriber is not silent, however long the request has waited here. */
  readonly goesOut: (session: SubscriberSession) => void;
}

/** How a session's turn ended. */
const Turn = {
  /** It has nothing that may be sent now. */
  nothing: 0,
  taken: 1,
  /** The owner has no time for it. */
  blocked: 2,
  /** Too much waits for other nodes. */
  kept: 3,
} as const;
type Turn = (typeof Turn)[keyof typeof Turn];

export class RequestFlow {
  readonly #deps: RequestFlowDeps;
  /** Work that the owner has for this edge, in devices. */
  #work = 0;
  readonly #deferred = new DeferredWork();
  /** Sessions with something to send to the owner, in the order of their turns. */
  readonly #line = new LinkedList<SubscriberSession>();
  /** Sessions that wait for a page. */
  readonly #readers = new Set<SubscriberSession>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RequestFlowDeps) {
    this.#deps = deps;
  }

  /** Takes a request for which there is room. */
  submit(session: SubscriberSession, ask: Ask): void {
    const queue = queueOf(session);
    const number = (session.lastRequest % MAX_REQUEST) + 1;
    session.lastRequest = number;
    const work = WORK_PER_REQUEST + (isLong(ask) ? DEVICES_PER_PAGE : ask.named!.devices.length);
    queue.waiting.push({
      ...ask,
      number,
      work,
      isPaged: false,
      isDeferred: false,
      brought: mayOverlap(ask) ? new Set() : undefined,
    });
    this.#deps.names.look(session);
    this.advance(session);
  }

  /** A request waits for other nodes. The next turns are given after the poll. */
  deferred(session: SubscriberSession, request: number): void {
    const pending = session.requests?.inFlight.find(({ number }) => number === request);
    if (pending === undefined || pending.isPaged || pending.isDeferred) return;
    pending.isDeferred = true;
    this.#work -= pending.work;
    this.#deferred.add(session, pending.work);
  }

  /** A page of an answer has come. @returns the request that it answers; undefined: none */
  answered(session: SubscriberSession, request: number, more: boolean): Answered | undefined {
    const queue = session.requests;
    if (queue === undefined) return undefined;
    const at = queue.inFlight.findIndex(({ number }) => number === request);
    if (at < 0) return undefined;
    const pending = queue.inFlight[at]!;
    if (pending.isDeferred) this.#deferred.remove(session, pending.work);
    else if (!pending.isPaged) this.#work -= pending.work;
    pending.isDeferred = false;
    pending.isPaged = more;
    if (more && pending.named === undefined) pending.pages ??= new LongAnswer();
    if (!more) {
      queue.inFlight.splice(at, 1);
      this.#deps.names.look(session);
    }
    this.#pageCame(session, queue, request, more);
    return { ...pending, isNamed: pending.named !== undefined };
  }

  /** The hub has sent a notice of its own, alone or as a page. @param more another page of it follows */
  noticed(session: SubscriberSession, notice: Notice, more: boolean): void {
    if (more) {
      const queue = queueOf(session);
      queue.notice = notice;
      this.#pageCame(session, queue, OF_NOTICES, true);
    } else if (session.requests?.notice === notice) {
      this.#pageCame(session, session.requests, OF_NOTICES, false);
    } // else it stands alone, between pages of another
  }

  /** A request was answered: the pages of its granted filters bring the past that it asked for. */
  keepPast(
    session: SubscriberSession,
    { op, past, types, brought }: Answered,
    granted: readonly FilterEntry[],
  ): void {
    if (op !== 'subscribe' || !wantsPast(past)) return;
    for (const { filter } of granted) {
      const queue = queueOf(session);
      queue.pasts ??= new Map();
      queue.pasts.set(filter, { past, types, brought });
    }
    this.#deps.names.look(session);
  }

  /** @returns the past that a page brings; undefined: none */
  pastOf(session: SubscriberSession, filter: string, page: number, more: boolean): PastToBring | undefined {
    if (page === 0) return undefined; // one device that has just appeared
    const past = session.requests?.pasts?.get(filter);
    if (!more && session.requests?.pasts?.delete(filter)) this.#deps.names.look(session);
    return past;
  }

  /**
   * A page of a filter's devices has come.
   * @param page names it for `More`; 0: it stands alone, for a device that has just appeared
   * @param waits the next comes after `More`
   */
  filterPage(session: SubscriberSession, page: number, more: boolean, waits: boolean): void {
    if (page === 0) return;
    if (more && !waits) this.#goesOn(queueOf(session), page);
    else if (more || session.requests !== undefined) this.#pageCame(session, queueOf(session), page, more);
  }

  /** Call after the frame of a page was sent, or when some of the peer's send queue has drained. */
  advance(session: SubscriberSession): void {
    if (session.requests === undefined) this.takeTurns();
    else if (this.#line.size === 0 && this.#deferred.keepsNobody && !this.#deps.isBehind()) {
      // Nobody else waits for a turn.
      let turn: Turn;
      do turn = this.#takeTurn(session, session.requests);
      while (turn === Turn.taken);
      if (turn === Turn.blocked) this.#queueUp(session);
    } else {
      this.#queueUp(session);
      this.takeTurns();
    }
  }

  /** The session is over. */
  forget(session: SubscriberSession): void {
    this.#deps.names.forget(session);
    const queue = session.requests;
    if (queue === undefined) return;
    this.#work -= queue.work;
    this.#deferred.remove(session, queue.deferredWork);
    this.#deps.searches.forget(session);
    session.requests = undefined;
    this.#readers.delete(session);
    this.#leave(queue);
    this.takeTurns();
  }

  /**
   * Another owner has taken over and knows this edge's sessions: unanswered requests are sent again.
   * @param followed ids of the devices that the session gets
   */
  askAgain(session: SubscriberSession, followed: () => ReadonlySet<string>): void {
    const queue = session.requests;
    if (queue === undefined) return;
    this.#work -= queue.work;
    this.#deferred.remove(session, queue.deferredWork);
    queue.pages = undefined;
    this.#readers.delete(session);
    for (const pending of queue.inFlight) {
      pending.isPaged = pending.isDeferred = false;
      pending.pages?.again();
      if (pending.op === 'unsubscribe') pending.left ??= followed();
      this.#send(session, pending);
    }
    this.#work += queue.work;
    this.advance(session);
  }

  /** Whether an unanswered request names this device by id and gives a position for it. */
  willBring({ requests }: SubscriberSession, id: string): boolean {
    const isAsked = ({ op, named, past }: Pending): boolean =>
      op === 'subscribe' && past.since.has(id) && named?.devices.includes(id) === true;
    return requests?.inFlight.some(isAsked) === true;
  }

  /** @returns the notice of which a promised page has not come; undefined: none */
  owedTo({ requests }: SubscriberSession): Notice | undefined {
    return requests?.pages?.has(OF_NOTICES) ? requests.notice : undefined;
  }

  #pageCame(session: SubscriberSession, queue: RequestQueue, page: number, more: boolean): void {
    if (queue.pages?.get(page) === true) this.#work -= DEVICES_PER_PAGE;
    if (more) {
      queue.pages ??= new Map();
      queue.pages.set(page, false);
      this.#readers.add(session);
      return;
    }
    queue.pages?.delete(page);
    if (unaskedOf(queue) === undefined) this.#readers.delete(session);
  }

  /** The owner sends the next page unasked. */
  #goesOn(queue: RequestQueue, page: number): void {
    if (queue.pages?.get(page) === true) return;
    queue.pages ??= new Map();
    queue.pages.set(page, true);
    this.#work += DEVICES_PER_PAGE;
  }

  /** Checks the peers that wait for a page. */
  tick(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const session of this.#readers) this.#queueUp(session);
    this.takeTurns();
  }

  /** Sends one request or page request of each session in turn, as long as the owner and this edge have time. */
  takeTurns(): void {
    const isIdle = this.#line.size === 0 && this.#deferred.keepsNobody;
    if (isIdle || this.#deps.isBehind() || !this.#takeKept()) return;
    for (let node = this.#line.first; node !== undefined; node = this.#line.first) {
      const session = node.item;
      const queue = session.requests!;
      const turn = this.#takeTurn(session, queue);
      if (turn === Turn.blocked) return;
      if (turn === Turn.kept) continue;
      this.#leave(queue);
      if (turn === Turn.taken) this.#queueUp(session); // to the end of the line
    }
  }

  /** Gives turns to sessions that wait for room, before all others. @returns false when the owner has no time */
  #takeKept(): boolean {
    for (const session of this.#deferred.next()) {
      const queue = session.requests!;
      const turn = this.#takeTurn(session, queue);
      if (turn === Turn.blocked) return false;
      if (turn === Turn.kept) continue;
      this.#leave(queue);
      if (turn === Turn.taken) this.#queueUp(session);
    }
    return true;
  }

  #queueUp(session: SubscriberSession): void {
    const queue = session.requests!;
    if (queue.kept !== undefined && !this.#readers.has(session)) return;
    this.#unkeep(queue); // a page keeps nothing waiting at other nodes
    queue.turn ??= this.#line.add(session);
  }

  #leave(queue: RequestQueue): void {
    this.#leaveLine(queue);
    this.#unkeep(queue);
  }

  #leaveLine(queue: RequestQueue): void {
    if (queue.turn !== undefined) this.#line.remove(queue.turn);
    queue.turn = undefined;
  }

  /** The session's next request waits for room, and does not hold up the line. */
  #keep(session: SubscriberSession, queue: RequestQueue, work: number): void {
    this.#leaveLine(queue);
    queue.kept ??= this.#deferred.keep(session, work);
  }

  #unkeep(queue: RequestQueue): void {
    if (queue.kept !== undefined) this.#deferred.leave(queue.kept);
    queue.kept = undefined;
  }

  /** Sends one request or page request of the session to the owner, if the owner has time for it. */
  #takeTurn(session: SubscriberSession, queue: RequestQueue): Turn {
    const work = this.#nextWork(session, queue);
    if (work === 0) {
      if (queue.isIdle) session.requests = undefined;
      return Turn.nothing;
    }
    if (!this.#mayGo(session, queue, work)) {
      this.#keep(session, queue, work);
      return Turn.kept;
    }
    if (this.#work > 0 && this.#work + work > REQUEST_WORK_IN_FLIGHT) return Turn.blocked;
    this.#work += work;
    this.#sendNext(session, queue);
    return Turn.taken;
  }

  /** Whether there is room for the session's next request to wait for other nodes. */
  #mayGo(session: SubscriberSession, queue: RequestQueue, work: number): boolean {
    const isPage = this.#readers.has(session);
    return isPage || !mayBeDeferred(queue.waiting[0]!) || this.#deferred.hasRoom(session, work);
  }

  /** @returns the owner's work for the session's next request, in devices; 0: nothing may be sent now */
  #nextWork(session: SubscriberSession, queue: RequestQueue): number {
    if (session.closing) return 0;
    if (this.#readers.has(session)) return this.#mayRead(session) ? DEVICES_PER_PAGE : 0;
    const [next] = queue.waiting;
    if (next === undefined || queue.isPaging) return 0;
    // A session sends nothing beside a long request; behind a deferred one, others would wait too.
    const { inFlight } = queue;
    const isBlocked = inFlight.length > 0 && (isLong(next) || inFlight.some(keepsOthers));
    return isBlocked || !this.#deps.searches.isOver(session, next) ? 0 : next.work;
  }

  /** Whether the peer has read the previous page and can pay for another; if not, it is checked again later. */
  #mayRead(session: SubscriberSession): boolean {
    const { clock, charges, resumeBytes } = this.#deps;
    const waitMs = charges.waitMs(session, DEVICES_PER_PAGE * COST_PER_DEVICE, clock.now());
    if (waitMs <= 0 && session.bufferedBytes <= resumeBytes) return true;
    this.#timer ??= setTimeout(() => this.tick(), LOOK_MS).unref();
    return false;
  }

  #sendNext(session: SubscriberSession, queue: RequestQueue): void {
    if (this.#readers.has(session)) {
      const page = unaskedOf(queue)!;
      queue.pages!.set(page, true);
      if (unaskedOf(queue) === undefined) this.#readers.delete(session);
      this.#deps.line.more(session.number, page);
    } else {
      const next = queue.waiting.shift()!;
      queue.inFlight.push(next);
      this.#deps.goesOut(session);
      this.#send(session, next);
    }
  }

  #send(
    { number: session }: SubscriberSession,
    { number: request, op, named, types, ...asked }: Pending,
  ): void {
    const { devices, filters = [] } = named ?? {};
    const past = asked.wantsKept === true || wantsPast(asked.past);
    const slice = sliceFor(asked.past, this.#deps.keptEventsMax);
    this.#deps.line.request({ session, request, op, devices, filters, types, past, slice });
  }
}

/** Whether it may name a device in two ways, and asks for its past. */
function mayOverlap({ named, past }: Ask): boolean {
  if (named === undefined || named.filters.length === 0 || !wantsPast(past)) return false;
  return named.devices.length + named.filters.length > 1;
}

const MAX_REQUEST = 2 ** 31;
