/** Follows the frames of a WebSocket in one direction, only to notice a close frame (RFC 6455, 5.2). Skips payloads. */

const CLOSE = 8;
const HEAD_BYTES_MAX = 14;

export class CloseWatch {
  /** Of the frame that has begun, as far as it has come. */
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #headBytes = 0;
  /** Of the payload that is under way. */
  #payloadLeft = 0;
  #hasClosed = false;

  /** A close frame has begun. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** The next bytes of the stream. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#hasClosed) {
      if (this.#payloadLeft > 0) {
        const passed = Math.min(this.#payloadLeft, bytes.length - at);
        this.#payloadLeft -= passed;
        at += passed;
        continue;
      }
      this.#head[this.#headBytes++] = bytes[at++]!;
      this.#hasClosed = (this.#head[0]! & 0x0f) === CLOSE;
      if (this.#headBytes === this.#wanted()) this.#begin();
    }
  }

  /** Length of the head, as far as it can be told; more than there is of it until it is whole. */
  #wanted(): number {
    if (this.#headBytes < 2) return 2;
    const short = this.#head[1]! & 0x7f;
    const mask = (this.#head[1]! & 0x80) === 0 ? 0 : 4;
    return 2 + mask + (short < 126 ? 0 : short === 126 ? 2 : 8);
  }

  #begin(): void {
    const view = new DataView(this.#head.buffer);
    const short = this.#head[1]! & 0x7f;
    // A length that does not fit a number is beyond any frame that the listener accepts.
    if (short === 127) this.#payloadLeft = Number(view.getBigUint64(2));
    else this.#payloadLeft = short === 126 ? view.getUint16(2) : short;
    this.#headBytes = 0;
  }
}
