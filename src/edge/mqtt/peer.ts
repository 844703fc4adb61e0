/**
 * One MQTT connection on its edge: what the state machine (`wire/mqtt/session.ts`) needs of the hub. The client is a
 * device, a subscriber, a gateway, or nothing yet; in each role it has a session like any other peer's, and it goes
 * through the same admission, limits and rules.
 */
import { authorize, mayFollow } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import { type CloseEntry, closes, errors } from '../../codes.ts';
import { Counter } from '../../memory/counters.ts';
import { SessionKind } from '../../records/requests.ts';
import type { Connection } from '../../transport/transport.ts';
import {
  type AdmitAnswer,
  type AdmitRequest,
  type ClientLeave,
  type FollowedName,
  type Joined,
  type JoinRequest,
  type KeptSession,
  type MqttCount,
  type MqttHost,
  type PublishedEvent,
  type PublishedWill,
  PublishOutcome,
} from '../../wire/mqtt/host.ts';
import { decodeKeptSession, unsettled } from '../../wire/mqtt/kept.ts';
import { MqttSession } from '../../wire/mqtt/session.ts';
import type { MqttSubscriptions } from '../../wire/mqtt/subscriptions.ts';
import { Kind } from '../../wire/mqtt/templates.ts';
import { hasExpired } from '../liveness.ts';
import { adaptTo } from './adapt.ts';
import { admitClient } from './admitting.ts';
import { ClientConnection } from './client-connection.ts';
import { MqttFollows } from './follows.ts';
import { Interest } from './interest.ts';
import type { MqttPeers, MqttPeersDeps } from './peers.ts';
import { closeReasonOf, closeRefusalOf, countersOf } from './refusals.ts';
import { type MqttRole, MqttRoles, type RolesClient } from './roles.ts';
import type { MqttDeviceSession, MqttSubscriberSession } from './sessions.ts';
import { Unanswered } from './unanswered.ts';

export class MqttPeer implements MqttHost, RolesClient {
  readonly listener: MqttHost['listener'];
  /** Stands for the peer's address in admission. */
  readonly address: number;
  /** By which the owner knows the client, in whatever role. */
  readonly number: number;
  readonly session: MqttSession;
  silenceMsMin = 0;
  readonly #peers: MqttPeers;
  readonly #deps: MqttPeersDeps;
  #socket: Connection<MqttPeer> | undefined;
  #admitted: Admitted | undefined;
  /** Asked for its id, and has not got it, or is not in yet in all of its roles. */
  #joining: { readonly request: JoinRequest; readonly answer: (joined: Joined) => void } | undefined;
  #ticket = 0;
  #isRegistered = false;
  #kept: KeptSession | undefined;
  #restored: MqttSubscriptions | undefined;
  /** Roles that the owner has not let in yet. */
  #awaited = 0;
  /** From the moment that the client has its id. */
  #roles: MqttRoles | undefined;
  /** Of its roles, for what each packet needs. */
  #device: MqttDeviceSession | undefined;
  #subscriber: MqttSubscriberSession | undefined;
  // Made when first needed: a hub holds peers by the ten thousand.
  #follows: MqttFollows | undefined;
  #interest: Interest | undefined;
  #unanswered: Unanswered | undefined;
  #isPublishing = false;
  #closeCode: number | undefined;
  #left: ClientLeave | undefined;
  #hasLeft = false;

  constructor(listener: MqttHost['listener'], address: number, peers: MqttPeers, deps: MqttPeersDeps) {
    this.listener = listener;
    this.address = address;
    this.#peers = peers;
    this.#deps = deps;
    this.number = deps.edge.nextSession();
    this.session = new MqttSession(this, peers.context);
  }

  get follows(): MqttFollows {
    this.#follows ??= new MqttFollows(this.#roles!);
    return this.#follows;
  }

  /** It may speak for many devices. */
  get isGateway(): boolean {
    return this.#roles?.gateway !== undefined;
  }

  // The transport

  opened(socket: Connection<MqttPeer>): void {
    this.#socket = socket;
  }

