/**
 * Sets of subscribers at a pace that get the same bytes. Thousands of devices have the same followers. So a device
 * points to its set instead of holding one, and the events of all devices of a set are encoded once and shared.
 *
 * A set is found by its hash, the xor of its members' hashes. A set that only one device has is changed in place; if
 * several devices share it, the device gets another. The last step is remembered, because a subscriber joins and leaves
 * its devices page by page, and all of them take the same step.
 */
import { hashPair, randomHashKey } from '../../memory/hash.ts';
import type { RecordViews } from '../../memory/ring.ts';
import type { Encoding } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { SHARD_SOCKETS_MAX } from './audience.ts';
import type { Pace } from './pace.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** Most members of a set: bounds the cost of changing one (a copy, a microsecond), and how long an encoding is held. */
export const COHORT_SESSIONS_MAX = SHARD_SOCKETS_MAX;

/** Random hash key: peers choose who follows what together, and without the key nobody can choose sets that collide. */
const KEY = randomHashKey();

/** One step from a set to another. */
interface Step {
  /** Number of the session that joined or left. */
  session: number;
  to: Cohort | undefined;
  /** Of `to`, when it was taken. */
  version: number;
}

/** Events to be sent with the next flush: parallel lists that are used again and again. */
export class NotedEvents {
  readonly names: DeviceNames[] = [];
  readonly views: RecordViews[] = [];
  readonly offsets: number[] = [];
  /** Events that each replaced. */
  readonly replaced: number[] = [];

  get size(): number {
    return this.offsets.length;
  }

  push(names: DeviceNames, views: RecordViews, offset: number, replaced: number): void {
    this.names.push(names);
    this.views.push(views);
    this.offsets.push(offset);
    this.replaced.push(replaced);
  }

  clear(): void {
    this.names.length = this.views.length = this.offsets.length = this.replaced.length = 0;
  }
}

export class Cohort {
  readonly kind: Cohorts;
  /** Replaced when it changes, so that a send in progress continues with the previous members. */
  sessions: readonly SubscriberSession[];
  /** Devices that have this set. */
  uses = 0;
  hash: number;
  /** Changes whenever the set is changed in place or dropped. */
  version = 0;
  /** High, normal, low, in the order of sending. An event follows earlier ones of its device and type (`listOf`). */
  readonly noted: readonly NotedEvents[] = [new NotedEvents(), new NotedEvents(), new NotedEvents()];
  /** Something was noted. */
  isDue = false;
  // Stryker disable ObjectLiteral,UnaryOperator: no step was taken yet, and no session has such a number
  readonly lastJoin: Step = { session: -1, to: undefined, version: 0 };
  readonly lastLeave: Step = { session: -1, to: undefined, version: 0 };
  // Stryker restore ObjectLiteral,UnaryOperator

  constructor(kind: Cohorts, sessions: readonly SubscriberSession[], hash: number) {
    this.kind = kind;
    this.sessions = sessions;
    this.hash = hash;
  }
}

/** Properties that the members of a kind share, whatever they follow. */
export interface CohortTerms {
  readonly pace: Pace;
  readonly encoding: Encoding;
  readonly isBatched: boolean;
  readonly isVip: boolean;
}

/** The sets of one kind of subscribers. A kind has at most `COHORT_SESSIONS_MAX` subscribers. */
export class Cohorts {
  readonly terms: CohortTerms;
  readonly empty: Cohort = new Cohort(this, [], 0);
  /** Sets that have events to send. */
  readonly due: Cohort[] = [];
  /** Subscribers of this kind that follow anything. */
  sessionCount = 0;
  /** By hash. Sets with the same hash are rare, and told apart by their members. */
  readonly #byHash = new Map<number, Cohort[]>();

  constructor(terms: CohortTerms) {
    this.terms = terms;
  }

  /** Sets in use. */
  get size(): number {
    let size = 0;
    for (const same of this.#byHash.values()) size += same.length;
    return size;
  }

  /** @returns the set for a device that had `from`, with one more member, which is not in `from` */
  join(from: Cohort, session: SubscriberSession): Cohort {
    return this.#step(from, from.lastJoin, session, true);
  }

  /** @returns the set for a device that had `from`, without one of its members */
  leave(from: Cohort, session: SubscriberSession): Cohort {
    return this.#step(from, from.lastLeave, session, false);
  }

  #step(from: Cohort, last: Step, session: SubscriberSession, joins: boolean): Cohort {
    const { to: known, version } = last;
    if (last.session === session.number && known !== undefined && known.version === version) {
      if (known !== this.empty) known.uses += 1;
      this.#release(from);
      return known;
    }
    const sessions = joins ? [...from.sessions, session] : from.sessions.filter((one) => one !== session);
    const hash = from.hash ^ hashPair(KEY, session.number, 0);
    const found = this.#find(hash, sessions);
    if (found === undefined && from.uses === 1) {
      this.#change(from, sessions, hash);
      return from;
    }
    const to = found ?? this.#enter(new Cohort(this, sessions, hash));
    last.session = session.number;
    last.to = to;
    last.version = to.version;
    if (to !== this.empty) to.uses += 1;
    this.#release(from);
    return to;
  }

  #find(hash: number, sessions: readonly SubscriberSession[]): Cohort | undefined {
    if (sessions.length === 0) return this.empty;
    const same = this.#byHash.get(hash);
    if (same === undefined) return undefined;
    const members = new Set(sessions);
    return same.find(
      (one) => one.sessions.length === members.size && one.sessions.every((it) => members.has(it)),
    );
  }

  #change(cohort: Cohort, sessions: readonly SubscriberSession[], hash: number): void {
    this.#remove(cohort);
    this.#becomeAnother(cohort);
    cohort.sessions = sessions;
    cohort.hash = hash;
    this.#enter(cohort);
  }

  /** A device has another set now. */
  #release(cohort: Cohort): void {
    if (cohort === this.empty || --cohort.uses > 0) return;
    this.#remove(cohort);
    this.#becomeAnother(cohort);
  }

  /** Invalidates the steps that led to it or away from it. */
  #becomeAnother(cohort: Cohort): void {
    // Stryker disable next-line AssignmentOperator: it is another number
    cohort.version += 1;
    cohort.lastJoin.to = cohort.lastLeave.to = undefined;
  }

  #enter(cohort: Cohort): Cohort {
    const same = this.#byHash.get(cohort.hash);
    if (same === undefined) this.#byHash.set(cohort.hash, [cohort]);
    else same.push(cohort);
    return cohort;
  }

  #remove(cohort: Cohort): void {
    const same = this.#byHash.get(cohort.hash)!;
    // Stryker disable next-line ConditionalExpression: an empty list is as none, but would stay
    if (same.length === 1) this.#byHash.delete(cohort.hash);
    else same.splice(same.indexOf(cohort), 1);
  }
}
