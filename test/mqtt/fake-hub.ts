/**
 * A hub in memory behind the MQTT sessions: devices, who follows them, what is kept of them, and sessions that wait for
 * their client. It decides a turn later, as an owner on another thread does. No limits and no rates: those are tested
 * where they are.
 */

import { matches } from '../../src/access/pattern.ts';
import { EventType } from '../../src/wire/events.ts';
import { DeviceTopics, encodeMqttEvent, kindOf, mqttEventBytesMax } from '../../src/wire/mqtt/events.ts';
import type { Follow, KeptSession, PublishedWill } from '../../src/wire/mqtt/host.ts';
import { Kind } from '../../src/wire/mqtt/templates.ts';
import type { TopicLayout } from '../../src/wire/mqtt/topics.ts';

export interface FakeHubSettings {
  readonly leaveGraceMs: number;
  readonly keptMsMax: number;
  readonly hasHistory: boolean;
}

/** An event, as the owner would write it. */
export interface HubEvent {
  readonly device: string;
  readonly type: number;
  readonly fromHub: boolean;
  readonly isAsPublished: boolean;
  readonly payloadIsJson: boolean;
  /** UTF-8. */
  readonly status: Uint8Array;
  readonly payload: Uint8Array;
}

/** Who gets events: a connection of a subscriber. */
export interface Follower {
  readonly id: string;
  deliver(event: HubEvent, isRetained: boolean): void;
  interestIs(active: boolean, isFirst: boolean): void;
}

interface Device {
  state: 'online' | 'offline';
  reason: string;
  /** What holds it online; undefined: none. */
  connection: object | undefined;
  kept: Map<number, HubEvent>;
  will: PublishedWill | undefined;
  timer: NodeJS.Timeout | undefined;
}

const EMPTY = new Uint8Array(0);

export class FakeHub {
  readonly layout: TopicLayout;
  readonly settings: FakeHubSettings;
  readonly #devices = new Map<string, Device>();
  /** By subscriber and by id or prefix: kinds. */
  readonly #follows = new Map<Follower, Map<string, number>>();
  readonly #watchers = new Map<Follower, boolean | undefined>();
  readonly #kept = new Map<string, { session: KeptSession; follows: Map<string, number>; untilMs: number }>();
  readonly #topics = new Map<string, DeviceTopics>();
  /** Pairs that an operator denied, as `device subscriber`. */
  readonly denied = new Set<string>();

  constructor(layout: TopicLayout, settings: FakeHubSettings) {
    this.layout = layout;
    this.settings = settings;
  }

  topicsOf(device: string): DeviceTopics {
    const made = this.#topics.get(device) ?? new DeviceTopics(device, this.layout);
    this.#topics.set(device, made);
    return made;
  }

  /** A device connects, or takes over. */
  connect(id: string, connection: object, will: PublishedWill | undefined): void {
    const device = this.#deviceOf(id);
    clearTimeout(device.timer);
    device.connection = connection;
    device.will = will;
    if (device.state !== 'online') this.#setState(id, device, 'online', 'connected');
  }

  /** A device's connection is over; one that was taken over is not asked. */
  disconnect(id: string, connection: object, isClean: boolean): void {
    const device = this.#devices.get(id);
    if (device?.connection !== connection) return;
    device.connection = undefined;
    const { will } = device;
    device.will = undefined;
    if (isClean) {
      this.#setState(id, device, 'offline', 'closed');
      return;
    }
    const afterMs = Math.min(this.settings.leaveGraceMs, will?.delayMs ?? Number.POSITIVE_INFINITY);
    device.timer = setTimeout(() => {
      if (will !== undefined) {
        const { type, payloadIsJson, payload } = will;
        const status = Buffer.from(will.status);
        this.publish({
          device: id,
          type,
          fromHub: false,
          isAsPublished: true,
          payloadIsJson,
          status,
          payload,
        });
      }
      this.#setState(id, device, 'offline', 'lost');
    }, afterMs);
  }

