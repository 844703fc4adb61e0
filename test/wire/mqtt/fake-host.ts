/**
 * A hub that does as a test says, behind one MQTT connection whose other end is mqtt-packet. What it is asked is noted;
 * it answers at once, or when told.
 */
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';
import { type MqttSettings, mayBeDevice } from '../../../src/wire/mqtt/connecting.ts';
import type { Version } from '../../../src/wire/mqtt/constants.ts';
import type {
  AdmitAnswer,
  AdmitRequest,
  ClientLeave,
  FollowedName,
  Joined,
  JoinRequest,
  MqttCount,
  MqttHost,
  PublishedEvent,
  TokenRole,
} from '../../../src/wire/mqtt/host.ts';
import { MqttSession } from '../../../src/wire/mqtt/session.ts';
import { MqttSubscriptions } from '../../../src/wire/mqtt/subscriptions.ts';
import { DEFAULT_TEMPLATES } from '../../../src/wire/mqtt/templates.ts';
import type { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { layoutOf } from './layouts.ts';

/** An event as the hub was given it. */
export interface Taken {
  readonly device: string;
  readonly type: number;
  readonly priority: number;
  readonly payload: string;
  readonly payloadIsJson: boolean;
  readonly data: string;
  readonly status: string;
  readonly packetId: number;
}

export class FakeHost implements MqttHost {
  readonly listener: MqttHost['listener'];
  /** Bytes written that nobody has read yet. */
  written: Buffer[] = [];
  ended: { readonly code: number; readonly reason: string } | undefined;
  readonly admits: AdmitRequest[] = [];
  readonly joins: JoinRequest[] = [];
  readonly events: Taken[] = [];
  readonly follows: (readonly FollowedName[])[] = [];
  readonly unfollows: (readonly string[])[] = [];
  readonly leaves: ClientLeave[] = [];
  readonly counts: MqttCount[] = [];
  readonly interest: boolean[] = [];
  /** `becomeDevice`, `becomeSubscriber`, `deliverOneByOne`, in their order. */
  readonly became: string[] = [];
  charged = 0;
  isAffordable = true;
  covered: readonly string[] = [];
  role: TokenRole;
  /** Undefined: the answer waits in `later`. */
  admission: ((request: AdmitRequest) => AdmitAnswer) | undefined = ({ clientId }) => ({
    ok: true,
    id: clientId === '' ? 's-generated' : clientId,
    role: this.role,
  });
  joined: Joined | undefined = { ok: true, kept: undefined };
  /** What `publish` answers. */
  outcome = 0;
  /** Packet ids of events that it has published and not answered. */
  unanswered: readonly number[] = [];
  /** By name; others are granted. */
  refusals: Readonly<Record<string, number>> = {};
  answersRequests = true;
  /** What has not been answered yet, first asked first. */
  readonly later: (() => void)[] = [];
  lateAdmission: ((admission: AdmitAnswer) => void) | undefined;
  lateJoined: ((joined: Joined) => void) | undefined;

  readonly layout: TopicLayout;

  constructor(listener: MqttHost['listener'], layout: TopicLayout) {
    this.listener = listener;
    this.layout = layout;
  }

  write(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes)); // a copy: the session may write over them
  }

  end(code: number, reason: string): void {
    if (this.ended !== undefined) throw new Error('ended twice');
    this.ended = { code, reason };
  }

  admit(request: AdmitRequest, answer: (admission: AdmitAnswer) => void): void {
    this.admits.push(request);
    if (this.admission === undefined) this.lateAdmission = answer;
    else answer(this.admission(request));
  }

  join(request: JoinRequest, answer: (joined: Joined) => void): void {
    this.joins.push(request);
    const tell = (joined: Joined): void => answer(this.#restored(joined, request.id));
    if (this.joined === undefined) this.lateJoined = tell;
    else tell(this.joined);
  }

  #restored(joined: Joined, id: string): Joined {
    if (!joined.ok || joined.kept === undefined) return joined;
    const restored = new MqttSubscriptions();
    restored.scope = joined.kept.scope;
    const device = mayBeDevice(this.role) ? id : undefined;
    for (const kept of joined.kept.subscriptions) restored.restore(kept, this.layout, device);
    return { ...joined, restored };
  }

  becomeDevice(): void {
    this.became.push('device');
  }

  becomeSubscriber(): void {
    this.became.push('subscriber');
  }

  deliverOneByOne(done: () => void): void {
    this.became.push('one by one');
    done();
  }

  coversDevice(device: string): boolean {
    return this.covered.includes(device);
  }

  publish(event: PublishedEvent): number {
    const text = (start: number, end: number): string =>
      Buffer.from(event.bytes.subarray(start, end)).toString();
    const { device, type, priority, payloadIsJson, status, packetId } = event;
    this.events.push({
      device,
      type,
      priority,
      payload: text(event.payloadStart, event.payloadEnd),
      payloadIsJson,
      data: text(event.dataStart, event.dataEnd),
      status,
      packetId,
    });
    return this.outcome;
  }

  isUnanswered(packetId: number): boolean {
    return this.unanswered.includes(packetId);
  }

  subscribe(follows: readonly FollowedName[], answer: (errors: readonly number[]) => void): void {
    this.follows.push(follows);
    this.#answer(() => answer(follows.map(({ name }) => this.refusals[name] ?? 0)));
  }

  unsubscribe(names: readonly string[], answer: () => void): void {
    this.unfollows.push(names);
    this.#answer(answer);
  }

  watchInterest(wanted: boolean): void {
    this.interest.push(wanted);
  }

  charge(units: number): boolean {
    this.charged += units;
    return this.isAffordable;
  }

  count(what: MqttCount): void {
    this.counts.push(what);
  }

  leave(leave: ClientLeave): void {
    if (this.leaves.length > 0) throw new Error('left twice');
    this.leaves.push(leave);
  }

  #answer(answer: () => void): void {
    if (this.answersRequests) answer();
    else this.later.push(answer);
  }
}

