/**
 * Sends requests and events, and waits for answers. Without a connection they wait for one. A request that was sent but
 * not answered when the connection is lost fails: nobody knows whether it took effect. A request that the hub refuses
 * because of the rate limit is sent again when the hub says so; later ones wait behind it, so the order is kept.
 */
import { TunnelError } from './errors.ts';
import type { Answer, ErrorFrame } from './frames.ts';
import { after, type Timer } from './timers.ts';
import { RATE_LIMIT } from './wire.ts';

/** The longest `retryAfterMs` that the client accepts, so that every request ends. */
const WAIT_MS_MAX = 60_000;

export interface RequestDeps {
  /** Time limit for the answer, or for a connection to send over. */
  readonly timeoutMs: number;
  /** Requests that may wait for a connection, or until the hub takes requests again. */
  readonly queueLimit: number;
  /** Requests that may wait for an answer. */
  readonly windowSize: number;
  /** Sends, or returns false when too much waits to be sent already. */
  send(data: string | ArrayBuffer): boolean;
  /** Frames and pings received so far. */
  heard(): number;
  /** A request timed out, and nothing was received since it was sent. */
  silent(): void;
}

/** A frame's members; `devices` are those that it names, `device` is the one that a gateway sends it for. */
export interface Fields {
  readonly devices?: readonly string[];
  readonly device?: string;
  readonly [name: string]: unknown;
}

interface Request {
  /** The lowest is sent first. */
  order: number;
  readonly id: number;
  readonly data: string | ArrayBuffer;
  /** undefined: needs no answer. */
  readonly fields: Fields | undefined;
  /** false: fails when the connection is lost before it is sent. */
  readonly outlives: boolean;
  /** The answer so far. */
  readonly pages: Answer[];
  readonly resolve: (pages: readonly Answer[]) => void;
  readonly reject: (error: TunnelError) => void;
  timer?: Timer | undefined;
  heardWhenSent?: number;
}

/** Callers may ignore the promise: its rejection must not end a Node process. */
export function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

export class Requests {
  readonly #deps: RequestDeps;
  /** In their order. */
  #queue = new Set<Request>();
  readonly #sent = new Map<number, Request>();
  #lastId = 0;
  #lastOrder = 0;
  /** Why no more requests are taken. */
  #ended: TunnelError | undefined;
  /** Called when nothing waits any more. */
  #idle: (() => void) | undefined;
  /** Whether there is a connection to send over. */
  #isOpen = false;
  /** Set while the hub accepts no requests. */
  #pause: Timer | undefined;

  constructor(deps: RequestDeps) {
    this.#deps = deps;
  }

  /**
   * Sends a frame with an id and waits for all pages of the answer. Rejects with TunnelError.
   * @param outlives false: fails when the connection is lost before it is sent
   */
  ask(fields: Fields, outlives = true): Promise<readonly Answer[]> {
    const id = ++this.#lastId;
    return this.#add(id, JSON.stringify({ ...fields, id }), fields, outlives);
  }

  /** Sends a frame; resolves when the WebSocket has it. Rejects with TunnelError. */
  tell(data: string | ArrayBuffer, outlives = true): Promise<void> {
    return handled(this.#add(0, data, undefined, outlives).then(() => {}));
  }

  /** Requests that wait to be sent. */
  waiting(): readonly Fields[] {
    return [...this.#queue].flatMap<Fields>(({ fields }) => fields ?? []);
  }

  /** There is a connection: sends what waits. @param first makes requests that are sent before */
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
    const waitMs = frame.op === 'error' && frame.code === RATE_LIMIT ? frame.retryAfterMs : undefined;
    if (waitMs !== undefined) this.#waitFor(waitMs);
    if (request === undefined) return false;
    if (waitMs !== undefined) this.#putBack(request);
    else if (frame.op === 'error') {
      this.#fail(request, new TunnelError('refused', frame.message, frame.code));
    } else {
      request.pages.push(frame);
      if (frame.more) this.#startTimer(request);
      else {
        this.#finish(request);
        request.resolve(request.pages);
      }
    }
    return true;
  }

  /** Fails the requests about this device. */
  giveUp(device: string, error: TunnelError): void {
    for (const request of [...this.#queue, ...this.#sent.values()])
      if (request.fields?.device === device) this.#fail(request, error);
  }

  /** The connection is lost. Unsent requests wait for the next one. */
  drop(error: TunnelError): void {
    this.#isOpen = false;
    clearTimeout(this.#pause);
    this.#pause = undefined;
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

  /** Takes no more requests. Resolves when nothing waits any more, after `timeoutMs` at the latest. */
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
        const mustWait = !this.#isOpen || this.#pause !== undefined;
        if (mustWait && this.#queue.size >= this.#deps.queueLimit) {
          reject(new TunnelError('full', 'too much waits to be sent'));
          return;
        }
        this.#queue.add(request);
        if (this.#isOpen) this.#pump();
        else this.#startTimer(request);
      }),
    );
  }

  /** Sends what may be sent now, in order. */
  #pump(): void {
    for (const request of this.#queue) {
      const isFull = request.fields !== undefined && this.#sent.size >= this.#deps.windowSize;
      if (!this.#isOpen || this.#pause !== undefined || isFull) return;
      this.#queue.delete(request);
      this.#send(request);
    }
  }

  #send(request: Request): void {
    clearTimeout(request.timer);
    request.heardWhenSent = this.#deps.heard();
    if (!this.#deps.send(request.data)) {
      this.#fail(request, new TunnelError('full', 'too much waits to be sent'));
    } else if (request.fields === undefined) {
      this.#finish(request);
      request.resolve([]);
    } else {
      this.#sent.set(request.id, request);
      this.#startTimer(request);
    }
  }

  /** The hub accepts no requests for this long. */
  #waitFor(ms: number): void {
    clearTimeout(this.#pause);
    this.#pause = after(Math.min(ms, WAIT_MS_MAX), () => {
      this.#pause = undefined;
      this.#pump();
    });
  }

  /** Sends it again later, before requests that were made after it. */
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
