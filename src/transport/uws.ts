/** The transport on uWebSockets.js. */
import type * as Uws from 'uWebSockets.js';
import type { Arrivals } from './arrivals.ts';
import { type HttpRefusal, handshakeProblem, hasBody, notWebSocket, withBody } from './handshake.ts';
import type { Tls } from './tls.ts';
import type { StartFront } from './tls-end.ts';
import type {
  Acceptor,
  ChildEndpoint,
  Listener,
  ListenerOptions,
  Route,
  Transport,
  UpgradeAnswer,
} from './transport.ts';
import { type App, bindPrivately, bindTcp, createApp, type UwsBinding } from './uws-app.ts';
import { UwsCall } from './uws-call.ts';
import { type UserData, UwsConnection } from './uws-connection.ts';
import { type Asked, addressOf, type Peer, text, UwsRequests } from './uws-requests.ts';

/** Where TLS ends: nowhere, in the library, or in front of it. */
export type UwsTls =
  | { readonly end: 'none' }
  | { readonly end: 'library'; readonly tls: Tls }
  /** `start` is undefined in threads that do not listen themselves. */
  | { readonly end: 'front'; readonly start: StartFront | undefined };

export function createUwsTransport(uws: UwsBinding, tls: UwsTls): Transport {
  const newApp = (): App => createApp(uws, tls.end === 'library' ? tls.tls : undefined);
  const isFronted = tls.end === 'front';
  return {
    name: 'uws',
    async listen(host, port, options): Promise<Listener> {
      const call = new UwsCall(uws);
      const app = routed(newApp(), { uws, call, isFronted }, options);
      const place = await open(uws, app, tls, { host, port });
      return { ...publisher(app), ...place, close: () => closeAll(app, call, place) };
    },
    threads: {
      async acceptor(host, port, arrivals): Promise<Acceptor> {
        const app = newApp(); // of the same kind as its children: uWS takes one for the other
        // Reached only while no child is there: the workers are starting or gone.
        const requests = requestsOf(app, isFronted ? undefined : arrivals);
        app.any('/*', (response, request) => {
          requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, noWorker, peer));
        });
        const place = await open(uws, app, tls, { host, port });
        return {
          ...place,
          addChild: (descriptor) => app.addChildAppDescriptor(descriptor),
          removeChild: (descriptor) => app.removeChildAppDescriptor(descriptor),
          close: () => closeAll(app, undefined, place),
        };
      },
      child(options): ChildEndpoint {
        const call = new UwsCall(uws);
        const app = routed(newApp(), { uws, call, isFronted }, options);
        const close = () => closeAll(app, call, undefined);
        return { ...publisher(app), descriptor: app.getDescriptor(), close };
      },
    },
  };
}

/** Where peers reach an app. */
interface Place {
  readonly port: number;
  stopAccepting(): void;
  renew(tls: Tls): boolean;
  leave(): Promise<void> | void;
}

/** @throws ListenError when the address cannot be bound */
async function open(
  uws: UwsBinding,
  app: App,
  tls: UwsTls,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Place> {
  if (tls.end !== 'front' || tls.start === undefined) {
    const bound = await bindTcp(uws, app, host, port);
    return {
      port: bound.port,
      stopAccepting: bound.stop,
      renew: () => tls.end === 'none',
      leave: bound.stop,
    };
  }
  const behind = await bindPrivately(uws, app);
  try {
    const front = await tls.start({ host, port, path: behind.path });
    return {
      port: front.port,
      stopAccepting: () => front.stopAccepting(),
      renew(next) {
        front.renew(next);
        return true;
      },
      async leave() {
        behind.stop();
        behind.remove();
        await front.close();
      },
    };
  } catch (error) {
    behind.stop();
    behind.remove();
    throw error;
  }
}

async function closeAll(app: App, call: UwsCall | undefined, place: Place | undefined): Promise<void> {
  app.close();
  call?.close();
  await place?.leave();
}

function publisher(app: Uws.TemplatedApp) {
  return {
    publish(topic: string, frame: Uint8Array, binary: boolean): void {
      // The typings ask for an ArrayBuffer's view; shared memory is taken just as well, and done with on return.
      app.publish(topic, frame as Uint8Array<ArrayBuffer>, binary);
    },
  };
}

const noWorker: HttpRefusal = { status: 503, message: 'no worker is ready' };

/** What all routes of an app have. */
interface AppContext {
  readonly uws: UwsBinding;
  readonly call: UwsCall;
  /** Its connections come from what ends TLS: there they wait, and it says whose they are. */
  readonly isFronted: boolean;
}

function requestsOf(app: App, arrivals: Arrivals | undefined): UwsRequests {
  return new UwsRequests(app, arrivals, (response) => refuse(response, withBody));
}

function routed(app: App, context: AppContext, { routes, arrivals }: ListenerOptions): App {
  const requests = requestsOf(app, context.isFronted ? undefined : arrivals);
  for (const route of routes) addRoute(app, context, route, requests);
  const served = routes.map(({ path }) => path).join(', ');
  const notHere = { status: 404, message: `no such path; served here: ${served}` };
  return app.any('/*', (response, request) => {
    requests.answer(askedOf(response, headersOf(request)), (peer) => refuse(response, notHere, peer));
  }) as App;
}

function addRoute<Session>(
  app: App,
  appContext: AppContext,
  route: Route<Session>,
  requests: UwsRequests,
): void {
  const { handlers, path, frameBytesMax, queueBytesMax } = route;
  const connectionOf = (ws: Uws.WebSocket<UserData<Session>>) => ws.getUserData().connection;
  app
    .ws<UserData<Session>>(path, {
      compression: appContext.uws.DISABLED,
      maxPayloadLength: frameBytesMax,
      maxBackpressure: queueBytesMax,
      closeOnBackpressureLimit: false,
      idleTimeout: 0,
      maxLifetime: 0,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) =>
        upgrade(route, requests, appContext, { response, request, context }),
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
  { call, isFronted }: AppContext,
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
    const remoteAddress = isFronted ? text(response.getProxiedRemoteAddressAsText()) : asked.address;
    const answer = handlers.upgrade({ query, header, remoteAddress });
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
