/**
 * The parts of the owner that change subscribers' rows, on a small table of their own: no ring, no thread, no time. The
 * test calls the parts and reads what an edge would be told. No assertions.
 */
import { splitNames } from '../../src/access/pattern.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';
import type { AccessRule } from '../../src/access/rules.ts';
import { createSlab } from '../../src/memory/layout.ts';
import { AccessControl } from '../../src/owner/access.ts';
import type { Devices } from '../../src/owner/devices.ts';
import type { EdgeLink } from '../../src/owner/edge-link.ts';
import { Filters } from '../../src/owner/filters.ts';
import { Registry, type RowOptions } from '../../src/owner/registry.ts';
import { Requests } from '../../src/owner/requests.ts';
import { RowWalks } from '../../src/owner/row-walks.ts';
import { TokenScopes } from '../../src/owner/scopes.ts';
import { Subscriptions } from '../../src/owner/subscriptions.ts';
import { Sweeps } from '../../src/owner/sweeps.ts';
import { filterColumns, NONE } from '../../src/presence/columns.ts';
import { RowState, type RowStateName, rowStateNames } from '../../src/presence/lifecycle.ts';
import { createPresence, type PresenceCapacity } from '../../src/presence/memory.ts';
import {
  type FilterEntry,
  Notice,
  Refusal,
  type RefusedDevice,
  readEntries,
} from '../../src/records/replies.ts';
import type { OpName, Request } from '../../src/records/requests.ts';
import { EDGES_MAX } from '../../src/records/sessions.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** What the edge is told. Devices read `id state`, with the state of the subscriber's row; filters `filter value`. */
export type Told =
  | ({ readonly joined: string; readonly vip: boolean } & Paged)
  | ({ readonly answer: number; readonly refused: readonly string[] } & Paged)
  | ({ readonly notice: keyof typeof Notice } & Paged)
  | {
      readonly page: string;
      readonly devices: readonly string[];
      readonly more: boolean;
      readonly waits: boolean;
    }
  | { readonly attach: string; readonly types: number }
  | { readonly detach: string };

interface Paged {
  readonly devices: readonly string[];
  readonly filters: readonly string[];
  readonly more: boolean;
}

export interface RowsOptions {
  readonly capacity?: Partial<PresenceCapacity> & { readonly filters?: number };
  readonly access?: 'allow' | 'deny';
  readonly rules?: readonly AccessRule[];
  readonly filtersMax?: number;
  readonly rowsMax?: number;
  readonly pageBytes?: number;
}

const EDGES = 2;

/** An entry of a device without a status whose id has at most eight characters takes so many bytes. */
export const ENTRY_BYTES = 48;

const nameOf = (numbers: Readonly<Record<string, number>>, number: number): string =>
  Object.keys(numbers).find((name) => numbers[name] === number) ?? String(number);

export class RowsHarness {
  readonly registry: Registry;
  readonly access: AccessControl;
  readonly scopes = new TokenScopes();
  readonly walks: RowWalks;
  readonly subscriptions: Subscriptions;
  readonly filters: Filters;
  readonly sweeps: Sweeps;
  /** Subscribers of whom a hub's own sweep has seen every row, in order. */
  readonly swept: number[] = [];
  /** Edges that are behind. */
  readonly behind = new Set<number>();
  /** Devices that were looked at after a row of theirs had gone or come. */
  readonly unwatched: string[] = [];
  /** Names of pages that others follow, in order: what their reader says that it has read. */
  readonly pages: number[] = [];
  readonly deps;
  readonly #told: { readonly session: number; readonly told: Told }[] = [];
  #sessions = 0;
  #requests = 0;

