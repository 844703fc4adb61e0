/**
 * Bounds what the frames of one connection do in one turn of the event loop. One read of a socket may bring as much as a
 * gateway says for ten thousand devices, or 75,000 frames of seven bytes. The first frames of a turn are taken as they
 * come. The rest waits, copied, for later turns, which take a few of each connection in rotation: so the thread's other
 * sockets get their turns in between. Memory for what waits is bounded. Beyond that the oldest frames of the connection
 * are taken at once, so its socket is read no faster than its frames are worked off.
 * Frames of gateways also wait while the owner has as many devices of theirs to see to as others may wait for.
 *
 * The first frames of a turn are those of all gateways together, who come in dozens. Of other peers there are thousands,
 * so each has its own: what a turn takes of all of them is what they have sent.
 */
import type { Connection, ListenerHandlers, Route } from '../transport/transport.ts';

/** Frames taken in one turn, of all connections together: half a millisecond, twice that if each connects a device. */
export const FRAMES_PER_TURN = 128;
/** Frames of one connection that are taken before another's are. */
const FRAMES_IN_A_ROW = 32;
/** Frames of a connection that is no gateway's that are taken as they come, one after the other. */
export const FRAMES_AT_ONCE = 64;
/** A long frame counts as one frame per this many bytes: a subscribe of a thousand ids as fifteen. */
const FRAME_BYTES = 1024;
/** A peer's waiting frames are checked for a flood each time this many more wait. */
const FLOOD_FRAMES = 256;
/** What may wait, for all connections of the thread together. */
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** The overhead of a waiting frame. */
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
  /** Frames that had to wait. */
  said: number;
  /** The connection is over, with this code. */
  closed: number | undefined;
  /** The peer is closed because of its waiting frames, which are then ignored. */
  isFlood: boolean;
}

/** When a thread continues deferred work. */
export interface Pauses {
  /** Runs the work once the thread has handled its sockets. */
  readonly soon: (work: () => void) => void;
  /** Runs the work in a millisecond, because others must do something first. */
  readonly later: (work: () => void) => void;
}

export const pauses: Pauses = {
  soon: (work) => void setImmediate(work),
  later: (work) => void setTimeout(work, 1),
};

/** @returns whether so many waiting frames are more than the peer may ever send, and it is closed for that */
export type IsFlood<Session> = (session: Session, waiting: number) => boolean;

interface TurnsOptions<Session> {
  /** Whether the first frames of a turn are counted for each connection, not for all together. */
  readonly isEach: boolean;
  readonly isFlood?: IsFlood<Session> | undefined;
  readonly isHeld?: () => boolean;
  readonly pauses: Pauses;
}

/** For gateways. @param isHeld while it says so, their frames wait */
export function inTurns<Session>(
  route: Route<Session>,
  isHeld: () => boolean,
  times: Pauses = pauses,
): Route<Session> {
  const turns = new Turns(route.handlers, { isEach: false, isHeld, pauses: times });
  return { ...route, handlers: taking(route.handlers, turns) };
}

/** For peers of which there are thousands. */
export function eachInTurns<Session>(
  route: Route<Session>,
  isFlood: IsFlood<Session>,
  times: Pauses = pauses,
): Route<Session> {
  const turns = new Turns(route.handlers, { isEach: true, isFlood, pauses: times });
  return { ...route, handlers: taking(route.handlers, turns) };
}

function taking<Session>(
  handlers: ListenerHandlers<Session>,
  turns: Turns<Session>,
): ListenerHandlers<Session> {
  return withHandlers(handlers, {
    message: (connection, bytes, binary) => turns.frame(connection, bytes, binary),
    close: (connection, code) => turns.close(connection, code),
  });
}

/** One read of a gateway's stream is cut into pieces of at most this length, which are a few packets. */
const STREAM_PIECE_BYTES = 1024;
/** The same of other clients: the smallest packets are of two bytes. */
const CLIENT_PIECE_BYTES = 4096;
/** About what an event's packet takes of a stream. */
const STREAM_FRAME_BYTES = 64;

/**
 * The same for a protocol whose frames are pieces of a stream, wherever they are cut.
 * @param isMany whether the peer may say as much as a gateway: those share their turns
 * @param isHeld while it says so, the frames of those wait
 */
