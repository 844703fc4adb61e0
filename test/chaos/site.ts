/**
 * Devices that speak through gateways. A gateway comes back when its connection ends, and its devices with their next
 * frames. A device roams from one gateway of the site to another when it is told to.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ack } from '../support/frames.ts';
import { Gateway } from '../support/peers.ts';

const RETRY_MS = 50;
const ACK_MS = 3000;

class SiteGateway {
  /** Connections so far. */
  connections = 0;
  readonly #id: string;
  readonly #port: number;
  readonly #taken: (device: string) => void;
  /** undefined while it connects: then it sends nothing. */
  #gateway: Gateway | undefined;
  #ending = false;

  /** @param taken a device was taken from it */
  constructor(id: string, port: number, taken: (device: string) => void) {
    this.#id = id;
    this.#port = port;
    this.#taken = taken;
  }

  get current(): Gateway | undefined {
    return this.#gateway;
  }

  /** Settles once it is welcomed, or has ended. */
  async connect(): Promise<void> {
    while (!this.#ending) {
      const gateway = await Gateway.connect(this.#port, `?id=${this.#id}`).catch(() => undefined);
      const isWelcome = await gateway?.welcome().then(
        () => true,
        () => false,
      );
      if (gateway !== undefined && isWelcome === true) {
        this.connections += 1;
        this.#gateway = gateway;
        void this.#watch(gateway);
        void gateway.closed.then(() => this.#lost(gateway));
        return;
      }
      void gateway?.drop();
      await sleep(RETRY_MS);
    }
  }

  stop(): void {
    this.#ending = true;
    void this.#gateway?.drop();
  }

  async #watch(gateway: Gateway): Promise<void> {
    for (;;) {
      const frame = await gateway.frames.next(({ op }) => op === 'closed', 2 ** 30).catch(() => undefined);
      if (frame === undefined) return; // its connection is over
      this.#taken(String(frame.device));
    }
  }

  #lost(gateway: Gateway): void {
    if (this.#gateway !== gateway || this.#ending) return;
    this.#gateway = undefined;
    void this.connect();
  }
}

export class Site {
  readonly #gateways: readonly SiteGateway[];
  /** By id. */
  readonly #devices = new Map<string, SiteDevice>();

  /** @param port of the hub's devices, or of a proxy before it */
  constructor(ids: readonly string[], port: number) {
    this.#gateways = ids.map(
      (id, index) => new SiteGateway(id, port, (device) => this.#devices.get(device)?.taken(index)),
    );
  }

  get size(): number {
    return this.#gateways.length;
  }

  /** Connections of all gateways so far. */
  get connections(): number {
    return this.#gateways.reduce((sum, { connections }) => sum + connections, 0);
  }

  async connect(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.connect()));
  }

  device(id: string): SiteDevice {
    const device = new SiteDevice(id, this, this.#devices.size % this.size);
    this.#devices.set(id, device);
    return device;
  }

  /** @returns undefined while it has no connection */
  gateway(index: number): Gateway | undefined {
    return this.#gateways[index]!.current;
  }

  stop(): void {
    for (const gateway of this.#gateways) gateway.stop();
  }
}

/** As a `Sender`, but without a connection of its own. */
class SiteDevice {
  readonly id: string;
  readonly #site: Site;
  /** Index of the gateway that it speaks through. */
  #home: number;

  constructor(id: string, site: Site, home: number) {
    this.id = id;
    this.#site = site;
    this.#home = home;
  }

  get isConnected(): boolean {
    return this.#gateway !== undefined;
  }

  async connect(): Promise<void> {
    this.#gateway?.tell('open', this.id);
  }

  /** Goes to the next gateway. */
  async takeOver(): Promise<void> {
    this.#home = (this.#home + 1) % this.#site.size;
    this.#gateway?.tell('open', this.id);
  }

  send(frame: object): void {
    this.#gateway?.send({ ...frame, device: this.id });
  }

  /** Publishes until there is an ack: gateways are cut, and owners die. */
  async publish(event: object): Promise<Ack> {
    for (;;) {
      const ack = await this.#tryToPublish(event);
      if (ack !== undefined) return ack;
      await sleep(RETRY_MS);
    }
  }

  /** A gateway lost it. If that is the one that it is at, a takeover of earlier was late: it is taken back. */
  taken(from: number): void {
    if (from === this.#home) this.#gateway?.tell('open', this.id);
  }

  /** With its gateways. */
  stop(): void {}

  get #gateway(): Gateway | undefined {
    return this.#site.gateway(this.#home);
  }

  async #tryToPublish(event: object): Promise<Ack | undefined> {
    const gateway = this.#gateway;
    if (gateway === undefined) return undefined;
    const answer = gateway.publish(this.id, event).catch(() => undefined);
    return Promise.race([answer, sleep(ACK_MS, undefined, { ref: false })]);
  }
}

export type { SiteDevice };
