/** Where servers of tests listen. */
import type { Server } from 'node:net';
import { bindServer } from '../../src/transport/node-listen.ts';

/** Binds a server of Node's to a free port of loopback. @returns the port */
export function bindFreePort(server: Server): Promise<number> {
  return bindServer(server, '127.0.0.1', 0);
}
