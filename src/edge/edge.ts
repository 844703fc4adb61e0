/**
 * An edge: a thread that holds connections. It has one ring pair with the owner, sessions of any role, a publish half
 * (devices' events to the owner) and a deliver half (events to subscribers). Main is one, each fan-out worker is one.
 * What both halves need is here: who is connected, what the owner says of them, allowances, refusals, draining, and
 * starting over with a new owner.
 */
import type { Admission } from '../access/admission.ts';
import type { Clock } from '../clock.ts';
import { closes, errors } from '../codes.ts';
import type { HistoryReader } from '../history/reader.ts';
import { POLL_RECORDS_MAX } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { RecordViews, RingConsumer } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import type { PresenceReader } from '../presence/table.ts';
import type { ConnectionInfo } from '../records/commands.ts';
import {
  type Entry,
  FromOwnerRecord,
  Notice,
  Refusal,
  readAck,
  readAnswer,
  readAttach,
  readClosed,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readInterest,
  readJoined,
  readNotice,
  readRefusals,
  readVip,
} from '../records/replies.ts';
import { SessionKind } from '../records/requests.ts';
import type { Connection } from '../transport/transport.ts';
import type { Problem, Told } from '../wire/codec.ts';
import { encodingNames } from '../wire/encodings.ts';
import type { Position } from '../wire/subscriber-ops.ts';
import { Allowance, type Rate, rateOf } from './allowance.ts';
import type { Allowances } from './allowances.ts';
import { closeByCode } from './close-by-code.ts';
import { Deliverer } from './deliver/deliverer.ts';
import { wantsPast } from './deliver/replays.ts';
import { type Ask, COST_PER_DEVICE, RequestFlow } from './deliver/request-flow.ts';
import { type SendQueueLimits, sendQueueLimits } from './deliver/send-queues.ts';
import type { SubscriberSession } from './deliver/subscriber-session.ts';
import type { Journal } from './journal.ts';
import { hasExpired, Liveness } from './liveness.ts';
import type { OwnerLine } from './owner-line.ts';
import type { DeviceSession } from './publish/device-session.ts';
import { Interests } from './publish/interests.ts';
import { Publisher } from './publish/publisher.ts';

export interface EdgeSettings {
  readonly pingIntervalMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly deviceRate: number;
  readonly deviceBurst: number;
  readonly subscriberRate: number;
  readonly subscriberBurst: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly sendQueueBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly sendQueuesTotalBytes: number;
  readonly historyEvents: number;
  readonly historyTtlMs: number;
  readonly interestLingerMs: number;
}

export interface EdgeDeps {
  readonly admission: Admission;
  readonly presence: PresenceReader;
  readonly line: OwnerLine;
  readonly fromOwner: RingConsumer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly allowances: Allowances;
  readonly settings: EdgeSettings;
  readonly journal: Journal;
  /** Reads the history log. */
  readonly reader: HistoryReader;
  /** History keeps events: then those that nobody listens to take numbers too. */
  readonly keepsHistory: boolean;
  /** Edges that hold subscribers: they share what is for all. */
  readonly deliveringEdges: number;
  /** @returns the number of a further session @param isUsed whether a session has the number now */
  readonly numbers: (isUsed: (session: number) => boolean) => () => number;
  /** While the owner is away the table does not say who listens. */
  readonly isOwnerAway: () => boolean;
  /** See `PublisherDeps`. */
  readonly relieve?: () => void;
}

export type EdgeSession = DeviceSession | SubscriberSession;

export class Edge {
  readonly liveness: Liveness;
  readonly publisher: Publisher;
  readonly deliverer: Deliverer;
  readonly settings: EdgeSettings;
  readonly clock: Clock;
  readonly queueLimits: SendQueueLimits;
  readonly interests: Interests;
  /** @returns a number for a further session */
  readonly nextSession: () => number;
  readonly #deps: EdgeDeps;
  readonly #sessions = new Map<number, EdgeSession>();
  readonly #requests: RequestFlow;
  /** While a new owner takes over: who was promised a page by the one before. */
  readonly #owed = new Map<SubscriberSession, Notice>();
  #rates: Readonly<Record<SessionKind, Rate | undefined>>;

