/**
 * One MQTT connection on its edge: what the state machine (`wire/mqtt/session.ts`) needs of the hub. The client is a
 * device, a subscriber, a gateway, or nothing yet; in each role it has a session like any other peer's, and it goes
 * through the same admission, limits and rules.
 */
import { type Actor, authorize } from '../../access/actor.ts';
import type { Admitted, Refused } from '../../access/admission.ts';
import { PatternSet } from '../../access/pattern-set.ts';
import { type CloseEntry, closes, errors } from '../../codes.ts';
import { Counter } from '../../memory/counters.ts';
import type { Connection } from '../../transport/transport.ts';
import type { Version } from '../../wire/mqtt/constants.ts';
import {
  type Admission,
  type AdmitRequest,
  type Follow,
  type Joined,
  type JoinRequest,
  type KeptSession,
  type Leave,
  type MqttCount,
  type MqttHost,
  Outcome,
  type PublishedEvent,
  type PublishedWill,
  type Role,
} from '../../wire/mqtt/host.ts';
import { decodeKept, encodeKept } from '../../wire/mqtt/kept.ts';
import type { ConnectRefusal } from '../../wire/mqtt/reasons.ts';
import { MqttSession } from '../../wire/mqtt/session.ts';
import { adaptTo } from './adapt.ts';
import { MqttFollows } from './follows.ts';
import { type GatewayClient, MqttGatewayDevices } from './gateway-devices.ts';
import type { MqttPeers, MqttPeersDeps } from './peers.ts';
import { MqttDeviceSession, MqttSubscriberSession } from './sessions.ts';

const refusalsByReason: Readonly<Partial<Record<Refused['reason'], ConnectRefusal>>> = {
  role: 'notAllowed',
  banned: 'quota',
  address_connections: 'quota',
  address_rate: 'quota',
};

const counted = {
  malformed: Counter.mqttMalformed,
  foreignTopic: Counter.mqttForeignTopics,
  refusedEvent: Counter.mqttRefusedEvents,
} as const satisfies Record<MqttCount, number>;

function roleOf({ role }: Actor): Role {
  return role === 'device' || role === 'subscriber' || role === 'gateway' ? role : undefined;
}

/** Events that the owner did not answer this long after it was replaced are taken for lost, ms. */
const LOST_AFTER_MS = 5000;

export class MqttPeer implements MqttHost, GatewayClient {
  readonly listener: MqttHost['listener'];
  /** Stands for the peer's address in admission. */
  readonly address: number;
  /** By which the owner knows the client, in whatever role. */
  readonly number: number;
  readonly session: MqttSession;
  readonly follows: MqttFollows;
  silenceMsMin = 0;
  readonly #peers: MqttPeers;
  readonly #deps: MqttPeersDeps;
  #socket: Connection<MqttPeer> | undefined;
  #admitted: Admitted | undefined;
  /** Asked for its id, and has not got it, or is not in yet in all of its roles. */
  #joining: { readonly request: JoinRequest; readonly answer: (joined: Joined) => void } | undefined;
  #isRegistered = false;
  #kept: KeptSession | undefined;
  #version: Version = 4;
  #will: { readonly device: MqttDeviceSession; readonly will: PublishedWill } | undefined;
  /** Roles that the owner has not let in yet. */
  #awaited = 0;
  #device: MqttDeviceSession | undefined;
  #subscriber: MqttSubscriberSession | undefined;
  #isSubscriber = false;
  #gateway: MqttGatewayDevices | undefined;
  #watchesInterest = false;
  /** What a client that watches its interest without being a device was told last. */
  #toldInterest: boolean | undefined;
  /** Packet ids of events that the owner has not answered. */
  readonly #unanswered = new Set<number>();
  #lost: { readonly atMs: number; readonly packetIds: readonly number[] } | undefined;
  #closeCode: number | undefined;
  #left: Leave | undefined;
  #hasLeft = false;

