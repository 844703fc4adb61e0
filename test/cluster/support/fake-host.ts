/**
 * A hub in memory, as the cluster link sees one: devices with their numbering, one follower per device, subscribers with
 * what is kept of them. It logs what its followers would get. What it says to the node goes through `say`, so that a
 * test may delay it as a ring does.
 */

import { eventRecord } from '../../../fixtures/event-records.ts';
import { EventField, eventBytes } from '../../../src/cluster/event-record.ts';
import type {
  CallAnswer,
  ClusterHost,
  FollowRequest,
  HistoryQuery,
  HomeDevice,
  HostFigures,
  ListPage,
  OperatorChange,
  SurrenderReason,
} from '../../../src/cluster/host.ts';
import type { ClusterNode } from '../../../src/cluster/node.ts';
import { HomeKind, Level, Unfollow } from '../../../src/cluster/records.ts';
import type { RecordViews } from '../../../src/memory/ring.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { EventType } from '../../../src/wire/events.ts';

/** A device's or subscriber's connection, held by whoever plays the peer. */
export interface Connection {
  readonly id: string;
  /** Whether it answers pings. */
  alive: boolean;
  /** The code that the hub closed it with. */
  closed: number | undefined;
}

/** What a follower got, in order. */
export type Got =
  | { readonly is: 'entry'; readonly epoch: string; readonly seq: number; readonly node: string }
  | { readonly is: 'event'; readonly seq: number; readonly payload: number; readonly type: number }
  | { readonly is: 'gap'; readonly from: number; readonly to: number }
  | { readonly is: 'lost' | 'gone' }
  /** It stopped listening: what comes before the next entry is not missed. */
  | { readonly is: 'inactive' }
  | { readonly is: 'settled'; readonly found: boolean };

interface Kept {
  readonly seq: number;
  readonly payload: number;
}

interface Device {
  readonly id: string;
  readonly slot: number;
  epoch: string;
  seq: number;
  /** Its number when it was adopted: what came since then is of this claim. */
  base: number;
  connection: Connection | undefined;
  released: boolean;
  readonly held: number[];
  history: Kept[];
  /** By peer number. */
  readonly peers: Map<number, Level>;
}

interface Subscriber {
  connection: Connection | undefined;
  kept: string[];
  /** It is at home here; false while it waits for what other nodes keep of it. */
  isHere: boolean;
}

interface Follower {
  level: Level;
  /** It is active again, and not joined yet: what comes belongs to the time before. */
  isJoining: boolean;
  ref: number;
  remote: HomeDevice | undefined;
  readonly got: Got[];
}

const CLOSE_REPLACED = 4004;
const CLOSE_KICKED = 4005;
const CLOSE_CONFLICT = 4200;
/** Of a subscriber, in a part of what is handed over: as many as a hub puts there. */
const KEPT_PER_PART = 500;
/** A process that is started again counts from 1 again: what it makes is named by its process too. */
let epochs = 0;

export class FakeHost implements ClusterHost {
  node!: ClusterNode;
  readonly devices = new Map<string, Device>();
  readonly subscribers = new Map<string, Subscriber>();
  readonly gateways = new Map<string, Connection>();
  readonly followers = new Map<string, Follower>();
  readonly #byRef = new Map<number, string>();
  readonly denied = new Set<string>();
  /** Subscribers that an operator has ended. */
  readonly ended = new Set<string>();
  readonly filters = new Set<string>();
  readonly phases: string[] = [];
  readonly pasts: { request: number; seqs: number[]; found?: boolean; more?: boolean }[] = [];
  duplicates = 0;
  draining = false;
  readonly name: string;
  readonly #say: (what: () => void) => void;
  readonly #historyEvents: number;
  #slots = 0;

  get asClusterHost(): ClusterHost {
    return this;
  }

  /** @param historyEvents kept per device, 0: history is off */
  constructor(name: string, historyEvents: number, say: (what: () => void) => void = (what) => what()) {
    this.name = name;
    this.#historyEvents = historyEvents;
    this.#say = say;
  }

  // What peers of the hub do.