  constructor(deps: EdgeDeps) {
    this.#deps = deps;
    const { clock, counters, settings, fromOwner, line, presence, isOwnerAway, relieve } = deps;
    this.settings = settings;
    this.clock = clock;
    this.liveness = new Liveness(clock, settings);
    this.queueLimits = sendQueueLimits(settings, deps.deliveringEdges);
    this.publisher = new Publisher({
      presence,
      line,
      clock,
      counters,
      isOwnerAway,
      relieve,
      keepsHistory: deps.keepsHistory,
    });
    this.interests = new Interests(presence.devices.rows, clock, settings);
    this.deliverer = new Deliverer({
      fromOwner,
      clock,
      counters,
      limits: this.queueLimits,
      reader: deps.reader,
      charge: (session, events) => this.#charge(session, events),
    });
    this.#requests = new RequestFlow({ line, clock, resumeBytes: this.queueLimits.pageResumeBytes });
    this.nextSession = deps.numbers((session) => this.#sessions.has(session));
    this.#rates = ratesOf(settings);
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** What this edge was given as settings has changed: connected peers get the new rates. */
  settingsChanged(): void {
    this.#rates = ratesOf(this.settings);
    this.queueLimits.totalBytes = sendQueueLimits(this.settings, this.#deps.deliveringEdges).totalBytes;
    for (const session of this.#sessions.values()) {
      const rate = this.#rates[session.kind];
      if (rate === undefined) session.allowance = undefined;
      else session.allowance?.use(rate, this.clock.now());
    }
  }

  /** What is known of these subscribers' connections; of those that have gone nothing. */
  describe(sessions: readonly number[]): ConnectionInfo[] {
    return sessions.flatMap((number) => {
      const session = this.#sessions.get(number);
      if (session?.kind !== SessionKind.subscriber || session.place === undefined) return [];
      const { connectedAt, bufferedBytes: queuedBytes, codec } = session;
      const { remoteAddress: address, transport } = session.place;
      return [
        {
          session: number,
          address,
          transport,
          encoding: encodingNames[codec.encoding]!,
          connectedAt,
          queuedBytes,
        },
      ];
    });
  }

  /** A peer that was admitted is connected. */
  open(session: EdgeSession, connection: Connection<unknown>): void {
    const { admission, counters, line, journal } = this.#deps;
    session.attach(connection, counters);
    admission.opened(session.address);
    this.#sessions.set(session.number, session);
    if (session.kind === SessionKind.subscriber) this.deliverer.sessions.set(session.number, session);
    this.liveness.add(session);
    counters.add(connectionCounters[session.kind]);
    counters.add(openedCounters[session.kind]);
    if (journal.tellsConnections)
      journal.connected(roles[session.kind], session.id, connection.remoteAddress);
    const { number, kind, actor, connectedAt } = session;
    line.join({
      session: number,
      kind,
      actor,
      connectedAt,
      again: false,
      hold: session.hold,
      interest: session.wantsInterest,
    });
  }

  /** This side has begun to close the connection. */
  closing(session: EdgeSession): void {
    session.closing = true;
    if (session.kind !== SessionKind.subscriber) {
      this.interests.forget(session);
      return;
    }
    this.deliverer.closing(session);
    this.#requests.forget(session);
  }

  /** The connection is over. @param code of its end @param clean whether the peer said goodbye */
  close(session: EdgeSession, code: number, clean: boolean): void {
    const { admission, counters, line, allowances, clock, journal } = this.#deps;
    this.closing(session);
    this.liveness.remove(session);
    this.#sessions.delete(session.number);
    admission.closed(session.address);
    if (session.kind === SessionKind.subscriber) this.deliverer.closed(session);
    counters.add(connectionCounters[session.kind], -1);
    counters.disconnect(roles[session.kind], code);
    if (journal.tellsConnections)
      journal.disconnected(roles[session.kind], session.id, code, session.connectedAt);
    if (session.allowance !== undefined) {
      allowances.keep(session.payer, session.allowance.fullAtMs, clock.now());
    }
    line.leave(session.number, clean);
  }

  /**
   * Whether a frame is to be looked at: not of a peer that is closing or whose token has expired, and not one that is
   * too long, for which the peer is closed.
   */
  accepts(session: EdgeSession, frameBytes: number, now: number): boolean {
    if (session.closing) return false;
    if (hasExpired(session, now)) {
      session.close(closes.tokenExpired);
      return false;
    }
    const { maxMessageBytes } = this.settings;
    if (frameBytes <= maxMessageBytes) return true;
    const message = `frame of ${frameBytes} bytes; at most ${maxMessageBytes} are accepted`;
    this.refuse(session, { code: errors.limit.code, message, id: '' });
    session.close(closes.badFrame);
    return false;
  }

  /**
   * Takes the cost of a frame from the peer's allowance; a peer that is far over its rate is closed.
   * @returns false when the frame is to be refused
   */
  charge(session: EdgeSession, cost: number, now: number): boolean {
    const rate = this.#rates[session.kind];
    if (rate === undefined) return true;
    if (session.allowance === undefined) {
      session.allowance = new Allowance(rate, now, this.#deps.allowances.fullAtMs(session.payer, now));
    }
    const { allowance } = session;
    if (allowance.take(cost, now)) return true;
    this.#deps.allowances.keep(session.payer, allowance.fullAtMs, now);
    if (allowance.isFarOver(now)) {
      this.#deps.counters.add(Counter.closedFarOverRate);
      session.close(closes.rateLimit);
    }
    return false;
  }

  refuse(session: EdgeSession, problem: Problem): void {
    if (session.closing) return;
    this.#deps.counters.refuse(problem.code);
    session.send(session.codec.problem(problem));
    if (session.kind === SessionKind.subscriber) this.deliverer.sendQueues.check(session);
  }

  /** Refuses a frame that is over the peer's rate. @param id raw JSON of the frame's id */
  refuseOverRate(session: EdgeSession, cost: number, id: string, now: number): void {
    const isDevice = session.kind === SessionKind.device;
    this.#deps.counters.add(isDevice ? Counter.droppedRate : Counter.droppedSubscriberRate);
    const { perSecond, burst } = this.#rates[session.kind]!;
    const what = isDevice ? 'events' : 'requests';
    const message = `more than ${perSecond} ${what} per second (burst ${burst})`;
    const retryAfterMs = session.allowance!.waitMs(cost, now);
    this.refuse(session, { code: errors.rateLimit.code, message, id, retryAfterMs });
  }

  /** A subscriber asks the owner for something. */
  request(session: SubscriberSession, ask: Ask, now: number): void {
    if (this.#requests.submit(session, ask)) return;
    this.#deps.counters.add(Counter.droppedSubscriberRate);
    const message = 'too many requests of this subscriber wait for an answer';
    const retryAfterMs = Math.max(RETRY_MS_MIN, session.allowance?.waitMs(1, now) ?? 0);
    this.refuse(session, { code: errors.rateLimit.code, message, id: ask.id, retryAfterMs });
  }

  /** A subscriber tells what it has of devices that it is about to subscribe to. */
  noteSince(
    session: SubscriberSession,
    { id, since }: { readonly id: string; readonly since: ReadonlyMap<string, Position> },
  ): void {
    if (session.noteSince(since, SINCE_MAX)) return;
    const message = `more than ${SINCE_MAX} positions before a subscribe`;
    this.refuse(session, { code: errors.limit.code, message, id });
  }

  /** A subscriber showed a sign of life. @param isActivity whether it counts for its subscriptions too */
  heard(session: SubscriberSession, isActivity: boolean, now: number): void {
    const whole = Math.floor(now);
    session.aliveAt = whole;
    if (isActivity) this.#storeSeen(session, whole);
  }

  /** The kernel has taken something of what waited for a subscriber. */
  writable(session: SubscriberSession): void {
    this.deliverer.sendQueues.writable(session);
    this.deliverer.replays.run(session);
    this.#requests.advance(session);
  }

  /** Works off what the owner says and sends the events. @returns the records done */
  poll(): number {
    const { fromOwner, line } = this.#deps;
    const { deliverer } = this;
    const { views } = fromOwner;
    this.publisher.polled();
    deliverer.begin();
    let done = 0;
    for (; done < POLL_RECORDS_MAX; done++) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      const { kind } = fromOwner;
      if (kind === FromOwnerRecord.Event) deliverer.event(views, offset, fromOwner.bytes);
      else if (kind === FromOwnerRecord.Ack) this.#ack(views, offset);
      else {
        deliverer.finish(); // what came before this record goes before it
        this.#obey(kind, views, offset);
      }
    }
    deliverer.end(done, done < POLL_RECORDS_MAX);
    if (line.hasBacklog) line.publish();
    return done;
  }

  hasRecords(): boolean {
    return this.#deps.fromOwner.hasRecords;
  }

  hasBacklog(): boolean {
    return this.#deps.line.hasBacklog;
  }

  /** Lets nobody in any more. @returns the sessions that are to be closed, each told when to come back */
  startDraining(reconnectAfterMs: () => number): EdgeSession[] {
    this.#deps.admission.startDraining();
    for (const session of this.#sessions.values()) session.send(session.codec.draining(reconnectAfterMs()));
    return [...this.#sessions.values()];
  }

  #ack(views: RecordViews, offset: number): void {
    const { session: number, seq, skipped, id } = readAck(views, offset);
    const session = this.#sessions.get(number);
    if (session?.kind === SessionKind.device)
      session.send(session.codec.ack(Buffer.from(id).toString('utf8'), seq, skipped));
  }

  #obey(kind: number, views: RecordViews, offset: number): void {
    switch (kind) {
      case FromOwnerRecord.Gap:
        this.deliverer.gap(views, offset);
        return;
      case FromOwnerRecord.Seq:
        this.deliverer.seq(views, offset);
        return;
      case FromOwnerRecord.Resync:
        this.#resync();
        return;
      case FromOwnerRecord.Resynced:
        this.#resynced();
        return;
      case FromOwnerRecord.Joined:
        this.#joined(views, offset);
        return;
      case FromOwnerRecord.Closed: {
        const { session, code } = readClosed(views, offset);
        this.#sessions.get(session)?.close(closeByCode(code));
        return;
      }
      case FromOwnerRecord.Interest: {
        const session = this.#sessions.get(readInterest(views, offset).session);
        if (session?.kind === SessionKind.device && !session.closing) this.interests.changed(session);
        return;
      }
      default:
        this.#obeyFor(kind, views, offset);
    }
  }

  /** Records for one subscriber. */
  #obeyFor(kind: number, views: RecordViews, offset: number): void {
    const { deliverer } = this;
    switch (kind) {
      case FromOwnerRecord.Attach: {
        const attach = readAttach(views, offset);
        this.#withSubscriber(attach.session, (subscriber) => deliverer.attachDevice(subscriber, attach));
        break;
      }
      case FromOwnerRecord.Detach: {
        const { session, device } = readDetach(views, offset);
        this.#withSubscriber(session, (subscriber) => deliverer.detachDevice(subscriber, device));
        break;
      }
      case FromOwnerRecord.Vip: {
        const { session, vip } = readVip(views, offset);
        this.#withSubscriber(session, (subscriber) => deliverer.setVip(subscriber, vip));
        break;
      }
      case FromOwnerRecord.Answer: {
        const answer = readAnswer(views, offset);
        this.#withSubscriber(answer.session, (subscriber) => this.#answer(subscriber, answer));
        break;
      }
      case FromOwnerRecord.Notice: {
        const notice = readNotice(views, offset);
        this.#withSubscriber(notice.session, (subscriber) => this.#notice(subscriber, notice));
        break;
      }
      case FromOwnerRecord.FilterPage: {
        const page = readFilterPage(views, offset);
        this.#withSubscriber(page.session, (subscriber) => this.#filterPage(subscriber, page));
        break;
      }
      default:
        throw new Error(`record of kind ${kind} from the owner`);
    }
  }

  #withSubscriber(number: number, act: (session: SubscriberSession) => void): void {
    const session = this.deliverer.sessions.get(number);
    if (session !== undefined && !session.closing) act(session);
  }

  #joined(views: RecordViews, offset: number): void {
    const { session: number, slot, vip, more, resumed, filters } = readJoined(views, offset);
    const session = this.#sessions.get(number);
    if (session === undefined || session.closing) return;
    const { pingIntervalMs } = this.settings;
    if (session.kind === SessionKind.device) {
      session.welcome(slot, session.codec.welcome(session.id, pingIntervalMs));
      this.publisher.storeSeen(session, Math.abs(session.aliveAt));
      this.interests.welcomed(session);
      return;
    }
    const entries = readEntries(resumed);
    session.slot = slot;
    this.deliverer.setVip(session, vip);
    const { codec, id } = session;
    session.welcome(
      slot,
      codec.welcome(id, pingIntervalMs, {
        resumed: entries,
        filters: readFilters(filters),
        held: session.hold,
        more,
      }),
    );
    this.#requests.noticed(session, Notice.resumed, more);
    this.#page(session, entries.length);
    const { wanted } = session;
    if (wanted === undefined) return;
    session.wanted = undefined;
    this.request(session, wanted, this.clock.now());
  }

  #answer(session: SubscriberSession, answer: ReturnType<typeof readAnswer>): void {
    const { request, more, entries, refusals, filters } = answer;
    const asked = this.#requests.answered(session, request, more);
    if (asked === undefined) return;
    const { rows, twice } = this.#withPast(session, readEntries(entries), asked);
    const malformed = asked.named?.malformed ?? [];
    const refused = [
      ...readRefusals(refusals),
      ...malformed.map((device) => ({ device, why: Refusal.malformed })),
      ...twice.map(({ device }) => ({ device, why: Refusal.alreadyActive })),
    ];
    session.send(session.codec.answer(asked, rows, refused, readFilters(filters), more));
    this.#requests.keepPast(session, asked, more);
    this.deliverer.replays.run(session);
    // Devices that a request names were paid for with it.
    this.#page(session, asked.isNamed ? 0 : rows.length);
  }

