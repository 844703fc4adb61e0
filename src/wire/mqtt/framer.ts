/**
 * Splits the bytes of one connection into packets, however the transport delivers them. A packet within one chunk is
 * passed on in place. Only partial packets are buffered, never more than the largest accepted packet. An oversized
 * packet is refused at its header, before any of it is buffered.
 */
import { Reason } from './constants.ts';
import { FIXED_HEADER_BYTES_MAX } from './limits.ts';

/** Receives whole packets. */
export interface PacketSink {
  /**
   * @param bytes valid only while this runs
   * @param head the packet's first byte
   * @param start where its variable header starts
   * @param end where the packet ends
   */
  packet(bytes: Uint8Array, head: number, start: number, end: number): void;
  /** Whether the framer may pass on the next packet. If not, it buffers what follows until `resume`. */
  readonly wantsPackets: boolean;
}

export const FramingProblem = {
  /** The remaining length is not a valid variable byte integer. */
  malformed: 1,
  /** The packet is over the size limit. */
  tooLarge: 2,
  /** The peer sent more than is buffered while it has to wait. */
  tooMuch: 3,
} as const;

const tooLarge = {
  reason: Reason.packetTooLarge,
  message: 'the packet is larger than the hub accepts',
} as const;

/** By `FramingProblem`: what the peer is told. */
export const framingFaults: Readonly<Record<number, { readonly reason: number; readonly message: string }>> =
  {
    [FramingProblem.malformed]: {
      reason: Reason.malformedPacket,
      message: 'a remaining length that is none',
    },
    [FramingProblem.tooLarge]: tooLarge,
    [FramingProblem.tooMuch]: tooLarge,
  };

const NONE = new Uint8Array(0);
/** Initial buffer size; it doubles as needed. */
const HELD_BYTES_MIN = 64;
const INCOMPLETE = 0;
const MALFORMED = -1;

export class Framer {
  readonly #packetBytesMax: number;
  /** Buffered bytes, up to `#heldBytes`. */
  #held = NONE;
  #heldBytes = 0;

  /** @param packetBytesMax the largest packet that is accepted, fixed header included */
  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** Buffered bytes: of a partial packet, or sent while the sink was paused. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns 0, or a `FramingProblem`, after which the connection must end */
  feed(chunk: Uint8Array, sink: PacketSink): number {
    if (!sink.wantsPackets) return this.#holdAll(chunk, 0);
    let at = 0;
    while (this.#heldBytes > 0 && at < chunk.length) {
      const taken = this.#complete(chunk, at, sink);
      if (taken < 0) return -taken;
      at += taken;
      if (!sink.wantsPackets) return this.#holdAll(chunk, at);
    }
    return this.#cut(chunk, at, sink);
  }

  /** Processes what was buffered while the sink was paused. @returns as `feed` */
  resume(sink: PacketSink): number {
    const held = this.#held.subarray(0, this.#heldBytes);
    this.drop();
    return this.#cut(held, 0, sink);
  }

  /** Discards the buffer. */
  drop(): void {
    this.#held = NONE;
    this.#heldBytes = 0;
  }

  #cut(chunk: Uint8Array, from: number, sink: PacketSink): number {
    let at = from;
    while (at < chunk.length) {
      const head = headerBytes(chunk, at, chunk.length);
      if (head === MALFORMED) return FramingProblem.malformed;
      if (head === INCOMPLETE) break;
      const end = at + head + remainingLength(chunk, at, head);
      if (end - at > this.#packetBytesMax) return FramingProblem.tooLarge;
      if (end > chunk.length) break;
      sink.packet(chunk, chunk[at]!, at + head, end);
      at = end;
      if (!sink.wantsPackets) return this.#holdAll(chunk, at);
    }
    this.#hold(chunk, at, chunk.length);
    return 0;
  }

  /**
   * Appends to the buffered packet and passes it on when complete.
   * @returns the bytes consumed, or a negated `FramingProblem`
   */
  #complete(chunk: Uint8Array, from: number, sink: PacketSink): number {
    const head = headerBytes(this.#held, 0, this.#heldBytes);
    if (head === MALFORMED) return -FramingProblem.malformed;
    if (head === INCOMPLETE) {
      this.#hold(chunk, from, from + 1);
      return this.#finish(sink, 1);
    }
    const total = head + remainingLength(this.#held, 0, head);
    if (total > this.#packetBytesMax) return -FramingProblem.tooLarge;
    const taken = Math.min(total - this.#heldBytes, chunk.length - from);
    this.#hold(chunk, from, from + taken);
    return this.#finish(sink, taken);
  }

  #finish(sink: PacketSink, taken: number): number {
    const head = headerBytes(this.#held, 0, this.#heldBytes);
    if (head === MALFORMED) return -FramingProblem.malformed;
    if (head === INCOMPLETE) return taken;
    const total = head + remainingLength(this.#held, 0, head);
    if (total > this.#packetBytesMax) return -FramingProblem.tooLarge;
    if (total > this.#heldBytes) return taken;
    const packet = this.#held;
    this.drop();
    sink.packet(packet, packet[0]!, head, total);
    return taken;
  }

  #holdAll(chunk: Uint8Array, from: number): number {
    if (this.#heldBytes + chunk.length - from > this.#packetBytesMax) {
      this.drop();
      return FramingProblem.tooMuch;
    }
    this.#hold(chunk, from, chunk.length);
    return 0;
  }

  /** The buffer grows with the bytes received, not with the length that a header announces. */
  #hold(chunk: Uint8Array, from: number, to: number): void {
    const count = to - from;
    if (count <= 0) return;
    const needed = this.#heldBytes + count;
    if (needed > this.#held.length) {
      const room = Math.min(Math.max(needed, 2 * this.#held.length, HELD_BYTES_MIN), this.#packetBytesMax);
      const larger = new Uint8Array(Math.max(room, FIXED_HEADER_BYTES_MAX));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(chunk.subarray(from, to), this.#heldBytes);
    this.#heldBytes = needed;
  }
}

/** @returns bytes of the fixed header at `at`, `INCOMPLETE` or `MALFORMED` */
function headerBytes(bytes: Uint8Array, at: number, limit: number): number {
  for (let i = 1; i < FIXED_HEADER_BYTES_MAX; i++) {
    if (at + i >= limit) return INCOMPLETE;
    const byte = bytes[at + i]!;
    // A final 0 after another byte is a non-minimal encoding.
    if (byte < 0x80) return byte === 0 && i > 1 ? MALFORMED : i + 1;
  }
  return MALFORMED;
}

function remainingLength(bytes: Uint8Array, at: number, head: number): number {
  let length = 0;
  for (let i = 1; i < head; i++) length |= (bytes[at + i]! & 0x7f) << (7 * (i - 1));
  return length;
}
