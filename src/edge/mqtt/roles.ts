/** The roles of one MQTT client in the hub: device, subscriber, both, gateway, or none yet. Each role has a session. */
import type { Actor } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import { PatternSet } from '../../access/pattern-set.ts';
import { closes, errors } from '../../codes.ts';
import type { Version } from '../../wire/mqtt/constants.ts';
import type { JoinRequest, KeptSession, PublishedWill } from '../../wire/mqtt/host.ts';
import { UNSETTLED } from '../../wire/mqtt/kept.ts';
import type { Ask } from '../deliver/request-queue.ts';
import type { FollowedDevices } from '../deliver/retained.ts';
import type { Edge } from '../edge.ts';
import type { EdgeSession } from '../edge-deps.ts';
import type { DeviceSession } from '../publish/device-session.ts';
import { silencedProblems } from '../publish/gateways.ts';
import type { Follower } from './follows.ts';
import { MqttGatewaySession } from './gateway-session.ts';
import { MqttDeviceSession, MqttSubscriberSession, type SessionsClient } from './sessions.ts';

/** The session of a role. */
export type MqttRole = MqttDeviceSession | MqttSubscriberSession | MqttGatewaySession;

/** The connection as its roles need it. */
export interface RolesClient extends SessionsClient {
  /** Asks the owner to admit a session. */
  enter(session: MqttRole): void;
  /** @param will undefined: it is withdrawn */
  sayWill(session: number, will: PublishedWill | undefined): void;
  /** See `Follower`. */
  wantsPresence(device: string): boolean;
}

export class MqttRoles implements Follower {
  readonly #client: RolesClient;
  readonly #edge: Edge;
  readonly #admitted: Admitted;
  readonly #version: Version;
  #device: MqttDeviceSession | undefined;
  #subscriber: MqttSubscriberSession | undefined;
  #isSubscriber = false;
  #gateway: MqttGatewaySession | undefined;
  #will: { readonly session: number; readonly will: PublishedWill } | undefined;

  constructor(client: RolesClient, edge: Edge, admitted: Admitted, version: Version) {
    this.#client = client;
    this.#edge = edge;
    this.#admitted = admitted;
    this.#version = version;
  }

  /** Undefined until the client is a subscriber. */
  get subscriber(): MqttSubscriberSession | undefined {
    return this.#isSubscriber ? this.#subscriber : undefined;
  }

  get gateway(): MqttGatewaySession | undefined {
    return this.#gateway;
  }

  /** Opens the roles that the client starts with. */
  open({ asDevice, asGateway, will }: JoinRequest): void {
    if (asGateway) this.becomeGateway();
    if (asDevice) this.becomeDevice();
    if (will !== undefined) this.#setWill(will);
  }

  becomeDevice(): void {
    const [number, connectedAt] = this.#numberAndTime();
    this.#device = new MqttDeviceSession(this.#as('device'), number, connectedAt, this.#client);
    this.#client.enter(this.#device);
  }

  becomeGateway(): void {
    const [number, connectedAt] = this.#numberAndTime();
    this.#gateway = new MqttGatewaySession(this.#admitted, number, connectedAt, this.#client);
    this.#client.enter(this.#gateway);
  }

  /** @param resumes what was kept of an earlier connection is wanted */
  becomeSubscriber(resumes: boolean): void {
    const subscriber = this.subscriberToBe();
    if (resumes) subscriber.resume();
    this.#isSubscriber = true;
    this.#client.enter(subscriber);
  }

