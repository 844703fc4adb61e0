/** Frames as a client writes them and as it must not, byte for byte. */
import { Opcode } from './raw-peer.ts';

/** Always the same: what a seed made must be the same bytes again. */
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

export interface ClientFrame {
  readonly opcode: number;
  readonly payload?: string | Uint8Array;
  readonly fin?: boolean;
  /** Reserved bits, 0 to 7; RSV1 is 4. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Bytes that the length takes: 7 bits, 16 or 64; the shortest unless given. */
  readonly lengthBits?: 7 | 16 | 64;
  /** Announced instead of the payload's own. */
  readonly length?: bigint;
}

export function clientFrame({
  opcode,
  payload = '',
  fin = true,
  reserved = 0,
  masked = true,
  lengthBits,
  length,
}: ClientFrame): Buffer {
  const body = Buffer.from(payload);
  const announced = length ?? BigInt(body.length);
  const bits = lengthBits ?? (announced < 126n ? 7 : announced < 65_536n ? 16 : 64);
  const head = Buffer.alloc(bits === 7 ? 2 : bits === 16 ? 4 : 10);
  head.writeUInt8((fin ? 0x80 : 0) | (reserved << 4) | opcode, 0);
  const maskBit = masked ? 0x80 : 0;
  head.writeUInt8(maskBit | (bits === 7 ? Number(announced) : bits === 16 ? 126 : 127), 1);
  if (bits === 16) head.writeUInt16BE(Number(announced), 2);
  if (bits === 64) head.writeBigUInt64BE(announced, 2);
  if (!masked) return Buffer.concat([head, body]);
  return Buffer.concat([head, MASK, body.map((byte, index) => byte ^ (MASK[index % 4] ?? 0))]);
}

export function text(payload: string | Uint8Array, more: Omit<ClientFrame, 'opcode'> = {}): Buffer {
  return clientFrame({ opcode: Opcode.text, payload, ...more });
}

/** The payloads as the fragments of one text message. */
export function fragments(...payloads: readonly (string | Uint8Array)[]): Buffer[] {
  return payloads.map((payload, index) =>
    clientFrame({
      opcode: index === 0 ? Opcode.text : Opcode.continuation,
      payload,
      fin: index === payloads.length - 1,
    }),
  );
}

/** @param code undefined: an empty close frame */
export function closeFrame(code?: number, reason: string | Uint8Array = ''): Buffer {
  const head = Buffer.alloc(code === undefined ? 0 : 2);
  if (code !== undefined) head.writeUInt16BE(code);
  return clientFrame({ opcode: Opcode.close, payload: Buffer.concat([head, Buffer.from(reason)]) });
}
