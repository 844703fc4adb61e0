/**
 * The hub as the docs describe it, with maps and without threads: who is connected, each pair's state, each device's
 * count. Pure. It shares nothing with the hub's own rules, or it could not find them wrong.
 */

export type PairState = 'allow' | 'active' | 'paused' | 'disconnected' | 'deny';

export type Command =
  | { readonly do: 'connectDevice' | 'leaveDevice' | 'publish' | 'terminate'; readonly device: string }
  | { readonly do: 'connect' | 'drop' | 'kick'; readonly subscriber: string }
  | {
      readonly do:
        | 'subscribe'
        | 'unsubscribe'
        | 'pause'
        | 'resume'
        | 'allow'
        | 'activate'
        | 'hold'
        | 'deny'
        | 'remove';
      readonly device: string;
      readonly subscriber: string;
    };

/** What comes of a command. */
export interface Outcome {
  /** publish: its seq, and who gets it; none when nobody listens. */
  readonly seq?: number;
  readonly skipped?: boolean;
  readonly receivers?: readonly string[];
  /** connect: devices whose subscriptions are active again. */
  readonly resumed?: readonly string[];
  /** A subscriber's request: whether it is refused, and with what code. */
  readonly refused?: number;
  /** kick, and terminate: whether a connection is closed. */
  readonly closes?: boolean;
}

const DENIED = 103;
const UNKNOWN_DEVICE = 120;

interface Sub {
  connected: boolean;
  /** Since when it is gone, ms; it expires in time. */
  goneAtMs: number;
}

export class Model {
  readonly devices = new Map<string, { connected: boolean; seq: number }>();
  readonly subscribers = new Map<string, Sub>();
  readonly #pairs = new Map<string, PairState>();
  /** Pairs that an operator allowed, whatever became of them since. */
  readonly #allowed = new Set<string>();

  pair(device: string, subscriber: string): PairState | undefined {
    return this.#pairs.get(`${device} ${subscriber}`);
  }

  /** Every pair of the device. */
  pairsOf(device: string): Map<string, PairState> {
    const all = [...this.#pairs].map(
      ([key, state]) => [...key.split(' '), state] as [string, string, PairState],
    );
    return new Map(all.filter(([of]) => of === device).map(([, subscriber, state]) => [subscriber, state]));
  }

  /** Whether the command makes sense now: a peer that is not connected asks for nothing. */
  allows(command: Command): boolean {
    switch (command.do) {
      case 'connectDevice':
        return this.devices.get(command.device)?.connected !== true;
      case 'leaveDevice':
      case 'publish':
        return this.devices.get(command.device)?.connected === true;
      case 'terminate':
        return this.devices.has(command.device);
      case 'connect':
        return !this.#isConnected(command.subscriber);
      case 'drop':
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return this.#isConnected(command.subscriber);
      case 'kick':
        return this.subscribers.has(command.subscriber);
      case 'remove':
        return this.pair(command.device, command.subscriber) !== undefined;
      default:
        return true;
    }
  }

  apply(command: Command, nowMs: number): Outcome {
    switch (command.do) {
      case 'connectDevice':
        return this.#broadcastState(this.#device(command.device), command.device, true);
      case 'leaveDevice':
        return this.#broadcastState(this.#device(command.device), command.device, false);
      case 'publish': {
        const receivers = this.#receivers(command.device);
        const device = this.#device(command.device);
        const skipped = receivers.length === 0;
        if (!skipped || this.#isMissed(command.device)) device.seq += 1;
        return { seq: device.seq, skipped, receivers };
      }
      case 'terminate': {
        const closes = this.#device(command.device).connected;
        for (const subscriber of this.pairsOf(command.device).keys())
          this.#set(command.device, subscriber, undefined);
        this.devices.delete(command.device);
        this.#forgetIdle();
        return { closes };
      }
      case 'connect': {
        const { subscriber } = command;
        this.subscribers.set(subscriber, { connected: true, goneAtMs: 0 });
        const resumed = this.#change(subscriber, 'disconnected', 'active');
        return { resumed };
      }
      case 'drop':
        this.subscribers.set(command.subscriber, { connected: false, goneAtMs: nowMs });
        this.#change(command.subscriber, 'active', 'disconnected');
        this.#forgetIdle();
        return {};
      case 'kick': {
        const closes = this.#isConnected(command.subscriber);
        for (const device of this.devices.keys()) this.#afterKick(device, command.subscriber);
        this.subscribers.set(command.subscriber, { connected: false, goneAtMs: 0 });
        this.#forgetIdle();
        return { closes };
      }
      default:
        return this.#pairCommand(command, nowMs);
    }
  }

  /** Subscribers that are gone for so long lose their subscriptions. */
  expire(subscriber: string): void {
    for (const device of this.devices.keys()) {
      const state = this.pair(device, subscriber);
      if (state === 'disconnected' || state === 'paused') this.#set(device, subscriber, undefined);
    }
    this.#forgetIdle();
  }

  #pairCommand(command: Extract<Command, { subscriber: string; device: string }>, nowMs: number): Outcome {
    const { device, subscriber } = command;
    const state = this.pair(device, subscriber);
    const isSubscribed = state === 'active' || state === 'paused' || state === 'disconnected';
    const isDenied = state === 'deny';
    switch (command.do) {
      case 'subscribe':
        if (isDenied) return { refused: DENIED };
        this.#device(device);
        this.#set(device, subscriber, 'active');
        return {};
      case 'unsubscribe':
        if (!isSubscribed) return { refused: isDenied ? DENIED : UNKNOWN_DEVICE };
        this.#set(device, subscriber, undefined);
        return {};
      case 'pause':
        if (!isSubscribed) return { refused: isDenied ? DENIED : UNKNOWN_DEVICE };
        this.#set(device, subscriber, 'paused');
        return {};
      case 'resume':
        if (!isSubscribed) return { refused: isDenied ? DENIED : UNKNOWN_DEVICE };
        this.#set(device, subscriber, 'active');
        return {};
      case 'remove':
        this.#set(device, subscriber, undefined);
        this.#forgetIdle();
        return {};
      default:
        this.#device(device);
        if (!this.subscribers.has(subscriber))
          this.subscribers.set(subscriber, { connected: false, goneAtMs: 0 });
        this.#set(device, subscriber, this.#afterOperator(command.do, state, subscriber));
        if (command.do === 'allow') this.#allowed.add(`${device} ${subscriber}`);
        this.#startWaiting(device, subscriber, nowMs);
        return {};
    }
  }

