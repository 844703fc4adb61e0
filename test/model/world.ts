/**
 * The hub as the contract describes it, with maps and without threads or time: devices, subscribers, the pairs between
 * them, and what each connected subscriber is to be told. Pure. It shares nothing with the hub's own rules, or it could
 * not find them wrong. What commands do to it is in the files beside this one, by subject.
 */

export type EventType = 'message' | 'status' | 'pong';
export const ALL_TYPES: readonly EventType[] = ['message', 'status', 'pong'];

/** How the hub under test is set up. */
export interface Terms {
  readonly history: boolean;
  /** Events that are kept of a device. */
  readonly historyEvents: number;
  readonly defaultAccess: Access;
  /** What tokens say of a subscriber; none: no authentication. */
  readonly claims: Readonly<Record<string, Claims>> | undefined;
  /** Whether timers are short: what is to expire is waited for at once. Otherwise nothing expires. */
  readonly timers: boolean;
}

export interface Claims {
  readonly devices?: readonly string[];
  readonly vip?: boolean;
}

export type Access = 'allow' | 'deny';
export type PairState = 'allow' | 'active' | 'paused' | 'disconnected' | 'deny';

export interface Rule {
  readonly device: string;
  readonly subscriber: string;
  readonly access: Access;
}

export interface Sent {
  readonly seq: number;
  readonly type: EventType;
  readonly source: 'device' | 'hub';
  /** A number of its own for what a peer published, the state for what the hub says of a device. */
  readonly content: number | string;
}

export interface Device {
  readonly id: string;
  connected: boolean;
  state: 'online' | 'offline';
  /** Whether it has ever connected, or an operator published for it. */
  known: boolean;
  seq: number;
  /** Another number whenever its numbering starts anew. */
  readonly epoch: number;
  status: string | null;
  /** All events that took a number. */
  readonly sent: Sent[];
}

export interface Filter {
  readonly prefix: string;
  state: 'active' | 'paused' | 'disconnected';
  types: readonly EventType[];
}

export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

export interface Subscriber {
  readonly id: string;
  connected: boolean;
  /** What an operator set; undefined: it may have been forgotten with the subscriber. */
  vip: boolean | undefined;
  readonly filters: Map<string, Filter>;
  /** Where its client stands with each device. */
  readonly positions: Map<string, Position>;
}

export interface Pair {
  readonly device: string;
  readonly subscriber: string;
  state: PairState;
  /** An operator has allowed it. */
  granted: boolean;
  /** Types of the subscription by id; undefined: only filters follow, or nothing does. */
  own: readonly EventType[] | undefined;
  /** Of a denied pair: what its subscription by id had asked for. */
  asked?: readonly EventType[] | undefined;
}

/** What a subscriber is told of a device. */
export type Told = { readonly device: string; readonly optional?: boolean } & (
  | {
      readonly kind: 'entry';
      /** The filter of the page, or the answer to a request. */
      readonly via: string;
      readonly status: 'active' | 'inactive';
      readonly state: string;
      readonly seq: number;
      readonly deviceStatus: string | null;
      readonly epoch: number;
      /** Absent: no position was given. `either`: the contract does not say. */
      readonly recovered?: boolean | 'either';
    }
  | ({ readonly kind: 'event'; readonly replay: boolean } & Sent)
  | { readonly kind: 'missing'; readonly seqs: readonly number[] }
  | { readonly kind: 'removed'; readonly code: number }
  | { readonly kind: 'status'; readonly status: 'active' | 'inactive' }
);

export const ANSWER = 'the answer';

export class World {
  readonly terms: Terms;
  readonly devices = new Map<string, Device>();
  readonly subscribers = new Map<string, Subscriber>();
  readonly #pairs = new Map<string, Pair>();
  rules: readonly Rule[] = [];
  #epochs = 0;
  /** Numberings that entries have told of: operators can subscribe somebody who is told of none. */
  readonly toldEpochs = new Set<number>();
  #told = new Map<string, Told[]>();

  constructor(terms: Terms) {
    this.terms = terms;
  }

