/**
 * The subscribers at a pace of one edge: which set of equal followers each is in, which events are noted for the sets,
 * and when they are sent. Due events are sent together: urgent ones at the end of a poll, waiting ones with a tick.
 */
import type { Clock } from '../../clock.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { encodings } from '../../wire/encodings.ts';
import type { DeviceNames } from '../../wire/event-frames.ts';
import { COHORT_SESSIONS_MAX, type Cohort, Cohorts } from './cohorts.ts';
import type { EventEncoder } from './event-encoder.ts';
import { Pace, type Turn } from './pace.ts';
import type { PacedAudience } from './paced-audience.ts';
import { PacedFrames } from './paced-frames.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface PacesDeps {
  /** Of their own: what it encoded stays until it is sent. */
  readonly encoder: EventEncoder;
  readonly clock: Clock;
  readonly counters: Counters;
  /** The turn of a device has come: a slow subscriber that has not left it yet leaves it first. */
  readonly turning: (device: number) => void;
  /** Notes bytes that are about to be sent; if they are many, sends the noted events and checks the queues. */
  readonly published: (bytes: number) => void;
}

/** Where a subscriber belongs while it follows any device. */
interface Place {
  readonly cohorts: Cohorts;
  readonly kind: number;
  devices: number;
}

export class Paces {
  readonly #deps: PacesDeps;
  /** By interval, ms. */
  readonly #paces = new Map<number, Pace>();
  /** By `kindOf`: of each kind as many as its subscribers need. */
  readonly #kinds = new Map<number, Cohorts[]>();
  readonly #places = new Map<SubscriberSession, Place>();
  /** Have sets that are due. */
  readonly #due: Cohorts[] = [];
  readonly #frames: PacedFrames;
  #flushes = 0;

  constructor(deps: PacesDeps) {
    this.#deps = deps;
    this.#frames = new PacedFrames(deps.encoder, deps.counters);
  }

  /** How often noted events have been sent. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Sets of equal followers. */
  get cohortCount(): number {
    let count = 0;
    for (const all of this.#kinds.values()) for (const { size } of all) count += size;
    return count;
  }

  /** Notes that the subscriber follows one more device; `exit` undoes it. @returns the sets that it is in */
  enter(session: SubscriberSession): Cohorts {
    let place = this.#places.get(session);
    if (place === undefined) {
      const kind = kindOf(session);
      place = { cohorts: this.#cohortsFor(session, kind), kind, devices: 0 };
      place.cohorts.sessionCount += 1;
      this.#places.set(session, place);
    }
    place.devices += 1;
    return place.cohorts;
  }

  /** @returns the sets that the subscriber is in; undefined: it follows nothing at a pace */
  cohortsOf(session: SubscriberSession): Cohorts | undefined {
    return this.#places.get(session)?.cohorts;
  }

  exit(session: SubscriberSession): void {
    const place = this.#places.get(session)!;
    if (--place.devices > 0) return;
    this.#places.delete(session);
    this.#release(place);
  }

  /**
   * The subscriber is of another kind from here on, and keeps its pace.
   * @param audiences all that it is in @param change makes it another
   */
  changeKind(session: SubscriberSession, audiences: readonly PacedAudience[], change: () => void): void {
    this.flush(); // the noted events are for its previous kind
    change();
    const before = this.#places.get(session);
    const kind = kindOf(session);
    if (before === undefined || before.kind === kind) return;
    const cohorts = this.#cohortsFor(session, kind);
    cohorts.sessionCount += 1;
    this.#places.set(session, { cohorts, kind, devices: before.devices });
    for (const audience of audiences) audience.move(session, before.cohorts, cohorts);
    this.#release(before); // last: its pace is shared
  }

  #release({ cohorts, kind }: Place): void {
    if (--cohorts.sessionCount > 0) return;
    const same = this.#kinds.get(kind)!.filter((one) => one !== cohorts);
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an empty list is as none, but would stay
    if (same.length > 0) this.#kinds.set(kind, same);
    else this.#kinds.delete(kind);
    const { pace } = cohorts.terms;
    if (--pace.holders > 0) return;
    pace.stop();
    this.#paces.delete(pace.every);
  }

  /** Takes the turns that are due. Called by a timer, and by tests. */
  tick(): void {
    for (const pace of this.#paces.values()) pace.tick();
  }

  /**
   * Notes an event for the members of a set. It stays where it is until `flush`.
   * @param list of `Cohort.noted` @param replaced events that it replaced for them
   */
  note(
    cohort: Cohort,
    list: number,
    names: DeviceNames,
    views: RecordViews,
    offset: number,
    replaced: number,
  ): void {
    const { kind, noted } = cohort;
    // Stryker disable next-line ConditionalExpression: of a set that is due twice nothing is left the second time
    if (!cohort.isDue) {
      cohort.isDue = true;
      if (kind.due.push(cohort) === 1) this.#due.push(kind);
    }
    noted[list]!.push(names, views, offset, replaced);
  }

  /** Sends all noted events, to vips first. */
  flush(): void {
    const due = this.#due;
    this.#flushes += 1;
    // Stryker disable next-line ConditionalExpression: for nobody there is nothing to do, which costs less to see here
    if (due.length === 0) return;
    for (const kind of due) if (kind.terms.isVip) this.#frames.send(kind);
    // Stryker disable next-line ConditionalExpression: for vips nothing is left
    for (const kind of due) if (!kind.terms.isVip) this.#frames.send(kind);
    due.length = 0;
  }

  /**
   * Sends an event to one subscriber, by itself. Nothing may be noted meanwhile.
   * @param replaced as in `note` @returns its length, bytes
   */
  sendAlone(
    session: SubscriberSession,
    names: DeviceNames,
    views: RecordViews,
    offset: number,
    replaced: number,
  ): number {
    const { encoder, counters } = this.#deps;
    const end = encoder.paced(views, offset, names, session.encoding, 0, replaced);
    if (end === 0 || session.closing) return 0;
    session.sendEvent(encoder.bytes.subarray(0, end));
    counters.cells[Counter.deliveries]! += 1;
    counters.cells[Counter.conflated]! += replaced;
    return end;
  }

  readonly #turn: Turn = (lanes, step) => {
    // A subscriber that cannot take this much must become slow before it is closed.
    for (const lane of lanes) {
      this.#deps.turning(lane.device);
      this.#deps.published(lane.takeTurn(step));
    }
    this.flush();
  };

  #cohortsFor(session: SubscriberSession, kind: number): Cohorts {
    const same = this.#kinds.get(kind) ?? [];
    const open = same.find(({ sessionCount }) => sessionCount < COHORT_SESSIONS_MAX);
    if (open !== undefined) return open;
    const { every, encoding, batched: isBatched, vip: isVip } = session;
    const pace = this.#paces.get(every) ?? new Pace(every, this.#deps.clock, this.#turn);
    this.#paces.set(every, pace);
    pace.holders += 1;
    const cohorts = new Cohorts({ pace, encoding, isBatched, isVip });
    this.#kinds.set(kind, [...same, cohorts]);
    return cohorts;
  }
}

/** For the devices that they follow, subscribers of one kind get the same bytes at the same times. */
function kindOf({ every, encoding, batched, vip }: SubscriberSession): number {
  // Stryker disable next-line ArithmeticOperator: a difference tells kinds apart as well as a sum
  return ((every * encodings.length + encoding) * 2 + (batched ? 1 : 0)) * 2 + (vip ? 1 : 0);
}
