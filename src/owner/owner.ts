/**
 * The owner: the only writer of presence. Consumes the rings from ingest and the fan-out workers, runs the timers,
 * and answers. One bounded `poll` that needs no thread of its own; `workers/owner.ts` calls it in a loop.
 */
import type { AccessRule } from '../access/rules.ts';
import type { Clock } from '../clock.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { RecordViews, RingConsumer } from '../memory/ring.ts';
import { Wheel } from '../memory/wheel.ts';
import type { PresenceMemory } from '../presence/table.ts';
import type { OperatorCommand, OperatorResult } from '../threads/commands.ts';
import {
  FromSubscribers,
  firstWord,
  Ingest,
  isAgain,
  readJoin,
  readOp,
  secondWord,
  textLength,
  textStart,
} from '../threads/records.ts';
import { AccessControl } from './access.ts';
import { Devices, type DeviceTimes } from './devices.ts';
import { Grants } from './grants.ts';
import type { FanoutLink, IngestLink } from './links.ts';
import { Operator } from './operator.ts';
import { Ops } from './ops.ts';
import { Recovery } from './recovery.ts';
import { Registry } from './registry.ts';
import { Restorer } from './restorer.ts';
import { Rows } from './rows.ts';
import { RuleSweep } from './rule-sweep.ts';
import { type SubscriberSettings, Subscribers } from './subscribers.ts';

export interface OwnerDeps {
  readonly presence: PresenceMemory;
  readonly ingestRing: RingConsumer;
  readonly ingestLink: IngestLink;
  readonly fanoutRings: readonly RingConsumer[];
  readonly fanoutLinks: readonly FanoutLink[];
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: DeviceTimes & SubscriberSettings;
  /** The access rules in force; the table's subscriptions obey them already. */
  readonly rules: readonly AccessRule[];
  /** The table is one that an owner left when it died. */
  readonly takesOver?: boolean;
}

/** Timers looked at in one poll, so that a mass expiry does not hold up events. */
const TIMERS_PER_POLL = 1024;

export class Owner {
  readonly registry: Registry;
  /** Where a snapshot goes, before the first poll. */
  readonly restorer: Restorer;
  readonly #deps: OwnerDeps;
  readonly #devices: Devices;
  readonly #subscribers: Subscribers;
  readonly #operator: Operator;
  readonly #deviceTimers: Wheel;
  readonly #subscriberTimers: Wheel;
  /** Only while this owner takes over from one that died. */
  #recovery: Recovery | undefined;