  constructor(options: RowsOptions = {}) {
    const { capacity = {}, access = 'allow', rules = [], pageBytes = 64 * 1024 } = options;
    const { filters = 20, ...rows } = capacity;
    const memory = createPresence({ devices: 100, subscribers: 10, subscriptions: 200, ...rows });
    this.registry = new Registry({ ...memory, filters: createSlab(filterColumns, filters).memory }, EDGES);
    this.access = new AccessControl(access, rules);
    this.walks = new RowWalks(this.registry);
    const { registry, scopes, walks } = this;
    const devices = {
      unwatched: (device: number) => this.unwatched.push(registry.deviceId(device)),
    } as unknown as Devices;
    const links = Array.from({ length: EDGES }, (_, edge) => this.#link(edge));
    const shared = { registry, devices, scopes, access: this.access };
    this.subscriptions = new Subscriptions({ ...shared, links, clock: new FakeClock() });
    const { subscriptions } = this;
    const { rowsMax = 1000, filtersMax = 10 } = options;
    const requests = new Requests({ ...shared, subscriptions, rowsMax });
    this.deps = { ...shared, subscriptions, requests, walks, pageBytes, rowsMax, filtersMax };
    this.filters = new Filters(this.deps);
    this.sweeps = new Sweeps({
      ...this.deps,
      filters: this.filters,
      swept: (subscriber) => this.swept.push(subscriber),
    });
  }

  /** A device that is there, whether or not it has ever connected. @returns its slot */
  device(id: string, known = true): number {
    const slot = this.registry.ensureDeviceOf(id);
    if (known) this.registry.setKnown(slot);
    return slot;
  }

  /** A device that has connected for the first time. @returns its slot */
  appear(id: string): number {
    const slot = this.device(id);
    this.filters.appeared(slot);
    return slot;
  }

  /** The device leaves the table. Only without rows. */
  free(id: string): void {
    this.registry.freeDevice(this.registry.deviceOf(id));
  }

  subscriber(id: string): number {
    return this.registry.ensureSubscriberOf(id);
  }

  /** The subscriber has a connection; nothing is done with its rows. @param devices that its token covers @returns its session */
  connect(id: string, { devices, edge = 0 }: { devices?: readonly string[]; edge?: number } = {}): number {
    const slot = this.subscriber(id);
    const session = ++this.#sessions * EDGES_MAX + edge;
    Atomics.store(this.registry.subscribers.rows.session, slot, session);
    const covered = devices && new PatternSet(devices);
    this.scopes.set(slot, { role: 'subscriber', id, devices: covered, vip: false });
    return session;
  }

  /** Its connection is gone; nothing is done with its rows. */
  disconnect(id: string): void {
    Atomics.store(this.registry.subscribers.rows.session, this.subscriber(id), NONE);
  }

  /** Makes the pair's row, and the device's if there is none. @param filtered only filters follow the device */
  row(
    device: string,
    subscriber: string,
    state: RowStateName,
    { filtered = false, ...options }: RowOptions & { readonly filtered?: boolean } = {},
  ): number {
    const types = filtered ? { types: ALL_TYPES, ownTypes: 0 } : {};
    const [of, by] = [this.device(device), this.subscriber(subscriber)];
    return this.registry.createRow(of, by, RowState[state], { ...types, ...options });
  }

  /** Makes a filter that nothing was done for. @param filter with its star @returns its slot */
  filter(filter: string, subscriber: string, state: RowStateName = 'active', types = ALL_TYPES): number {
    const { filters } = this.registry;
    return filters.create(this.subscriber(subscriber), filter.slice(0, -1), RowState[state], types);
  }

  /** @returns undefined where the pair has no row */
  state(device: string, subscriber: string): RowStateName | undefined {
    const row = this.rowOf(device, subscriber);
    return row < 0 ? undefined : rowStateNames[this.registry.rowState(row)];
  }

  rowOf(device: string, subscriber: string): number {
    const slot = this.registry.deviceOf(device);
    return slot < 0 ? -1 : this.registry.findRow(slot, this.subscriber(subscriber));
  }

  /** All rows of the subscriber, as `id state`, by id. */
  states(subscriber: string): string[] {
    const { registry } = this;
    const all: string[] = [];
    registry.forEachOfSubscriber(this.subscriber(subscriber), (row, device) =>
      all.push(`${registry.deviceId(device)} ${rowStateNames[registry.rowState(row)]}`),
    );
    return all.sort();
  }

  /** All filters of the subscriber, as `filter state`, by name. */
  filterStates(subscriber: string): string[] {
    const entries = this.filters.list(this.subscriber(subscriber));
    return entries.map(({ filter, value }) => `${filter} ${rowStateNames[value]}`).sort();
  }

  /** @param names ids and filters; absent: all @returns the request's number */
  ask(subscriber: string, op: OpName, names?: readonly string[], types = ALL_TYPES): number {
    const slot = this.subscriber(subscriber);
    const session = this.registry.subscribers.rows.session[slot]!;
    const request = ++this.#requests;
    const { devices, filters } =
      names === undefined ? { devices: undefined, filters: [] } : splitNames(names);
    const asked: Request = { session, request, op, devices, filters, types };
    if (devices === undefined) this.sweeps.ask(slot, asked);
    else this.filters.ask(slot, { ...asked, devices });
    return request;
  }

  /** Steps as polls do until nothing goes on by itself. @returns the steps that did something */
  settle(): number {
    for (let steps = 0; steps < 1000; steps++)
      if (this.sweeps.step() + this.filters.step() === 0) return steps;
    throw new Error('it goes on and on');
  }

  /** What the session was told since the last call. */
  told(session: number): Told[] {
    const its = this.#told.filter((one) => one.session === session).map(({ told }) => told);
    this.#told.splice(0, this.#told.length, ...this.#told.filter((one) => one.session !== session));
    return its;
  }

  /** As `told`, without what starts and ends delivery. */
  frames(session: number): Told[] {
    return this.told(session).filter((one) => !('attach' in one || 'detach' in one));
  }

  #link(edge: number): EdgeLink {
    const note = (session: number, told: Told): void => {
      this.#told.push({ session, told });
    };
    const paged = (entries: Uint8Array, more: boolean, filters: readonly FilterEntry[]): Paged => ({
      devices: devicesOf(entries),
      filters: filters.map(({ filter, value }) => `${filter} ${value}`),
      more,
    });
    const deviceId = (device: number): string => this.registry.deviceId(device);
    const link: Partial<EdgeLink> = {
      holdsBack: () => this.behind.has(edge),
      joined: (session, slot, vip = false, resumed = new Uint8Array(), more = false, filters = []) =>
        note(session, { joined: this.registry.subscriberId(slot), vip, ...paged(resumed, more, filters) }),
      answer: ({ session, request }, entries, refused, more, filters = []) =>
        note(session, { answer: request, refused: refusalsOf(refused), ...paged(entries, more, filters) }),
      deferred: () => {},
      notice: (session, notice, entries, more, filters = []) =>
        note(session, { notice: nameOf(Notice, notice) as 'silent', ...paged(entries, more, filters) }),
      filterPage: (session, filter, entries, page, more, waits = false) => {
        note(session, { page: filter, devices: devicesOf(entries), more, waits });
        if (more) this.pages.push(page);
      },
      attach: (session, _device, id, _seq, types = ALL_TYPES) => note(session, { attach: id, types }),
      detach: (session, device) => note(session, { detach: deviceId(device) }),
    };
    return link as EdgeLink;
  }
}

const devicesOf = (entries: Uint8Array): string[] =>
  readEntries(entries).map(({ device, rowState }) => `${device} ${rowStateNames[rowState]}`);

const refusalsOf = (refused: readonly RefusedDevice[]): string[] =>
  refused.map(({ device, why }) => `${device} ${nameOf(Refusal, why)}`);
