/** What the client needs of a WebSocket. The browser's, Node's own (22 and later) and that of the `ws` package fit. */

/** What is read of an event of a socket. */
export interface SocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  /** Why connecting failed, where the WebSocket tells: `ws` does, browsers do not. */
  readonly message?: string;
}

/** What is used of a socket. */
export interface SocketLike {
  binaryType: string;
  /** Bytes handed over and not yet sent. */
  readonly bufferedAmount: number;
  send(data: string | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
  addEventListener(
    type: 'open' | 'message' | 'error' | 'close',
    listener: (event: SocketEvent) => void,
  ): void;
  /** Tells of the hub's pings, which only `ws` does. */
  on?(type: 'ping', listener: () => void): unknown;
}

/** A class of such sockets. */
export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

/**
 * The WebSocket to use. There is no `import('ws')` here for Node before 22: a bundler would follow it and put `ws`
 * into pages that never need it, so who runs there passes it in.
 * @throws TypeError when none is given and there is no global one
 */
export function socketConstructor(given: SocketConstructor | undefined): SocketConstructor {
  const found = given ?? (globalThis as { readonly WebSocket?: unknown }).WebSocket;
  if (typeof found === 'function') return found as SocketConstructor;
  throw new TypeError("no global WebSocket: pass { WebSocket } from 'ws'");
}
