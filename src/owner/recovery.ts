/**
 * How an owner takes over from one that died: it repairs the table from its rows, asks every edge whom it holds, and
 * serves nobody's events until all have answered and know again who gets what. What the dead one had looked at and not
 * given back may have had its effect or not: events among it are lost and counted; joins and leaves follow from what the
 * edges say; requests that were not answered the edges send again. Owner thread only.
 */
import type { HistoryLog } from '../history/log.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews, RingConsumer } from '../memory/ring.ts';
import { copyEvent, privateViews, wholeEventBytes } from '../records/event.ts';
import { type Join, SessionKind, ToOwnerRecord } from '../records/requests.ts';
import type { Devices } from './devices.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Registry } from './registry.ts';
import type { Subscribers } from './subscribers.ts';

export interface RecoveryDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscribers: Subscribers;
  readonly history: HistoryLog;
  /** By edge. */
  readonly rings: readonly RingConsumer[];
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly counters: Counters;
}

export class Recovery {
  readonly #deps: RecoveryDeps;
  /** Edges that have not said all yet. */
  readonly #waiting = new Set<number>();
  /** Events that stood before an edge's last join, in order: at most what the rings hold. */
  readonly #held: RecordViews[] = [];

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
    const { registry, devices, subscribers, history, links, rings } = deps;
    registry.adopt();
    history.adopt();
    devices.adopt();
    subscribers.adopt();
    for (const [edge, link] of links.entries()) {
      this.#takeOver(rings[edge]!);
      this.#waiting.add(edge);
      link.resync();
    }
  }

  get isOver(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether the edge has named all it holds. */
  isSynced(edge: number): boolean {
    return !this.#waiting.has(edge);
  }

  /** An edge says whom it holds. */
  rejoin(join: Join): void {
    const { devices, subscribers } = this.#deps;
    if (join.kind === SessionKind.device) devices.rejoin(join);
    else subscribers.rejoin(join);
  }

  /** An event that cannot be sent on yet. */
  hold(views: RecordViews, offset: number): void {
    const bytes = wholeEventBytes(views, offset);
    const held = privateViews(bytes);
    copyEvent(views, offset, held, 0, bytes);
    this.#held.push(held);
  }

  /** The edge has named every peer it holds. */
  synced(edge: number): void {
    if (!this.#waiting.delete(edge)) return;
    const { registry, devices, subscribers, links } = this.#deps;
    devices.dropUnconfirmed(edge);
    subscribers.dropUnconfirmed(edge);
    const link = links[edge]!;
    const { seq } = registry.devices.rows;
    const { interest, edges } = registry;
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (interest[device * edges + edge]! > 0) link.seq(device, seq[device]!);
    }
    link.resynced();
    if (this.isOver) for (const event of this.#held) devices.event(event, 0);
  }

  #takeOver(ring: RingConsumer): void {
    let events = 0;
    ring.takeOver(() => {
      if (ring.kind === ToOwnerRecord.Event) events += 1;
    });
    this.#deps.counters.add(Counter.droppedOwnerRestart, events);
  }
}