  constructor(deps: OwnerDeps) {
    const { clock, counters, settings, fanoutLinks, ingestLink } = deps;
    this.#deps = deps;
    const registry = new Registry(deps.presence, fanoutLinks.length);
    this.registry = registry;
    this.#deviceTimers = new Wheel(registry.devices.capacity, clock.now());
    this.#subscriberTimers = new Wheel(registry.subscribers.capacity, clock.now());
    this.#devices = new Devices({
      registry,
      ingest: ingestLink,
      fanout: fanoutLinks,
      wheel: this.#deviceTimers,
      clock,
      counters,
      times: settings,
    });
    const access = new AccessControl(settings.defaultAccess, deps.rules);
    const devices = this.#devices;
    const rows = new Rows({ registry, devices, fanout: fanoutLinks, access });
    const grants = new Grants();
    const { maxSubscriptionsPerSubscriber: rowsMax } = settings;
    this.#subscribers = new Subscribers({
      registry,
      rows,
      grants,
      ops: new Ops({ registry, devices, rows, grants, clock, access, rowsMax }),
      fanout: fanoutLinks,
      wheel: this.#subscriberTimers,
      clock,
      settings,
    });
    const subscribers = this.#subscribers;
    const sweep = new RuleSweep(registry, rows, subscribers, access);
    const wheel = this.#subscriberTimers;
    this.restorer = new Restorer({ registry, devices, access, wheel, clock, settings });
    this.#operator = new Operator({ registry, devices, rows, subscribers, sweep });
    if (deps.takesOver === true) {
      this.#recovery = new Recovery({ ...deps, registry, devices, subscribers });
      this.flush();
    }
  }

  /** False while it takes over: then it carries out no command. */
  get isWhole(): boolean {
    return this.#recovery === undefined;
  }

  /**
   * Works off what waits, at most `limit` records of each ring.
   * @returns the records and timers worked off; 0 means idle
   */
  poll(limit: number): number {
    const { ingestRing, fanoutRings } = this.#deps;
    let done = 0;
    // Subscribers first: what they ask for holds for the events that follow.
    for (let worker = 0; worker < fanoutRings.length; worker++) done += this.#pollFanout(worker, limit);
    if (this.#recovery === undefined || this.#recovery.canDeliver)
      done += this.#pollIngest(ingestRing, limit);
    if (this.#recovery?.isOver) this.#recovery = undefined;
    if (this.#recovery === undefined) done += this.#fireTimers();
    this.flush();
    // Not before what followed from the records is on its way: what is given back is never looked at again.
    if (done > 0) {
      ingestRing.release();
      for (const ring of fanoutRings) ring.release();
    }
    this.#deps.counters.cells[Counter.records]! += done;
    this.#deps.counters.cells[Counter.polls]! += 1;
    return done;
  }

  #fireTimers(): number {
    const now = this.#deps.clock.now();
    return (
      this.#deviceTimers.advance(now, TIMERS_PER_POLL, (slot) => this.#devices.timer(slot)) +
      this.#subscriberTimers.advance(now, TIMERS_PER_POLL, (slot) => this.#subscribers.timer(slot))
    );
  }

  /** The worker is gone: what it still said holds, then everyone it held is disconnected. */
  workerGone(worker: number): void {
    while (this.#pollFanout(worker, Number.POSITIVE_INFINITY) > 0) {}
    this.#subscribers.leaveAll(worker);
    this.#recovery?.synced(worker);
    this.flush();
    this.#deps.fanoutRings[worker]!.release();
  }

  operate(command: OperatorCommand): OperatorResult {
    const result = this.#operator.run(command);
    this.flush();
    return result;
  }

  /** Whether a ring holds records. Reads the shared words. */
  hasRecords(): boolean {
    const { ingestRing, fanoutRings } = this.#deps;
    return ingestRing.hasRecords || fanoutRings.some((ring) => ring.hasRecords);
  }

  /** Whether records of the owner's wait for room in a ring. */
  hasBacklog(): boolean {
    const { fanoutLinks, ingestLink } = this.#deps;
    return ingestLink.hasBacklog || fanoutLinks.some((link) => link.hasBacklog);
  }

  /** Milliseconds until a timer may be due. */
  untilNextTimerMs(): number {
    const now = this.#deps.clock.now();
    return Math.min(this.#deviceTimers.untilNextMs(now), this.#subscriberTimers.untilNextMs(now));
  }

  /** Makes what was written visible to the other threads. */
  flush(): void {
    for (const link of this.#deps.fanoutLinks) link.flush();
    this.#deps.ingestLink.flush();
  }

  #joinDevice(views: RecordViews, offset: number): void {
    const session = firstWord(views, offset);
    const start = textStart(offset);
    const length = textLength(views, offset);
    if (this.#recovery === undefined) this.#devices.join(session, views.u8, start, length);
    else this.#devices.rejoin(session, views.u8, start, length, isAgain(views, offset));
  }

  #pollIngest(ring: RingConsumer, limit: number): number {
    const { views } = ring;
    let done = 0;
    for (; done < limit; done++) {
      const offset = ring.next();
      if (offset < 0) break;
      switch (ring.kind) {
        case Ingest.Event:
          this.#devices.event(views, offset);
          break;
        case Ingest.Join:
          this.#joinDevice(views, offset);
          break;
        case Ingest.Leave:
          this.#devices.leave(firstWord(views, offset), secondWord(views, offset) === 1);
          break;
        case Ingest.Active:
          this.#devices.heard(firstWord(views, offset));
          break;
        case Ingest.Synced:
          this.#recovery?.ingestSynced();
          break;
        default:
          throw new Error(`ingest record of kind ${ring.kind}`);
      }
    }
    return done;
  }

  #pollFanout(worker: number, limit: number): number {
    const ring = this.#deps.fanoutRings[worker]!;
    const { views } = ring;
    let done = 0;
    for (; done < limit; done++) {
      const offset = ring.next();
      if (offset < 0) break;
      const recovery = this.#recovery?.isSynced(worker) === false ? this.#recovery : undefined;
      const session = firstWord(views, offset);
      switch (ring.kind) {
        case FromSubscribers.Join:
          if (recovery === undefined) this.#subscribers.join(worker, readJoin(views, offset));
          else recovery.rejoin(worker, readJoin(views, offset));
          break;
        case FromSubscribers.Leave:
          this.#subscribers.leave(worker, session);
          break;
        case FromSubscribers.Active:
          this.#subscribers.heard(worker, session);
          break;
        case FromSubscribers.Op:
          if (recovery === undefined) this.#subscribers.op(worker, readOp(views, offset));
          else recovery.defer(worker, readOp(views, offset));
          break;
        case FromSubscribers.Synced:
          this.#recovery?.synced(worker);
          break;
        default:
          throw new Error(`fan-out record of kind ${ring.kind}`);
      }
    }
    return done;
  }
}
