/**
 * How an owner takes over from one that died: it repairs the table from its rows, asks every thread whom it holds, and
 * serves nobody's events until the fan-out threads have answered and know again who gets what. What the dead one had
 * looked at and not given back may have had its effect or not: events among it are lost and counted, requests are
 * carried out (once more), joins and leaves follow from what the threads say. Owner thread only.
 */
import { Counter, type Counters } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RingConsumer } from '../memory/ring.ts';
import { FromSubscribers, Ingest, type JoinRecord, type OpRecord, readOp } from '../threads/records.ts';
import type { Devices } from './devices.ts';
import type { FanoutLink, IngestLink } from './links.ts';
import type { Registry } from './registry.ts';
import type { Subscribers } from './subscribers.ts';

export interface RecoveryDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscribers: Subscribers;
  readonly ingestRing: RingConsumer;
  readonly ingestLink: IngestLink;
  readonly fanoutRings: readonly RingConsumer[];
  readonly fanoutLinks: readonly FanoutLink[];
  readonly counters: Counters;
}

export class Recovery {
  readonly #deps: RecoveryDeps;
  /** By worker that has not said all yet: what its subscribers asked for meanwhile. */
  readonly #waiting = new Map<number, OpRecord[]>();
  #ingestSynced = false;

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
    const { registry, devices, subscribers, fanoutLinks, fanoutRings, ingestLink } = deps;
    registry.adopt();
    devices.adopt();
    subscribers.adopt();
    this.#takeOverIngest();
    ingestLink.resync();
    for (const [worker, link] of fanoutLinks.entries()) {
      this.#waiting.set(worker, takenOps(fanoutRings[worker]!));
      link.resync();
    }
  }

  /** Whether events may be sent on: every fan-out thread knows who gets what. */
  get canDeliver(): boolean {
    return this.#waiting.size === 0;
  }

  get isOver(): boolean {
    return this.canDeliver && this.#ingestSynced;
  }

  isSynced(worker: number): boolean {
    return !this.#waiting.has(worker);
  }

  rejoin(worker: number, record: JoinRecord): void {
    this.#deps.subscribers.rejoin(worker, record);
  }

  /** What a subscriber may ask for is known once its worker has said all. */
  defer(worker: number, record: OpRecord): void {
    this.#waiting.get(worker)!.push(record);
  }

  /** The worker has named every subscriber it holds. */
  synced(worker: number): void {
    const { registry, subscribers, fanoutLinks } = this.#deps;
    const ops = this.#waiting.get(worker);
    if (ops === undefined) return;
    subscribers.dropUnconfirmed(worker);
    const link = fanoutLinks[worker]!;
    const { seq } = registry.devices.rows;
    const { interest, workers } = registry;
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (interest[device * workers + worker]! > 0) link.seq(device, seq[device]!);
    }
    link.resynced();
    this.#waiting.delete(worker);
    for (const op of ops) subscribers.op(worker, op);
  }

  /** Ingest has named every device it holds. */
  ingestSynced(): void {
    this.#deps.devices.dropUnconfirmed();
    this.#ingestSynced = true;
  }

  #takeOverIngest(): void {
    const { ingestRing, counters } = this.#deps;
    let events = 0;
    ingestRing.takeOver(() => {
      if (ingestRing.kind === Ingest.Event) events += 1;
    });
    counters.add(Counter.droppedOwnerRestart, events);
  }
}

function takenOps(ring: RingConsumer): OpRecord[] {
  const ops: OpRecord[] = [];
  ring.takeOver((offset) => {
    if (ring.kind === FromSubscribers.Op) ops.push(readOp(ring.views, offset));
  });
  return ops;
}
