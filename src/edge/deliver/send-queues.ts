/**
 * Watches the send queues of a thread's sockets: which subscriber is slow, has caught up, or must be closed. The
 * transport reports when a queue shrinks, but never when one grows. So the queues are checked when enough was sent
 * since the last check for one to overflow, and once a second. No socket costs anything per event.
 */
import type { Clock } from '../../clock.ts';
import {
  SEND_QUEUE_RESUME_SHARE,
  SLOW_MS_MAX,
  SLOW_NAMED_MAX,
  TRANSPORT_HELD_BYTES_MAX,
} from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { SlowSubscriber } from '../../records/commands.ts';
import type { SlowSubscribers } from './slow-subscribers.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface SendQueueLimits {
  /** Above this many bytes in its queue a subscriber is slow. */
  readonly queueBytes: number;
  /** Above this it is closed. */
  readonly queueBytesMax: number;
  /** Limit for all queues of this thread together, bytes; 0: no limit. */
  totalBytes: number;
  /**
   * Above this the transport drops frames. It leaves enough room between two checks, so that a subscriber over the
   * limit is closed before it loses anything uncounted.
   */
  readonly transportBytesMax: number;
  /** The next page of a long answer may come when at most this many bytes wait. */
  readonly pageResumeBytes: number;
}

/** @param threads that share the budget */
export function sendQueueLimits(
  settings: {
    readonly sendQueueBytes: number;
    readonly sendQueueMaxBytes: number;
    readonly sendQueuesTotalBytes: number;
  },
  threads: number,
): SendQueueLimits {
  const { sendQueueBytes, sendQueueMaxBytes: queueBytesMax, sendQueuesTotalBytes } = settings;
  const queueBytes = Math.min(sendQueueBytes, queueBytesMax);
  return {
    queueBytes,
    queueBytesMax,
    totalBytes: Math.ceil(sendQueuesTotalBytes / threads),
    pageResumeBytes: queueBytes * SEND_QUEUE_RESUME_SHARE,
    transportBytesMax: queueBytesMax + Math.max(BURST_BYTES_MIN, queueBytes) + TRANSPORT_HELD_BYTES_MAX,
  };
}

export interface SendQueuesDeps {
  /** All of the thread's subscribers. */
  readonly sessions: ReadonlyMap<number, SubscriberSession>;
  readonly slow: SlowSubscribers;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly limits: SendQueueLimits;
  /** Whether no round is in progress: only then may a subscriber leave or enter its topics. */
  readonly isBetweenRounds: () => boolean;
  /** Whether all records of the owner have been read: an answer may be followed by a record that ends delivery. */
  readonly isCaughtUp: () => boolean;
  /** The slow subscriber got some of its gaps: now other frames may be sent to it too. */
  readonly recovering: (session: SubscriberSession) => void;
}

/** Time between two checks while events flow, ms. */
const LOOK_MS = 20;
/**
 * After a check of all queues (0.1 µs each), there is none for this many times its length: so checks take 5 % at most.
 */
const REST_FACTOR = 20;
/** A check is due when this share of a queue's limit was sent since the last. */
const DUE_SHARE = 1 / 4;
/** With less than this sent since the last check, there is no burst, however small the limit. */
const BURST_BYTES_MIN = 64 * 1024;
/** About how much longer an event's frame is than its record. */
const FRAME_EXTRA_BYTES = 128;
/** Devices of recovering subscribers handled at once, all together: about two milliseconds. */
const RECOVERED_DEVICES_MAX = 512;
/** Devices that slow subscribers leave between two checks, all together: about two milliseconds. */
export const LEFT_DEVICES_MAX = 512;

export class SendQueues {
  /** How often `tick` should run. */
  readonly tickMs = 1000;
  readonly #deps: SendQueuesDeps;
  readonly #resumeBytes: number;
  readonly #burstBytes: number;
  /** Bytes sent since the last check of all queues. */
  #published = 0;
  /** `#published` at which the next burst is full. */
  #burstAt: number;
  /** Hub clock, ms: no check before this time. */
  #lookAt = 0;
  /** Hub clock, ms: no check of all queues before this time. */
  #scanAt = 0;
  /**
   * Sessions over the limit, which leave the topics of their devices when the round is over; each with the bytes above
   * which it does.
   */
  readonly #falling = new Map<SubscriberSession, number>();
  /** Slow sessions whose queue has drained, which recover at the same moment. */
  readonly #drained = new Set<SubscriberSession>();
  /** Devices that may be left until the next check. */
  #leavesLeft = LEFT_DEVICES_MAX;

  constructor(deps: SendQueuesDeps) {
    this.#deps = deps;
    const { queueBytes } = deps.limits;
    this.#resumeBytes = queueBytes * SEND_QUEUE_RESUME_SHARE;
    this.#burstBytes = Math.max(BURST_BYTES_MIN, queueBytes);
    this.#burstAt = this.#burstBytes;
  }

  /** Whether a subscriber waits to leave or to enter its topics. */
  get hasWaiting(): boolean {
    return this.#falling.size + this.#drained.size > 0;
  }

