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
  FromOwnerRecord,
  Notice,
  readAck,
  readClosed,
  readEntries,
  readFilters,
  readInterest,
  readJoined,
  readLeft,
  readProbe,
  readRegistered,
  readRelease,
} from '../records/replies.ts';
import { type Join, KEEP_AS_SET, SessionKind } from '../records/requests.ts';
import type { Connection } from '../transport/transport.ts';
import type { PeerCodec, Problem } from '../wire/codec.ts';
import { encodingNames } from '../wire/encodings.ts';
import type { TopicLayout } from '../wire/mqtt/topics.ts';
import type { Position } from '../wire/subscriber-ops.ts';
import type { Allowances } from './allowances.ts';
import { Charges, type RateSettings } from './charges.ts';
import { closeByCode } from './close-by-code.ts';
import { Deliverer } from './deliver/deliverer.ts';
import { type Ask, RequestFlow } from './deliver/request-flow.ts';
import { type SendQueueLimits, sendQueueLimits } from './deliver/send-queues.ts';
import { SubscriberRecords } from './deliver/subscriber-records.ts';
import type { SubscriberSession } from './deliver/subscriber-session.ts';
import type { Journal } from './journal.ts';
import { hasExpired, Liveness } from './liveness.ts';
import { MqttPeers } from './mqtt/peers.ts';
import type { OwnerLine } from './owner-line.ts';
import type { DeviceSession } from './publish/device-session.ts';
import type { GatewaySession } from './publish/gateway-session.ts';
import { CONNECT_COST, type GatewaySettings, Gateways } from './publish/gateways.ts';
import { Interests } from './publish/interests.ts';
import { Publisher } from './publish/publisher.ts';
import type { Closable } from './session.ts';

export interface EdgeSettings extends GatewaySettings, RateSettings {
  readonly pingIntervalMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly sendQueueBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly sendQueuesTotalBytes: number;
  readonly historyEvents: number;
  readonly historyTtlMs: number;
  readonly interestLingerMs: number;
  readonly subscriberRemoveAfterMs: number;
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
  /** Of MQTT topics. */
  readonly layout: TopicLayout;
  /** Edges that hold subscribers: they share what is for all. */
  readonly deliveringEdges: number;
  /** @returns the number of a further session @param isUsed whether a session has the number now */
  readonly numbers: (isUsed: (session: number) => boolean) => () => number;
  /** While the owner is away the table does not say who listens. */
  readonly isOwnerAway: () => boolean;
  /** See `PublisherDeps`. */
  readonly relieve?: () => void;
}

/** A peer with a connection of its own, or a device behind a gateway. */
export type EdgeSession = DeviceSession | SubscriberSession | GatewaySession;

export class Edge {
  readonly liveness: Liveness;
  readonly publisher: Publisher;
  readonly deliverer: Deliverer;
  readonly settings: EdgeSettings;
  readonly clock: Clock;
  readonly queueLimits: SendQueueLimits;
  readonly interests: Interests;
  readonly mqtt: MqttPeers;
  /** Devices that speak through gateways. */
  readonly gateways: Gateways;
  /** @returns a number for a further session */
  readonly nextSession: () => number;
  readonly #deps: EdgeDeps;
  /** Those with connections of their own. */
  readonly #sessions = new Map<number, EdgeSession>();
  readonly #requests: RequestFlow;
  readonly #records: SubscriberRecords;
  readonly #charges: Charges;

