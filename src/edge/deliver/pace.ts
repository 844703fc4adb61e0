/**
 * Subscribers that want updates at a pace: each gets a device's newest message, and its newest pong, at most once per
 * interval. What is more urgent comes at once. Until a turn is due only the newest event is kept, once per device for
 * all who wait for it; for each of them only a count.
 */
import type { Clock } from '../../clock.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews } from '../../records/event.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { EventType } from '../../wire/events.ts';
import type { EventEncoder } from './event-encoder.ts';
import { OutboxFrames } from './outbox-frames.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Turns that are due within this time go together, ms. */
const STEP_MS = 10;
/** Types that are conflated, each for itself: the place of a type in the lists below. */
const MESSAGE = 0;
const PONG = 1;
const LANES = [MESSAGE, PONG] as const;
type Lane = (typeof LANES)[number];

/** One subscriber of one device. Lists are by lane. */
interface Paced {
  readonly session: SubscriberSession;
  readonly audience: PacedAudience;
  /** When its next turn is, hub clock, ms. */
  readonly nextAt: number[];
  /** Events since its last turn. */
  readonly waiting: number[];
}

export interface PacesDeps {
  readonly encoder: EventEncoder;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** The turns of one edge's paced subscribers. */
export class Paces {
  readonly #deps: PacesDeps;
  /** By step of the clock: whose turn comes then. */
  readonly #turns = new Map<number, { readonly paced: Paced; readonly lane: Lane }[]>();
  /** All up to this step were looked at. */
  #stepDone = 0;
  readonly #frames = new OutboxFrames();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: PacesDeps) {
    this.#deps = deps;
  }

  now(): number {
    return this.#deps.clock.now();
  }

  /** Sends an event by itself. @param conflated events that it replaced */
  send(
    session: SubscriberSession,
    views: RecordViews,
    offset: number,
    names: DeviceNames,
    conflated: number,
  ): void {
    const { encoder, counters } = this.#deps;
    const end = encoder.paced(views, offset, names, session.encoding, { start: 0, conflated });
    session.sendEvent(encoder.bytes.subarray(0, end));
    counters.cells[Counter.deliveries]! += 1;
  }

  /** The first event waits for the turn. */
  schedule(paced: Paced, lane: Lane): void {
    if (this.#turns.size === 0) this.#stepDone = Math.floor(this.now() / STEP_MS);
    // A turn that is due already comes with the next step.
    const step = Math.max(this.#stepDone + 1, Math.ceil(paced.nextAt[lane]! / STEP_MS));
    const turns = this.#turns.get(step);
    if (turns === undefined) this.#turns.set(step, [{ paced, lane }]);
    else turns.push({ paced, lane });
    this.#timer ??= setTimeout(() => this.tick(), STEP_MS).unref();
  }

  /** Sends what is due. */
  tick(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = this.now();
    const last = Math.floor(now / STEP_MS);
    const { encoder, counters } = this.#deps;
    const touched: SubscriberSession[] = [];
    let end = 0;
    while (this.#stepDone < last && this.#turns.size > 0) {
      const step = ++this.#stepDone;
      const turns = this.#turns.get(step);
      this.#turns.delete(step);
      for (const { paced, lane } of turns ?? []) {
        const { session, audience, waiting, nextAt } = paced;
        // A more urgent event has replaced what waited, or the session has left.
        if (waiting[lane] === 0 || nextAt[lane]! > now) continue;
        const start = end;
        end = audience.encodeNewest(encoder, paced, lane, start);
        nextAt[lane] = now + session.every;
        counters.cells[Counter.deliveries]! += 1;
        if (session.addToOutbox(start, end)) touched.push(session);
      }
    }
    this.#frames.begin(encoder.bytes);
    for (const session of touched) session.sendOutbox(this.#frames);
    if (this.#turns.size > 0) this.#timer = setTimeout(() => this.tick(), STEP_MS).unref();
  }
}

/** Who gets one device's events at a pace. */
export class PacedAudience {
  readonly #names: DeviceNames;
  readonly #paces: Paces;
  readonly #members = new Map<SubscriberSession, Paced>();
  /** By lane: a copy of the newest event that anybody waits for. */
  readonly #newest: RecordViews[] = [];

  constructor(names: DeviceNames, paces: Paces) {
    this.#names = names;
    this.#paces = paces;
  }

  get sessions(): Iterable<SubscriberSession> {
    return this.#members.keys();
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  add(session: SubscriberSession): void {
    this.#members.set(session, { session, audience: this, nextAt: [0, 0], waiting: [0, 0] });
  }

  /**
   * @param comesBack it is sent to otherwise from here on, and gets what waits. Else it gets nothing more: the hub has
   *   answered already that it does not follow the device
   */
  remove(session: SubscriberSession, comesBack: boolean): void {
    const paced = this.#members.get(session);
    if (paced === undefined) return;
    this.#members.delete(session);
    for (const lane of LANES) {
      const waited = paced.waiting[lane]!;
      paced.waiting[lane] = 0;
      if (waited > 0 && comesBack) this.#paces.send(session, this.#newest[lane]!, 0, this.#names, waited - 1);
    }
  }

  /** An event of the device. */
  event(views: RecordViews, offset: number): void {
    const type = views.u8[offset + EventField.type]!;
    const lane = type === EventType.message ? MESSAGE : type === EventType.pong ? PONG : undefined;
    const isUrgent = lane === undefined || isHigh(views, offset);
    const now = this.#paces.now();
    let isKept = false;
    for (const paced of this.#members.values()) {
      const { session, waiting, nextAt } = paced;
      const isDue = lane === undefined || (waiting[lane] === 0 && nextAt[lane]! <= now);
      if (isUrgent || isDue) {
        this.#paces.send(session, views, offset, this.#names, lane === undefined ? 0 : waiting[lane]!);
        if (lane === undefined) continue;
        waiting[lane] = 0;
        nextAt[lane] = now + session.every;
        continue;
      }
      if (!isKept) this.#keep(lane, views, offset);
      isKept = true;
      waiting[lane]! += 1;
      if (waiting[lane] === 1) this.#paces.schedule(paced, lane);
    }
  }

  /** Encodes what a subscriber waits for; then nothing waits any more. @returns where it ends */
  encodeNewest(encoder: EventEncoder, { session, waiting }: Paced, lane: Lane, start: number): number {
    const conflated = waiting[lane]! - 1;
    waiting[lane] = 0;
    return encoder.paced(this.#newest[lane]!, 0, this.#names, session.encoding, { start, conflated });
  }

  #keep(lane: Lane, views: RecordViews, offset: number): void {
    const bytes = eventBytes(views, offset);
    const kept = this.#newest[lane];
    if (kept === undefined || kept.u8.length < bytes) this.#newest[lane] = privateViews(bytes);
    copyEvent(views, offset, this.#newest[lane]!, 0, bytes);
  }
}