  /** Handles received bytes. */
  receive(bytes: Uint8Array): void {
    if (this.session.hasEnded) return;
    const { edge } = this.#deps;
    const now = edge.clock.now();
    if (this.#isExpired(now)) {
      this.close(closes.tokenExpired);
      return;
    }
    if (this.#device !== undefined) edge.publisher.heard(this.#device, now);
    if (this.#subscriber !== undefined) edge.heard(this.#subscriber, true, now);
    this.session.receive(bytes, now);
  }

  /** The kernel has taken some of the data that waited. */
  writable(): void {
    if (this.#subscriber !== undefined) this.#deps.edge.writable(this.#subscriber);
  }

  /** It does not read, and something was dropped. */
  dropped(): void {
    if (this.#subscriber !== undefined) this.#deps.edge.deliverer.dropped(this.#subscriber);
    else this.close(closes.slow);
  }

  /** This side has begun to close the connection. */
  closing(): void {
    for (const session of this.#roles?.sessions() ?? []) this.#deps.edge.closing(session);
  }

  /** The connection is over. */
  closed(code: number): void {
    this.#closeCode ??= code;
    this.session.closed();
    this.#finish();
  }

  /** Closes the connection, with a DISCONNECT if a reason code fits. Also while the client waits for its id. */
  close({ code, reason }: CloseEntry): void {
    const joining = this.#joining;
    if (joining === undefined) this.session.close(code, reason);
    else {
      this.#closeCode ??= code;
      this.#breakOff();
      joining.answer({ ok: false, refusal: closeRefusalOf(code), message: reason });
      this.#finish();
    }
  }

  /** It leaves before it is in: what its session has kept stays. */
  #breakOff(): void {
    this.#joining = undefined;
    const keptMs = this.#deps.edge.settings.subscriberRemoveAfterMs;
    this.#left = { isClean: false, kept: this.#kept && unsettled(this.#kept), keptMs };
  }

  // The owner

  /** The client has its id. @param text what its session kept; undefined: there was none */
  registered(text: string | undefined): void {
    this.#isRegistered = true;
    if (this.#joining === undefined) {
      this.#finish();
      return;
    }
    this.#kept = text === undefined ? undefined : decodeKeptSession(text);
    this.#peers.restorer.restore(this.#kept, {
      actor: this.#admitted!.actor,
      isWaiting: () => this.#joining !== undefined && !this.session.hasEnded,
      done: (restored) => this.#enterRoles(restored),
    });
  }

  /** Opens the roles that it starts with, unless it was closed meanwhile. */
  #enterRoles(restored: MqttSubscriptions | undefined): void {
    if (this.#joining === undefined) return;
    const { request } = this.#joining;
    this.#restored = restored;
    this.#awaited = 1;
    if (!this.session.hasEnded) {
      this.#roles = new MqttRoles(this, this.#deps.edge, this.#admitted!, request.version);
      this.#roles.open(request);
    }
    this.welcomed();
  }

  /** See `RolesClient`. */
  welcomed(): void {
    this.#awaited -= 1;
    const joining = this.#joining;
    if (this.#awaited > 0 || joining === undefined) return;
    const restored = this.#restored;
    const resumes = restored?.hasTargets === true && !this.session.hasEnded;
    if (resumes && this.#roles!.resume(this.#kept!)) return; // it is about to be the subscriber that it was
    this.#joining = this.#restored = undefined;
    joining.answer({ ok: true, kept: this.#kept, restored });
  }

  /** See `RolesClient`. */
  published(packetId: number, skipped: boolean): void {
    // Under a flood this thread hears the owner from within a publish, of which the state machine is to know first.
    if (this.#isPublishing) queueMicrotask(() => this.published(packetId, skipped));
    else if (this.#unanswered?.answered(packetId)) this.session.published(packetId, 0, skipped);
  }

  /** A new owner asks for this edge's clients. */
  resync(): void {
    const { request } = this.#joining ?? {};
    const again = this.#isRegistered;
    if (this.#hasLeft || (request === undefined && !again)) return;
    const { id } = this.#admitted!.actor;
    const clean = request?.cleanStart ?? false;
    this.#deps.line.register({ session: this.number, id, clean, again }, this.#ticket);
    this.#roles?.sayWill();
  }

  /** The new owner knows everything again; events that it does not answer soon were with the previous owner. */
  resynced(): void {
    this.#follows?.pagesLost();
    this.#unanswered?.ownerReplaced(this.#deps.edge.clock.now());
  }

  // Time

  tick(now: number): void {
    this.#unanswered?.tick(now);
    if (this.#isExpired(now)) this.close(closes.tokenExpired);
    else this.session.tick();
  }

  /** Looks whether anybody listens, for a client that is no device and wants to know. */
  lookAtInterest(): void {
    if (this.#device === undefined) this.#interest?.look(this.#admitted!.actor.id);
  }

  // MqttHost

  write(bytes: Uint8Array): void {
    this.#socket?.send(bytes, true);
    this.#deps.counters.cells[Counter.bytesSent]! += bytes.length;
  }

  end(code: number, reason: string): void {
    this.#closeCode ??= code;
    // Its sessions are closing from here on: that they are let in is no longer heard.
    if (this.#joining !== undefined) this.#breakOff();
    this.#finish();
    this.#socket?.close(code, closeReasonOf(reason));
  }

  admit(request: AdmitRequest, answer: (admission: AdmitAnswer) => void): void {
    const { remoteAddress = '' } = this.#socket ?? {};
    admitClient(this.#deps, request, { address: this.address, remoteAddress }, (admission, admitted) => {
      this.#admitted = admitted;
      answer(admission);
    });
  }

  join(request: JoinRequest, answer: (joined: Joined) => void): void {
    this.#joining = { request, answer };
    this.silenceMsMin = request.silenceMsMin;
    this.#ticket = this.#peers.register(this, request);
  }

  becomeDevice(): void {
    this.#peers.watchInterest(this, false);
    this.#roles!.becomeDevice();
  }

  becomeSubscriber(): void {
    this.#roles!.becomeSubscriber(false);
  }

  coversDevice(device: string): boolean {
    return authorize(this.#admitted!.actor, { kind: 'speakFor', device }) === 'allowed';
  }

  publish(event: PublishedEvent, now: number): number {
    const { edge, counters } = this.#deps;
    const device = this.#device ?? this.#roles!.deviceOf(event.device);
    if (typeof device === 'number') return device;
    if (device !== this.#device) edge.publisher.heard(device, now);
    if (!edge.charge(device, 1, now)) {
      counters.add(Counter.droppedRate);
      return errors.rateLimit.code;
    }
    this.#isPublishing = true;
    const outcome = edge.publisher.published(device, event, now);
    this.#isPublishing = false;
    if (outcome === PublishOutcome.later) {
      this.#unanswered ??= new Unanswered((lost) => this.session.published(lost, errors.limit.code, false));
      this.#unanswered.add(event.packetId, device.number);
    }
    return outcome;
  }

  isUnanswered(packetId: number): boolean {
    return this.#unanswered?.has(packetId) === true;
  }

  subscribe(follows: readonly FollowedName[], answer: (errors: readonly number[]) => void): void {
    const { actor } = this.#admitted!;
    const denied = new Set(follows.map(({ name }) => name).filter((name) => !mayFollow(actor, name)));
    this.follows.subscribe(follows, denied, answer);
  }

  unsubscribe(names: readonly string[], answer: () => void): void {
    this.follows.unsubscribe(names, answer);
  }

  deliverOneByOne(done: () => void): void {
    const subscriber = this.#roles!.subscriberToBe();
    subscriber.isAdapting = true;
    this.#deps.edge.deliverer.deliverOneByOne(subscriber, done);
  }

  adapt(packet: Uint8Array): Uint8Array | undefined {
    return adaptTo(this.session, packet);
  }

  watchInterest(wanted: boolean): void {
    this.#interest ??= new Interest(this.#deps.presence, (isListenedTo, isFirst) =>
      this.session.interest.is(isListenedTo, isFirst),
    );
    this.#interest.watch(wanted);
    this.#peers.watchInterest(this, wanted && this.#device === undefined);
    const told = this.#device?.toldInterest;
    if (told !== undefined) this.#interest.is(told);
    else if (wanted) this.lookAtInterest();
  }

  /** See `RolesClient`. */
  interestIs(device: MqttDeviceSession, isListenedTo: boolean): void {
    if (device === this.#device) this.#interest?.is(isListenedTo);
  }

  charge(units: number): boolean {
    const { edge, counters } = this.#deps;
    if (edge.charge(this.#roles!.payer, units, edge.clock.now())) return true;
    counters.add(Counter.droppedSubscriberRate);
    return false;
  }

  count(what: MqttCount): void {
    this.#deps.counters.add(countersOf[what]);
  }

  leave(leave: ClientLeave): void {
    this.#left = leave;
    this.#finish();
  }

  /** See `RolesClient`. */
  refollow(devices: readonly string[]): void {
    this.session.refollow(devices);
  }

  /** See `RolesClient`. */
  wantsPresence(device: string): boolean {
    return this.session.subscriptions.matches(device, Kind.presence);
  }

  /** See `RolesClient`. */
  sayWill(session: number, will: PublishedWill | undefined): void {
    this.#peers.sayWill(session, will);
  }

  /** See `RolesClient`. */
  enter(session: MqttRole): void {
    if (session.kind === SessionKind.device) this.#device = session;
    else if (session.kind === SessionKind.subscriber) this.#subscriber = session;
    this.#awaited += 1;
    this.#deps.edge.enter(session, new ClientConnection(this, this.#socket!));
  }

  #isExpired(now: number): boolean {
    return this.#admitted !== undefined && hasExpired(this.#admitted, now);
  }

  /** See `RolesClient`. */
  failUnanswered(session: number): void {
    this.#unanswered?.lose(session);
  }

  /** Leaves the hub, once the client has left and it is known how the connection ended. */
  #finish(): void {
    if (this.#hasLeft || this.#closeCode === undefined || !this.session.hasEnded) return;
    if (this.#left === undefined && (this.#isRegistered || this.#joining !== undefined)) return;
    this.#hasLeft = true;
    const { isClean = false, kept, keptMs = 0 } = this.#left ?? {};
    // What an operator ended is not to come back by itself.
    const keepMs = kept === undefined || this.#closeCode === closes.kicked.code ? 0 : keptMs;
    if (isClean) this.#roles?.withdrawWill();
    for (const session of this.#roles?.sessions() ?? [])
      this.#deps.edge.leave(session, this.#closeCode, isClean, keepMs);
    this.#roles?.endAllowance();
    this.#peers.remove(this);
    if (this.#isRegistered) this.#peers.deregister(this.number, this.#admitted!.actor.id, keepMs, kept);
  }
}
