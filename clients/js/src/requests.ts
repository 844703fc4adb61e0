/**
 * What is to be sent and what is to be answered. What is asked for without a connection waits for one; what was sent
 * and not answered when the connection is lost is refused, since nobody knows whether it had its effect. What the hub
 * refuses for its rate is sent again when the hub says so, and what comes after it waits, so that the order holds.
 */
import { TunnelError } from './errors.ts';
import type { Answer, ErrorFrame } from './frames.ts';
import { after, type Timer } from './timers.ts';
import { RATE_LIMIT } from './wire.ts';

/** The hub's wish to wait is followed up to here: a request must come to an end. */
const WAIT_MS_MAX = 60_000;

export interface RequestDeps {
  /** For the answer, or for a connection to ask over. */
  readonly timeoutMs: number;
  /** Requests that may wait for a connection, or for the hub's leave to go on. */
  readonly queueLimit: number;
  /** Requests that may wait for an answer. */
  readonly windowSize: number;
  /** Sends, or returns false when too much waits to be sent already. */
  send(data: string | ArrayBuffer): boolean;
  /** Counts all that came from the hub. */
  heard(): number;
  /** A request timed out, and nothing at all has come since it was sent. */
  silent(): void;
}

/** A frame's members; `devices` are those that it names. */
export interface Fields {
  readonly devices?: readonly string[];
  readonly [name: string]: unknown;
}

interface Request {
  /** Of those that wait, the lowest is sent first. */
  order: number;
  readonly id: number;
  readonly data: string | ArrayBuffer;
  /** undefined: done when sent. */
  readonly fields: Fields | undefined;
  /** false: makes no sense on another connection. */
  readonly outlives: boolean;
  /** The answer so far. */
  readonly pages: Answer[];
  readonly resolve: (pages: readonly Answer[]) => void;
  readonly reject: (error: TunnelError) => void;
  timer?: Timer | undefined;
  heardWhenSent?: number;
}

/** A rejection that nobody looks at must not end a Node process: who sends without waiting for it may. */
export function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

export class Requests {
  readonly #deps: RequestDeps;
  /** By their order. */
  #queue = new Set<Request>();
  readonly #sent = new Map<number, Request>();
  #lastId = 0;
  #lastOrder = 0;
  /** Why nothing can be asked for ever again. */
  #ended: TunnelError | undefined;
  /** Told when nothing waits any more. */
  #idle: (() => void) | undefined;
  /** Whether there is a connection to send over. */
  #isOpen = false;
  /** Until it fires, the hub wants nothing to be sent. */
  #leave: Timer | undefined;

  constructor(deps: RequestDeps) {
    this.#deps = deps;
  }

  /**
   * Sends a frame with an id of its own and waits for the answer, all pages of it. Rejects with TunnelError.
   * @param outlives false: is refused when the connection is lost before it was sent
   */
  ask(fields: Fields, outlives = true): Promise<readonly Answer[]> {
    const id = ++this.#lastId;
    return this.#add(id, JSON.stringify({ ...fields, id }), fields, outlives);
  }

