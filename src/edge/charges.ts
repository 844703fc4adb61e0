/** What peers pay for: the rates of each kind of session, and the allowance that each peer has left. */
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { SessionKind } from '../records/requests.ts';
import { Allowance, COST_PER_DEVICE, type Rate, rateOf } from './allowance.ts';
import type { Allowances } from './allowances.ts';
import type { EdgeSession } from './edge-deps.ts';

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

export class Charges {
  readonly #deps: ChargesDeps;
  #rates: Readonly<Record<SessionKind, Rate | undefined>>;

  constructor(deps: ChargesDeps) {
    this.#deps = deps;
    this.#rates = ratesOf(deps.settings);
  }

  /** Other settings are in force: connected peers get the new rates. */
  settingsChanged(sessions: Iterable<EdgeSession>): void {
    this.#rates = ratesOf(this.#deps.settings);
    for (const session of sessions) {
      const rate = this.#rates[session.kind];
      if (rate === undefined) session.allowance = undefined;
      else session.allowance?.use(rate, this.#deps.clock.now());
    }
  }

  /** Undefined: no limit. */
  rateOf(session: EdgeSession): Rate | undefined {
    return this.#rates[session.kind];
  }

  /**
   * Takes the cost of a frame from the peer's allowance; a peer that is far over its rate is closed.
   * @returns false when the frame is to be refused
   */
  frame(session: EdgeSession, cost: number, now: number): boolean {
    const allowance = this.#allowanceOf(session, now);
    if (allowance === undefined || allowance.take(cost, now)) return true;
    this.#deps.allowances.keep(session.payer, allowance.fullAtMs, now);
    if (allowance.isFarOver()) this.#closeFarOver(session);
    return false;
  }

  /**
   * Frames of a peer wait to be taken; each will cost 1 at least. Where that is far over its rate it is closed at once.
   * @returns whether it was: the frames are not to be looked at
   */
  isFlood(session: EdgeSession, waiting: number): boolean {
    const { allowance, kind, closing } = session;
    if (closing) return true;
    if (allowance === undefined || !allowance.isFarOver(waiting)) return false;
    const isSubscriber = kind === SessionKind.subscriber;
    // Events that a device may send are taken first; what a subscriber asks before it is closed is of no use to it.
    if (!isSubscriber && allowance.waitMs(1, this.#deps.clock.now()) === 0) return false;
    this.#deps.counters.add(isSubscriber ? Counter.droppedSubscriberRate : Counter.droppedRate, waiting);
    this.keep(session);
    this.#closeFarOver(session);
    return true;
  }

  #closeFarOver(session: EdgeSession): void {
    this.#deps.counters.add(Counter.closedFarOverRate);
    session.close(closes.rateLimit);
  }

  /** Takes the cost of rows of an answer, or of replayed events: what has been promised is not refused any more. */
  rows(session: EdgeSession, count: number): void {
    if (count === 0) return;
    const now = this.#deps.clock.now();
    this.#allowanceOf(session, now)?.charge(count * COST_PER_DEVICE, now);
  }

  /** The peer's next connection, on whatever edge, has what this one leaves of its allowance. */
  keep({ payer, allowance }: EdgeSession): void {
    const { allowances, clock } = this.#deps;
    if (allowance !== undefined) allowances.keep(payer, allowance.fullAtMs, clock.now());
  }

  /** The peer's connection before this one may have left less than there is. */
  include({ payer, allowance }: EdgeSession): void {
    const { allowances, clock } = this.#deps;
    allowance?.include(allowances.fullAtMs(payer, clock.now()));
  }

  #allowanceOf(session: EdgeSession, now: number): Allowance | undefined {
    const rate = this.#rates[session.kind];
    if (rate === undefined) return undefined;
    session.allowance ??= new Allowance(rate, now, this.#deps.allowances.fullAtMs(session.payer, now));
    return session.allowance;
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
