/**
 * Reads the fields of one packet. It never reads outside the packet and never throws. A field that is truncated or
 * invalid clears `ok`; later reads return 0 or ''. Packets are decoded synchronously, so one reader per thread is
 * enough.
 */
import { isUtf8 } from 'node:buffer';

const EMPTY = new Uint8Array(0);
const VARINT_BYTES_MAX = 4;

export class Reader {
  bytes: Uint8Array = EMPTY;
  at = 0;
  end = 0;
  /** False after a failed read. */
  ok = true;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.ok = true;
  }

  /** Whether everything was read, and nothing is left. */
  get isDone(): boolean {
    return this.ok && this.at === this.end;
  }

  u8(): number {
    return this.#take(1) ? this.bytes[this.at - 1]! : 0;
  }

  u16(): number {
    return this.#take(2) ? (this.bytes[this.at - 2]! << 8) | this.bytes[this.at - 1]! : 0;
  }

  u32(): number {
    const value = this.u16() * 0x10000 + this.u16();
    return this.ok ? value : 0;
  }

  /** A variable byte integer. Non-minimal encodings are invalid (MQTT 5, section 1.5.5). */
  varint(): number {
    let value = 0;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.u8();
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if (byte === 0 && i > 0) this.ok = false;
        return this.ok ? value : 0;
      }
    }
    this.ok = false;
    return 0;
  }

  /** A UTF-8 string: well formed and without U+0000. */
  string(): string {
    const start = this.at + 2;
    if (!this.skipString()) return '';
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, this.at - start).toString('utf8');
  }

  /** Skips a string. @returns whether it is valid */
  skipString(): boolean {
    const start = this.skipBinary();
    if (this.ok && !isMqttText(this.bytes, start, this.at)) this.ok = false;
    return this.ok;
  }

  /** A copy of binary data. `slice` makes none of a Buffer, and over TCP the next read goes to the same memory. */
  binary(): Uint8Array {
    const start = this.skipBinary();
    return this.ok ? new Uint8Array(this.bytes.subarray(start, this.at)) : EMPTY;
  }

  /** Skips binary data. @returns where its bytes start */
  skipBinary(): number {
    const length = this.u16();
    const start = this.at;
    this.#take(length);
    return start;
  }

  #take(count: number): boolean {
    if (this.at + count > this.end) this.ok = false;
    if (this.ok) this.at += count;
    return this.ok;
  }
}

/** Whether the bytes are a valid MQTT string: well-formed UTF-8 without U+0000 (section 1.5.4). */
export function isMqttText(bytes: Uint8Array, start: number, end: number): boolean {
  let isAscii = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) return false;
    if (byte > 0x7f) isAscii = false;
  }
  return isAscii || isUtf8(bytes.subarray(start, end));
}
