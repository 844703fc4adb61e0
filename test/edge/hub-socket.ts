/** The connections of `OneThreadHub`. No assertions. */
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';

/** One end of a connection: what the hub does with it is noted. */
export class HubSocket<Session> implements Connection<Session> {
  readonly session: Session;
  readonly transport = 'websocket';
  readonly remoteAddress = '192.0.2.1';
  readonly topics = new Set<string>();
  /** Copies: the hub uses its buffers again. */
  readonly sent: (string | Buffer)[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  corks = 0;
  pings = 0;
  isTerminated = false;
  isOver = false;
  /** Bytes that wait. */
  queued = 0;
  readonly #handlers: ListenerHandlers<Session>;
  readonly #ending: (() => void)[];

  constructor(session: Session, handlers: ListenerHandlers<Session>, ending: (() => void)[]) {
    this.session = session;
    this.#handlers = handlers;
    this.#ending = ending;
  }

  send(frame: string | Uint8Array): void {
    if (this.closed !== undefined || this.isOver) return;
    this.sent.push(typeof frame === 'string' ? frame : Buffer.from(frame));
  }

  cork(body: () => void): void {
    this.corks += 1;
    body();
  }

  ping(): void {
    this.pings += 1;
  }

  close(code: number, reason: string): void {
    if (this.closed !== undefined || this.isOver) return;
    this.closed = { code, reason };
    this.#handlers.closing(this);
    this.#ending.push(() => this.end(code));
  }

  terminate(): void {
    this.isTerminated = true;
    this.#ending.push(() => this.end(1006));
  }

  join(topic: string): void {
    this.topics.add(topic);
  }

  leave(topic: string): void {
    if (!this.topics.delete(topic)) throw new Error(`not in topic ${topic}`);
  }

  bufferedBytes(): number {
    return this.queued;
  }

  /** The peer ends the connection, or it is over after this side closed it. */
  end(code = 1006): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handlers.close(this, this.closed?.code ?? code);
  }

  receive(frame: string | Uint8Array): void {
    const isText = typeof frame === 'string';
    const bytes = Buffer.from(frame as Uint8Array); // a Buffer, as a stream hands it on
    this.#handlers.message(this, bytes, !isText);
    bytes.fill(0); // as the transport uses it again
  }

  get handlers(): ListenerHandlers<Session> {
    return this.#handlers;
  }

  /** Frames of JSON since the last call. */
  frames(): Record<string, unknown>[] {
    return this.sent.splice(0).map((frame) => JSON.parse(String(frame)) as Record<string, unknown>);
  }

  /** A frame of JSON. */
  say(frame: object): void {
    this.receive(JSON.stringify(frame));
  }
}