  pair(device: string, subscriber: string): Pair | undefined {
    return this.#pairs.get(`${device} ${subscriber}`);
  }

  pairsOf(end: { readonly device?: string; readonly subscriber?: string }): Pair[] {
    return [...this.#pairs.values()].filter(
      ({ device, subscriber }) =>
        (end.device ?? device) === device && (end.subscriber ?? subscriber) === subscriber,
    );
  }

  ensurePair(device: string, subscriber: string, state: PairState): Pair {
    const found = this.pair(device, subscriber);
    const pair = found ?? { device, subscriber, state, granted: false, own: undefined };
    pair.state = state;
    this.#pairs.set(`${device} ${subscriber}`, pair);
    return pair;
  }

  forget({ device, subscriber }: Pair): void {
    this.#pairs.delete(`${device} ${subscriber}`);
  }

  /** The subscription ends; an operator's grant stays where nothing else lets the subscriber in. */
  end(pair: Pair): void {
    pair.own = undefined;
    const isDenied =
      this.terms.defaultAccess === 'deny' || this.decide(pair.device, pair.subscriber) === 'deny';
    if (pair.granted && isDenied) pair.state = 'allow';
    else this.forget(pair);
  }

  device(id: string): Device {
    const found = this.devices.get(id);
    if (found !== undefined) return found;
    this.#epochs += 1;
    const device: Device = {
      id,
      connected: false,
      state: 'offline',
      known: false,
      seq: 0,
      epoch: this.#epochs,
      status: null,
      sent: [],
    };
    this.devices.set(id, device);
    return device;
  }

  subscriber(id: string): Subscriber {
    const found = this.subscribers.get(id);
    if (found !== undefined) return found;
    const subscriber: Subscriber = {
      id,
      connected: false,
      vip: false,
      filters: new Map(),
      positions: new Map(),
    };
    this.subscribers.set(id, subscriber);
    return subscriber;
  }

  isConnected(subscriber: string): boolean {
    return this.subscribers.get(subscriber)?.connected === true;
  }

  // Who may follow what

  /** What rules and default access say of the pair, whatever an operator set it to. */
  decide(device: string, subscriber: string, rules = this.rules): Access {
    const rule = rules.find((one) => fits(one.device, device) && fits(one.subscriber, subscriber));
    return rule?.access ?? this.terms.defaultAccess;
  }

  covers(subscriber: string, device: string): boolean {
    const patterns = this.terms.claims?.[subscriber]?.devices;
    return patterns === undefined || patterns.some((pattern) => fits(pattern, device));
  }

  /** Whether the token allows any id that the filter could match. */
  coversSomeOf(subscriber: string, filter: string): boolean {
    const patterns = this.terms.claims?.[subscriber]?.devices;
    const prefix = filter.slice(0, -1);
    return (
      patterns === undefined ||
      patterns.some((pattern) =>
        pattern.endsWith('*')
          ? pattern.startsWith(prefix) || prefix.startsWith(pattern.slice(0, -1))
          : pattern.startsWith(prefix),
      )
    );
  }

  mayFollow(device: string, subscriber: string): boolean {
    const pair = this.pair(device, subscriber);
    if (pair?.state === 'deny' || !this.covers(subscriber, device)) return false;
    return pair?.granted === true || this.decide(device, subscriber) === 'allow';
  }

  /** The subscriber's filters that match. */
  filtersOn(device: string, subscriber: string): [name: string, filter: Filter][] {
    const all = [...(this.subscribers.get(subscriber)?.filters ?? [])];
    return all.filter(([, { prefix }]) => device.startsWith(prefix));
  }

  /** Types that the pair delivers: the union of the ways in which the device is followed, those left out that rest. */
  typesOf({ device, subscriber, own = [] }: Pair): readonly EventType[] {
    const filtered = this.devices.get(device)?.known === true ? this.filtersOn(device, subscriber) : [];
    return this.#unionOf(own, subscriber, filtered);
  }

  /** Whether the filter is paused, or held by its connected subscriber. */
  isResting(subscriber: string, { state }: Filter): boolean {
    return state === 'paused' || (state === 'disconnected' && this.isConnected(subscriber));
  }

