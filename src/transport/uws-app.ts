/** Apps of uWebSockets.js, and where they listen. */

import type * as Uws from 'uWebSockets.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
export function createApp(uws: UwsBinding, tls: Tls | undefined): App {
  if (tls === undefined) return uws.App() as App;
  return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile }) as App;
}

/** Where an app listens. */
export interface Bound {
  /** 0 for a Unix socket. */
  readonly port: number;
  /** The open connections stay. A second call does nothing. */
  stop(): void;
}

/** A free port may be taken by another before it is bound. */
const FREE_PORT_TRIES = 8;

/** @param port 0: any free port @throws ListenError when the address cannot be bound */
export async function bindTcp(uws: UwsBinding, app: App, host: string, port: number): Promise<Bound> {
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
 * uWS lets an address be used again (SO_REUSEADDR) only when it is told a port: what it took by itself could not be
 * bound again for a minute after a hub that closed its connections there.
 */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  return await new Promise((resolve) => {
    // Why it cannot be bound is said when the app fails as well.
    server.once('error', () => resolve(0));
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export interface PrivatePlace {
  /** Of a socket that only this user reaches. */
  readonly path: string;
  remove(): void;
}

/** Lets the app listen where only this user reaches it. @throws ListenError when there is no such place */
export async function bindPrivately(uws: UwsBinding, app: App): Promise<Bound & PrivatePlace> {
  const place = privatePlace();
  const socket = await new Promise<Uws.us_listen_socket | false>((resolve) =>
    app.listen_unix(resolve, place.path),
  );
  if (!socket) {
    place.remove();
    throw new ListenError(`cannot listen on the Unix socket ${place.path}`);
  }
  return { ...boundOf(uws, socket, 0), ...place };
}

/** Containers that may write nowhere else have the second. */
const PLACES = [tmpdir(), '/dev/shm'];

function privatePlace(): PrivatePlace {
  for (const parent of PLACES) {
    try {
      const directory = mkdtempSync(join(parent, 'dat-')); // mode 0700
      return {
        path: join(directory, 'plain.sock'),
        remove: () => rmSync(directory, { recursive: true, force: true }),
      };
    } catch {
      // the next may do
    }
  }
  throw new ListenError(
    `no directory for a private socket: neither ${PLACES.join(' nor ')} can be written; set TMPDIR, or DAT_TLS_END=uws`,
  );
}

function boundOf(uws: UwsBinding, socket: Uws.us_listen_socket, port: number): Bound {
  let isListening = true;
  return {
    port,
    stop() {
      if (isListening) uws.us_listen_socket_close(socket);
      isListening = false;
    },
  };
}
