/** Binds Node's servers, and says why one cannot be bound: all of them fail with the same words. */
import type { AddressInfo, Server } from 'node:net';
import { ListenError } from './transport.ts';

/**
 * @param port 0: any free port
 * @returns the port
 * @throws ListenError when the address cannot be bound
 */
export function bindServer(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(listenError(host, port, error));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      keepListening(server);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** @param error what a Node server said when it was to listen there */
export function listenError(host: string, port: number, error: unknown): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'EADDRINUSE' ? 'the port is in use' : message;
  return new ListenError(`cannot listen on ${host}:${port}: ${why}`);
}

/** For a server that is bound: a connection that the host could not accept ends nothing, the others go on. */
export function keepListening(server: Server): void {
  server.on('error', () => {});
}
