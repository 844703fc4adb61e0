/** One MQTT connection of the fake hub: the session's host, and the transport's handlers. */
import { randomUUID } from 'node:crypto';
import { authorize } from '../../src/access/actor.ts';
import { matches } from '../../src/access/pattern.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { systemClock } from '../../src/clock.ts';
import { closes } from '../../src/codes.ts';
import type {
  Connection,
  ListenerHandlers,
  UpgradeAnswer,
  UpgradeRequest,
} from '../../src/transport/transport.ts';
import { kindOf } from '../../src/wire/mqtt/events.ts';
import {
  type Admission,
  type AdmitRequest,
  type Follow,
  type Joined,
  type JoinRequest,
  type Leave,
  type MqttHost,
  Outcome,
  type PublishedEvent,
} from '../../src/wire/mqtt/host.ts';
import { type MqttContext, MqttSession } from '../../src/wire/mqtt/session.ts';
import { type FakeHub, type Follower, type HubEvent, packetOf } from './fake-hub.ts';

/** What a token says; the test that made it and the hub share them. */
export interface Claims {
  readonly sub: string;
  readonly role: 'device' | 'subscriber' | 'gateway';
  readonly devices?: readonly string[];
}

/** What the connections of one hub share. */
export interface Shared {
  readonly hub: FakeHub;
  readonly context: MqttContext;
  /** By token; undefined: no authentication. */
  readonly tokens: Map<string, Claims> | undefined;
  readonly byClientId: Map<string, FakeConnection>;
  readonly all: Set<FakeConnection>;
}

export class FakeConnection implements MqttHost, Follower {
  readonly listener: MqttHost['listener'];
  readonly session: MqttSession;
  readonly #shared: Shared;
  #socket: Connection<FakeConnection> | undefined;
  #claims: Claims | undefined;
  #isDevice = false;
  #isOneByOne = false;
  /** Who waits for this one's `leave`. */
  #whenLeft: (() => void) | undefined;
  id = '';

  constructor(listener: MqttHost['listener'], shared: Shared) {
    this.listener = listener;
    this.#shared = shared;
    this.session = new MqttSession(this, shared.context);
  }

  opened(socket: Connection<FakeConnection>): void {
    this.#socket = socket;
    this.#shared.all.add(this);
  }

  closed(): void {
    this.#shared.all.delete(this);
    this.session.closed();
  }

  write(bytes: Uint8Array): void {
    this.#socket?.send(bytes, true);
  }

  end(code: number, reason: string): void {
    this.#socket?.close(code, reason.slice(0, 100));
  }

