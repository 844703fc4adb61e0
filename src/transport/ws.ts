/** The transport port on the `ws` package: for hosts where no uWebSockets.js binary loads. One thread only. */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket as TcpSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_HANDSHAKE_MS, HEAD_BYTES_MAX, HEAD_LINES_MAX, UPGRADE_MS_MAX } from '../limits.ts';
import { type HttpRefusal, handshakeProblem, notWebSocket } from './handshake.ts';
import { waitingOn } from './node-arrivals.ts';
import { bindServer } from './node-listen.ts';
import type { Tls } from './tls.ts';
import { TopicMembers } from './topic-members.ts';
import type { Connection, Listener, ListenerOptions, Route, Transport, UpgradeAnswer } from './transport.ts';

/** @param tls undefined: plain TCP */
export function createWsTransport(tls?: Tls): Transport {
  return { name: 'ws', listen: (host, port, options) => listen(tls, host, port, options) };
}

/** Who has not sent the head of an upgrade in time is dropped from the arrivals; Node's own limit only has to lie above. */
const HEAD = { headersTimeout: 2 * UPGRADE_MS_MAX, maxHeaderSize: HEAD_BYTES_MAX } as const;

async function listen(
  tls: Tls | undefined,
  host: string,
  port: number,
  { routes, arrivals }: ListenerOptions,
): Promise<Listener> {
  const topics = new Topics();
  const connections = new Set<WsConnection<unknown>>();
  const byPath = new Map(routes.map((route) => [route.path, served(route)]));
  const notHere: HttpRefusal = {
    status: 404,
    message: `no such path; served here: ${[...byPath.keys()].join(', ')}`,
  };
  const server =
    tls === undefined
      ? createServer(HEAD)
      : createTlsServer({ ...HEAD, handshakeTimeout: 2 * UPGRADE_MS_MAX, cert: tls.cert, key: tls.key });
  const waiting = waitingOn(server, arrivals);
  const asked = new WeakSet<Duplex>();
  /** A second request ends the connection, as with uWebSockets.js. */
  const isFirst = (socket: Duplex): boolean => {
    if (asked.has(socket)) socket.destroy();
    else asked.add(socket);
    return !socket.destroyed;
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!isFirst(request.socket)) return;
    const refusal = byPath.has(pathOf(request)) ? notWebSocket : notHere;
    response.writeHead(refusal.status, headersOf(refusal));
    response.end(bodyOf(refusal));
  });
  server.on('upgrade', (request, stream, head) => {
    stream.on('error', () => stream.destroy());
    if (!isFirst(stream)) return;
    const here = byPath.get(pathOf(request));
    const problem = requestProblem(request) ?? (here === undefined ? notHere : undefined);
    if (here === undefined || problem !== undefined) {
      refuse(stream, problem ?? notHere);
      return;
    }
    const { route, acceptor } = here;
    upgrade(route, request, stream, (session) => {
      waiting.settle(request.socket);
      acceptor.handleUpgrade(request, stream, head, (ws) => {
        const connection = new WsConnection(session, ws, stream as TcpSocket, route, topics);
        connections.add(connection);
        ws.on('close', () => connections.delete(connection));
        serve(connection, ws, stream as TcpSocket, route);
      });
    });
  });
  return {
    port: await bindServer(server, host, port),
    publish: (topic, frame, binary) => topics.publish(topic, frame, binary),
    stopAccepting: () => void server.close(),
    useTls: ({ cert, key }) => (server as TlsServer).setSecureContext({ cert, key }),
    close() {
      server.close();
      server.closeAllConnections();
      for (const connection of connections) connection.terminate();
    },
  };
}

/** The types of the library lack it: how long it waits for the peer's part of a close. */
const LIMITS: object = { closeTimeout: CLOSE_HANDSHAKE_MS };

/** A route with what takes its upgrades. */
function served(route: Route<unknown>) {
  const acceptor = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: route.frameBytesMax,
    clientTracking: false,
    handleProtocols: (_offered, request) => chosenProtocols.get(request) ?? false,
    ...LIMITS,
  });
  return { route, acceptor };
}

/** What uWebSockets.js refuses by itself, and Node lets through in an upgrade. */
function requestProblem({ httpVersion, rawHeaders }: IncomingMessage): HttpRefusal | undefined {
  if (rawHeaders.length > 2 * HEAD_LINES_MAX) return { status: 431, message: 'too many headers' };
  if (httpVersion !== '1.1') return { status: 505, message: 'expected HTTP/1.1' };
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
  return hosts === 1 ? undefined : { status: 400, message: 'expected one Host header' };
}

