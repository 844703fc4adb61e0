/**
 * The slow subscribers of one edge: their send queue grew over its limit. They have left the transport's topics and are
 * handled one by one until their queue has drained: they get high-priority events; for other events, the missed seqs
 * are noted. Then each gets, device by device, its gaps and the newest event that it missed, and returns to the topic.
 *
 * A subscriber starts or recovers only between two rounds, when all subscribers have the same events.
 */
import { closes } from '../../codes.ts';
import { MISSED_RUNS_MAX } from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews } from '../../memory/ring.ts';
import type { SlowSubscriber } from '../../records/commands.ts';
import { copyEvent, EventField, eventBytes, isHigh, privateViews, seqOf } from '../../records/event.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { Gap } from '../../wire/gap.ts';
import { NO_SHARD, SLOW } from './audience.ts';
import type { EventEncoder } from './event-encoder.ts';
import type { Missed } from './missed.ts';
import type { Taken } from './paced-audience.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { Topic } from './topic.ts';
import { topicKey } from './topics.ts';

export interface SlowSubscribersDeps {
  /** By `topicKey`. */
  readonly topics: ReadonlyMap<number, Topic>;
  /** The ring that offsets point into. */
  readonly views: RecordViews;
  readonly encoder: EventEncoder;
  readonly counters: Counters;
  /** Above this many bytes in its queue a subscriber is slow. */
  readonly queueBytes: number;
  /** Above this it is closed. */
  readonly queueBytesMax: number;
  /** Ends the current round and sends the events that wait for the next. */
  readonly finishRounds: () => void;
}

interface Lag {
  /** Hub clock, ms. */
  readonly sinceMs: number;
  /** It became slow as a vip and no longer is one, or the other way round. */
  vipChanged: boolean;
  /** By topic: gaps of events lost before they reached this thread, sent when the subscriber has room for them. */
  gaps: Map<Topic, Gap[]> | undefined;
}

const GAP_REASON = 'slow';
const NO_GAPS: readonly Gap[] = [];
/** A recovering queue is filled up to this share of its limit at once, so that it does not become slow again. */
const REFILL_SHARE = 1 / 2;
/** Gaps are sent at once up to this share of a queue's hard limit: a full ring may bring one for each device. */
const GAPS_SHARE = 1 / 2;

export class SlowSubscribers {
  readonly #deps: SlowSubscribersDeps;
  readonly #sessions = new Map<SubscriberSession, Lag>();
  /** Of these, the ones that have not left all of their devices yet. */
  readonly #leaving = new Set<SubscriberSession>();
  /** Devices with newly missed events in the current round. */
  readonly #touched: Missed[] = [];
  #keptBytes = 0;

