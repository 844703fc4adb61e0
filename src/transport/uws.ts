/** The transport port on uWebSockets.js: the only file that touches its API. */
import type * as Uws from 'uWebSockets.js';
import { CLOSE_HANDSHAKE_MS } from '../limits.ts';
import type { Arrivals } from './arrivals.ts';
import { type HttpRefusal, handshakeProblem, hasBody, notWebSocket, withBody } from './handshake.ts';
import type { Tls } from './tls.ts';
import {
  type Acceptor,
  type ChildDescriptor,
  type ChildEndpoint,
  type Connection,
  ListenError,
  type Listener,
  type ListenerHandlers,
  type ListenerOptions,
  type Route,
  type Transport,
  type UpgradeAnswer,
} from './transport.ts';
import { UwsCall } from './uws-call.ts';
import { type Asked, addressOf, type Peer, UwsRequests } from './uws-requests.ts';

/** What uWS has beside its typings. */
interface App extends Uws.TemplatedApp {
  addChildAppDescriptor(descriptor: ChildDescriptor): void;
  removeChildAppDescriptor(descriptor: ChildDescriptor): void;
  getDescriptor(): ChildDescriptor;
  listen(
    host: Uws.RecognizedString,
    port: number,
    options: number,
    listening: (socket: Uws.us_listen_socket | false) => void,
  ): App;
  listen(
    host: Uws.RecognizedString,
    port: number,
    listening: (socket: Uws.us_listen_socket | false) => void,
  ): App;
  listen(port: number, listening: (socket: Uws.us_listen_socket | false) => void): App;
  listen(port: number, options: number, listening: (socket: Uws.us_listen_socket | false) => void): App;
}

export type UwsBinding = typeof Uws & { readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number };

/** Joined by a socket that leaves its last topic: uWS forgets what waits for one that is in none. */
const LAST_TOPIC = '*';

/** @param tls undefined: plain TCP */
export function createUwsTransport(uws: UwsBinding, tls?: Tls): Transport {
  const newApp = (): App => createApp(uws, tls);
  return {
    name: 'uws',
    async listen(host, port, options) {
      const call = new UwsCall(uws);
      const app = routed(newApp(), uws, options, call);
      const { socket, port: bound } = await bind(uws, app, host, port);
      let listening = true;
      const stopAccepting = (): void => {
        if (listening) uws.us_listen_socket_close(socket);
        listening = false;
      };
      return endpoint(app, call, { port: bound, stopAccepting }) satisfies Listener;
    },
    threads: {
      async acceptor(host, port, arrivals): Promise<Acceptor> {
        const app = newApp(); // of the same kind as its children: uWS takes one for the other
        // Reached only while no child is there: the workers are starting or gone.
        const requests = requestsOf(app, arrivals);
        app.any('/*', (response, request) => {
          requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, noWorker, peer));
        });
        const { socket, port: bound } = await bind(uws, app, host, port);
        let listening = true;
        const stopAccepting = (): void => {
          if (listening) uws.us_listen_socket_close(socket);
          listening = false;
        };
        return {
          port: bound,
          addChild: (descriptor) => app.addChildAppDescriptor(descriptor),
          removeChild: (descriptor) => app.removeChildAppDescriptor(descriptor),
          stopAccepting,
          close: () => app.close(),
        };
      },
      child(options): ChildEndpoint {
        const call = new UwsCall(uws);
        const app = routed(newApp(), uws, options, call);
        return endpoint(app, call, { descriptor: app.getDescriptor() });
      },
    },
  };
}

/** What fits the key has been checked; should the files have changed since, uWS throws. */
function createApp(uws: UwsBinding, tls: Tls | undefined): App {
  if (tls === undefined) return uws.App() as App;
  return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) as App;
}

function endpoint<More extends object>(app: Uws.TemplatedApp, call: UwsCall, more: More) {
  return {
    ...more,
    publish(topic: string, frame: Uint8Array, binary: boolean): void {
      // The typings ask for an ArrayBuffer's view; shared memory is taken just as well, and done with on return.
      app.publish(topic, frame as Uint8Array<ArrayBuffer>, binary);
    },
    close(): void {
      app.close();
      call.close();
    },
  };
}

/** uWS copies these properties onto its own object of the connection: one is enough. */
interface UserData<Session> {
  readonly connection: UwsConnection<Session>;
}

class UwsConnection<Session> implements Connection<Session> {
  readonly session: Session;
  /** From `opened` on; uWS throws when a closed socket is touched. */
  #ws!: Uws.WebSocket<UserData<Session>>;
  #open = false;
  #closing = false;
  #topics = 0;
  #inLastTopic = false;
  readonly #handlers: ListenerHandlers<Session>;
  /** What `close` was called with. */
  #closeWith: { readonly code: number; readonly reason: string } | undefined;

