/** RFC 6455 frames as far as a generator needs them: masked with zeros, so that a payload can be written in place. */
import type { Speaker } from './wire.ts';

const FIN = 0x80;
const MASKED = 0x80;
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameHead {
  opcode: number;
  start: number;
  end: number;
}

/** @returns false when the frame is not there as a whole yet */
export function readFrame(bytes: Buffer, from: number, to: number, into: FrameHead): boolean {
  if (to - from < 2) return false;
  let start = from + 2;
  let length = bytes[from + 1]! & 0x7f;
  if (length === 126) {
    start += 2;
    if (start > to) return false;
    length = (bytes[from + 2]! << 8) | bytes[from + 3]!;
  } else if (length === 127) {
    start += 8;
    if (start > to) return false;
    length = bytes.readUInt32BE(from + 6);
  }
  into.opcode = bytes[from]! & 0x0f;
  into.start = start;
  into.end = start + length;
  return into.end <= to;
}

/** A client's frame. A mask of zeros is a mask: the server does the same work, and we write the payload in place. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 0xff] : undefined;
  if (head === undefined) throw new RangeError(`a frame of ${length} bytes is more than a generator sends`);
  head[0]! |= MASKED;
  return Buffer.concat([Buffer.from([FIN | opcode, ...head, 0, 0, 0, 0]), payload]);
}

/** @param path of the contract, taken where the URL has none of its own @param headers beside those of every upgrade */
export function upgradeRequest(
  { url, token }: Pick<Speaker, 'url' | 'token'>,
  path: string,
  headers: readonly string[] = [],
): Buffer {
  const target = new URL(path, url);
  if (url.pathname !== '/') target.pathname = url.pathname;
  for (const [name, value] of url.searchParams) target.searchParams.append(name, value);
  const lines = [
    `GET ${target.pathname}${target.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...(token === '' ? [] : [`Authorization: Bearer ${token}`]),
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

const NORMAL = 1000;

/** A close frame that says goodbye. */
export function goodbyeFrame(): Buffer {
  const code = Buffer.alloc(2);
  code.writeUInt16BE(NORMAL);
  return clientFrame(Opcode.close, code);
}

export interface UpgradeReply {
  /** The status line of any answer but 101; undefined: the connection is upgraded. */
  readonly refusal: string | undefined;
  /** Where the head ends. */
  readonly end: number;
}

/** @returns undefined when the head of the answer is not complete */
export function readUpgradeAnswer(bytes: Buffer, from: number, to: number): UpgradeReply | undefined {
  const end = bytes.indexOf('\r\n\r\n', from);
  if (end < 0 || end + 4 > to) return undefined;
  const status = bytes.toString('latin1', from, bytes.indexOf('\r\n', from));
  return { refusal: status.includes(' 101') ? undefined : status, end: end + 4 };
}
