/**
 * Watches what waits for each of a thread's sockets: who is slow, who has caught up, who is to be closed. The transport
 * says when a queue shrinks, never when one grows; so the queues are looked at when enough was published since the
 * last time for one to overflow, and once a second. No socket costs anything per event.
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
  /** What all queues of this thread may hold, bytes; 0: no limit. */
  totalBytes: number;
  /**
   * Above this the transport drops frames: what the others leave room for between two looks, so that whoever is over
   * the limit is closed before it loses anything uncounted.
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
  /** Whether no round is under way: only then a subscriber may leave or enter its topics. */
  readonly isBetweenRounds: () => boolean;
  /** Whether all that the owner said so far was heard: an answer may be followed by what ends delivery. */
  readonly isCaughtUp: () => boolean;
  /** The slow subscriber was told something of what it missed: it may be sent something else, too. */
  readonly recovering: (session: SubscriberSession) => void;
}

/** Time between two looks while events flow, ms. */
const LOOK_MS = 20;
/** A look at all queues (0.1 µs each) is followed by this many times its own length without one: 5 % of the time. */
const REST_FACTOR = 20;
/** A look is due when this share of a queue's limit was published since the last. */
const DUE_SHARE = 1 / 4;
/** Below this much published since the last look a burst is none, however small the limit. */
const BURST_BYTES_MIN = 64 * 1024;
/** About what an event's frame is longer than its record. */
const FRAME_EXTRA_BYTES = 128;
/** Devices told of what was missed in one go, over all of them: about two milliseconds. */
const RECOVERED_DEVICES_MAX = 512;
/** Devices that slow subscribers leave from one look to the next, all together: about two milliseconds. */
export const LEFT_DEVICES_MAX = 512;

export class SendQueues {
  /** How often `tick` should run. */
  readonly tickMs = 1000;
  readonly #deps: SendQueuesDeps;
  readonly #resumeBytes: number;
  readonly #burstBytes: number;
  /** Bytes published since the last look at all queues. */
  #published = 0;
  /** `#published` at which the next burst is full. */
  #burstAt: number;
  /** Hub clock, ms: no look before. */
  #lookAt = 0;
  /** Hub clock, ms: no look at all queues before. */
  #scanAt = 0;
  /**
   * Over the limit, to leave the topics of their devices from the next moment between rounds on; each with the bytes above
   * which it does.
   */
  readonly #falling = new Map<SubscriberSession, number>();
  /** Slow and drained, to recover at such a moment. */
  readonly #drained = new Set<SubscriberSession>();
  /** Devices that may be left until the next look. */
  #leavesLeft = LEFT_DEVICES_MAX;

  constructor(deps: SendQueuesDeps) {
    this.#deps = deps;
    const { queueBytes } = deps.limits;
    this.#resumeBytes = queueBytes * SEND_QUEUE_RESUME_SHARE;
    this.#burstBytes = Math.max(BURST_BYTES_MIN, queueBytes);
    this.#burstAt = this.#burstBytes;
  }

  /** Whether a subscriber waits to leave its topics, or to be let back in. */
  get hasWaiting(): boolean {
    return this.#falling.size + this.#drained.size > 0;
  }

  /**
   * Takes note of an event to be published.
   * @returns true when a queue may have gone far over its limit meanwhile: the caller finishes the round, calls `look`
   *   and goes on
   */
  published(recordBytes: number): boolean {
    this.#published += recordBytes + FRAME_EXTRA_BYTES;
    if (this.#published < this.#burstAt) return false;
    this.#burstAt += this.#burstBytes;
    return this.#deps.clock.now() >= this.#scanAt;
  }

  /** Looks at the queues if it is time to. Often. */
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

  /** The slow subscribers, at most `SLOW_NAMED_MAX`, those with the most waiting first. */
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

  /** The kernel has taken something of what waited for a subscriber. */
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

  /** All queues together are over the budget: the largest go, until the rest is within it. */
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
    // Who was told to go may take what waits and the close frame; not when they all together hold as much again.
    for (const { session, bytes } of closed) {
      if (closedBytes <= limits.totalBytes) break;
      session.terminate();
      closedBytes -= bytes;
    }
  }

  /** Lets slow subscribers leave their topics, and those who have caught up go back to theirs. */
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

  /** @param above bytes that are still too many: it may have drained since, and nobody would say when it has */
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
