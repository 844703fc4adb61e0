/** Finds the end of the first HTTP head in a stream of bytes: the first empty line. */

const CR = 13;
const LF = 10;
const END_BYTES = 4; // CR LF CR LF

export class HeadWatch {
  /** Bytes of the end that have come in a row. */
  #matched = 0;

  get hasEnded(): boolean {
    return this.#matched === END_BYTES;
  }

  /** The next bytes of the stream. @returns how many of them belong to the head */
  push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.hasEnded) {
      const wanted = this.#matched % 2 === 0 ? CR : LF;
      const byte = bytes[at++];
      if (byte === wanted) this.#matched += 1;
      else this.#matched = byte === CR ? 1 : 0;
    }
    return at;
  }
}
