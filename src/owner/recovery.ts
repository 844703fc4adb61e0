/**
 * How an owner takes over from one that died. It repairs the table from its rows and asks every edge for its sessions.
 * It processes no events until all edges have answered and know again who gets what. Records that the dead owner had
 * read but not released may or may not have taken effect: events among them are lost and counted, joins and leaves
 * follow from the edges' reports, and edges resend unanswered requests. Main has what the dead owner kept outside the
 * table. Owner thread only.
 */
import type { HistoryLog } from '../history/log.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews, RingConsumer } from '../memory/ring.ts';
import type { Estate } from '../records/estate.ts';
import { copyOfEvent } from '../records/event.ts';
import {
  type Join,
  KEEP_AS_SET,
  readDeregister,
  readLeave,
  readSynced,
  readWill,
  SessionKind,
  ToOwnerRecord,
} from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { Devices } from './devices.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Gateways } from './gateways.ts';
import type { MqttClients } from './mqtt-clients.ts';
import type { Registry } from './registry.ts';
import type { Subscribers } from './subscribers.ts';

export interface RecoveryDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscribers: Subscribers;
  readonly gateways: Gateways;
  readonly clients: MqttClients;
  readonly history: HistoryLog;
  /** By edge. */
  readonly rings: readonly RingConsumer[];
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly counters: Counters;
  /** What the dead owner left outside the table. */
  readonly estate: Estate;
}

/** The end of a session. For a device, it takes effect after the events that came before it. */
type Leave = ReturnType<typeof readLeave>;

export class Recovery {
  readonly #deps: RecoveryDeps;
  /** Edges that have not reported everything yet. */
  readonly #waiting = new Set<number>();
  /** Sessions that no owner had welcomed and that have joined here. */
  readonly #joined = new Set<number>();
  /** Events from before an edge's last join, and ends of devices' sessions, in order: at most what the rings hold. */
  readonly #held: (RecordViews | Leave)[] = [];

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
    const { registry, devices, subscribers, clients, history, links, rings, estate, counters } = deps;
    counters.add(Counter.droppedOwnerRestart, counters.cells[Counter.heldEvents]);
    counters.cells[Counter.heldEvents] = 0;
    registry.adopt();
    history.adopt();
    devices.adopt(estate.wills);
    subscribers.adopt(estate.clients);
    clients.adopt(estate.clients);
    for (const [edge, link] of links.entries()) {
      this.#waiting.add(edge);
      link.resync();
    }
    for (const ring of rings) this.#takeOver(ring);
  }

  get isOver(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether the edge has named all its sessions. */
  isSynced(edge: number): boolean {
    return !this.#waiting.has(edge);
  }

  /** An edge reports a session, maybe once more: to the owner before this one, and to this one. */
  rejoin(join: Join): void {
    const { devices, subscribers, gateways } = this.#deps;
    if (!join.again) {
      // It joined with what it said before its edge's report; if it is gone since, the edge has been told.
      if (this.#joined.has(join.session)) return;
      this.#joined.add(join.session);
    }
    if (join.kind === SessionKind.device) devices.rejoin(join);
    else if (join.kind === SessionKind.subscriber) subscribers.rejoin(join);
    else gateways.rejoin(join);
  }

  /** Keeps an event that cannot be sent on yet. */
  hold(views: RecordViews, offset: number): void {
    this.#held.push(copyOfEvent(views, offset));
    this.#deps.counters.add(Counter.heldEvents);
  }

  /** A session has ended. */
  leave(leave: Leave): void {
    const { subscribers, gateways } = this.#deps;
    this.#held.push(leave);
    subscribers.leave(leave.session, leave.keepMs);
    gateways.leave(leave.session);
  }

  /**
   * The edge says, to the owner of a term, that it has named all its peers. An owner that died before it had read that
   * left a report, or the end of one, which says nothing about peers that are not in it.
   */
  reported(edge: number, views: RecordViews, offset: number): void {
    const { term } = readSynced(views, offset);
    if (term === this.#deps.links[edge]!.term) this.synced(edge);
  }

  /** The edge has named all its peers: all others are no longer connected to it. */
  synced(edge: number): void {
    if (!this.#waiting.delete(edge)) return;
    const { registry, devices, subscribers, links } = this.#deps;
    for (const session of devices.unconfirmedOf(edge))
      this.leave({ session, clean: false, confirm: false, keepMs: KEEP_AS_SET });
    subscribers.dropUnconfirmed(edge);
    const link = links[edge]!;
    const { seq } = registry.devices.rows;
    const { interest, edges } = registry;
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (interest[device * edges + edge]! > 0) link.seq(device, seq[device]!);
    }
    link.resynced();
    if (this.isOver) this.#takeHeld();
  }

  #takeHeld(): void {
    const { devices, clients, links, counters } = this.#deps;
    for (const held of this.#held) {
      if (!('session' in held)) {
        counters.add(Counter.heldEvents, -1);
        devices.event(held, 0);
        continue;
      }
      const { session, clean, confirm } = held;
      devices.leave(session, clean);
      if (confirm) links[edgeOf(session)]!.left(session);
    }
    clients.recovered();
  }

  #takeOver(ring: RingConsumer): void {
    let events = 0;
    ring.takeOver((offset) => {
      if (ring.kind === ToOwnerRecord.Event) events += 1;
      else this.#repeat(ring, offset);
    });
    this.#deps.counters.add(Counter.droppedOwnerRestart, events);
  }

  /** Edges do not repeat how a session ended, so this processes it again; a second time changes nothing. */
  #repeat({ kind, views }: RingConsumer, offset: number): void {
    const { devices, clients } = this.#deps;
    if (kind === ToOwnerRecord.Leave) this.leave({ ...readLeave(views, offset), confirm: false });
    else if (kind === ToOwnerRecord.Deregister) clients.deregister(readDeregister(views, offset));
    else if (kind === ToOwnerRecord.Will) devices.will(readWill(views, offset));
  }
}
