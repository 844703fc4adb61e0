/**
 * Ends TLS in front of a plain listener: a node:tls server that accepts each connection, tells the listener whose it is,
 * and carries bytes both ways. It knows only three things of WebSocket: where the request's head ends, whether the answer
 * is 101, and whether the peer has sent a close frame. It runs in a thread of its own, so handshakes delay no event.
 *
 * It does what uWebSockets.js does not: it takes every byte that comes before the end of TLS, and lets a peer finish the
 * close handshake before TLS ends (decision 0033).
 */
import { connect, type Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { addressBytes } from '../ip.ts';
import { CLOSE_HANDSHAKE_MS, UPGRADE_MS_MAX } from '../limits.ts';
import type { Arrivals } from './arrivals.ts';
import { CloseWatch } from './close-watch.ts';
import { HeadWatch } from './head-watch.ts';
import { waitingOn } from './node-arrivals.ts';
import { bindServer } from './node-listen.ts';
import { proxyHeader } from './proxy-header.ts';

export interface Certificate {
  /** PEM: the server's certificate, then those between it and the root. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface TlsFrontOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Unix socket of the listener behind it. */
  readonly path: string;
  readonly certificate: Certificate;
  readonly arrivals: Arrivals;
}

export interface TlsFront {
  readonly port: number;
  /** New connections get this certificate. */
  useTls(certificate: Certificate): void;
  /** The open connections stay. */
  stopAccepting(): void;
  /** Ends every connection behind what was sent on it; those that are still there after a moment are dropped. */
  close(): void;
}

/** How long `close` lets peers take what is on its way to them. */
const LEAVE_MS = 500;

/** @throws ListenError when the address cannot be bound */
export async function openTlsFront(options: TlsFrontOptions): Promise<TlsFront> {
  const { host, port, path, certificate, arrivals } = options;
  const open = new Set<Bridge>();
  const server = createServer({ ...certificate, allowHalfOpen: true, handshakeTimeout: 2 * UPGRADE_MS_MAX });
  const waiting = waitingOn(server, arrivals);
  server.on('secureConnection', (client) => {
    const bridge = new Bridge(client, path, {
      answered: () => waiting.settle(client),
      ended: () => open.delete(bridge),
    });
    open.add(bridge);
  });
  // The raw sockets, also those in their handshake.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_, client) => client.destroy());
  return {
    port: await bindServer(server, host, port),
    useTls: (next) => server.setSecureContext({ ...next }),
    stopAccepting: () => void server.close(),
    close() {
      server.close();
      for (const bridge of open) bridge.end();
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, LEAVE_MS).unref();
    },
  };
}

/** Of all connections: what is in it is copied before the next is read. */
const READ_BYTES = 64 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** A Unix socket refuses at once when as many connections wait as its listener allows, where TCP would wait. */
const BACKLOG_FULL = 'EAGAIN';
const TRY_AGAIN_MS = 20;

const UPGRADED = 'HTTP/1.1 101 ';

/** What a client may send behind its request before it has the answer, bytes; then it is not read until it has. */
const HELD_BYTES_MAX = 64 * 1024;

interface BridgeEvents {
  /** The listener has sent its first bytes. */
  answered(): void;
  ended(): void;
}

/** One client, and its connection to the listener. */
class Bridge {
  readonly #client: TLSSocket;
  #listener: Socket;
  readonly #events: BridgeEvents;
  readonly #head = new HeadWatch();
  /** What the client sent behind its request, until the answer. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The beginning of the answer, as far as it has come; undefined once it is known what it is. */
  #answer: string | undefined = '';
  /** Of what the client sends; undefined before the upgrade. */
  #watch: CloseWatch | undefined;
  #hasClientEnded = false;
  #hasListenerEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: TLSSocket, path: string, events: BridgeEvents) {
    this.#client = client;
    this.#events = events;
    client.setNoDelay(true);
    client.on('error', () => {}); // 'close' follows
    client.on('close', () => this.#over());
    this.#listener = this.#connect(path);
  }

