/**
 * Single-producer single-consumer byte ring in shared memory, after Agrona's OneToOneRingBuffer: records never
 * wrap (padding fills the end), the order of stores is the protocol, full is a return value.
 *
 * Memory, each control word on a pair of cache lines of its own:
 *
 *   | tail | head, taken | records ..................................... |
 *   0      128           256
 *
 * A record is 8-byte aligned: u32 length in bytes with this header, u32 kind, payload.
 */

const LINE_PAIR_BYTES = 128; // two 64-byte lines: the neighbour is prefetched too
const TAIL_WORD = 0; // bytes written mod 2^32; writer: producer
const HEAD_WORD = LINE_PAIR_BYTES / 4; // bytes read mod 2^32; writer: consumer
const TAKEN_WORD = HEAD_WORD + 1; // bytes looked at mod 2^32, for a successor of the consumer; writer: consumer
const RECORDS_OFFSET = 2 * LINE_PAIR_BYTES;
const RECORD_HEADER_BYTES = 8;
const PADDING_KIND = 0;
const ALIGNMENT = 8;

export const RING_BYTES_MIN = 4096;
export const RING_BYTES_MAX = 2 ** 30; // positions are counted mod 2^32 and compared by difference

/** How full the ring may get for a record of this class, so that important records find room when others do not. */
export const Share = { low: 1 / 2, normal: 3 / 4, high: 15 / 16, control: 1 } as const;

/**
 * The largest payload that a ring of this capacity accepts, bytes: an eighth, so that one record never blocks the rest.
 */
export function recordBytesMax(ringBytes: number): number {
  return ringBytes / 8 - RECORD_HEADER_BYTES;
}

/** The smallest power of two of at least `bytes`, within the limits of a ring. */
export function ringBytesFor(bytes: number): number {
  return Math.max(RING_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)));
}

/** @throws RangeError when `bytes` is not a power of two in range. */
export function createRing(bytes: number): SharedArrayBuffer {
  if (!(bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX && Number.isInteger(Math.log2(bytes)))) {
    throw new RangeError(
      `ring of ${bytes} bytes; expected a power of two from ${RING_BYTES_MIN} to ${RING_BYTES_MAX}`,
    );
  }
  return new SharedArrayBuffer(RECORDS_OFFSET + bytes);
}

/** Share of the ring that waits to be read, 0 to 1. Any thread; may be out of date. */
export function ringUsedRatio(memory: SharedArrayBuffer): number {
  const words = new Int32Array(memory, 0, RECORDS_OFFSET / 4);
  const used = (Atomics.load(words, TAIL_WORD) - Atomics.load(words, HEAD_WORD)) >>> 0;
  return used / (memory.byteLength - RECORDS_OFFSET);
}

/** Typed views over the same bytes; the offsets that a ring returns are byte offsets into them. */
export interface RecordViews {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
}

/** @param offset of the records in the memory, bytes; a multiple of 8 */
export function recordViews(memory: ArrayBufferLike, offset = 0): RecordViews {
  return {
    u8: new Uint8Array(memory, offset),
    u16: new Uint16Array(memory, offset),
    u32: new Uint32Array(memory, offset),
    f64: new Float64Array(memory, offset),
  };
}

