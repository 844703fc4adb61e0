/** A link of limited bandwidth in front of a port, towards the one who connects: TCP bytes pass at a steady rate, none is lost. */
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { bindFreePort } from './bind-free-port.ts';

const TICK_MS = 20;

/** Starts one that ends with the test. @returns its port */
export async function slowLink(to: number, bytesPerSecond: number): Promise<number> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const perTick = Math.ceil((bytesPerSecond * TICK_MS) / 1000);
  const server = createServer((client) => {
    const hub = connect({ host: '127.0.0.1', port: to });
    for (const socket of [client, hub]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.pipe(hub);
    hub.pause();
    const timer = setInterval(() => {
      const chunk = hub.read(Math.min(perTick, hub.readableLength)) as Buffer | null;
      if (chunk !== null) client.write(chunk);
    }, TICK_MS);
    timers.add(timer);
    hub.on('close', () => clearInterval(timer));
    client.on('close', () => hub.destroy());
    hub.on('end', () => client.end());
  });
  const port = await bindFreePort(server);
  onTestFinished(() => {
    for (const timer of timers) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return port;
}
