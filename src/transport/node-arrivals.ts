/** Makes the connections of a Node server wait among the arrivals. */
import type { Server, Socket } from 'node:net';
import type { Arrival, Arrivals } from './arrivals.ts';

export interface WaitingConnections {
  /** The connection waits no more. With TLS, either of its two sockets will do. */
  settle(socket: Socket): void;
}

/**
 * With TLS, the socket that arrives and the one that brings data are two objects with the same address and port.
 * @param server plain or TLS
 */
export function waitingOn(server: Server, arrivals: Arrivals): WaitingConnections {
  const byPeer = new Map<string, Arrival>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    const arrival = arrivals.add(socket.remoteAddress ?? '', () => socket.destroy());
    byPeer.set(peer, arrival);
    socket.once('close', () => {
      arrival.settle();
      if (byPeer.get(peer) === arrival) byPeer.delete(peer);
    });
  });
  return {
    settle(socket) {
      const peer = peerOf(socket);
      byPeer.get(peer)?.settle();
      byPeer.delete(peer);
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
