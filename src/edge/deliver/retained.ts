/**
 * Retained messages for an MQTT subscriber after it has subscribed: each device's newest kept message and status, and
 * its state. They are sent as the peer reads. Live events are not held back for them; if a newer event of the same type
 * has already been sent, the retained one is skipped.
 */
import type { HistoryReader } from '../../history/reader.ts';
import { Step } from '../../history/replay.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import { NONE } from '../../presence/columns.ts';
import { type DeviceState, deviceStateNames, stateReasonNames } from '../../presence/lifecycle.ts';
import type { PresenceReader } from '../../presence/reader.ts';
import { EventField, EventFlag, privateViews, writeEventHead } from '../../records/event.ts';
import type { Entry } from '../../records/replies.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType, Priority } from '../../wire/events.ts';
import { Kind } from '../../wire/mqtt/templates.ts';
import type { EventEncoder } from './event-encoder.ts';
import { BYTES_PER_LOOK, Slice, Slices, type SlicesDeps, STEPS_PER_LOOK } from './slices.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface RetainedDeps extends SlicesDeps {
  readonly reader: HistoryReader;
  readonly encoder: EventEncoder;
  readonly counters: Counters;
  readonly presence: PresenceReader;
  readonly namesOf: (session: SubscriberSession, device: number) => DeviceNames;
  readonly namesById: (device: string) => DeviceNames;
}

const KEPT_TYPES = Kind.message | Kind.status;
/** Of one device: its slot, the slot's generation, its seq when it was followed, kinds. */
const CELLS = 4;
const STATE_EVENT_BYTES = EventField.body + 128;

/** Other nodes report states without reasons; these are the only reasons that a state can have. */
const impliedReasons: Readonly<Partial<Record<string, string>>> = { online: 'connected', stale: 'silent' };

/** Devices that a subscriber has come to follow, each as of that moment. */
export class FollowedDevices {
  readonly cells: number[] = [];

  /** @param kinds of the retained events that are wanted, bits of `Kind` */
  add({ deviceSlot, generation, seq }: Entry, kinds: number): void {
    this.cells.push(deviceSlot, generation, seq, kinds);
  }
}

/** What to send for a device. */
interface Followed {
  readonly slot: number;
  readonly generation: number;
  kinds: number;
  /** Of the device when it was followed for the kind. */
  messageSeq: number;
  statusSeq: number;
}

/**
 * Of one session, by device: what is asked for before the rest was sent goes with that. So no more waits than there are
 * devices, however often, and in however many ways, a peer subscribes and reads nothing.
 */
interface Waiting {
  readonly devices: Map<number, Followed>;
  /** What is to go out first is still to come. */
  isHeld: boolean;
}

export class Retained {
  readonly #deps: RetainedDeps;
  readonly #bySession = new Map<SubscriberSession, Waiting>();
  readonly #stateEvent = privateViews(STATE_EVENT_BYTES);
  readonly #slices: Slices;
  /** Sent since the last look. */
  #bytes = 0;

  constructor(deps: RetainedDeps) {
    this.#deps = deps;
    this.#slices = new Slices(deps, (session) => this.#slice(session));
  }

  /** These devices have just been followed: what they have is sent with the next `release`, as is all that waits. */
  hold(session: SubscriberSession, devices: FollowedDevices): void {
    this.#add(session, devices).isHeld = true;
  }

  /** The SUBACK of what is held has gone out. */
  release(session: SubscriberSession): void {
    const waiting = this.#bySession.get(session);
    if (waiting === undefined) return;
    waiting.isHeld = false;
    this.run(session);
  }

  /** Sends what these devices have. */
  send(session: SubscriberSession, devices: FollowedDevices): void {
    this.#add(session, devices);
    this.run(session);
  }

