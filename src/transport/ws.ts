/** The transport port on the `ws` package: for hosts where no uWebSockets.js binary loads. One thread only. */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_HANDSHAKE_MS, UPGRADE_MS_MAX } from '../limits.ts';
import type { Tls } from './tls.ts';
import {
  ListenError,
  type Listener,
  type ListenerOptions,
  type Socket,
  type Transport,
  type UpgradeAnswer,
} from './transport.ts';

/** @param tls undefined: plain TCP */
export function createWsTransport(tls?: Tls): Transport {
  return { name: 'ws', listen: (host, port, options) => listen(tls, host, port, options) };
}

/** As uWebSockets.js has it: who has not sent the head of an upgrade by then is cut off. */
const HEAD_TIMES = { headersTimeout: UPGRADE_MS_MAX, connectionsCheckingInterval: 1000 } as const;

async function listen<Session>(
  tls: Tls | undefined,
  host: string,
  port: number,
  options: ListenerOptions<Session>,
): Promise<Listener> {
  const topics = new Topics<Session>();
  const sockets = new Set<WsSocket<Session>>();
  const server =
    tls === undefined
      ? createServer(HEAD_TIMES)
      : createTlsServer({ ...HEAD_TIMES, handshakeTimeout: UPGRADE_MS_MAX, cert: tls.cert, key: tls.key });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const here = pathOf(request) === options.path;
    response.writeHead(here ? 426 : 404, {
      'Content-Type': 'text/plain; charset=utf-8',
      ...(here ? UPGRADE : {}),
    });
    response.end(here ? 'this is a WebSocket endpoint\n' : `no such path; ${options.path} is served here\n`);
  });
  const acceptor = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: options.frameBytesMax,
    clientTracking: false,
    handleProtocols: (_offered, request) => chosenProtocols.get(request) ?? false,
  });
  server.on('upgrade', (request, stream, head) => {
    upgrade(options, request, stream, (session) => {
      acceptor.handleUpgrade(request, stream, head, (ws) => {
        const socket = new WsSocket(session, ws, stream as TcpSocket, options, topics);
        sockets.add(socket);
        ws.on('close', () => sockets.delete(socket));
        serve(socket, ws, stream as TcpSocket, options);
      });
    });
  });
  await bind(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    publish: (topic, frame, binary) => topics.publish(topic, frame, binary),
    stopAccepting: () => void server.close(),
    close() {
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.terminate();
    },
  };
}

const UPGRADE = { Upgrade: 'websocket', Connection: 'Upgrade' };

/** What `upgrade` chose, for the handshake that follows it. */
const chosenProtocols = new WeakMap<IncomingMessage, string>();

function upgrade<Session>(
  { path, handlers }: ListenerOptions<Session>,
  request: IncomingMessage,
  stream: Duplex,
  accept: (session: Session) => void,
): void {
  stream.on('error', () => stream.destroy());
  const header = (name: string): string => String(request.headers[name] ?? '');
  if (pathOf(request) !== path) {
    refuse(stream, 404, `no such path; ${path} is served here`);
  } else if (header('sec-websocket-version') !== '13') {
    refuse(stream, 426, 'WebSocket version 13 is accepted', { 'Sec-WebSocket-Version': '13' });
  } else if (header('sec-websocket-key') === '') {
    refuse(stream, 400, 'Sec-WebSocket-Key is missing');
  } else {
    const query = (request.url ?? '').split('?')[1] ?? '';
    const finish = (answer: UpgradeAnswer<Session>): void => {
      if (stream.destroyed) return;
      if ('status' in answer) {
        refuse(stream, answer.status, answer.message, answer.headers);
        return;
      }
      if (answer.protocol !== undefined) chosenProtocols.set(request, answer.protocol);
      accept(answer.session);
    };
    const answer = handlers.upgrade({ query, header, remoteAddress: request.socket.remoteAddress ?? '' });
    if (answer instanceof Promise) void answer.then(finish);
    else finish(answer);
  }
}

