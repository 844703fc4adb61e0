/** What the fake hub does for one subscriber, by sections 4, 7 to 10 of the wire contract. */
import { matches } from '../../../src/access/pattern.ts';
import { type FakeDevice, type FakeEvent, type Fleet, newestOf, type Type } from './fleet.ts';
import { type Link, Outbox } from './outbox.ts';

const ID = /^[A-Za-z0-9._:~-]{1,128}$/;
const FILTER = /^[A-Za-z0-9._:~-]*\*$/;
const types: readonly Type[] = ['message', 'status', 'pong'];

interface Row {
  /** Followed by id: the types, undefined for all. */
  own: { readonly types: readonly Type[] | undefined } | undefined;
  readonly filters: Set<string>;
  status: 'active' | 'inactive';
  /** `filter paused`: it wakes with its filter. */
  reason: 'silent' | 'paused' | 'filter paused' | 'disconnected' | undefined;
}

interface Filter {
  types: readonly Type[] | undefined;
  status: 'active' | 'inactive';
}

export interface Frame {
  readonly op?: unknown;
  readonly id?: unknown;
  readonly devices?: readonly unknown[];
  readonly types?: readonly Type[];
  readonly last?: boolean;
  readonly history?: number;
  readonly since?: Readonly<Record<string, { readonly epoch: string; readonly seq: number }>>;
}

export interface FollowerOptions {
  /** Entries of one frame: at most 1000. */
  readonly pageSize: number;
  readonly maxFilters: number;
  /** Whether the subscriber may follow the device. */
  readonly mayFollow: (device: string) => boolean;
}

type Entry = Record<string, unknown>;

export class Follower {
  readonly id: string;
  readonly rows = new Map<string, Row>();
  readonly filters = new Map<string, Filter>();
  readonly #fleet: Fleet;
  readonly #options: FollowerOptions;
  readonly outbox: Outbox;
  #since: NonNullable<Frame['since']> = {};
  constructor(id: string, fleet: Fleet, options: FollowerOptions) {
    this.id = id;
    this.#fleet = fleet;
    this.#options = options;
    this.outbox = new Outbox(options.pageSize);
  }

  connect(link: Link, isHold: boolean): void {
    this.outbox.connect(link);
    const kept = [...this.rows].filter(([, row]) => row.own !== undefined && row.reason === 'disconnected');
    const resumed = kept.map(([device]) => device);
    const resumedFilters = [...this.filters.keys()];
    const { pageSize } = this.#options;
    const first = {
      op: 'welcome',
      subscriber: this.id,
      pingIntervalMs: 25_000,
      resumed: resumed.slice(0, pageSize),
      ...(resumedFilters.length > 0 && { resumedFilters }),
      ...(isHold && resumed.length + resumedFilters.length > 0 && { held: true }),
      ...(resumed.length > pageSize && { more: true }),
    };
    this.send(first);
    this.outbox.pages(resumed.slice(pageSize), (devices, more) => ({ op: 'resumed', devices, ...more }));
    if (!isHold) this.#wakeAll(resumedFilters);
  }

  disconnect(): void {
    this.outbox.disconnect();
    this.#since = {};
    for (const row of this.rows.values()) {
      if (row.status === 'active') {
        row.status = 'inactive';
        row.reason = 'disconnected';
      }
    }
  }

  send(frame: object): void {
    this.outbox.send(frame);
  }

  answer(frame: Frame): void {
    const { op, id } = frame;
    const problem = this.#problemOf(frame);
    if (problem !== undefined) this.send({ op: 'error', id, code: 107, message: problem });
    else if (op === 'subscribe' || op === 'resume') this.#subscribe(frame);
    else if (op === 'unsubscribe') this.#unsubscribe(frame);
    else if (op === 'pause') this.#pause(frame);
    else if (op === 'since') this.#since = { ...this.#since, ...frame.since };
    else if (op === 'list') this.#list(id);
    else if (op !== 'touch') this.send({ op: 'error', id, code: 104, message: 'no such op' });
  }

  /** Whether an event of this device comes to this subscriber, or would if it were connected. */
  wants(device: string): 'now' | 'later' | undefined {
    const row = this.rows.get(device);
    if (row?.status === 'active') return 'now';
    return row?.reason === 'disconnected' ? 'later' : undefined;
  }

  deliver(event: FakeEvent): void {
    const isWanted = this.#typesOf(event.device).includes(event.type);
    if (this.wants(event.device) === 'now' && isWanted) this.outbox.live(event);
  }

