/** Ports that nobody listens on, for what has to come back on the same. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Env } from './hub-process.ts';

const RANGE = 4000;
const TRIES = 50;
const given = new Set<number>();

/** Below the ports that the kernel gives to whoever asks for any: there a test beside this one could be given it. */
function firstPort(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
    return Math.max(2000, Number(first) - RANGE - 1);
  } catch {
    return 20_000;
  }
}

export async function freePort(): Promise<number> {
  const first = firstPort();
  for (let tries = 0; tries < TRIES; tries++) {
    const port = first + Math.floor(Math.random() * RANGE);
    if (given.has(port)) continue;
    given.add(port);
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port from ${first} to ${first + RANGE}`);
}

/**
 * Keeps the port from the tests of other processes for as long as this one lives: by a name in the kernel, which nobody
 * has to remove. Only Linux has such names.
 */
function reserve(port: number): Promise<boolean> {
  const name = createServer().unref();
  return new Promise((resolve) => {
    name.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'EADDRINUSE'));
    name.listen(`\0dat-test-port-${port}`, () => resolve(true));
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
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
