/** Opens many raw TCP connections of a wire, a few hundred at a time, and feeds what they get into conversations. */
import { connect, type Socket } from 'node:net';
import type { Conversation, Listening, Role, Wire } from './wires/wire.ts';

const READ_BYTES = 256 * 1024;
/** The start of a frame that is not whole yet is put in front of what comes next: room for the longest answer. */
const HEADROOM_BYTES = 8 * 1024 * 1024;
const CONNECTING_MAX = 200;
const HOST = '127.0.0.1';

/** One for all connections of a process: what is read is worked off before the next read. */
const memory = Buffer.allocUnsafeSlow(HEADROOM_BYTES + READ_BYTES);
const readInto = memory.subarray(HEADROOM_BYTES);

export interface Opening {
  readonly wire: Wire;
  readonly port: number;
  readonly role: Role;
  readonly id: string;
  readonly devices: readonly string[];
  readonly onEvent: (bytes: Buffer, from: number, to: number) => void;
  /** After it was ready, the connection ended or was refused. */
  readonly onLost?: (why: string) => void;
}

export interface Connection {
  write(bytes: Buffer): boolean;
  /** Bytes that the kernel has not taken. */
  readonly waitingBytes: number;
  /** From now on takes one read's worth, and the next only after this time. */
  readEvery(milliseconds: number): void;
  /** Drops the connection. */
  drop(): void;
}

/** @throws when the peer refuses or ends the connection before it is ready */
export function open({ wire, port, role, id, devices, onEvent, onLost }: Opening): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let rest: Buffer | undefined;
    let isReady = false;
    let over = false;
    let pauseMs = 0;
    const lost = (why: string): void => {
      if (over) return;
      over = true;
      socket.destroy();
      if (isReady) onLost?.(why);
      else reject(new Error(`${role} ${id}: ${why}`));
    };
    const on: Listening = {
      write: (bytes) => socket.write(bytes),
      ready() {
        isReady = true;
        resolve(connection);
      },
      event: onEvent,
      refused: lost,
    };
    const conversation: Conversation = wire.converse(role, id, devices, on);
    const socket: Socket = connect({
      host: HOST,
      port,
      noDelay: true,
      onread: {
        buffer: readInto,
        callback(bytes) {
          let from = HEADROOM_BYTES;
          if (rest !== undefined) {
            from -= rest.length;
            rest.copy(memory, from);
          }
          const to = HEADROOM_BYTES + bytes;
          const done = conversation.take(memory, from, to);
          rest = done < to ? Buffer.from(memory.subarray(done, to)) : undefined;
          if (pauseMs === 0) return true;
          setTimeout(() => socket.resume(), pauseMs);
          return false;
        },
      },
    });
    const connection: Connection = {
      write: (bytes) => socket.write(bytes),
      get waitingBytes() {
        return socket.writableLength;
      },
      readEvery(milliseconds) {
        pauseMs = milliseconds;
      },
      drop() {
        over = true;
        socket.destroy();
      },
    };
    socket.on('connect', () => {
      if (conversation.hello.length > 0) socket.write(conversation.hello);
    });
    socket.on('error', (error) => lost(error.message));
    socket.on('close', () => lost('the connection ended'));
  });
}

/** Opens `count` connections. */
export async function openAll(count: number, opening: (index: number) => Opening): Promise<Connection[]> {
  const connections: Connection[] = new Array(count);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      connections[index] = await open(opening(index));
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTING_MAX, count) }, worker));
  return connections;
}