  /** A device has appeared: filters follow it, and its entry comes before its first event. */
  appeared(device: FakeDevice): void {
    if (!this.outbox.isConnected) return; // the pages of its return will have it
    for (const [filter, { status }] of this.filters) {
      if (!matches(filter, device.id) || !this.#options.mayFollow(device.id)) continue;
      const isNew = !this.rows.has(device.id);
      this.#join(device.id, filter, status);
      if (isNew) this.send({ op: 'subscribed', filter, devices: [this.entry(device.id)], more: false });
    }
  }

  /** The device left the table. @param code 123, or 122 when an operator ended it */
  gone(device: string, code: number): void {
    if (this.rows.delete(device))
      this.send({ op: 'removed', devices: [device], code, reason: 'device gone' });
  }

  entry(id: string): Entry {
    const { state, lastSeen, seq, deviceStatus, epoch } = this.#fleet.row(id);
    const status = this.rows.get(id)?.status ?? 'active';
    const base = { device: id, status, state, lastSeen, seq, deviceStatus };
    return this.#fleet.historyEvents > 0 ? { ...base, epoch } : base;
  }

  #problemOf({ op, devices, types: wanted, history, since }: Frame): string | undefined {
    const needsList = op === 'subscribe' || op === 'unsubscribe';
    if (needsList && !Array.isArray(devices)) return 'devices: no list';
    if (devices !== undefined && devices.length > 1000) return 'devices: more than 1000';
    if (wanted !== undefined && !(wanted.length > 0 && wanted.every((type) => types.includes(type)))) {
      return 'types: none, or unknown';
    }
    if (history !== undefined && !(Number.isInteger(history) && history >= 1 && history <= 1000)) {
      return 'history: 1 to 1000';
    }
    return since !== undefined && Object.keys(since).length > 1000 ? 'since: more than 1000' : undefined;
  }

  #subscribe(frame: Frame): void {
    const { id, types: wanted } = frame;
    const since = { ...this.#since, ...frame.since };
    this.#since = {};
    const devices: Entry[] = [];
    const filters: Entry[] = [];
    const errors: Entry[] = [];
    const replays: FakeEvent[] = [];
    const pages: (() => void)[] = [];
    const names = frame.devices ?? [...this.rows.keys(), ...this.filters.keys()];
    for (const name of new Set(names)) {
      if (typeof name === 'string' && FILTER.test(name)) {
        if (!this.filters.has(name) && this.filters.size >= this.#options.maxFilters) {
          errors.push({ device: name, code: 106, message: 'too many filters' });
          continue;
        }
        this.filters.set(name, { types: wanted, status: 'active' });
        const matching = this.#matching(name);
        filters.push({ filter: name, matched: matching.length });
        pages.push(() => this.#filterPages(name, matching, frame, since));
      } else if (typeof name !== 'string' || !ID.test(name) || name === '.' || name === '..') {
        errors.push({ device: String(name), code: 107, message: 'not an id' });
      } else if (!this.#options.mayFollow(name)) {
        errors.push({ device: name, code: 103, message: 'not allowed' });
      } else if (since[name] !== undefined && this.rows.get(name)?.status === 'active') {
        errors.push({ device: name, code: 107, message: 'since: the subscription is active' });
      } else {
        const row = this.#row(name);
        row.own = { types: wanted };
        wake(row);
        devices.push(this.#replay(name, frame, since, replays));
      }
    }
    this.send({ op: 'subscribed', id, devices, ...(filters.length > 0 && { filters }), errors });
    this.#sendReplays(replays);
    for (const page of pages) page();
  }

  #filterPages(
    filter: string,
    matching: readonly string[],
    frame: Frame,
    since: NonNullable<Frame['since']>,
  ): void {
    this.outbox.pages(matching, (devices, more) => {
      const replays: FakeEvent[] = [];
      const entries = devices.map((device) => {
        const wasActive = this.rows.get(device)?.status === 'active';
        this.#join(device, filter, 'active');
        return wasActive ? this.entry(device) : this.#replay(device, frame, since, replays);
      });
      this.send({ op: 'subscribed', filter, devices: entries, more: false, ...more });
      this.#sendReplays(replays);
      return undefined;
    });
    if (matching.length === 0) this.send({ op: 'subscribed', filter, devices: [], more: false });
  }

  /** @param replays what is to be replayed after the answer is added. @returns the entry of the answer */
  #replay(
    id: string,
    frame: Frame,
    since: NonNullable<Frame['since']>,
    replays: (FakeEvent | Entry)[],
  ): Entry {
    const device = this.#fleet.row(id);
    const wanted = device.kept.filter(({ type }) => this.#typesOf(id).includes(type));
    const from = since[id];
    if (from !== undefined && this.#fleet.historyEvents > 0) {
      const isOther = from.epoch !== device.epoch || from.seq > device.seq;
      const oldest = isOther ? 0 : from.seq;
      const missing = isOther ? undefined : this.#missing(device, oldest);
      if (missing !== undefined) replays.push({ op: 'gap', device: id, ...missing, reason: 'history' });
      replays.push(...wanted.filter(({ seq }) => seq > oldest));
      return { ...this.entry(id), recovered: !isOther && missing === undefined };
    }
    const { last, history } = frame;
    if (history !== undefined) replays.push(...wanted.slice(-history));
    else if (last) {
      const newest = [newestOf(device, 'message'), newestOf(device, 'status')];
      replays.push(...wanted.filter((event) => newest.includes(event)));
    }
    return this.entry(id);
  }

  /** What after this number is no longer kept. */
  #missing(device: FakeDevice, after: number): { readonly from: number; readonly to: number } | undefined {
    // The fake hub drops the oldest first, so all that is missing lies before the oldest of an unbroken run.
    const lost = this.#lost.get(device.id) ?? 0;
    return lost > after ? { from: after + 1, to: lost } : undefined;
  }

