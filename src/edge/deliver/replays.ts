/**
 * Replays of kept events: the past that a subscriber asked for, before the live events. A replay reads the history log
 * directly and costs the owner nothing. If the peer cannot take it all at once, the device's live events are held back:
 * the replay continues from the log until it has caught up, and only then does the session enter the device's topic.
 * What was found for all sessions together is bounded: beyond it, a device's events are found again when their turn
 * comes, so sessions that read nothing take no room from those that do.
 */
import { foundCount, type HistoryReader, type Walked } from '../../history/reader.ts';
import { Replay, type Rest, Step } from '../../history/replay.ts';
import { HELD_AS_EVENTS } from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { EventField, EventFlag, isHigh } from '../../records/event.ts';
import type { Entry } from '../../records/replies.ts';
import { DeviceNames } from '../../wire/event-frames.ts';
import { ALL_TYPES, EventType, epochName, typeBit, typeBits } from '../../wire/events.ts';
import type { Past } from '../../wire/subscriber-ops.ts';
import type { EventEncoder } from './event-encoder.ts';
import { BYTES_PER_LOOK, Slice, Slices, type SlicesDeps, STEPS_PER_LOOK } from './slices.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { Attached } from './topics.ts';

export interface ReplaysDeps extends SlicesDeps {
  readonly reader: HistoryReader;
  readonly encoder: EventEncoder;
  readonly counters: Counters;
  /** Events that may be found and not sent yet, for all sessions together. */
  readonly foundMax: number;
  /** Sends the events so far to their topics, because a session may enter one only between rounds. */
  readonly finish: () => void;
  /** The session enters the device's topic. */
  readonly join: (session: SubscriberSession, attached: Attached) => void;
}

const GAP_REASON = 'history';
/** A replay of fewer events takes hardly more than what is left when they are dropped. */
const DROPPED_MIN = 4;

/** One device of one session, from the answer until its live events may be sent. */
interface Held {
  readonly session: SubscriberSession;
  readonly device: number;
  readonly generation: number;
  readonly names: DeviceNames;
  /** What is being sent; or what is left of it, to be found again. */
  replay: Replay | Rest;
  /** Bits of the types that it was found for. */
  types: number;
  /** Where it ends. */
  covered: number;
  /**
   * In a replay of events that came meanwhile: bits of the types followed then. Undefined while it replays the past.
   */
  meanwhile: number | undefined;
  /** The session has everything up to here, or a gap for it. */
  told: number;
  /** Seq of the device's last event that has reached this edge. */
  lastSeq: number;
  attached: Attached | undefined;
  /** Bits of the types that were followed up to a seq, before others: oldest first. */
  before: { readonly types: number; readonly seq: number }[] | undefined;
}

export class Replays {
  readonly #deps: ReplaysDeps;
  /** By session and device, in the order of the answer. */
  readonly #bySession = new Map<SubscriberSession, Map<number, Held>>();
  readonly #byDevice = new Map<number, Set<Held>>();
  /** While a new owner reports who gets what: those that it has not named. */
  readonly #unconfirmed = new Set<Held>();
  readonly #slices: Slices;
  /** Events that are held as found, of replays that may be dropped. */
  #found = 0;

  constructor(deps: ReplaysDeps) {
    this.#deps = deps;
    this.#slices = new Slices(deps, (session) => this.#slice(session));
  }

  /** Whether live events of any device are held back from anybody. */
  get inUse(): boolean {
    return this.#byDevice.size > 0;
  }

  /**
   * Finds what an entry's device has of the past that is asked for; `run` sends it.
   * @param types bits of the event types that are wanted
   * @param walked what was looked up of the device before the answer
   * @returns whether everything since the given position is there; undefined when no position was given
   */
  begin(
    session: SubscriberSession,
    entry: Entry,
    past: Past,
    types: number,
    walked?: Walked,
  ): boolean | undefined {
    const { reader } = this.#deps;
    const { deviceSlot: slot, generation, seq, device: id } = entry;
    const position = past.since.get(id);
    const asOf = { slot, generation, seq };
    let replay: Replay;
    let recovered: boolean | undefined;
    if (position !== undefined) {
      const isSame = position.epoch === epochName(entry.epoch);
      replay = isSame
        ? reader.since(asOf, position.seq, types, walked)
        : reader.newest(asOf, Number.POSITIVE_INFINITY, types, walked);
      recovered = isSame && replay.recovered;
    } else if (past.history > 0) replay = reader.newest(asOf, past.history, types, walked);
    else if (past.last) replay = reader.last(asOf, types);
    else return undefined;
    // What was looked up and is of no use, as the device has gone on since, costs as what is given up.
    const spare = walked === undefined ? 0 : foundCount(walked.events) - replay.count;
    this.#deps.charges.rows(session, Math.max(0, spare));
    const held = {
      session,
      device: slot,
      generation,
      names: new DeviceNames(id),
      replay,
      types,
      covered: seq,
      meanwhile: undefined,
      told: 0,
      lastSeq: seq,
      attached: undefined,
      before: undefined,
    };
    this.#found += droppable(replay);
    this.#makeRoom(held);
    const others = this.#bySession.get(session);
    if (others === undefined) this.#bySession.set(session, new Map([[slot, held]]));
    else others.set(slot, held);
    const ofDevice = this.#byDevice.get(slot);
    if (ofDevice === undefined) this.#byDevice.set(slot, new Set([held]));
    else ofDevice.add(held);
    return recovered;
  }