  constructor(deps: SlowSubscribersDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get sessions(): IterableIterator<SubscriberSession> {
    return this.#sessions.keys();
  }

  /** Bytes of the newest missed events, kept until nobody needs them. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  has(session: SubscriberSession): boolean {
    return this.#sessions.has(session);
  }

  /** Since when it is slow, hub clock in ms; Infinity when it is not. */
  sinceMs(session: SubscriberSession): number {
    return this.#sessions.get(session)?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** The slow subscribers, at most `countMax`, longest queues first. @param now hub clock, ms */
  worst(countMax: number, now: number): SlowSubscriber[] {
    return [...this.#sessions]
      .map(([session, { sinceMs }]) => ({
        subscriber: session.id,
        queuedBytes: session.bufferedBytes,
        laggingMs: Math.round(now - sinceMs),
        vip: session.vip,
      }))
      .sort((one, other) => other.queuedBytes - one.queuedBytes)
      .slice(0, countMax);
  }

  /**
   * From here on the subscriber is slow, for up to `devicesMax` more of its devices. Between rounds only.
   * @param now hub clock, ms @param devicesMax the others follow with the next calls, or with `leaveFirst`
   * @returns the devices done; fewer than `devicesMax` when it is slow for all of them
   */
  start(session: SubscriberSession, now: number, devicesMax = Number.POSITIVE_INFINITY): number {
    this.#passRounds(session);
    if (session.closing) return 0;
    if (!this.has(session)) {
      this.#sessions.set(session, { sinceMs: now, vipChanged: false, gaps: undefined });
      this.#deps.counters.add(Counter.laggingSubscribers);
    }
    const devices = session.someDevices(devicesMax, (shard) => shard !== SLOW);
    for (const device of devices) this.#leaveTopic(session, device);
    if (devices.length < devicesMax) this.#leaving.delete(session);
    else this.#leaving.add(session);
    return devices.length;
  }

  /** Whether any slow subscriber has not left all of its devices yet. */
  get isLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  /** Slow subscribers that have not left this device yet leave it now, before its next event. Between rounds only. */
  leaveFirst(device: number): void {
    for (const session of this.#leaving) {
      const shard = session.shardOf(device);
      if (shard === NO_SHARD || shard === SLOW) continue;
      this.#passRounds(session);
      if (!session.closing) this.#leaveTopic(session, device);
    }
  }

  #leaveTopic(session: SubscriberSession, device: number): void {
    const topic = this.#topicOf(session, device);
    const taken = topic.takeOut(session, session.shardOf(device));
    session.removeDevice(device, true);
    this.join(session, device, topic, taken);
  }

  /** A device of a slow subscriber: it misses what comes from here on. */
  join(session: SubscriberSession, device: number, topic: Topic, taken: Taken): void {
    const missed = topic.missedBy(session);
    const before = missed.keptBytes;
    missed.add(session, taken);
    this.#keptBytes += missed.keptBytes - before;
    session.addDevice(device, SLOW);
  }

  /** A slow subscriber gets nothing of the device any more, not even what it missed. */
  leave(session: SubscriberSession, topic: Topic): void {
    this.#takeGaps(session, topic);
    this.#deps.counters.add(Counter.droppedLagging, this.#remove(session, topic, missedOf(topic, session)));
  }

  /** A slow subscriber is about to join for other types: it gets a gap for everything that it missed until now. */
  takeOut(session: SubscriberSession, topic: Topic): Taken {
    const missed = missedOf(topic, session);
    const turns = missed.turnsOf(session);
    for (const gap of this.#takeGaps(session, topic)) session.sendGap(gap);
    this.#sendGaps(session, topic, missed.allMissedBy(session));
    this.leave(session, topic);
    return { waiting: [], turns };
  }

  /** The connection is over, or about to be; it has left its devices. */
  forget(session: SubscriberSession): void {
    this.#leaving.delete(session);
    if (this.#sessions.delete(session)) this.#deps.counters.add(Counter.laggingSubscribers, -1);
  }

  /** A slow subscriber has become a vip, or is none any more. */
  vipChanged(session: SubscriberSession): void {
    const lag = this.#sessions.get(session);
    if (lag !== undefined) lag.vipChanged = true;
  }

  /** An event passes the slow subscribers of a device. @param offset where it is in the ring */
  event(missed: Missed, offset: number): void {
    const { views, encoder } = this.#deps;
    if (!isHigh(views, offset)) {
      if (missed.note(views.f64[(offset + EventField.seq) >> 3]!, offset)) this.#touched.push(missed);
      return;
    }
    for (let encoding: Encoding = 0; encoding < encodings.length; encoding++) {
      if (missed.count(encoding as Encoding) === 0) continue;
      const end = encoder.encode(offset, missed.names, encoding as Encoding, 0); // first: it may replace the bytes
      if (end === 0) continue;
      const frame = encoder.bytes.subarray(0, end);
      for (const session of missed.sessions) {
        if (session.encoding !== encoding) continue;
        const replaced = missed.hasWaiting ? this.#replace(session, missed, offset, end) : 0;
        if (replaced === 0) this.#sendHigh(session, frame);
      }
    }
  }

  /**
   * Sends a high-priority event that replaces a waiting one.
   * @param start where in the encoder's bytes there is room @returns how many it replaces; 0: none, and it is not sent
   */
  #replace(session: SubscriberSession, missed: Missed, offset: number, start: number): number {
    const { views, encoder, counters } = this.#deps;
    const before = missed.keptBytes;
    const replaced = missed.replace(session, views.u8[offset + EventField.type]!);
    if (replaced === 0) return 0;
    this.#keptBytes += missed.keptBytes - before;
    const end = encoder.paced(views, offset, missed.names, session.encoding, start, replaced);
    this.#sendHigh(session, encoder.bytes.subarray(start, end));
    counters.add(Counter.conflated, replaced);
    return replaced;
  }

  /** All events of a round have passed; their bytes are still in the ring. */
  endRound(): void {
    const { views, counters } = this.#deps;
    for (const missed of this.#touched) {
      if (missed.size === 0) continue; // they were closed by a high event of this round
      const before = missed.keptBytes;
      const bytes = eventBytes(views, missed.freshOffset);
      const kept = privateViews(bytes);
      copyEvent(views, missed.freshOffset, kept, 0, bytes);
      const lost = missed.endRound(kept);
      counters.add(Counter.droppedLagging, lost);
      this.#keptBytes += missed.keptBytes - before;
      if (missed.isFull) for (const session of missed.sessions) this.close(session, Counter.closedLagging);
    }
    this.#touched.length = 0;
  }

  /** Sends a gap to the subscribers that are slow for this device: at once, or on recovery if their queue is long. */
  tell(topic: Topic, gap: Gap): void {
    const most = this.#deps.queueBytesMax * GAPS_SHARE;
    for (const missed of [topic.slow, topic.slowVips]) {
      if (missed === undefined) continue;
      for (const session of missed.sessions) {
        const lag = this.#sessions.get(session);
        if (lag === undefined) continue; // it is closing, and about to leave its devices
        if (session.bufferedBytes > most || lag.gaps?.has(topic) === true)
          this.#keep(session, lag, topic, gap);
        else session.sendGap(gap);
      }
    }
  }

  #keep(session: SubscriberSession, lag: Lag, topic: Topic, gap: Gap): void {
    lag.gaps ??= new Map();
    const gaps = lag.gaps.get(topic);
    if (gaps === undefined) lag.gaps.set(topic, [gap]);
    else if (gaps.push(gap) > MISSED_RUNS_MAX) this.close(session, Counter.closedLagging);
  }

  /** @returns the gaps of the device that are not sent yet; the caller takes them over */
  #takeGaps(session: SubscriberSession, topic: Topic): readonly Gap[] {
    const gaps = this.#sessions.get(session)?.gaps;
    const ofTopic = gaps?.get(topic);
    if (ofTopic === undefined) return NO_GAPS;
    gaps!.delete(topic);
    return ofTopic;
  }

  /**
   * Sends a slow subscriber its gaps and lets it have events again, device by device while there is room in its queue.
   * Between rounds only, and only when all records of the owner have been read.
   * @param devicesMax the most devices
   * @returns the devices done; when none is left it is no longer slow
   */
  recover(session: SubscriberSession, devicesMax: number): number {
    const { queueBytes } = this.#deps;
    this.#leaving.delete(session); // it has drained before it had left all
    this.#passRounds(session);
    if (session.closing) return 0;
    let room = queueBytes * REFILL_SHARE - session.bufferedBytes;
    let done = 0;
    let isThrough = true;
    const devices = session.someDevices(devicesMax + 1, (shard) => shard === SLOW); // one more: whether any is left
    session.cork(() => {
      for (const device of devices) {
        if (session.shardOf(device) !== SLOW) continue;
        isThrough = done < devicesMax && (room > 0 || done === 0);
        if (!isThrough) return;
        room -= this.#rejoin(session, device);
        done += 1;
      }
    });
    if (isThrough) this.forget(session);
    return done;
  }

  /** Closes a slow subscriber and counts why. @param cause one of the counters of closes */
  close(session: SubscriberSession, cause: number): void {
    if (session.closing) return;
    this.#deps.counters.add(cause);
    session.close(closes.slow);
  }

  /**
   * Vips and subscribers at a pace have already had the events that wait for the others, or will not get them. So a
   * subscriber must be past these events before it changes from one group to the other.
   */
  #passRounds(session: SubscriberSession): void {
    if (session.every > 0 || this.#sessions.get(session)?.vipChanged === true) this.#deps.finishRounds();
  }

  #sendHigh(session: SubscriberSession, frame: Uint8Array): void {
    const { counters, queueBytesMax } = this.#deps;
    if (session.bufferedBytes > queueBytesMax) {
      counters.add(Counter.droppedSlow);
      this.close(session, Counter.closedOverQueue);
      return;
    }
    session.sendEvent(frame);
    counters.cells[Counter.deliveries]! += 1;
  }

