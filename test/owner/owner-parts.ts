/**
 * The parts of an owner, wired as `owner.ts` does it, over links that note what they are told: a test calls each part
 * and reads lines. No rings, no threads; the clock stands still unless the test moves it. No assertions.
 */

import { eventRecord } from '../../fixtures/event-records.ts';
import { splitNames } from '../../src/access/pattern.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';
import type { AccessRule } from '../../src/access/rules.ts';
import { HistoryLog } from '../../src/history/log.ts';
import { attachHistory, createHistory } from '../../src/history/memory.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createHeartbeat, Heart, Pulse } from '../../src/memory/heartbeat.ts';
import type { RecordViews } from '../../src/memory/ring.ts';
import { Wheel } from '../../src/memory/wheel.ts';
import { AccessControl } from '../../src/owner/access.ts';
import { Devices } from '../../src/owner/devices.ts';
import { EstateNotes } from '../../src/owner/estate-notes.ts';
import { Filters } from '../../src/owner/filters.ts';
import { HeldEvents } from '../../src/owner/held-events.ts';
import { MqttClients } from '../../src/owner/mqtt-clients.ts';
import { Operator } from '../../src/owner/operator.ts';
import { OperatorRows } from '../../src/owner/operator-rows.ts';
import { Registry } from '../../src/owner/registry.ts';
import { Requests } from '../../src/owner/requests.ts';
import { RowWalks } from '../../src/owner/row-walks.ts';
import { RuleSweep } from '../../src/owner/rule-sweep.ts';
import { TokenScopes } from '../../src/owner/scopes.ts';
import { Subscribers } from '../../src/owner/subscribers.ts';
import { Subscriptions } from '../../src/owner/subscriptions.ts';
import { Sweeps } from '../../src/owner/sweeps.ts';
import { NONE } from '../../src/presence/columns.ts';
import { deviceStateNames, RowState, rowStateNames } from '../../src/presence/lifecycle.ts';
import { createPresence, type PresenceCapacity, type PresenceMemory } from '../../src/presence/memory.ts';
import type { OperatorResult } from '../../src/records/commands.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { applyToEstate, createEstate } from '../../src/records/estate.ts';
import { type Join, type OpName, SessionKind } from '../../src/records/requests.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { NotedLink } from './noted-link.ts';

export const TIMES = {
  deviceStaleAfterMs: 60_000,
  deviceLeaveGraceMs: 15_000,
  deviceRemoveAfterMs: 300_000,
  subscriberInactiveAfterMs: 60_000,
  subscriberRemoveAfterMs: 300_000,
} as const;

export interface PartsOptions {
  readonly times?: Partial<Record<keyof typeof TIMES, number>>;
  readonly capacity?: Partial<PresenceCapacity>;
  readonly rules?: readonly AccessRule[];
  readonly defaultAccess?: 'allow' | 'deny';
  readonly historyBytes?: number;
  readonly rowsMax?: number;
  /** A page ends at this many bytes; 1: after one device. */
  readonly pageBytes?: number;
  /** A table that another owner left. */
  readonly memory?: PresenceMemory;
  readonly clock?: FakeClock;
}

/** How a peer comes. */
export type Coming = Partial<Omit<Join, 'actor'>> & {
  readonly edge?: number;
  /** What its token covers; absent: everything. */
  readonly covers?: readonly string[];
  readonly vip?: boolean;
};

/** What a device sends. */
export interface Said {
  readonly type?: number;
  readonly payload?: string;
  readonly status?: string;
  /** Raw JSON of its id. */
  readonly ack?: string;
  /** The device's slot, when its edge knows it. */
  readonly slot?: number;
}

export const EDGES = 2;

export class OwnerParts {
  readonly clock: FakeClock;
  readonly memory: PresenceMemory;
  readonly registry: Registry;
  /** What the edges were told, in order. */
  readonly lines: string[] = [];
  readonly links: readonly NotedLink[];
  readonly hearts: readonly Heart[];
  readonly counters = new Counters(createCounters());
  readonly held = new HeldEvents(this.counters);
  readonly history: HistoryLog;
  readonly deviceTimers: Wheel;
  readonly timers: Wheel;
  readonly scopes = new TokenScopes();
  readonly access: AccessControl;
  readonly devices: Devices;
  readonly subscriptions: Subscriptions;
  readonly sweeps: Sweeps;
  readonly filters: Filters;
  readonly subscribers: Subscribers;
  readonly operator: Operator;
  readonly clients: MqttClients;
  /** What another owner would find, once it has been noted. */
  readonly estate = createEstate();
  readonly notes = new EstateNotes((changes) => applyToEstate(this.estate, changes));
  readonly #options: PartsOptions;
  #sessions = 0;
  #requests = 0;