  admit({ clientId, token }: AdmitRequest, answer: (admission: Admission) => void): void {
    setImmediate(() => answer(this.#admission(clientId, token)));
  }

  #admission(clientId: string, token: string): Admission {
    const { tokens } = this.#shared;
    if (tokens === undefined) {
      return { ok: true, id: clientId === '' ? `s-${randomUUID()}` : clientId, role: undefined };
    }
    this.#claims = tokens.get(token);
    if (this.#claims === undefined) return { ok: false, refusal: 'badToken', message: 'a wrong token' };
    const { sub, role } = this.#claims;
    if (clientId !== '' && clientId !== sub) {
      return { ok: false, refusal: 'notAllowed', message: "the client id is not the token's sub" };
    }
    return { ok: true, id: sub, role };
  }

  join(request: JoinRequest, answer: (joined: Joined) => void): void {
    const { hub, byClientId } = this.#shared;
    this.id = request.id;
    const finish = (): void => {
      byClientId.set(request.id, this);
      if (request.cleanStart) hub.forget(request.id);
      const kept = hub.takeKept(this);
      if (request.asDevice) this.#connect(request.will);
      answer({ ok: true, kept });
    };
    const older = byClientId.get(request.id);
    if (older === undefined) {
      setImmediate(finish);
    } else {
      older.#whenLeft = finish;
      older.session.close(closes.replaced.code, closes.replaced.reason);
    }
  }

  becomeDevice(): void {
    this.#connect(undefined);
  }

  becomeSubscriber(): void {}

  deliverOneByOne(): void {
    this.#isOneByOne = true;
  }

  coversDevice(device: string): boolean {
    return this.#claims?.devices?.some((pattern) => matches(pattern, device)) ?? false;
  }

  publish(event: PublishedEvent): number {
    const { device, type, payloadIsJson, packetId } = event;
    const payload = event.bytes.slice(event.payloadStart, event.payloadEnd);
    const status = Buffer.from(event.status);
    const { hub } = this.#shared;
    if (!this.#isDevice) hub.connect(device, this, undefined); // a gateway's
    setImmediate(() => {
      hub.publish({ device, type, fromHub: false, isAsPublished: true, payloadIsJson, status, payload });
      if (packetId !== 0) this.session.published(packetId, 0, false);
    });
    return Outcome.later;
  }

  subscribe(follows: readonly Follow[], answer: (errors: readonly number[]) => void): void {
    setImmediate(() => {
      if (this.session.hasEnded) return;
      const allowed = follows.map(({ name }) => this.#mayFollow(name));
      const { errors, sendRetained } = this.#shared.hub.follow(
        this,
        follows.filter((_, index) => allowed[index]),
      );
      const found = [...errors];
      answer(allowed.map((isAllowed) => (isAllowed ? (found.shift() ?? 0) : 103)));
      sendRetained();
    });
  }

  unsubscribe(names: readonly string[], answer: () => void): void {
    setImmediate(() => {
      this.#shared.hub.unfollow(this, names);
      answer();
    });
  }

  watchInterest(wanted: boolean): void {
    setImmediate(() => this.#shared.hub.watch(this, wanted));
  }

  charge(): boolean {
    return true;
  }

  count(): void {}

  leave({ isClean, kept, keptMs }: Leave): void {
    const { hub, byClientId } = this.#shared;
    if (byClientId.get(this.id) === this) byClientId.delete(this.id);
    hub.leave(this, kept, keptMs);
    const whenLeft = this.#whenLeft;
    // A device that is taken over never was away.
    if (whenLeft !== undefined) setImmediate(whenLeft);
    if (this.#isDevice) setImmediate(() => hub.disconnect(this.id, this, isClean));
  }

  deliver(event: HubEvent, isRetained: boolean): void {
    if (!this.session.isOpen) return;
    const topics = this.#shared.hub.topicsOf(event.device);
    const kind = kindOf(event.type, event.fromHub);
    const { version } = this.session.client;
    const packet = packetOf(topics, event, isRetained, version);
    const adapted = this.#isOneByOne
      ? this.session.adapt(packet, topics.of(kind).length, event.device, kind)
      : packet;
    if (adapted !== undefined) this.write(adapted);
  }

  interestIs(active: boolean, isFirst: boolean): void {
    this.session.interestIs(active, isFirst);
  }

  #connect(will: JoinRequest['will']): void {
    this.#isDevice = true;
    this.#shared.hub.connect(this.id, this, will);
  }

  /** A prefix is followed as far as the token goes; the fake has no more than all or nothing. */
  #mayFollow(name: string): boolean {
    if (this.#claims === undefined) return true;
    const { role, devices, sub } = this.#claims;
    if (role !== 'subscriber') return role === 'device' && name === sub;
    const patterns = devices && new PatternSet(devices);
    const actor = { role, id: sub, devices: patterns, vip: false } as const;
    if (devices !== undefined && name.endsWith('*')) return devices.some((pattern) => matches(name, pattern));
    return authorize(actor, { kind: 'follow', device: name }) === 'allowed';
  }
}

/** What a listener is told, for WebSocket and TCP alike. */
export class FakeListener implements ListenerHandlers<FakeConnection> {
  readonly #listener: MqttHost['listener'];
  readonly #shared: Shared;

  constructor(listener: MqttHost['listener'], shared: Shared) {
    this.#listener = listener;
    this.#shared = shared;
  }

  upgrade(request: UpgradeRequest): UpgradeAnswer<FakeConnection> {
    const session = new FakeConnection(this.#listener, this.#shared);
    if (this.#listener === 'tcp') return { session };
    const offered = request.header('sec-websocket-protocol').split(/ *, */);
    if (!offered.includes('mqtt')) return { status: 400, message: 'the subprotocol mqtt is accepted' };
    return { session, protocol: 'mqtt' };
  }

  open(socket: Connection<FakeConnection>): void {
    socket.session.opened(socket);
  }

  message({ session }: Connection<FakeConnection>, bytes: Uint8Array, binary: boolean): void {
    if (binary) session.session.receive(bytes);
    else session.session.close(closes.badFrame.code, 'MQTT goes in binary frames');
  }

  controlPong(): void {}

  controlPing(): void {}

  writable(): void {}

  dropped(socket: Connection<FakeConnection>): void {
    socket.session.session.close(closes.slow.code, closes.slow.reason);
  }

  closing(): void {}

  close(socket: Connection<FakeConnection>): void {
    socket.session.closed();
  }
}

export function newContext(hub: FakeHub, packetBytesMax: number): MqttContext {
  const { keptMsMax } = hub.settings;
  return {
    layout: hub.layout,
    clock: systemClock,
    settings: { packetBytesMax, keptMsMax, keepAliveSecondsMax: 0 },
  };
}
