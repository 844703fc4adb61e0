/** Ends a TCP connection with a reset. */
import type { Socket } from 'node:net';

/**
 * As Node's `resetAndDestroy`, but for a socket that is being shut down because its other side has just ended. There Node
 * forgets the connection: it stays open, and 'close' never comes. Such a socket is closed without a reset.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
