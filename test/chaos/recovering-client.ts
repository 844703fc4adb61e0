/**
 * A subscriber that uses the project's client: it recovers what it missed after each reconnect. So all its connections
 * together are one account, which must have every event, or a gap for it, from the first one on.
 */
import { WebSocket } from 'ws';
import { connectSubscriber, type SocketConstructor, type Subscriber } from '../../clients/js/src/index.ts';
import type { Frame } from '../support/frames.ts';
import { lastFrames } from './follower.ts';

export class RecoveringClient {
  readonly id: string;
  /** What it gets events of, by id. */
  readonly devices: readonly string[];
  readonly closeCodes: number[] = [];
  /** Returns after a lost connection. */
  reconnects = -1;
  readonly #follow: readonly string[];
  readonly #port: number;
  readonly #frames: Frame[] = [];
  /** Errors and removals, for an error message. */
  readonly #troubles: string[] = [];
  #subscriber: Subscriber | undefined;

  /** @param follow ids and filters that name exactly `devices` */
  constructor(id: string, devices: readonly string[], port: number, follow: readonly string[] = devices) {
    this.id = id;
    this.devices = devices;
    this.#port = port;
    this.#follow = follow;
  }

  start(): void {
    const subscriber = connectSubscriber({
      url: `ws://127.0.0.1:${this.#port}`,
      id: this.id,
      devices: [...this.#follow],
      WebSocket: WebSocket as unknown as SocketConstructor,
      reconnect: { baseMs: 50, capMs: 200 },
    });
    this.#subscriber = subscriber;
    subscriber.on('state', ({ state }) => {
      if (state === 'connected') this.reconnects += 1;
    });
    subscriber.on('error', (error) => this.#troubles.push(String(error)));
    subscriber.on('removed', (removal) => this.#troubles.push(`removed ${JSON.stringify(removal)}`));
    subscriber.on('event', (event) => this.#frames.push({ op: 'event', ...event } as unknown as Frame));
    subscriber.on('gap', (gap) => this.#frames.push({ op: 'gap', ...gap } as unknown as Frame));
  }

  get isWelcome(): boolean {
    return this.#subscriber?.connection.state === 'connected';
  }

  /** What it lacks and how its connection went, for an error message. */
  get account(): string {
    const state = JSON.stringify(this.#subscriber?.connection);
    const follows = this.#follow.filter((name) => this.#subscriber?.follows(name));
    return `${this.id} follows ${follows.join(', ')}; ${state}; reconnected ${this.reconnects} times; got ${lastFrames(this.#frames)}; ${this.#troubles.slice(-5).join('; ')}`;
  }

  get connections(): readonly (readonly Frame[])[] {
    return [this.#frames];
  }

  has(matches: (frame: Frame) => boolean): boolean {
    return this.#frames.some(matches);
  }

  async stop(): Promise<void> {
    await this.#subscriber?.close();
  }
}