  /** A subscription that an operator makes for somebody who is away waits for him like any. */
  #startWaiting(device: string, subscriber: string, nowMs: number): void {
    const sub = this.subscribers.get(subscriber)!;
    const state = this.pair(device, subscriber);
    if (sub.connected || sub.goneAtMs !== 0) return;
    if (state === 'disconnected' || state === 'paused') sub.goneAtMs = nowMs;
  }

  #afterOperator(
    what: 'allow' | 'activate' | 'hold' | 'deny',
    state: PairState | undefined,
    subscriber: string,
  ): PairState {
    if (what === 'deny') return 'deny';
    if (what === 'hold') return 'paused';
    if (what === 'activate') return this.#isConnected(subscriber) ? 'active' : 'disconnected';
    return state === 'active' || state === 'paused' || state === 'disconnected' ? state : 'allow';
  }

  /** What operators set stays: denials, and what they allowed. */
  #afterKick(device: string, subscriber: string): void {
    const state = this.pair(device, subscriber);
    if (state === undefined || state === 'deny' || state === 'allow') return;
    this.#set(device, subscriber, this.#allowed.has(`${device} ${subscriber}`) ? 'allow' : undefined);
  }

  /** A change of state is an event too, for whoever listens. */
  #broadcastState(device: { connected: boolean; seq: number }, id: string, connected: boolean): Outcome {
    device.connected = connected;
    const receivers = this.#receivers(id);
    if (receivers.length > 0 || this.#isMissed(id)) device.seq += 1;
    return { receivers };
  }

  /** Whether a subscriber that may come back is to see that an event is missing. */
  #isMissed(device: string): boolean {
    return [...this.pairsOf(device).values()].includes('disconnected');
  }

  #receivers(device: string): string[] {
    return [...this.pairsOf(device)]
      .filter(([, state]) => state === 'active')
      .map(([subscriber]) => subscriber);
  }

  #change(subscriber: string, from: PairState, to: PairState): string[] {
    const changed = [...this.devices.keys()].filter((device) => this.pair(device, subscriber) === from);
    for (const device of changed) this.#set(device, subscriber, to);
    return changed.sort();
  }

  #isConnected(subscriber: string): boolean {
    return this.subscribers.get(subscriber)?.connected === true;
  }

  #device(id: string): { connected: boolean; seq: number } {
    const device = this.devices.get(id) ?? { connected: false, seq: 0 };
    this.devices.set(id, device);
    return device;
  }

  #set(device: string, subscriber: string, state: PairState | undefined): void {
    const pair = `${device} ${subscriber}`;
    if (state === 'allow') this.#allowed.add(pair);
    if (state === undefined || state === 'deny') this.#allowed.delete(pair);
    if (state === undefined) this.#pairs.delete(pair);
    else this.#pairs.set(pair, state);
  }

  /** Who is gone and has no pair any more is nobody. */
  #forgetIdle(): void {
    for (const [subscriber, { connected }] of this.subscribers) {
      const hasPairs = [...this.devices.keys()].some((device) => this.pair(device, subscriber) !== undefined);
      if (!connected && !hasPairs) this.subscribers.delete(subscriber);
    }
  }
}