  /** Events that were found for the session and are not sent yet; each device counts for some, too. */
  unsentTo(session: SubscriberSession): number {
    let events = 0;
    for (const { replay } of this.#bySession.get(session)?.values() ?? [])
      events += HELD_AS_EVENTS + replay.left;
    return events;
  }

  /** Events that are held for all sessions together, apart from replays of very few. */
  get found(): number {
    return this.#found;
  }

  /** Whether the session's replay of the device is under way. */
  isHolding(session: SubscriberSession, device: number): boolean {
    return this.#find(session, device) !== undefined;
  }

  /** The session may get the device's live events. @returns false when nothing is held back */
  attach(session: SubscriberSession, attached: Attached): boolean {
    // Stryker disable next-line ConditionalExpression: a short cut
    const held = this.#byDevice.size === 0 ? undefined : this.#find(session, attached.device);
    if (held === undefined) return false;
    this.#unconfirmed.delete(held);
    const types = held.attached?.types;
    if (types !== undefined && types !== attached.types) {
      held.before ??= [];
      held.before.push({ types, seq: attached.seq });
    }
    held.attached = attached;
    held.lastSeq = Math.max(held.lastSeq, attached.seq);
    return true;
  }

  /**
   * The session gets nothing of the device any more. The events found for it cost as if they had been sent. Otherwise a
   * peer that asks for much, and gives it up at once, would keep this thread searching for nothing.
   */
  detach(session: SubscriberSession, device: number): void {
    // Stryker disable next-line ConditionalExpression: a short cut
    const held = this.#byDevice.size === 0 ? undefined : this.#find(session, device);
    if (held === undefined) return;
    this.#giveUp(held);
  }

  /** The session is over. What was found for it costs the same: its peer may come back and ask again. */
  forget(session: SubscriberSession): void {
    for (const held of [...(this.#bySession.get(session)?.values() ?? [])]) this.#giveUp(held);
    this.#slices.forget(session);
  }

  #giveUp(held: Held): void {
    this.#deps.charges.rows(held.session, held.replay.left);
    this.#remove(held);
  }

  /** Until `endResync` a new owner reports who gets what. A session that it has not named enters no topic. */
  beginResync(): void {
    for (const held of this.#byDevice.values()) for (const one of held) this.#unconfirmed.add(one);
  }

  endResync(): void {
    for (const held of this.#unconfirmed) this.#remove(held);
  }

  /** A live event of a device has reached this edge. */
  event(device: number, seq: number): void {
    for (const held of this.#byDevice.get(device) ?? []) held.lastSeq = seq;
  }

  /** Events of the device up to this seq did not reach this edge. */
  missed(device: number, seq: number): void {
    for (const held of this.#byDevice.get(device) ?? []) held.lastSeq = Math.max(held.lastSeq, seq);
  }

  /** Sends what the session's peer can take, for a moment; the rest follows by itself. */
  run(session: SubscriberSession): void {
    if (this.#bySession.has(session)) this.#slices.run(session);
  }

  /** Tries all sessions that could not take everything. */
  tick(): void {
    this.#slices.tick();
  }

  #slice(session: SubscriberSession): Slice {
    const queue = this.#bySession.get(session) ?? new Map<number, Held>();
    let end: Slice = Slice.through;
    session.cork(() => {
      while (end === Slice.through && queue.size > 0) {
        const held = queue.values().next().value!;
        end = this.#advance(held);
        if (end !== Slice.through) this.#makeRoom(held);
      }
    });
    return end;
  }

  /** Where too much is held, what is left of this one is found again when its turn comes. */
  #makeRoom(held: Held): void {
    const { replay } = held;
    if (this.#found <= this.#deps.foundMax || !(replay instanceof Replay) || droppable(replay) === 0) return;
    this.#use(held, replay.rest);
  }

  #use(held: Held, replay: Replay | Rest): void {
    this.#found += droppable(replay) - droppable(held.replay);
    held.replay = replay;
  }

  /** @returns what is sent of the device next */
  #replayOf(held: Held): Replay {
    const { device: slot, generation, covered: seq, replay, types } = held;
    if (replay instanceof Replay) return replay;
    const again = this.#deps.reader.again({ slot, generation, seq }, replay, types);
    this.#use(held, again);
    return again;
  }

  #advance(held: Held): Slice {
    const { session } = held;
    let end = this.#slices.look(session, 0);
    let looked = 0;
    let sent = 0;
    let bytes = 0;
    if (end !== Slice.through) return end;
    const replay = this.#replayOf(held);
    while (end === Slice.through) {
      const step = replay.next();
      if (step === Step.End) {
        this.#deps.charges.rows(session, sent);
        this.#passPongs(held, held.covered);
        return this.#hasCaughtUp(held);
      }
      if (step === Step.Gap) {
        this.#gap(held, replay.from, replay.to);
        continue;
      }
      this.#passPongs(held, replay.seq - 1);
      held.told = replay.seq;
      looked += 1;
      if (isWanted(held, replay.views)) {
        bytes += this.#send(held, replay.views);
        sent += 1;
      }
      if (looked < STEPS_PER_LOOK && bytes < BYTES_PER_LOOK) continue;
      end = this.#slices.look(session, sent);
      looked = sent = bytes = 0;
    }
    return end;
  }

  /** The replay is done: events that came meanwhile are replayed too, then the session enters the device's topic. */
  #hasCaughtUp(held: Held): Slice {
    const { reader, finish, join } = this.#deps;
    const { session, device: slot, generation, covered, lastSeq, attached } = held;
    if (attached !== undefined && lastSeq > covered) {
      const { types, seq } = held.before?.shift() ?? { types: attached.types, seq: lastSeq };
      // Numbers that no kept event has were pongs': to know them, every kept event is looked at.
      const read = (types & typeBits.pong) !== 0 ? ALL_TYPES : types;
      this.#use(held, reader.since({ slot, generation, seq }, covered, read));
      held.types = read;
      held.covered = Math.max(covered, seq);
      held.meanwhile = types;
      held.told = covered;
      return Slice.through;
    }
    if (this.#unconfirmed.has(held)) return Slice.blocked;
    this.#remove(held);
    if (attached === undefined) return Slice.through; // its live events are still to be attached, and none has come
    finish();
    if (!session.closing) join(session, { ...attached, seq: lastSeq });
    return Slice.through;
  }

  /** @returns its length, bytes */
  #send(held: Held, views: RecordViews): number {
    const { encoder, counters } = this.#deps;
    const { session, names } = held;
    const end = encoder.kept(views, names, session.encoding, isReplay(held, views));
    session.sendEvent(encoder.bytes.subarray(0, end));
    counters.cells[Counter.replayed]! += 1;
    return end;
  }

  /** Pongs that came meanwhile are not kept: they are the numbers up to here that are not missing otherwise. */
  #passPongs(held: Held, seq: number): void {
    const { meanwhile = 0, attached, told } = held;
    const areWanted = (meanwhile & (attached?.types ?? 0) & typeBits.pong) !== 0;
    if (areWanted && seq > told) this.#gap(held, told + 1, seq);
  }

  #gap(held: Held, from: number, to: number): void {
    const { session, names } = held;
    session.sendGap({ device: names.id, from, to, reason: GAP_REASON });
    held.told = to;
  }

  #find(session: SubscriberSession, device: number): Held | undefined {
    return this.#bySession.get(session)?.get(device);
  }

