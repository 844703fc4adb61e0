/** The transport port on uWebSockets.js: the only file that touches its API. */
import type * as Uws from 'uWebSockets.js';
import { CLOSE_HANDSHAKE_MS } from '../limits.ts';
import { type HttpRefusal, handshakeProblem, notWebSocket } from './handshake.ts';
import type { Tls } from './tls.ts';
import {
  type Acceptor,
  type ChildDescriptor,
  type ChildEndpoint,
  type Connection,
  ListenError,
  type ListenerHandlers,
  type ListenerOptions,
  type Route,
  type Transport,
  type UpgradeAnswer,
} from './transport.ts';
import { type AppLoad, UwsApps } from './uws-apps.ts';
import { UwsCall } from './uws-call.ts';

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
  const appsFor = (options: ListenerOptions, call: UwsCall) =>
    new UwsApps((of, load) => routed(createApp(uws, of), uws, options, { call, load }), tls);
  return {
    name: 'uws',
    async listen(host, port, options) {
      const call = new UwsCall(uws);
      const apps = appsFor(options, call);
      // With a certificate an app in front accepts for whichever app has the newest one.
      const front = tls === undefined ? undefined : newApp();
      front?.addChildAppDescriptor(apps.current.getDescriptor());
      const { socket, port: bound } = await bind(uws, front ?? apps.current, host, port);
      let listening = true;
      const stopAccepting = (): void => {
        if (listening) uws.us_listen_socket_close(socket);
        listening = false;
      };
      const useTls = (next: Tls): void => {
        const before = apps.replace(next);
        front?.addChildAppDescriptor(apps.current.getDescriptor());
        front?.removeChildAppDescriptor(before.getDescriptor());
      };
      const close = (): void => {
        front?.close();
        apps.close();
        call.close();
      };
      return { port: bound, stopAccepting, publish: apps.publish.bind(apps), useTls, close };
    },
    threads: {
      async acceptor(host, port): Promise<Acceptor> {
        const app = newApp(); // of the same kind as its children: uWS takes one for the other
        // Reached only while no child is there: the workers are starting or gone.
        app.any('/*', (response) => refuse(response, { status: 503, message: 'no worker is ready' }));
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
        const apps = appsFor(options, call);
        return {
          get descriptor() {
            return apps.current.getDescriptor();
          },
          publish: apps.publish.bind(apps),
          useTls: (next) => void apps.replace(next),
          close() {
            apps.close();
            call.close();
          },
        };
      },
    },
  };
}

/** What fits the key has been checked; should the files have changed since, uWS throws. */
function createApp(uws: UwsBinding, tls: Tls | undefined): App {
  if (tls === undefined) return uws.App() as App;
  return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) as App;
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

  get remoteAddress(): string {
    return this.#open ? Buffer.from(this.#ws.getRemoteAddressAsText()).toString() : '';
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

/** What the routes of one app share. */
interface Shared {
  readonly call: UwsCall;
  /** Of the app. */
  readonly load: AppLoad;
}

function routed(app: App, uws: UwsBinding, { routes }: ListenerOptions, shared: Shared): App {
  for (const route of routes) addRoute(app, uws, route, shared);
  const served = routes.map(({ path }) => path).join(', ');
  const notHere = { status: 404, message: `no such path; served here: ${served}` };
  return app.any('/*', (response) => refuse(response, notHere)) as App;
}

function addRoute<Session>(app: App, uws: UwsBinding, route: Route<Session>, { call, load }: Shared): void {
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
      upgrade: (response, request, context) => upgrade(route, call, response, request, context),
      open(ws) {
        const connection = connectionOf(ws);
        connection.opened(ws);
        load.connections += 1;
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
        load.connections -= 1;
        handlers.close(connection, connection.closeCode ?? code);
      },
    })
    // Whatever uWS takes for no handshake: other methods, a key that is missing or too short.
    .any(path, (response, request) => {
      const head = { method: request.getMethod().toUpperCase(), header: headersOf(request) };
      refuse(response, handshakeProblem(head) ?? notWebSocket);
    });
}

function upgrade<Session>(
  { handlers }: Route<Session>,
  call: UwsCall,
  response: Uws.HttpResponse,
  request: Uws.HttpRequest,
  context: Uws.us_socket_context_t,
): void {
  const header = headersOf(request);
  const problem = handshakeProblem({ method: 'GET', header });
  if (problem !== undefined) {
    refuse(response, problem);
    return;
  }
  const key = header('sec-websocket-key');
  const extensions = header('sec-websocket-extensions');
  const finish = (answer: UpgradeAnswer<Session>): void => {
    if ('status' in answer) {
      refuse(response, answer);
      return;
    }
    const data: UserData<Session> = { connection: new UwsConnection(answer.session, handlers) };
    response.upgrade(data, key, answer.protocol ?? '', extensions, context);
  };
  const answer = handlers.upgrade({
    query: request.getQuery() ?? '',
    header,
    get remoteAddress() {
      return Buffer.from(response.getRemoteAddressAsText()).toString();
    },
  });
  if (!(answer instanceof Promise)) {
    finish(answer);
    return;
  }
  // uWS throws when a response is touched whose peer has gone.
  let gone = false;
  response.onAborted(() => {
    gone = true;
  });
  void answer.then((late) =>
    call.run(() => {
      if (!gone) finish(late);
    }),
  );
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

function refuse(response: Uws.HttpResponse, { status, message, headers = {} }: HttpRefusal): void {
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