  /** What a pair that an operator makes a subscription delivers: what was asked for before, or all. */
  askedOf(device: string, subscriber: string): readonly EventType[] {
    const pair = this.pair(device, subscriber);
    const own = (pair?.state === 'deny' ? pair.asked : undefined) ?? [];
    const types = this.#unionOf(own, subscriber, this.filtersOn(device, subscriber));
    return types.length > 0 ? types : ALL_TYPES;
  }

  #unionOf(
    own: readonly EventType[],
    subscriber: string,
    filtered: [name: string, filter: Filter][],
  ): readonly EventType[] {
    const awake = filtered.filter(([, filter]) => !this.isResting(subscriber, filter));
    const counting = own.length + awake.length > 0 ? awake : filtered;
    const wanted = [...own, ...counting.flatMap(([, { types }]) => types)];
    return ALL_TYPES.filter((type) => wanted.includes(type));
  }

  // Events

  /** @returns the device's number now, and whether nobody listens */
  publish(device: Device, event: Omit<Sent, 'seq'>): { seq: number; skipped: boolean } {
    const pairs = this.pairsOf({ device: device.id });
    const listeners = pairs.filter(({ state }) => state === 'active');
    const skipped = listeners.length === 0;
    const isMissed = pairs.some(({ state }) => state === 'disconnected');
    const { history } = this.terms;
    const isNumbered = !skipped || (history ? event.type !== 'pong' : isMissed);
    if (isNumbered) {
      device.seq += 1;
      const sent = { ...event, seq: device.seq };
      device.sent.push(sent);
      for (const pair of listeners) {
        if (this.typesOf(pair).includes(event.type)) this.tellEvent(pair, sent, false);
      }
    }
    return { seq: device.seq, skipped };
  }

  /** The device's state changes, which is an event too. */
  becomes(device: Device, state: 'online' | 'offline'): void {
    if (device.state === state) return;
    device.state = state;
    this.publish(device, { type: 'status', source: 'hub', content: state });
  }

  // What subscribers are told

  tell(subscriber: string, told: Told): void {
    if (!this.isConnected(subscriber)) return;
    const all = this.#told.get(subscriber) ?? [];
    this.#told.set(subscriber, [...all, told]);
  }

  /** @param more of a replay that the contract leaves open */
  tellEvent(
    { device, subscriber }: Pair,
    sent: Sent,
    replay: boolean,
    more: { readonly optional?: boolean } = {},
  ): void {
    const { epoch } = this.device(device);
    this.subscriber(subscriber).positions.set(device, { epoch, seq: sent.seq });
    this.tell(subscriber, { kind: 'event', device, replay, ...sent, ...more });
  }

  tellEntry(
    pair: Pair,
    via: string,
    more: { readonly recovered?: boolean | 'either'; readonly optional?: boolean } = {},
  ): void {
    const { state, seq, status, epoch } = this.device(pair.device);
    const isActive = pair.state === 'active';
    if (more.optional !== true && this.isConnected(pair.subscriber)) this.toldEpochs.add(epoch);
    if (more.optional !== true && isActive)
      this.subscriber(pair.subscriber).positions.set(pair.device, { epoch, seq });
    this.tell(pair.subscriber, {
      kind: 'entry',
      device: pair.device,
      via,
      status: isActive ? 'active' : 'inactive',
      state,
      seq,
      deviceStatus: status,
      epoch,
      ...more,
    });
  }

  /** @returns what each subscriber was told since this was asked */
  takeTold(): Map<string, Told[]> {
    const told = this.#told;
    this.#told = new Map();
    return told;
  }

  /** A connection is over: nobody reads what it was told. */
  hush(subscriber: string): void {
    this.#told.delete(subscriber);
  }
}

/** Whether a pattern (an id, a prefix and `*`, or `*`) matches the id. */
export function fits(pattern: string, id: string): boolean {
  return pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : pattern === id;
}

/** Whether the subscriber has a subscription here: one that operators merely allowed or denied is none. */
export function isSubscription({ state }: Pair): boolean {
  return state === 'active' || state === 'paused' || state === 'disconnected';
}
