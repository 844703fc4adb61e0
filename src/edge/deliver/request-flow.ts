/**
 * What an edge's subscribers ask of the owner, and the pages that come back. The owner never has more to do for one edge
 * than it can do in a few milliseconds: what is beyond that waits here, at most 16 requests a subscriber. The next page
 * of a long answer is asked for when the peer has read the last and its allowance pays for it.
 */
import type { Clock } from '../../clock.ts';
import { DEVICES_PER_PAGE, REQUEST_WORK_PER_POLL, REQUESTS_WAITING_MAX } from '../../limits.ts';
import { Notice } from '../../records/replies.ts';
import type { Asked } from '../../wire/codec.ts';
import type { Named, Past } from '../../wire/subscriber-ops.ts';
import { COST_PER_DEVICE } from '../allowance.ts';
import type { OwnerLine } from '../owner-line.ts';
import { wantsPast } from './replays.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** What a request costs the owner beside the devices that it names, in devices. */
const WORK_PER_REQUEST = 8;
/** Time between two looks at peers that have a page to come, ms. */
const LOOK_MS = 20;

/** What a subscriber asks for. */
export interface Ask extends Asked {
  /** undefined: all of the subscriber's. */
  readonly named: Named | undefined;
  /** Bits of the event types that a subscribe asks for. */
  readonly types: number;
  /** What of the past it asks for. */
  readonly past: Past;
  /** Kept events are read apart from the answer: what other nodes keep is to be here by then. */
  readonly wantsKept?: boolean;
}

interface Pending extends Ask {
  readonly number: number;
  /** In devices. */
  readonly work: number;
}

export interface Answered extends Ask {
  /** It named its devices, and was paid for with them. */
  readonly isNamed: boolean;
}

/** Of one session. */
export class RequestQueue {
  /** Sent to the owner and not answered, in order. */
  readonly inFlight: Pending[] = [];
  readonly waiting: Pending[] = [];
  last = 0;
  /** What a further page was promised of, and whether it was asked for: a request, or 0 for the hub's own notices. */
  readonly pages = new Map<number, boolean>();
  /** By filter: what of the past its pages are to bring. */
  readonly pasts = new Map<string, Pick<Ask, 'past' | 'types'>>();
  /** What the hub's own pages are about. */
  notice: Notice = Notice.resumed;

  get inFlightWork(): number {
    return this.inFlight.reduce((sum, { work }) => sum + work, 0);
  }
}

export interface RequestFlowDeps {
  readonly line: OwnerLine;
  readonly clock: Clock;
  /** A page may be asked for when at most this many bytes wait for the peer. */
  readonly resumeBytes: number;
}

