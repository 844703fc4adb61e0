/** Frames as a client sends them. The mask is zero, so that making them costs an attacker next to nothing. */
import { Opcode } from '../support/raw-peer.ts';

export function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const short = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(short + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (short === 2 ? length : short === 4 ? 126 : 127);
  if (short === 4) frame.writeUInt16BE(length, 2);
  if (short === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, short + 4);
  return frame;
}

export function textFrame(text: string): Buffer {
  return frameOf(Opcode.text, Buffer.from(text));
}

export function jsonFrame(value: unknown): Buffer {
  return textFrame(JSON.stringify(value));
}

/** As many copies as fit into so many bytes, at least one. */
export function repeated(frame: Buffer, bytes: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(bytes / frame.length)) }, () => frame));
}
