/** The subscribers of a run, in a process of its own: counts, checks the order and takes the latencies. */
import type { Histogram } from 'hdr-histogram-js';
import { nowUs } from './clock.ts';
import { type Connection, openAll } from './connections.ts';
import { createLatencies, pack, record } from './histogram.ts';
import type { ReceiverReport, Target, Window } from './messages.ts';
import { busyShare } from './sender.ts';
import { firstFollowed, followed, isVip, type Shape, subscriberId } from './shapes.ts';
import { findStamp, readStamp, type Stamp } from './stamp.ts';
import { wires } from './wires/index.ts';

const QUIET_MS = 1000;
const QUIET_MAX_MS = 20_000;

interface Counted extends Window {
  received: number;
  readonly latency: Histogram;
  readonly vipLatency: Histogram;
}

export class Receiver {
  readonly #shape: Shape;
  #connections: Connection[] = [];
  readonly #windows: Counted[] = [];
  /** Last count of each followed device of each subscriber. */
  readonly #last: Uint32Array;
  readonly #stamp: Stamp = { intendedUs: 0, device: 0, count: 0 };
  #received = 0;
  #missing = 0;
  #duplicated = 0;
  #disordered = 0;
  #connectionsLost = 0;
  #cpu = process.cpuUsage();
  #cpuFromUs = nowUs();

  static async open(target: Target, shape: Shape): Promise<Receiver> {
    const receiver = new Receiver(shape);
    receiver.#connections = await openAll(shape.subscribers, (subscriber) => ({
      wire: wires[target.wire],
      port: target.subscriberPort,
      role: 'subscriber',
      id: subscriberId(subscriber),
      devices: followed(shape, subscriber),
      onEvent: receiver.#eventsOf(subscriber),
      onLost: () => {
        receiver.#connectionsLost += 1;
      },
    }));
    return receiver;
  }

  private constructor(shape: Shape) {
    this.#shape = shape;
    this.#last = new Uint32Array(shape.subscribers * shape.following);
  }

  window(window: Window): void {
    if (this.#windows.length === 0) {
      this.#cpu = process.cpuUsage();
      this.#cpuFromUs = nowUs();
    }
    this.#windows.push({ ...window, received: 0, latency: createLatencies(), vipLatency: createLatencies() });
  }

  /** Waits for what is still on its way: until nothing has come for a while. */
  async quiet(): Promise<void> {
    for (const endUs = nowUs() + QUIET_MAX_MS * 1e3; nowUs() < endUs; ) {
      const before = this.#received;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      if (this.#received === before) return;
    }
  }

  report(): ReceiverReport {
    return {
      windows: this.#windows.map(({ received, latency, vipLatency }) => ({
        received,
        latency: pack(latency),
        vipLatency: pack(vipLatency),
      })),
      receivedInAll: this.#received,
      lost: this.#missing,
      duplicated: this.#duplicated,
      disordered: this.#disordered,
      connectionsLost: this.#connectionsLost,
      busy: busyShare(this.#cpu, this.#cpuFromUs),
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.drop();
  }

  #eventsOf(subscriber: number): (bytes: Buffer, from: number, to: number) => void {
    const { devices, following } = this.#shape;
    const first = firstFollowed(this.#shape, subscriber);
    const vip = isVip(this.#shape, subscriber);
    const stamp = this.#stamp;
    return (bytes, from, to) => {
      const at = findStamp(bytes, from, to);
      if (at < 0) return;
      readStamp(bytes, at, stamp);
      this.#received += 1;
      this.#check(subscriber * following + ((stamp.device - first + devices) % devices), stamp.count);
      const now = nowUs();
      for (const window of this.#windows) {
        if (now >= window.fromUs && now < window.toUs) window.received += 1;
        if (stamp.intendedUs < window.fromUs || stamp.intendedUs >= window.toUs) continue;
        record(vip ? window.vipLatency : window.latency, now - stamp.intendedUs);
      }
    };
  }

  #check(cell: number, count: number): void {
    const last = this.#last[cell]!;
    if (count === last + 1) {
      this.#last[cell] = count;
    } else if (count > last) {
      this.#missing += count - last - 1;
      this.#last[cell] = count;
    } else if (count === last) {
      this.#duplicated += 1;
    } else {
      // It was counted as missing when a later one came.
      this.#disordered += 1;
      this.#missing -= 1;
    }
  }
}
