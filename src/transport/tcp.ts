/**
 * The transport port on plain TCP and TLS, for protocols with their own framing. `message` gets bytes as they arrive,
 * split anywhere. One thread only.
 *
 * Differences to WebSocket: the upgrade request has an address and nothing else, `ping` does nothing, and peers send no
 * close code. A code passed to `close` is only reported to the handlers.
 */
import { createServer, type Socket as TcpSocket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { CLOSE_HANDSHAKE_MS, UPGRADE_MS_MAX } from '../limits.ts';
import type { Arrivals } from './arrivals.ts';
import { type WaitingConnections, waitingOn } from './node-arrivals.ts';
import { bindServer } from './node-listen.ts';
import { takeReads } from './socket-reads.ts';
import type { Tls } from './tls.ts';
import { TopicMembers } from './topic-members.ts';
import type { Connection, Listener, ListenerHandlers, UpgradeAnswer } from './transport.ts';

export interface TcpOptions<Session> {
  /** A connection that sends nothing for this long after it was accepted is dropped, ms. */
  readonly firstBytesMsMax: number;
  /** Told of each connection that was dropped for that. */
  silent(): void;
  /** Bytes that may wait for one peer before further sends are dropped (`dropped` is called). 0 = no limit. */
  readonly queueBytesMax: number;
  /** Where connections wait until they are admitted; with TLS, also during the handshake. */
  readonly arrivals: Arrivals;
  /** `upgrade` is called when a connection is accepted, with TLS after its handshake. */
  readonly handlers: ListenerHandlers<Session>;
  /**
   * What is said to a connection that was turned away. How depends on what it says first, up to `FIRST_BYTES_MAX`.
   * @param sent what has come so far
   * @returns undefined while more must come; empty when there is nothing to say
   */
  refusal(answer: TurnedAway, sent: Uint8Array): Uint8Array | undefined;
}

/** An answer of `upgrade` that lets nobody in. */
export type TurnedAway = Extract<UpgradeAnswer<never>, { readonly status: number }>;

/** Reported when the peer ends the connection, as for a WebSocket without a close frame. */
const LOST_CODE = 1006;

/** TCP keepalive detects dead peers whose client has no keep-alive of its own. */
const KERNEL_KEEP_ALIVE_MS = 60_000;

/**
 * @param tls undefined: plain TCP
 * @throws ListenError when the address cannot be bound
 */
export async function listenTcp<Session>(
  tls: Tls | undefined,
  host: string,
  port: number,
  options: TcpOptions<Session>,
): Promise<Listener> {
  const topics = new Topics<Session>();
  const server =
    tls === undefined
      ? createServer(SOCKET_OPTIONS)
      : createTlsServer({
          ...SOCKET_OPTIONS,
          cert: tls.cert,
          key: tls.key,
          handshakeTimeout: 2 * UPGRADE_MS_MAX,
        });
  const waiting = waitingOn(server, options.arrivals); // first: a connection waits before it is admitted
  server.on(tls === undefined ? 'connection' : 'secureConnection', (tcp: TcpSocket) =>
    admit(tcp, options, { topics, waiting }),
  );
  // With TLS these are the raw sockets, including those still in their handshake.
  const sockets = new Set<TcpSocket>();
  server.on('connection', (tcp: TcpSocket) => {
    sockets.add(tcp);
    tcp.on('close', () => sockets.delete(tcp));
  });
  return {
    port: await bindServer(server, host, port),
    publish: (topic, bytes) => topics.publish(topic, bytes),
    stopAccepting: () => void server.close(),
    useTls({ cert, key }) {
      if (tls === undefined) throw new Error('this listener has no certificate');
      (server as TlsServer).setSecureContext({ cert, key });
    },
    close() {
      server.close();
      for (const tcp of sockets) tcp.destroy();
    },
  };
}

const SOCKET_OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KERNEL_KEEP_ALIVE_MS,
} as const;

const ignored = (): void => {};

interface Shared<Session> {
  readonly topics: Topics<Session>;
  readonly waiting: WaitingConnections;
}

/** Nothing is read before the peer is admitted. */
function admit<Session>(
  tcp: TcpSocket,
  options: TcpOptions<Session>,
  { topics, waiting }: Shared<Session>,
): void {
  tcp.on('error', ignored); // `close` follows
  const finish = (answer: UpgradeAnswer<Session>): void => {
    if (tcp.destroyed) return;
    if ('status' in answer) {
      refuse(tcp, answer, options);
      return;
    }
    waiting.settle(tcp);
    serve(new TcpConnection(answer.session, tcp, options, topics), tcp, options);
  };
  const remoteAddress = tcp.remoteAddress ?? '';
  const answer = options.handlers.upgrade({ query: '', header: () => '', remoteAddress });
  if (answer instanceof Promise) void answer.then(finish);
  else finish(answer);
}

/** Of what a connection says that was turned away. */
const FIRST_BYTES_MAX = 64;

/** It stays among the arrivals until it is gone: they bound how many there are, and how long. */
function refuse<Session>(tcp: TcpSocket, answer: TurnedAway, { refusal }: TcpOptions<Session>): void {
  let sent = Buffer.alloc(0);
  let isAnswered = false;
  tcp.on('data', (bytes: Buffer) => {
    if (isAnswered) return; // read on: unread bytes would turn the end into a reset
    sent = Buffer.concat([sent, bytes.subarray(0, FIRST_BYTES_MAX - sent.length)]);
    const said = refusal(answer, sent);
    if (said === undefined && sent.length < FIRST_BYTES_MAX) return;
    isAnswered = true;
    if (said === undefined || said.length === 0) tcp.destroy();
    else tcp.end(said);
  });
}

