/** A TCP proxy between a node and NATS that cuts, delays, or lets nothing through in one direction. No assertions. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { bindFreePort } from '../../support/bind-free-port.ts';

export type Direction = 'toNats' | 'fromNats';

export class LinkProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #port = 0;
  readonly #stopped = new Set<Direction>();
  /** Each way, ms. */
  delayMs = 0;
  /** New connections are closed at once. */
  refuses = false;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(target: number): Promise<LinkProxy> {
    const proxy = new LinkProxy(target);
    proxy.#port = await bindFreePort(proxy.#server);
    return proxy;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Nothing passes in this direction; what comes waits, as in a network that drops packets. */
  stopDirection(direction: Direction): void {
    this.#stopped.add(direction);
    for (const pair of this.#pairs) pair[direction === 'toNats' ? 0 : 1].pause();
  }

  resume(): void {
    this.#stopped.clear();
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Cuts every connection, without a word. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.refuses = true;
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.refuses) {
      client.resetAndDestroy();
      return;
    }
    const nats = connect(this.#target, '127.0.0.1');
    const pair = [client, nats] as const;
    this.#pairs.add(pair);
    this.#forward(client, nats, 'toNats', pair);
    this.#forward(nats, client, 'fromNats', pair);
  }

  #forward(from: Socket, to: Socket, direction: Direction, pair: readonly [Socket, Socket]): void {
    from.on('error', () => {}); // 'close' follows
    from.on('close', () => {
      this.#pairs.delete(pair);
      to.destroy();
    });
    from.on('data', (bytes: Buffer) => {
      if (this.delayMs === 0) to.write(bytes);
      else setTimeout(() => to.write(bytes), this.delayMs);
    });
    if (this.#stopped.has(direction)) from.pause();
  }
}
