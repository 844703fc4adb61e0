/**
 * The publish half of an edge: checks what devices send and forwards it to the owner. Hot path: adds next to nothing to
 * the cost of receiving a frame. Must not write to presence, except `lastSeen`.
 */
import type { Clock } from '../../clock.ts';
import { errors } from '../../codes.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import { NONE, Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import type { PresenceReader } from '../../presence/reader.ts';
import { EventField, EventFlag } from '../../records/event.ts';
import { createDeviceFrame, type DeviceFrame } from '../../wire/device-frames.ts';
import { EventType } from '../../wire/events.ts';
import { type PublishedEvent, PublishOutcome } from '../../wire/mqtt/host.ts';
import type { OwnerLine } from '../owner-line.ts';
import type { DeviceSession } from './device-session.ts';
import { Taps } from './taps.ts';

export interface PublisherDeps {
  readonly presence: PresenceReader;
  readonly line: OwnerLine;
  readonly clock: Clock;
  readonly counters: Counters;
  /** While the owner is away, the table does not show who listens. */
  readonly isOwnerAway: () => boolean;
  /**
   * Where this thread also delivers: called from time to time under a flood, so that the events of one long read do not
   * fill the ring before this thread's own turn to send them comes.
   */
  readonly relieve: (() => void) | undefined;
  /** Whether history keeps events; messages then take numbers even if nobody listens. */
  readonly keepsHistory: boolean;
}

/** Events forwarded between two calls of `relieve`: a few hundred KiB of a ring of megabytes. */
const RELIEVE_EVENTS = 1024;

const receivedCells = {
  [EventType.pong]: Counter.receivedPong,
  [EventType.message]: Counter.receivedMessage,
  [EventType.status]: Counter.receivedStatus,
} as const;

export class Publisher {
  readonly taps = new Taps();
  readonly #deps: PublisherDeps;
  /** Since the last relief, or since the last poll. */
  #forwarded = 0;
  /** `lastSeen` is an atomic BigInt cell: the BigInt is made once per millisecond, not once per frame. */
  #nowMs = 0;
  #nowCell = 0n;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** The thread polls its ring: forwarded events are on their way. */
  polled(): void {
    this.#forwarded = 0;
  }

  /** A sign of life. @param now hub clock, ms */
  heard(session: DeviceSession, now: number): void {
    const whole = Math.floor(now);
    session.aliveAt = whole;
    this.storeSeen(session, whole);
  }

