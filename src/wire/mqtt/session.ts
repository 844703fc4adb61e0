/**
 * The state machine of one MQTT connection: which packet is allowed when, and how it is answered. It has no socket and
 * no timer: bytes, the hub's answers and the clock come from outside, on one thread.
 */
import type { Clock } from '../../clock.ts';
import { closes } from '../../codes.ts';
import { keptMsAfter, type MqttSettings } from './connecting.ts';
import { PacketType, Reason } from './constants.ts';
import { pingresp } from './encode.ts';
import { withIdentifiers } from './events.ts';
import { Framer, framingFaults, type PacketSink } from './framer.ts';
import { type Client, type Greeter, Handshake, type LetIn, NOBODY, scopeNameOf } from './handshake.ts';
import type { KeptSession, MqttHost } from './host.ts';
import { UNSETTLED, unsettled } from './kept.ts';
import { CONNECT_MS_MAX } from './limits.ts';
import { type InterestedClient, OwnInterest, StateNow } from './own-interest.ts';
import {
  type Disconnect,
  type Malformed,
  pingProblem,
  readAcknowledgement,
  readDisconnect,
  readSubscribe,
  readUnsubscribe,
  type Subscribe,
  type Unsubscribe,
} from './packets.ts';
import { Publishing, type PublishingClient } from './publishing.ts';
import { disconnectReasonOf } from './reasons.ts';
import { accepts, acknowledge, answer, isNarrow, sayWhy } from './replies.ts';
import { MqttRequests, type Requester } from './requests.ts';
import { MqttSubscriptions } from './subscriptions.ts';
import type { TopicLayout } from './topics.ts';

/** Shared by all MQTT connections of a thread. */
export interface MqttContext {
  readonly layout: TopicLayout;
  readonly settings: MqttSettings;
  readonly clock: Clock;
}

/** The state of a connection. */
const State = {
  /** Waiting for CONNECT. */
  fresh: 0,
  /** Waiting for the hub to admit the client. */
  connecting: 1,
  open: 2,
  ended: 3,
} as const;
type State = (typeof State)[keyof typeof State];

/** WebSocket close code after a client's DISCONNECT. */
const GOODBYE_CODE = 1000;

const NOT_CONNECT = 'the first packet is not CONNECT';

export class MqttSession implements PacketSink, Greeter, PublishingClient, Requester, InterestedClient {
  readonly host: MqttHost;
  /** See `PublishingClient`. */
  now: number;
  readonly #context: MqttContext;
  readonly #framer: Framer;
  #state: State = State.fresh;
  #client = NOBODY;
  /** Hub clock: when the last packet came, or when the connection was made. */
  #heardAt: number;
  /** How long the session outlives its connection, ms. */
  #keptMs = 0;
  #isDevice = false;
  #isSubscriber = false;
  #isOneByOne = false;
  /** Whether `leave` is still to be called. */
  #isJoined = false;
  #hasGoodbye = false;
  /** The connection ended while packets waited for the hub to admit the client. */
  #isCut = false;
  #publishing: Publishing | undefined;
  #requests: MqttRequests | undefined;
  #subscriptions: MqttSubscriptions | undefined;
  #interest: OwnInterest | undefined;
  /** Of a kept session, until the first PUBLISH or acknowledgement. */
  #keptPacketIds: readonly number[] = [];

  constructor(host: MqttHost, context: MqttContext) {
    this.host = host;
    this.#context = context;
    this.#framer = new Framer(context.settings.packetBytesMax);
    this.now = context.clock.now();
    this.#heardAt = this.now;
  }

  /** The client; its id is '' until the hub has admitted it. */
  get client(): Client {
    return this.#client;
  }

  get layout(): TopicLayout {
    return this.#context.layout;
  }

  /** Whether the client is admitted and connected. */
  get isOpen(): boolean {
    return this.#state === State.open;
  }

  get hasEnded(): boolean {
    return this.#state === State.ended;
  }

  get subscriptions(): MqttSubscriptions {
    this.#subscriptions ??= new MqttSubscriptions();
    return this.#subscriptions;
  }

  /** See `Requester`. */
  get interest(): OwnInterest {
    this.#interest ??= new OwnInterest(this);
    return this.#interest;
  }

  /** See `PacketSink`: packets wait while the hub admits the client. */
  get wantsPackets(): boolean {
    return this.#state === State.fresh || this.#state === State.open;
  }

  /** Buffered input, bytes. */
  get heldBytes(): number {
    return this.#framer.heldBytes;
  }

  /** Handles input. @param bytes valid only while this runs @param now hub clock, ms */
  receive(bytes: Uint8Array, now: number): void {
    if (this.hasEnded || bytes.length === 0) return;
    this.now = now;
    // Anything else is not MQTT, so do not wait for the rest of it.
    const isFirst = this.#state === State.fresh && this.#framer.heldBytes === 0;
    if (isFirst && bytes[0]! >> 4 !== PacketType.connect) this.#protocolError(NOT_CONNECT);
    else this.#framed(this.#framer.feed(bytes, this));
  }