export class RequestFlow {
  readonly #deps: RequestFlowDeps;
  #inFlightWork = 0;
  /** Have requests that wait for others of this edge. */
  readonly #stalled = new Set<SubscriberSession>();
  /** Have a page to come. */
  readonly #readers = new Set<SubscriberSession>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RequestFlowDeps) {
    this.#deps = deps;
  }

  /** @returns false when too many of the subscriber's requests wait */
  submit(session: SubscriberSession, ask: Ask): boolean {
    const queue = queueOf(session);
    if (queue.waiting.length >= REQUESTS_WAITING_MAX) return false;
    queue.last = (queue.last % MAX_REQUEST) + 1;
    const work = WORK_PER_REQUEST + (isLong(ask) ? DEVICES_PER_PAGE : ask.named!.devices.length);
    queue.waiting.push({ ...ask, number: queue.last, work });
    this.#advance(session, queue);
    return true;
  }

  /** A page of an answer has come. @returns what it answers; undefined: nothing that was asked */
  answered(session: SubscriberSession, request: number, more: boolean): Answered | undefined {
    const queue = queueOf(session);
    const at = queue.inFlight.findIndex(({ number }) => number === request);
    if (at < 0) return undefined;
    const pending = queue.inFlight[at]!;
    if (more) this.#expectPage(session, queue, request);
    else {
      queue.inFlight.splice(at, 1);
      this.#inFlightWork -= pending.work;
      queue.pages.delete(request);
    }
    return { ...pending, isNamed: pending.named !== undefined };
  }

  /** A page of the hub's own has come. @param more another follows */
  noticed(session: SubscriberSession, notice: Notice, more: boolean): void {
    if (!more) {
      session.requests?.pages.delete(0);
      return;
    }
    const queue = queueOf(session);
    queue.notice = notice;
    this.#expectPage(session, queue, 0);
  }

  /** A request was answered: its filters' pages are to bring the past that it asked for. */
  keepPast(session: SubscriberSession, { op, named, past, types }: Answered, more: boolean): void {
    if (op !== 'subscribe' || more || !wantsPast(past)) return;
    for (const filter of named?.filters ?? []) queueOf(session).pasts.set(filter, { past, types });
  }

  /** @returns what of the past a page is to bring; undefined: nothing */
  pastOf(
    session: SubscriberSession,
    filter: string,
    page: number,
    more: boolean,
  ): Pick<Ask, 'past' | 'types'> | undefined {
    if (page === 0) return undefined; // one device that has just appeared
    const past = session.requests?.pasts.get(filter);
    if (!more) session.requests?.pasts.delete(filter);
    return past;
  }

  /** A page of a filter's devices has come. @param page names it for `More` @param waits the next comes after that */
  filterPage(session: SubscriberSession, page: number, more: boolean, waits: boolean): void {
    if (waits) this.#expectPage(session, queueOf(session), page);
    else if (more) queueOf(session).pages.set(page, true);
    else session.requests?.pages.delete(page);
  }

  /** Call after the frame of a page was sent, or some of what waits for the peer has gone. */
  advance(session: SubscriberSession): void {
    const queue = session.requests;
    if (queue === undefined) return;
    this.#askPages(session, queue);
    this.#advance(session, queue);
    this.#wakeStalled();
  }

  /** The session is over. */
  forget(session: SubscriberSession): void {
    const queue = session.requests;
    if (queue === undefined) return;
    this.#inFlightWork -= queue.inFlightWork;
    queue.inFlight.length = queue.waiting.length = 0;
    this.#readers.delete(session);
    this.#stalled.delete(session);
    this.#wakeStalled();
  }

  /** Another owner has taken over and knows whom this edge holds: what was not answered is asked for again. */
  askAgain(session: SubscriberSession): void {
    const queue = session.requests;
    if (queue === undefined) return;
    queue.pages.clear();
    for (const pending of queue.inFlight) this.#send(session, pending);
    this.#advance(session, queue);
  }

  /** @returns of which notice a page was promised and has not come; undefined: none */
  owedTo({ requests }: SubscriberSession): Notice | undefined {
    return requests?.pages.has(0) ? requests.notice : undefined;
  }

  #expectPage(session: SubscriberSession, queue: RequestQueue, request: number): void {
    queue.pages.set(request, false);
    this.#readers.add(session);
  }

  #askPages(session: SubscriberSession, queue: RequestQueue): void {
    const { line, clock, resumeBytes } = this.#deps;
    if (!this.#readers.has(session) || session.closing) return;
    const waitMs = session.allowance?.waitMs(DEVICES_PER_PAGE * COST_PER_DEVICE, clock.now()) ?? 0;
    if (waitMs > 0 || session.bufferedBytes > resumeBytes) {
      this.#timer ??= setTimeout(() => this.tick(), LOOK_MS).unref();
      return;
    }
    this.#readers.delete(session);
    for (const [request, isAsked] of queue.pages) {
      if (isAsked) continue;
      queue.pages.set(request, true);
      line.more(session.number, request);
    }
  }

  /** Looks at the peers that have a page to come. */
  tick(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const session of [...this.#readers]) this.advance(session);
  }

  /** Sends what may be sent: one long request at a time, and of short ones no more than the owner has time for. */
  #advance(session: SubscriberSession, queue: RequestQueue): void {
    while (queue.waiting.length > 0 && !session.closing) {
      const next = queue.waiting[0]!;
      const isAlone = isLong(next) || queue.inFlight.some(isLong);
      const isBusy =
        queue.inFlight.length > 0 && (isAlone || queue.inFlightWork + next.work > REQUEST_WORK_PER_POLL);
      if (queue.pages.size > 0 || isBusy) return;
      if (this.#inFlightWork > 0 && this.#inFlightWork + next.work > 2 * REQUEST_WORK_PER_POLL) {
        this.#stalled.add(session);
        return;
      }
      queue.waiting.shift();
      queue.inFlight.push(next);
      this.#inFlightWork += next.work;
      this.#send(session, next);
    }
    this.#stalled.delete(session);
  }

  #wakeStalled(): void {
    for (const session of [...this.#stalled]) {
      if (this.#inFlightWork >= 2 * REQUEST_WORK_PER_POLL) return;
      this.#stalled.delete(session); // to the end of the line, if it has to wait on
      this.#advance(session, session.requests!);
    }
  }

  #send(
    { number: session }: SubscriberSession,
    { number: request, op, named, types, ...asked }: Pending,
  ): void {
    const { devices, filters = [] } = named ?? {};
    const past = asked.wantsKept === true || wantsPast(asked.past);
    this.#deps.line.request({ session, request, op, devices, filters, types, past });
  }
}

/** Whether it concerns more devices than it names. */
function isLong({ named }: Ask): boolean {
  return named === undefined || named.filters.length > 0;
}

const MAX_REQUEST = 2 ** 31;

function queueOf(session: SubscriberSession): RequestQueue {
  session.requests ??= new RequestQueue();
  return session.requests;
}
