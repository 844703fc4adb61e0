/**
 * How an owner takes over from one that died. It repairs the table from its rows and asks every edge for its sessions.
 * It processes no events, and lets nobody in, until all edges have answered and know again who gets what. Records that
 * the dead owner had read but not released may or may not have taken effect: events among them are lost and counted,
 * joins and leaves follow from the edges' reports, and edges resend unanswered requests. Main has what the dead owner
 * kept outside the table. Owner thread only.
 */
import type { HistoryLog } from '../history/log.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews, RingConsumer } from '../memory/ring.ts';
import type { Estate } from '../records/estate.ts';
import {
  type Join,
  KEEP_AS_SET,
  readActive,
  readDeregister,
  readJoin,
  readLeave,
  readSynced,
  readWill,
  SessionKind,
  ToOwnerRecord,
  type Will,
} from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { Devices } from './devices.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Gateways } from './gateways.ts';
import type { HeldEvents } from './held-events.ts';
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
  readonly held: HeldEvents;
  /** What the dead owner left outside the table. */
  readonly estate: Estate;
}

type Leave = ReturnType<typeof readLeave>;

export class Recovery {
  readonly #deps: RecoveryDeps;
  /** Edges that have not reported everything yet. */
  readonly #waiting = new Set<number>();
  /**
   * By session: peers that no owner has welcomed, as far as their edges have said. They join once all edges have named
   * whom they hold: only then is it known which of two connections with one id is the newer one.
   */
  readonly #newcomers = new Map<number, Join>();
  /** What devices have said and done until then, in order: at most what the rings hold. */
  readonly #held: (() => void)[] = [];

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
    const { registry, devices, subscribers, clients, history, links, rings, estate, held } = deps;
    held.inherit();
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

  /**
   * Takes a record of an edge that has not reported everything yet.
   * @returns false: it is taken as at any other time
   */
  take(edge: number, { kind, views }: RingConsumer, offset: number): boolean {
    switch (kind) {
      case ToOwnerRecord.Event:
        this.hold(views, offset);
        return true;
      case ToOwnerRecord.Join:
        this.rejoin(readJoin(views, offset));
        return true;
      case ToOwnerRecord.Synced:
        this.reported(edge, views, offset);
        return true;
      case ToOwnerRecord.Leave:
        this.leave(readLeave(views, offset));
        return true;
      case ToOwnerRecord.Active:
        this.#heard(readActive(views, offset).session);
        return true;
      case ToOwnerRecord.Will:
        this.#will(readWill(views, offset));
        return true;
      case ToOwnerRecord.Request:
      case ToOwnerRecord.More:
        return true; // the edge asks again
      default:
        return false;
    }
  }

  /** An edge reports a session, maybe once more: to the owner before this one, and to this one. */
  rejoin(join: Join): void {
    if (!join.again) {
      this.#newcomers.set(join.session, join);
      // The owner before may have died as it let it in: no older connection may take the row that names it.
      const { devices, subscribers } = this.#deps;
      for (const part of [devices, subscribers]) part.named(join);
      return;
    }
    this.#newcomers.delete(join.session); // an owner has welcomed it since its edge last said so
    this.#enter(join);
  }

  #enter(join: Join): void {
    const { devices, subscribers, gateways } = this.#deps;
    if (join.kind === SessionKind.device) devices.rejoin(join);
    else if (join.kind === SessionKind.subscriber) subscribers.rejoin(join);
    else gateways.rejoin(join);
  }

  /** Keeps an event that cannot be sent on yet. */
  hold(views: RecordViews, offset: number): void {
    const { devices, held } = this.#deps;
    const event = held.copy(views, offset);
    this.#held.push(() => {
      devices.event(event, 0);
      held.remove(1);
    });
  }

  /** A peer was heard. What follows from that is an event, and an event waits. */
  #heard(session: number): void {
    const { devices, subscribers } = this.#deps;
    this.#held.push(() => {
      devices.heard(session);
      subscribers.heard(session);
    });
  }

  /** A device has a will, maybe one that is still to join. */
  #will(will: Will): void {
    this.#held.push(() => this.#deps.devices.will(will));
  }

  /** A session has ended. For a device, that takes effect after what it said before. */
  leave({ session, clean, confirm, keepMs }: Leave): void {
    const { devices, subscribers, gateways, links } = this.#deps;
    if (this.#newcomers.get(session)?.kind !== SessionKind.device) this.#newcomers.delete(session);
    this.#held.push(() => {
      devices.leave(session, clean);
      if (confirm) links[edgeOf(session)]!.left(session);
    });
    subscribers.leave(session, keepMs);
    gateways.leave(session);
  }

  /** The edge's thread has died: all its connections are lost. `synced` follows. */
  gone(edge: number): void {
    const newcomers = [...this.#newcomers.keys()].filter((session) => edgeOf(session) === edge);
    for (const session of new Set([...this.#deps.devices.sessionsOf(edge), ...newcomers]))
      this.#lose(session);
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
    for (const session of [...devices.unconfirmedOf(edge), ...subscribers.unconfirmedOf(edge)])
      if (!this.#newcomers.has(session)) this.#lose(session);
    const link = links[edge]!;
    const { seq } = registry.devices.rows;
    const { interest, edges } = registry;
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (interest[device * edges + edge]! > 0) link.seq(device, seq[device]!);
    }
    link.resynced();
    if (this.isOver) this.#goOn();
  }

  #lose(session: number): void {
    this.leave({ session, clean: false, confirm: false, keepMs: KEEP_AS_SET });
  }

  /** All edges have reported: lets newcomers in, then takes what was held. */
  #goOn(): void {
    for (const join of [...this.#newcomers.values()].sort((one, other) => one.ticket - other.ticket))
      this.#enter(join);
    for (const take of this.#held) take();
    this.#newcomers.clear();
    this.#held.length = 0; // copies of events: this owner may live long
    this.#deps.clients.recovered();
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
    const { clients } = this.#deps;
    if (kind === ToOwnerRecord.Leave) this.leave({ ...readLeave(views, offset), confirm: false });
    else if (kind === ToOwnerRecord.Deregister) clients.deregister(readDeregister(views, offset));
    else if (kind === ToOwnerRecord.Will) this.#will(readWill(views, offset));
  }
}