  constructor(listener: MqttHost['listener'], address: number, peers: MqttPeers, deps: MqttPeersDeps) {
    this.listener = listener;
    this.address = address;
    this.#peers = peers;
    this.#deps = deps;
    this.number = deps.edge.nextSession();
    this.session = new MqttSession(this, peers.context);
    this.follows = new MqttFollows({
      request: (ask) =>
        // Not from within a record of the owner's: that may have more to say first.
        queueMicrotask(() => {
          const subscriber = this.#subscriber;
          if (subscriber !== undefined && !subscriber.closing)
            deps.edge.request(subscriber, ask, deps.edge.clock.now());
        }),
      sendRetained: (devices) => {
        if (this.#subscriber !== undefined && !this.#subscriber.closing)
          deps.edge.deliverer.retained.send(this.#subscriber, devices);
      },
    });
  }

  // The transport

  opened(socket: Connection<MqttPeer>): void {
    this.#socket = socket;
  }

  /** Bytes came. */
  receive(bytes: Uint8Array): void {
    if (this.session.hasEnded) return;
    const { edge } = this.#deps;
    const now = edge.clock.now();
    if (this.#isExpired(now)) {
      this.close(closes.tokenExpired);
      return;
    }
    if (this.#device !== undefined) edge.publisher.heard(this.#device, now);
    if (this.#isSubscriber) edge.heard(this.#subscriber!, true, now);
    this.session.receive(bytes);
  }

  /** The kernel has taken something of what waited. */
  writable(): void {
    if (this.#isSubscriber) this.#deps.edge.writable(this.#subscriber!);
  }

  /** It does not read, and something was dropped. */
  dropped(): void {
    if (this.#isSubscriber) this.#deps.edge.deliverer.dropped(this.#subscriber!);
    else this.close(closes.slow);
  }

  /** This side has begun to close the connection. */
  closing(): void {
    for (const session of this.#sessions()) this.#deps.edge.closing(session);
  }

  /** The connection is over. */
  closed(code: number): void {
    this.#closeCode ??= code;
    this.session.closed();
    this.#finish();
  }

  /** Closes the connection, with a DISCONNECT where there is a word for it. Also while the client waits for its id. */
  close({ code, reason }: CloseEntry): void {
    const joining = this.#joining;
    if (joining === undefined) {
      this.session.close(code, reason);
      return;
    }
    this.#joining = undefined;
    const refusal = code === closes.overCapacity.code ? 'quota' : 'unavailable';
    joining.answer({ ok: false, refusal, message: reason });
    const keptMs = this.#deps.edge.settings.subscriberRemoveAfterMs;
    this.#left = { isClean: false, kept: this.#kept, keptMs };
    this.#finish();
  }

  /** See `Client`. */
  closeDevice(device: MqttDeviceSession, close: CloseEntry): void {
    if (this.#gateway === undefined) this.close(close);
    else this.#gateway.close(device, close);
  }

  // The owner

  /** The client has its id. @param text what its session kept; undefined: there was none */
  registered(text: string | undefined): void {
    this.#isRegistered = true;
    const joining = this.#joining;
    if (joining === undefined) {
      this.#finish();
      return;
    }
    this.#kept = text === undefined ? undefined : decodeKept(text);
    this.#awaited = 1;
    if (!this.session.hasEnded) this.#start(joining.request);
    this.welcomed();
  }

  /** See `Client`. */
  welcomed(): void {
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    const joining = this.#joining;
    this.#joining = undefined;
    joining?.answer({ ok: true, kept: this.#kept });
  }

  /** See `Client`. */
  published(packetId: number, skipped: boolean): void {
    if (this.#unanswered.delete(packetId)) this.session.published(packetId, 0, skipped);
  }

  /** A new owner asks whom this edge holds. */
  resync(): void {
    const { line } = this.#deps;
    const { request } = this.#joining ?? {};
    if (this.#hasLeft || (request === undefined && !this.#isRegistered)) return;
    const id = this.#admitted!.actor.id;
    line.register({
      session: this.number,
      id,
      clean: request?.cleanStart ?? false,
      again: this.#isRegistered,
    });
    if (this.#will !== undefined) this.#peers.sayWill(this.#will.device.number, this.#will.will);
  }

  /** It knows all again; events that it has not answered soon were in the hands of the one before. */
  resynced(): void {
    this.follows.pagesLost();
    if (this.#unanswered.size === 0) return;
    const atMs = this.#deps.edge.clock.now() + LOST_AFTER_MS;
    this.#lost = { atMs, packetIds: [...this.#unanswered] };
  }

  // Time

  tick(now: number): void {
    if (this.#lost !== undefined && this.#lost.atMs <= now) {
      const { packetIds } = this.#lost;
      this.#lost = undefined;
      for (const packetId of packetIds) this.#fail(packetId, errors.limit.code);
    }
    if (this.#isExpired(now)) this.close(closes.tokenExpired);
    else this.session.tick();
  }

  /** Looks whether anybody listens, for a client that is no device and wants to know. */
  lookAtInterest(): void {
    if (!this.#watchesInterest || this.#device !== undefined) return;
    const { presence } = this.#deps;
    const slot = presence.findDevice(this.#admitted!.actor.id);
    const isListenedTo = slot >= 0 && Atomics.load(presence.devices.rows.active, slot) > 0;
    if (isListenedTo === this.#toldInterest) return;
    const isFirst = this.#toldInterest === undefined;
    this.#toldInterest = isListenedTo;
    this.session.interestIs(isListenedTo, isFirst);
  }

  // MqttHost

  write(bytes: Uint8Array): void {
    this.#socket?.send(bytes, true);
  }

  end(code: number, reason: string): void {
    this.#closeCode ??= code;
    this.#finish();
    this.#socket?.close(code, reason);
  }

  admit({ clientId, token }: AdmitRequest, answer: (admission: Admission) => void): void {
    const id = clientId === '' ? undefined : clientId;
    const decision = this.#deps.admission.admit({
      address: this.address,
      token,
      id,
      role: undefined,
      isOpen: true,
    });
    const decide = (admitted: Admitted | Refused): void => answer(this.#admission(admitted, id));
    if (decision instanceof Promise) void decision.then(decide);
    else decide(decision);
  }

  #admission(decision: Admitted | Refused, id: string | undefined): Admission {
    if (decision.ok) {
      this.#admitted = decision;
      return { ok: true, id: decision.actor.id, role: roleOf(decision.actor) };
    }
    const { reason, status, message } = decision;
    const address = this.#socket?.remoteAddress ?? '';
    this.#deps.journal.refused({ role: undefined, reason, status, message, address, id });
    let refusal: ConnectRefusal = refusalsByReason[reason] ?? 'unavailable';
    if (reason === 'token' && status === 401) refusal = 'badToken';
    else if (reason === 'id') refusal = status === 400 ? 'badId' : 'notAllowed';
    return { ok: false, refusal, message };
  }

  join(request: JoinRequest, answer: (joined: Joined) => void): void {
    this.#joining = { request, answer };
    this.silenceMsMin = request.silenceMsMin;
    this.#version = request.version;
    this.#peers.register(this);
    const { id, cleanStart: clean } = request;
    this.#deps.line.register({ session: this.number, id, clean, again: false });
  }

  /** Opens the roles that it starts with. */
  #start({ asDevice, asGateway, will }: JoinRequest): void {
    if (asGateway) this.#gateway = new MqttGatewayDevices(this, this.#deps, this.#admitted!);
    if (asDevice) this.#openDevice(will);
    else if (will !== undefined) this.#gateway?.will(will);
    if (this.#kept !== undefined && this.#peers.followsDevices(this.#kept)) {
      this.#subscriberSession().resume();
      this.#openSubscriber();
    }
  }

  becomeDevice(): void {
    this.#openDevice(undefined);
  }

  becomeSubscriber(): void {
    this.#openSubscriber();
  }

  coversDevice(device: string): boolean {
    return authorize(this.#admitted!.actor, { kind: 'speakFor', device }) === 'allowed';
  }

  publish(event: PublishedEvent): number {
    const { edge, counters } = this.#deps;
    const now = edge.clock.now();
    const device = this.#gateway === undefined ? this.#device! : this.#gateway.of(event.device);
    if (device === undefined) return errors.denied.code;
    if (this.#gateway !== undefined) edge.publisher.heard(device, now);
    if (!edge.charge(device, 1, now)) {
      counters.add(Counter.droppedRate);
      return errors.rateLimit.code;
    }
    const outcome = edge.publisher.published(device, event, now);
    if (outcome === Outcome.later) this.#unanswered.add(event.packetId);
    return outcome;
  }

  subscribe(follows: readonly Follow[], answer: (errors: readonly number[]) => void): void {
    const denied = new Set(follows.map(({ name }) => name).filter((name) => !this.#mayFollow(name)));
    this.follows.subscribe(follows, denied, answer);
  }

  unsubscribe(names: readonly string[], answer: () => void): void {
    this.follows.unsubscribe(names, answer);
  }

  #mayFollow(name: string): boolean {
    const { actor } = this.#admitted!;
    const isPrefix = name.endsWith('*');
    return (
      authorize(
        actor,
        isPrefix ? { kind: 'followMatching', prefix: name.slice(0, -1) } : { kind: 'follow', device: name },
      ) === 'allowed'
    );
  }

  deliverOneByOne(): void {
    const subscriber = this.#subscriberSession();
    subscriber.isAdapting = true;
    if (this.#isSubscriber) this.#deps.edge.deliverer.deliverOneByOne(subscriber);
    else subscriber.batched = true;
  }

  adapt(packet: Uint8Array): Uint8Array | undefined {
    return adaptTo(this.session, packet);
  }

  watchInterest(wanted: boolean): void {
    this.#watchesInterest = wanted;
    this.#toldInterest = undefined;
    this.#peers.watchInterest(this, wanted && this.#device === undefined);
    if (!wanted) return;
    this.#toldInterest = this.#device?.toldInterest;
    if (this.#toldInterest !== undefined) this.session.interestIs(this.#toldInterest, true);
    else this.lookAtInterest();
  }

  /** See `Client`. */
  interestIs(device: MqttDeviceSession, isListenedTo: boolean): void {
    if (!this.#watchesInterest || device !== this.#device) return;
    // What a client was told before it became a device is not news.
    if (this.#toldInterest === isListenedTo) return;
    const isFirst = this.#toldInterest === undefined;
    this.#toldInterest = isListenedTo;
    this.session.interestIs(isListenedTo, isFirst);
  }

  charge(units: number): boolean {
    const { edge, counters } = this.#deps;
    const payer = this.#isSubscriber ? this.#subscriber! : (this.#device ?? this.#subscriberSession());
    if (edge.charge(payer, units, edge.clock.now())) return true;
    counters.add(Counter.droppedSubscriberRate);
    return false;
  }

  count(what: MqttCount): void {
    this.#deps.counters.add(counted[what]);
  }

  leave(leave: Leave): void {
    this.#left = leave;
    this.#finish();
  }

  // Roles

  #openDevice(will: PublishedWill | undefined): void {
    const { edge } = this.#deps;
    const device = new MqttDeviceSession(this.#as('device'), edge.nextSession(), edge.clock.wallNow(), this);
    this.#device = device;
    this.#peers.watchInterest(this, false);
    this.enterDevice(device);
    if (will !== undefined) this.sayWill(device, will);
  }

  /** See `GatewayClient`. */
  sayWill(device: MqttDeviceSession, will: PublishedWill): void {
    this.#will = { device, will };
    this.#peers.sayWill(device.number, will);
  }

  /** See `GatewayClient`. */
  enterDevice(device: MqttDeviceSession): void {
    this.#enter(device);
  }

  #openSubscriber(): void {
    const subscriber = this.#subscriberSession();
    this.#isSubscriber = true;
    this.#enter(subscriber);
  }

  #enter(session: MqttDeviceSession | MqttSubscriberSession): void {
    this.#awaited += 1;
    this.#deps.edge.enter(session, this.#peers.connectionOf(this, this.#socket!));
  }

  /** Made when it is first needed, be it to pay with. */
  #subscriberSession(): MqttSubscriberSession {
    const { edge } = this.#deps;
    this.#subscriber ??= new MqttSubscriberSession(
      this.#as('subscriber'),
      edge.nextSession(),
      edge.clock.wallNow(),
      this,
      this.#version,
    );
    return this.#subscriber;
  }

  /** Who it is in this role: a device follows nobody but itself. */
  #as(role: 'device' | 'subscriber'): Admitted {
    const admitted = this.#admitted!;
    const { actor } = admitted;
    const devices = actor.role === 'device' ? new PatternSet([actor.id]) : actor.devices;
    return { ...admitted, actor: { ...actor, role, devices } };
  }

  *#sessions(): Iterable<MqttDeviceSession | MqttSubscriberSession> {
    if (this.#device !== undefined) yield this.#device;
    if (this.#isSubscriber) yield this.#subscriber!;
    if (this.#gateway !== undefined) yield* this.#gateway.all();
  }

  #isExpired(now: number): boolean {
    const expiresAt = this.#admitted?.expiresAt ?? 0;
    return expiresAt !== 0 && expiresAt <= now;
  }

  /** The owner will not answer. */
  #fail(packetId: number, error: number): void {
    if (this.#unanswered.delete(packetId)) this.session.published(packetId, error, false);
  }

  /** A device of this connection is another's now, or gone: what it sent since is not taken. */
  failUnanswered(): void {
    for (const packetId of [...this.#unanswered]) this.#fail(packetId, errors.terminated.code);
  }

  /** Leaves the hub, once the client has left and it is known how the connection ended. */
  #finish(): void {
    if (this.#hasLeft || this.#closeCode === undefined) return;
    if (this.#left === undefined && (this.#isRegistered || this.#joining !== undefined)) return;
    this.#hasLeft = true;
    const { edge, line } = this.#deps;
    const code = this.#closeCode;
    const { isClean = false, kept, keptMs = 0 } = this.#left ?? {};
    // What an operator ended is not to come back by itself.
    const keepMs = kept === undefined || code === closes.kicked.code ? 0 : keptMs;
    for (const session of this.#sessions()) edge.leave(session, code, isClean, keepMs);
    if (this.#subscriber !== undefined && !this.#isSubscriber) edge.keepAllowance(this.#subscriber);
    this.#peers.remove(this);
    if (this.#isRegistered)
      line.deregister({ session: this.number, keepMs, kept: kept === undefined ? '' : encodeKept(kept) });
  }
}
