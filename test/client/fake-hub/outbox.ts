/** What goes to one subscriber of the fake hub: encodings, batches, pages, pace. */
import type { WebSocket } from 'ws';
import { binaryOf } from './binary.ts';
import type { FakeEvent } from './fleet.ts';

export interface Link {
  readonly socket: WebSocket;
  readonly isBinary: boolean;
  readonly isBatch: boolean;
  readonly everyMs: number | undefined;
}

type Outgoing = FakeEvent & { readonly replay?: boolean; readonly conflated?: number };

export class Outbox {
  /** Entries of one frame. */
  readonly pageSize: number;
  #link: Link | undefined;
  /** By device and type: the newest event and how many it replaced. */
  readonly #paced = new Map<string, { readonly event: FakeEvent; readonly conflated: number }>();
  #pace: NodeJS.Timeout | undefined;
  /** true: everything but high events is lost on its way. */
  losesAllButHigh = false;

  constructor(pageSize: number) {
    this.pageSize = pageSize;
  }

  connect(link: Link): void {
    this.#link?.socket.close(4004, 'replaced');
    this.#link = link;
    this.losesAllButHigh = false;
    if (link.everyMs !== undefined) this.#pace = setInterval(() => this.#tick(), link.everyMs);
  }

  disconnect(): void {
    this.#link = undefined;
    clearInterval(this.#pace);
    this.#paced.clear();
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /** Ends the connection without a close frame. */
  cut(): void {
    this.#link?.socket.terminate();
  }

  send(frame: object): void {
    this.#link?.socket.send(JSON.stringify(frame));
  }

  /** @param frameOf undefined: it has sent the page itself */
  pages<Item>(
    items: readonly Item[],
    frameOf: (page: Item[], more: { readonly more?: true }) => object | undefined,
  ): void {
    for (let at = 0; at < items.length; at += this.pageSize) {
      const isLast = at + this.pageSize >= items.length;
      const frame = frameOf(items.slice(at, at + this.pageSize), isLast ? {} : { more: true });
      if (frame !== undefined) this.send(frame);
    }
  }

  live(event: FakeEvent): void {
    const isPaced = this.#link?.everyMs !== undefined && event.type !== 'status';
    const key = `${event.type} ${event.device}`;
    const waiting = this.#paced.get(key);
    const conflated = waiting === undefined ? 0 : waiting.conflated + 1;
    if (isPaced && event.priority !== 'high') {
      this.#paced.set(key, { event, conflated });
      return;
    }
    if (isPaced) this.#paced.delete(key);
    this.events([{ ...event, ...(isPaced && conflated > 0 && { conflated }) }]);
  }

  events(all: readonly Outgoing[]): void {
    const { isBinary, isBatch, socket } = this.#link ?? {};
    const events = all.filter(({ priority }) => !this.losesAllButHigh || priority === 'high');
    if (isBinary) for (const event of events) socket?.send(binaryOf(event));
    else if (isBatch && events.length > 1)
      this.send({ op: 'batch', events: events.map((event) => ({ op: 'event', ...event })) });
    else for (const event of events) this.send({ op: 'event', ...event });
  }

  #tick(): void {
    const due = [...this.#paced.values()];
    this.#paced.clear();
    this.events(due.map(({ event, conflated }) => ({ ...event, ...(conflated > 0 && { conflated }) })));
  }
}