const align = (bytes: number): number => (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

interface Spilled {
  readonly kind: number;
  readonly bytes: number;
  readonly views: RecordViews;
}

/** The writing end. One thread. */
export class RingProducer {
  /** Where the last claimed record is written: the ring, or a private buffer while control records wait for room. */
  views: RecordViews;
  readonly #ring: RecordViews;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #bytesMax: number;
  #tail: number;
  /** Last head seen: the shared word is read only when the ring seems full. */
  #head: number;
  /** Control records that found no room, in order. While there are any, the ring refuses events. */
  #spill: Spilled[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, RECORDS_OFFSET / 4);
    this.#ring = recordViews(memory, RECORDS_OFFSET);
    this.views = this.#ring;
    this.#capacity = memory.byteLength - RECORDS_OFFSET;
    this.#bytesMax = recordBytesMax(this.#capacity);
    this.#tail = Atomics.load(this.#words, TAIL_WORD);
    this.#head = Atomics.load(this.#words, HEAD_WORD);
  }

  get spilledCount(): number {
    return this.#spill.length;
  }

  /** Bytes written so far, mod 2^32. */
  get written(): number {
    return this.#tail >>> 0;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Whether the consumer has released everything up to this position; reads the shared word. @param position see
   * `written`
   */
  isReadTo(position: number): boolean {
    const unread = (this.#tail - Atomics.load(this.#words, HEAD_WORD)) >>> 0;
    return unread <= (this.#tail - position) >>> 0;
  }

  /** Share of the ring that waits to be read, 0 to 1; reads the shared word. */
  usedRatio(): number {
    this.#head = Atomics.load(this.#words, HEAD_WORD);
    return ((this.#tail - this.#head) >>> 0) / this.#capacity;
  }

  /**
   * Claims room for one record and writes its kind. The caller writes the payload through `views`; `commit` makes all
   * claimed records visible.
   * @param bytes payload length, 0 to `recordBytesMax`
   * @param share one of `Share`
   * @returns byte offset of the payload, 8-byte aligned, or -1 when the consumer is behind (the caller counts it)
   * @throws RangeError when `bytes` is out of range: a bug in the caller
   */
  claim(kind: number, bytes: number, share: number): number {
    if (bytes > this.#bytesMax)
      throw new RangeError(`record of ${bytes} bytes, at most ${this.#bytesMax} fit this ring`);
    if (this.#spill.length > 0 && !this.#unspill()) return -1;
    this.views = this.#ring;
    return this.#place(kind, bytes, share);
  }

  /** Like `claim`, for records that must not be lost: without room they wait in private memory, in order. */
  claimControl(kind: number, bytes: number): number {
    const offset = this.claim(kind, bytes, Share.control);
    if (offset >= 0) return offset;
    this.views = recordViews(new ArrayBuffer(align(Math.max(bytes, ALIGNMENT))));
    this.#spill.push({ kind, bytes, views: this.views });
    return 0;
  }

  /** Makes all claimed records visible to the consumer, and as many waiting ones as there is room for now. */
  commit(): void {
    if (this.#spill.length > 0) this.#unspill();
    Atomics.store(this.#words, TAIL_WORD, this.#tail | 0);
  }

  #place(kind: number, bytes: number, share: number): number {
    const size = align(bytes + RECORD_HEADER_BYTES);
    const capacity = this.#capacity;
    let at = this.#tail & (capacity - 1);
    const padding = at + size > capacity ? capacity - at : 0;
    const limit = capacity * share - size - padding;
    if ((this.#tail - this.#head) >>> 0 > limit) {
      this.#head = Atomics.load(this.#words, HEAD_WORD);
      if ((this.#tail - this.#head) >>> 0 > limit) return -1;
    }
    const { u32 } = this.#ring;
    if (padding > 0) {
      u32[at >> 2] = padding;
      u32[(at >> 2) + 1] = PADDING_KIND;
      at = 0;
    }
    u32[at >> 2] = bytes + RECORD_HEADER_BYTES;
    u32[(at >> 2) + 1] = kind;
    this.#tail = (this.#tail + padding + size) | 0;
    return at + RECORD_HEADER_BYTES;
  }

  /** Moves waiting control records into the ring. @returns true when none is left */
  #unspill(): boolean {
    let moved = 0;
    for (const { kind, bytes, views } of this.#spill) {
      const offset = this.#place(kind, bytes, Share.control);
      if (offset < 0) break;
      this.#ring.u8.set(views.u8.subarray(0, bytes), offset);
      moved += 1;
    }
    if (moved > 0) this.#spill = this.#spill.slice(moved);
    return this.#spill.length === 0;
  }
}

/** The reading end. One thread. */
export class RingConsumer {
  readonly views: RecordViews;
  /** Kind and payload length of the record that `next` returned. */
  kind = 0;
  bytes = 0;
  readonly #words: Int32Array;
  readonly #mask: number;
  #cursor: number;
  /** Last tail seen. */
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, RECORDS_OFFSET / 4);
    this.views = recordViews(memory, RECORDS_OFFSET);
    this.#mask = memory.byteLength - RECORDS_OFFSET - 1;
    this.#cursor = Atomics.load(this.#words, HEAD_WORD);
    this.#tail = this.#cursor;
  }

  /** Whether a record waits. Reads the shared word. */
  get hasRecords(): boolean {
    return this.#cursor !== this.#readTail();
  }

  /** Bytes that wait to be read. Reads the shared word. */
  get unreadBytes(): number {
    return (this.#readTail() - this.#cursor) >>> 0;
  }

  /** Kind of the record that `next` will step to; -1: there is none. */
  peek(): number {
    for (let at = this.#cursor; ; ) {
      if (at === this.#tail && at === this.#readTail()) return -1;
      const { u32 } = this.views;
      const start = (at & this.#mask) >> 2;
      if (u32[start + 1] !== PADDING_KIND) return u32[start + 1]!;
      at = (at + align(u32[start]!)) | 0;
    }
  }

  /**
   * Steps to the next record; its bytes stay valid until `release`.
   * @returns byte offset of its payload, or -1 when there is none
   */
  next(): number {
    for (;;) {
      if (this.#cursor === this.#tail && !this.hasRecords) return -1;
      const at = this.#cursor & this.#mask;
      const length = this.views.u32[at >> 2]!;
      this.kind = this.views.u32[(at >> 2) + 1]!;
      this.#cursor = (this.#cursor + align(length)) | 0;
      this.#words[TAKEN_WORD] = this.#cursor;
      if (this.kind !== PADDING_KIND) {
        this.bytes = length - RECORD_HEADER_BYTES;
        return at + RECORD_HEADER_BYTES;
      }
    }
  }

  /**
   * For a consumer that takes over from a dead one: visits the records that it had taken but not released, ending with
   * the one it was processing, and releases their room. Later records were never looked at.
   */
  takeOver(visit: (offset: number) => void): void {
    const taken = this.#words[TAKEN_WORD]!;
    while (this.#cursor !== taken) {
      const at = this.#cursor & this.#mask;
      const length = this.views.u32[at >> 2]!;
      this.kind = this.views.u32[(at >> 2) + 1]!;
      this.bytes = length - RECORD_HEADER_BYTES;
      this.#cursor = (this.#cursor + align(length)) | 0;
      if (this.kind !== PADDING_KIND) visit(at + RECORD_HEADER_BYTES);
    }
    this.#tail = taken;
    this.release();
  }

  /** Position behind the record that `next` returned last, for `releaseTo`. */
  get position(): number {
    return this.#cursor;
  }

  /** Returns the room of all records stepped over to the producer. */
  release(): void {
    this.releaseTo(this.#cursor);
  }

  /** Returns the room up to a position that this consumer has been at. */
  releaseTo(position: number): void {
    Atomics.store(this.#words, HEAD_WORD, position);
  }

  #readTail(): number {
    this.#tail = Atomics.load(this.#words, TAIL_WORD);
    return this.#tail;
  }
}