  constructor(deps: EdgeDeps) {
    this.#deps = deps;
    const { clock, counters, settings, fromOwner, line, presence, isOwnerAway, relieve } = deps;
    this.settings = settings;
    this.clock = clock;
    this.#charges = new Charges(deps);
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
      presence,
      layout: deps.layout,
      charge: (session, events) => this.#charges.rows(session, events),
    });
    this.#requests = new RequestFlow({ line, clock, resumeBytes: this.queueLimits.pageResumeBytes });
    this.#records = new SubscriberRecords({
      deliverer: this.deliverer,
      requests: this.#requests,
      charge: (session, rows) => this.#charges.rows(session, rows),
    });
    this.mqtt = new MqttPeers({ ...deps, edge: this });
    this.nextSession = deps.numbers((session) => this.#find(session) !== undefined || this.mqtt.has(session));
    this.gateways = new Gateways({
      line,
      clock,
      settings,
      nextSession: this.nextSession,
      chargeConnect: (gateway, now) => this.charge(gateway, CONNECT_COST, now),
      ended: (device) => this.#deviceEnded(device),
    });
  }

  get connectionCount(): number {
    return this.#sessions.size + this.mqtt.connectionCount;
  }

  /** What this edge was given as settings has changed: connected peers get the new rates. */
  settingsChanged(): void {
    this.#charges.settingsChanged([...this.#sessions.values(), ...this.gateways.connected]);
    this.queueLimits.totalBytes = sendQueueLimits(this.settings, this.#deps.deliveringEdges).totalBytes;
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
    this.#deps.admission.opened(session.address);
    this.liveness.add(session);
    this.enter(session, connection);
  }

  /** A peer has a role. Its connection is counted, and watched, by whoever opened it. */
  enter(session: EdgeSession, connection: Connection<unknown>): void {
    const { counters, line, journal } = this.#deps;
    session.attach(connection, counters);
    if (session.aliveAt === 0) session.aliveAt = -Math.floor(this.clock.now());
    this.#sessions.set(session.number, session);
    if (session.kind === SessionKind.subscriber) this.deliverer.sessions.set(session.number, session);
    counters.add(connectionCounters[session.kind]);
    if (session.closable !== session) counters.add(Counter.mqttSessions);
    counters.add(openedCounters[session.kind]);
    if (journal.tellsConnections)
      journal.connected(roles[session.kind], session.id, connection.remoteAddress);
    line.join(joinOf(session, false));
  }

  /** This side has begun to close the connection. */
  closing(session: EdgeSession): void {
    session.closing = true;
    switch (session.kind) {
      case SessionKind.device:
        this.interests.forget(session);
        break;
      case SessionKind.gateway:
        this.gateways.end(session);
        break;
      default:
        this.deliverer.closing(session);
        this.#requests.forget(session);
    }
  }

  /** The connection is over. @param code of its end @param clean whether the peer said goodbye */
  close(session: EdgeSession, code: number, clean: boolean): void {
    this.liveness.remove(session);
    this.#deps.admission.closed(session.address);
    this.leave(session, code, clean);
  }

  /** A peer has its role no more. @param keepMs see `Leave` */
  leave(session: EdgeSession, code: number, clean: boolean, keepMs = KEEP_AS_SET): void {
    const { counters, line, journal } = this.#deps;
    this.closing(session);
    this.#sessions.delete(session.number);
    if (session.closable !== session) counters.add(Counter.mqttSessions, -1);
    if (session.kind === SessionKind.subscriber) this.deliverer.closed(session);
    counters.add(connectionCounters[session.kind], -1);
    counters.disconnect(roles[session.kind], code);
    if (journal.tellsConnections)
      journal.disconnected(roles[session.kind], session.id, code, session.connectedAt);
    this.keepAllowance(session);
    line.leave(session.number, clean, false, keepMs);
  }

  /** A gateway speaks for the device no more. */
  #deviceEnded(device: DeviceSession): void {
    this.interests.forget(device);
    this.keepAllowance(device);
  }

  /** The peer's next connection, on whatever edge, has what this one leaves of its allowance. */
  keepAllowance(session: EdgeSession): void {
    this.#charges.keep(session);
  }

  #find(number: number): EdgeSession | undefined {
    return this.#sessions.get(number) ?? this.gateways.find(number);
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

  /** See `Charges.frame`. */
  charge(session: EdgeSession, cost: number, now: number): boolean {
    return this.#charges.frame(session, cost, now);
  }

  /** @param codec of whom the frame was, where that is not the session itself */
  refuse(session: EdgeSession, problem: Problem, codec: PeerCodec = session.codec): void {
    if (session.closing) return;
    this.#deps.counters.refuse(problem.code);
    session.send(codec.problem(problem));
    if (session.kind === SessionKind.subscriber) this.deliverer.sendQueues.check(session);
  }

  /** Refuses a frame that is over the peer's rate. @param id raw JSON of the frame's id */
  refuseOverRate(session: EdgeSession, cost: number, id: string, now: number, codec?: PeerCodec): void {
    const isSubscriber = session.kind === SessionKind.subscriber;
    this.#deps.counters.add(isSubscriber ? Counter.droppedSubscriberRate : Counter.droppedRate);
    const { perSecond, burst } = this.#charges.rateOf(session)!;
    const what = isSubscriber ? 'requests' : 'events';
    const message = `more than ${perSecond} ${what} per second (burst ${burst})`;
    const retryAfterMs = session.allowance!.waitMs(cost, now);
    this.refuse(session, { code: errors.rateLimit.code, message, id, retryAfterMs }, codec);
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
    this.deliverer.retained.run(session);
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
        // What came before this record goes before it; where devices are joined, only what came of them.
        if (kind !== FromOwnerRecord.Attach && kind !== FromOwnerRecord.FilterPage) deliverer.finish();
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
  startDraining(reconnectAfterMs: () => number): Closable[] {
    this.#deps.admission.startDraining();
    for (const session of this.#sessions.values()) session.send(session.codec.draining(reconnectAfterMs()));
    return [...new Set([...[...this.#sessions.values()].map(({ closable }) => closable), ...this.mqtt.all])];
  }

  #ack(views: RecordViews, offset: number): void {
    const { session: number, seq, skipped, id } = readAck(views, offset);
    const session = this.#find(number);
    if (session?.kind === SessionKind.device) session.acked(id, seq, skipped);
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
        const { session: number, code } = readClosed(views, offset);
        const session = this.#find(number);
        if (session === undefined) {
          this.mqtt.close(number, closeByCode(code));
          return;
        }
        this.keepAllowance(session);
        session.closedByOwner(closeByCode(code));
        return;
      }
      case FromOwnerRecord.Registered: {
        const { session, present, kept } = readRegistered(views, offset);
        this.mqtt.registered(session, present ? kept : undefined);
        return;
      }
      case FromOwnerRecord.Probe:
        this.#sessions.get(readProbe(views, offset).session)?.ping();
        return;
      case FromOwnerRecord.Release:
        this.#release(readRelease(views, offset).session);
        return;
      case FromOwnerRecord.Interest: {
        const session = this.#find(readInterest(views, offset).session);
        if (session?.kind === SessionKind.device && !session.closing) this.interests.changed(session);
        return;
      }
      case FromOwnerRecord.Left:
        this.gateways.left(readLeft(views, offset).session);
        return;
      default:
        this.#records.obey(kind, views, offset);
    }
  }

  /**
   * Another edge takes the device over. What has arrived at the socket by now is read first, in this turn of the event
   * loop; from the leave on this thread writes nothing of the device any more.
   */
  #release(number: number): void {
    setImmediate(() => {
      const connected = this.#sessions.get(number);
      const session = connected ?? this.gateways.find(number);
      if (session === undefined) return; // it has left by itself
      this.keepAllowance(session);
      session.close(closes.replaced); // a gateway's device leaves with that
      if (connected !== undefined) this.#deps.line.leave(number, false);
    });
  }

  #joined(views: RecordViews, offset: number): void {
    const { session: number, slot, vip, more, resumed, filters } = readJoined(views, offset);
    const session = this.#find(number);
    if (session === undefined || session.closing) return;
    const { pingIntervalMs } = this.settings;
    this.#charges.include(session);
    if (session.kind === SessionKind.gateway) {
      session.welcome(slot, session.codec.welcome(session.id, pingIntervalMs));
      return;
    }
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
    this.#records.sent(session, entries.length);
    const { wanted } = session;
    if (wanted === undefined) return;
    session.wanted = undefined;
    this.request(session, wanted, this.clock.now());
  }

  /** A new owner asks whom this edge holds. What it does not name until `Resynced` is over. */
  #resync(): void {
    const { line } = this.#deps;
    this.deliverer.beginResync();
    for (const session of this.#sessions.values()) {
      if (session.closing) continue;
      line.join(joinOf(session, session.welcomed));
    }
    this.gateways.rejoin();
    this.mqtt.resync();
    line.synced();
    this.#records.resync();
  }

  #resynced(): void {
    this.deliverer.endResync();
    this.#records.resynced();
    this.mqtt.resynced();
    for (const session of [...this.#sessions.values(), ...this.gateways.connected]) {
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

/** @param again told to a new owner, of a peer that an earlier one had welcomed */
function joinOf(session: EdgeSession, again: boolean): Omit<Join, 'ticket'> {
  const { number, kind, actor, connectedAt, hold, fresh, silenceMsMin, wantsInterest: interest } = session;
  const generated = session.isAnonymous;
  return {
    session: number,
    kind,
    actor,
    connectedAt,
    again,
    hold,
    interest,
    fresh,
    silenceMsMin,
    generated,
    gateway: session.gatewayId,
  };
}

/** Positions that a subscriber may tell before one subscribe. */
const SINCE_MAX = 100_000;
/** What a peer is told to wait whose requests wait for others. */
const RETRY_MS_MIN = 50;

const openedCounters = {
  [SessionKind.device]: Counter.openedDevices,
  [SessionKind.subscriber]: Counter.openedSubscribers,
  [SessionKind.gateway]: Counter.openedGateways,
} as const;
const connectionCounters = {
  [SessionKind.device]: Counter.deviceConnections,
  [SessionKind.subscriber]: Counter.subscriberConnections,
  [SessionKind.gateway]: Counter.gatewayConnections,
} as const;
const roles = {
  [SessionKind.device]: 'device',
  [SessionKind.subscriber]: 'subscriber',
  [SessionKind.gateway]: 'gateway',
} as const;
