/** The model: which commands make sense now, and what each does to the world. */
import type { Command, Outcome } from './commands.ts';
import { ask, pauseAll, resumeAll } from './follows.ts';
import { publishFor, setRow, setRules, setVip, terminate } from './operators.ts';
import {
  connect,
  connectDevice,
  disconnect,
  kick,
  leaveDevice,
  loseDevice,
  purgeDevices,
  purgeSubscribers,
  recover,
} from './peers.ts';
import { type Terms, World } from './world.ts';

export class Model {
<<<<<<< HEAD
  readonly world: World;
=======
  readonly devices = new Map<string, { connected: boolean; seq: number }>();
  readonly subscribers = new Map<string, Sub>();
  readonly #pairs = new Map<string, PairState>();
  /** Pairs that an operator allowed, whatever became of them since. */
  readonly #allowed = new Set<string>();
>>>>>>> int

  constructor(terms: Terms) {
    this.world = new World(terms);
  }

  /** Whether the command makes sense now: a peer that is not connected asks for nothing. */
  allows(command: Command): boolean {
    const { world } = this;
    switch (command.do) {
      case 'leaveDevice':
      case 'loseDevice':
      case 'publish':
        return world.devices.get(command.device)?.connected === true;
      case 'terminate':
      case 'operatorPublishes':
        return world.devices.has(command.device);
      case 'recover':
        return !world.isConnected(command.subscriber) && !world.terms.timers;
      case 'drop':
      case 'pauseAll':
      case 'resumeAll':
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return world.isConnected(command.subscriber);
      case 'kick':
        return world.isConnected(command.subscriber) || world.pairsOf(command).length > 0;
      case 'remove':
      case 'vip':
        return world.pair(command.device, command.subscriber) !== undefined;
      case 'activate':
      case 'hold':
        return world.covers(command.subscriber, command.device);
      default:
        return true;
    }
  }

  apply(command: Command): Outcome {
    const outcome = this.#apply(command);
    purgeSubscribers(this.world);
    purgeDevices(this.world);
    return { ...outcome, told: this.world.takeTold() };
  }

  #apply(command: Command): Outcome {
    const { world } = this;
    switch (command.do) {
      case 'connectDevice':
        return connectDevice(world, command.device);
      case 'leaveDevice':
        return leaveDevice(world, command.device);
      case 'loseDevice':
        return loseDevice(world, command.device);
      case 'publish': {
        const { device: id, type, content } = command;
        const device = world.device(id);
        if (type === 'status') device.status = `s-${content}`;
        return world.publish(device, { type, source: 'device', content });
      }
      case 'operatorPublishes':
        return publishFor(world, command.device, command.content);
      case 'terminate':
        return terminate(world, command.device);
      case 'connect':
        return connect(world, command.subscriber, false);
      case 'recover':
        return recover(world, command.subscriber);
      case 'drop':
<<<<<<< HEAD
        return disconnect(world, command.subscriber);
      case 'kick':
        return kick(world, command.subscriber);
      case 'pauseAll':
        return pauseAll(world, command.subscriber);
      case 'resumeAll':
        return resumeAll(world, command.subscriber);
=======
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
>>>>>>> int
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return ask(world, command.subscriber, command.do, command.names, command);
      case 'vip':
        return setVip(world, command.subscriber, command.vip);
      case 'rules':
        return setRules(world, command.rules);
      default:
<<<<<<< HEAD
        setRow(world, command.do, command.device, command.subscriber);
        return {};
    }
  }
=======
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
>>>>>>> int
}