  /**
   * Notes an event that is about to be sent.
   * @returns true when a queue may be far over its limit by now: the caller finishes the round, calls `look` and
   *   continues
   */
  published(recordBytes: number): boolean {
    this.#published += recordBytes + FRAME_EXTRA_BYTES;
    if (this.#published < this.#burstAt) return false;
    this.#burstAt += this.#burstBytes;
    return this.#deps.clock.now() >= this.#scanAt;
  }

  /** Checks the queues if it is time to. Called often. */
  look(): void {
    const { clock, limits, slow } = this.#deps;
    const now = clock.now();
    this.#leavesLeft = LEFT_DEVICES_MAX;
    const isBurst = this.#published >= this.#burstBytes;
    if (now >= this.#lookAt || isBurst) {
      this.#lookAt = now + LOOK_MS;
      if (this.#published >= limits.queueBytes * DUE_SHARE && now >= this.#scanAt) this.#scan(now);
      else for (const session of slow.sessions) this.#judge(session, session.bufferedBytes, now);
    }
    this.#settle(now);
  }

  /** The slow subscribers, at most `SLOW_NAMED_MAX`, longest queues first. */
  slow(): SlowSubscriber[] {
    const { slow, clock } = this.#deps;
    return slow.size === 0 ? [] : slow.worst(SLOW_NAMED_MAX, clock.now());
  }

  /** Once a second. */
  tick(): void {
    const now = this.#deps.clock.now();
    this.#leavesLeft = LEFT_DEVICES_MAX;
    this.#scan(now);
    this.#settle(now);
  }

  /** Something was sent to this one alone. */
  check(session: SubscriberSession): void {
    const now = this.#deps.clock.now();
    this.#judge(session, session.bufferedBytes, now);
    this.#settle(now);
  }

  /** The kernel has taken some of a subscriber's queue. */
  writable(session: SubscriberSession): void {
    if (this.#deps.slow.has(session)) this.check(session);
  }

  /** The connection is over, or about to be; it has left its devices. */
  forget(session: SubscriberSession): void {
    this.#falling.delete(session);
    this.#drained.delete(session);
    this.#deps.slow.forget(session);
  }

  #scan(now: number): void {
    const { sessions, slow, clock, counters, limits } = this.#deps;
    this.#published = 0;
    this.#burstAt = this.#burstBytes;
    let total = 0;
    for (const session of sessions.values()) {
      const bytes = session.bufferedBytes;
      total += bytes;
      // Stryker disable next-line all: of the others there is nothing to judge, which costs less to see here
      if (bytes > limits.queueBytes || (slow.size > 0 && slow.has(session))) this.#judge(session, bytes, now);
    }
    counters.cells[Counter.queuedBytes] = total;
    if (limits.totalBytes > 0 && total + slow.keptBytes > limits.totalBytes) this.#relieve();
    const end = clock.now();
    this.#scanAt = end + (end - now) * REST_FACTOR;
  }

  #judge(session: SubscriberSession, bytes: number, now: number): void {
    if (session.closing) return;
    const { slow, limits } = this.#deps;
    if (bytes > limits.queueBytesMax) slow.close(session, Counter.closedOverQueue);
    else if (now - slow.sinceMs(session) > SLOW_MS_MAX) slow.close(session, Counter.closedLagging);
    else if (bytes > limits.queueBytes) this.#fall(session);
    else if (bytes <= this.#resumeBytes && slow.has(session)) this.#drained.add(session);
  }

  #fall(session: SubscriberSession): void {
    if (!this.#falling.has(session)) this.#falling.set(session, this.#deps.limits.queueBytes);
  }

  /** All queues together are over the budget: closes the subscribers with the largest, until the rest is within it. */
  #relieve(): void {
    const { sessions, slow, limits } = this.#deps;
    const largestFirst = [...sessions.values()]
      .map((session) => ({ session, bytes: session.bufferedBytes }))
      .filter(({ bytes }) => bytes > 0)
      .sort((one, other) => other.bytes - one.bytes);
    const closed = largestFirst.filter(({ session }) => session.closing);
    const open = largestFirst.filter(({ session }) => !session.closing);
    let openBytes = open.reduce((sum, { bytes }) => sum + bytes, 0);
    let closedBytes = closed.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { session, bytes } of open) {
      if (openBytes + slow.keptBytes <= limits.totalBytes) break;
      slow.close(session, Counter.closedOverBudget);
      openBytes -= bytes;
      closedBytes += bytes;
    }
    // Closing subscribers may still take their queue and the close frame, unless all of them together hold as much
    // again.
    for (const { session, bytes } of closed) {
      if (closedBytes <= limits.totalBytes) break;
      session.terminate();
      closedBytes -= bytes;
    }
  }

  /** Lets slow subscribers leave their topics, and those that have caught up return. */
  #settle(now: number): void {
    // Stryker disable next-line ConditionalExpression: with nobody to settle there is nothing to do, which costs less to see here
    if (this.#falling.size + this.#drained.size === 0) return;
    const { slow, isBetweenRounds, isCaughtUp, recovering } = this.#deps;
    if (!isBetweenRounds()) return;
    for (const [session, above] of this.#falling) this.#leaveSome(session, above, now);
    if (!isCaughtUp()) return;
    let left = RECOVERED_DEVICES_MAX;
    for (const session of this.#drained) {
      if (left <= 0) break;
      if (session.bufferedBytes <= this.#resumeBytes) {
        left -= slow.recover(session, left);
        recovering(session);
      }
      const goesOn = slow.has(session) && session.bufferedBytes <= this.#resumeBytes;
      if (!goesOn) this.#drained.delete(session);
    }
  }

  /** @param above bytes that are still too many: the queue may have drained since, which nothing would report */
  #leaveSome(session: SubscriberSession, above: number, now: number): void {
    const { slow } = this.#deps;
    const most = this.#leavesLeft;
    if (session.bufferedBytes <= above) {
      this.#falling.delete(session);
      return;
    }
    if (most === 0 && slow.has(session)) return;
    const left = slow.start(session, now, most);
    this.#leavesLeft -= left;
    if (left < most) this.#falling.delete(session);
    else this.#falling.set(session, this.#resumeBytes); // it is slow now, until it has drained
  }
}
