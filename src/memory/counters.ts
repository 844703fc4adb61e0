/**
 * Counters of one thread in shared memory: one Float64 cell each. Only that thread writes them, with plain adds (an
 * aligned 8-byte cell is written whole on 64-bit hosts); any thread reads them. No lock, no call per message.
 */

import { errors } from '../codes.ts';
import type { PeerRole } from '../roles.ts';

/** Upper bounds of the latency histogram, seconds; the last bucket is +Inf. */
export const latencyBoundsSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** Close codes that have their own count; every other is counted as `other`. */
export const countedCloseCodes = [
  1000, 1001, 1005, 1006, 1009, 4000, 4001, 4003, 4004, 4005, 4009, 4100, 4101, 4108, 4200, 4201, 4202,
] as const;

/** Error codes of refused frames that have their own count; every other is counted as `other`. */
const countedErrorCodes: readonly number[] = Object.values(errors).map(({ code }) => code);

const names = [
  'receivedPong',
  'receivedMessage',
  'receivedStatus',
  'skipped',
  'unheard', // of those that reached the owner: nobody listened, and no ack was asked for
  'deliveries',
  'conflated', // events that a newer one replaced, for a subscriber at a pace
  'droppedIngestFull', // events refused because the ring to the owner was full
  'droppedFanoutFull', // events refused because the ring to a fan-out worker was full
  'droppedSlow', // frames that a subscriber over the hard limit of its send queue did not get
  'droppedLagging', // events that a lagging subscriber did not get
  'droppedRate', // events over a device's rate
  'droppedOwnerRestart', // events that were in the hands of an owner that died
  'heldEvents', // gauge: events that the owner keeps outside the rings for now; the next one counts them if it dies
  'droppedReplaced', // events that came over a connection that was replaced or terminated by then
  'droppedSubscriberRate', // frames over a subscriber's rate
  'refusedFrames', // of all codes
  'bytesReceived', // of frames
  'bytesSent', // of frames, once per connection
  'openedDevices', // connections
  'openedSubscribers',
  'openedGateways',
  'cpuSeconds', // of the thread, as of the last second
  'refusedTexts', // statuses that found no room in the table
  'failedFrames', // frames whose handling threw: a bug, contained
  'deviceConnections', // gauge
  'subscriberConnections', // gauge
  'gatewayConnections', // gauge
  'gatewayDevices', // gauge: devices that gateways speak for
  'mqttConnections', // gauge: of any role
  'mqttSessions', // gauge: roles of these; they also count as connections of devices and subscribers
  'mqttMalformed', // packets that MQTT does not allow, each of which ends its connection
  'mqttForeignTopics', // PUBLISH packets to topics that are not the client's
  'mqttRefusedConnects', // CONNECT packets refused for what they ask, besides those that admission refused
  'mqttRefusedEvents', // refused events whose client could not be told
  'laggingSubscribers', // gauge
  'queuedBytes', // gauge: bytes in all send queues at the last check
  'closedOverQueue', // subscribers closed as slow: over the hard limit of their send queue
  'closedLagging', // slow for too long
  'closedOverBudget', // with the most when all queues, or requests that wait, were over their budget
  'closedFarOverRate', // peers closed for asking for many times their rate
  'replayed', // events of history that subscribers got
  'loopLagSeconds', // gauge: the worst of the last second
  'polls',
  'records',
  'latencySumSeconds',
  'upgradesDraining', // upgrades refused, by reason
  'upgradesOverload',
  'upgradesCapacity',
  'upgradesAddress',
  'upgradesRate',
  'upgradesBanned',
  'upgradesHost',
  'upgradesOrigin',
  'upgradesToken',
  'upgradesRole',
  'upgradesId',
  'upgradesRequest', // its query or subprotocols
  'upgradesTimeout', // connections dropped because they sent no request in time
  'upgradesCrowded', // the same, but dropped earlier because there were too many
] as const;

export type CounterName = (typeof names)[number];
export const counterNames: readonly CounterName[] = names;

/** Cell number by name. */
export const Counter = Object.fromEntries(names.map((name, cell) => [name, cell])) as Readonly<
  Record<CounterName, number>
>;

const gauges = [
  'deviceConnections',
  'subscriberConnections',
  'mqttConnections',
  'mqttSessions',
  'gatewayConnections',
  'gatewayDevices',
  'laggingSubscribers',
  'queuedBytes',
  'loopLagSeconds',
] as const satisfies readonly CounterName[];

const connectionsOf = {
  device: 'deviceConnections',
  subscriber: 'subscriberConnections',
  gateway: 'gatewayConnections',
} as const satisfies Readonly<Record<PeerRole, CounterName>>;