  #filterPage(session: SubscriberSession, { filter, page, more, entries }: FilterPage): void {
    const past = this.#requests.pastOf(session, filter, page, more);
    const { rows } = this.#withPast(session, readEntries(entries), past);
    session.send(session.codec.filterPage(filter, rows, more));
    this.deliverer.replays.run(session);
    this.#requests.filterPage(session, page, more);
    this.#page(session, rows.length);
  }

  #notice(
    session: SubscriberSession,
    { notice, more, entries, filters }: ReturnType<typeof readNotice>,
  ): void {
    const rows = readEntries(entries);
    session.send(session.codec.notice(notice as Notice, rows, readFilters(filters), more));
    this.#owed.delete(session);
    this.#requests.noticed(session, notice as Notice, more);
    this.#page(session, rows.length);
  }

  /**
   * Finds what of the past the entries' devices have, before the answer says whether it is all there.
   * @returns the entries to be told; `twice` are those whose events the session gets already
   */
  #withPast(
    session: SubscriberSession,
    entries: readonly Entry[],
    asked: Pick<Ask, 'past' | 'types'> | undefined,
  ): { rows: readonly Told[]; twice: readonly Entry[] } {
    if (asked === undefined || !wantsPast(asked.past)) return { rows: entries, twice: [] };
    const { deliverer } = this;
    const { past, types } = asked;
    const twice = entries.filter(
      ({ device, deviceSlot }) => past.since.has(device) && deliverer.isFollowing(session, deviceSlot),
    );
    const rows = entries
      .filter((entry) => !twice.includes(entry))
      .map((entry) => {
        if (deliverer.isFollowing(session, entry.deviceSlot)) return entry;
        return { ...entry, recovered: deliverer.replays.begin(session, entry, past, types) };
      });
    return { rows, twice };
  }

  /** A page was sent: it is paid for, and the next one may be asked for. */
  #page(session: SubscriberSession, rows: number): void {
    this.#charge(session, rows);
    this.deliverer.sendQueues.check(session);
    this.#requests.advance(session);
  }

  /** Takes the cost of rows of an answer, or of replayed events. */
  #charge(session: SubscriberSession, count: number): void {
    const rate = this.#rates[SessionKind.subscriber];
    if (rate === undefined || count === 0) return;
    const now = this.clock.now();
    session.allowance ??= new Allowance(rate, now, this.#deps.allowances.fullAtMs(session.payer, now));
    session.allowance.charge(count * COST_PER_DEVICE, now);
  }

  /** A new owner asks whom this edge holds. What it does not name until `Resynced` is over. */
  #resync(): void {
    const { line } = this.#deps;
    this.deliverer.beginResync();
    for (const session of this.#sessions.values()) {
      if (session.closing) continue;
      const { number, kind, actor, connectedAt, welcomed } = session;
      line.join({
        session: number,
        kind,
        actor,
        connectedAt,
        again: welcomed,
        hold: session.hold,
        interest: session.wantsInterest,
      });
    }
    line.synced();
    for (const session of this.deliverer.sessions.values()) {
      if (session.closing) continue;
      const owed = this.#requests.owedTo(session);
      if (owed !== undefined) this.#owed.set(session, owed);
      this.#requests.askAgain(session);
    }
  }

  #resynced(): void {
    this.deliverer.endResync();
    // The rest is known to nobody: every row is in the state that its peer was told of, or is told of now.
    for (const [session, notice] of this.#owed) session.send(session.codec.notice(notice, [], [], false));
    this.#owed.clear();
    for (const session of this.#sessions.values()) {
      if (session.kind === SessionKind.device && !session.closing) this.interests.changed(session);
    }
  }

  /**
   * Stores last_seen, then looks whether the owner has the subscriber down as silent; the owner does it the other way
   * round, so that one of the two notices.
   */
  #storeSeen({ slot, number }: SubscriberSession, whole: number): void {
    if (slot === NONE) return;
    const { rows } = this.#deps.presence.subscribers;
    Atomics.store(rows.lastSeen, slot, BigInt(whole));
    if (Atomics.load(rows.silent, slot) === 1) this.#deps.line.active(number);
  }
}

type FilterPage = ReturnType<typeof readFilterPage>;

/** Positions that a subscriber may tell before one subscribe. */
const SINCE_MAX = 100_000;
/** What a peer is told to wait whose requests wait for others. */
const RETRY_MS_MIN = 50;

const openedCounters = {
  [SessionKind.device]: Counter.openedDevices,
  [SessionKind.subscriber]: Counter.openedSubscribers,
} as const;
const connectionCounters = {
  [SessionKind.device]: Counter.deviceConnections,
  [SessionKind.subscriber]: Counter.subscriberConnections,
} as const;
const roles = { [SessionKind.device]: 'device', [SessionKind.subscriber]: 'subscriber' } as const;

function ratesOf(settings: EdgeSettings): Readonly<Record<SessionKind, Rate | undefined>> {
  return {
    [SessionKind.device]: rateOf(settings.deviceRate, settings.deviceBurst),
    [SessionKind.subscriber]: rateOf(settings.subscriberRate, settings.subscriberBurst),
  };
}
