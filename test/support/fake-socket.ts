/** A WebSocket without a network: the test plays the hub. */
import type { SocketConstructor, SocketEvent, SocketLike } from '../../clients/js/src/socket.ts';

type Listener = (event: SocketEvent) => void;

export class FakeSocket implements SocketLike {
  binaryType = 'blob';
  bufferedAmount = 0;
  readonly url: URL;
  readonly protocols: readonly string[];
  /** What the client sent: text frames parsed, binary ones as Uint8Array. */
  readonly sent: unknown[] = [];
  /** The code that the client closed with. */
  closedWith: number | undefined;
  readonly #listeners: (readonly [string, Listener])[] = [];
  #pinged: () => void = () => {};

  constructor(url: string, protocols: readonly string[] = []) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.push([type, listener]);
  }

  on(_type: 'ping', listener: () => void): void {
    this.#pinged = listener;
  }

  send(data: string | ArrayBuffer): void {
    this.sent.push(typeof data === 'string' ? JSON.parse(data) : new Uint8Array(data));
  }

  close(code?: number): void {
    this.closedWith ??= code;
  }

  /** The hub sends a frame; text that is no JSON with `text`. */
  frame(frame: object): void {
    this.text(JSON.stringify(frame));
  }

  text(data: string): void {
    this.#fire({ type: 'message', data });
  }

  welcome(more: object = {}): void {
    this.frame({ op: 'welcome', device: 'me', pingIntervalMs: 25_000, ...more });
  }

  ping(): void {
    this.#pinged();
  }

  /** The connection ends: with a close frame of the hub, or with 1006 without one. */
  end(code = 1006, reason = ''): void {
    this.#fire({ type: 'close', code, reason });
  }

  /** The connection fails. @param options.closes false: without a close event, as in Node 22 */
  fail(message: string, { closes = true } = {}): void {
    this.#fire({ type: 'error', message });
    if (closes) this.end();
  }

  #fire(event: SocketEvent): void {
    for (const [type, listener] of this.#listeners) if (type === event.type) listener(event);
  }
}

/** A WebSocket class and the sockets made of it, oldest first. */
export function fakeSockets(): { readonly WebSocket: SocketConstructor; readonly sockets: FakeSocket[] } {
  const sockets: FakeSocket[] = [];
  class Recorded extends FakeSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  return { WebSocket: Recorded, sockets };
}