  constructor(options: PartsOptions = {}) {
    const { rules = [], defaultAccess = 'allow', historyBytes = 0 } = options;
    const { rowsMax = 100, pageBytes = 100_000 } = options;
    this.#options = options;
    const capacity = { devices: 10, subscribers: 10, subscriptions: 20, ...options.capacity };
    const settings = { ...TIMES, ...options.times };
    this.clock = options.clock ?? new FakeClock();
    this.memory = options.memory ?? createPresence(capacity);
    const registry = new Registry(this.memory, EDGES);
    this.registry = registry;
    this.links = Array.from({ length: EDGES }, () => new NotedLink(registry, this.lines));
    const links = this.links.map(({ link }) => link);
    const heartbeats = links.map(() => createHeartbeat());
    this.hearts = heartbeats.map((memory) => new Heart(memory, this.clock));
    const pulses = heartbeats.map((memory) => new Pulse(memory));
    const { clock, counters, scopes } = this;
    this.deviceTimers = new Wheel(registry.devices.capacity, clock.now());
    this.timers = new Wheel(registry.subscribers.capacity, clock.now());
    this.history = new HistoryLog(attachHistory(createHistory(historyBytes)), registry.devices, 100);
    registry.deviceMade = (slot) => this.history.begin(slot, 0);
    registry.deviceFreed = (slot) => this.history.forget(slot);
    this.devices = new Devices({
      registry,
      links,
      history: this.history,
      wheel: this.deviceTimers,
      pulses,
      clock,
      counters,
      held: this.held,
      times: settings,
      notes: this.notes,
      appeared: (slot) => this.filters.appeared(slot),
      gone: (slot) => this.filters.deviceGone(slot),
    });
    const { devices } = this;
    registry.interestChanged = (slot) => devices.interestChanged(slot);
    const access = new AccessControl(defaultAccess, rules);
    this.access = access;
    const subscriptions = new Subscriptions({ registry, devices, links, access, scopes, clock });
    this.subscriptions = subscriptions;
    const requests = new Requests({ registry, devices, subscriptions, scopes, access, rowsMax });
    const pages = { registry, subscriptions, walks: new RowWalks(registry), pageBytes };
    this.filters = new Filters({ ...pages, requests, scopes, access, filtersMax: 10, rowsMax });
    const { filters, timers: wheel } = this;
    const sweeps = new Sweeps({ ...pages, filters, swept: (slot) => this.subscribers.freeIfIdle(slot) });
    this.sweeps = sweeps;
    const shared = { registry, links, clock, settings, subscriptions, filters, wheel };
    this.subscribers = new Subscribers({ ...shared, scopes, requests, sweeps, pulses });
    const { subscribers } = this;
    this.clients = new MqttClients({ links, clock, notes: this.notes, drop: (id) => subscribers.drop(id) });
    const sweep = new RuleSweep(registry, subscriptions, subscribers, access);
    const rows = new OperatorRows({ ...shared, sweeps });
    const parts = { registry, devices, subscriptions, subscribers, sweep, filters, rows };
    this.operator = new Operator({ ...parts, clients: this.clients });
  }