  /**
   * Stores last_seen, then checks whether the owner has marked the device stale; the owner does it in the opposite
   * order, so that at least one of the two notices. @param whole hub clock, whole ms
   */
  storeSeen(session: DeviceSession, whole: number): void {
    const { slot } = session;
    if (slot === NONE) return;
    // Stryker disable next-line ConditionalExpression: the same BigInt, made more often
    if (whole !== this.#nowMs) {
      this.#nowMs = whole;
      this.#nowCell = BigInt(whole);
    }
    const { rows } = this.#deps.presence.devices;
    Atomics.store(rows.lastSeen, slot, this.#nowCell);
    if (Atomics.load(rows.deviceState, slot) === DeviceState.stale) this.#deps.line.active(session);
  }

  /**
   * Takes an event: skips it if nobody listens, otherwise forwards it.
   * @param bytes the frame that `frame` has the ranges of @param now hub clock, ms
   */
  event(session: DeviceSession, bytes: Uint8Array, frame: DeviceFrame, now: number): void {
    this.#deps.counters.cells[receivedCells[frame.type as 1 | 2 | 3]]! += 1;
    let at = UNREAD;
    // Stryker disable next-line ConditionalExpression: no tap hears of it either way
    if (this.taps.inUse) {
      at = this.#deps.clock.wallNow(); // read once: the dashboard knows by it an event that comes twice
      this.taps.event(session.id, bytes, frame, at);
    }
    if (this.#isSkipped(session, frame.type, frame.ackEnd !== frame.ackStart))
      this.#skip(session, bytes, frame);
    else if (!this.#forward(session, bytes, frame, now, at, 0, bytes)) this.#refuse(session, bytes, frame);
  }

  /**
   * Takes an event that an MQTT client published. @param now hub clock, ms
   * @returns a `PublishOutcome`, or an error's code; what is answered later is answered through `session`
   */
  published(session: DeviceSession, event: PublishedEvent, now: number): number {
    const { counters } = this.#deps;
    counters.cells[receivedCells[event.type as 1 | 2 | 3]]! += 1;
    const { bytes, type, packetId } = event;
    const frame = published;
    frame.type = type;
    frame.priority = event.priority;
    frame.payloadIsJson = event.payloadIsJson;
    frame.status = event.status;
    let at = UNREAD;
    // Stryker disable next-line ConditionalExpression: no tap hears of it either way
    if (this.taps.inUse) {
      frame.payloadStart = event.dataStart;
      frame.payloadEnd = event.dataEnd;
      at = this.#deps.clock.wallNow();
      this.taps.event(session.id, bytes, frame, at);
    }
    if (this.#isSkipped(session, type, packetId !== 0)) {
      counters.cells[Counter.skipped]! += 1;
      return PublishOutcome.skipped;
    }
    frame.payloadStart = event.payloadStart;
    frame.payloadEnd = event.payloadEnd;
    frame.ackEnd = packetId === 0 ? 0 : PACKET_ID_BYTES;
    packetIdBytes[0] = packetId >> 8;
    packetIdBytes[1] = packetId & 0xff;
    if (this.#forward(session, bytes, frame, now, at, EventFlag.asPublished, packetIdBytes))
      return packetId === 0 ? PublishOutcome.taken : PublishOutcome.later;
    counters.add(Counter.droppedIngestFull);
    return errors.limit.code;
  }

  /**
   * Whether the event takes no number: nobody listens, it is not kept, and no subscriber that may come back has to see
   * the hole. An event that asks for an ack goes to the owner if others are on their way there: their effect on the
   * device's number is not known yet, and acks come in order.
   */
  #isSkipped(session: DeviceSession, type: number, wantsAck: boolean): boolean {
    const { presence, isOwnerAway, keepsHistory, line } = this.#deps;
    const { slot } = session;
    const { rows } = presence.devices;
    if (type === EventType.status || slot === NONE || Atomics.load(rows.active, slot) !== 0) return false;
    if (Atomics.load(rows.home, slot) === Numbering.claimed) return false; // who listens elsewhere is not known yet
    if (keepsHistory ? type !== EventType.pong : Atomics.load(rows.waiting, slot) !== 0) return false;
    if (wantsAck && (session.acksDue > 0 || !line.isTakenTo(session.lastEventAt))) return false;
    return !isOwnerAway();
  }

  /** Whether nobody listens, here or on another node. */
  #isUnheard(slot: number): boolean {
    const { rows } = this.#deps.presence.devices;
    return (
      slot !== NONE &&
      Atomics.load(rows.active, slot) === 0 &&
      Atomics.load(rows.home, slot) === Numbering.here
    );
  }

  #skip(session: DeviceSession, bytes: Uint8Array, frame: DeviceFrame): void {
    this.#deps.counters.cells[Counter.skipped]! += 1;
    if (frame.ackEnd === frame.ackStart) return;
    const seq = this.#deps.presence.devices.rows.seq[session.slot]!;
    session.send(session.codec.ack(ackIdOf(bytes, frame), seq, true));
  }

  /** @param at wall-clock ms, or `UNREAD` @param acks holds the ack's id @returns false when the ring has no room */
  #forward(
    session: DeviceSession,
    bytes: Uint8Array,
    frame: DeviceFrame,
    now: number,
    at: number,
    flags: number,
    acks: Uint8Array,
  ): boolean {
    const { line, clock } = this.#deps;
    // Stryker disable next-line ConditionalExpression, StringLiteral: an empty text has no bytes
    const status = frame.status === '' ? NO_BYTES : Buffer.from(frame.status);
    const payloadBytes = frame.payloadEnd - frame.payloadStart;
    const ackBytes = frame.ackEnd - frame.ackStart;
    const total = EventField.body + status.length + payloadBytes + ackBytes;
    const offset = line.claimEvent(total, frame.priority);
    if (offset < 0) return false;
    const { f64, u32, u16, u8 } = line.views;
    f64[(offset + EventField.at) >> 3] = at === UNREAD ? clock.wallNow() : at;
    f64[(offset + EventField.received) >> 3] = now;
    u32[(offset + EventField.device) >> 2] = session.slot;
    u32[(offset + EventField.session) >> 2] = session.number;
    u8[offset + EventField.type] = frame.type;
    u8[offset + EventField.priority] = frame.priority;
    u8[offset + EventField.flags] = flags | (frame.payloadIsJson ? EventFlag.payloadIsJson : 0);
    u8[offset + EventField.ackBytes] = ackBytes;
    u16[(offset + EventField.statusBytes) >> 1] = status.length;
    u32[(offset + EventField.payloadBytes) >> 2] = payloadBytes;
    let end = offset + EventField.body;
    // Stryker disable next-line ConditionalExpression, EqualityOperator: nothing is set of no bytes
    if (status.length > 0) u8.set(status, end);
    end += status.length;
    copyBytes(bytes, frame.payloadStart, frame.payloadEnd, u8, end);
    copyBytes(acks, frame.ackStart, frame.ackEnd, u8, end + payloadBytes);
    if (ackBytes === 0 && this.#isUnheard(session.slot)) line.commitUnheard();
    else line.commit();
    session.lastEventAt = line.position;
    if (ackBytes > 0) session.acksDue += 1;
    if (this.#deps.relieve === undefined || ++this.#forwarded < RELIEVE_EVENTS) return true;
    this.#forwarded = 0;
    this.#deps.relieve();
    return true;
  }

  /** The ring is full. A device that asked for an ack learns of it. */
  #refuse(session: DeviceSession, bytes: Uint8Array, frame: DeviceFrame): void {
    const { counters } = this.#deps;
    counters.add(Counter.droppedIngestFull);
    if (frame.ackEnd === frame.ackStart) return;
    counters.refuse(errors.limit.code);
    const message = 'the hub is overloaded; the event was refused';
    session.send(session.codec.problem({ code: errors.limit.code, message, id: ackIdOf(bytes, frame) }));
  }
}

/** In place of the time of an event: it was not read yet. */
const UNREAD = 0;

/** Used again for each event of an MQTT client. */
const published = createDeviceFrame();
const PACKET_ID_BYTES = 2;
const packetIdBytes = new Uint8Array(PACKET_ID_BYTES);
const NO_BYTES = new Uint8Array(0);
/** Up to here a loop beats `set`, which makes a view first. */
const COPY_BY_LOOP_BYTES_MAX = 256;

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  // Stryker disable next-line all: both ways copy the same bytes
  if (end - start > COPY_BY_LOOP_BYTES_MAX) {
    to.set(from.subarray(start, end), at);
    return;
  }
  const shift = at - start;
  for (let i = start; i < end; i++) to[i + shift] = from[i]!;
}

/** Raw JSON of the id for which the frame asks for an ack, '' if it asks for none. */
export function ackIdOf(bytes: Uint8Array, frame: DeviceFrame): string {
  const { ackStart, ackEnd } = frame;
  return Buffer.from(bytes.buffer, bytes.byteOffset + ackStart, ackEnd - ackStart).toString('utf8');
}