  connectDevice(connection: Connection): void {
    const { id } = connection;
    const device = this.devices.get(id);
    if (device?.connection !== undefined) close(device.connection, CLOSE_REPLACED);
    if (device === undefined) this.#createDevice(id, '', connection);
    else device.connection = connection;
    this.#say(() => this.node.homes.connect(HomeKind.device, id));
  }

  disconnectDevice(connection: Connection): void {
    const device = this.devices.get(connection.id);
    if (device?.connection !== connection) return;
    device.connection = undefined;
    this.#say(() => this.node.homes.disconnect(HomeKind.device, connection.id));
  }

  publish(connection: Connection, payload: number): void {
    const device = this.devices.get(connection.id);
    if (connection.closed !== undefined || device?.connection !== connection) return;
    if (device.released) this.#number(device, payload);
    else device.held.push(payload);
  }

  connectSubscriber(connection: Connection): void {
    const { id } = connection;
    const known = this.subscribers.get(id);
    if (known?.connection !== undefined) close(known.connection, CLOSE_REPLACED);
    if (known === undefined) this.subscribers.set(id, { connection, kept: [], isHere: false });
    else known.connection = connection;
    this.#say(() => this.node.homes.connect(HomeKind.subscriber, id));
  }

  /** An operator ends the subscriber, whether it is here or not. @param number of its end on all nodes */
  endSubscriber(id: string, number: number): void {
    const known = this.subscribers.get(id);
    this.ended.add(id);
    if (known?.isHere === true) {
      this.subscribers.delete(id);
      if (known.connection !== undefined) close(known.connection, CLOSE_KICKED);
    }
    this.#say(() => {
      this.node.homes.endings.end(HomeKind.subscriber, id, number);
      if (known?.isHere === true) this.node.homes.forget(HomeKind.subscriber, id);
    });
  }

  disconnectSubscriber(connection: Connection): void {
    const known = this.subscribers.get(connection.id);
    if (known?.connection !== connection) return;
    known.connection = undefined;
    this.#say(() => this.node.homes.disconnect(HomeKind.subscriber, connection.id));
  }

  connectGateway(connection: Connection): void {
    const { id } = connection;
    const older = this.gateways.get(id);
    if (older !== undefined) close(older, CLOSE_REPLACED);
    this.gateways.set(id, connection);
    this.#say(() => this.node.homes.connect(HomeKind.gateway, id));
  }

  disconnectGateway({ id }: Connection): void {
    this.gateways.delete(id);
    this.#say(() => {
      this.node.homes.disconnect(HomeKind.gateway, id);
      this.node.homes.forget(HomeKind.gateway, id);
    });
  }

  follow(peer: number, id: string, request: FollowRequest): void;
  follow(id: string, level?: Level): void;
  follow(first: number | string, second?: string | Level, request?: FollowRequest): void {
    if (typeof first === 'number') {
      this.#peerFollows(first, second as string, request!);
      return;
    }
    const level = (second as Level | undefined) ?? Level.active;
    const follower = this.followers.get(first) ?? {
      level,
      isJoining: false,
      ref: 0,
      remote: undefined,
      got: [],
    };
    if (follower.level === Level.active && level !== Level.active) follower.got.push({ is: 'inactive' });
    if (follower.level !== Level.active && level === Level.active) follower.isJoining = true;
    follower.level = level;
    this.followers.set(first, follower);
    const device = this.devices.get(first);
    if (device?.epoch) follower.isJoining = false;
    if (device?.epoch)
      follower.got.push({ is: 'entry', epoch: device.epoch, seq: device.seq, node: this.name });
    else this.#want(first);
  }

  unfollow(peer: number, id: string): void;
  unfollow(id: string): void;
  unfollow(first: number | string, id?: string): void {
    if (typeof first === 'number') {
      this.devices.get(id!)?.peers.delete(first);
      return;
    }
    this.followers.delete(first);
    this.#say(() => this.node.follows.unwant(first));
  }

  got(id: string): readonly Got[] {
    return this.followers.get(id)?.got ?? [];
  }

  #want(id: string, since?: { epoch: string; seq: number }): void {
    const follower = this.followers.get(id);
    if (follower === undefined) return;
    const { level } = follower;
    this.#say(() => this.node.follows.want(id, level, since));
  }

  // Devices with another home.

  remote(ref: number, id: string, entry: HomeDevice, node: string): void {
    const follower = this.followers.get(id);
    if (follower === undefined || this.devices.get(id)?.epoch) return;
    follower.ref = ref;
    follower.remote = entry;
    follower.isJoining = false;
    this.#byRef.set(ref, id);
    follower.got.push({ is: 'entry', epoch: entry.epoch, seq: entry.seq, node });
  }

  event(ref: number, views: RecordViews, offset: number, bytes: number): boolean {
    const follower = this.#ofRef(ref);
    const seq = views.f64[(offset + EventField.seq) >> 3]!;
    if (follower === undefined) return true;
    const payload = payloadOf(views, offset, bytes);
    const type = views.u8[offset + EventField.type]!;
    if (isListening(follower)) follower.got.push({ is: 'event', seq, payload, type });
    return true;
  }

  gap(ref: number, from: number, to: number): void {
    const follower = this.#ofRef(ref);
    if (follower !== undefined && isListening(follower)) follower.got.push({ is: 'gap', from, to });
  }

  lost(ref: number): void {
    this.#ofRef(ref)?.got.push({ is: 'lost' });
  }

  caughtUp(): void {}

  gone(ref: number): void {
    this.#ofRef(ref)?.got.push({ is: 'gone' });
  }

  hasRoom(): boolean {
    return true;
  }

  settled(id: string, found: boolean): void {
    this.followers.get(id)?.got.push({ is: 'settled', found });
  }

  listed(_prefix: string, ids: readonly string[]): void {
    for (const id of ids) this.appeared(id);
  }

  appeared(id: string): void {
    if (!this.followers.has(id) && !this.denied.has(id)) this.follow(id);
  }

  // Nodes that follow devices of this one.

  peerJoined(): void {}

  peerLeft(peer: number): void {
    for (const { peers } of this.devices.values()) if (peers.has(peer)) peers.set(peer, Level.waiting);
  }

  #peerFollows(peer: number, id: string, { request, level, since, fromClaim }: FollowRequest): void {
    const device = this.devices.get(id);
    if (device === undefined) {
      this.#say(() => this.node.followers.unfollowed(peer, request, id, Unfollow.notHere));
      return;
    }
    device.peers.set(peer, level);
    const goesOn = since !== undefined && since.epoch === device.epoch && since.seq <= device.seq;
    const start = goesOn ? since.seq : fromClaim ? device.base : device.seq;
    const { slot, seq } = device;
    const entry = { ...entryOf(device), seq: start };
    const startState = entry.state;
    const missed = device.history.filter((kept) => kept.seq > start && kept.seq <= seq);
    this.#say(() => {
      this.node.followers.followed(peer, { request, id, slot, level, entry: { ...entry, startState } });
      for (const { seq: of, payload } of missed) {
        const [views, bytes] = eventOf(slot, of, payload);
        this.node.followers.replay(peer, slot, views, 0, bytes);
      }
      this.node.followers.upTo(peer, slot, seq);
    });
  }

  list(prefix: string, cursor: string): ListPage {
    const all = [...this.devices.keys()].filter((id) => id.startsWith(prefix) && id > cursor).sort();
    const ids = all.slice(0, 3);
    return { ids, cursor: all.length > 3 ? ids.at(-1)! : '' };
  }

  history(peer: number, request: number, id: string, { epoch, after, before, max }: HistoryQuery): void {
    const device = this.devices.get(id);
    const found = device !== undefined && (epoch === '' || epoch === device.epoch);
    const all = found ? device.history.filter(({ seq }) => seq > after && seq < before) : [];
    const page = all.slice(-max);
    this.#say(() => {
      for (const { seq, payload } of page) {
        const [views, bytes] = eventOf(device!.slot, seq, payload);
        this.node.past(peer, request, views, 0, bytes);
      }
      this.node.pastEnd(peer, request, found, page.length < all.length, device?.epoch ?? '');
    });
  }

  past(request: number, views: RecordViews, offset: number): void {
    this.#past(request).seqs.push(views.f64[(offset + EventField.seq) >> 3]!);
  }

  historyDone(request: number, found: boolean, more: boolean): void {
    Object.assign(this.#past(request), { found, more });
  }

  #past(request: number): FakeHost['pasts'][number] {
    let past = this.pasts.find((one) => one.request === request);
    if (past === undefined) {
      past = { request, seqs: [] };
      this.pasts.push(past);
    }
    return past;
  }

  // Homes.

  adopt(kind: HomeKind, id: string, parts: readonly Uint8Array[] | undefined, late: boolean): void {
    if (kind === HomeKind.subscriber) {
      this.#adoptSubscriber(id, parts);
      return;
    }
    if (kind === HomeKind.gateway) {
      if (!this.gateways.has(id)) this.#say(() => this.node.homes.forget(kind, id));
      return;
    }
    if (late) return;
    const device = this.devices.get(id) ?? this.#createDevice(id, '', undefined);
    const all = (parts ?? []).map((part) => Object(parse(part)) as Partial<Given & Held>);
    const given = all.find(({ epoch }) => epoch !== undefined);
    device.held.unshift(...all.flatMap(({ held = [] }) => held));
    device.epoch = given?.epoch ?? `${this.name}-${process.pid}-${++epochs}`;
    device.seq = given?.seq ?? 0;
    device.base = device.seq;
    device.history = given?.newest === undefined ? [] : [given.newest];
    const follower = this.followers.get(id);
    if (follower === undefined) return;
    this.#byRef.delete(follower.ref);
    follower.remote = undefined;
    follower.isJoining = false;
    follower.got.push({ is: 'entry', epoch: device.epoch, seq: device.seq, node: this.name });
  }

  release(kind: HomeKind, id: string): void {
    const device = kind === HomeKind.device ? this.devices.get(id) : undefined;
    if (device === undefined) return;
    device.released = true;
    for (const payload of device.held.splice(0)) this.#number(device, payload);
  }

  surrender(kind: HomeKind, id: string, reason: SurrenderReason): void {
    const code = reason === 'conflict' ? CLOSE_CONFLICT : CLOSE_REPLACED;
    if (kind === HomeKind.subscriber) {
      const known = this.subscribers.get(id);
      if (known === undefined && !this.ended.has(id))
        throw new Error(`${this.name}: no subscriber ${id} to surrender`);
      this.subscribers.delete(id);
      if (known?.connection !== undefined) close(known.connection, code);
      const parts: Uint8Array[] = [];
      for (let at = 0; known !== undefined && (at === 0 || at < known.kept.length); at += KEPT_PER_PART)
        parts.push(Buffer.from(JSON.stringify(known.kept.slice(at, at + KEPT_PER_PART))));
      this.#say(() => this.node.homes.surrendered(kind, id, parts, 0));
      return;
    }
    if (kind === HomeKind.gateway) {
      const connection = this.gateways.get(id);
      this.gateways.delete(id);
      if (connection !== undefined) close(connection, code);
      this.#say(() => this.node.homes.surrendered(kind, id, [], 0));
      return;
    }
    const device = this.devices.get(id);
    if (device === undefined) throw new Error(`${this.name}: no device ${id} to surrender`);
    const { epoch, seq, history, held } = device;
    this.#removeDevice(device, code);
    const given = { epoch, seq, newest: history.at(-1) } satisfies Given;
    const lost = held.length === 0 ? [] : [Buffer.from(JSON.stringify({ held } satisfies Held))];
    const parts = epoch === '' ? lost : [Buffer.from(JSON.stringify(given))];
    this.#want(id, epoch === '' ? undefined : { epoch, seq });
    this.#say(() => this.node.homes.surrendered(kind, id, parts, seq));
  }

  ping(kind: HomeKind, id: string): void {
    const peer = kind === HomeKind.device ? this.devices.get(id) : this.subscribers.get(id);
    const alive = kind === HomeKind.gateway || peer?.connection?.alive === true;
    if (alive) this.#say(() => this.node.homes.pinged(kind, id, true));
  }

  // Operators.

  readonly applied: OperatorChange[] = [];
  onApply: (changes: readonly OperatorChange[], revision: number) => void = () => {};

  apply(changes: readonly OperatorChange[], revision: number): void {
    this.applied.push(...changes);
    this.onApply(changes, revision);
  }

  /** What a call from another node does here. */
  onCall: (body: string) => void = () => {};

  call(name: string, body: Uint8Array): Promise<CallAnswer> {
    this.onCall(Buffer.from(body).toString());
    if (name === 'throw') return Promise.reject(new Error('a route that fails'));
    return Promise.resolve({ status: 200, body: Buffer.from(`${this.name} ${name} ${Buffer.from(body)}`) });
  }

  figures(): HostFigures {
    const connected = [...this.devices.values()].filter(({ connection }) => connection !== undefined);
    return {
      devices: connected.length,
      subscribers: this.subscribers.size,
      eventsPerSecond: 0,
      draining: this.draining,
    };
  }

  phase(phase: string): void {
    this.phases.push(phase);
  }

  duplicate(): void {
    this.duplicates += 1;
  }

  #createDevice(id: string, epoch: string, connection: Connection | undefined): Device {
    const device = {
      id,
      epoch,
      connection,
      slot: ++this.#slots,
      seq: 0,
      base: 0,
      released: false,
      held: [],
      history: [],
      peers: new Map<number, Level>(),
    };
    this.devices.set(id, device);
    return device;
  }

  #removeDevice(device: Device, code: number): void {
    this.devices.delete(device.id);
    if (device.connection !== undefined) close(device.connection, code);
  }

  #adoptSubscriber(id: string, parts: readonly Uint8Array[] | undefined): void {
    const known = this.subscribers.get(id) ?? { connection: undefined, kept: [], isHere: true };
    known.isHere = true;
    this.subscribers.set(id, known);
    for (const kept of (parts ?? []).map(parse)) if (Array.isArray(kept)) known.kept.push(...kept);
  }

  #ofRef(ref: number): Follower | undefined {
    return this.followers.get(this.#byRef.get(ref) ?? '');
  }

  /** Numbers an event where somebody listens, or history is on. */
  #number(device: Device, payload: number): void {
    const follower = this.followers.get(device.id);
    const listens =
      (follower?.level ?? Level.idle) >= Level.waiting ||
      [...device.peers.values()].some((level) => level >= Level.waiting);
    if (!listens && this.#historyEvents === 0) return;
    device.seq += 1;
    const { seq, slot } = device;
    if (this.#historyEvents > 0) {
      device.history.push({ seq, payload });
      if (device.history.length > this.#historyEvents) device.history.shift();
    }
    if (follower !== undefined && isListening(follower))
      follower.got.push({ is: 'event', seq, payload, type: EventType.message });
    const [views, bytes] = eventOf(slot, seq, payload);
    this.#say(() => this.node.followers.event(views, 0, bytes));
  }
}

interface Given {
  readonly epoch: string;
  readonly seq: number;
  readonly newest: Kept | undefined;
}

/** What a device sent before it was settled who numbers it. */
interface Held {
  readonly held: readonly number[];
}

function isListening({ level, isJoining }: Follower): boolean {
  return level === Level.active && !isJoining;
}

/** What another host handed over; a rogue hands over anything. @returns undefined if it is not JSON */
function parse(part: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(part).toString());
  } catch {
    return undefined;
  }
}

function close(connection: Connection, code: number): void {
  connection.closed ??= code;
}

function entryOf({ epoch, seq, connection }: Device): HomeDevice {
  const state = connection === undefined ? DeviceState.offline : DeviceState.online;
  return { epoch, seq, state, status: '', lastSeen: 1 };
}

/** An event record with a number as its payload. @returns its views and length */
export function eventOf(slot: number, seq: number, payload: number): [RecordViews, number] {
  const views = eventRecord({ seq, device: slot, payload: String(payload) });
  return [views, eventBytes(views, 0)];
}

export function payloadOf({ u8 }: RecordViews, offset: number, bytes: number): number {
  return Number(Buffer.from(u8.subarray(offset + EventField.body, offset + bytes)).toString());
}
