/** An attacker's connection: raw bytes out; what comes back is looked at only as far as the notes need it. */
import { connect, type Socket } from 'node:net';
import { reset } from '../support/reset.ts';
import type { Notes } from './notes.ts';

const CONNECT_MS = 10_000;
/** Bytes that wait in this process; an attacker sends what the hub takes, and no faster. */
const WAITING_BYTES_MAX = 256 * 1024;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface OpenOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly onFrame?: (frame: Frame) => void;
}

const CLOSE = 8;
const SUBSCRIBED = '{"op":"subscribed"';

export class Connection {
  readonly socket: Socket;
  isClosed = false;
  /** Answers to subscribes so far. */
  subscribed = 0;
  /** Settles at the end of the connection, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #notes: Notes;
  #onFrame: ((frame: Frame) => void) | undefined;
  #rest: Buffer = Buffer.alloc(0);
  /** Of a close frame. */
  #code: number | undefined;
  #isOurs = false;

  private constructor(socket: Socket, notes: Notes) {
    this.socket = socket;
    this.#notes = notes;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        if (!this.#isOurs)
          notes.add(this.#code === undefined ? 'cut off without a code' : `closed with ${this.#code}`);
        resolve();
      });
    });
  }

  /** A TCP connection that says nothing yet. @returns undefined when there is none */
  static async tcp(port: number, notes: Notes): Promise<Connection | undefined> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {}); // 'close' follows
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('close', () => resolve(false));
      socket.setTimeout(CONNECT_MS, () => socket.destroy());
    });
    if (!connected) {
      notes.add('no connection');
      return undefined;
    }
    socket.setTimeout(0);
    socket.resume(); // so that its end is noticed, though nobody reads
    notes.add('connections');
    return new Connection(socket, notes);
  }

  /** A WebSocket. @returns undefined when it was refused, which is noted */
  static async open(
    port: number,
    path: string,
    notes: Notes,
    { headers = {}, onFrame }: OpenOptions = {},
  ): Promise<Connection | undefined> {
    const connection = await Connection.tcp(port, notes);
    if (connection === undefined) return undefined;
    connection.write(upgradeHead(port, path, headers));
    const status = await connection.#status();
    if (status === 101) {
      connection.#readFrames(onFrame);
      return connection;
    }
    if (status !== undefined) notes.add(`HTTP ${status}`);
    connection.end();
    return undefined;
  }

  /** Like `open`, for raw bytes that come back. */
  onBytes(take: (bytes: Buffer) => void): void {
    this.socket.on('data', take);
  }

  /** @returns whether more may be written at once */
  write(bytes: string | Uint8Array): boolean {
    if (this.isClosed) return false;
    this.socket.write(bytes);
    this.#notes.add('bytes sent', typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length);
    return this.socket.writableLength < WAITING_BYTES_MAX;
  }

  /** Whether too much waits for the hub to take it. */
  get isFull(): boolean {
    return this.socket.writableLength >= WAITING_BYTES_MAX;
  }

  /** Ends it from this side, with a reset. */
  end(): void {
    this.#isOurs = true;
    reset(this.socket);
  }

  #status(): Promise<number | undefined> {
    return new Promise((resolve) => {
      const read = (bytes: Buffer): void => {
        this.#rest = Buffer.concat([this.#rest, bytes]);
        const end = this.#rest.indexOf('\r\n\r\n');
        if (end < 0) return;
        this.socket.off('data', read);
        const status = Number(this.#rest.toString('latin1', 9, 12));
        this.#rest = this.#rest.subarray(end + 4);
        resolve(status);
      };
      this.socket.on('data', read);
      void this.closed.then(() => resolve(undefined));
    });
  }

  #readFrames(onFrame: ((frame: Frame) => void) | undefined): void {
    this.#onFrame = onFrame;
    this.socket.on('data', (bytes: Buffer) => this.#take(bytes));
    const early = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#take(early);
  }

  #take(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const end = frameEnd(rest);
      if (end === undefined || rest.length < end.to) break;
      this.#look({ opcode: rest[0]! & 0x0f, payload: rest.subarray(end.from, end.to) });
      rest = rest.subarray(end.to);
    }
    this.#rest = rest;
  }

  #look(frame: Frame): void {
    const { opcode, payload } = frame;
    if (opcode === CLOSE) {
      this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.socket.end(); // as a client should: the hub has said its last word
    } else if (payload.toString('latin1', 0, SUBSCRIBED.length) === SUBSCRIBED) this.subscribed += 1;
    else if (payload.length < 1000 && payload.includes('"op":"error"')) {
      const code = /"code":(\d+)/.exec(payload.toString('latin1'))?.[1];
      this.#notes.add(`error ${code}`);
    }
    this.#onFrame?.(frame);
  }
}

/** Of the hub's frames, which are not masked. */
function frameEnd(bytes: Buffer): { readonly from: number; readonly to: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const from = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < from) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6);
  return { from, to: from + length };
}

export function upgradeHead(port: number, path: string, more: Readonly<Record<string, string>> = {}): string {
  const headers = {
    Host: `127.0.0.1:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** Aborted when the connection has ended. */
export function whenClosed(connection: Connection): AbortSignal {
  const closed = new AbortController();
  void connection.closed.then(() => closed.abort());
  return closed.signal;
}
