/** The transport port on uWebSockets.js: its listeners and routes. */
import type * as Uws from 'uWebSockets.js';
import type { Arrivals } from './arrivals.ts';
import { type HttpRefusal, handshakeProblem, hasBody, notWebSocket, withBody } from './handshake.ts';
import type { Tls } from './tls.ts';
import type {
  Acceptor,
  ChildEndpoint,
  Listener,
  ListenerOptions,
  Route,
  Transport,
  UpgradeAnswer,
} from './transport.ts';
import { type AppLoad, UwsApps } from './uws-apps.ts';
import { type App, createUwsApp, type UwsBinding } from './uws-binding.ts';
import { UwsCall } from './uws-call.ts';
import { type UserData, UwsConnection } from './uws-connection.ts';
import { openPlace, type Place, type UwsTls } from './uws-place.ts';
import {
  proxiedAddressOf,
  type RequestConnection,
  remoteAddressOf,
  type UwsRequest,
  UwsRequests,
} from './uws-requests.ts';

/** The transport of uWebSockets.js; `tls` says where TLS ends. */
export function createUwsTransport(uws: UwsBinding, tls: UwsTls): Transport {
  return new UwsTransport(uws, tls);
}

class UwsTransport implements Transport {
  readonly name = 'uws';
  readonly threads: NonNullable<Transport['threads']> = {
    acceptor: (host, port, arrivals) => this.#acceptor(host, port, arrivals),
    child: (options) => this.#child(options),
  };
  readonly #uws: UwsBinding;
  readonly #tls: UwsTls;
  /** Shown by the apps themselves; undefined: they are plain, and a front may stand before them. */
  readonly #certificate: Tls | undefined;
  readonly #isFronted: boolean;

  constructor(uws: UwsBinding, tls: UwsTls) {
    this.#uws = uws;
    this.#tls = tls;
    this.#certificate = tls.end === 'library' ? tls.tls : undefined;
    this.#isFronted = tls.end === 'front';
  }

  async listen(host: string, port: number, options: ListenerOptions): Promise<Listener> {
    const call = new UwsCall(this.#uws);
    const apps = this.#appsFor(options, call);
    // With a certificate, an app in front accepts for whichever app has the newest one.
    const accepting = this.#certificate === undefined ? undefined : this.#newApp();
    accepting?.addChildAppDescriptor(apps.current.getDescriptor());
    const place = await this.#open(accepting ?? apps.current, host, port);
    return {
      ...place,
      publish: (topic, frame, binary) => apps.publish(topic, frame, binary),
      async useTls(next) {
        await place.useTls(next);
        if (accepting === undefined) return;
        const before = apps.replace(next);
        accepting.addChildAppDescriptor(apps.current.getDescriptor());
        accepting.removeChildAppDescriptor(before.getDescriptor());
      },
      async close() {
        accepting?.close();
        apps.close();
        call.close();
        await place.leave();
      },
    };
  }

  async #acceptor(host: string, port: number, arrivals: Arrivals): Promise<Acceptor> {
    const app = this.#newApp(); // of the same kind as its children: uWS takes one for the other
    // Reached only while no child is there: the workers are starting or gone.
    const requests = requestsOf(app, this.#isFronted ? undefined : arrivals);
    app.any('/*', (response, request) => {
      requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, noWorker, peer));
    });
    const place = await this.#open(app, host, port);
    return {
      ...place,
      addChild: (descriptor) => app.addChildAppDescriptor(descriptor),
      removeChild: (descriptor) => app.removeChildAppDescriptor(descriptor),
      async close() {
        app.close();
        await place.leave();
      },
    };
  }

  #child(options: ListenerOptions): ChildEndpoint {
    const call = new UwsCall(this.#uws);
    const apps = this.#appsFor(options, call);
    const hasCertificate = this.#certificate !== undefined;
    return {
      get descriptor() {
        return apps.current.getDescriptor();
      },
      publish: (topic, frame, binary) => apps.publish(topic, frame, binary),
      useTls(next) {
        if (hasCertificate) apps.replace(next);
      },
      close() {
        apps.close();
        call.close();
      },
    };
  }

  #newApp(): App {
    return createUwsApp(this.#uws, this.#certificate);
  }

  #appsFor(options: ListenerOptions, call: UwsCall): UwsApps<App, Tls | undefined> {
    const isFronted = this.#isFronted;
    return new UwsApps(
      (of, load) => routed(createUwsApp(this.#uws, of), this.#uws, options, { call, load, isFronted }),
      this.#certificate,
    );
  }

  #open(app: App, host: string, port: number): Promise<Place> {
    return openPlace(this.#uws, app, { tls: this.#tls, host, port });
  }
}

