/** A WebSocket client on bare TCP, for what a well-behaved client cannot do. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Inbox } from './inbox.ts';
import { reset } from './reset.ts';

export interface UpgradeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a refusal. */
  readonly body: string;
}

export interface RawFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly fin?: boolean;
  /** false breaks the protocol: a client's frames are masked. */
  readonly masked?: boolean;
}

/** The headers of a good handshake; `undefined` leaves one out, a list becomes a line each. */
export type UpgradeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface RequestLine {
  readonly method?: string;
  readonly version?: string;
  /** Follows the head in the same write. */
  readonly body?: string;
}

export class RawPeer {
  readonly frames = new Inbox<RawFrame>('raw peer');
  /** Settles when the connection has ended, however that came about. */
  readonly closed: Promise<void>;
  readonly #answers = new Inbox<UpgradeAnswer>('raw peer, upgrade');
  readonly #socket: Socket;
  readonly #port: number;
  #received: Buffer = Buffer.alloc(0);
  #upgraded = false;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      this.frames.end('connection ended');
      this.#answers.end('connection ended');
    });
  }

  static connect(port: number): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawPeer(socket, port));
      });
    });
  }

  /** Connects and shakes hands. @throws Error when the hub refuses */
  static async open(port: number, path: string): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    const { status } = await peer.upgrade(path);
    if (status !== 101) throw new Error(`${path} was refused with ${status}`);
    return peer;
  }

  /** Sends the handshake and waits for the answer, whatever it is. */
  upgrade(
    path: string,
    headers: UpgradeHeaders = {},
    { method = 'GET', version = 'HTTP/1.1', body }: RequestLine = {},
  ): Promise<UpgradeAnswer> {
    const all: UpgradeHeaders = {
      Host: `127.0.0.1:${this.#port}`,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Version': '13',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) =>
      [value ?? []].flat().map((each) => `${name}: ${each}`),
    );
    return this.ask([`${method} ${path} ${version}`, ...lines], body);
  }

  /** Sends the head of a request, line by line, and waits for the answer. */
  ask(head: readonly string[], body = ''): Promise<UpgradeAnswer> {
    this.write([...head, '', body].join('\r\n'));
    return this.#answers.next();
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  send(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): void {
    this.write(encodeFrame(opcode, Buffer.from(payload), options));
  }

  sendJson(frame: unknown): void {
    this.send(Opcode.text, JSON.stringify(frame));
  }

  /** Takes nothing more from the kernel. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Takes about so many bytes more, then nothing; or all that there is when the connection ends. */
  readSome(bytes: number): Promise<void> {
    const until = this.#socket.bytesRead + bytes;
    const taken = new Promise<void>((resolve) => {
      const stop = (): void => {
        if (this.#socket.bytesRead < until) return;
        this.#socket.off('data', stop).pause();
        resolve();
      };
      this.#socket.on('data', stop).resume();
    });
    return Promise.race([taken, this.closed]);
  }

  /** Ends the connection with a TCP reset and no close frame. */
  destroy(): void {
    reset(this.#socket);
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (!this.#upgraded && !this.#readAnswer()) return;
    for (let frame = this.#readFrame(); frame !== undefined; frame = this.#readFrame())
      this.frames.push(frame);
  }

  #readAnswer(): boolean {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [first = '', ...lines] = this.#received.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    ) as Record<string, string>;
    const status = Number(first.split(' ')[1]);
    const bodyEnd = end + 4 + (status === 101 ? 0 : Number(headers['content-length'] ?? 0));
    if (this.#received.length < bodyEnd) return false;
    const body = this.#received.toString('utf8', end + 4, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd);
    this.#upgraded = status === 101;
    this.#answers.push({ status, headers, body });
    return this.#upgraded;
  }

  #readFrame(): RawFrame | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = bytes.readUInt8(1) & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.#received = bytes.subarray(head + length);
    const first = bytes.readUInt8(0);
    return { fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload: bytes.subarray(head, head + length) };
  }
}

/** A frame as a client writes it. */
export function encodeFrame(
  opcode: number,
  payload: Buffer,
  { fin = true, masked = true }: FrameOptions = {},
): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8((fin ? 0x80 : 0) | opcode, 0);
  const maskBit = masked ? 0x80 : 0;
  if (length < 126) head.writeUInt8(maskBit | length, 1);
  else if (length < 65_536) {
    head.writeUInt8(maskBit | 126, 1);
    head.writeUInt16BE(length, 2);
  } else {
    head.writeUInt8(maskBit | 127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

/** What an upgrade is answered with; the connection is ended afterwards. */
export async function upgradeAnswer(
  port: number,
  path: string,
  headers: UpgradeHeaders = {},
  line: RequestLine = {},
): Promise<UpgradeAnswer> {
  const peer = await RawPeer.connect(port);
  try {
    return await peer.upgrade(path, headers, line);
  } finally {
    peer.destroy();
  }
}
