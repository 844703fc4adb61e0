/**
 * The publishing side of one client: topics and aliases, QoS 0, 1 and 2, exactly-once for QoS 2, acknowledgements. On
 * the hot path a device's topic is compared in place and nothing is decoded.
 */
import { closes, errors } from '../../codes.ts';
import { defaultPriorities, EventType } from '../events.ts';
import { mayBeDevice } from './connecting.ts';
import { PacketType, Reason } from './constants.ts';
import type { Client } from './handshake.ts';
import { type MqttHost, type PublishedEvent, PublishOutcome } from './host.ts';
import { OPEN_PACKET_IDS_MAX, TOPIC_ALIAS_MAX, TOPIC_BYTES_MAX } from './limits.ts';
import { createPublish, type Malformed, type Publish, readPublish, topicProblem } from './packets.ts';
import { createStatusParts, isJson, readStatus } from './payloads.ts';
import { publishReasonOf } from './reasons.ts';
import { Kind } from './templates.ts';
import { type Located, PUBLISHABLE, type TopicLayout } from './topics.ts';

/** What `Publishing` needs from the session. */
export interface PublishingClient {
  readonly host: MqttHost;
  readonly layout: TopicLayout;
  readonly client: Client;
  /** Hub clock, ms: when the packet at hand came. */
  readonly now: number;
  becomeDevice(): void;
  /** Sends an acknowledgement. `message` becomes its reason string if the client wants one. */
  acknowledge(type: number, packetId: number, reason: number, message: string): void;
  fail(problem: Malformed): void;
  disconnect(reason: number, message: string, code: number): void;
}

/** Packet ids have 16 bits, so no correct client has more QoS 1 events in flight. */
const UNANSWERED_MAX = 65_535;

const publish = createPublish();
const statusParts = createStatusParts();
const event: PublishedEvent = {
  device: '',
  type: 0,
  priority: 0,
  bytes: new Uint8Array(0),
  payloadStart: 0,
  payloadEnd: 0,
  payloadIsJson: false,
  dataStart: 0,
  dataEnd: 0,
  status: '',
  packetId: 0,
};

/** Shared by all clients that publish nothing at QoS 2; never written. */
const NONE_OPEN = new Map<number, boolean>();

/** By bit of `Kind`. */
const typesByKind: Readonly<Record<number, 1 | 2 | 3>> = {
  [Kind.pong]: EventType.pong,
  [Kind.message]: EventType.message,
  [Kind.status]: EventType.status,
};

const reasonsByError: ReadonlyMap<number, string> = new Map(
  Object.values(errors).map(({ code, reason }) => [code, reason]),
);

export class Publishing {
  readonly #peer: PublishingClient;
  /** QoS 2 packet ids without PUBREL, and whether the hub has taken their event. A map of its own from the first on. */
  #open: Map<number, boolean> = NONE_OPEN;
  /** How many of these the hub has not answered yet. */
  #undecided = 0;
  /** QoS 1 events that the hub has not answered yet. */
  #unanswered = 0;
  /** By alias; undefined for a foreign topic. Created with the first alias. */
  #aliases: Map<number, Located | undefined> | undefined;

  /** @param packetIds QoS 2 ids of a kept session */
  constructor(peer: PublishingClient, packetIds: readonly number[]) {
    this.#peer = peer;
    for (const packetId of packetIds.slice(0, OPEN_PACKET_IDS_MAX)) this.#setOpen(packetId, true);
  }

  /** Whether the outcome of a QoS 2 event is open: until then it is unknown which packet ids to keep. */
  get hasUndecided(): boolean {
    return this.#undecided > 0;
  }