  /** Sends a frame and is done when it was handed to the WebSocket. Rejects with TunnelError. */
  tell(data: string | ArrayBuffer, outlives = true): Promise<void> {
    return handled(this.#add(0, data, undefined, outlives).then(() => {}));
  }

  /** The frames that wait to be sent and will be answered. */
  waiting(): readonly Fields[] {
    return [...this.#queue].map(({ fields }) => fields).filter((fields) => fields !== undefined);
  }

  /** There is a connection: sends what has waited. @param first asks for what is to be sent before it */
  open(first: () => void): void {
    const waiting = this.#queue;
    this.#queue = new Set();
    this.#isOpen = true;
    first();
    for (const request of waiting) {
      request.order = ++this.#lastOrder;
      this.#queue.add(request);
    }
    this.#pump();
  }

  /** @returns whether it belonged to a request that still waited */
  settle(frame: Answer | ErrorFrame): boolean {
    const request = this.#sent.get(frame.id as number);
    if (frame.op !== 'error') {
      request?.pages.push(frame);
      if (frame.more && request !== undefined) this.#startTimer(request);
      else if (request !== undefined) {
        this.#finish(request);
        request.resolve(request.pages);
      }
    } else if (frame.code === RATE_LIMIT && frame.retryAfterMs !== undefined) {
      this.#waitFor(frame.retryAfterMs);
      if (request !== undefined) this.#putBack(request);
    } else if (request !== undefined) {
      this.#fail(request, new TunnelError('refused', frame.message, frame.code));
    }
    return request !== undefined;
  }

  /** The connection is lost. What has not been sent waits for the next. */
  drop(error: TunnelError): void {
    this.#isOpen = false;
    clearTimeout(this.#leave);
    this.#leave = undefined;
    for (const request of this.#sent.values()) this.#fail(request, error);
    for (const request of this.#queue) {
      if (!request.outlives) this.#fail(request, error);
      else if (request.timer === undefined) this.#startTimer(request);
    }
  }

  /** Whether something waits to be sent or answered. */
  get isBusy(): boolean {
    return this.#queue.size + this.#sent.size > 0;
  }

  /** Takes nothing more. Resolves when nothing waits to be sent or answered, or it has waited long enough. */
  finish(error: TunnelError): Promise<void> {
    this.#ended = error;
    return new Promise((resolve) => {
      const timer = after(this.#deps.timeoutMs, resolve);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** There will be no further connection. */
  end(error: TunnelError): void {
    this.#ended = error;
    this.drop(error);
    for (const request of this.#queue) this.#fail(request, error);
  }

  #add(
    id: number,
    data: string | ArrayBuffer,
    fields: Fields | undefined,
    outlives: boolean,
  ): Promise<readonly Answer[]> {
    return handled(
      new Promise((resolve, reject) => {
        if (this.#ended !== undefined) {
          reject(this.#ended);
          return;
        }
        const request: Request = {
          order: ++this.#lastOrder,
          id,
          data,
          fields,
          outlives,
          pages: [],
          resolve,
          reject,
        };
        const mustWait = !this.#isOpen || this.#leave !== undefined;
        if (mustWait && this.#queue.size >= this.#deps.queueLimit) {
          reject(new TunnelError('full', 'too many requests wait to be sent'));
          return;
        }
        this.#queue.add(request);
        if (this.#isOpen) this.#pump();
        else this.#startTimer(request);
      }),
    );
  }

  /** Sends what may be sent, in order. */
  #pump(): void {
    for (const request of this.#queue) {
      const isFull = request.fields !== undefined && this.#sent.size >= this.#deps.windowSize;
      if (!this.#isOpen || this.#leave !== undefined || isFull) return;
      this.#queue.delete(request);
      this.#send(request);
    }
  }

  #send(request: Request): void {
    clearTimeout(request.timer);
    request.heardWhenSent = this.#deps.heard();
    if (!this.#deps.send(request.data)) {
      this.#fail(request, new TunnelError('full', 'too much waits to be sent on this connection'));
    } else if (request.fields === undefined) {
      this.#finish(request);
      request.resolve([]);
    } else {
      this.#sent.set(request.id, request);
      this.#startTimer(request);
    }
  }

  /** The hub wants nothing more to be sent for now. */
  #waitFor(ms: number): void {
    clearTimeout(this.#leave);
    this.#leave = after(Math.min(ms, WAIT_MS_MAX), () => {
      this.#leave = undefined;
      this.#pump();
    });
  }

  /** It is to be sent again, before what was asked for later. */
  #putBack(request: Request): void {
    clearTimeout(request.timer);
    request.timer = undefined;
    this.#sent.delete(request.id);
    this.#queue = new Set([...this.#queue, request].sort((one, other) => one.order - other.order));
  }

  #startTimer(request: Request): void {
    clearTimeout(request.timer);
    request.timer = after(this.#deps.timeoutMs, () => this.#expire(request));
  }

  #expire(request: Request): void {
    const wasSent = this.#sent.has(request.id);
    const { timeoutMs, heard, silent } = this.#deps;
    const what = wasSent ? 'no answer' : 'no connection';
    this.#fail(request, new TunnelError('timeout', `${what} within ${timeoutMs} ms`));
    if (wasSent && heard() === request.heardWhenSent) silent();
  }

  #fail(request: Request, error: TunnelError): void {
    this.#finish(request);
    request.reject(error);
  }

  #finish(request: Request): void {
    clearTimeout(request.timer);
    this.#queue.delete(request);
    this.#sent.delete(request.id);
    if (!this.isBusy) this.#idle?.();
    this.#pump();
  }
}