  /** Another owner takes over: its parts are of the same table and clock, and have heard of nobody yet. */
  another(): OwnerParts {
    const next = new OwnerParts({ ...this.#options, memory: this.memory, clock: this.clock });
    next.registry.adopt();
    next.devices.adopt(this.estate.wills);
    next.subscribers.adopt(this.estate.clients);
    next.#sessions = this.#sessions;
    return next;
  }

  /** What a peer that comes says of itself. */
  join(kind: keyof typeof SessionKind, id: string, coming: Coming = {}): Required<Join> {
    const { edge = 0, covers, vip = false, ...rest } = coming;
    this.#sessions += 1;
    return {
      session: this.#sessions * 64 + edge,
      kind: SessionKind[kind],
      actor: { role: kind, id, devices: covers && new PatternSet(covers), vip },
      again: false,
      hold: false,
      interest: false,
      generated: false,
      fresh: false,
      silenceMsMin: 0,
      gateway: '',
      connectedAt: 1,
      ticket: 0,
      ...rest,
    };
  }

  /** @returns the subscriber's session */
  subscriber(id: string, coming?: Coming): number {
    const join = this.join('subscriber', id, coming);
    this.subscribers.join(join);
    return join.session;
  }

  /** @returns the device's session */
  device(id: string, coming?: Coming): number {
    const join = this.join('device', id, coming);
    this.devices.join(join);
    return join.session;
  }

  /** @param names ids and filters; absent: all */
  ask(session: number, op: OpName, names?: readonly string[], types = ALL_TYPES): void {
    this.write(session, op, names, types);
    this.step();
  }

  /** As `ask`, but what is not done at once waits for a step. */
  write(session: number, op: OpName, names?: readonly string[], types = ALL_TYPES): void {
    const { devices, filters } =
      names === undefined ? { devices: undefined, filters: [] } : splitNames(names);
    const request = ++this.#requests;
    this.subscribers.request({ session, request, op, devices, filters, types });
  }

  /** Somebody asks for so much that sweeps wait for the next step. */
  keepBusy(session: number): void {
    while (this.sweeps.rowsLeft > 0) this.write(session, 'list');
    this.told();
  }

  /** The device says something. */
  say(session: number, said: Said = {}): void {
    this.devices.event(this.event(session, said), 0);
  }

  /** An event as its edge would write it. */
  event(session: number, said: Said = {}): RecordViews {
    const { slot: device = NONE, payload = '1', ...rest } = said;
    const times = { at: this.clock.wallNow(), received: this.clock.now() };
    return eventRecord({ ...rest, ...times, device, payload, session, flags: 0 });
  }

  /** An operator's word on a pair, or on whether the subscriber is a vip. */
  setRow(
    device: string,
    subscriber: string,
    status?: 'allow' | 'active' | 'inactive' | 'deny',
    vip?: boolean,
  ): OperatorResult {
    return this.operator.run({ kind: ToOwner.SetRow, device, subscriber, status, vip });
  }

  /** What is ready goes on until nothing is. */
  step(): void {
    while (this.sweeps.step() + this.filters.step() > 0);
  }

  /** Time goes by, and timers fire as they come due. */
  pass(ms: number): void {
    const end = this.clock.nowMs + ms;
    for (;;) {
      const now = this.clock.nowMs;
      const next = Math.min(this.deviceTimers.untilNextMs(now), this.timers.untilNextMs(now));
      this.clock.advance(Math.min(Math.max(next, 1), end - now));
      this.deviceTimers.advance(this.clock.now(), 1000, (slot) => this.devices.timer(slot));
      this.timers.advance(this.clock.now(), 1000, (slot) => this.subscribers.timer(slot));
      this.step();
      if (this.clock.nowMs >= end) return;
    }
  }

  /** The edge has heard the peer just now. */
  heard(session: number): void {
    for (const { rows } of [this.registry.devices, this.registry.subscribers]) {
      const slot = rows.session.indexOf(session);
      if (slot >= 0) Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(this.clock.now())));
    }
  }

  /** What the edges were told since the last call. */
  told(): string[] {
    return this.lines.splice(0);
  }

  /** State of the pair's row; `none` without one. */
  status(device: string, subscriber: string): string {
    const row = this.row(device, subscriber);
    return rowStateNames[row < 0 ? RowState.none : this.registry.rowState(row)]!;
  }

  /** Slot of the pair's row, or -1. */
  row(device: string, subscriber: string): number {
    const { registry } = this;
    const [deviceSlot, subscriberSlot] = [registry.deviceOf(device), registry.subscriberOf(subscriber)];
    return deviceSlot < 0 || subscriberSlot < 0 ? -1 : registry.findRow(deviceSlot, subscriberSlot);
  }

  /** `online`, `stale` or `offline`; `free` for a device that is not in the table. */
  state(device: string): string {
    const slot = this.registry.deviceOf(device);
    return slot < 0 ? 'free' : deviceStateNames[this.registry.devices.rows.deviceState[slot]! as 0];
  }

  /** Whether the subscriber has a row in the table. */
  knows(subscriber: string): boolean {
    return this.registry.subscriberOf(subscriber) >= 0;
  }

  count(counter: keyof typeof Counter): number {
    return this.counters.cells[Counter[counter]]!;
  }
}
