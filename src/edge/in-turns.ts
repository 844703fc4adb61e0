/**
 * Bounds what the frames of one connection do in one turn of the event loop. A gateway may say as much in one read of its
 * socket as ten thousand devices. The first frames of a turn are taken as they come. The rest waits, copied, for later
 * turns, which take a few of each connection in rotation: so the thread's other sockets get their turns in between.
 * Memory for what waits is bounded. Beyond that the oldest frames of the connection are taken at once, so its socket is
 * read no faster than its frames are worked off.
 */
import type { Connection, ListenerHandlers, Route } from '../transport/transport.ts';

/** Frames taken in one turn, of all connections together: half a millisecond, twice that if each connects a device. */
export const FRAMES_PER_TURN = 128;
/** Frames of one connection that are taken before another's are. */
const FRAMES_IN_A_ROW = 32;
/** What may wait, for all connections of the thread together. */
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** What a frame that waits holds beside its bytes. */
const FRAME_OVERHEAD_BYTES = 160;
const CHUNK_BYTES = 64 * 1024;

interface WaitingFrame {
  readonly bytes: Uint8Array;
  readonly binary: boolean;
  /** In frames. */
  readonly weight: number;
}

interface Queue {
  readonly frames: WaitingFrame[];
  /** Index of the first frame that was not taken. */
  first: number;
  /** The connection is over, with this code. */
  closed: number | undefined;
}

/** @param soon runs the work once the thread has seen to its sockets */
export function inTurns<Session>(
  route: Route<Session>,
  soon: (work: () => void) => void = setImmediate,
): Route<Session> {
  const turns = new Turns(route.handlers, soon);
  return {
    ...route,
    handlers: withHandlers(route.handlers, {
      message: (connection, bytes, binary) => turns.frame(connection, bytes, binary),
      close: (connection, code) => turns.close(connection, code),
    }),
  };
}

/** What one read of a stream brings is cut into pieces of this length at most, which are a few packets. */
const STREAM_PIECE_BYTES = 1024;
/** About what an event's packet takes of a stream. */
const STREAM_FRAME_BYTES = 64;

/**
 * The same for a protocol whose frames are pieces of a stream, wherever they are cut.
 * @param isMany whether the peer may say as much as a gateway; the others are not held up
 */
export function streamsInTurns<Session>(
  handlers: ListenerHandlers<Session>,
  isMany: (session: Session) => boolean,
  soon: (work: () => void) => void = setImmediate,
): ListenerHandlers<Session> {
  const turns = new Turns(handlers, soon);
  return withHandlers(handlers, {
    message(connection, bytes, binary) {
      if (!isMany(connection.session)) {
        handlers.message(connection, bytes, binary);
        return;
      }
      for (let at = 0; at === 0 || at < bytes.length; at += STREAM_PIECE_BYTES) {
        const piece = bytes.subarray(at, at + STREAM_PIECE_BYTES);
        turns.frame(connection, piece, binary, Math.ceil(piece.length / STREAM_FRAME_BYTES));
      }
    },
    close: (connection, code) => turns.close(connection, code),
  });
}

function withHandlers<Session>(
  handlers: ListenerHandlers<Session>,
  { message, close }: Pick<ListenerHandlers<Session>, 'message' | 'close'>,
): ListenerHandlers<Session> {
  return {
    upgrade: (request) => handlers.upgrade(request),
    open: (connection) => handlers.open(connection),
    message,
    controlPong: (connection) => handlers.controlPong(connection),
    controlPing: (connection) => handlers.controlPing(connection),
    writable: (connection) => handlers.writable(connection),
    dropped: (connection) => handlers.dropped(connection),
    closing: (connection) => handlers.closing(connection),
    close,
  };
}

class Turns<Session> {
  readonly #handlers: ListenerHandlers<Session>;
  readonly #soon: (work: () => void) => void;
  /** The connection whose turn it is comes first. */
  readonly #queues = new Map<Connection<Session>, Queue>();
  #waitingBytes = 0;
  /** Since the last turn that was asked for. */
  #taken = 0;
  #isScheduled = false;
  #chunk = new Uint8Array(0);
  #chunkUsed = 0;

  constructor(handlers: ListenerHandlers<Session>, soon: (work: () => void) => void) {
    this.#handlers = handlers;
    this.#soon = soon;
  }

  /** @param weight in frames */
  frame(connection: Connection<Session>, bytes: Uint8Array, binary: boolean, weight = 1): void {
    const queue = this.#queues.get(connection);
    if (queue === undefined && this.#taken < FRAMES_PER_TURN) {
      this.#taken += weight;
      // Turns with few frames are counted together: asking for a turn after each would cost more than the frames.
      if (this.#taken >= FRAMES_IN_A_ROW) this.#schedule();
      this.#handlers.message(connection, bytes, binary);
    } else this.#wait(connection, queue ?? this.#newQueue(connection), { bytes, binary, weight });
  }

  /** What the peer said before its end counts. */
  close(connection: Connection<Session>, code: number): void {
    const queue = this.#queues.get(connection);
    if (queue === undefined) this.#handlers.close(connection, code);
    else queue.closed = code;
  }

  #newQueue(connection: Connection<Session>): Queue {
    const queue: Queue = { frames: [], first: 0, closed: undefined };
    this.#queues.set(connection, queue);
    return queue;
  }

  #wait(connection: Connection<Session>, queue: Queue, { bytes, ...frame }: WaitingFrame): void {
    queue.frames.push({ bytes: this.#copy(bytes), ...frame });
    this.#waitingBytes += bytes.length + FRAME_OVERHEAD_BYTES;
    while (this.#waitingBytes > WAITING_BYTES_MAX && queue.first < queue.frames.length)
      this.#takeFirst(connection, queue);
    this.#schedule();
  }

  /** The transport's bytes are gone when its handler returns. */
  #copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > CHUNK_BYTES / 4) return bytes.slice();
    if (this.#chunkUsed + bytes.length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK_BYTES);
      this.#chunkUsed = 0;
    }
    const copy = this.#chunk.subarray(this.#chunkUsed, this.#chunkUsed + bytes.length);
    copy.set(bytes);
    this.#chunkUsed += bytes.length;
    return copy;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#soon(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#taken = 0;
    while (this.#taken < FRAMES_PER_TURN && this.#queues.size > 0) this.#takeSome();
    if (this.#queues.size > 0) this.#schedule();
  }

  #takeSome(): void {
    const [connection, queue] = this.#queues.entries().next().value!;
    const most = Math.min(this.#taken + FRAMES_IN_A_ROW, FRAMES_PER_TURN);
    connection.cork(() => {
      while (this.#taken < most && queue.first < queue.frames.length)
        this.#taken += this.#takeFirst(connection, queue);
    });
    this.#queues.delete(connection);
    if (queue.first < queue.frames.length) this.#queues.set(connection, queue);
    else if (queue.closed !== undefined) this.#handlers.close(connection, queue.closed);
  }

  /** @returns the frame's weight */
  #takeFirst(connection: Connection<Session>, queue: Queue): number {
    const { bytes, binary, weight } = queue.frames[queue.first++]!;
    this.#waitingBytes -= bytes.length + FRAME_OVERHEAD_BYTES;
    if (queue.first === FRAMES_PER_TURN) {
      queue.frames.splice(0, queue.first);
      queue.first = 0;
    }
    this.#handlers.message(connection, bytes, binary);
    return weight;
  }
}
