/**
 * The devices of a run, in a process of its own. Open loop: each event has its time, whether or not the peer keeps
 * up, and its latency counts from that time.
 */
import { blockUs, nowUs, spinUntil } from './clock.ts';
import { type Connection, openAll } from './connections.ts';
import { createLatencies, record } from './histogram.ts';
import type { SenderReport, Target, Window } from './messages.ts';
import { deviceId, EVENT_BYTES, type Shape } from './shapes.ts';
import { findStamp, stampedJson, writeStamp } from './stamp.ts';
import { wires } from './wires/index.ts';

/** Between two looks at the schedule: what falls due meanwhile goes out together. */
const TICK_US = 100;
const BLOCK_US_MAX = 2000;
/** Events further apart than this are waited for awake: a sleeping process would itself be a millisecond late. */
const SPIN_FROM_US = 10_000;
/** A device that the peer reads no more must not fill this process. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

export class Sender {
  readonly #shape: Shape;
  readonly #connections: Connection[];
  readonly #frames: readonly Buffer[];
  readonly #stampAt: readonly number[];
  readonly #counts: Uint32Array;
  readonly #windows: Window[] = [];
  readonly #sent: number[] = [];
  readonly #late = createLatencies();
  #sentInAll = 0;
  #cpu = process.cpuUsage();
  #cpuFromUs = nowUs();

  static async open(target: Target, shape: Shape): Promise<Sender> {
    const wire = wires[target.wire];
    const connections = await openAll(shape.rate === 0 ? 0 : shape.devices, (device) => ({
      wire,
      port: target.devicePort,
      role: 'device',
      id: deviceId(device),
      devices: [],
      onEvent: () => {},
      onLost: (why) => {
        throw new Error(`device ${deviceId(device)}: ${why}`);
      },
    }));
    const frames = connections.map((_, device) => wire.publish(deviceId(device), stampedJson(EVENT_BYTES)));
    return new Sender(shape, connections, frames);
  }

  private constructor(shape: Shape, connections: Connection[], frames: readonly Buffer[]) {
    this.#shape = shape;
    this.#connections = connections;
    this.#frames = frames;
    this.#stampAt = frames.map((frame) => findStamp(frame, 0, frame.length));
    this.#counts = new Uint32Array(connections.length);
  }

  window(window: Window): void {
    if (this.#windows.length === 0) {
      this.#cpu = process.cpuUsage();
      this.#cpuFromUs = nowUs();
    }
    this.#windows.push(window);
    this.#sent.push(0);
  }

  /** Sends until `toUs`; the devices take turns, so that the events of a second are spread over it. */
  async run(fromUs: number, toUs: number): Promise<void> {
    const { devices, rate } = this.#shape;
    if (rate === 0) return;
    const spacingUs = 1e6 / (devices * rate);
    const total = Math.floor((toUs - fromUs) / spacingUs);
    for (let next = 0; next < total; ) {
      const now = nowUs();
      const due = Math.min(total, Math.ceil((now - fromUs) / spacingUs));
      for (; next < due; next++) this.#send(next % devices, fromUs + next * spacingUs);
      const waitUs = Math.max(now + TICK_US, fromUs + next * spacingUs) - nowUs();
      // Not for long at a time: pings want their answer.
      if (waitUs > BLOCK_US_MAX) blockUs(BLOCK_US_MAX);
      else if (spacingUs > SPIN_FROM_US && waitUs > 0) spinUntil(now + waitUs);
      else if (waitUs > 0) blockUs(waitUs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  report(): SenderReport {
    return {
      sent: this.#sent,
      sentInAll: this.#sentInAll,
      lateP99Us: this.#late.getValueAtPercentile(99),
      busy: busyShare(this.#cpu, this.#cpuFromUs),
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.drop();
  }

  #send(device: number, intendedUs: number): void {
    const connection = this.#connections[device]!;
    if (connection.waitingBytes > WAITING_BYTES_MAX) return;
    const count = this.#counts[device]! + 1;
    this.#counts[device] = count;
    const frame = Buffer.from(this.#frames[device]!);
    writeStamp(frame, this.#stampAt[device]!, intendedUs, device, count);
    connection.write(frame);
    this.#sentInAll += 1;
    for (const [index, { fromUs, toUs }] of this.#windows.entries()) {
      if (intendedUs < fromUs || intendedUs >= toUs) continue;
      this.#sent[index]! += 1;
      record(this.#late, nowUs() - intendedUs);
    }
  }
}

/** Share of one core that this process took since. */
export function busyShare(since: NodeJS.CpuUsage, fromUs: number): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / Math.max(1, nowUs() - fromUs);
}
