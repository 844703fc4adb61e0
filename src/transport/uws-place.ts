/** Where peers reach an app of uWebSockets.js: a TCP port, or a Unix socket behind a TLS front that has the port. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tls } from './tls.ts';
import type { StartFront } from './tls-end.ts';
import { ListenError } from './transport.ts';
import { type App, bind, bindUnix, type UwsBinding } from './uws-binding.ts';

/** Where TLS ends: nowhere, in the library, or in front of it. */
export type UwsTls =
  | { readonly end: 'none' }
  | { readonly end: 'library'; readonly tls: Tls }
  /** `start` is undefined in threads that do not listen themselves. */
  | { readonly end: 'front'; readonly start: StartFront | undefined };

export interface Place {
  readonly port: number;
  /** The open connections stay. A second call does nothing. */
  stopAccepting(): void;
  /** New connections get this certificate, if there is a front; otherwise the app has its own. */
  useTls(tls: Tls): Promise<void>;
  /** Ends the front, with its connections. */
  leave(): Promise<void>;
}

export interface PlaceOptions {
  readonly tls: UwsTls;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** @throws ListenError when the address cannot be bound */
export async function openPlace(
  uws: UwsBinding,
  app: App,
  { tls, host, port }: PlaceOptions,
): Promise<Place> {
  if (tls.end !== 'front' || tls.start === undefined) {
    return { ...(await bind(uws, app, host, port)), async useTls() {}, async leave() {} };
  }
  const { path, remove } = privatePath();
  try {
    const behind = await bindUnix(uws, app, path);
    const front = await tls.start({ host, port, path });
    return {
      port: front.port,
      stopAccepting: () => front.stopAccepting(),
      useTls: (next) => front.useTls(next),
      async leave() {
        behind.stopAccepting();
        remove();
        await front.close();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Containers with a read-only root have at least the second. */
const PARENTS = [tmpdir(), '/dev/shm'];

/** For a socket that only this user can reach. */
function privatePath(): { readonly path: string; remove(): void } {
  for (const parent of PARENTS) {
    try {
      const directory = mkdtempSync(join(parent, 'dat-')); // mode 0700
      return {
        path: join(directory, 'plain.sock'),
        remove: () => rmSync(directory, { recursive: true, force: true }),
      };
    } catch {
      // the other may do
    }
  }
  throw new ListenError(
    `no directory for a private socket: neither ${PARENTS.join(' nor ')} can be written; set TMPDIR, or DAT_TLS_END=uws`,
  );
}