  /** By device: up to here events are no longer kept. */
  readonly #lost = new Map<string, number>();

  /** The hub's memory no longer has events up to this number. */
  lose(device: string, upTo: number): void {
    this.#lost.set(device, upTo);
  }

  #unsubscribe({ id, devices = [] }: Frame): void {
    const done: string[] = [];
    const filters: string[] = [];
    const errors: Entry[] = [];
    for (const name of devices as readonly string[]) {
      const row = this.rows.get(name);
      if (this.filters.delete(name)) {
        filters.push(name);
        for (const [device, one] of this.rows) {
          one.filters.delete(name);
          if (one.own === undefined && one.filters.size === 0) this.rows.delete(device);
        }
      } else if (row?.own === undefined) errors.push({ device: name, code: 120, message: 'not followed' });
      else {
        row.own = undefined;
        if (row.filters.size === 0) this.rows.delete(name);
        done.push(name);
      }
    }
    this.send({ op: 'unsubscribed', id, devices: done, filters, errors });
  }

  #pause({ id, devices }: Frame): void {
    const names = (devices ?? [...this.rows.keys(), ...this.filters.keys()]) as readonly string[];
    const done: string[] = [];
    const filters: string[] = [];
    const errors: Entry[] = [];
    const pauseRow = (row: Row, reason: 'paused' | 'filter paused'): void => {
      row.status = 'inactive';
      row.reason = reason;
    };
    for (const name of names) {
      const [row, filter] = [this.rows.get(name), this.filters.get(name)];
      if (filter !== undefined) {
        filter.status = 'inactive';
        filters.push(name);
        for (const one of this.rows.values()) {
          if (one.filters.has(name) && one.own === undefined) pauseRow(one, 'filter paused');
        }
      } else if (row === undefined) errors.push({ device: name, code: 120, message: 'not followed' });
      else {
        pauseRow(row, 'paused');
        done.push(name);
      }
    }
    const { pageSize } = this.#options;
    if (done.length <= pageSize) this.send({ op: 'paused', id, devices: done, filters, errors });
    else this.outbox.pages(done, (page, more) => ({ op: 'paused', id, devices: page, ...more }));
  }

  #list(id: unknown): void {
    const entries = [...this.rows].map(([device, { status }]) => ({ device, status }));
    const filters = [...this.filters].map(([filter, { status }]) => ({ filter, status }));
    if (entries.length === 0) this.send({ op: 'list', id, devices: [], filters });
    this.outbox.pages(entries, (devices, more) => ({
      op: 'list',
      id,
      devices,
      ...more,
      ...(!more.more && { filters }),
    }));
  }

  /** Without `hold`: what was kept is active at once, filters come as pages. */
  #wakeAll(filters: readonly string[]): void {
    for (const row of this.rows.values()) if (row.reason === 'disconnected') wake(row);
    for (const filter of filters) this.#filterPages(filter, this.#matching(filter), {}, {});
  }

  #matching(filter: string): string[] {
    const { mayFollow } = this.#options;
    const real = [...this.#fleet.all].filter(({ isReal }) => isReal).map(({ id }) => id);
    return real.filter((id) => matches(filter, id) && mayFollow(id));
  }

  #row(device: string): Row {
    let row = this.rows.get(device);
    if (row === undefined) {
      row = { own: undefined, filters: new Set(), status: 'inactive', reason: undefined };
      this.rows.set(device, row);
    }
    return row;
  }

  #join(device: string, filter: string, status: 'active' | 'inactive'): void {
    const isNew = !this.rows.has(device);
    const row = this.#row(device);
    row.filters.add(filter);
    if (status === 'active' && (isNew || row.reason !== 'paused')) wake(row);
    else if (isNew) row.reason = 'filter paused';
  }

  #typesOf(device: string): readonly Type[] {
    const row = this.rows.get(device);
    const all = [...(row?.filters ?? [])].map((filter) => this.filters.get(filter)?.types ?? types);
    if (row?.own !== undefined) all.push(row.own.types ?? types);
    return all.flat();
  }

  #sendReplays(replays: readonly (FakeEvent | Entry)[]): void {
    for (const one of replays) if ('op' in one) this.send(one);
    this.outbox.events(
      replays
        .filter((one): one is FakeEvent => !('op' in one))
        .sort((one, other) => one.at - other.at || one.seq - other.seq)
        .map((event) => ({ ...event, replay: true })),
    );
  }
}

function wake(row: Row): void {
  row.status = 'active';
  row.reason = undefined;
}