  /** QoS 2 packet ids whose event the hub has taken. */
  keptPacketIds(): number[] {
    return [...this.#open].flatMap(([packetId, isHeld]) => (isHeld ? [packetId] : []));
  }

  /** Handles a PUBLISH. Parameters as for `readPublish`. */
  take(bytes: Uint8Array, head: number, start: number, end: number): void {
    const problem = readPublish(bytes, head, start, end, this.#peer.client.version, publish);
    if (problem !== undefined) {
      this.#peer.fail(problem);
      return;
    }
    // First: a topic alias takes effect even if its event is a duplicate.
    const located = this.#locate(bytes, publish);
    if (located === BROKEN) return;
    if (publish.qos === 2 && this.#isRepeated(publish.packetId)) return;
    if (publish.qos === 1 && publish.isDuplicate && this.#isUnderWay(publish.packetId)) return;
    if (publish.qos > 0 && this.#isTooMany(publish.qos)) return;
    if (located === undefined) this.#refuseTopic(publish);
    else this.#publish(bytes, publish, located);
  }

  /** Handles a PUBACK, PUBREC, PUBREL or PUBCOMP. The hub sends nothing at QoS 1 or 2, so only PUBREL has an effect. */
  acknowledged(type: number, packetId: number): void {
    this.#peer.host.charge(1);
    if (type === PacketType.pubrel) this.#release(packetId);
    // Its client waits for PUBREL, be it of something that another server sent.
    else if (type === PacketType.pubrec)
      this.#peer.acknowledge(PacketType.pubrel, packetId, Reason.packetIdNotFound, '');
  }

  #release(packetId: number): void {
    const { client } = this.#peer;
    const isOpen = this.#open.get(packetId) === true;
    if (isOpen) this.#open.delete(packetId);
    const reason = isOpen || client.version === 4 ? Reason.success : Reason.packetIdNotFound;
    this.#peer.acknowledge(PacketType.pubcomp, packetId, reason, '');
  }

  /** The hub has answered an event. @param error of `errors`; 0: taken */
  published(packetId: number, error: number, isSkipped: boolean): void {
    const qos = this.#open.get(packetId) === false ? 2 : 1;
    if (qos === 2) this.#undecided -= 1;
    else this.#unanswered -= 1;
    if (error === 0) this.#taken(qos, packetId, isSkipped);
    else this.#refused(qos, packetId, error, '');
  }

  /** A duplicate QoS 2 event is not published again, only acknowledged once the hub has taken it. */
  #isRepeated(packetId: number): boolean {
    const isHeld = this.#open.get(packetId);
    if (isHeld === undefined) return false;
    this.#peer.host.charge(1);
    if (isHeld) this.#peer.acknowledge(PacketType.pubrec, packetId, Reason.success, '');
    return true;
  }

  /** A client of 3.1.1 may send a QoS 1 event again before it is answered. The answer to come is for both. */
  #isUnderWay(packetId: number): boolean {
    const { host } = this.#peer;
    const isUnderWay = host.isUnanswered(packetId);
    if (isUnderWay) host.charge(1);
    return isUnderWay;
  }

  #isTooMany(qos: number): boolean {
    const open = this.#open.size;
    const isTooMany =
      this.#peer.client.version === 5
        ? open + this.#unanswered >= OPEN_PACKET_IDS_MAX
        : (qos === 2 && open >= OPEN_PACKET_IDS_MAX) || this.#unanswered >= UNANSWERED_MAX;
    if (isTooMany) {
      const message = `more than ${OPEN_PACKET_IDS_MAX} events without an answer`;
      this.#peer.disconnect(Reason.receiveMaximumExceeded, message, closes.badFrame.code);
    }
    return isTooMany;
  }

  /** @returns undefined for a foreign topic, `BROKEN` when the topic has ended the connection */
  #locate(bytes: Uint8Array, { topicStart, topicEnd, topicAlias }: Publish): Located | undefined {
    if (topicAlias > TOPIC_ALIAS_MAX) {
      const message = `topic alias ${topicAlias}; expected at most ${TOPIC_ALIAS_MAX}`;
      this.#peer.fail({ ok: false, reason: Reason.topicAliasInvalid, message });
      return BROKEN;
    }
    if (topicStart === topicEnd) {
      if (this.#aliases?.has(topicAlias)) return this.#aliases.get(topicAlias);
      const message = `topic alias ${topicAlias} stands for no topic yet`;
      this.#peer.fail({ ok: false, reason: Reason.protocolError, message });
      return BROKEN;
    }
    const located = this.#locateTopic(bytes, topicStart, topicEnd);
    if (topicAlias > 0 && located !== BROKEN) {
      this.#aliases ??= new Map();
      this.#aliases.set(topicAlias, located === undefined ? undefined : { ...located });
    }
    return located;
  }

  #locateTopic(bytes: Uint8Array, start: number, end: number): Located | undefined {
    const { layout, host, client } = this.#peer;
    const { id, role } = client;
    if (mayBeDevice(role)) {
      const kind = layout.kindOf(bytes, start, end, id);
      if (kind !== 0) return (kind & PUBLISHABLE) === 0 ? undefined : own(id, kind);
    }
    const problem = topicProblem(bytes, start, end);
    if (problem !== undefined) {
      this.#peer.fail(problem);
      return BROKEN;
    }
    if (role !== 'gateway' || end - start > TOPIC_BYTES_MAX) return undefined;
    const located = layout.locate(Buffer.from(bytes.subarray(start, end)).toString());
    if (located === undefined || (located.kind & PUBLISHABLE) === 0) return undefined;
    return host.coversDevice(located.device) ? located : undefined;
  }

