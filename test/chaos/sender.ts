/** A device of the fleet: comes back when its connection ends, and takes over its own connection when it is told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ack } from '../support/frames.ts';
import { Device } from '../support/peers.ts';

const RETRY_MS = 50;

export class Sender {
  readonly id: string;
  /** Connections so far. */
  connections = 0;
  readonly #port: number;
  /** undefined while it connects: then it sends nothing. */
  #device: Device | undefined;
  #ending = false;

  constructor(id: string, port: number) {
    this.id = id;
    this.#port = port;
  }

  get isConnected(): boolean {
    return this.#device !== undefined;
  }

  /** Settles once it is welcomed, or has ended. */
  async connect(): Promise<void> {
    while (!this.#ending) {
      const device = await Device.connect(this.#port, `?id=${this.id}`).catch(() => undefined);
      const isWelcome = await device?.welcome().then(
        () => true,
        () => false,
      );
      if (device !== undefined && isWelcome === true) {
        this.connections += 1;
        this.#device = device;
        void device.closed.then(() => this.#lost(device));
        return;
      }
      void device?.drop();
      await sleep(RETRY_MS);
    }
  }

  /** Connects anew beside the connection that it has. */
  async takeOver(): Promise<void> {
    if (this.#device === undefined) return;
    this.#device = undefined;
    await this.connect();
  }

  send(frame: object): void {
    this.#device?.send(frame);
  }

  /** @throws Error when it is not connected, or its connection ends before the ack */
  publish(event: object): Promise<Ack> {
    if (this.#device === undefined) throw new Error(`${this.id} is not connected`);
    return this.#device.publish(event);
  }

  stop(): void {
    this.#ending = true;
    void this.#device?.drop();
  }

  #lost(device: Device): void {
    if (this.#device !== device || this.#ending) return;
    this.#device = undefined;
    void this.connect();
  }
}
