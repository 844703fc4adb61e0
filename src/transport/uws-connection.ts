/** A WebSocket of uWebSockets.js as a connection: what is closed is never touched again, as the library would throw. */
import type * as Uws from 'uWebSockets.js';
import { CLOSE_HANDSHAKE_MS } from '../limits.ts';
import type { Connection, ListenerHandlers } from './transport.ts';

/** Joined by a socket that leaves its last topic: uWS forgets what waits for one that is in none. */
const LAST_TOPIC = '*';

/** uWS copies these properties onto its own object of the connection: one is enough. */
export interface UserData<Session> {
  readonly connection: UwsConnection<Session>;
}

export class UwsConnection<Session> implements Connection<Session> {
  readonly session: Session;
  readonly transport = 'websocket';
  /** From `opened` on; uWS throws when a closed socket is touched. */
  #ws!: Uws.WebSocket<UserData<Session>>;
  #open = false;
  #closing = false;
  #topics = 0;
  #inLastTopic = false;
  readonly #handlers: ListenerHandlers<Session>;
  readonly #proxied: string | undefined;
  /** What `close` was called with. */
  #closeWith: { readonly code: number; readonly reason: string } | undefined;

  /** @param proxied the peer's address, if the connection comes from the TLS front */
  constructor(session: Session, handlers: ListenerHandlers<Session>, proxied: string | undefined) {
    this.#proxied = proxied;
    this.session = session;
    this.#handlers = handlers;
  }

  /** Code that this side closes with, undefined while it does not. */
  get closeCode(): number | undefined {
    return this.#closeWith?.code;
  }

  /** The upgrade is done. */
  opened(ws: Uws.WebSocket<UserData<Session>>): void {
    this.#ws = ws;
    this.#open = true;
  }

  get remoteAddress(): string {
    if (this.#proxied !== undefined) return this.#proxied;
    return this.#open ? Buffer.from(this.#ws.getRemoteAddressAsText()).toString() : '';
  }

  send(frame: string | Uint8Array, binary: boolean): void {
    if (this.#open && !this.#closing) this.#ws.send(frame as string, binary, false);
  }

  cork(body: () => void): void {
    if (this.#open) this.#ws.cork(body);
    else body(); // what it sends goes nowhere
  }

  ping(): void {
    if (this.#open && !this.#closing) this.#ws.ping();
  }

  close(code: number, reason: string): void {
    if (!this.#open || this.#closing) return;
    this.#closing = true;
    this.#closeWith = { code, reason };
    const hadTopics = this.#topics > 0 || this.#inLastTopic;
    this.#handlers.closing(this);
    // What was published to it in this turn is in its queue only when the turn is over.
    if (hadTopics) setImmediate(() => this.drained());
    else this.drained();
    // A peer that reads nothing never gets the close frame: its connection must not stay for that.
    if (this.#open) setTimeout(() => this.terminate(), CLOSE_HANDSHAKE_MS).unref();
  }

  /**
   * The kernel took some of what was waiting. The close frame follows the last of it: after `end` a connection is out
   * of reach, and a peer that then reads a little at a time could hold its queue for ever.
   */
  drained(): void {
    const close = this.#closeWith;
    if (close === undefined || !this.#open || this.#ws.getBufferedAmount() > 0) return;
    this.#ws.end(close.code, close.reason);
  }

  terminate(): void {
    if (this.#open) this.#ws.close();
  }

  join(topic: string): void {
    if (!this.#open) return;
    this.#topics += 1;
    this.#ws.subscribe(topic);
  }

  leave(topic: string): void {
    if (!this.#open) return;
    this.#topics -= 1;
    if (this.#topics === 0 && !this.#inLastTopic) {
      this.#inLastTopic = true;
      this.#ws.subscribe(LAST_TOPIC);
    }
    this.#ws.unsubscribe(topic);
  }

  bufferedBytes(): number {
    return this.#open ? this.#ws.getBufferedAmount() : 0;
  }

  /** The connection is over. */
  ended(): void {
    this.#open = false;
  }
}