/** Of a connection that ended without a close frame. */
const CLOSE_LOST = 1006;

const LATENCY_CELL = names.length;
const DEVICE_CLOSES_CELL = LATENCY_CELL + latencyBoundsSeconds.length + 1;
const SUBSCRIBER_CLOSES_CELL = DEVICE_CLOSES_CELL + countedCloseCodes.length + 1;
const GATEWAY_CLOSES_CELL = SUBSCRIBER_CLOSES_CELL + countedCloseCodes.length + 1;
const REFUSALS_CELL = GATEWAY_CLOSES_CELL + countedCloseCodes.length + 1;
const CELLS = REFUSALS_CELL + countedErrorCodes.length + 1;

const closesCells = {
  device: DEVICE_CLOSES_CELL,
  subscriber: SUBSCRIBER_CLOSES_CELL,
  gateway: GATEWAY_CLOSES_CELL,
} as const satisfies Readonly<Record<PeerRole, number>>;

const closeCells: ReadonlyMap<number, number> = new Map(
  countedCloseCodes.map((code, index) => [code, index]),
);

const errorCells: ReadonlyMap<number, number> = new Map(
  countedErrorCodes.map((code, index) => [code, index]),
);

/** Memory for the counters of one thread, padded so that no two threads share a line. */
export function createCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.ceil((CELLS * 8) / 128) * 128);
}

export class Counters {
  /** `cells[Counter.deliveries]! += n` by the owning thread. */
  readonly cells: Float64Array;

  constructor(memory: SharedArrayBuffer | ArrayBuffer) {
    this.cells = new Float64Array(memory);
  }

  /** The sums over these threads. Read without a lock: each cell is whole, but they are not all of one moment. */
  static sum(threads: readonly { readonly counters: Counters }[]): Counters {
    const sum = new Counters(new ArrayBuffer(CELLS * 8));
    for (const { counters } of threads) {
      for (let cell = 0; cell < CELLS; cell++) sum.cells[cell]! += counters.cells[cell]!;
    }
    return sum;
  }

  /** Connections that the thread holds. */
  get connections(): number {
    const { cells } = this;
    return (
      cells[Counter.deviceConnections]! +
      cells[Counter.subscriberConnections]! +
      cells[Counter.gatewayConnections]! +
      cells[Counter.mqttConnections]! -
      cells[Counter.mqttSessions]! // those roles are counted already
    );
  }

  /** For a thread that takes another's place: that one's connections are lost, so its gauges are reset. */
  takeOver(): void {
    for (const [role, connections] of Object.entries(connectionsOf))
      this.disconnect(role as PeerRole, CLOSE_LOST, this.cells[Counter[connections]]!);
    for (const gauge of gauges) this.cells[Counter[gauge]] = 0;
  }

  add(counter: number, amount = 1): void {
    this.cells[counter]! += amount;
  }

  /** Records how long one event took from its receipt to its send, ms. */
  latency(ms: number): void {
    const seconds = ms / 1e3;
    let bucket = 0;
    while (bucket < latencyBoundsSeconds.length && seconds > latencyBoundsSeconds[bucket]!) bucket += 1;
    this.cells[LATENCY_CELL + bucket]! += 1;
    this.cells[Counter.latencySumSeconds]! += seconds;
  }

  disconnect(role: PeerRole, code: number, count = 1): void {
    this.cells[closesCells[role] + (closeCells.get(code) ?? countedCloseCodes.length)]! += count;
  }

  /** A frame was answered with this error. */
  refuse(code: number): void {
    this.cells[Counter.refusedFrames]! += 1;
    this.cells[REFUSALS_CELL + (errorCells.get(code) ?? countedErrorCodes.length)]! += 1;
  }

  /** Refused frames so far by error code; `other` is the last. */
  refusals(): readonly (readonly [code: string, count: number])[] {
    const codes = [...countedErrorCodes.map(String), 'other'];
    return codes.map((code, index) => [code, this.cells[REFUSALS_CELL + index]!] as const);
  }

  /** Events per latency bucket, not cumulated; one more than there are bounds. */
  latencyBuckets(): number[] {
    return [...this.cells.subarray(LATENCY_CELL, DEVICE_CLOSES_CELL)];
  }

  /** Disconnects so far by close code; `other` is the last. */
  disconnects(role: PeerRole): readonly (readonly [code: string, count: number])[] {
    const first = closesCells[role];
    const codes = [...countedCloseCodes.map(String), 'other'];
    return codes.map((code, index) => [code, this.cells[first + index]!] as const);
  }
}