export interface PeerOptions {
  readonly version?: Version;
  readonly listener?: MqttHost['listener'];
  /** Of the token; absent: there is none. */
  readonly role?: TokenRole;
  readonly layout?: TopicLayout;
  readonly settings?: Partial<MqttSettings>;
}

const usual = layoutOf(...DEFAULT_TEMPLATES);

/** A client, a session and its host. */
export class Peer {
  readonly version: Version;
  readonly host: FakeHost;
  readonly clock = new FakeClock();
  readonly session: MqttSession;

  constructor({ version = 5, listener = 'tcp', role, layout = usual, settings }: PeerOptions = {}) {
    this.version = version;
    this.host = new FakeHost(listener, layout);
    this.host.role = role;
    const all = { packetBytesMax: 65_536, keptMsMax: 300_000, keepAliveSecondsMax: 0, ...settings };
    this.session = new MqttSession(this.host, { layout, clock: this.clock, settings: all });
  }

  /** Sends a packet. @returns what the session answered to it */
  send(packet: Packet): Packet[] {
    return this.sendBytes(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  sendBytes(bytes: Uint8Array | string): Packet[] {
    this.session.receive(
      Uint8Array.from(typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes),
      this.clock.now(),
    );
    return this.said();
  }

  /** What the session has written since this was asked last. */
  said(): Packet[] {
    const parser = mqttPacket.parser({ protocolVersion: this.version });
    const packets: Packet[] = [];
    parser.on('packet', (packet) => packets.push(packet));
    parser.on('error', (error) => {
      throw error;
    });
    const rest = parser.parse(Buffer.concat(this.host.written));
    if (rest !== 0) throw new Error(`${rest} bytes of a packet that is not whole`);
    this.host.written = [];
    return packets;
  }

  /** Sends CONNECT. @returns what it was answered */
  connect(more: Partial<IConnectPacket> = {}): Packet[] {
    return this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.version,
      clientId: 'dev-1',
      clean: true,
      keepalive: 60,
      ...more,
    });
  }

  publish(topic: string, payload: string, qos: 0 | 1 | 2 = 0, messageId = 1, dup = false): Packet[] {
    return this.send({ cmd: 'publish', topic, payload, qos, messageId, dup, retain: false });
  }

  subscribe(...topics: string[]): Packet[] {
    return this.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: topics.map((topic) => ({ topic, qos: 1 })),
    });
  }

  unsubscribe(...topics: string[]): Packet[] {
    return this.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: topics });
  }
}

/** A client that is connected. */
export function connected(options: PeerOptions = {}, more: Partial<IConnectPacket> = {}): Peer {
  const peer = new Peer(options);
  peer.connect(more);
  if (!peer.session.isOpen) throw new Error('not connected');
  return peer;
}
