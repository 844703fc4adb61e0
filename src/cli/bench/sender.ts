/**
 * The devices of a run, in a process of its own. Open loop: each event has its time, whether or not the server keeps
 * up, and its latency counts from that time.
 */
import { type BusySince, busyShare, busySince } from './busy.ts';
import { blockUs, nowUs, spinUntil } from './clock.ts';
import { type LoadConnection, openAll } from './connections.ts';
import { Histogram } from './histogram.ts';
import { audiences, deviceId, dueTimes, EVENT_BYTES, type Load, own } from './load.ts';
import type { GeneratorOrder, Progress, SenderReport, Window } from './messages.ts';
import type { Part } from './part.ts';
import { QUIET_MAX_MS, untilQuiet } from './quiet.ts';
import { Speakers } from './speakers.ts';
import { findStamp, stampedJson, writeStamp } from './stamp.ts';
import type { Wires } from './wires/wire.ts';

/** Between two looks at the schedule: what falls due meanwhile goes out together. */
const TICK_US = 100;
const BLOCK_US_MAX = 2000;
/** Events further apart than this are waited for awake: a sleeping process would itself be a millisecond late. */
const SPIN_FROM_US = 10_000;
/** So long after the last refusal none is expected any more. */
const REFUSALS_QUIET_MS = 500;
/** A device that the server reads no more must not fill this process. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

export class Sender implements Part {
  readonly #devices: readonly number[];
  /** By place in `#devices`; undefined once it was lost. */
  readonly #connections: (LoadConnection | undefined)[] = [];
  readonly #frames: readonly Buffer[];
  readonly #stampAt: readonly number[];
  readonly #counts: Uint32Array;
  /** Subscribers of each device of the whole load. */
  readonly #audiences: Uint32Array;
  /** See `Load`; 0: none. */
  readonly #burstMs: number;
  #windows: (Window & { sent: number })[] = [];
  readonly #late = new Histogram();
  #sentInAll = 0;
  #unsent = 0;
  #expectedInAll = 0;
  #toldSent = 0;
  #refused = 0;
  #refusal = '';
  #connectionsLost = 0;
  #loss = '';
  #since: BusySince = busySince();
  #isOver = false;

  static async open({ target, load, share }: GeneratorOrder, wires: Wires): Promise<Sender> {
    const wire = wires[target.wire]!;
    const speakers = new Speakers(target, load);
    const devices = load.rate === 0 ? [] : own(load.devices, share);
    const frames = devices.map((device) =>
      wire.publish(deviceId(device, load), stampedJson(load.bytes ?? EVENT_BYTES)),
    );
    const sender = new Sender(devices, frames, load);
    const all = await Promise.all(devices.map((device) => speakers.device(device)));
    const connections = await openAll(devices.length, (place) => ({
      ...all[place]!,
      wire,
      onRefusedEvent: (why) => sender.#refuse(why),
      onLost: (why) => sender.#lose(place, why),
    }));
    sender.#connections.push(...connections);
    return sender;
  }

  private constructor(devices: readonly number[], frames: readonly Buffer[], load: Load) {
    this.#devices = devices;
    this.#frames = frames;
    this.#stampAt = frames.map((frame) => findStamp(frame, 0, frame.length));
    this.#counts = new Uint32Array(devices.length);
    this.#audiences = audiences(load);
    this.#burstMs = load.burstMs ?? 0;
  }

  window(window: Window): void {
    if (this.#windows.length === 0) {
      this.#since = busySince();
      this.#late.clear();
    }
    this.#windows.push({ ...window, sent: 0 });
  }

  /** The devices of all processes take turns, so that the events of a second are spread over it. */
  async run({ fromUs, toUs }: Window, rate: number): Promise<void> {
    const count = this.#devices.length;
    if (rate === 0 || count === 0) return;
    const total = this.#audiences.length;
    const spacingUs = 1e6 / (total * rate);
    const due = dueTimes({ devices: total, rate, burstMs: this.#burstMs }, this.#devices);
    const dueUs = (n: number): number => fromUs + due(n);
    for (let next = 0; dueUs(next) < toUs && !this.#isOver; ) {
      const now = nowUs();
      for (; dueUs(next) < Math.min(now, toUs); next++) this.#send(next % count, dueUs(next));
      const waitUs = Math.max(now + TICK_US, dueUs(next)) - nowUs();
      // Not for long at a time: pings want their answer.
      if (waitUs > BLOCK_US_MAX) blockUs(BLOCK_US_MAX);
      else if (spacingUs > SPIN_FROM_US && waitUs > 0) spinUntil(now + waitUs);
      else if (waitUs > 0) blockUs(waitUs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  progress(): Omit<Progress, 'atUs'> {
    const sent = this.#sentInAll - this.#toldSent;
    this.#toldSent = this.#sentInAll;
    return { sent, received: 0, latency: [] };
  }

  async report(): Promise<SenderReport> {
    const windows = this.#windows;
    this.#windows = [];
    const busy = busyShare(this.#since);
    await this.#lastRefusals();
    return {
      sent: windows.map(({ sent }) => sent),
      sentInAll: this.#sentInAll,
      unsent: this.#unsent,
      expectedInAll: this.#expectedInAll,
      refused: this.#refused,
      refusal: this.#refusal,
      connectionsLost: this.#connectionsLost,
      loss: this.#loss,
      lateP99Us: this.#late.percentile(99),
      busy,
    };
  }

  /** What the server refused of the last events is still on its way. Only a server that refuses any is waited for. */
  async #lastRefusals(): Promise<void> {
    if (this.#refused > 0)
      await untilQuiet(
        () => this.#refused,
        REFUSALS_QUIET_MS,
        QUIET_MAX_MS,
        () => this.#isOver,
      );
  }

  close(): void {
    this.#isOver = true;
    for (const connection of this.#connections) connection?.end();
  }

  #send(place: number, intendedUs: number): void {
    const connection = this.#connections[place];
    const device = this.#devices[place]!;
    // What is due counts, or a server that reads too slowly would choose its own load.
    this.#expectedInAll += this.#audiences[device]!;
    if (connection === undefined || connection.waitingBytes > WAITING_BYTES_MAX) {
      this.#unsent += 1;
      return;
    }
    const count = this.#counts[place]! + 1;
    this.#counts[place] = count;
    const frame = Buffer.from(this.#frames[place]!);
    writeStamp(frame, this.#stampAt[place]!, intendedUs, device, count);
    connection.write(frame);
    this.#sentInAll += 1;
    for (const window of this.#windows) {
      if (intendedUs < window.fromUs || intendedUs >= window.toUs) continue;
      window.sent += 1;
      this.#late.add(nowUs() - intendedUs);
    }
  }

  #refuse(why: string): void {
    this.#refused += 1;
    if (this.#refusal === '') this.#refusal = why;
  }

  #lose(place: number, why: string): void {
    this.#connections[place] = undefined;
    this.#connectionsLost += 1;
    if (this.#loss === '') this.#loss = why;
  }
}
