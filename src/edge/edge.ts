/**
 * An edge: a thread that holds connections. It has one ring pair with the owner, sessions of any role, a publish half
 * (devices' events to the owner) and a deliver half (events to subscribers). Main is an edge, and so is each fan-out
 * worker. This file has what both halves need: who is connected, the owner's records about sessions, allowances,
 * refusals, draining, and starting over with a new owner.
 */
import type { Clock } from '../clock.ts';
import { closes, errors } from '../codes.ts';
import { POLL_MS_MAX, POLL_RECORDS_MAX } from '../limits.ts';
import { Counter } from '../memory/counters.ts';
import type { RecordViews } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import type { ConnectionInfo } from '../records/commands.ts';
import { FromOwnerRecord, readAck } from '../records/replies.ts';
import { KEEP_AS_SET, SessionKind } from '../records/requests.ts';
import type { Connection } from '../transport/transport.ts';
import type { PeerCodec, Problem } from '../wire/codec.ts';
import { encodingNames } from '../wire/encodings.ts';
import type { StreamPosition } from '../wire/events.ts';
import { Charges } from './charges.ts';
import { Deliverer } from './deliver/deliverer.ts';
import { PastSearches } from './deliver/past-searches.ts';
import { RequestFlow } from './deliver/request-flow.ts';
import { type Ask, hasRoom } from './deliver/request-queue.ts';
import { type SendQueueLimits, sendQueueLimits } from './deliver/send-queues.ts';
import { SubscriberRecords } from './deliver/subscriber-records.ts';
import type { SubscriberSession } from './deliver/subscriber-session.ts';
import { TOO_MANY_POSITIONS, WaitingNames } from './deliver/waiting-names.ts';
import type { EdgeDeps, EdgeSession, EdgeSettings } from './edge-deps.ts';
import { hasExpired, Liveness } from './liveness.ts';
import { MqttPeers } from './mqtt/peers.ts';
import type { DeviceSession } from './publish/device-session.ts';
import { CONNECT_COST, GatewayDevices } from './publish/gateways.ts';
import { Interests } from './publish/interests.ts';
import { Publisher } from './publish/publisher.ts';
import { connectionCounters, openedCounters, roleNames } from './role-counters.ts';
import { type Closable, joinOf } from './session.ts';
import { SessionRecords } from './session-records.ts';

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
  readonly gateways: GatewayDevices;
  /** @returns a number for a further session */
  readonly nextSession: () => number;
  readonly #deps: EdgeDeps;
  /** Those with connections of their own. */
  readonly #sessions = new Map<number, EdgeSession>();
  readonly #requests: RequestFlow;
  readonly #names: WaitingNames;
  readonly #owner: SessionRecords;
  readonly charges: Charges;
  /** The last poll left records behind, so that the sockets get their turn. */
  #isBehind = false;

  constructor(deps: EdgeDeps) {
    this.#deps = deps;
    const { clock, counters, settings, fromOwner, line, presence, isOwnerAway, relieve } = deps;
    this.settings = settings;
    this.clock = clock;
    this.charges = new Charges(deps);
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
      charges: this.charges,
    });
    const isBehind = (): boolean => fromOwner.unreadBytes > ANSWER_BACKLOG_BYTES;
    const { pageResumeBytes: resumeBytes } = this.queueLimits;
    const goesOut = (session: SubscriberSession) => this.#storeSeen(session, Math.floor(clock.now()));
    const charges = this.charges;
    const over = (session: SubscriberSession) => this.#requests.advance(session);
    const unsentTo = (session: SubscriberSession) => this.deliverer.replays.unsentTo(session);
    const searches = new PastSearches({ clock, reader: deps.reader, presence, charges, unsentTo, over });
    const { historyEvents: keptEventsMax } = settings;
    const names = new WaitingNames({ clock, counters, subscriptionsMax: presence.subscriptions.capacity });
    this.#names = names;
    this.#requests = new RequestFlow({
      ...{ line, clock, resumeBytes, isBehind, goesOut, searches, charges, keptEventsMax, names },
    });
    const { deliverer } = this;
    const records = new SubscriberRecords({ deliverer, requests: this.#requests, searches, charges });
    this.mqtt = new MqttPeers({ ...deps, edge: this });
    this.nextSession = deps.numbers((session) => this.find(session) !== undefined || this.mqtt.has(session));
    this.gateways = new GatewayDevices({
      line,
      clock,
      settings,
      counters,
      nextSession: this.nextSession,
      chargeConnect: (gateway, now) => this.charge(gateway, CONNECT_COST, now),
      ended: (device) => this.#deviceEnded(device),
    });
    this.#owner = new SessionRecords({
      edge: this,
      sessions: this.#sessions,
      line,
      charges: this.charges,
      requests: this.#requests,
      records,
    });
  }

  get connectionCount(): number {
    return this.#sessions.size + this.mqtt.connectionCount;
  }

  /** What this edge was given as settings has changed: connected peers get the new rates. */
  settingsChanged(): void {
    this.charges.settingsChanged([...this.#sessions.values(), ...this.gateways.connected]);
    this.queueLimits.totalBytes = sendQueueLimits(this.settings, this.#deps.deliveringEdges).totalBytes;
  }

  /** What is known about these subscribers' connections; nothing for those that have gone. */
  describe(sessions: readonly number[]): ConnectionInfo[] {
    return sessions.flatMap((number) => {
      const session = this.#sessions.get(number);
      if (session?.kind !== SessionKind.subscriber || session.place === undefined) return [];
      const { connectedAt, bufferedBytes: queuedBytes, codec } = session;
      const { remoteAddress: address, transport } = session.place;
      const encoding = encodingNames[codec.encoding]!;
      return [{ session: number, address, transport, encoding, connectedAt, queuedBytes }];
    });
  }

  /** A peer that was admitted is connected. */
  open(session: EdgeSession, connection: Connection<unknown>): void {
    this.#deps.admission.opened(session.address);
    this.liveness.add(session);
    this.enter(session, connection);
    // Admitted before the drain began, and opened by the transport only now.
    if (this.#deps.admission.isDraining) session.close(closes.drain);
  }

  /** A peer has a role. Whoever opened the connection counts and watches it. */
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
      journal.connected(roleNames[session.kind], session.id, connection.remoteAddress);
    session.ticket = line.join(joinOf(session, false));
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
    // Nobody comes back under a generated id that was said goodbye to.
    const keepMs = clean && session.isAnonymous ? 0 : KEEP_AS_SET;
    this.leave(session, code, clean, keepMs);
  }

  /** A peer no longer has its role. @param keepMs see `Leave` */
  leave(session: EdgeSession, code: number, clean: boolean, keepMs = KEEP_AS_SET): void {
    const { counters, line, journal } = this.#deps;
    this.closing(session);
    this.#sessions.delete(session.number);
    if (session.closable !== session) counters.add(Counter.mqttSessions, -1);
    if (session.kind === SessionKind.subscriber) this.deliverer.closed(session);
    counters.add(connectionCounters[session.kind], -1);
    counters.disconnect(roleNames[session.kind], code);
    if (journal.tellsConnections)
      journal.disconnected(roleNames[session.kind], session.id, code, session.connectedAt);
    this.charges.end(session);
    line.leave(session.number, clean, false, keepMs);
  }

  /** A gateway no longer speaks for the device. */
  #deviceEnded(device: DeviceSession): void {
    this.interests.forget(device);
    this.charges.end(device);
  }

  /** The peer's next connection, on any edge, gets what this one leaves of its allowance. */
  keepAllowance(session: EdgeSession): void {
    this.charges.keep(session);
  }

  /** A session has ended that had no role, but paid. */
  endAllowance(session: EdgeSession): void {
    this.charges.end(session);
  }

  /** @returns the session of that number, behind a gateway too */
  find(number: number): EdgeSession | undefined {
    return this.#sessions.get(number) ?? this.gateways.find(number);
  }

  /**
   * Whether to process a frame: not if the peer is closing or its token has expired, and not if the frame is too long,
   * for which the peer is closed.
   */
  accepts(session: EdgeSession, frameBytes: number, now: number): boolean {
    if (session.closing) return false;
    if (hasExpired(session, now)) {
      session.close(closes.tokenExpired);
      return false;
    }
    const { maxMessageBytes } = this.settings;
    if (frameBytes <= maxMessageBytes) return true;
    const message = `frame of ${frameBytes} bytes; expected at most ${maxMessageBytes}`;
    this.refuse(session, { code: errors.limit.code, message, id: '' });
    session.close(closes.badFrame);
    return false;
  }

  /** See `Charges.isFlood`. */
  isFlood(session: EdgeSession, waiting: number): boolean {
    return this.charges.isFlood(session, waiting);
  }

  /** See `Charges.frame`. */
  charge(session: EdgeSession, cost: number, now: number): boolean {
    return this.charges.frame(session, cost, now);
  }

  /** @param codec of the frame's sender, if that is not the session itself */
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
    const { perSecond, burst } = this.charges.rateOf(session)!;
    const what = isSubscriber ? 'requests' : 'events';
    const message = `more than ${perSecond} ${what} per second (burst ${burst})`;
    const retryAfterMs = this.charges.waitMs(session, cost, now);
    this.refuse(session, { code: errors.rateLimit.code, message, id, retryAfterMs }, codec);
  }

  /**
   * Forwards a subscriber's request to the owner.
   * @param isFramed it came in a frame: a subscribe takes the positions of the frames before it
   * @returns false if too many requests wait; the subscriber is told
   */
  request(session: SubscriberSession, ask: Ask, now: number, isFramed = false): boolean {
    if (hasRoom(session)) {
      this.#requests.submit(session, isFramed ? session.takeSince(ask) : ask);
      return true;
    }
    this.#deps.counters.add(Counter.droppedSubscriberRate);
    const message = 'too many requests of this subscriber wait for an answer';
    const retryAfterMs = Math.max(RETRY_MS_MIN, this.charges.waitMs(session, 1, now));
    this.refuse(session, { code: errors.rateLimit.code, message, id: ask.id, retryAfterMs });
    return false;
  }

  /** A subscriber gives its positions in devices that it is about to subscribe to. */
  noteSince(
    session: SubscriberSession,
    { id, since }: { readonly id: string; readonly since: ReadonlyMap<string, StreamPosition> },
  ): void {
    if (this.#names.note(session, since)) return;
    this.refuse(session, { code: errors.limit.code, message: TOO_MANY_POSITIONS, id });
  }

  /** A subscriber showed a sign of life. @param isActivity whether it counts for its subscriptions too */
  heard(session: SubscriberSession, isActivity: boolean, now: number): void {
    const whole = Math.floor(now);
    session.aliveAt = whole;
    if (isActivity) this.#storeSeen(session, whole);
  }

  /** The kernel has taken some of the data that waited for a subscriber. */
  writable(session: SubscriberSession): void {
    this.deliverer.sendQueues.writable(session);
    this.deliverer.removals.run(session);
    this.deliverer.replays.run(session);
    this.deliverer.retained.run(session);
    this.#requests.advance(session);
  }

  /** Processes the owner's records and sends the events. @returns the number of records */
  poll(): number {
    const { fromOwner, line } = this.#deps;
    const { deliverer } = this;
    const { views } = fromOwner;
    this.publisher.polled();
    deliverer.begin();
    const untilMs = this.clock.now() + POLL_MS_MAX;
    this.#isBehind = false;
    let done = 0;
    while (done < POLL_RECORDS_MAX && !this.#isBehind) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      done += 1;
      const { kind } = fromOwner;
      if (kind === FromOwnerRecord.Event) deliverer.event(views, offset, fromOwner.bytes);
      else if (kind === FromOwnerRecord.Ack) this.#ack(views, offset);
      else {
        // What came before this record goes before it; where devices are joined, only what came of them.
        if (kind !== FromOwnerRecord.Attach && kind !== FromOwnerRecord.FilterPage) deliverer.finish();
        this.#owner.obey(kind, views, offset);
        this.#isBehind = this.clock.now() >= untilMs;
      }
    }
    deliverer.end(done, done < POLL_RECORDS_MAX && !this.#isBehind);
    this.#requests.takeTurns();
    if (line.hasBacklog) line.commit();
    return done;
  }

  hasRecords(): boolean {
    return this.#deps.fromOwner.hasRecords;
  }

  /** Whether a further poll has work, though no record may come. */
  get hasUnsent(): boolean {
    return this.deliverer.hasUnsent || this.#isBehind;
  }

  hasBacklog(): boolean {
    return this.#deps.line.hasBacklog;
  }

  /** Stops admitting peers. @returns the sessions to close; each has been told when to come back */
  startDraining(reconnectAfterMs: () => number): Closable[] {
    this.#deps.admission.startDraining();
    for (const session of this.#sessions.values()) session.send(session.codec.draining(reconnectAfterMs()));
    return [...new Set([...[...this.#sessions.values()].map(({ closable }) => closable), ...this.mqtt.all])];
  }

  #ack(views: RecordViews, offset: number): void {
    const { session: number, seq, skipped, id } = readAck(views, offset);
    const session = this.find(number);
    if (session?.kind !== SessionKind.device) return;
    session.acksDue = Math.max(0, session.acksDue - 1);
    session.acked(id, seq, skipped);
  }

  /**
   * Stores last_seen, then checks whether the owner has marked the subscriber silent; the owner does it in the opposite
   * order, so that at least one of the two notices.
   */
  #storeSeen(session: SubscriberSession, whole: number): void {
    const { slot } = session;
    if (slot === NONE) return;
    const { rows } = this.#deps.presence.subscribers;
    Atomics.store(rows.lastSeen, slot, BigInt(whole));
    if (Atomics.load(rows.silent, slot) === 1) this.#deps.line.active(session);
  }
}

/** How much of the owner's answers may be unread when the edge asks for more: a quarter of a request's answers. */
const ANSWER_BACKLOG_BYTES = 16 * 1024;
/** How long a peer is told to wait if its requests wait for those of others. */
const RETRY_MS_MIN = 50;
