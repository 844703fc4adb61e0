/** Fetches and serves kept events of devices with another home, page by page. Cluster thread only. */
import type { Clock } from '../clock.ts';
import type { RecordViews } from '../memory/ring.ts';
import { WaitList } from '../wait-list.ts';
import { copyEvent, EventField } from './event-record.ts';
import type { ClusterHost, HistoryQuery } from './host.ts';
import { CALL_MS, HISTORIES_WAITING_MAX, HISTORY_PAGE_EVENTS_MAX } from './limits.ts';
import type { Peer } from './peer.ts';
import { history, historyEnd, PAST } from './records.ts';
import { requestNumbers } from './request-numbers.ts';

interface Waiting {
  readonly peer: Peer;
  readonly untilMs: number;
  /** Events that may still come. */
  left: number;
}

interface Asked extends HistoryQuery {
  readonly id: string;
  readonly request: number;
}

export class Histories {
  readonly #clock: Clock;
  readonly #host: ClusterHost;
  readonly #waiting = new Map<number, Waiting>();
  /** What peers ask, while there is no room on the way back to them. */
  readonly #untilRoom = new Map<Peer, WaitList<number, Asked>>();
  readonly #nextRequest = requestNumbers();

  constructor(clock: Clock, host: ClusterHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /**
   * Asks the home for a page. The host gets `past` for each event, oldest first, then `historyDone`. @returns the
   * request's number
   */
  ask(peer: Peer | undefined, id: string, query: HistoryQuery): number {
    const request = this.#nextRequest();
    if (peer?.isReady !== true) {
      this.#host.historyDone(request, false, true, '');
      return request;
    }
    const max = Math.min(query.max, HISTORY_PAGE_EVENTS_MAX);
    this.#waiting.set(request, { peer, untilMs: this.#clock.now() + CALL_MS, left: max });
    history.write(peer.session, { ...query, max, id, request });
    return request;
  }

  // As the home.

  /** Pages are sent as there is room, so that a request for many devices does not end the session. */
  onAsked(peer: Peer, asked: Asked): void {
    const waiting = this.#untilRoom.get(peer) ?? new WaitList<number, Asked>();
    if (waiting.size === 0 && peer.session.hasRoom) {
      this.#answer(peer, asked);
      return;
    }
    this.#untilRoom.set(peer, waiting);
    if (waiting.size < HISTORIES_WAITING_MAX) waiting.set(asked.request, asked);
    else this.end(peer, asked.request, false, false, '');
  }

  /** Answers waiting requests, while there is room. */
  pump(peer: Peer): void {
    const waiting = this.#untilRoom.get(peer);
    while (waiting !== undefined && waiting.size > 0 && peer.session.hasRoom)
      this.#answer(peer, waiting.take()!);
    if (waiting?.size === 0) this.#untilRoom.delete(peer);
  }

  #answer(peer: Peer, { request, id, epoch, after, before, max }: Asked): void {
    const query = { epoch, after, before, max: Math.min(max, HISTORY_PAGE_EVENTS_MAX) };
    this.#host.history(peer.number, request, id, query);
  }

  /** An event that a peer asked for. */
  past(peer: Peer, request: number, views: RecordViews, offset: number, bytes: number): void {
    const at = peer.session.claim(PAST, bytes);
    const target = peer.session.views;
    copyEvent(views, offset, target, at, bytes);
    target.u8[at + EventField.ackBytes] = 0;
    target.u32[(at + EventField.session) >> 2] = request;
  }

  end(peer: Peer, request: number, found: boolean, more: boolean, epoch: string): void {
    historyEnd.write(peer.session, { request, found, more, epoch });
  }

  // As the one who asked.

  onPast(peer: Peer, views: RecordViews, offset: number, bytes: number): void {
    const request = views.u32[(offset + EventField.session) >> 2]!;
    const waiting = this.#waiting.get(request);
    if (waiting === undefined || waiting.peer !== peer || waiting.left === 0) return;
    waiting.left -= 1;
    this.#host.past(request, views, offset, bytes);
  }

  onEnd(
    peer: Peer,
    { request, found, more, epoch }: { request: number; found: boolean; more: boolean; epoch: string },
  ): void {
    if (this.#waiting.get(request)?.peer !== peer) return;
    this.#waiting.delete(request);
    this.#host.historyDone(request, found, found && more, epoch);
  }

  sessionEnded(peer: Peer): void {
    this.#untilRoom.delete(peer);
    for (const [request, waiting] of this.#waiting) if (waiting.peer === peer) this.#fail(request);
  }

  tick(): void {
    const now = this.#clock.now();
    for (const [request, { untilMs }] of this.#waiting) if (untilMs <= now) this.#fail(request);
  }

  #fail(request: number): void {
    this.#waiting.delete(request);
    this.#host.historyDone(request, false, true, '');
  }
}