  /** The hub answers an event for which `publish` returned `PublishOutcome.later`. @param error of `errors`; 0: taken */
  published(packetId: number, error: number, isSkipped: boolean): void {
    this.#publishing?.published(packetId, error, isSkipped);
    if (this.hasEnded) this.#leaveWhenDecided();
  }

  /**
   * Adapts an event to this client: subscription identifiers, No Local, maximum packet size.
   * @param packet as `encodeMqttEvent` made it for this client's version
   * @param topicBytes length of its topic, with the length in front
   * @param kind bit of `Kind`
   * @returns the packet to send, or undefined to send nothing
   */
  adapt(packet: Uint8Array, topicBytes: number, device: string, kind: number): Uint8Array | undefined {
    const { id, version } = this.#client;
    const identifiers = this.#subscriptions?.identifiersFor(device, kind, device === id);
    if (identifiers === undefined) return undefined;
    // A session of MQTT 5 may go on in 3.1.1, which has none.
    const hasNone = identifiers.length === 0 || version === 4;
    const adapted = hasNone ? packet : withIdentifiers(packet, topicBytes, identifiers);
    return accepts(this.#client, adapted) ? adapted : undefined;
  }

  /** The hub closes the connection. @param code of `closes` */
  close(code: number, reason: string): void {
    this.disconnect(disconnectReasonOf(code), reason, code);
  }

  /** The connection has ended. What came before counts: a client need not wait for CONNACK to publish and say goodbye. */
  closed(): void {
    this.#isCut = this.#state === State.connecting && this.heldBytes > 0;
    if (!this.#isCut) this.#end();
  }

  /** The hub has ended follows of devices that the client still has: follows them again. */
  refollow(devices: readonly string[]): void {
    if (this.isOpen) this.#requester.refollow(devices);
  }

  /** Checks time limits. Call it at least once a second. */
  tick(): void {
    const silentMs = this.#context.clock.now() - this.#heardAt;
    const { keepAliveMs } = this.#client.times;
    if (this.#state === State.fresh && silentMs > CONNECT_MS_MAX) {
      this.host.count('silent');
      this.disconnect(Reason.keepAliveTimeout, 'no CONNECT in time', closes.noPong.code);
    } else if (this.isOpen && keepAliveMs > 0 && silentMs > keepAliveMs)
      this.disconnect(Reason.keepAliveTimeout, 'silent for 1.5 times the keep-alive', closes.noPong.code);
  }

  /** Excuses silence while the thread itself was stalled. */
  credit(ms: number): void {
    this.#heardAt += ms;
  }

  /** See `PacketSink`. */
  packet(bytes: Uint8Array, head: number, start: number, end: number): void {
    if (this.#state === State.fresh) {
      this.#first(bytes, head, start, end);
      return;
    }
    this.#heardAt = this.now;
    const type = head >> 4;
    const { version } = this.#client;
    switch (type) {
      case PacketType.publish:
        this.#publisher().take(bytes, head, start, end);
        break;
      case PacketType.puback:
      case PacketType.pubrec:
      case PacketType.pubrel:
      case PacketType.pubcomp:
        this.#acknowledged(type, readAcknowledgement(bytes, head, start, end, version));
        break;
      case PacketType.subscribe:
        this.#requested(readSubscribe(bytes, head, start, end, version));
        break;
      case PacketType.unsubscribe:
        this.#requested(readUnsubscribe(bytes, head, start, end, version));
        break;
      case PacketType.pingreq:
        this.#pinged(pingProblem(head, start, end));
        break;
      case PacketType.disconnect:
        this.#said(readDisconnect(bytes, head, start, end, version));
        break;
      default:
        this.#protocolError(`packet type ${type} from a client`);
    }
  }

  /** See `Greeter`. */
  turnAway(message: string, code: number): void {
    this.#end();
    this.host.end(code, message);
  }

  /** See `Greeter`. */
  opened(client: Client, { kept, restored }: LetIn, connack: Uint8Array): void {
    this.#client = client;
    this.#keptMs = client.times.keptMs;
    this.#isDevice = client.isDevice;
    if (this.hasEnded) {
      this.#leave(() => (kept === undefined ? this.#kept() : unsettled(kept)));
      return;
    }
    this.#isJoined = true;
    this.#keptPacketIds = kept?.packetIds ?? [];
    this.#subscriptions = restored?.count === 0 ? undefined : restored;
    this.#isSubscriber = restored?.hasTargets === true;
    this.#state = State.open;
    this.now = this.#context.clock.now();
    this.#heardAt = this.now;
    this.host.write(connack);
    const adapts =
      isNarrow(client, this.#context.settings.packetBytesMax) || this.#subscriptions?.needsAdapting;
    if (adapts) this.deliverOneByOne(() => {}); // it follows nothing yet
    if (this.#subscriptions?.hasInterest) this.interest.watch(StateNow.live);
    if (this.#subscriptions?.hasTargets) this.#requester.resume();
    this.#framed(this.#framer.resume(this));
    if (this.#isCut) this.#end();
  }

  /** See `PublishingClient`. */
  acknowledge(type: number, packetId: number, reason: number, message: string): void {
    if (this.isOpen) acknowledge(this.host, this.#client, type, packetId, reason, message);
  }

  /** See `Requester`. */
  answer(make: (message: string) => Uint8Array, message: string): void {
    if (this.isOpen && !answer(this.host, this.#client, make, message))
      this.disconnect(Reason.packetTooLarge, 'the answer is too large for the client', closes.badFrame.code);
  }

  /** See `PublishingClient`. */
  becomeDevice(): void {
    if (!this.#isDevice) this.host.becomeDevice();
    this.#isDevice = true;
  }

  /** See `Requester`. */
  becomeSubscriber(): void {
    if (!this.#isSubscriber) this.host.becomeSubscriber();
    this.#isSubscriber = true;
  }

  /** See `Requester`. */
  deliverOneByOne(done: () => void): void {
    const isNew = !this.#isOneByOne;
    this.#isOneByOne = true;
    if (isNew) this.host.deliverOneByOne(done);
    else done();
  }

  /** Counts a protocol violation and ends the connection. */
  fail({ reason, message }: Pick<Malformed, 'reason' | 'message'>): void {
    this.host.count('malformed');
    this.disconnect(reason, message, closes.badFrame.code);
  }

  /** Ends the connection, with a DISCONNECT in MQTT 5. */
  disconnect(reason: number, message: string, code: number): void {
    const { isOpen, hasEnded } = this;
    this.#end(); // first: what finds no room may close the connection in turn
    if (isOpen) sayWhy(this.host, this.#client, reason, message);
    if (!hasEnded) this.host.end(code, message);
  }

  #protocolError(message: string): void {
    this.fail({ reason: Reason.protocolError, message });
  }

  #framed(problem: number): void {
    if (this.hasEnded) this.#framer.drop();
    else if (problem !== 0) this.fail(framingFaults[problem]!);
  }

  /** Handles CONNECT; `receive` has checked the packet type. */
  #first(bytes: Uint8Array, head: number, start: number, end: number): void {
    this.#state = State.connecting;
    new Handshake(this.host, this.#context, this).start(bytes, head, start, end);
  }

  #publisher(): Publishing {
    this.#publishing ??= new Publishing(this, this.#keptPacketIds);
    return this.#publishing;
  }

  #acknowledged(type: number, acknowledged: number | Malformed): void {
    if (typeof acknowledged === 'number') this.#publisher().acknowledged(type, acknowledged);
    else this.fail(acknowledged);
  }

  #requested(request: Subscribe | Unsubscribe | Malformed): void {
    if (request.ok) this.#requester.add(request);
    else this.fail(request);
  }

  get #requester(): MqttRequests {
    this.#requests ??= new MqttRequests(this);
    return this.#requests;
  }

  #pinged(problem: Malformed | undefined): void {
    if (problem !== undefined) {
      this.fail(problem);
      return;
    }
    this.host.charge(1);
    if (this.isOpen) this.host.write(pingresp);
  }

  /** Handles DISCONNECT. Only reason 0 is a goodbye; after any other the will is published. */
  #said(said: Disconnect | Malformed): void {
    if (!said.ok) {
      this.fail(said);
      return;
    }
    const keptMs = keptMsAfter(said, this.#keptMs, this.#context.settings);
    if (keptMs === undefined) {
      this.#protocolError('a session expiry interval where CONNECT had none');
      return;
    }
    this.#keptMs = keptMs;
    this.#hasGoodbye = said.reason === Reason.success;
    this.turnAway('', GOODBYE_CODE);
  }

  #end(): void {
    if (this.hasEnded) return;
    this.#state = State.ended;
    this.#framer.drop();
    this.#leaveWhenDecided();
  }

  /** Waits until the outcome of every QoS 2 event is known, since the kept session lists those that were taken. */
  #leaveWhenDecided(): void {
    if (!this.#isJoined || this.#publishing?.hasUndecided === true) return;
    this.#isJoined = false;
    this.#leave(() => this.#kept());
  }

  #leave(keep: () => KeptSession): void {
    const keptMs = this.#keptMs;
    this.host.leave({ isClean: this.#hasGoodbye, kept: keptMs > 0 ? keep() : undefined, keptMs });
  }

  #kept(): KeptSession {
    const isSettled = this.#requests?.settle() ?? true;
    return {
      subscriptions: this.#subscriptions?.kept() ?? [],
      packetIds: this.#publishing?.keptPacketIds() ?? this.#keptPacketIds,
      scope: isSettled ? (this.#subscriptions?.scope ?? scopeNameOf(this.#client)) : UNSETTLED,
    };
  }
}
