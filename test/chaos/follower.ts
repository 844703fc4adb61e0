/** A subscriber that always comes back, and remembers every frame by connection. No assertions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../support/frames.ts';
import { Subscriber } from '../support/peers.ts';

const RETRY_MS = 50;
const SHOWN_FRAMES = 8;
const SHOWN_CHARACTERS = 300;

/** The last ones that are no events, and how many came, for an error message. */
export function lastFrames(frames: readonly Frame[]): string {
  const others = frames.filter(({ op }) => op !== 'event').slice(-SHOWN_FRAMES);
  const shown = others.map((frame) => JSON.stringify(frame).slice(0, SHOWN_CHARACTERS)).join(' ');
  return `${frames.length} frames, at last ${shown || 'events'}`;
}

export class Follower {
  readonly id: string;
  readonly devices: readonly string[];
  /** Frames of each connection, in the order they came. */
  readonly connections: (readonly Frame[])[] = [];
  readonly closeCodes: number[] = [];
  readonly #port: () => number;
  readonly #batch: boolean;
  #current: Subscriber | undefined;
  #isConnecting = false;
  /** Why it could not connect the last time. */
  #refusal: unknown = 'nobody';
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

  /** What it lacks and how its last connection went, for an error message. */
  get account(): string {
    const closes = this.closeCodes.slice(-5).join(', ');
    const now = this.#isConnecting ? `connects, at last refused by ${this.#refusal}` : 'is connected';
    const frames = lastFrames(this.#current?.frames.all ?? []);
    return `${this.id} follows ${this.devices.join(', ')}; ${now}; closed ${this.closeCodes.length} times, at last with ${closes}; got ${frames}`;
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
      this.#isConnecting = true;
      const subscriber = await Subscriber.connect(this.#port(), query).catch((cause: unknown) => {
        this.#refusal = cause;
      });
      if (subscriber === undefined) {
        await sleep(RETRY_MS);
        continue;
      }
      this.#isConnecting = false;
      this.#current = subscriber;
      this.connections.push(subscriber.frames.all);
      if (this.#stopped) void subscriber.drop();
      this.closeCodes.push((await subscriber.closed).code);
      await sleep(RETRY_MS);
    }
  }
}