  #add(session: SubscriberSession, { cells }: FollowedDevices): Waiting {
    const waiting = this.#bySession.get(session) ?? { devices: new Map(), isHeld: false };
    this.#bySession.set(session, waiting);
    for (let at = 0; at < cells.length; at += CELLS) {
      const [slot, generation] = [cells[at]!, cells[at + 1]!];
      const [seq, kinds] = [cells[at + 2]!, cells[at + 3]!];
      const before = waiting.devices.get(slot);
      if (before?.generation === generation) addTo(before, seq, kinds);
      else waiting.devices.set(slot, { slot, generation, kinds, messageSeq: seq, statusSeq: seq });
    }
    return waiting;
  }

  /** Devices of which something waits until the session's peer has read. */
  waitingFor(session: SubscriberSession): number {
    return this.#bySession.get(session)?.devices.size ?? 0;
  }

  /** An operator has terminated the device, so the table no longer has its state. */
  sendTerminated(session: SubscriberSession, device: string): void {
    this.#writeState(NONE, 'offline', 'closed');
    this.#encode(session, this.#stateEvent, this.#deps.namesById(device));
  }

  /** The session does not get the device's events any more. */
  detach(session: SubscriberSession, device: number): void {
    this.#bySession.get(session)?.devices.delete(device);
  }

  /** The session is over. */
  forget(session: SubscriberSession): void {
    this.#bySession.delete(session);
    this.#slices.forget(session);
  }

  /** Sends what the session's peer can take, for a moment; the rest follows by itself. */
  run(session: SubscriberSession): void {
    // Stryker disable next-line ConditionalExpression: a slice of nothing
    if (this.#bySession.has(session)) this.#slices.run(session);
  }

  /** Tries all sessions that could not take everything. */
  tick(): void {
    this.#slices.tick();
  }

  #slice(session: SubscriberSession): Slice {
    const waiting = this.#bySession.get(session);
    if (waiting === undefined || waiting.isHeld) return Slice.through;
    let end: Slice = Slice.through;
    session.cork(() => {
      end = this.#advance(session, waiting.devices);
    });
    // Stryker disable next-line ConditionalExpression: what was sent is as nothing, but would stay
    if (waiting.devices.size === 0) this.#bySession.delete(session);
    return end;
  }

  #advance(session: SubscriberSession, devices: Map<number, Followed>): Slice {
    let steps = STEPS_PER_LOOK; // it is to ask first
    let sent = 0;
    for (const [slot, followed] of devices) {
      if (steps === STEPS_PER_LOOK || this.#bytes >= BYTES_PER_LOOK) {
        const look = this.#slices.look(session, sent);
        if (look !== Slice.through) return look;
        steps = sent = this.#bytes = 0;
      }
      devices.delete(slot);
      steps += 1;
      sent += this.#send(session, followed);
    }
    this.#deps.charges.rows(session, sent);
    return Slice.through;
  }

  /** @returns the events sent */
  #send(session: SubscriberSession, followed: Followed): number {
    const { namesOf, presence } = this.#deps;
    const { slot, generation, kinds, messageSeq, statusSeq } = followed;
    const { rows } = presence.devices;
    if (Atomics.load(rows.generation, slot) !== generation) return 0;
    let sent = 0;
    if (messageSeq === statusSeq) sent += this.#sendKept(session, followed, messageSeq, KEPT_TYPES);
    else {
      sent += this.#sendKept(session, followed, messageSeq, Kind.message);
      sent += this.#sendKept(session, followed, statusSeq, Kind.status);
    }
    if ((kinds & Kind.presence) === 0 || rows.known[slot] === 0) return sent;
    const state = deviceStateNames[Atomics.load(rows.deviceState, slot) as DeviceState];
    const reason = stateReasonNames[Atomics.load(rows.stateReason, slot)] ?? impliedReasons[state];
    this.#writeState(slot, state, reason);
    this.#encode(session, this.#stateEvent, namesOf(session, slot));
    return sent + 1;
  }

  /** @param types of these, those that are wanted @returns the events sent */
  #sendKept(
    session: SubscriberSession,
    { slot, generation, kinds }: Followed,
    seq: number,
    types: number,
  ): number {
    // Stryker disable next-line ConditionalExpression: of no type nothing is found
    if ((kinds & types) === 0) return 0;
    const { reader, namesOf } = this.#deps;
    const names = namesOf(session, slot);
    const replay = reader.lastUnlessNewer({ slot, generation, seq }, kinds & types);
    let sent = 0;
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step !== Step.Event) continue;
      this.#encode(session, replay.views, names);
      sent += 1;
    }
    return sent;
  }

  #encode(session: SubscriberSession, views: Parameters<EventEncoder['kept']>[0], names: DeviceNames): void {
    const { encoder, counters } = this.#deps;
    const end = encoder.kept(views, names, session.encoding, true);
    session.sendEvent(encoder.bytes.subarray(0, end));
    this.#bytes += end;
    counters.cells[Counter.replayed]! += 1;
  }

  /** The device's state as an event of the hub. */
  #writeState(slot: number, state: string, reason: string | undefined): void {
    const payload = Buffer.from(JSON.stringify({ state, reason }));
    const body = writeEventHead(this.#stateEvent, 0, {
      at: 0,
      received: 0,
      device: slot,
      session: 0,
      type: EventType.status,
      priority: Priority.high,
      flags: EventFlag.payloadIsJson | EventFlag.fromHub,
      statusBytes: 0,
      payloadBytes: payload.length,
      ackBytes: 0,
    });
    this.#stateEvent.u8.set(payload, body);
  }
}

function addTo(followed: Followed, seq: number, kinds: number): void {
  followed.kinds |= kinds;
  if ((kinds & Kind.message) !== 0) followed.messageSeq = seq;
  if ((kinds & Kind.status) !== 0) followed.statusSeq = seq;
}