  #remove(held: Held): void {
    const { session, device } = held;
    this.#unconfirmed.delete(held);
    this.#found -= droppable(held.replay);
    const queue = this.#bySession.get(session)!;
    queue.delete(device);
    // Stryker disable next-line ConditionalExpression: an empty list is as none, but would stay
    if (queue.size === 0) this.#bySession.delete(session);
    const ofDevice = this.#byDevice.get(device)!;
    ofDevice.delete(held);
    if (ofDevice.size === 0) this.#byDevice.delete(device);
  }
}

/**
 * Whether the event in hand is told as a replay: it was there when the answer was given. A later one is live, though the
 * log had to keep it for a while. At a pace it is a replay all the same, unless it would have come at once: it comes
 * sooner than a live one may.
 */
function isReplay({ meanwhile, session }: Held, views: RecordViews): boolean {
  if (meanwhile === undefined) return true;
  return session.every > 0 && !isHigh(views, 0) && views.u8[EventField.type] !== EventType.status;
}

/** Whether the event in hand is of a type that was followed when it came, and is now: others may be asked for since. */
function isWanted({ meanwhile = ALL_TYPES, attached }: Held, views: RecordViews): boolean {
  const isHub = (views.u8[EventField.flags]! & EventFlag.fromHub) !== 0;
  const types = meanwhile & (attached?.types ?? ALL_TYPES);
  return (types & typeBit(views.u8[EventField.type]!, isHub)) !== 0;
}

/** Events that are not held any more once the replay is dropped. */
function droppable(replay: Replay | Rest): number {
  return replay instanceof Replay && replay.count >= DROPPED_MIN ? replay.count : 0;
}
