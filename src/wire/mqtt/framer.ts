/**
 * Cuts the bytes of one connection into packets, wherever the transport split them. A packet that lies in one chunk is
 * handed on where it lies; of one that does not, only the bytes that came are held, never more than the largest packet
 * that is accepted. A packet over that is refused at its header, before anything of it is held.
 */
import { FIXED_HEADER_BYTES_MAX } from './limits.ts';

/** Takes whole packets. */
export interface PacketSink {
  /**
   * @param bytes valid only while this runs
   * @param head the packet's first byte
   * @param start where its variable header starts
   * @param end where the packet ends
   */
  packet(bytes: Uint8Array, head: number, start: number, end: number): void;
  /** Whether the framer goes on after a packet; when not, it holds what follows until `resume`. */
  readonly wantsPackets: boolean;
}

export const FramingProblem = {
  /** The remaining length is no variable byte integer. */
  malformed: 1,
  /** The packet is larger than what is accepted. */
  tooLarge: 2,
  /** More came than is held for a peer that has to wait. */
  tooMuch: 3,
} as const;

const NONE = new Uint8Array(0);
/** Held bytes start with this much room and double. */
const HELD_BYTES_MIN = 64;
const INCOMPLETE = 0;
const MALFORMED = -1;

export class Framer {
  readonly #packetBytesMax: number;
  /** What came and could not be handed on yet, up to `#heldBytes`. */
  #held = NONE;
  #heldBytes = 0;

  /** @param packetBytesMax the largest packet that is accepted, fixed header included */
  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** Bytes held of a packet that is not complete, or behind one that is being answered. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns 0, or a `FramingProblem`: the connection is beyond repair then */
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

  /** Goes on with what was held while the sink wanted nothing. @returns as `feed` */
  resume(sink: PacketSink): number {
    const held = this.#held.subarray(0, this.#heldBytes);
    this.drop();
    return this.#cut(held, 0, sink);
  }

  /** Forgets what is held. */
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
   * Adds to the packet that is held what it lacks, and hands it on when it is complete.
   * @returns the bytes taken, or a negated `FramingProblem`
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

  /** Room grows with what came, not with what a header promises. */
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
    // A last byte of 0 after another is a number in more bytes than it needs.
    if (byte < 0x80) return byte === 0 && i > 1 ? MALFORMED : i + 1;
  }
  return MALFORMED;
}

function remainingLength(bytes: Uint8Array, at: number, head: number): number {
  let length = 0;
  for (let i = 1; i < head; i++) length |= (bytes[at + i]! & 0x7f) << (7 * (i - 1));
  return length;
}
