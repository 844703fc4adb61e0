/** A TCP proxy before a port of loopback: it cuts, delays, slows down, or lets nothing through one way. No assertions. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { bindFreePort } from './bind-free-port.ts';
import { reset } from './reset.ts';

export type Direction = 'toServer' | 'fromServer';

/** However slow it is, something comes every so often. */
const WAIT_MS_MAX = 5000;

export class TcpProxy {
  /** Each way, ms. */
  delayMs = 0;
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #stopped = new Set<Direction>();
  #port = 0;
  /** From the server, bytes per second; 0: as fast as it can. */
  #bytesPerSecond = 0;
  /** New connections are closed at once. */
  #refuses = false;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#port = await bindFreePort(proxy.#server);
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** @param bytesPerSecond from the server; 0: as fast as it can */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Nothing passes in this direction; what comes waits, as in a network that drops packets. */
  stopDirection(direction: Direction): void {
    this.#stopped.add(direction);
    for (const pair of this.#pairs) pair[direction === 'toServer' ? 0 : 1].pause();
  }

  resume(): void {
    this.#stopped.clear();
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Cuts every connection, without a word. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) reset(socket);
  }

  async stop(): Promise<void> {
    this.#refuses = true;
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      reset(client);
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#forward(client, server, 'toServer', pair);
    this.#forward(server, client, 'fromServer', pair);
  }

  #forward(from: Socket, to: Socket, direction: Direction, pair: readonly [Socket, Socket]): void {
    from.on('error', () => {}); // 'close' follows
    from.on('end', () => to.end());
    from.on('close', () => {
      this.#pairs.delete(pair);
      to.destroy();
    });
    /** In order, also when the delay changes meanwhile. */
    const delayed: Buffer[] = [];
    from.on('data', (bytes: Buffer) => {
      const rate = direction === 'fromServer' ? this.#bytesPerSecond : 0;
      if (this.delayMs > 0 || delayed.length > 0) {
        delayed.push(bytes);
        setTimeout(() => to.write(delayed.shift()!), this.delayMs);
      } else if (!to.write(bytes) || rate > 0) this.#holdUp(from, to, direction, rate, bytes.length);
    });
    if (this.#stopped.has(direction)) from.pause();
  }

  /** Reads on when the other side has taken what came, and when its time for that is over. */
  #holdUp(from: Socket, to: Socket, direction: Direction, rate: number, bytes: number): void {
    from.pause();
    const goOn = (): void => {
      if (to.writableNeedDrain) to.once('drain', goOn);
      else if (!this.#stopped.has(direction)) from.resume();
    };
    if (rate === 0) goOn();
    else setTimeout(goOn, Math.min((bytes / rate) * 1000, WAIT_MS_MAX));
  }
}
