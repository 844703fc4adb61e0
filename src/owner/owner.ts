/**
 * The owner: the only writer of presence. Consumes the rings of the edges, runs the timers, and answers. One bounded
 * `poll` that needs no thread of its own; `workers/owner.ts` calls it in a loop.
 */
import type { AccessRule } from '../access/rules.ts';
import type { Clock } from '../clock.ts';
import { HistoryLog } from '../history/log.ts';
import { attachHistory } from '../history/memory.ts';
import { REQUEST_WORK_PER_POLL } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import type { RingConsumer } from '../memory/ring.ts';
import { Wheel } from '../memory/wheel.ts';
import type { PresenceMemory } from '../presence/table.ts';
import type { OperatorCommand, OperatorResult } from '../records/commands.ts';
import {
  type Join,
  readActive,
  readJoin,
  readLeave,
  readMore,
  readRequest,
  SessionKind,
  ToOwnerRecord,
} from '../records/requests.ts';
import { AccessControl } from './access.ts';
import { Devices, type DeviceTimes } from './devices.ts';
import type { EdgeLink } from './edge-link.ts';
import { Filters } from './filters.ts';
import { Operator } from './operator.ts';
import { Recovery } from './recovery.ts';
import { Registry } from './registry.ts';
import { Requests } from './requests.ts';
import { Restorer } from './restorer.ts';
import { RowWalks } from './row-walks.ts';
import { RuleSweep } from './rule-sweep.ts';
import { TokenScopes } from './scopes.ts';
import { type SubscriberSettings, Subscribers } from './subscribers.ts';
import { Subscriptions } from './subscriptions.ts';
import { Sweeps } from './sweeps.ts';

export interface OwnerSettings extends DeviceTimes, SubscriberSettings {
  readonly defaultAccess: 'allow' | 'deny';
  readonly maxSubscriptionsPerSubscriber: number;
  readonly maxFiltersPerSubscriber: number;
  readonly historyEvents: number;
  readonly sendQueueMaxBytes: number;
}

export interface OwnerDeps {
  readonly presence: PresenceMemory;
  readonly history: SharedArrayBuffer;
  /** By edge. */
  readonly rings: readonly RingConsumer[];
  /** By edge. */
  readonly links: readonly EdgeLink[];
  /** Of the edges' threads. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: OwnerSettings;
  /** The access rules in force; the table's subscriptions obey them already. */
  readonly rules: readonly AccessRule[];
  /** The table is one that an owner left when it died. */
  readonly takesOver?: boolean;
}

/** Timers looked at in one poll, so that a mass expiry does not hold up events. */
const TIMERS_PER_POLL = 1024;
/** Records that the history's cleaner looks at when there is nothing else to do. */
const RECORDS_CLEANED_WHEN_IDLE = 256;
/** A page must fit into a send queue that is a quarter full, in any encoding. */
const PAGE_SHARE_OF_QUEUE = 1 / 4;
const PAGE_BYTES_MAX = 128 * 1024;

export class Owner {
  readonly registry: Registry;
  /** Where a snapshot goes, before the first poll. */
  readonly restorer: Restorer;
  readonly #deps: OwnerDeps;
  readonly #devices: Devices;
  readonly #subscribers: Subscribers;
  readonly #history: HistoryLog;
  readonly #sweeps: Sweeps;
  readonly #filters: Filters;
  readonly #operator: Operator;
  readonly #deviceTimers: Wheel;
  readonly #subscriberTimers: Wheel;
  /** Only while this owner takes over from one that died. */
  #recovery: Recovery | undefined;
  /** What requests may still cost in this turn of a ring, in devices named. */
  #workLeft = 0;

