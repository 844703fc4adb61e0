/** Looks at what listens at an address, to say why a command could not use it. Sends no request and no token. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { addressOf } from './address.ts';

/** `closed`: nobody listens there, or there is no such host. */
export type ProbeResult = 'closed' | 'tls' | 'plain';

const HANDSHAKE_MS = 2000;

/** Finds out what listens where a connection failed. */
export function probe(url: URL): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connectTcp(addressOf(url));
    socket.setTimeout(HANDSHAKE_MS);
    const found = (what: ProbeResult): void => {
      socket.destroy();
      resolve(what);
    };
    const failed = (): void => found('closed');
    socket.once('error', failed).once('timeout', failed);
    socket.once('connect', () => {
      socket.removeAllListeners('error').removeAllListeners('timeout');
      // Whether the certificate is good is for the connection proper to judge.
      const tls = connectTls({ socket, rejectUnauthorized: false });
      tls.once('secureConnect', () => found('tls'));
      tls.once('error', () => found('plain'));
      socket.once('timeout', () => found('plain')).on('error', () => {});
    });
  });
}
