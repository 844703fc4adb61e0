/** A TCP proxy before a port of the hub that lets little through, and cuts what goes through it. No assertions. */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { bindFreePort } from '../support/bind-free-port.ts';

const STEP_MS = 20;

export class TcpProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #port = 0;
  /** Towards the client, bytes per second; 0: as fast as it can. */
  #bytesPerSecond = 0;

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

  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Cuts every connection, without a word. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const timers = new Set<NodeJS.Timeout>();
    const hub = connect(this.#target, '127.0.0.1');
    const pair = [client, hub] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [hub, client] as const]) {
      from.on('error', () => {}); // 'close' follows
      from.on('close', () => {
        for (const timer of timers) clearInterval(timer);
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
    client.pipe(hub);
    hub.on('data', (bytes: Buffer) => {
      if (!client.write(bytes) || this.#bytesPerSecond > 0) this.#holdUp(hub, client, bytes.length, timers);
    });
  }

  /** Reads on when the client has taken what came, and when its time for that is over. */
  #holdUp(hub: Socket, client: Socket, bytes: number, timers: Set<NodeJS.Timeout>): void {
    hub.pause();
    const waitMs = this.#bytesPerSecond === 0 ? 0 : (bytes / this.#bytesPerSecond) * 1000;
    const resumeAt = performance.now() + Math.min(waitMs, 5000);
    const timer = setInterval(() => {
      if (client.writableNeedDrain || performance.now() < resumeAt) return;
      clearInterval(timer);
      timers.delete(timer);
      hub.resume();
    }, STEP_MS);
    timers.add(timer);
  }
}