  constructor(deps: OwnerDeps) {
    const { clock, counters, settings, links, pulses } = deps;
    this.#deps = deps;
    const registry = new Registry(deps.presence, links.length);
    this.registry = registry;
    this.#deviceTimers = new Wheel(registry.devices.capacity, clock.now());
    this.#subscriberTimers = new Wheel(registry.subscribers.capacity, clock.now());
    const wheel = this.#subscriberTimers;
    const history = new HistoryLog(attachHistory(deps.history), registry.devices, settings.historyEvents);
    this.#history = history;
    registry.deviceMade = (slot) => history.begin(slot, 0);
    registry.deviceFreed = (slot) => history.forget(slot);
    const devices = new Devices({
      registry,
      links,
      history,
      wheel: this.#deviceTimers,
      pulses,
      clock,
      counters,
      times: settings,
      appeared: (slot) => filters.appeared(slot),
      gone: (slot) => filters.deviceGone(slot),
    });
    registry.interestChanged = (slot) => devices.interestChanged(slot);
    const access = new AccessControl(settings.defaultAccess, deps.rules);
    const scopes = new TokenScopes();
    const subscriptions = new Subscriptions({ registry, devices, links, access, scopes, clock });
    const { maxSubscriptionsPerSubscriber: rowsMax } = settings;
    const requests = new Requests({ registry, devices, subscriptions, scopes, access, rowsMax });
    const pages = {
      registry,
      subscriptions,
      walks: new RowWalks(registry),
      pageBytes: Math.min(PAGE_BYTES_MAX, settings.sendQueueMaxBytes * PAGE_SHARE_OF_QUEUE),
    };
    const { maxFiltersPerSubscriber: filtersMax } = settings;
    const filters = new Filters({ ...pages, requests, scopes, access, filtersMax, rowsMax });
    this.#filters = filters;
    this.#sweeps = new Sweeps({
      ...pages,
      filters,
      swept: (subscriber) => subscribers.freeIfIdle(subscriber),
    });
    const sweeps = this.#sweeps;
    const shared = { registry, links, clock, settings };
    const subscribers = new Subscribers({
      ...shared,
      subscriptions,
      scopes,
      requests,
      sweeps,
      filters,
      wheel,
      pulses,
    });
    const sweep = new RuleSweep(registry, subscriptions, subscribers, access);
    this.#devices = devices;
    this.#subscribers = subscribers;
    this.restorer = new Restorer({ registry, devices, history, access, wheel, clock, settings });
    this.#operator = new Operator({ registry, devices, subscriptions, subscribers, sweep, filters });
    if (deps.takesOver === true) {
      this.#recovery = new Recovery({ ...deps, registry, devices, subscribers, history });
      this.flush();
    }
  }

  /** False while it takes over: then it carries out no command. */
  get isWhole(): boolean {
    return this.#recovery === undefined;
  }

  /**
   * Works off what waits, at most `limit` records of each ring.
   * @returns the records, timers and slices worked off; 0 means idle
   */
  poll(limit: number): number {
    const { rings } = this.#deps;
    let done = 0;
    // The edges that deliver come first: what their subscribers ask for holds for the events that follow.
    for (let edge = rings.length - 1; edge >= 0; edge--) done += this.#pollEdge(edge, limit);
    if (this.#recovery?.isOver) this.#recovery = undefined;
    if (this.#recovery === undefined) done += this.#fireTimers() + this.#sweeps.step() + this.#filters.step();
    if (done === 0 && this.#recovery === undefined) this.#history.clean(RECORDS_CLEANED_WHEN_IDLE);
    this.flush();
    // Not before what followed from the records is on its way: what is given back is never looked at again.
    if (done > 0) for (const ring of rings) ring.release();
    this.#deps.counters.cells[Counter.records]! += done;
    this.#deps.counters.cells[Counter.polls]! += 1;
    return done;
  }

  #fireTimers(): number {
    const now = this.#deps.clock.now();
    return (
      this.#deviceTimers.advance(now, TIMERS_PER_POLL, (slot) => this.#devices.timer(slot)) +
      this.#subscriberTimers.advance(now, TIMERS_PER_POLL, (slot) => this.#subscribers.timer(slot))
    );
  }

  /** The edge's thread is gone: what it still said holds, then everyone it held is disconnected. */
  edgeGone(edge: number): void {
    while (this.#pollEdge(edge, Number.POSITIVE_INFINITY) > 0) {}
    this.#devices.leaveAll(edge);
    this.#subscribers.leaveAll(edge);
    this.#recovery?.synced(edge);
    this.flush();
    this.#deps.rings[edge]!.release();
  }

  operate(command: OperatorCommand): OperatorResult {
    const result = this.#operator.run(command);
    this.flush();
    return result;
  }

  /** Whether a ring holds records. Reads the shared words. */
  hasRecords(): boolean {
    return this.#deps.rings.some((ring) => ring.hasRecords);
  }

  /** Whether records of the owner's wait for room in a ring. */
  hasBacklog(): boolean {
    return this.#deps.links.some((link) => link.hasBacklog);
  }

  /** Milliseconds until a timer may be due. */
  untilNextTimerMs(): number {
    if (this.#sweeps.hasReady || this.#filters.hasReady) return 0;
    const now = this.#deps.clock.now();
    return Math.min(this.#deviceTimers.untilNextMs(now), this.#subscriberTimers.untilNextMs(now));
  }

  /** Makes what was written visible to the other threads. */
  flush(): void {
    for (const link of this.#deps.links) link.flush();
  }

  /** Stops early when its peers ask for much, so that the other edges get their turn. */
  #pollEdge(edge: number, limit: number): number {
    const ring = this.#deps.rings[edge]!;
    this.#workLeft = REQUEST_WORK_PER_POLL;
    let done = 0;
    for (; done < limit && this.#workLeft > 0; done++) {
      // An edge that has said all waits until the others have: its events may be for their subscribers.
      const recovery = this.#recovery;
      if (recovery?.isSynced(edge) && !recovery.isOver) break;
      const offset = ring.next();
      if (offset < 0) break;
      if (recovery === undefined || recovery.isOver) this.#take(ring, offset);
      else this.#takeWhileRecovering(edge, ring, offset, recovery);
    }
    return done;
  }

  #take(ring: RingConsumer, offset: number): void {
    const { views, kind } = ring;
    switch (kind) {
      case ToOwnerRecord.Event:
        this.#devices.event(views, offset);
        break;
      case ToOwnerRecord.Join:
        this.#join(readJoin(views, offset));
        break;
      case ToOwnerRecord.Leave:
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
        this.#workLeft -= request.devices?.length ?? REQUEST_WORK_PER_POLL;
        this.#subscribers.request(request);
        break;
      }
      case ToOwnerRecord.More: {
        const { session, request } = readMore(views, offset);
        this.#workLeft -= REQUEST_WORK_PER_POLL / 2;
        this.#subscribers.more(session, request);
        break;
      }
      case ToOwnerRecord.Synced:
        break; // of an edge that started anew meanwhile
      default:
        throw new Error(`record of kind ${kind} from an edge`);
    }
  }

  #takeWhileRecovering(edge: number, ring: RingConsumer, offset: number, recovery: Recovery): void {
    const { views, kind } = ring;
    switch (kind) {
      case ToOwnerRecord.Event:
        recovery.hold(views, offset);
        break;
      case ToOwnerRecord.Join:
        recovery.rejoin(readJoin(views, offset));
        break;
      case ToOwnerRecord.Synced:
        recovery.synced(edge);
        break;
      case ToOwnerRecord.Request:
      case ToOwnerRecord.More:
        break; // the edge asks again
      default:
        this.#take(ring, offset);
    }
  }

  #join(join: Join): void {
    if (join.kind === SessionKind.device) this.#devices.join(join);
    else this.#subscribers.join(join);
  }

  #leave({ session, clean }: { readonly session: number; readonly clean: boolean }): void {
    this.#devices.leave(session, clean);
    this.#subscribers.leave(session);
  }
}
