/**
 * Runs a function as if uWebSockets.js had called it. A response that is upgraded late, after a promise, is in need of
 * that: outside of a call from uWS each is warned of on stderr, and after one within the response's own `cork` its state
 * is read from memory that is the WebSocket's by then, which may close it (uNetworking/uWebSockets, pull request 1929).
 * Within `cork` of another response neither is so. The thread therefore holds one that is never answered: to a request
 * of its own, from the first late upgrade on, over a Unix socket whose name is gone as soon as it is connected.
 */

import type * as Uws from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Cork = Pick<Uws.HttpResponse, 'cork'>;
type Listen = (app: Uws.TemplatedApp, listening: (socket: Uws.us_listen_socket | false) => void) => unknown;

const CONNECT_MS_MAX = 1000;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

export class UwsCall {
  readonly #uws: typeof Uws;
  #response: Promise<Cork | undefined> | undefined;
  #peer: Socket | undefined;

  constructor(uws: typeof Uws) {
    this.#uws = uws;
  }

  /** Calls back when that is possible, not at once. Without the response the function is called all the same. */
  async run(body: () => void): Promise<void> {
    this.#response ??= this.#connect();
    const response = await this.#response;
    if (response === undefined) body();
    else response.cork(body);
  }

  close(): void {
    this.#response = Promise.resolve(undefined);
    this.#peer?.destroy();
  }

  /** Resolves to undefined where the host lets nobody listen, to itself even. */
  async #connect(): Promise<Cork | undefined> {
    const path = join(tmpdir(), `dat-${randomBytes(12).toString('hex')}.sock`);
    const response = await this.#requestOver(
      (app, listening) => app.listen_unix(listening, path),
      () => connect({ path }),
    );
    rmSync(path, { force: true });
    if (response !== undefined) return response;
    // Where no file can be made, as in a container that may write nothing.
    let port = 0;
    return this.#requestOver(
      (app, listening) =>
        app.listen('127.0.0.1', 0, (socket) => {
          if (socket) port = this.#uws.us_socket_local_port(socket);
          listening(socket);
        }),
      () => connect({ host: '127.0.0.1', port }),
    );
  }

  /** Makes a request to an app of its own that is never answered. */
  #requestOver(listen: Listen, dial: () => Socket): Promise<Cork | undefined> {
    return new Promise((resolve) => {
      let listening: Uws.us_listen_socket | undefined;
      const settle = (response: Cork | undefined): void => {
        clearTimeout(timeout);
        resolve(response);
        if (listening !== undefined) this.#uws.us_listen_socket_close(listening);
        listening = undefined;
      };
      const timeout = setTimeout(() => settle(undefined), CONNECT_MS_MAX);
      const lost = (): void => {
        this.#response = Promise.resolve(undefined);
        settle(undefined);
      };
      const app = this.#uws.App().get('/*', (response) => {
        response.onAborted(lost);
        settle(response);
      });
      listen(app, (socket) => {
        if (!socket) {
          settle(undefined);
          return;
        }
        listening = socket;
        this.#peer = dial()
          .on('error', () => {}) // 'close' follows
          .on('close', lost)
          .unref();
        this.#peer.write(REQUEST);
      });
    });
  }
}
