/**
 * Owns subscribers' sockets: hands what they ask for to the owner and sends them the events. Runs on a fan-out
 * worker, or on main where there is none. Must not write presence but its subscribers' `lastSeen`.
 */
import type { Admission } from '../access/admission.ts';
import { TokenBucket } from '../access/token-bucket.ts';
import type { AdmittedUpgrade, RefusedUpgrade, Upgrades } from '../access/upgrades.ts';
import type { Clock } from '../clock.ts';
import { closes, errors } from '../codes.ts';
import { POLL_RECORDS_MAX, TRANSPORT_FRAME_FACTOR } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Ringer } from '../memory/doorbell.ts';
import type { RecordViews, RingConsumer, RingProducer } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import type { PresenceReader } from '../presence/table.ts';
import { Subprotocol } from '../protocol/events.ts';
import { draining, errorFrame } from '../protocol/hub-frames.ts';
import { parseDevicesQuery, parseSubscriberOp } from '../protocol/subscriber-ops.ts';
import {
  EventField,
  FromSubscribers,
  firstWord,
  readGap,
  readSeq,
  readText,
  secondWord,
  ToSubscribers,
  textLength,
  textStart,
  thirdWord,
  writeJoin,
  writeOp,
  writeSmall,
} from '../threads/records.ts';
import { hasExpired, Liveness } from '../transport/liveness.ts';
import type {
  Connection,
  Endpoint,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../transport/transport.ts';
import type { Publish } from './batch.ts';
import { EventEncoder } from './event-encoder.ts';
import { Laggards } from './laggards.ts';
import { Rounds } from './rounds.ts';
import { type SendQueueLimits, SendQueues, sendQueueLimits } from './send-queues.ts';
import { SubscriberSession } from './subscriber-session.ts';
import type { Topic } from './topic.ts';
import { Topics } from './topics.ts';

export interface FanoutSettings {
  readonly pingIntervalMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly sendQueueBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly sendQueuesTotalBytes: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly subscriberRate: number;
  readonly subscriberBurst: number;
}

export interface FanoutDeps {
  readonly admission: Admission;
  readonly upgrades: Upgrades;
  readonly presence: PresenceReader;
  readonly toOwner: RingProducer;
  readonly fromOwner: RingConsumer;
  readonly ownerRinger: Ringer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: FanoutSettings;
  /** Threads that hold subscribers' sockets: they share what is for all. */
  readonly fanoutThreads: number;
  /** @returns a number that no connection of this thread, or of one in whose place it is, ever had */
  readonly nextSession: () => number;
}

type SubscriberConnection = Connection<SubscriberSession>;

/** Shards sent to before the thread looks up again: about five milliseconds, and one where vips wait. */
const SHARDS_PER_STEP = 4;
const SHARDS_PER_STEP_WITH_VIPS = 1;
const NO_DEVICES: readonly string[] = [];

export class Fanout implements ListenerHandlers<SubscriberSession> {
  readonly liveness: Liveness;
  readonly sendQueues: SendQueues;
  readonly #deps: FanoutDeps;
  readonly #limits: SendQueueLimits;
  readonly #sessions = new Map<number, SubscriberSession>();
  readonly #topics: Topics;
  readonly #rounds: Rounds;
  /** Met the transport's queue limit and are to be closed. */
  readonly #slow: SubscriberSession[] = [];
  #endpoint: Endpoint | undefined;
  #vipCount = 0;
  /** All that the owner has said was heard. */
  #caughtUp = true;

  constructor(deps: FanoutDeps) {
    this.#deps = deps;
    const { fromOwner, counters, clock, settings } = deps;
    this.liveness = new Liveness(clock, settings);
    const encoder = new EventEncoder(fromOwner.views);
    this.#limits = sendQueueLimits(settings, deps.fanoutThreads);
    const topics = new Map<number, Topic>();
    const sending = { views: fromOwner.views, encoder, counters };
    const finishRounds = (): void => this.#rounds.finish(clock.now());
    const laggards = new Laggards({ ...sending, ...this.#limits, topics, finishRounds });
    this.#topics = new Topics(topics, laggards);
    this.#rounds = new Rounds(fromOwner, { ...sending, laggards }, this.#publishTo);
    this.sendQueues = new SendQueues({
      sessions: this.#sessions,
      laggards,
      clock,
      counters,
      limits: this.#limits,
      isBetweenRounds: () => this.#rounds.isBetween,
      isCaughtUp: () => this.#caughtUp,
    });
  }

  route(): Route<SubscriberSession> {
    return {
      path: '/v1/subscribe',
      frameBytesMax: this.#deps.settings.maxMessageBytes * TRANSPORT_FRAME_FACTOR,
      queueBytesMax: this.#limits.transportBytesMax,
      handlers: this,
    };
  }

  /** Where events are published; before the first poll. */
  attach(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  upgrade(
    request: UpgradeRequest,
  ): UpgradeAnswer<SubscriberSession> | Promise<UpgradeAnswer<SubscriberSession>> {
    const admitted = this.#deps.upgrades.admit(request);
    return admitted instanceof Promise
      ? admitted.then((answer) => this.#sessionFor(answer))
      : this.#sessionFor(admitted);
  }

  #sessionFor(admitted: AdmittedUpgrade | RefusedUpgrade): UpgradeAnswer<SubscriberSession> {
    if (!admitted.ok) return admitted;
    const { query, protocol } = admitted;
    const devices = query.get('devices') ?? '';
    const batch = query.get('batch') ?? 'false';
    if (batch !== 'true' && batch !== 'false')
      return { status: 400, message: 'batch: true or false is accepted' };
    const wanted = devices === '' ? { ok: true as const, devices: NO_DEVICES } : parseDevicesQuery(devices);
    if (!wanted.ok) return { status: 400, message: wanted.message };
    const session = new SubscriberSession({
      admitted,
      number: this.#deps.nextSession(),
      binary: protocol === Subprotocol.binary,
      batched: batch === 'true',
      wanted: wanted.devices,
    });
    return protocol === undefined ? { session } : { session, protocol };
  }

  open(socket: SubscriberConnection): void {
    const { session } = socket;
    session.attach(socket);
    this.#deps.admission.opened(session.address);
    this.#sessions.set(session.number, session);
    this.liveness.add(session);
    this.#deps.counters.add(Counter.subscriberConnections);
    writeJoin(this.#deps.toOwner, session.number, session.actor, false);
    this.#publish();
  }

  message({ session }: SubscriberConnection, frame: Uint8Array, binary: boolean): void {
    if (session.closing) return;
    const now = this.#deps.clock.now();
    if (hasExpired(session, now)) {
      session.close(closes.tokenExpired.code, closes.tokenExpired.reason);
      return;
    }
    this.#heard(session, true);
    const inTime = this.#takeFrame(session, now);
    const { maxMessageBytes } = this.#deps.settings;
    if (frame.length > maxMessageBytes) {
      const message = `frame of ${frame.length} bytes, at most ${maxMessageBytes} are accepted`;
      this.#refuse(session, errors.limit.code, message, '');
      session.close(closes.badFrame.code, closes.badFrame.reason);
      return;
    }
    if (binary) {
      this.#refuse(
        session,
        errors.badRequest.code,
        'binary frame; text frames with one JSON object are accepted',
        '',
      );
      return;
    }
    const parsed = parseSubscriberOp(
      Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('utf8'),
    );
    if (!parsed.ok) {
      this.#refuse(session, parsed.code, parsed.message, parsed.id);
    } else if (!inTime) {
      const { subscriberRate, subscriberBurst } = this.#deps.settings;
      const message = `more than ${subscriberRate} frames per second (burst ${subscriberBurst})`;
      this.#refuse(session, errors.rateLimit.code, message, parsed.id);
    } else if (parsed.op !== 'touch') {
      writeOp(this.#deps.toOwner, {
        session: session.number,
        op: parsed.op,
        id: parsed.id,
        devices: parsed.devices,
      });
      this.#publish();
    }
  }

  controlPong({ session }: SubscriberConnection): void {
    if (!session.closing) this.#heard(session, this.#deps.settings.subscriberActivity === 'pong');
  }

  controlPing(): void {}

  writable({ session }: SubscriberConnection): void {
    this.sendQueues.writable(session);
  }

  /** Over the transport's own limit: it would have a hole, so it goes, and comes back when it can keep up. */
  dropped({ session }: SubscriberConnection): void {
    this.#deps.counters.add(Counter.droppedSlow);
    if (session.closing) return;
    session.closing = true;
    this.#deps.counters.add(Counter.closedOverQueue);
    // Not from within the send that met the limit, but before anything else is sent to it.
    this.#slow.push(session);
    setImmediate(() => this.#closeSlow());
  }

  /** What follows is not for it any more, though what waits and the close frame still leave. */
  closing({ session }: SubscriberConnection): void {
    session.closing = true;
    this.#topics.leaveAll(session, true);
    this.sendQueues.forget(session);
  }

  close({ session }: SubscriberConnection, code: number): void {
    session.closing = true;
    this.liveness.remove(session);
    this.#sessions.delete(session.number);
    this.#deps.admission.closed(session.address);
    this.#topics.leaveAll(session, false);
    this.sendQueues.forget(session);
    if (session.vip) this.#vipCount -= 1;
    this.#deps.counters.add(Counter.subscriberConnections, -1);
    this.#deps.counters.disconnect('subscriber', code);
    this.#control(FromSubscribers.Leave, [session.number]);
  }

  /** Works off what the owner says and sends the events. @returns the records done */
  poll(): number {
    const { fromOwner } = this.#deps;
    const { views } = fromOwner;
    this.sendQueues.look();
    this.#caughtUp = false;
    let done = 0;
    for (; done < POLL_RECORDS_MAX; done++) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      if (fromOwner.kind === ToSubscribers.Event) {
        const topic = this.#topics.get(views.u32[(offset + EventField.device) >> 2]!);
        // None: the last subscriber has just closed, and the owner has not heard of it yet.
        if (topic === undefined) continue;
        topic.lastSeq = views.f64[(offset + EventField.seq) >> 3]!;
        this.#rounds.add(offset, topic);
        if (this.sendQueues.published(fromOwner.bytes)) {
          this.#rounds.finish(this.#deps.clock.now()); // who cannot take so much must lag before it is closed for it
          this.sendQueues.look();
        }
      } else {
        this.#rounds.finish(this.#deps.clock.now()); // what came before this record goes before it
        this.#obey(fromOwner.kind, views, offset);
      }
    }
    this.#caughtUp = done < POLL_RECORDS_MAX;
    if (done > 0 || this.hasUnsent) {
      const shards = this.#vipCount > 0 ? SHARDS_PER_STEP_WITH_VIPS : SHARDS_PER_STEP;
      this.#rounds.step(this.#deps.clock.now(), shards);
    }
    if (this.hasBacklog()) this.#publish();
    return done;
  }

  hasRecords(): boolean {
    return this.#deps.fromOwner.hasRecords;
  }

  /** Whether events wait for a further `poll`, though no record may come. */
  get hasUnsent(): boolean {
    return this.#rounds.hasUnsent || this.sendQueues.hasWaiting;
  }

  hasBacklog(): boolean {
    return this.#deps.toOwner.spilledCount > 0;
  }

  /** Lets nobody in any more. @returns the sessions that are to be closed, each told when to come back */
  startDraining(reconnectAfterMs: () => number): SubscriberSession[] {
    this.#deps.admission.startDraining();
    for (const session of this.#sessions.values()) session.send(draining(reconnectAfterMs()));
    return [...this.#sessions.values()];
  }

  #obey(kind: number, views: RecordViews, offset: number): void {
    switch (kind) {
      case ToSubscribers.Gap: {
        const { device, from, to } = readGap(views, offset);
        this.#topics.gap(device, from, to, this.#publishTo);
        return;
      }
      case ToSubscribers.Resync:
        this.#resync();
        return;
      case ToSubscribers.Seq: {
        const { device, seq } = readSeq(views, offset);
        this.#topics.heardOf(device, seq, this.#publishTo);
        return;
      }
      case ToSubscribers.Resynced:
        this.#topics.endResync(this.#sessions.values());
        return;
      default:
        this.#obeyFor(kind, views, offset);
    }
  }

  /** A new owner asks whom this thread holds. What it does not name until `Resynced` is over. */
  #resync(): void {
    const { toOwner } = this.#deps;
    this.#topics.beginResync();
    for (const session of this.#sessions.values()) {
      if (session.closing) continue;
      session.dropPieces();
      writeJoin(toOwner, session.number, session.actor, session.welcomed);
    }
    this.#control(FromSubscribers.Synced, [0]);
  }

  #obeyFor(kind: number, views: RecordViews, offset: number): void {
    const session = this.#sessions.get(firstWord(views, offset));
    if (session === undefined || session.closing) return;
    switch (kind) {
      case ToSubscribers.Joined:
        session.slot = secondWord(views, offset);
        this.#setVip(session, thirdWord(views, offset) === 1);
        break;
      case ToSubscribers.Attach:
        this.#attach(session, secondWord(views, offset), readText(views, offset));
        break;
      case ToSubscribers.Detach:
        this.#topics.leave(session, secondWord(views, offset), true);
        break;
      case ToSubscribers.Text:
        this.#text(session, views, offset);
        break;
      case ToSubscribers.Close:
        session.close(secondWord(views, offset), readText(views, offset));
        break;
      case ToSubscribers.Vip:
        this.#setVip(session, secondWord(views, offset) === 1);
        break;
      default:
        throw new Error(`record of kind ${kind} from the owner`);
    }
  }

  #attach(session: SubscriberSession, device: number, id: string): void {
    const seq = this.#deps.presence.devices.rows.seq[device]!;
    this.#topics.join(session, device, id, seq, this.#sessions.values());
  }

  #text(session: SubscriberSession, views: RecordViews, offset: number): void {
    const start = textStart(offset);
    const piece = views.u8.subarray(start, start + textLength(views, offset));
    const frame = session.assemble(piece, secondWord(views, offset) === 1);
    if (frame === undefined) return;
    const first = !session.welcomed;
    session.sendText(frame);
    this.sendQueues.check(session);
    if (first && session.wanted.length > 0) {
      writeOp(this.#deps.toOwner, {
        session: session.number,
        op: 'subscribe',
        id: '',
        devices: session.wanted,
      });
      session.wanted = NO_DEVICES;
      this.#publish();
    }
  }

  #setVip(session: SubscriberSession, vip: boolean): void {
    if (session.vip === vip) return;
    this.#vipCount += vip ? 1 : -1;
    this.#topics.setVip(session, vip);
  }

  /** Publishes to the sockets of a topic; one that falls behind its limit by this gets nothing after it. */
  readonly #publishTo: Publish = (topic, frame, binary) => {
    this.#endpoint!.publish(topic, frame, binary);
    if (this.#slow.length > 0) this.#closeSlow();
  };

  #closeSlow(): void {
    for (const session of this.#slow.splice(0)) session.close(closes.slow.code, closes.slow.reason);
  }

  /**
   * Stores last_seen, then looks whether the owner has the subscriber down as silent; the owner does it the other way
   * round, so that one of the two notices.
   */
  #heard(session: SubscriberSession, isActivity: boolean): void {
    const now = Math.floor(this.#deps.clock.now());
    session.aliveAt = now;
    if (!isActivity || session.slot === NONE) return;
    const { rows } = this.#deps.presence.subscribers;
    Atomics.store(rows.lastSeen, session.slot, BigInt(now));
    if (Atomics.load(rows.silent, session.slot) === 1)
      this.#control(FromSubscribers.Active, [session.number]);
  }

  /** Takes a frame from the subscriber's allowance. @returns false when it is over its rate, which is counted */
  #takeFrame(session: SubscriberSession, now: number): boolean {
    const { settings, counters } = this.#deps;
    const { subscriberRate, subscriberBurst } = settings;
    if (subscriberRate === 0 || subscriberBurst === 0) return true;
    session.bucket ??= new TokenBucket(subscriberRate, subscriberBurst, now);
    if (session.bucket.take(now)) return true;
    counters.add(Counter.droppedSubscriberRate);
    return false;
  }

  #refuse(session: SubscriberSession, code: number, message: string, id: string): void {
    this.#deps.counters.add(Counter.refusedFrames);
    session.send(errorFrame(code, message, id));
    this.sendQueues.check(session);
  }

  #control(kind: number, words: readonly [number, number?], text?: Uint8Array): void {
    writeSmall(this.#deps.toOwner, kind, words, text);
    this.#publish();
  }

  #publish(): void {
    this.#deps.toOwner.publish();
    this.#deps.ownerRinger.ring();
  }
}
