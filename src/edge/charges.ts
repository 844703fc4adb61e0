/** Charges peers: the rates of each kind of session, and what is left of each peer's allowance. */
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { LOOK_MS, STALL_MS } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { SessionKind } from '../records/requests.ts';
import { AllowanceTable, COST_PER_DEVICE, ENDED, NO_ALLOWANCE, type Rate, rateOf } from './allowance.ts';
import type { Allowances } from './allowances.ts';
import type { EdgeSession } from './edge-deps.ts';
import type { Watch } from './edge-timers.ts';

export interface RateSettings {
  readonly deviceRate: number;
  readonly deviceBurst: number;
  readonly subscriberRate: number;
  readonly subscriberBurst: number;
}

export interface ChargesDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly allowances: Allowances;
  readonly settings: RateSettings;
}

export class Charges implements Watch {
  readonly tickMs = LOOK_MS;
  readonly #deps: ChargesDeps;
  readonly #table = new AllowanceTable();
  #rates: Readonly<Record<SessionKind, Rate | undefined>>;
  /** When this thread's timers last ran, or a frame showed that they had not; Infinity before they started. */
  #ranAtMs = Number.POSITIVE_INFINITY;

  constructor(deps: ChargesDeps) {
    this.#deps = deps;
    this.#rates = ratesOf(deps.settings);
  }

  /** Peers whose allowance is counted. */
  get counted(): number {
    return this.#table.size;
  }

  tick(): void {
    const now = this.#deps.clock.now();
    this.#noticeStall(now);
    this.#ranAtMs = now;
  }

  /** The settings have changed: connected peers get the new rates. */
  settingsChanged(sessions: Iterable<EdgeSession>): void {
    const before = this.#rates;
    this.#rates = ratesOf(this.#deps.settings);
    const now = this.#deps.clock.now();
    for (const session of sessions) {
      if (session.allowance < 0) continue;
      const from = before[session.kind];
      const to = this.#rates[session.kind];
      if (from !== undefined && to !== undefined) this.#table.rescale(session.allowance, from, to, now);
      else if (to === undefined) this.#close(session, NO_ALLOWANCE);
    }
  }

  /** Undefined: no limit. */
  rateOf(session: EdgeSession): Rate | undefined {
    return this.#rates[session.kind];
  }

  /**
   * Takes the cost of a frame from the peer's allowance; a peer that is far over its rate is closed.
   * @returns false if the frame must be refused
   */
  frame(session: EdgeSession, cost: number, now: number): boolean {
    const rate = this.#rates[session.kind];
    if (rate === undefined) return true;
    this.#noticeStall(now);
    const place = this.#placeOf(session, now);
    if (place < 0 || this.#table.take(place, rate, cost, now)) return true;
    this.#deps.allowances.keep(session.payer, this.#table.fullAtMs(place), now);
    if (this.#table.isFarOver(place, rate, now)) this.#closeFarOver(session);
    return false;
  }

  /**
   * Frames of a peer wait to be processed; each will cost at least 1. If that is far over its rate, the peer is closed
   * at once. @returns whether it was closed: its frames are then ignored
   */
  isFlood(session: EdgeSession, waiting: number): boolean {
    const { allowance: place, kind, closing } = session;
    if (closing) return true;
    const rate = this.#rates[kind];
    if (place < 0 || rate === undefined) return false;
    const now = this.#deps.clock.now();
    this.#noticeStall(now);
    if (!this.#table.isFarOver(place, rate, now, waiting)) return false;
    const isSubscriber = kind === SessionKind.subscriber;
    // Events that a device may send are taken first; what a subscriber asks before it is closed is of no use to it.
    if (!isSubscriber && this.waitMs(session, 1, now) === 0) return false;
    this.#deps.counters.add(isSubscriber ? Counter.droppedSubscriberRate : Counter.droppedRate, waiting);
    this.keep(session);
    this.#closeFarOver(session);
    return true;
  }

  /** The first to run after a stall may be a frame as well as a timer. */
  #noticeStall(now: number): void {
    if (now - this.#ranAtMs <= STALL_MS) return;
    this.#table.forgive(this.#ranAtMs, now);
    this.#ranAtMs = now;
  }

  #closeFarOver(session: EdgeSession): void {
    this.#deps.counters.add(Counter.closedFarOverRate);
    session.close(closes.rateLimit);
  }

  /** Takes the cost of rows of an answer, or of replayed events: they have been promised, so they are not refused. */
  rows(session: EdgeSession, count: number): void {
    const rate = this.#rates[session.kind];
    if (count === 0 || rate === undefined) return;
    const now = this.#deps.clock.now();
    const place = this.#placeOf(session, now);
    if (place >= 0) this.#table.charge(place, rate, count * COST_PER_DEVICE, now);
  }

  /** @returns how long until the peer can pay so much, ms; 0: now */
  waitMs({ allowance: place, kind }: EdgeSession, cost: number, now: number): number {
    const rate = this.#rates[kind];
    return place < 0 || rate === undefined ? 0 : this.#table.waitMs(place, rate, cost, now);
  }

  /** The peer's next connection, on any edge, gets what this one leaves of its allowance. */
  keep({ payer, allowance: place }: EdgeSession): void {
    const { allowances, clock } = this.#deps;
    if (place >= 0) allowances.keep(payer, this.#table.fullAtMs(place), clock.now());
  }

  /** The same for a session that is over. */
  end(session: EdgeSession): void {
    this.keep(session);
    this.#close(session, ENDED);
  }

  /** The peer's previous connection may have left less than the full allowance. */
  include({ payer, allowance: place }: EdgeSession): void {
    const { allowances, clock } = this.#deps;
    if (place >= 0) this.#table.include(place, allowances.fullAtMs(payer, clock.now()));
  }

  /** @returns negative: it has none */
  #placeOf(session: EdgeSession, now: number): number {
    if (session.allowance === NO_ALLOWANCE)
      session.allowance = this.#table.open(now, this.#deps.allowances.fullAtMs(session.payer, now));
    return session.allowance;
  }

  #close(session: EdgeSession, state: number): void {
    if (session.allowance >= 0) this.#table.close(session.allowance);
    session.allowance = state;
  }
}

function ratesOf(settings: RateSettings): Readonly<Record<SessionKind, Rate | undefined>> {
  const device = rateOf(settings.deviceRate, settings.deviceBurst);
  return {
    [SessionKind.device]: device,
    [SessionKind.subscriber]: rateOf(settings.subscriberRate, settings.subscriberBurst),
    [SessionKind.gateway]: device,
  };
}
