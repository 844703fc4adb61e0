/**
 * The sessions of an MQTT client: a device's, a subscriber's, or both (a gateway's: `gateway-session.ts`). They are
 * ordinary sessions; what the hub sends them goes to the connection's state machine, which knows the protocol.
 */
import type { Admitted } from '../../access/admission.ts';
import type { CloseEntry } from '../../codes.ts';
import { type Entry, type FilterEntry, Notice, type RefusedDevice } from '../../records/replies.ts';
import type { Asked, DeviceCodec, Problem, SubscriberCodec } from '../../wire/codec.ts';
import { Encoding } from '../../wire/encodings.ts';
import type { Outgoing } from '../deliver/outbox-frames.ts';
import { SubscriberSession } from '../deliver/subscriber-session.ts';
import { DeviceSession } from '../publish/device-session.ts';
import type { Closable } from '../session.ts';
import type { MqttFollows } from './follows.ts';

/** The connection as its sessions see it. */
export interface SessionsClient extends Closable {
  /** No silence limit is shorter, ms. */
  readonly silenceMsMin: number;
  readonly follows: MqttFollows;
  /** The hub has ended its follows of these devices. */
  refollow(devices: readonly string[]): void;
  /** The owner has let the session in. */
  welcomed(): void;
  published(packetId: number, skipped: boolean): void;
  interestIs(device: MqttDeviceSession, isListenedTo: boolean): void;
  /** The owner will answer none of this session's events that it has not answered. */
  failUnanswered(session: number): void;
  /** @returns the event as this client is to get it; undefined: not at all */
  adapt(packet: Uint8Array): Uint8Array | undefined;
}

/** @param id as an event had it that is acknowledged */
export function packetIdOf(id: Uint8Array): number {
  return (id[0]! << 8) | id[1]!;
}

/** MQTT has words of its own for what happens to a device: see the state machine. */
class MqttDeviceCodec implements DeviceCodec {
  /** Whose codec it is; set before anything is told. */
  session: MqttDeviceSession | undefined;
  readonly #client: SessionsClient;

  constructor(client: SessionsClient) {
    this.#client = client;
  }

  welcome(): undefined {}
  ack(): undefined {}
  problem(): undefined {}
  draining(): undefined {}

  interest(isListenedTo: boolean): undefined {
    if (this.session !== undefined) this.#client.interestIs(this.session, isListenedTo);
  }
}

export class MqttDeviceSession extends DeviceSession {
  readonly #client: SessionsClient;

  constructor(admitted: Admitted, number: number, connectedAt: number, client: SessionsClient) {
    const codec = new MqttDeviceCodec(client);
    super(admitted, number, connectedAt, { codec, wantsInterest: true });
    codec.session = this;
    this.#client = client;
  }

  override get silenceMsMin(): number {
    return this.#client.silenceMsMin;
  }

  override get closable(): Closable {
    return this.#client;
  }

  override welcome(slot: number): void {
    super.welcome(slot, undefined);
    this.#client.welcomed();
  }

  override acked(id: Uint8Array, _seq: number, skipped: boolean): void {
    this.#client.published(packetIdOf(id), skipped);
  }

  override close(close: CloseEntry): void {
    this.#client.close(close);
  }

  override closedByOwner(close: CloseEntry): void {
    this.close(close);
    this.#client.failUnanswered(this.number);
  }
}

/** Answers go to what asked. */
class MqttSubscriberCodec implements SubscriberCodec {
  readonly encoding: Encoding;
  readonly #follows: MqttFollows;
  readonly #refollow: SessionsClient['refollow'];

  constructor(encoding: Encoding, client: SessionsClient) {
    this.encoding = encoding;
    this.#follows = client.follows;
    this.#refollow = (devices) => client.refollow(devices);
  }

  welcome(): undefined {}
  gap(): undefined {}
  draining(): undefined {}

  notice(notice: Notice, entries: readonly Entry[]): undefined {
    if (notice === Notice.entry) this.#follows.told(entries);
    if (notice === Notice.terminated) this.#terminated(entries.map(({ device }) => device));
  }

  /** To MQTT a subscription is the client's, whether the device is there or not. */
  #terminated(devices: readonly string[]): void {
    this.#follows.terminated(devices);
    this.#refollow(devices);
  }

  problem({ code }: Problem): undefined {
    this.#follows.failed(code);
  }

  answer(
    _asked: Asked,
    entries: readonly Entry[],
    refused: readonly RefusedDevice[],
    _filters: readonly FilterEntry[],
    more: boolean,
  ): undefined {
    this.#follows.answered(entries, refused, more);
  }

  filterPage(filter: string, entries: readonly Entry[], more: boolean): undefined {
    this.#follows.page(filter, entries, more);
  }
}

export class MqttSubscriberSession extends SubscriberSession {
  readonly #client: SessionsClient;
  #fresh = true;
  /** Events pass through the state machine, one by one. */
  isAdapting = false;

  constructor(
    admitted: Admitted,
    number: number,
    connectedAt: number,
    client: SessionsClient,
    version: 4 | 5,
  ) {
    super(admitted, number, connectedAt, {
      codec: new MqttSubscriberCodec(version === 4 ? Encoding.mqtt3 : Encoding.mqtt5, client),
      batched: false,
      every: 0,
      hold: false,
      wanted: undefined,
    });
    this.#client = client;
  }

  /** What was kept of an earlier connection is wanted. */
  resume(): void {
    this.#fresh = false;
  }

  override get fresh(): boolean {
    return this.#fresh;
  }

  override get silenceMsMin(): number {
    return this.#client.silenceMsMin;
  }

  override get closable(): Closable {
    return this.#client;
  }

  override welcome(slot: number): void {
    super.welcome(slot, undefined);
    this.#client.welcomed();
  }

  override close(close: CloseEntry): void {
    this.#client.close(close);
  }

  override sendEvent(packet: Uint8Array): void {
    const adapted = this.isAdapting && packet.length > 0 ? this.#client.adapt(packet) : packet;
    if (adapted !== undefined && adapted.length > 0) super.sendEvent(adapted);
  }

  override sendOutbox(frames: Outgoing): void {
    const outbox = this.takeOutbox();
    const send = (packet: Uint8Array): void => {
      if (!this.closing) this.sendEvent(packet);
    };
    this.cork(() => frames.sendEach(outbox, send));
  }
}
