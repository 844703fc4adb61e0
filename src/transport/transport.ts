/**
 * What the hub needs of a WebSocket server, and no more. It carries bytes and knows no policy: who is admitted, what a
 * frame means and why a connection is closed is the business of the handlers.
 * Implementations: `uws.ts` (uWebSockets.js) and `ws.ts` (the `ws` package, where no uWS binary loads); `tcp.ts` has
 * listeners for protocols with their own framing.
 * A connection belongs to the thread whose listener accepted it; nothing here may be called from another thread.
 */

import type { Arrivals } from './arrivals.ts';
import type { Tls } from './tls.ts';

/** One open connection. `session` is whatever the upgrade answered with: the peer's state for its whole life. */
export interface Connection<Session> {
  readonly session: Session;
  readonly transport: 'websocket' | 'tcp';
  /** Peer's address in text form, '' when unknown or once the connection is over. */
  readonly remoteAddress: string;
  /**
   * Sends one frame. The bytes are copied or written before this returns, so the caller may reuse them.
   * Sending on a closed connection does nothing.
   */
  send(frame: string | Uint8Array, binary: boolean): void;
  /** Runs `body` so that what it sends on this connection leaves in as few writes as possible. */
  cork(body: () => void): void;
  ping(): void;
  /**
   * Sends a close frame behind what waits for the peer and ends the connection: `closing` of the handlers is called
   * from within, `close` follows when the connection is over. A second call does nothing.
   */
  close(code: number, reason: string): void;
  /** Drops the connection without a close frame. */
  terminate(): void;
  /** Adds it to a topic of its listener: from now on it gets what is published there. Routes share topics. */
  join(topic: string): void;
  leave(topic: string): void;
  /** Bytes accepted by `send` or `publish` that the kernel has not taken yet. */
  bufferedBytes(): number;
}

/** What is known of a peer before it is let in. Valid only until `upgrade` returns or first waits. */
export interface UpgradeRequest {
  /** Raw query without `?`, `''` when there is none. */
  readonly query: string;
  /**
   * Value of a header by its lower-case name, `''` when absent. Several lines of one name are joined by `, `, but of
   * `host` and `authorization` the first counts.
   */
  header(name: string): string;
  /** Peer's address in text form, `''` when unknown. */
  readonly remoteAddress: string;
}

/** Let in with this session (and the chosen subprotocol, if any), or turned away with an HTTP status. */
export type UpgradeAnswer<Session> =
  | { readonly session: Session; readonly protocol?: string }
  | {
      readonly status: number;
      readonly message: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** What a route does with its connections. */
export interface ListenerHandlers<Session> {
  /** May take its time; a peer that goes away meanwhile is never opened. Must not reject. */
  upgrade(request: UpgradeRequest): UpgradeAnswer<Session> | Promise<UpgradeAnswer<Session>>;
  open(connection: Connection<Session>): void;
  /**
   * `frame` is valid only while this runs. Text frames are valid UTF-8. The connection is corked: what is sent to it
   * meanwhile leaves in as few writes as possible.
   */
  message(connection: Connection<Session>, frame: Uint8Array, binary: boolean): void;
  /** A WebSocket pong (control frame) came in. */
  controlPong(connection: Connection<Session>): void;
  /** A WebSocket ping came in; the transport has answered it. */
  controlPing(connection: Connection<Session>): void;
  /** The kernel took what was waiting: `bufferedBytes` has shrunk. */
  writable(connection: Connection<Session>): void;
  /** A frame was not queued because more than `queueBytesMax` waits for this peer. */
  dropped(connection: Connection<Session>): void;
  /** This side has begun to close the connection: what is sent to it from here on goes nowhere. */
  closing(connection: Connection<Session>): void;
  /** The connection is over; `code` is that of `Connection.close` if it was called, else the peer's: 1005 when the peer gave none and 1006 when there was no close frame. */
  close(connection: Connection<Session>, code: number): void;
}

/** One path that upgrades, with handlers and limits of its own. A plain request to it is answered with 426. */
export interface Route<Session> {
  /** Begins with a slash; compared exactly. */
  readonly path: string;
  /**
   * Largest frame handed to `message`, bytes. The hub's own limit lies below it, so that the close code is the
   * hub's; a peer beyond this one loses its connection without a close frame.
   */
  readonly frameBytesMax: number;
  /** Bytes that may wait for one peer before frames are dropped (`dropped` is called). 0 = no limit. */
  readonly queueBytesMax: number;
  readonly handlers: ListenerHandlers<Session>;
}

export interface ListenerOptions {
  /** At least one, with different paths. Any other path is answered with 404. */
  // Methods of an interface are bivariant, so a route of any session is one of `unknown`: a route only ever meets its own.
  readonly routes: readonly Route<unknown>[];
  /** Where connections wait until they are answered; shared by the listeners of a thread. */
  readonly arrivals: Arrivals;
}

/** A set of connections on one thread. */
export interface Endpoint {
  /**
   * Sends one frame to every connection of `topic`. The bytes are taken before this returns. The writes may be held
   * until the end of the event loop's turn; frames to one connection keep their order, `send` included.
   */
  publish(topic: string, frame: Uint8Array, binary: boolean): void;
  /** Stops accepting and drops every connection of this endpoint. */
  close(): Promise<void> | void;
}

/** Accepts, or is handed, new connections. */
export interface Accepting {
  /**
   * Connections that come from now on get this certificate; those that are open keep theirs. Only where there was one
   * before. The files have been checked.
   * @throws Error when it cannot be used after all; the one before stays
   */
  useTls(tls: Tls): Promise<void> | void;
}

export interface Listener extends Endpoint, Accepting {
  readonly port: number;
  /** Stops accepting; the open connections stay. */
  stopAccepting(): void;
}

/**
 * Accepts TCP connections on main and hands each, before any HTTP is read, to a child endpoint in a worker, in
 * strict rotation. Only the uws transport can do this.
 */
export interface Acceptor extends Accepting {
  readonly port: number;
  /** `descriptor` comes from `ChildEndpoint.descriptor` of a worker thread. */
  addChild(descriptor: ChildDescriptor): void;
  /** Must be called before the worker's endpoint closes, or accepted connections go to a dead thread. */
  removeChild(descriptor: ChildDescriptor): void;
  stopAccepting(): void;
  close(): Promise<void> | void;
}

/** Opaque token that crosses threads by structured clone. */
export type ChildDescriptor = unknown;

export interface ChildEndpoint extends Endpoint, Accepting {
  /** Another one after `useTls`: the acceptor is to hand connections to that one only. */
  readonly descriptor: ChildDescriptor;
}

export interface Transport {
  readonly name: 'uws' | 'ws';
  /** @throws ListenError when the address cannot be bound. */
  listen(host: string, port: number, options: ListenerOptions): Promise<Listener>;
  /** Present when connections can be handed to other threads. */
  readonly threads?: {
    /** @param arrivals where those wait that come while there is no child */
    acceptor(host: string, port: number, arrivals: Arrivals): Promise<Acceptor>;
    child(options: ListenerOptions): ChildEndpoint;
  };
}

/** The address could not be bound; the message names it and says why in one line. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}