/** What `upgrade` chose, for the handshake that follows it. */
const chosenProtocols = new WeakMap<IncomingMessage, string>();

function upgrade<Session>(
  { handlers }: Route<Session>,
  request: IncomingMessage,
  stream: Duplex,
  accept: (session: Session) => void,
): void {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const problem = handshakeProblem({ method: request.method ?? '', header });
  if (problem !== undefined) {
    refuse(stream, problem);
    return;
  }
  const query = /\?(.*)/.exec(request.url ?? '')?.[1] ?? '';
  const finish = (answer: UpgradeAnswer<Session>): void => {
    if (stream.destroyed) return;
    if ('status' in answer) {
      refuse(stream, answer);
      return;
    }
    if (answer.protocol !== undefined) chosenProtocols.set(request, answer.protocol);
    // An empty list, which the library refuses.
    else delete request.headers['sec-websocket-protocol'];
    accept(answer.session);
  };
  const answer = handlers.upgrade({ query, header, remoteAddress: request.socket.remoteAddress ?? '' });
  if (answer instanceof Promise) void answer.then(finish);
  else finish(answer);
}

const NO_CLOSE_FRAME = 1006;

/** How long a peer that has closed in order may keep its side of TCP open. */
const LINGER_MS = 250;

/** A peer that has said goodbye, or broken the protocol, has gone, whether or not it keeps its socket open. */
function serve<Session>(
  connection: WsConnection<Session>,
  ws: WebSocket,
  tcp: TcpSocket,
  { handlers }: Route<Session>,
): void {
  let isOver = false;
  const over = (code: number): void => {
    if (isOver) return;
    isOver = true;
    connection.ended();
    handlers.close(connection, connection.closeCode ?? code);
  };
  ws.on('message', (frame: Buffer, binary) => {
    tcp.cork();
    handlers.message(connection, frame, binary);
    tcp.uncork();
  });
  ws.on('ping', () => handlers.controlPing(connection));
  ws.on('pong', () => handlers.controlPong(connection));
  ws.on('error', () => over(NO_CLOSE_FRAME)); // the protocol is broken; the library sends a close frame of its own
  ws.on('close', over);
  tcp.on('finish', () => void setTimeout(() => tcp.destroy(), LINGER_MS).unref()); // both have sent a close frame
  tcp.on('drain', () => {
    if (!isOver) handlers.writable(connection);
  });
  handlers.open(connection);
}

/** Connections by topic. */
class Topics extends TopicMembers<WsConnection<unknown>> {
  publish(topic: string, frame: Uint8Array, binary: boolean): void {
    const members = this.of(topic);
    if (members === undefined) return;
    const bytes = Buffer.from(frame); // a copy: ws may write later than this returns
    for (const connection of members) connection.sendCopied(bytes, binary);
  }
}

class WsConnection<Session> implements Connection<Session> {
  readonly session: Session;
  readonly transport = 'websocket';
  readonly #ws: WebSocket;
  readonly #tcp: TcpSocket;
  readonly #route: Route<Session>;
  readonly #topics: Topics;
  readonly #joined = new Set<string>();
  /** Code that this side closes with, undefined while it does not. */
  closeCode: number | undefined;

  constructor(session: Session, ws: WebSocket, tcp: TcpSocket, route: Route<Session>, topics: Topics) {
    this.session = session;
    this.#ws = ws;
    this.#tcp = tcp;
    this.#route = route;
    this.#topics = topics;
  }

  get remoteAddress(): string {
    return this.#tcp.remoteAddress ?? '';
  }

  send(frame: string | Uint8Array, binary: boolean): void {
    this.sendCopied(typeof frame === 'string' ? frame : Buffer.from(frame), binary);
  }

  /** Sends bytes that nobody writes to any more. */
  sendCopied(frame: string | Buffer, binary: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const { queueBytesMax, handlers } = this.#route;
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
    this.#route.handlers.closing(this);
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

function refuse(stream: Duplex, refusal: HttpRefusal): void {
  const { status } = refusal;
  const body = bodyOf(refusal);
  const headers = { ...headersOf(refusal), 'Content-Length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`);
}

/** Every refusal ends the connection. */
function headersOf({ headers }: HttpRefusal): Record<string, string> {
  const { Connection: said, ...others } = headers ?? {};
  return {
    ...others,
    Connection: said === undefined ? 'close' : `${said}, close`,
    'Content-Type': 'text/plain; charset=utf-8',
  };
}

function bodyOf({ message }: HttpRefusal): string {
  return `${message}\n`;
}
