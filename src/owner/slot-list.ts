/**
 * Row slots in the order in which they were found. The devices of a filter are kept like this until its subscriber has
 * read their pages, and it may have a hundred filters of a hundred thousand devices. They are found mostly in the order
 * of the table, so each is stored as its distance to the one before: a byte or two, where a number in an array takes
 * eight or more.
 */

const BYTES_MIN = 16;
/** The longest distance: 33 bits with its sign, seven in a byte. */
const BYTES_PER_SLOT_MAX = 5;

export class SlotList {
  #bytes = new Uint8Array(0);
  #used = 0;
  #last = 0;
  #length = 0;

  static of(slots: Iterable<number>): SlotList {
    const list = new SlotList();
    for (const slot of slots) list.push(slot);
    return list;
  }

  /** How many were added. */
  get length(): number {
    return this.#length;
  }

  /** Memory that it takes. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  push(slot: number): void {
    if (this.#used + BYTES_PER_SLOT_MAX > this.#bytes.length) this.#grow();
    const distance = slot - this.#last;
    // The sign is the lowest bit.
    let rest = distance < 0 ? -2 * distance - 1 : 2 * distance;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#used++] = (rest % 0x80) | 0x80;
    this.#bytes[this.#used++] = rest;
    this.#last = slot;
    this.#length += 1;
  }

  /** All in their order; those that are added meanwhile, too. */
  *[Symbol.iterator](): Generator<number, undefined> {
    let last = 0;
    for (let at = 0; at < this.#used; ) {
      let value = 0;
      let unit = 1;
      let byte: number;
      do {
        byte = this.#bytes[at++]!;
        value += (byte & 0x7f) * unit;
        unit *= 0x80;
      } while (byte >= 0x80);
      last += value % 2 === 1 ? -(value + 1) / 2 : value / 2;
      yield last;
    }
  }

  #grow(): void {
    const larger = new Uint8Array(Math.max(BYTES_MIN, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
