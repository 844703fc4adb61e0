/** Ends a TCP connection with a reset. */
import type { Socket } from 'node:net';

/** What Node has beneath a socket. */
interface Handle {
  close(closed: () => void): void;
}

/**
 * As Node's `resetAndDestroy`, which fails while the socket is being shut down because its other side has just ended: then
 * Node forgets the connection, which stays open, and 'close' never comes. Here it is closed.
 */
export function reset(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null };
  socket.on('error', ({ syscall }: NodeJS.ErrnoException) => {
    if (syscall === 'reset') handle?.close(() => socket.emit('close', false));
  });
  socket.resetAndDestroy();
}
