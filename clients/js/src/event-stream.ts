/** Events to iterate over, held in a bounded buffer while the consumer is busy. */
import type { TunnelError } from './errors.ts';
import type { DeviceEvent } from './frames.ts';

/**
 * All events from its creation on. When the consumer is behind by more than the limit, the oldest event is dropped and
 * counted; the numbers of the events show where. Ends with the subscriber: normally after `close()`, otherwise with the
 * TunnelError that says why.
 */
export class EventStream<Event = DeviceEvent> implements AsyncIterableIterator<Event> {
  readonly #limit: number;
  readonly #buffer: Event[] = [];
  /** Calls of `next` that wait for an event; empty when the buffer is not. */
  readonly #waiting: ((result: IteratorResult<Event> | Promise<IteratorResult<Event>>) => void)[] = [];
  readonly #leave: () => void;
  #isOver = false;
  #error: TunnelError | undefined;
  #dropped = 0;

  /**
   * Use `Subscriber.events`.
   * @param follow starts to push events, and ends the stream when the subscriber ends; returns a function that stops it
   */
  constructor(
    limit: number,
    follow: (push: (event: Event) => void, end: (error: TunnelError | undefined) => void) => () => void,
  ) {
    this.#limit = limit;
    this.#leave = follow(
      (event) => this.#push(event),
      (error) => this.#end(error),
    );
  }

  /** Events dropped so far because the consumer was behind. */
  get dropped(): number {
    return this.#dropped;
  }

  async next(): Promise<IteratorResult<Event>> {
    const value = this.#buffer.shift();
    if (value !== undefined) return { value, done: false };
    if (this.#error !== undefined) throw this.#error;
    if (this.#isOver) return { value: undefined, done: true };
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Stops listening and discards buffered events. A `break` out of `for await` does this. */
  return(): Promise<IteratorResult<Event>> {
    this.#buffer.length = 0;
    this.#end(undefined);
    return this.next();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #push(value: Event): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting({ value, done: false });
    else if (this.#buffer.push(value) > this.#limit) {
      this.#buffer.shift();
      this.#dropped += 1;
    }
  }

  #end(error: TunnelError | undefined): void {
    this.#leave();
    this.#isOver = true;
    this.#error = error;
    for (const resolve of this.#waiting.splice(0)) resolve(this.next());
  }
}