  publish(event: HubEvent): void {
    const kind = kindOf(event.type, event.fromHub);
    const device = this.#deviceOf(event.device);
    if (kind === Kind.message || kind === Kind.status) device.kept.set(kind, event);
    for (const [follower, follows] of this.#follows) {
      if ((this.#kindsOf(follower.id, follows, event.device) & kind) !== 0) follower.deliver(event, false);
    }
  }

  /** @returns an error for each follow; retained events come after */
  follow(follower: Follower, follows: readonly Follow[]): { errors: number[]; sendRetained: () => void } {
    const mine = this.#follows.get(follower) ?? new Map<string, number>();
    this.#follows.set(follower, mine);
    const errors = follows.map(({ name, kinds }) => {
      if (this.denied.has(`${name} ${follower.id}`)) return 103;
      mine.set(name, kinds);
      return 0;
    });
    this.#tellWatchers();
    const sendRetained = (): void => {
      const granted = follows.filter((_, index) => errors[index] === 0);
      for (const [id, device] of this.#devices) {
        let kinds = 0;
        for (const { name, retained } of granted) if (matches(name, id)) kinds |= retained;
        if (!this.denied.has(`${id} ${follower.id}`)) this.#sendRetained(follower, id, device, kinds);
      }
    };
    return { errors, sendRetained };
  }

  unfollow(follower: Follower, names: readonly string[]): void {
    for (const name of names) this.#follows.get(follower)?.delete(name);
    this.#tellWatchers();
  }

  watch(follower: Follower, wanted: boolean): void {
    if (wanted) this.#watchers.set(follower, undefined);
    else this.#watchers.delete(follower);
    this.#tellWatchers();
  }

  /** @returns what is kept under the id, with its follows, which are active again */
  takeKept(follower: Follower): KeptSession | undefined {
    const kept = this.#kept.get(follower.id);
    this.#kept.delete(follower.id);
    if (kept === undefined || kept.untilMs < performance.now()) return undefined;
    this.#follows.set(follower, kept.follows);
    this.#tellWatchers();
    return kept.session;
  }

  forget(id: string): void {
    this.#kept.delete(id);
  }

  /** A connection is over: its follows end or wait. */
  leave(follower: Follower, kept: KeptSession | undefined, keptMs: number): void {
    const follows = this.#follows.get(follower) ?? new Map<string, number>();
    this.#follows.delete(follower);
    this.#watchers.delete(follower);
    const untilMs = performance.now() + Math.min(keptMs, this.settings.keptMsMax);
    if (kept !== undefined) this.#kept.set(follower.id, { session: structuredClone(kept), follows, untilMs });
    this.#tellWatchers();
  }

  stop(): void {
    for (const { timer } of this.#devices.values()) clearTimeout(timer);
  }

  #kindsOf(subscriber: string, follows: ReadonlyMap<string, number>, device: string): number {
    if (this.denied.has(`${device} ${subscriber}`)) return 0;
    let all = 0;
    for (const [name, kinds] of follows) if (matches(name, device)) all |= kinds;
    return all;
  }

  #sendRetained(follower: Follower, id: string, device: Device, kinds: number): void {
    for (const kind of [Kind.message, Kind.status]) {
      const event = device.kept.get(kind);
      if ((kinds & kind) !== 0 && event !== undefined && this.settings.hasHistory)
        follower.deliver(event, true);
    }
    if ((kinds & Kind.presence) !== 0) follower.deliver(this.#presence(id, device), true);
  }

  #deviceOf(id: string): Device {
    const known = this.#devices.get(id);
    if (known !== undefined) return known;
    const made: Device = {
      state: 'offline',
      reason: '',
      connection: undefined,
      kept: new Map(),
      will: undefined,
      timer: undefined,
    };
    this.#devices.set(id, made);
    return made;
  }

  #setState(id: string, device: Device, state: Device['state'], reason: string): void {
    device.state = state;
    device.reason = reason;
    this.publish(this.#presence(id, device));
  }

  #presence(id: string, { state, reason }: Device): HubEvent {
    const payload = Buffer.from(JSON.stringify({ state, reason }));
    const { status: type } = EventType;
    return {
      device: id,
      type,
      fromHub: true,
      isAsPublished: false,
      payloadIsJson: true,
      status: EMPTY,
      payload,
    };
  }

  #tellWatchers(): void {
    for (const [watcher, told] of this.#watchers) {
      const active = [...this.#follows].some(
        ([follower, follows]) => this.#kindsOf(follower.id, follows, watcher.id) !== 0,
      );
      if (active === told) continue;
      this.#watchers.set(watcher, active);
      watcher.interestIs(active, told === undefined);
    }
  }
}

/** The event as a PUBLISH. */
export function packetOf(
  topics: DeviceTopics,
  event: HubEvent,
  isRetained: boolean,
  version: 4 | 5,
): Uint8Array {
  const topic = topics.of(kindOf(event.type, event.fromHub));
  const source = Buffer.concat([event.status, event.payload]);
  const out = new Uint8Array(mqttEventBytesMax(topic.length, event.status.length, event.payload.length));
  const head = { ...event, isRetained };
  const end = encodeMqttEvent(out, 0, topic, version, head, source, 0, event.status.length, source.length);
  return out.subarray(0, end);
}
