/**
 * What is to be sent and what is to be answered. What is asked for without a connection waits for one; what was sent
 * and not answered when the connection is lost is refused, since nobody knows whether it had its effect.
 */
import { TunnelError } from './errors.ts';
import type { Answer, ErrorFrame } from './frames.ts';
import { after, type Timer } from './timers.ts';

export interface RequestDeps {
  /** For the answer, or for a connection to ask over. */
  readonly timeoutMs: number;
  /** Requests that may wait for a connection. */
  readonly queueLimit: number;
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
  readonly id: number;
  readonly data: string | ArrayBuffer;
  /** false: done when sent. */
  readonly answered: boolean;
  readonly fields: Fields | undefined;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: TunnelError) => void;
  timer: Timer | undefined;
  heardWhenSent: number;
}

/** A rejection that nobody looks at must not end a Node process: who sends without waiting for it may. */
export function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

export class Requests {
  readonly #deps: RequestDeps;
  readonly #queue = new Set<Request>();
  readonly #sent = new Map<number, Request>();
  #lastId = 0;
  /** Why nothing can be sent ever again. */
  #ended: TunnelError | undefined;
  /** Told when nothing waits any more. */
  #idle: (() => void) | undefined;
  /** Whether there is a connection to send over. */
  isOpen = false;

  constructor(deps: RequestDeps) {
    this.#deps = deps;
  }

  /** Sends a frame with an id of its own and waits for the answer. Rejects with TunnelError. */
  ask(fields: Fields): Promise<Answer> {
    const id = ++this.#lastId;
    return this.#add(id, JSON.stringify({ ...fields, id }), fields) as Promise<Answer>;
  }

  /** Sends a frame and is done when it was handed to the WebSocket. Rejects with TunnelError. */
  tell(data: string | ArrayBuffer): Promise<void> {
    return this.#add(0, data, undefined) as Promise<undefined>;
  }

  /** The frames that wait for a connection and will be answered. */
  waiting(): readonly Fields[] {
    return [...this.#queue].map(({ fields }) => fields).filter((fields) => fields !== undefined);
  }

  /** There is a connection: sends what has waited. */
  flush(): void {
    for (const request of this.#queue) this.#send(request);
    this.#queue.clear();
  }

  /** @returns whether the answer belonged to a request that still waited */
  settle(answer: Answer | ErrorFrame): boolean {
    const request = this.#sent.get(answer.id as number);
    if (request === undefined) return false;
    this.#finish(request);
    if (answer.op === 'error') request.reject(new TunnelError('refused', answer.message, answer.code));
    else request.resolve(answer);
    return true;
  }

  /** The connection is lost. What has not been sent waits for the next. */
  drop(error: TunnelError): void {
    this.isOpen = false;
    for (const request of this.#sent.values()) this.#fail(request, error);
  }

  /** Whether something waits to be sent or answered. */
  get isBusy(): boolean {
    return this.#queue.size + this.#sent.size > 0;
  }

  /** Takes nothing more. Resolves when nothing waits to be sent or answered, which is in `timeoutMs` at the latest. */
  finish(error: TunnelError): Promise<void> {
    this.#ended = error;
    return new Promise((resolve) => {
      this.#idle = resolve;
      this.#tellIdle();
    });
  }

  /** There will be no further connection. */
  end(error: TunnelError): void {
    this.#ended = error;
    this.drop(error);
    for (const request of this.#queue) this.#fail(request, error);
  }

  #add(id: number, data: string | ArrayBuffer, fields: Fields | undefined): Promise<Answer | undefined> {
    return handled(
      new Promise((resolve, reject) => {
        const answered = fields !== undefined;
        const request: Request = {
          id,
          data,
          answered,
          fields,
          resolve,
          reject,
          timer: undefined,
          heardWhenSent: 0,
        };
        if (this.#ended !== undefined) {
          reject(this.#ended);
          return;
        }
        if (answered || !this.isOpen) {
          request.timer = after(this.#deps.timeoutMs, () => this.#expire(request));
        }
        if (this.isOpen) this.#send(request);
        else if (this.#queue.size < this.#deps.queueLimit) this.#queue.add(request);
        else this.#fail(request, new TunnelError('full', 'too many requests wait for a connection'));
      }),
    );
  }

  #send(request: Request): void {
    request.heardWhenSent = this.#deps.heard();
    if (!this.#deps.send(request.data)) {
      this.#fail(request, new TunnelError('full', 'too much waits to be sent on this connection'));
    } else if (request.answered) {
      this.#sent.set(request.id, request);
    } else {
      this.#finish(request);
      request.resolve(undefined);
    }
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
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (!this.isBusy) this.#idle?.();
  }
}