export function streamsInTurns<Session>(
  handlers: ListenerHandlers<Session>,
  isMany: (session: Session) => boolean,
  isHeld: () => boolean,
  times: Pauses = pauses,
): ListenerHandlers<Session> {
  const many = new Turns(handlers, { isEach: false, isHeld, pauses: times });
  const each = new Turns(handlers, { isEach: true, pauses: times });
  return withHandlers(handlers, {
    message(connection, bytes, binary) {
      // A client that has become a gateway goes on where its frames wait.
      const turns = isMany(connection.session) && !each.hasWaiting(connection) ? many : each;
      const most = turns === many ? STREAM_PIECE_BYTES : CLIENT_PIECE_BYTES;
      for (let at = 0; at === 0 || at < bytes.length; at += most) {
        const piece = bytes.subarray(at, at + most);
        turns.frame(connection, piece, binary, Math.ceil(piece.length / STREAM_FRAME_BYTES));
      }
    },
    close: (connection, code) => (each.hasWaiting(connection) ? each : many).close(connection, code),
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
  readonly #options: TurnsOptions<Session>;
  readonly #most: number;
  /** The connection whose turn it is comes first. */
  readonly #queues = new Map<Connection<Session>, Queue>();
  #waitingBytes = 0;
  /** Since the last turn that was asked for; of `#last` alone where each has its own. */
  #taken = 0;
  /** Whose frame was taken last. */
  #last: Connection<Session> | undefined;
  #isScheduled = false;
  #chunk = new Uint8Array(0);
  #chunkUsed = 0;

  constructor(handlers: ListenerHandlers<Session>, options: TurnsOptions<Session>) {
    this.#handlers = handlers;
    this.#options = options;
    this.#most = options.isEach ? FRAMES_AT_ONCE : FRAMES_PER_TURN;
  }

  hasWaiting(connection: Connection<Session>): boolean {
    return this.#queues.has(connection);
  }

  /** @param weight in frames */
  frame(
    connection: Connection<Session>,
    bytes: Uint8Array,
    binary: boolean,
    weight = 1 + Math.floor(bytes.length / FRAME_BYTES),
  ): void {
    const queue = this.#queues.size === 0 ? undefined : this.#queues.get(connection);
    if (this.#options.isEach && connection !== this.#last) {
      this.#last = connection;
      this.#taken = 0;
    }
    if (queue === undefined && this.#taken < this.#most && !this.#isHeld) {
      this.#taken += weight;
      // Turns with few frames are counted together: asking for a turn after each would cost more than the frames.
      if (this.#taken >= FRAMES_IN_A_ROW) this.#schedule();
      this.#handlers.message(connection, bytes, binary);
    } else this.#wait(connection, queue ?? this.#newQueue(connection), { bytes, binary, weight });
  }

  /** Frames that the peer sent before its end count. */
  close(connection: Connection<Session>, code: number): void {
    if (connection === this.#last) this.#last = undefined;
    const queue = this.#queues.get(connection);
    if (queue === undefined || queue.isFlood) {
      this.#queues.delete(connection);
      this.#handlers.close(connection, code);
    } else queue.closed = code;
  }

  #newQueue(connection: Connection<Session>): Queue {
    const queue: Queue = { frames: [], first: 0, said: 0, closed: undefined, isFlood: false };
    this.#queues.set(connection, queue);
    return queue;
  }

  #wait(connection: Connection<Session>, queue: Queue, { bytes, ...frame }: WaitingFrame): void {
    if (queue.isFlood) return;
    queue.frames.push({ bytes: this.#copy(bytes), ...frame });
    this.#waitingBytes += bytes.length + FRAME_OVERHEAD_BYTES;
    queue.said += 1;
    const isAsked = queue.said % FLOOD_FRAMES === 0;
    if (isAsked && this.#options.isFlood?.(connection.session, queue.frames.length - queue.first) === true) {
      this.#drop(queue);
      return;
    }
    while (this.#waitingBytes > WAITING_BYTES_MAX && queue.first < queue.frames.length)
      this.#takeFirst(connection, queue);
    this.#schedule();
  }

  /** Keeps the connection until it has closed, and ignores what it still sends. */
  #drop(queue: Queue): void {
    for (let at = queue.first; at < queue.frames.length; at++)
      this.#waitingBytes -= queue.frames[at]!.bytes.length + FRAME_OVERHEAD_BYTES;
    queue.frames.length = queue.first = 0;
    queue.isFlood = true;
  }

  /** The transport's bytes are gone when its handler returns. */
  #copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > CHUNK_BYTES / 4) return new Uint8Array(bytes); // the slice of a Buffer is no copy
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
    this.#options.pauses.soon(() => this.#turn());
  }

  get #isHeld(): boolean {
    return this.#options.isHeld?.() === true;
  }

  #turn(): void {
    if (this.#isHeld) {
      this.#options.pauses.later(() => this.#turn());
      return;
    }
    this.#isScheduled = false;
    this.#taken = 0;
    this.#last = undefined;
    let taken = 0;
    for (const [connection, queue] of this.#queues) {
      if (taken >= FRAMES_PER_TURN) break;
      taken += this.#takeSome(connection, queue, Math.min(FRAMES_IN_A_ROW, FRAMES_PER_TURN - taken));
    }
    if (!this.#options.isEach) this.#taken = taken;
    for (const { isFlood } of this.#queues.values()) {
      if (isFlood) continue;
      this.#schedule();
      break;
    }
  }

  /** @returns the frames taken */
  #takeSome(connection: Connection<Session>, queue: Queue, most: number): number {
    if (queue.isFlood) return 0;
    let taken = 0;
    connection.cork(() => {
      while (taken < most && queue.first < queue.frames.length) taken += this.#takeFirst(connection, queue);
    });
    this.#queues.delete(connection);
    if (queue.first < queue.frames.length) this.#queues.set(connection, queue);
    else if (queue.closed !== undefined) this.#handlers.close(connection, queue.closed);
    return taken;
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
