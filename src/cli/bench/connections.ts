/** Opens many raw TCP or TLS connections of a wire, a few hundred at a time, and feeds what they get into conversations. */
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { addressOf, isSecure } from '../address.ts';
import type { Conversation, ConversationEvents, Speaker, Wire } from './wires/wire.ts';

const READ_BYTES = 256 * 1024;
/** The start of a frame that is not whole yet is put in front of what comes next: room for the longest answer. */
const HEADROOM_BYTES = 8 * 1024 * 1024;
const CONNECTING_MAX = 200;
const GOODBYE_MS = 1000;

/** One for all connections of a process: what is read is worked off before the next read. */
const memory = Buffer.allocUnsafeSlow(HEADROOM_BYTES + READ_BYTES);
const readInto = memory.subarray(HEADROOM_BYTES);

export interface Opening extends Speaker {
  readonly wire: Wire;
  readonly onEvent?: ConversationEvents['event'];
  readonly onRefusedEvent?: NonNullable<ConversationEvents['refusedEvent']>;
  readonly onTold?: NonNullable<ConversationEvents['told']>;
  /** After it was ready, the connection ended or was refused. */
  readonly onLost?: (why: string) => void;
}

export interface LoadConnection {
  write(bytes: Buffer): boolean;
  /** Bytes that the kernel has not taken. */
  readonly waitingBytes: number;
  /** From now on takes one read's worth, and the next only after this time. */
  readEvery(milliseconds: number): void;
  /** Drops the connection, without a word. */
  drop(): void;
  /** Says goodbye and closes the connection. */
  end(): void;
}

/** @throws when the peer refuses or ends the connection before it is ready */
export function open(opening: Opening): Promise<LoadConnection> {
  const { wire, role, id, url, onEvent = () => {}, onRefusedEvent, onTold, onLost } = opening;
  return new Promise((resolve, reject) => {
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
    const on: ConversationEvents = {
      write: (bytes) => socket.write(bytes),
      ready() {
        isReady = true;
        resolve(connection);
      },
      event: onEvent,
      refused: lost,
      ...(onRefusedEvent !== undefined && { refusedEvent: onRefusedEvent }),
      ...(onTold !== undefined && { told: onTold }),
    };
    const conversation: Conversation = wire.converse(opening, on);
    const feed = feeding(conversation, lost);
    const socket = connectTo(url, {
      buffer: readInto,
      callback(bytes) {
        feed(bytes);
        if (pauseMs === 0) return true;
        setTimeout(() => socket.resume(), pauseMs);
        return false;
      },
    });
    const connection: LoadConnection = {
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
      end() {
        over = true;
        if (conversation.goodbye === undefined) socket.end();
        else socket.end(conversation.goodbye);
        setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
      },
    };
    socket.on(isSecure(url) ? 'secureConnect' : 'connect', () => {
      if (conversation.hello.length > 0) socket.write(conversation.hello);
    });
    socket.on('error', (error) => lost(error.message));
    socket.on('close', () => lost('the connection ended'));
  });
}

/** @returns feeds what has just been read into the conversation; what is not whole waits for the next read */
function feeding(conversation: Conversation, lost: (why: string) => void): (bytes: number) => void {
  let rest: Buffer | undefined;
  return (bytes) => {
    let from = HEADROOM_BYTES;
    if (rest !== undefined) {
      from -= rest.length;
      rest.copy(memory, from);
    }
    const to = HEADROOM_BYTES + bytes;
    let done = to;
    try {
      done = conversation.take(memory, from, to);
    } catch (error) {
      lost(`it sent what no hub sends: ${(error as Error).message}`); // another server may send anything
    }
    rest = done < to ? Buffer.from(memory.subarray(done, to)) : undefined;
  };
}

function connectTo(url: URL, onread: OnReadOpts): Socket {
  // Its type does not say so, but a socket with TLS takes `onread` like every other.
  const options = { ...addressOf(url), noDelay: true, onread };
  return isSecure(url) ? connectTls(options) : connectTcp(options);
}

/** Opens `count` connections. */
export async function openAll(count: number, opening: (index: number) => Opening): Promise<LoadConnection[]> {
  const connections: LoadConnection[] = new Array(count);
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
