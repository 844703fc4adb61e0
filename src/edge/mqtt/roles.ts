/** What one MQTT client is in the hub: a device, a subscriber, both, a gateway, or nothing yet. A session for each. */
import type { Admitted } from '../../access/admission.ts';
import { PatternSet } from '../../access/pattern-set.ts';
import { errors } from '../../codes.ts';
import type { Version } from '../../wire/mqtt/constants.ts';
import type { PublishedWill } from '../../wire/mqtt/host.ts';
import type { Edge } from '../edge.ts';
import type { EdgeSession } from '../edge-deps.ts';
import type { DeviceSession } from '../publish/device-session.ts';
import { silencedProblems } from '../publish/gateways.ts';
import { MqttGatewaySession } from './gateway-session.ts';
import { type Client, MqttDeviceSession, MqttSubscriberSession } from './sessions.ts';

/** The session of a role. */
export type MqttRole = MqttDeviceSession | MqttSubscriberSession | MqttGatewaySession;

export interface RolesDeps {
  readonly edge: Edge;
  readonly client: Client;
  readonly admitted: Admitted;
  readonly version: Version;
  /** A session is to be let in by the owner. */
  readonly enter: (session: MqttRole) => void;
  /** @param will undefined: it is withdrawn */
  readonly sayWill: (session: number, will: PublishedWill | undefined) => void;
}

export class MqttRoles {
  readonly #deps: RolesDeps;
  #device: MqttDeviceSession | undefined;
  #subscriber: MqttSubscriberSession | undefined;
  #isSubscriber = false;
  #gateway: MqttGatewaySession | undefined;
  #will: { readonly session: number; readonly will: PublishedWill } | undefined;

  constructor(deps: RolesDeps) {
    this.#deps = deps;
  }

  /** Of the client's own id. */
  get device(): MqttDeviceSession | undefined {
    return this.#device;
  }

  /** Undefined until the client is a subscriber. */
  get subscriber(): MqttSubscriberSession | undefined {
    return this.#isSubscriber ? this.#subscriber : undefined;
  }

  get gateway(): MqttGatewaySession | undefined {
    return this.#gateway;
  }

  becomeDevice(): void {
    const { edge, client, enter } = this.#deps;
    const device = new MqttDeviceSession(
      this.#as('device'),
      edge.nextSession(),
      edge.clock.wallNow(),
      client,
    );
    this.#device = device;
    enter(device);
  }

  becomeGateway(): void {
    const { edge, client, admitted, enter } = this.#deps;
    this.#gateway = new MqttGatewaySession(admitted, edge.nextSession(), edge.clock.wallNow(), client);
    enter(this.#gateway);
  }

  /** @param resumes what was kept of an earlier connection is wanted */
  becomeSubscriber(resumes: boolean): void {
    const subscriber = this.subscriberToBe();
    if (resumes) subscriber.resume();
    this.#isSubscriber = true;
    this.#deps.enter(subscriber);
  }

  /** Made when it is first needed, be it to pay with. */
  subscriberToBe(): MqttSubscriberSession {
    const { edge, client, version } = this.#deps;
    this.#subscriber ??= new MqttSubscriberSession(
      this.#as('subscriber'),
      edge.nextSession(),
      edge.clock.wallNow(),
      client,
      version,
    );
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
    const { edge } = this.#deps;
    const now = edge.clock.now();
    const spoken = edge.gateways.speak(gateway, id, now);
    if (typeof spoken === 'object') return spoken;
    if (spoken === 'overRate') return errors.rateLimit.code;
    const { code, cost } = silencedProblems[spoken];
    edge.charge(gateway, cost, now);
    return code;
  }

  /** The client is its device already, or a gateway. */
  setWill(will: PublishedWill): void {
    const device = this.deviceOf(will.device);
    if (typeof device === 'number') return;
    this.#will = { session: device.number, will };
    this.sayWill();
  }

  /** The owner must know the will, if there is one; a new owner again. */
  sayWill(): void {
    if (this.#will !== undefined) this.#deps.sayWill(this.#will.session, this.#will.will);
  }

  /** The client says goodbye: nothing is published of it. Its devices may still be lost, if it is a gateway. */
  withdrawWill(): void {
    if (this.#will !== undefined) this.#deps.sayWill(this.#will.session, undefined);
    this.#will = undefined;
  }

  *sessions(): Iterable<MqttRole> {
    if (this.#device !== undefined) yield this.#device;
    if (this.subscriber !== undefined) yield this.subscriber;
    if (this.#gateway !== undefined) yield this.#gateway;
  }

  /** What it used of its allowances without having been a subscriber stays used. */
  keepAllowance(): void {
    if (!this.#isSubscriber && this.#subscriber !== undefined)
      this.#deps.edge.keepAllowance(this.#subscriber);
  }

  /** A device follows nobody but itself. */
  #as(role: 'device' | 'subscriber'): Admitted {
    const { admitted } = this.#deps;
    const { actor } = admitted;
    const devices = actor.role === 'device' ? new PatternSet([actor.id]) : actor.devices;
    return { ...admitted, actor: { ...actor, role, devices } };
  }
}
