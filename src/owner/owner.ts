import { HistoryLog } from '../history/log.ts';
import { attachHistory } from '../history/memory.ts';
import { DEVICES_PER_PAGE, POLL_RECORDS_MAX, REQUEST_WORK_PER_POLL } from '../limits.ts';
import { Counter } from '../memory/counters.ts';
import { usedCount } from '../memory/layout.ts';
import type { RingConsumer } from '../memory/ring.ts';
import { Wheel } from '../memory/wheel.ts';
import type { OperatorCommand, OperatorResult } from '../records/commands.ts';
import { createEstate } from '../records/estate.ts';
import {
  type Join,
  readActive,
  readDeregister,
  readJoin,
  readLeave,
  readMore,
  readRegister,
  readRequest,
  readWill,
  SessionKind,
  ToOwnerRecord,
} from '../records/requests.ts';
import { AccessControl } from './access.ts';
import type { Cluster } from './cluster/cluster.ts';
import { Devices } from './devices.ts';
import { EstateNotes } from './estate-notes.ts';
import { Filters } from './filters.ts';
import { Gateways } from './gateways.ts';
import { HeldEvents } from './held-events.ts';
import { JoinOrder } from './join-order.ts';
import { MqttClients } from './mqtt-clients.ts';
import { Operator } from './operator.ts';
import { OperatorRows } from './operator-rows.ts';
import { createCluster, type OwnerDeps } from './owner-deps.ts';
import { PollLimits, pageBytesMax } from './poll-limits.ts';
import { Recovery } from './recovery.ts';
import { Registry } from './registry.ts';
import { RequestTurns } from './request-turns.ts';
import { Requests } from './requests.ts';
import { Restorer } from './restorer.ts';
import { RowWalks } from './row-walks.ts';
import { RuleSweep } from './rule-sweep.ts';
import { TokenScopes } from './scopes.ts';
import { Subscribers } from './subscribers.ts';
import { Subscriptions } from './subscriptions.ts';
import { Sweeps } from './sweeps.ts';
import { Timers } from './timers.ts';

export class Owner {
  readonly registry: Registry;
  /** Restores a snapshot, before the first poll. */
  readonly restorer: Restorer;
  readonly #deps: OwnerDeps;
  readonly #devices: Devices;
  readonly #subscribers: Subscribers;
  readonly #gateways: Gateways;
  readonly #history: HistoryLog;
  readonly #held: HeldEvents;
  readonly #sweeps: Sweeps;
  readonly #filters: Filters;
  readonly #operator: Operator;
  readonly #clients: MqttClients;
  readonly #notes: EstateNotes;
  readonly #joins: JoinOrder;
  readonly #timers: Timers;
  /** undefined: this hub is alone. */
  readonly #cluster: Cluster | undefined;
  /** Set only while this owner takes over from one that died. */
  #recovery: Recovery | undefined;
  readonly #turns = new RequestTurns();
  /** Edge whose thread has died, while its ring is read to the end: no record may wait, as its sessions then end. */
  #goneEdge: number | undefined;
  /** Whether work that is ready waits for edges that are behind; undefined before the first slice. */
  #isHeldBack: boolean | undefined;

