/** A subscriber that always comes back, and remembers every frame by connection. No assertions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../support/frames.ts';
import { Subscriber } from '../support/peers.ts';

const RETRY_MS = 50;

export class Follower {
  readonly id: string;
  readonly devices: readonly string[];
  /** Frames of each connection, in the order they came. */
  readonly connections: (readonly Frame[])[] = [];
  readonly closeCodes: number[] = [];
  readonly #port: () => number;
  readonly #batch: boolean;
  #current: Subscriber | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;

  /** @param port where it connects the next time @param batch whether it asks for batches */
  constructor(id: string, devices: readonly string[], port: () => number, batch = false) {
    this.id = id;
    this.devices = devices;
    this.#port = port;
    this.#batch = batch;
  }

  start(): void {
    this.#running = this.#run();
  }

  get isWelcome(): boolean {
    return this.#current?.frames.all.some(({ op }) => op === 'subscribed') ?? false;
  }

  /** Whether the last connection has had such a frame. */
  has(matches: (frame: Frame) => boolean): boolean {
    return this.#current?.frames.all.some(matches) ?? false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    void this.#current?.drop();
    await this.#running;
  }

  async #run(): Promise<void> {
    const query = `?id=${this.id}&devices=${this.devices.join(',')}&batch=${this.#batch}`;
    while (!this.#stopped) {
      const subscriber = await Subscriber.connect(this.#port(), query).catch(() => undefined);
      if (subscriber === undefined) {
        await sleep(RETRY_MS);
        continue;
      }
      this.#current = subscriber;
      this.connections.push(subscriber.frames.all);
      if (this.#stopped) void subscriber.drop();
      this.closeCodes.push((await subscriber.closed).code);
      await sleep(RETRY_MS);
    }
  }
}