function serve<Session>(
  socket: WsSocket<Session>,
  ws: WebSocket,
  tcp: TcpSocket,
  { handlers }: ListenerOptions<Session>,
): void {
  ws.on('message', (frame: Buffer, binary) => handlers.message(socket, frame, binary));
  ws.on('pong', () => handlers.controlPong(socket));
  ws.on('error', () => {}); // a protocol error; `close` follows with its code
  ws.on('close', (code) => {
    socket.ended();
    handlers.close(socket, socket.closeCode ?? code);
  });
  tcp.on('drain', () => handlers.writable(socket));
  handlers.open(socket);
}

/** Sockets by topic. */
class Topics<Session> {
  readonly #sockets = new Map<string, Set<WsSocket<Session>>>();

  join(topic: string, socket: WsSocket<Session>): void {
    const members = this.#sockets.get(topic);
    if (members === undefined) this.#sockets.set(topic, new Set([socket]));
    else members.add(socket);
  }

  leave(topic: string, socket: WsSocket<Session>): void {
    const members = this.#sockets.get(topic);
    if (members?.delete(socket) && members.size === 0) this.#sockets.delete(topic);
  }

  publish(topic: string, frame: Uint8Array, binary: boolean): void {
    const members = this.#sockets.get(topic);
    if (members === undefined) return;
    const bytes = Buffer.from(frame); // a copy: ws may write later than this returns
    for (const socket of members) socket.sendCopied(bytes, binary);
  }
}

class WsSocket<Session> implements Socket<Session> {
  readonly session: Session;
  readonly #ws: WebSocket;
  readonly #tcp: TcpSocket;
  readonly #options: ListenerOptions<Session>;
  readonly #topics: Topics<Session>;
  readonly #joined = new Set<string>();
  /** Code that this side closes with, undefined while it does not. */
  closeCode: number | undefined;

  constructor(
    session: Session,
    ws: WebSocket,
    tcp: TcpSocket,
    options: ListenerOptions<Session>,
    topics: Topics<Session>,
  ) {
    this.session = session;
    this.#ws = ws;
    this.#tcp = tcp;
    this.#options = options;
    this.#topics = topics;
  }

  send(frame: string | Uint8Array, binary: boolean): void {
    this.sendCopied(typeof frame === 'string' ? frame : Buffer.from(frame), binary);
  }

  /** Sends bytes that nobody writes to any more. */
  sendCopied(frame: string | Buffer, binary: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const { queueBytesMax, handlers } = this.#options;
    if (queueBytesMax > 0 && this.#ws.bufferedAmount > queueBytesMax) handlers.dropped(this);
    else this.#ws.send(frame, { binary });
  }

  cork(body: () => void): void {
    this.#tcp.cork();
    body();
    this.#tcp.uncork();
  }

  ping(): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
  }

  close(code: number, reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.closeCode = code;
    this.#options.handlers.closing(this);
    this.#ws.close(code, reason);
    setTimeout(() => this.terminate(), CLOSE_HANDSHAKE_MS).unref();
  }

  terminate(): void {
    if (this.#ws.readyState !== this.#ws.CLOSED) this.#ws.terminate();
  }

  join(topic: string): void {
    this.#joined.add(topic);
    this.#topics.join(topic, this);
  }

  leave(topic: string): void {
    this.#joined.delete(topic);
    this.#topics.leave(topic, this);
  }

  bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** The connection is over. */
  ended(): void {
    for (const topic of this.#joined) this.#topics.leave(topic, this);
    this.#joined.clear();
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?')[0] ?? '';
}

function refuse(
  stream: Duplex,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const lines = Object.entries({
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(message) + 1),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${message}\n`);
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message;
      reject(new ListenError(`cannot listen on ${host}:${port}: ${why}`));
    });
    server.listen(port, host, resolve);
  });
}