function serve<Session>(
  connection: TcpConnection<Session>,
  tcp: TcpSocket,
  { handlers, firstBytesMsMax, silent }: TcpOptions<Session>,
): void {
  // Not the socket's own timeout: that would stay with it for life.
  let silence: NodeJS.Timeout | undefined = setTimeout(() => {
    silent();
    tcp.destroy();
  }, firstBytesMsMax);
  takeReads(tcp, (bytes) => {
    if (silence !== undefined) {
      clearTimeout(silence);
      silence = undefined;
    }
    // Keep reading after `close`: unread bytes would turn the close into a reset, and the last packets could be lost.
    if (connection.closeCode === undefined) handlers.message(connection, bytes, true);
  });
  tcp.on('drain', () => handlers.writable(connection));
  tcp.on('close', () => {
    clearTimeout(silence);
    connection.ended();
    handlers.close(connection, connection.closeCode ?? LOST_CODE);
  });
  handlers.open(connection);
}

/** Connections by topic. What one turn of the event loop sends to a connection leaves in one write. */
class Topics<Session> extends TopicMembers<TcpConnection<Session>> {
  /** Have something to be written at the end of this turn. */
  #posted: TcpConnection<Session>[] = [];

  publish(topic: string, bytes: Uint8Array): void {
    const members = this.of(topic);
    if (members === undefined) return;
    const copy = Buffer.from(bytes); // a peer that is slow is written to later than this returns
    for (const connection of members) connection.post(copy);
  }

  /** Flushes the connection at the end of this turn. */
  flushSoon(connection: TcpConnection<Session>): void {
    if (this.#posted.push(connection) > 1) return;
    queueMicrotask(() => {
      const posted = this.#posted;
      this.#posted = [];
      for (const each of posted) each.flush();
    });
  }
}

/** Posted bytes are put together up to here, so that a peer has something to read before all of it has come. */
const POSTED_BYTES_MAX = 64 * 1024;

/** Shared by all connections with nothing posted; never written. */
const NOTHING: Buffer[] = [];

class TcpConnection<Session> implements Connection<Session> {
  readonly session: Session;
  readonly transport = 'tcp';
  readonly #tcp: TcpSocket;
  readonly #options: TcpOptions<Session>;
  readonly #topics: Topics<Session>;
  /** Created with the first topic: most connections have none. */
  #joined: Set<string> | undefined;
  /** The code passed to `close`, undefined before. */
  closeCode: number | undefined;
  /** To be written in one go, before anything else. */
  #posted: Buffer[] = NOTHING;
  #postedBytes = 0;

  constructor(session: Session, tcp: TcpSocket, options: TcpOptions<Session>, topics: Topics<Session>) {
    this.session = session;
    this.#tcp = tcp;
    this.#options = options;
    this.#topics = topics;
  }

  send(bytes: string | Uint8Array): void {
    this.post(typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes));
  }

  /** Sends bytes that will not be modified. */
  post(bytes: Buffer): void {
    if (!this.#takes()) return;
    this.#postedBytes += bytes.length;
    if (this.#posted.length === 0) {
      this.#posted = [bytes];
      this.#topics.flushSoon(this);
    } else this.#posted.push(bytes);
    if (this.#postedBytes >= POSTED_BYTES_MAX) this.flush();
  }

  /** Writes what was posted. */
  flush(): void {
    const posted = this.#posted;
    if (posted.length === 0) return;
    const bytes = posted.length === 1 ? posted[0]! : Buffer.concat(posted, this.#postedBytes);
    this.#posted = NOTHING;
    this.#postedBytes = 0;
    if (!this.#tcp.destroyed) this.#tcp.write(bytes);
  }

  /** Whether it is open, and has room for more. */
  #takes(): boolean {
    if (this.closeCode !== undefined || this.#tcp.destroyed) return false;
    const { queueBytesMax, handlers } = this.#options;
    if (queueBytesMax === 0 || this.bufferedBytes() <= queueBytesMax) return true;
    handlers.dropped(this);
    return false;
  }

  cork(body: () => void): void {
    body(); // what a turn sends leaves in one write anyway
  }

  get remoteAddress(): string {
    return this.#tcp.remoteAddress ?? '';
  }

  ping(): void {}

  close(code: number): void {
    if (this.closeCode !== undefined || this.#tcp.destroyed) return;
    this.flush();
    // Sends from within `closing` are ignored, as on the other transports.
    this.closeCode = code;
    this.#options.handlers.closing(this);
    this.#tcp.end();
    setTimeout(() => this.terminate(), CLOSE_HANDSHAKE_MS).unref();
  }

  terminate(): void {
    this.#tcp.destroy();
  }

  join(topic: string): void {
    this.#joined ??= new Set();
    this.#joined.add(topic);
    this.#topics.join(topic, this);
  }

  leave(topic: string): void {
    this.#joined?.delete(topic);
    this.#topics.leave(topic, this);
  }

  bufferedBytes(): number {
    return this.#tcp.writableLength + this.#postedBytes;
  }

  /** The connection has ended. */
  ended(): void {
    for (const topic of this.#joined ?? []) this.#topics.leave(topic, this);
    this.#joined = undefined;
    this.#posted = NOTHING;
    this.#postedBytes = 0;
  }
}
