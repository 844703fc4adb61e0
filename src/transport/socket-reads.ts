/**
 * What accepted sockets of Node read, with as little in between as this Node allows. Figures and what was not taken are in
 * decision 0041.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What libuv reads at a time at most. */
const READ_BYTES = 64 * 1024;

/** Every plain socket of this thread reads into it: a read is taken before there is another. Made with the first. */
let shared: Buffer | undefined;

export type TakeBytes = (bytes: Buffer) => void;

/** What Node keeps of `onread` on a socket, under symbols of its own. */
interface OnRead {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Passes on what a socket reads. The bytes are valid until `take` returns. What was read before comes first. */
export function takeReads(socket: Socket, take: TakeBytes): void {
  socket.on('data', take);
  if (socket instanceof TLSSocket || !readIntoBuffer(socket, take)) takePushes(socket, take);
}

/**
 * The option `onread`, which Node offers to sockets that connect and not to those that a server accepts: all reads go to
 * one buffer, and the stream has no part in them but their end.
 * @returns false when this Node keeps it elsewhere; nothing was changed then
 */
export function readIntoBuffer(socket: Socket, take: TakeBytes): boolean {
  const handle = (socket as { _handle?: { useUserBuffer?: (buffer: Buffer) => void } })._handle;
  const names = onReadOf(socket);
  if (names === undefined || typeof handle?.useUserBuffer !== 'function') return false;
  shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
  const buffer = shared;
  const callback = (length: number): true => {
    take(buffer.subarray(0, length));
    return true;
  };
  Object.assign(socket, { [names.buffer]: buffer, [names.callback]: callback });
  handle.useUserBuffer(buffer);
  return true;
}

/** @returns undefined when the socket has no such symbols, or has them in use */
function onReadOf(socket: Socket): OnRead | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, callback, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(
      (symbol) =>
        symbol.description === name && (socket as unknown as Record<symbol, unknown>)[symbol] === null,
    ),
  );
  if (buffer === undefined || callback === undefined || next === undefined) return undefined;
  return { buffer, callback };
}

/**
 * Node's sockets hand each read to their own `push`, which queues it for the stream, emits it and asks for more in a further
 * tick. Where that is done here instead, a small packet takes a sixth less CPU. Reads that a socket hands on in another way
 * come as `data`.
 */
function takePushes(socket: Socket, take: TakeBytes): void {
  const { push } = socket;
  socket.push = (bytes: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (bytes === null) return push.call(socket, bytes, encoding); // the end
    take(bytes);
    return true;
  };
}