  /** @returns the bytes sent */
  #rejoin(session: SubscriberSession, device: number): number {
    const topic = this.#topicOf(session, device);
    const missed = missedOf(topic, session);
    let bytes = this.#sendGaps(session, topic, missed.gapsOf(session));
    const newest = missed.newestFor(session);
    const gaps = this.#takeGaps(session, topic);
    const until = newest === undefined ? Number.POSITIVE_INFINITY : seqOf(newest);
    // Stryker disable next-line EqualityOperator: what was lost is not what is kept
    for (const gap of gaps) if (gap.from <= until) bytes += session.sendGap(gap);
    const waiting = missed.waitingFor(session);
    const turns = missed.turnsOf(session);
    if (newest !== undefined) this.#deps.counters.add(Counter.droppedLagging, waiting.length);
    this.#remove(session, topic, missed);
    session.removeDevice(device, true);
    if (session.every > 0) {
      const left = newest === undefined ? waiting : [{ views: newest, replaced: 0 }];
      bytes += topic.bringBack(session, { waiting: left, turns });
      session.addDevice(device, 0);
    } else {
      if (newest !== undefined) bytes += this.#sendKept(session, topic, newest);
      session.addDevice(device, topic.add(session));
    }
    // Stryker disable next-line EqualityOperator: as above
    for (const gap of gaps) if (gap.from > until) bytes += session.sendGap(gap);
    return bytes;
  }

  /** @param gaps flat pairs: first and last of each run @returns the bytes sent */
  #sendGaps(session: SubscriberSession, { names }: Topic, gaps: readonly number[]): number {
    let bytes = 0;
    for (let at = 0; at < gaps.length; at += 2) {
      const [from, to] = [gaps[at]!, gaps[at + 1]!];
      bytes += session.sendGap({ device: names.id, from, to, reason: GAP_REASON });
    }
    return bytes;
  }

  /** @returns the bytes sent; 0: the event has no form in the session's encoding */
  #sendKept(session: SubscriberSession, { names }: Topic, views: RecordViews): number {
    const { encoder, counters } = this.#deps;
    const bytes = encoder.paced(views, 0, names, session.encoding, 0, 0);
    if (bytes === 0) return 0;
    session.sendEvent(encoder.bytes.subarray(0, bytes));
    counters.add(Counter.deliveries);
    return bytes;
  }

  #topicOf(session: SubscriberSession, device: number): Topic {
    return this.#deps.topics.get(topicKey(device, session.typesOf(device)))!;
  }

  /** @returns the events that were kept for it */
  #remove(session: SubscriberSession, topic: Topic, missed: Missed): number {
    const before = missed.keptBytes;
    const kept = missed.remove(session);
    this.#keptBytes += missed.keptBytes - before;
    if (missed.size > 0) return kept;
    this.#keptBytes -= missed.keptBytes;
    if (topic.slow === missed) topic.slow = undefined;
    else topic.slowVips = undefined;
    return kept;
  }
}

/** Where the missed events of a slow subscriber's device are noted, by its kind when it became slow. */
function missedOf({ slow, slowVips }: Topic, session: SubscriberSession): Missed {
  return slow?.has(session) ? slow : slowVips!;
}
