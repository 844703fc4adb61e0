/** Binds Node's servers, so that all of them fail with the same words. */
import type { AddressInfo, Server } from 'node:net';
import { ListenError } from './transport.ts';

/**
 * @param port 0: any free port
 * @returns the port
 * @throws ListenError when the address cannot be bound
 */
export function bindServer(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = ({ code, message }: NodeJS.ErrnoException): void => {
      const why = code === 'EADDRINUSE' ? 'the port is in use' : message;
      reject(new ListenError(`cannot listen on ${host}:${port}: ${why}`));
    };
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      server.on('error', () => {}); // a connection that could not be accepted; the others go on
      resolve((server.address() as AddressInfo).port);
    });
  });
}