  constructor(deps: OwnerDeps) {
    const { clock, counters, settings, links, pulses } = deps;
    this.#deps = deps;
    const registry = new Registry(deps.presence, links.length);
    this.registry = registry;
    const deviceTimers = new Wheel(registry.devices.capacity, clock.now());
    const wheel = new Wheel(registry.subscribers.capacity, clock.now());
    const history = new HistoryLog(attachHistory(deps.history), registry.devices, settings.historyEvents);
    this.#history = history;
    registry.deviceMade = (slot) => {
      history.begin(slot, 0);
      this.#cluster?.deviceMade(slot);
    };
    registry.deviceFreed = (slot) => {
      this.#cluster?.deviceFreed(slot);
      history.forget(slot);
      for (const link of links) link.forgetDevice(slot); // the slot may be another device's next
    };
    this.#notes = new EstateNotes(deps.bequeath ?? (() => undefined));
    const held = new HeldEvents(counters);
    this.#held = held;
    const devices = new Devices({
      registry,
      links,
      history,
      wheel: deviceTimers,
      pulses,
      clock,
      counters,
      held,
      times: settings,
      notes: this.#notes,
      appeared: (slot) => filters.appeared(slot),
      gone: (slot) => filters.deviceGone(slot),
    });
    registry.interestChanged = (slot) => devices.interestChanged(slot);
    const access = new AccessControl(settings.defaultAccess, deps.rules);
    const scopes = new TokenScopes();
    const subscriptions = new Subscriptions({ registry, devices, links, access, scopes, clock });
    const { maxSubscriptionsPerSubscriber: rowsMax, maxFiltersPerSubscriber: filtersMax } = settings;
    const requests = new Requests({ registry, devices, subscriptions, scopes, access, rowsMax });
    const pages = {
      registry,
      subscriptions,
      walks: new RowWalks(registry),
      pageBytes: pageBytesMax(settings.sendQueueMaxBytes),
    };
    const filters = new Filters({ ...pages, requests, scopes, access, filtersMax, rowsMax });
    this.#filters = filters;
    const sweeps = new Sweeps({ ...pages, filters, swept: (slot) => subscribers.freeIfIdle(slot) });
    this.#sweeps = sweeps;
    const shared = { registry, links, clock, settings, subscriptions, filters, wheel };
    const subscribers = new Subscribers({ ...shared, scopes, requests, sweeps, pulses });
    const clients = new MqttClients({ links, clock, notes: this.#notes, drop: (id) => subscribers.drop(id) });
    this.#clients = clients;
    const sweep = new RuleSweep(registry, subscriptions, subscribers, access);
    this.#devices = devices;
    this.#joins = new JoinOrder({
      edges: links.length,
      advance: (edge) => this.#advance(edge),
      join: (join) => {
        const rows = usedCount(registry.subscriptions);
        if (join.kind === SessionKind.gateway) this.#gateways.join(join);
        else devices.join(join);
        const gained = usedCount(registry.subscriptions) - rows;
        if (gained > 0) this.#turns.spend(gained * PollLimits.gainWork);
      },
    });
    this.#subscribers = subscribers;
    this.#timers = new Timers(clock, [
      { wheel: deviceTimers, fire: (slot) => devices.timer(slot) },
      { wheel, fire: (slot) => subscribers.timer(slot) },
    ]);
    this.#gateways = new Gateways(links);
    this.restorer = new Restorer({ registry, devices, history, access, wheel, clock, settings });
    const rows = new OperatorRows({ ...shared, sweeps });
    const peers = { devices, subscribers, gateways: this.#gateways };
    this.#operator = new Operator({ ...peers, registry, subscriptions, sweep, filters, rows, clients });
    const parts = { ...pages, ...peers, access, scopes, filters, sweeps, rows, history, links, held };
    this.#cluster = createCluster(deps, {
      ...parts,
      operator: this.#operator,
      // Of its own: main counts what other rules would remove while the bucket's are being put in force.
      sweep: new RuleSweep(registry, subscriptions, subscribers, access),
      wheel: deviceTimers,
      subscriberWheel: wheel,
    });
    if (deps.takesOver === true) {
      const { estate = createEstate() } = deps;
      this.#recovery = new Recovery({ ...deps, ...peers, registry, clients, history, estate, held });
      this.flush();
    }
  }

  /** False while it takes over; it then carries out no commands. */
  get isWhole(): boolean {
    return this.#recovery === undefined;
  }

  /**
   * Processes what waits, at most `limit` records per ring. @returns the records, timers and slices processed; 0 means
   * idle
   */
  poll(limit: number): number {
    const { rings, clock } = this.#deps;
    const beganMs = clock.now();
    let done = 0;
    // The edges that deliver come first: what their subscribers ask for holds for the events that follow.
    this.#turns.begin();
    for (let edge = rings.length - 1; edge >= 0; edge--) done += this.#pollEdge(edge, limit);
    if (this.#recovery?.isOver) this.#recovery = undefined;
    if (this.#recovery === undefined) {
      this.#clients.tick(beganMs);
      done += this.#timers.fire(beganMs);
      // Behind the timers: of a device that has gone its followers are told before they hear that it is back.
      const slices = this.#sweeps.step() + this.#filters.step();
      this.#isHeldBack = slices === 0;
      done += slices;
      this.#cluster?.flush();
      if (done === 0) this.#history.clean(PollLimits.recordsCleanedWhenIdle);
    }
    this.flush(done);
    this.#deps.counters.cells[Counter.records]! += done;
    this.#deps.counters.cells[Counter.polls]! += 1;
    return done;
  }

  /** The edge's thread has died: processes its remaining records, then disconnects its peers. */
  edgeGone(edge: number): void {
    const cluster = edge === this.#deps.cluster?.edge ? this.#cluster : undefined;
    cluster?.linkGone();
    this.#goneEdge = edge;
    while (this.#pollEdge(edge, Number.POSITIVE_INFINITY) > 0);
    cluster?.linkGone(); // it may have said only now that it is there
    this.#goneEdge = undefined;
    const recovery = this.#recovery?.isOver === false ? this.#recovery : undefined;
    if (recovery === undefined)
      for (const session of this.#devices.sessionsOf(edge)) this.#devices.leave(session, false);
    else recovery.gone(edge);
    for (const part of [this.#subscribers, this.#gateways, this.#clients]) part.leaveAll(edge);
    recovery?.synced(edge);
    this.flush(1); // of other rings, too, what came before a join
  }

  /** The hub drains: leaves what is kept here to other nodes of the cluster. */
  leaveAll(): void {
    this.#cluster?.leaveAll();
    this.flush();
  }

  operate(command: OperatorCommand): OperatorResult {
    const result = this.#operator.run(command);
    this.#cluster?.flush();
    this.flush();
    return result;
  }

  /** Whether a ring holds records. Reads the shared words. */
  hasRecords(): boolean {
    return this.#joins.hasWaiting || this.#deps.rings.some((ring) => ring.hasRecords);
  }

  /** Whether the last poll left records that must be processed without a pause. */
  get isCutShort(): boolean {
    return this.#turns.isCutShort;
  }

  /** Whether records of the owner wait for room in a ring. */
  hasBacklog(): boolean {
    return this.#deps.links.some((link) => link.hasBacklog);
  }

  /** Milliseconds until a timer may be due. */
  untilNextTimerMs(): number {
    if (this.#sweeps.hasReady || this.#filters.hasReady) return this.#isHeldBack ? PollLimits.heldBackMs : 0;
    const now = this.#deps.clock.now();
    const timers = this.#timers.untilNextMs(now);
    return Math.min(timers, this.#cluster?.untilNextMs(now) ?? timers);
  }

  /** Makes written records visible to the other threads, and wakes them. @param done records processed */
  flush(done = 0): void {
    for (const link of this.#deps.links) link.commit();
    this.#notes.flush();
    // Between the two: what is given back is never looked at again; what is not, is lost when this owner dies now.
    // Stryker disable next-line ConditionalExpression,EqualityOperator: to give back nothing costs the edges a cache line
    if (done > 0) {
      for (const ring of this.#deps.rings) ring.release();
      this.#held.released();
    }
    for (const link of this.#deps.links) link.ring();
  }

  /** Polls one edge. Stops early if its peers request much, so that the other edges get their turn. */
  #pollEdge(edge: number, limit: number): number {
    const ring = this.#deps.rings[edge]!;
    this.#turns.enter(edge);
    let done = this.#joins.resume(edge);
    for (; done < limit && this.#turns.hasWork; done++) {
      if (done > 0 && this.#sweeps.rowsLeft <= -PollLimits.joinRows) break;
      const recovery = this.#recovery;
      if (edge !== this.#goneEdge && this.#hasToWait(edge, ring)) break;
      const offset = ring.next();
      // Stryker disable next-line EqualityOperator: a header stands before each record
      if (offset < 0) break;
      if (edge === this.#deps.cluster?.edge) this.#takeOfCluster(edge, ring, offset);
      else if (recovery === undefined || recovery.isOver) this.#take(ring, offset);
      else if (!recovery.take(edge, ring, offset)) this.#take(ring, offset);
    }
    return done;
  }

  /**
   * Whether the edge's next record must stay in its ring for now. During a takeover, an edge that has reported
   * everything waits for the others, because its events may be for their subscribers.
   */
  #hasToWait(edge: number, ring: RingConsumer): boolean {
    const recovery = this.#recovery;
    const isAhead = recovery !== undefined && !recovery.isOver && recovery.isSynced(edge);
    return isAhead || this.#turns.isOver(edge, ring);
  }

  /** During a takeover, the link restarts: its earlier records are ignored. */
  #takeOfCluster(edge: number, ring: RingConsumer, offset: number): void {
    if (ring.kind === ToOwnerRecord.Synced) this.#recovery?.reported(edge, ring.views, offset);
    else if (this.#recovery === undefined || this.#recovery.isOver) this.#cluster!.take(ring, offset);
  }

  #take(ring: RingConsumer, offset: number): void {
    const { views, kind } = ring;
    switch (kind) {
      case ToOwnerRecord.Event:
        this.#devices.event(views, offset);
        break;
      case ToOwnerRecord.Join:
        this.#turns.spend(PollLimits.joinWork);
        this.#join(readJoin(views, offset));
        break;
      case ToOwnerRecord.Leave:
        this.#turns.spend(PollLimits.leaveWork);
        this.#leave(readLeave(views, offset));
        break;
      case ToOwnerRecord.Active: {
        const { session } = readActive(views, offset);
        this.#devices.heard(session);
        this.#subscribers.heard(session);
        break;
      }
      case ToOwnerRecord.Request: {
        const request = readRequest(views, offset);
        this.#turns.spendOnRequest(request.devices?.length ?? REQUEST_WORK_PER_POLL);
        this.#subscribers.request(request);
        break;
      }
      case ToOwnerRecord.More: {
        const { session, request } = readMore(views, offset);
        this.#turns.spendOnRequest(DEVICES_PER_PAGE);
        this.#subscribers.more(session, request);
        break;
      }
      case ToOwnerRecord.Register:
        this.#clients.register(readRegister(views, offset));
        break;
      case ToOwnerRecord.Deregister:
        this.#clients.deregister(readDeregister(views, offset));
        break;
      case ToOwnerRecord.Will:
        this.#devices.will(readWill(views, offset));
        break;
      case ToOwnerRecord.Synced:
        break; // of an edge that started anew meanwhile
      default:
        throw new Error(`record of kind ${kind} from an edge`);
    }
  }

  #join(join: Join): void {
    if (join.kind === SessionKind.subscriber) this.#subscribers.join(join);
    else this.#joins.join(join);
  }

  /** Processes an edge's ring, within the work left, up to the join of a device or gateway. @returns that join */
  #advance(edge: number): Join | undefined {
    if (edge === this.#deps.cluster?.edge) return undefined; // nobody joins there, and it has records of its own
    const ring = this.#deps.rings[edge]!;
    for (let done = 0; done < POLL_RECORDS_MAX && this.#turns.hasWork; done++) {
      const offset = ring.next();
      // Stryker disable next-line EqualityOperator: a header stands before each record
      if (offset < 0) break;
      if (ring.kind !== ToOwnerRecord.Join) {
        this.#take(ring, offset);
        continue;
      }
      this.#turns.spend(PollLimits.joinWork);
      const join = readJoin(ring.views, offset);
      if (join.kind !== SessionKind.subscriber) return join;
      this.#subscribers.join(join);
    }
    return undefined;
  }

  #leave({ session, clean, confirm, keepMs }: ReturnType<typeof readLeave>): void {
    this.#devices.leave(session, clean, confirm);
    this.#subscribers.leave(session, keepMs);
    this.#gateways.leave(session);
  }
}
