/** A WebSocket client on bare TLS that decides what leaves in one write. */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { clientFrame, closeFrame, text } from './websocket-frames.ts';

/** What is written to it leaves at once, or when it is let go. */
class Valve extends Duplex {
  readonly #tcp: Socket;
  #held: Buffer[] | undefined;

  constructor(tcp: Socket) {
    super({ allowHalfOpen: true });
    this.#tcp = tcp;
    tcp.on('data', (chunk) => this.push(chunk));
    tcp.on('end', () => this.push(null));
    tcp.on('close', () => this.destroy());
    tcp.on('error', () => {}); // 'close' follows
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#held === undefined) this.#tcp.write(chunk);
    else this.#held.push(chunk);
    done();
  }

  override _final(done: () => void): void {
    done(); // the FIN leaves with `letGo`, or with the end of the connection
  }

  hold(): void {
    this.#held = [];
  }

  /** Sends what was held, and a FIN behind it, in one go. */
  letGo(): void {
    this.#tcp.end(Buffer.concat(this.#held ?? []));
    this.#held = undefined;
  }
}

export class TlsPeer {
  readonly #tls: TLSSocket;
  readonly #valve: Valve;
  #received = Buffer.alloc(0);
  /** The hub ended TLS. */
  hasEnded = false;

  private constructor(tls: TLSSocket, valve: Valve) {
    this.#tls = tls;
    this.#valve = valve;
    tls.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    tls.on('end', () => {
      this.hasEnded = true;
    });
    tls.on('error', () => {}); // 'close' follows
  }

  /** @param ca the certificate to trust, PEM */
  static async open(port: number, path: string, ca: string): Promise<TlsPeer> {
    const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    await new Promise((resolve) => tcp.once('connect', resolve));
    const valve = new Valve(tcp);
    const tls = connectTls({ socket: valve, host: '127.0.0.1', ca });
    const peer = new TlsPeer(tls, valve);
    await new Promise((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject));
    const key = randomBytes(16).toString('base64');
    tls.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    return peer;
  }

  /** All that the hub sent, as text: enough to look for a frame in it. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  /** The code of the close frame that the hub sent, if any. It is the last frame. */
  get closedWith(): number | undefined {
    const at = this.#received.lastIndexOf(0x88);
    return at >= 0 && at + 4 <= this.#received.length ? this.#received.readUInt16BE(at + 2) : undefined;
  }

  sendText(payload: string): void {
    this.#tls.write(text(payload));
  }

  sendClose(code: number): void {
    this.#tls.write(closeFrame(code));
  }

  /** A text frame, the close frame, the end of TLS and of TCP, all in one segment. */
  sendAndLeave(payload: string, code: number): void {
    this.#valve.hold();
    this.#tls.write(Buffer.concat([text(payload), closeFrame(code)]));
    this.#tls.end(() => setImmediate(() => this.#valve.letGo()));
  }

  ping(): void {
    this.#tls.write(clientFrame({ opcode: 9 }));
  }

  destroy(): void {
    this.#tls.destroy();
    this.#valve.destroy();
  }
}