  /** Nothing is read of the client before the listener has its connection. */
  #connect(path: string): Socket {
    const listener = connect({
      path,
      allowHalfOpen: true,
      onread: { buffer: readBuffer, callback: (bytes) => this.#toClient(bytes) },
    });
    let isBusy = false;
    listener.once('connect', () => this.#begin());
    listener.on('drain', () => this.#client.resume());
    listener.on('end', () => this.#listenerEnded());
    listener.on('error', ({ code }: NodeJS.ErrnoException) => {
      isBusy = code === BACKLOG_FULL; // 'close' follows
    });
    listener.on('close', () => {
      if (isBusy && !this.#client.destroyed) this.#tryAgain(path);
      else if (!this.#hasListenerEnded) this.destroy();
    });
    return listener;
  }

  /** The listener's thread has not accepted for a while. How long a client may wait for that is the arrivals' business. */
  #tryAgain(path: string): void {
    this.#timer = setTimeout(() => {
      this.#listener = this.#connect(path);
    }, TRY_AGAIN_MS);
  }

  #begin(): void {
    const client = this.#client;
    this.#listener.write(
      proxyHeader({ address: addressBytes(client.remoteAddress ?? ''), port: client.remotePort ?? 0 }),
    );
    client.on('drain', () => this.#listener.resume());
    client.on('end', () => {
      this.#hasClientEnded = true;
      if (this.#held.length === 0) this.#listener.end();
    });
    client.on('data', (chunk: Buffer) => this.#toListener(chunk));
  }

  /** Nothing more is sent to the client. */
  end(): void {
    this.#endClient();
  }

  destroy(): void {
    this.#client.destroy();
    this.#listener.destroy();
  }

  /**
   * Only one request passes: the library would take another behind a refused one, and believe what that says of its
   * address.
   */
  #toListener(chunk: Buffer): void {
    if (this.#watch !== undefined) {
      this.#pass(chunk);
      return;
    }
    const headBytes = this.#head.push(chunk);
    if (headBytes > 0) this.#pass(chunk.subarray(0, headBytes));
    if (headBytes === chunk.length || this.#answer === undefined) return; // refused: nothing else is taken
    this.#held.push(chunk.subarray(headBytes));
    this.#heldBytes += chunk.length - headBytes;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#client.pause();
  }

  #pass(chunk: Buffer): void {
    this.#watch?.push(chunk);
    if (!this.#hasListenerEnded) {
      if (!this.#listener.write(chunk)) this.#client.pause();
    } else if (this.#watch?.hasClosed) {
      this.#endClient();
    }
  }

  /** @returns false: no more is read until the client has taken it */
  #toClient(bytes: number): boolean {
    const chunk = Buffer.from(readBuffer.subarray(0, bytes));
    if (this.#answer !== undefined) this.#answered(chunk);
    return this.#client.write(chunk);
  }

  /** The listener may send its answer in small pieces. */
  #answered(chunk: Buffer): void {
    if (this.#answer === '') this.#events.answered();
    const answer = this.#answer + chunk.toString('latin1', 0, UPGRADED.length);
    this.#answer = answer;
    if (answer.length < UPGRADED.length && UPGRADED.startsWith(answer)) return;
    this.#answer = undefined;
    if (answer.startsWith(UPGRADED)) {
      this.#watch = new CloseWatch();
      for (const held of this.#held) this.#pass(held);
    }
    const hadHeld = this.#held.length > 0;
    this.#held = [];
    this.#client.resume();
    if (hadHeld && this.#hasClientEnded) this.#listener.end();
  }

  /**
   * The listener has sent its last byte. After a close frame TLS stays until the peer has answered it: some clients take
   * an end of TLS right behind the frame for a failure.
   */
  #listenerEnded(): void {
    this.#hasListenerEnded = true;
    this.#client.resume();
    const isOver = this.#watch === undefined || this.#watch.hasClosed;
    if (isOver || this.#hasClientEnded) this.#endClient();
    else this.#timer = setTimeout(() => this.#endClient(), CLOSE_HANDSHAKE_MS).unref();
  }

  #endClient(): void {
    clearTimeout(this.#timer);
    if (this.#client.writableEnded) return;
    this.#client.end();
    // One that takes nothing, or never ends its side.
    this.#timer = setTimeout(() => this.destroy(), CLOSE_HANDSHAKE_MS).unref();
  }

  #over(): void {
    clearTimeout(this.#timer);
    this.#listener.destroy();
    this.#events.ended();
  }
}