const noWorker: HttpRefusal = { status: 503, message: 'no worker is ready' };

/** @param arrivals undefined: connections wait in the TLS front */
function requestsOf(app: App, arrivals: Arrivals | undefined): UwsRequests {
  return new UwsRequests(app, arrivals, (response, peer) => refuse(response, withBody, peer));
}

/** What the routes of one app share. */
interface Shared {
  readonly call: UwsCall;
  readonly requests: UwsRequests;
  /** Of the app. */
  readonly load: AppLoad;
  /** Its connections come from the TLS front, which says whose they are. */
  readonly isFronted: boolean;
}

function routed(
  app: App,
  uws: UwsBinding,
  { routes, arrivals }: ListenerOptions,
  more: Omit<Shared, 'requests'>,
): App {
  const requests = requestsOf(app, more.isFronted ? undefined : arrivals);
  for (const route of routes) addRoute(app, uws, route, { ...more, requests });
  const served = routes.map(({ path }) => path).join(', ');
  const notHere = { status: 404, message: `no such path; served here: ${served}` };
  return app.any('/*', (response, request) => {
    requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, notHere, peer));
  }) as App;
}

function addRoute<Session>(app: App, uws: UwsBinding, route: Route<Session>, shared: Shared): void {
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
      upgrade: (response, request, context) => upgrade(route, shared, { response, request, context }),
      open(ws) {
        const connection = connectionOf(ws);
        connection.opened(ws);
        shared.load.connections += 1;
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
        shared.load.connections -= 1;
        handlers.close(connection, connection.closeCode ?? code);
      },
    })
    // Whatever uWS takes for no handshake: other methods, a key that is missing or too short.
    .any(path, (response, request) => {
      const head = { method: request.getMethod().toUpperCase(), header: headersOf(request) };
      const problem = handshakeProblem(head) ?? notWebSocket;
      shared.requests.answer(askedOf(response, head.header), (peer) => refuse(response, problem, peer));
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
  { requests, call, isFronted }: Shared,
  { response, request, context }: UwsUpgrade,
): void {
  const header = headersOf(request);
  const query = request.getQuery() ?? '';
  const key = header('sec-websocket-key');
  const finish = (answer: UpgradeAnswer<Session>, peer: RequestConnection): void => {
    if (peer.isGone) return;
    if ('status' in answer) {
      refuse(response, answer, peer);
      return;
    }
    peer.settle();
    const proxied = isFronted ? remoteAddress : undefined;
    const data: UserData<Session> = { connection: new UwsConnection(answer.session, handlers, proxied) };
    response.upgrade(data, key, answer.protocol ?? '', header('sec-websocket-extensions'), context);
  };
  const asked = askedOf(response, header);
  const remoteAddress = isFronted ? proxiedAddressOf(response) : asked.address;
  requests.answer(asked, (peer) => {
    const problem = handshakeProblem({ method: 'GET', header });
    if (problem !== undefined) {
      refuse(response, problem, peer);
      return;
    }
    const answer = handlers.upgrade({ query, header, remoteAddress });
    if (answer instanceof Promise) void answer.then((late) => call.run(() => finish(late, peer)));
    else if (peer.isLate && !('status' in answer)) void call.run(() => finish(answer, peer));
    else finish(answer, peer);
  });
}

function askedOf(response: Uws.HttpResponse, header: (name: string) => string): UwsRequest {
  return { response, address: remoteAddressOf(response), hasBody: hasBody(header) };
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

/**
 * Answers in a turn of its own. While a request waits for its answer, the library ends a connection that sends another.
 * After an answer in the handler it would take the next request in the same bytes as well.
 */
function refuse(response: Uws.HttpResponse, refusal: HttpRefusal, peer: RequestConnection): void {
  setImmediate(() => {
    if (peer.isGone) return;
    peer.settle();
    endWith(response, refusal);
  });
}

function endWith(response: Uws.HttpResponse, { status, message, headers = {} }: HttpRefusal): void {
  response.cork(() => {
    response.writeStatus(`${status} ${phrases[status] ?? 'Error'}`);
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.writeHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`${message}\n`, true);
  });
}