  constructor(session: Session, handlers: ListenerHandlers<Session>) {
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

  send(frame: string | Uint8Array, binary: boolean): void {
    if (this.#open && !this.#closing) this.#ws.send(frame as string, binary, false);
  }

  cork(body: () => void): void {
    if (this.#open) this.#ws.cork(body);
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

const noWorker: HttpRefusal = { status: 503, message: 'no worker is ready' };

function requestsOf(app: App, arrivals: Arrivals): UwsRequests {
  return new UwsRequests(app, arrivals, (response) => refuse(response, withBody));
}

function routed(app: App, uws: UwsBinding, { routes, arrivals }: ListenerOptions, call: UwsCall): App {
  const requests = requestsOf(app, arrivals);
  for (const route of routes) addRoute(app, uws, route, requests, call);
  const served = routes.map(({ path }) => path).join(', ');
  const notHere = { status: 404, message: `no such path; served here: ${served}` };
  return app.any('/*', (response, request) => {
    requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, notHere, peer));
  }) as App;
}

function addRoute<Session>(
  app: App,
  uws: UwsBinding,
  route: Route<Session>,
  requests: UwsRequests,
  call: UwsCall,
): void {
  const { handlers, path, frameBytesMax, queueBytesMax } = route;
  const connectionOf = (ws: Uws.WebSocket<UserData<Session>>) => ws.getUserData().connection;
  app
    .ws<UserData<Session>>(path, {
      compression: uws.DISABLED,
      maxPayloadLength: frameBytesMax,
      maxBackpressure: queueBytesMax,
      closeOnBackpressureLimit: false,
      idleTimeout: 0,
      maxLifetime: 0,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) => upgrade(route, requests, call, { response, request, context }),
      open(ws) {
        const connection = connectionOf(ws);
        connection.opened(ws);
        handlers.open(connection);
      },
      message: (ws, message, isBinary) =>
        handlers.message(connectionOf(ws), new Uint8Array(message), isBinary),
      ping: (ws) => handlers.controlPing(connectionOf(ws)),
      pong: (ws) => handlers.controlPong(connectionOf(ws)),
      drain(ws) {
        const connection = connectionOf(ws);
        connection.drained();
        handlers.writable(connection);
      },
      dropped: (ws) => handlers.dropped(connectionOf(ws)),
      close(ws, code) {
        const connection = connectionOf(ws);
        connection.ended();
        handlers.close(connection, connection.closeCode ?? code);
      },
    })
    // Whatever uWS takes for no handshake: other methods, a key that is missing or too short.
    .any(path, (response, request) => {
      const head = { method: request.getMethod().toUpperCase(), header: headersOf(request) };
      const problem = handshakeProblem(head) ?? notWebSocket;
      requests.answer(askedOf(response, head.header), (peer) => refuse(response, problem, peer));
    });
}

interface UwsUpgrade {
  readonly response: Uws.HttpResponse;
  /** Valid until the handler returns. */
  readonly request: Uws.HttpRequest;
  readonly context: Uws.us_socket_context_t;
}

function upgrade<Session>(
  { handlers }: Route<Session>,
  requests: UwsRequests,
  call: UwsCall,
  { response, request, context }: UwsUpgrade,
): void {
  const header = headersOf(request);
  const query = request.getQuery() ?? '';
  const key = header('sec-websocket-key');
  const finish = (answer: UpgradeAnswer<Session>, peer: Peer): void => {
    if (peer.isGone) return;
    if ('status' in answer) {
      refuse(response, answer, peer);
      return;
    }
    peer.settle();
    const data: UserData<Session> = { connection: new UwsConnection(answer.session, handlers) };
    response.upgrade(data, key, answer.protocol ?? '', header('sec-websocket-extensions'), context);
  };
  const asked = askedOf(response, header);
  requests.answer(asked, (peer) => {
    const problem = handshakeProblem({ method: 'GET', header });
    if (problem !== undefined) {
      refuse(response, problem, peer);
      return;
    }
    const answer = handlers.upgrade({ query, header, remoteAddress: asked.address });
    if (answer instanceof Promise) void answer.then((late) => call.run(() => finish(late, peer)));
    else if (peer.isLate && !('status' in answer)) void call.run(() => finish(answer, peer));
    else finish(answer, peer);
  });
}

function askedOf(response: Uws.HttpResponse, header: (name: string) => string): Asked {
  return { response, address: addressOf(response), hasBody: hasBody(header) };
}

/** Of these the first line counts, as in Node. */
const singleHeaders: ReadonlySet<string> = new Set(['host', 'authorization', 'content-length']);

/** uWS gives the first line of a name only; it must be read before the handler returns. */
function headersOf(request: Uws.HttpRequest): (name: string) => string {
  const values = new Map<string, string>();
  request.forEach((name, value) => {
    const earlier = values.get(name);
    if (earlier === undefined) values.set(name, value);
    else if (!singleHeaders.has(name)) values.set(name, `${earlier}, ${value}`);
  });
  return (name) => values.get(name) ?? '';
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function refuse(
  response: Uws.HttpResponse,
  { status, message, headers = {} }: HttpRefusal,
  peer?: Peer,
): void {
  peer?.settle();
  response.cork(() => {
    response.writeStatus(`${status} ${phrases[status] ?? 'Error'}`);
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.writeHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`${message}\n`, true);
  });
}

function bind(
  uws: UwsBinding,
  app: App,
  host: string,
  port: number,
): Promise<{ socket: Uws.us_listen_socket; port: number }> {
  return new Promise((resolve, reject) => {
    app.listen(host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket) resolve({ socket, port: uws.us_socket_local_port(socket) });
      else
        reject(
          new ListenError(
            `cannot listen on ${host}:${port}: the port is in use, or the address is not this host's`,
          ),
        );
    });
  });
}
