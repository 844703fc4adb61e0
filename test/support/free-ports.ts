/** Ports that nobody listens on, for what has to come back on the same. */

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Env } from './hub-process.ts';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Settings that name a free port for each listener. */
export async function freePorts(): Promise<Env> {
  const [device, subscriber, admin] = [await freePort(), await freePort(), await freePort()];
  return {
    DAT_DEVICE_PORT: String(device),
    DAT_SUBSCRIBER_PORT: String(subscriber),
    DAT_ADMIN_PORT: String(admin),
  };
}
