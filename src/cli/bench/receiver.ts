/** The subscribers of a run, in a process of its own: counts, checks the order and takes the latencies. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type BusySince, busyShare, busySince } from './busy.ts';
import { nowUs } from './clock.ts';
import { type LoadConnection, openAll } from './connections.ts';
import { Histogram } from './histogram.ts';
import { firstFollowed, isVip, type Load, own } from './load.ts';
import type { GeneratorOrder, Progress, ReceiverReport, Window } from './messages.ts';
import type { Part } from './part.ts';
import { QUIET_MAX_MS, untilQuiet } from './quiet.ts';
import { Speakers } from './speakers.ts';
import { findStamp, readStamp, type Stamp } from './stamp.ts';
import type { ConversationEvents, Wires } from './wires/wire.ts';

const QUIET_MS = 1000;
/** Two processes of a host read the same time to far less than this. */
const CLOCKS_APART_US = 1e6;
/** Between two looks at the event loop; what they find includes it. */
const LOOK_MS = 10;

interface Counted extends Window {
  received: number;
  readonly latency: Histogram;
  readonly vipLatency: Histogram;
}

export class Receiver implements Part {
  readonly #load: Load;
  /**
   * What was meant to be sent before is not of this load: a hub may keep the newest event of a device. After the
   * generator's host has restarted, it seems to come from the future.
   */
  readonly #openedUs = nowUs();
  #connections: LoadConnection[] = [];
  #windows: Counted[] = [];
  /** Last count of each followed device of each subscriber. */
  readonly #last: Uint32Array;
  readonly #stamp: Stamp = { intendedUs: 0, device: 0, count: 0 };
  /** Since the last progress. */
  readonly #latest = new Histogram();
  readonly #delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  #received = 0;
  #toldReceived = 0;
  #missing = 0;
  #told = 0;
  #duplicated = 0;
  #disordered = 0;
  #connectionsLost = 0;
  #loss = '';
  #since: BusySince = busySince();

  static async open({ target, load, share }: GeneratorOrder, wires: Wires): Promise<Receiver> {
    const subscribers = own(load.subscribers, share);
    const receiver = new Receiver(load, subscribers.length);
    const speakers = new Speakers(target, load);
    const all = await Promise.all(subscribers.map((subscriber) => speakers.subscriber(subscriber)));
    receiver.#connections = await openAll(subscribers.length, (place) => ({
      ...all[place]!,
      wire: wires[target.wire]!,
      onEvent: receiver.#eventsOf(place, subscribers[place]!),
      onTold: (events) => {
        receiver.#told += events;
      },
      onLost: (why) => {
        receiver.#connectionsLost += 1;
        if (receiver.#loss === '') receiver.#loss = why;
      },
    }));
    return receiver;
  }

  private constructor(load: Load, subscribers: number) {
    this.#load = load;
    this.#last = new Uint32Array(subscribers * load.following);
    this.#delay.enable();
  }

  window(window: Window): void {
    if (this.#windows.length === 0) {
      this.#since = busySince();
      this.#delay.reset();
    }
    this.#windows.push({ ...window, received: 0, latency: new Histogram(), vipLatency: new Histogram() });
  }

  async run(): Promise<void> {}

  progress(): Omit<Progress, 'atUs'> {
    const received = this.#received - this.#toldReceived;
    this.#toldReceived = this.#received;
    const latency = this.#latest.pack();
    this.#latest.clear();
    return { sent: 0, received, latency };
  }

  /** Waits until nothing has come for a while. */
  async report(): Promise<ReceiverReport> {
    const busy = busyShare(this.#since);
    const delayP99Us = Math.max(0, this.#delay.percentile(99) / 1e3 - LOOK_MS * 1e3);
    await untilQuiet(() => this.#received, QUIET_MS, QUIET_MAX_MS);
    const windows = this.#windows;
    this.#windows = [];
    return {
      windows: windows.map(({ received, latency, vipLatency }) => ({
        received,
        latency: latency.pack(),
        vipLatency: vipLatency.pack(),
      })),
      receivedInAll: this.#received,
      lost: this.#missing,
      told: this.#told,
      duplicated: this.#duplicated,
      disordered: this.#disordered,
      connectionsLost: this.#connectionsLost,
      loss: this.#loss,
      delayP99Us,
      busy,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.end();
  }

  #eventsOf(place: number, subscriber: number): ConversationEvents['event'] {
    const { devices, following } = this.#load;
    const first = firstFollowed(this.#load, subscriber);
    const vip = isVip(this.#load, subscriber);
    const stamp = this.#stamp;
    return (bytes, from, to) => {
      const at = findStamp(bytes, from, to);
      if (at < 0) return;
      readStamp(bytes, at, stamp);
      const now = nowUs();
      if (stamp.intendedUs < this.#openedUs || stamp.intendedUs > now + CLOCKS_APART_US) return;
      this.#received += 1;
      this.#check(place * following + ((stamp.device - first + devices) % devices), stamp.count);
      const latencyUs = now - stamp.intendedUs;
      this.#latest.add(latencyUs);
      for (const window of this.#windows) {
        if (now >= window.fromUs && now < window.toUs) window.received += 1;
        if (stamp.intendedUs < window.fromUs || stamp.intendedUs >= window.toUs) continue;
        (vip ? window.vipLatency : window.latency).add(latencyUs);
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
