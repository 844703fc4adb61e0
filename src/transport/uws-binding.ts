/** An app of uWebSockets.js, and where it listens. */
import type * as Uws from 'uWebSockets.js';
import { type AddressInfo, createServer } from 'node:net';
import type { Tls } from './tls.ts';
import { type ChildDescriptor, ListenError } from './transport.ts';

/** What uWS has beside its typings. */
export interface App extends Uws.TemplatedApp {
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

/** What fits the key has been checked; should the files have changed since, uWS throws. @param tls undefined: plain TCP */
export function createUwsApp(uws: UwsBinding, tls: Tls | undefined): App {
  if (tls === undefined) return uws.App() as App;
  return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) as App;
}

/** Where an app listens. */
export interface Bound {
  readonly port: number;
  /** The open connections stay. A second call does nothing. */
  stopAccepting(): void;
}

/** A free port may be taken by another process before it is bound. */
const FREE_PORT_TRIES = 8;

/** @param port 0: any free port @throws ListenError when the address cannot be bound */
export async function bind(uws: UwsBinding, app: App, host: string, port: number): Promise<Bound> {
  const listen = (at: number): Promise<Uws.us_listen_socket | false> =>
    new Promise((resolve) => app.listen(host, at, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, resolve));
  let socket: Uws.us_listen_socket | false = false;
  if (port !== 0) socket = await listen(port);
  for (let tries = 0; port === 0 && !socket && tries < FREE_PORT_TRIES; tries++) {
    socket = await listen(await freePort(host));
  }
  if (!socket) {
    const why = "the port is in use, or the address is not this host's";
    throw new ListenError(`cannot listen on ${host}:${port}: ${why}`);
  }
  return boundOf(uws, socket, uws.us_socket_local_port(socket));
}

/**
 * The library sets SO_REUSEADDR only when it is given a port. A port that it picks itself cannot be bound again for a
 * minute after the hub has closed connections on it. So the hub picks the port.
 */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(0)); // the library then fails too, and that error is reported
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** @throws ListenError when the path cannot be bound */
export async function bindUnix(
  uws: UwsBinding,
  app: App,
  path: string,
): Promise<Pick<Bound, 'stopAccepting'>> {
  const socket = await new Promise<Uws.us_listen_socket | false>((resolve) => app.listen_unix(resolve, path));
  if (!socket) throw new ListenError(`cannot listen on the Unix socket ${path}`);
  return boundOf(uws, socket, 0);
}

function boundOf(uws: UwsBinding, socket: Uws.us_listen_socket, port: number): Bound {
  let isListening = true;
  return {
    port,
    stopAccepting() {
      if (isListening) uws.us_listen_socket_close(socket);
      isListening = false;
    },
  };
}
