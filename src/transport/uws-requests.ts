/**
 * Finds the connection of each request of an app, and lets it wait among the arrivals until it is answered.
 *
 * uWebSockets.js tells of new connections (`filter`) and of requests, but not which belongs to which: each callback gets
 * an object of its own. A request of an address that has one connection waiting is that connection's. Where several
 * wait, there is another way: what the library keeps for a connection are the functions that were given to it, and the
 * one for its data is called right after the handler of a request without a body. So that request is answered a little
 * later, in a turn of its own.
 */
import type * as Uws from 'uWebSockets.js';
import type { ListNode } from '../linked-list.ts';
import type { Arrival, Arrivals } from './arrivals.ts';
import { ListsByKey } from './lists-by-key.ts';

/** A request, as its handler has it. */
export interface UwsRequest {
  readonly response: Uws.HttpResponse;
  /** Of its peer, in text form. */
  readonly address: string;
  /** It announces one; whether it comes is another matter. */
  readonly hasBody: boolean;
}

/** The connection of a request. */
export interface RequestConnection {
  /** There is nobody to answer any more; uWS must not be asked to. */
  readonly isGone: boolean;
  /** The handler of its request is over, and the library's preparations for an answer with it. */
  readonly isLate: boolean;
  /** To be called before it is answered, whatever the answer. */
  settle(): void;
}

type Answer = (peer: RequestConnection) => void;

/** A request whose connection is not known yet. */
interface Pending {
  readonly answer: Answer;
  peer: RequestConnection | undefined;
}

class Waiting implements RequestConnection {
  readonly address: string;
  readonly #arrival: Arrival;
  isGone = false;
  isLate = false;
  /** Among those of its address that have not asked. Undefined: its request is known, and there is no other. */
  place: ListNode<Waiting> | undefined;

  constructor(address: string, arrival: Arrival) {
    this.#arrival = arrival;
    this.address = address;
  }

  settle(): void {
    this.#arrival.settle();
  }
}

export class UwsRequests {
  /** undefined: connections do not wait, and requests are answered at once. */
  #arrivals: Arrivals | undefined;
  readonly #refuseBody: (response: Uws.HttpResponse, peer: RequestConnection) => void;
  /** Those that have not asked. */
  readonly #byAddress = new ListsByKey<Waiting>();
  #pending: Pending | undefined;

  /**
   * @param arrivals undefined: connections come from the TLS front and wait there
   * @param refuseBody answers a request that has a body, and ends its connection
   */
  constructor(
    app: Uws.TemplatedApp,
    arrivals: Arrivals | undefined,
    refuseBody: (response: Uws.HttpResponse, peer: RequestConnection) => void,
  ) {
    this.#arrivals = arrivals;
    this.#refuseBody = refuseBody;
    if (arrivals === undefined) return;
    // biome-ignore lint/suspicious/useIterableCallbackReturn: an app's filter is no list's
    app.filter((response, change) => {
      if (change === 1) this.#arrived(response);
    });
  }

  /** In the handler of a request, which must not answer itself. @param answer called once, unless the peer goes first */
  answer(asked: UwsRequest, answer: Answer): void {
    if (this.#arrivals === undefined) {
      answer(peerOf(asked.response));
      return;
    }
    const waiting = this.#byAddress.get(asked.address);
    const peer = waiting?.first?.item;
    if (waiting === undefined || peer === undefined) {
      asked.response.close(); // all connections of this address have asked already: this one asks again
    } else if (waiting.size === 1) {
      this.#hasAsked(peer);
      answer(peer);
    } else if (!asked.hasBody) {
      this.#answerLater({ answer, peer: undefined });
    }
    // A request with a body, of one of several: `onData` refuses it once the body comes. If none comes, the arrival times out.
  }

  #hasAsked(waiting: Waiting): void {
    const { address, place } = waiting;
    if (place === undefined) return;
    waiting.place = undefined;
    this.#byAddress.remove(address, place);
  }

  #answerLater(pending: Pending): void {
    this.#pending = pending;
    setImmediate(() => {
      const { answer, peer } = pending;
      if (peer === undefined) this.#stopWaiting();
      else if (!peer.isGone) answer(peer);
    });
  }

  #arrived(response: Uws.HttpResponse): void {
    if (this.#arrivals === undefined) return;
    const address = remoteAddressOf(response);
    const arrival = this.#arrivals.add(address, () => response.close());
    const waiting = new Waiting(address, arrival);
    waiting.place = this.#byAddress.add(address, waiting);
    response.onAborted(() => {
      waiting.isGone = true;
      waiting.settle();
      this.#hasAsked(waiting); // and never will
    });
    response.onData((bytes, isLast) => {
      const pending = this.#pending;
      this.#pending = undefined;
      if (waiting.place === undefined) return;
      this.#hasAsked(waiting);
      if (pending !== undefined && isLast && bytes.byteLength === 0) {
        waiting.isLate = true;
        pending.peer = waiting;
        return;
      }
      this.#refuseBody(response, waiting);
    });
  }

  /**
   * The library did not call in the order that this relies on. The peer is not answered, as whether it is still there
   * cannot be told; all others are, without waiting.
   */
  #stopWaiting(): void {
    this.#arrivals?.clear();
    this.#arrivals = undefined;
    this.#byAddress.clear();
  }
}

export function remoteAddressOf(response: Uws.HttpResponse): string {
  return text(response.getRemoteAddressAsText());
}

/** As the TLS front told it. */
export function proxiedAddressOf(response: Uws.HttpResponse): string {
  return text(response.getProxiedRemoteAddressAsText());
}

/** What uWS hands out is valid until the next call. */
function text(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString();
}

/** Of a connection that does not wait. */
function peerOf(response: Uws.HttpResponse): RequestConnection {
  const peer = { isGone: false, isLate: false, settle() {} };
  response.onAborted(() => {
    peer.isGone = true;
  });
  return peer;
}
