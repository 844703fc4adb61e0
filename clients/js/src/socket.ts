/** What the client needs from a WebSocket. Those of browsers, of Node 22 and later and of the `ws` package fit. */

/** The members of a socket's event that the client reads. */
export interface SocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  /** Why connecting failed, if the WebSocket says so: `ws` does, browsers do not. */
  readonly message?: string;
}

/** The members of a socket that the client uses. */
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
  /** Reports the hub's pings; only `ws` has it. */
  on?(type: 'ping', listener: () => void): unknown;
}

/** A class of such sockets. */
export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

/**
 * The WebSocket class to use. There is no `import('ws')` here for Node before 22, because a bundler would follow it and
 * put `ws` into pages that never need it. Programs on such a Node pass it in.
 * @throws TypeError when none is given and there is no global one
 */
export function socketConstructor(given: SocketConstructor | undefined): SocketConstructor {
  const found = given ?? (globalThis as { readonly WebSocket?: unknown }).WebSocket;
  if (typeof found === 'function') return found as SocketConstructor;
  throw new TypeError("no global WebSocket: pass { WebSocket } from 'ws'");
}
