/**
 * Finds the connection of each request of an app, and lets it wait among the arrivals until it is answered.
 *
 * uWebSockets.js tells of new connections (`filter`) and of requests, but not which belongs to which: each callback gets
 * an object of its own. What it does keep for a connection are the functions that were given to it. So a new connection
 * is given one for its data, and that one is called right after the handler of its request, with nothing, since an
 * upgrade has no body. Requests are therefore answered a little later, in a turn of their own.
 */
import type * as Uws from 'uWebSockets.js';
import type { Arrivals } from './arrivals.ts';

/** The connection of a request. */
export interface Peer {
  /** There is nobody to answer any more; uWS must not be asked to. */
  readonly isGone: boolean;
  /** To be called before it is answered, whatever the answer. */
  settle(): void;
}

type Answer = (peer: Peer) => void;

/** A request, as its handler has it. */
export interface Asked {
  readonly response: Uws.HttpResponse;
  /** It announces one; whether it comes is another matter. */
  readonly hasBody: boolean;
}

export class UwsRequests {
  readonly #arrivals: Arrivals;
  readonly #refuseBody: (response: Uws.HttpResponse) => void;
  /** Of the request whose handler has run, until its connection is known. */
  #answer: Answer | undefined;
  /** The library does not call in the order that this relies on: connections are answered without being known. */
  #isBlind = false;

  /** @param refuseBody answers a request that has a body, and ends its connection */
  constructor(app: Uws.TemplatedApp, arrivals: Arrivals, refuseBody: (response: Uws.HttpResponse) => void) {
    this.#arrivals = arrivals;
    this.#refuseBody = refuseBody;
    // biome-ignore lint/suspicious/useIterableCallbackReturn: an app's filter is no list's
    app.filter((response, change) => {
      if (change === 1 && !this.#isBlind) this.#arrived(response);
    });
  }

  /** In the handler of a request, which must not answer itself. @param answer called once, unless the peer goes first */
  answer({ response, hasBody }: Asked, answer: Answer): void {
    // Its connection is told when the body comes, and refuses it; when none comes, the wait ends.
    if (hasBody && !this.#isBlind) return;
    if (this.#isBlind) {
      this.#answerBlindly(response, answer);
      return;
    }
    this.#answer = answer;
    setImmediate(() => {
      if (this.#answer !== answer) return;
      // Nobody took it. This peer is not answered: whether it is still there cannot be told.
      this.#isBlind = true;
      this.#answer = undefined;
      this.#arrivals.clear();
    });
  }

  #arrived(response: Uws.HttpResponse): void {
    const address = Buffer.from(response.getRemoteAddressAsText()).toString();
    const arrival = this.#arrivals.add(address, () => response.close());
    let isGone = false;
    const peer: Peer = {
      get isGone() {
        return isGone;
      },
      settle: () => arrival.settle(),
    };
    response.onAborted(() => {
      isGone = true;
      arrival.settle();
    });
    response.onData((bytes, isLast) => {
      const answer = this.#answer;
      this.#answer = undefined;
      if (isGone) return;
      if (answer !== undefined && isLast && bytes.byteLength === 0) {
        setImmediate(() => isGone || answer(peer));
        return;
      }
      arrival.settle();
      this.#refuseBody(response);
    });
  }

  #answerBlindly(response: Uws.HttpResponse, answer: Answer): void {
    let isGone = false;
    response.onAborted(() => {
      isGone = true;
    });
    const peer: Peer = {
      get isGone() {
        return isGone;
      },
      settle() {},
    };
    setImmediate(() => isGone || answer(peer));
  }
}
