/** What one MQTT client is in the hub: a device, a subscriber, both, a gateway, or nothing yet. A session for each. */
import type { Admitted } from '../../access/admission.ts';
import { PatternSet } from '../../access/pattern-set.ts';
import { errors } from '../../codes.ts';
import type { Version } from '../../wire/mqtt/constants.ts';
import type { PublishedWill } from '../../wire/mqtt/host.ts';
import type { Edge, EdgeSession } from '../edge.ts';
import { CONNECT_COST } from '../publish/gateways.ts';
import { MqttGatewayDevices } from './gateway-devices.ts';
import { type Client, MqttDeviceSession, MqttSubscriberSession } from './sessions.ts';

export interface RolesDeps {
  readonly edge: Edge;
  readonly client: Client;
  readonly admitted: Admitted;
  readonly version: Version;
  /** A session is to be let in by the owner. */
  readonly enter: (session: MqttDeviceSession | MqttSubscriberSession) => void;
  readonly sayWill: (session: number, will: PublishedWill) => void;
}

export class MqttRoles {
  readonly #deps: RolesDeps;
  #device: MqttDeviceSession | undefined;
  #subscriber: MqttSubscriberSession | undefined;
  #isSubscriber = false;
  readonly #gateway: MqttGatewayDevices | undefined;
  #will: { readonly session: number; readonly will: PublishedWill } | undefined;

  constructor(deps: RolesDeps) {
    this.#deps = deps;
    if (deps.admitted.actor.role === 'gateway') this.#gateway = new MqttGatewayDevices(deps);
  }

  /** Of the client's own id. */
  get device(): MqttDeviceSession | undefined {
    return this.#device;
  }

  /** Undefined until the client is a subscriber. */
  get subscriber(): MqttSubscriberSession | undefined {
    return this.#isSubscriber ? this.#subscriber : undefined;
  }

  get gateway(): MqttGatewayDevices | undefined {
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
    return this.subscriber ?? this.#device ?? this.subscriberToBe();
  }

  /**
   * The device that an event is of. A further device costs its gateway as much as over the gateways' own protocol.
   * @returns the code of an error where the client may not speak for it, or not now
   */
  deviceOf(id: string): MqttDeviceSession | number {
    const gateway = this.#gateway;
    if (gateway === undefined) return this.#device!;
    const known = gateway.get(id);
    if (known !== undefined) return known;
    const { edge } = this.#deps;
    if (!edge.charge(this.payer, CONNECT_COST, edge.clock.now())) return errors.rateLimit.code;
    return gateway.connect(id);
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

  *sessions(): Iterable<MqttDeviceSession | MqttSubscriberSession> {
    if (this.#device !== undefined) yield this.#device;
    if (this.subscriber !== undefined) yield this.subscriber;
    if (this.#gateway !== undefined) yield* this.#gateway.all();
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