  /**
   * The client goes on with a session that follows devices. Its other roles have been let in: with this one events come,
   * which must not be before its CONNACK.
   * @returns false when it has been let in with that as well
   */
  resume({ scope }: KeptSession): boolean {
    if (this.#isSubscriber) return false;
    this.becomeSubscriber(scope !== UNSETTLED);
    return true;
  }

  /** Made when it is first needed, be it to pay with. */
  subscriberToBe(): MqttSubscriberSession {
    if (this.#subscriber !== undefined) return this.#subscriber;
    const [number, connectedAt] = this.#numberAndTime();
    const admitted = this.#as('subscriber');
    this.#subscriber = new MqttSubscriberSession(admitted, number, connectedAt, this.#client, this.#version);
    return this.#subscriber;
  }

  /** Who pays for what is no event. */
  get payer(): EdgeSession {
    return this.#gateway ?? this.subscriber ?? this.#device ?? this.subscriberToBe();
  }

  /**
   * The device that an event is of: of a gateway, one that it speaks for from here on.
   * @returns the code of an error where the client may not speak for it, or not now
   */
  deviceOf(id: string): DeviceSession | number {
    const gateway = this.#gateway;
    if (gateway === undefined) return this.#device!;
    const edge = this.#edge;
    const now = edge.clock.now();
    const spoken = edge.gateways.speak(gateway, id, now);
    if (typeof spoken === 'object') return spoken;
    if (spoken === 'overRate') return errors.rateLimit.code;
    const { code, cost } = silencedProblems[spoken];
    edge.charge(gateway, cost, now);
    return code;
  }

  /** The client is its device already, or a gateway. Without its will its connection ends: it would rely on that. */
  #setWill(will: PublishedWill): void {
    const device = this.deviceOf(will.device);
    if (typeof device === 'number') {
      this.#client.close(closes.overCapacity);
      return;
    }
    this.#will = { session: device.number, will };
    this.sayWill();
  }

  /** The owner must know the will, if there is one; a new owner again. */
  sayWill(): void {
    if (this.#will !== undefined) this.#client.sayWill(this.#will.session, this.#will.will);
  }

  /** The client says goodbye: its will is not published. Its devices may still be lost, if it is a gateway. */
  withdrawWill(): void {
    if (this.#will !== undefined) this.#client.sayWill(this.#will.session, undefined);
    this.#will = undefined;
  }

  *sessions(): Iterable<MqttRole> {
    if (this.#device !== undefined) yield this.#device;
    if (this.subscriber !== undefined) yield this.subscriber;
    if (this.#gateway !== undefined) yield this.#gateway;
  }

  /** See `Follower`. Not from within a record of the owner's: that may have more to say first. */
  request(ask: Ask): void {
    queueMicrotask(() => {
      const { subscriber } = this;
      if (subscriber?.closing === false) this.#edge.request(subscriber, ask, this.#edge.clock.now());
    });
  }

  /** See `Follower`. */
  holdRetained(devices: FollowedDevices): void {
    const { subscriber } = this;
    if (subscriber?.closing === false) this.#edge.deliverer.retained.hold(subscriber, devices);
  }

  /** See `Follower`. */
  sendHeld(): void {
    const { subscriber } = this;
    if (subscriber?.closing === false) this.#edge.deliverer.retained.release(subscriber);
  }

  /** See `Follower`. */
  sendRetained(devices: FollowedDevices): void {
    const { subscriber } = this;
    if (subscriber?.closing === false) this.#edge.deliverer.retained.send(subscriber, devices);
  }

  /** See `Follower`. */
  sendTerminated(device: string): void {
    const { subscriber } = this;
    if (subscriber?.closing === false) this.#edge.deliverer.retained.sendTerminated(subscriber, device);
  }

  /** See `Follower`. */
  wantsPresence(device: string): boolean {
    return this.#client.wantsPresence(device);
  }

  /** What it used of its allowances without having been a subscriber stays used. */
  endAllowance(): void {
    if (!this.#isSubscriber && this.#subscriber !== undefined) this.#edge.endAllowance(this.#subscriber);
  }

  /** Of a further session. */
  #numberAndTime(): [number: number, connectedAt: number] {
    return [this.#edge.nextSession(), this.#edge.clock.wallNow()];
  }

  #as(role: 'device' | 'subscriber'): Admitted {
    const { actor } = this.#admitted;
    return { ...this.#admitted, actor: { ...actor, role, devices: followedBy(actor) } };
  }
}

/**
 * What a client may follow, also with a session that another token of its id has left: a device nobody but itself, a
 * gateway nobody. The devices of a gateway's token are those that it speaks for.
 */
function followedBy({ role, id, devices }: Actor): PatternSet | undefined {
  if (role === 'device') return new PatternSet([id]);
  return role === 'gateway' ? new PatternSet([]) : devices;
}
