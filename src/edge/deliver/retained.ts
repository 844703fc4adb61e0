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
import type { PresenceReader } from '../../presence/table.ts';
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
/** Sets of the kinds that anything is retained of: bits of `Kind` below this. */
const KINDS = 16;
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

/** What is to be sent of a device. */
interface Followed {
  readonly slot: number;
  readonly generation: number;
  readonly seq: number;
  readonly kinds: number;
}

/**
 * For one session, by device and kinds: a repeated request replaces the unsent earlier one. So no more waits than there
 * are devices, however often a peer subscribes without reading.
 */
type Waiting = Map<number, Followed>;

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

  /** Sends the retained messages of these newly followed devices; call it after the SUBACK was sent. */
  send(session: SubscriberSession, devices: FollowedDevices): void {
    const waiting: Waiting = this.#bySession.get(session) ?? new Map();
    this.#bySession.set(session, waiting);
    const { cells } = devices;
    for (let at = 0; at < cells.length; at += CELLS) {
      const [slot, kinds] = [cells[at]!, cells[at + 3]!];
      waiting.set(keyOf(slot, kinds), { slot, generation: cells[at + 1]!, seq: cells[at + 2]!, kinds });
    }
    this.run(session);
  }

  /** Number of entries that wait until the peer has read: one for each device and set of kinds. */
  waitingFor(session: SubscriberSession): number {
    return this.#bySession.get(session)?.size ?? 0;
  }

  /** An operator has terminated the device, so the table no longer has its state. */
  sendTerminated(session: SubscriberSession, device: string): void {
    this.#writeState(NONE, 'offline', 'closed');
    this.#encode(session, this.#stateEvent, this.#deps.namesById(device));
  }

  /** The session does not get the device's events any more. */
  detach(session: SubscriberSession, device: number): void {
    const waiting = this.#bySession.get(session);
    if (waiting === undefined) return;
    for (let kinds = 0; kinds < KINDS; kinds++) waiting.delete(keyOf(device, kinds));
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
    if (waiting === undefined) return Slice.through;
    let end: Slice = Slice.through;
    session.cork(() => {
      end = this.#advance(session, waiting);
    });
    // Stryker disable next-line ConditionalExpression: what was sent is as nothing, but would stay
    if (waiting.size === 0) this.#bySession.delete(session);
    return end;
  }

  #advance(session: SubscriberSession, waiting: Waiting): Slice {
    let steps = STEPS_PER_LOOK; // it is to ask first
    let sent = 0;
    for (const [key, followed] of waiting) {
      if (steps === STEPS_PER_LOOK || this.#bytes >= BYTES_PER_LOOK) {
        const look = this.#slices.look(session, sent);
        if (look !== Slice.through) return look;
        steps = sent = this.#bytes = 0;
      }
      waiting.delete(key);
      steps += 1;
      sent += this.#send(session, followed);
    }
    this.#deps.charges.rows(session, sent);
    return Slice.through;
  }

  /** @returns the events sent */
  #send(session: SubscriberSession, { slot, generation, seq, kinds }: Followed): number {
    const { reader, namesOf, presence } = this.#deps;
    const { rows } = presence.devices;
    if (Atomics.load(rows.generation, slot) !== generation) return 0;
    const names = namesOf(session, slot);
    let sent = 0;
    // Stryker disable next-line ConditionalExpression: of no type nothing is found
    if ((kinds & KEPT_TYPES) !== 0) {
      const replay = reader.lastUnlessNewer({ slot, generation, seq }, kinds & KEPT_TYPES);
      for (let step = replay.next(); step !== Step.End; step = replay.next()) {
        if (step !== Step.Event) continue;
        this.#encode(session, replay.views, names);
        sent += 1;
      }
    }
    if ((kinds & Kind.presence) === 0 || rows.known[slot] === 0) return sent;
    const state = deviceStateNames[Atomics.load(rows.deviceState, slot) as DeviceState];
    const reason = stateReasonNames[Atomics.load(rows.stateReason, slot)] ?? impliedReasons[state];
    this.#writeState(slot, state, reason);
    this.#encode(session, this.#stateEvent, names);
    return sent + 1;
  }

  #encode(
    session: SubscriberSession,
    views: Parameters<EventEncoder['replay']>[0],
    names: DeviceNames,
  ): void {
    const { encoder, counters } = this.#deps;
    const end = encoder.replay(views, names, session.encoding);
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

function keyOf(slot: number, kinds: number): number {
  return slot * KINDS + (kinds % KINDS);
}