  #refuseTopic({ qos, packetId }: Publish): void {
    const { host, client } = this.#peer;
    host.count('foreignTopic');
    if (client.version === 4 || qos === 0) {
      this.#peer.disconnect(Reason.notAuthorized, NOT_YOURS, closes.denied.code);
      return;
    }
    host.charge(1);
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    this.#peer.acknowledge(type, packetId, Reason.notAuthorized, NOT_YOURS);
  }

  #publish(bytes: Uint8Array, { qos, packetId, payloadStart, payloadEnd }: Publish, located: Located): void {
    const { host, client } = this.#peer;
    if (client.role !== 'gateway') this.#peer.becomeDevice();
    const type = typesByKind[located.kind]!;
    event.device = located.device;
    event.type = type;
    event.priority = defaultPriorities[type];
    event.bytes = bytes;
    event.payloadStart = event.dataStart = payloadStart;
    event.payloadEnd = event.dataEnd = payloadEnd;
    event.status = '';
    event.packetId = packetId;
    if (type === EventType.status) {
      const problem = readStatus(bytes, payloadStart, payloadEnd, statusParts);
      if (problem !== undefined) {
        host.charge(1);
        this.#refused(qos, packetId, errors.badRequest.code, problem);
        return;
      }
      event.status = statusParts.status;
      event.dataStart = statusParts.dataStart;
      event.dataEnd = statusParts.dataEnd;
      event.payloadIsJson = true;
    } else {
      event.payloadIsJson = payloadStart === payloadEnd || isJson(bytes, payloadStart, payloadEnd);
    }
    const outcome = host.publish(event, this.#peer.now);
    event.bytes = NO_BYTES;
    this.#settle(outcome, qos, packetId);
  }

  #settle(outcome: number, qos: number, packetId: number): void {
    if (outcome > 0) {
      this.#refused(qos, packetId, outcome, '');
    } else if (qos > 0) {
      if (outcome !== PublishOutcome.later) this.#taken(qos, packetId, outcome === PublishOutcome.skipped);
      else if (qos === 1) this.#unanswered += 1;
      else {
        this.#setOpen(packetId, false);
        this.#undecided += 1;
      }
    }
  }

  #setOpen(packetId: number, isHeld: boolean): void {
    if (this.#open === NONE_OPEN) this.#open = new Map();
    this.#open.set(packetId, isHeld);
  }

  #taken(qos: number, packetId: number, isSkipped: boolean): void {
    if (qos === 2) this.#setOpen(packetId, true);
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    const reason = isSkipped ? Reason.noMatchingSubscribers : Reason.success;
    this.#peer.acknowledge(type, packetId, reason, '');
  }

  /**
   * 3.1.1 cannot refuse a single event, and an acknowledgement would claim that the hub has it. So at QoS 1 and 2 the
   * connection ends, and the client sends the event again. At QoS 0 the loss is only counted.
   */
  #refused(qos: number, packetId: number, error: number, problem: string): void {
    if (qos === 2) this.#open.delete(packetId);
    const message = problem === '' ? (reasonsByError.get(error) ?? '') : problem;
    if (qos === 0) {
      this.#peer.host.count('refusedEvent');
    } else if (this.#peer.client.version === 4) {
      this.#peer.disconnect(publishReasonOf(error), message, closeOf(error));
    } else {
      const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
      this.#peer.acknowledge(type, packetId, publishReasonOf(error), message);
    }
  }
}

const NO_BYTES = new Uint8Array(0);
const NOT_YOURS = 'not a topic that this client may publish to';
/** Marks a topic that has ended the connection. */
const BROKEN: Located = { device: '', kind: 0 };

/** Reused for all events of the thread: it is consumed before the next topic is located. */
const ownTopic: { device: string; kind: number } = { device: '', kind: 0 };

function own(device: string, kind: number): Located {
  ownTopic.device = device;
  ownTopic.kind = kind;
  return ownTopic;
}

function closeOf(error: number): number {
  switch (error) {
    case errors.rateLimit.code:
      return closes.rateLimit.code;
    case errors.badRequest.code:
      return closes.badFrame.code;
    case errors.denied.code:
      return closes.denied.code;
    default:
      return closes.overCapacity.code;
  }
}
