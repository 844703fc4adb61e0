/**
 * Owns subscribers' sockets: hands what they ask for to the owner and sends them the events. Runs on a fan-out
 * worker, or on main where there is none. Must not write presence but its subscribers' `lastSeen`.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { closes, errors } from '../codes.ts';
import { POLL_RECORDS_MAX, TRANSPORT_FRAME_FACTOR } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Ringer } from '../memory/doorbell.ts';
import type { RecordViews, RingConsumer, RingProducer } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import type { PresenceReader } from '../presence/table.ts';
import { DeviceNames } from '../protocol/event-frames.ts';
import { Subprotocol } from '../protocol/events.ts';
import { draining, errorFrame, gapFrame } from '../protocol/hub-frames.ts';
import { isId } from '../protocol/id.ts';
import { originAllowed } from '../protocol/origin.ts';
import { parseDevicesQuery, parseSubscriberOp } from '../protocol/subscriber-ops.ts';
import {
  EventField,
  FromSubscribers,
  firstWord,
  readGap,
  readText,
  secondWord,
  ToSubscribers,
  textLength,
  textStart,
  thirdWord,
  writeOp,
  writeSmall,
} from '../threads/records.ts';
import { Liveness } from '../transport/liveness.ts';
import type {
  Endpoint,
  ListenerHandlers,
  ListenerOptions,
  Socket,
  UpgradeAnswer,
  UpgradeRequest,
} from '../transport/transport.ts';
import type { Publish } from './batch.ts';
import { EventEncoder } from './event-encoder.ts';
import { Rounds } from './rounds.ts';
import { SubscriberSession } from './subscriber-session.ts';
import { Topic } from './topic.ts';

export interface FanoutSettings {
  readonly pingIntervalMs: number;
  readonly maxMessageBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly allowedOrigins: readonly string[];
}

export interface FanoutDeps {
  readonly presence: PresenceReader;
  readonly toOwner: RingProducer;
  readonly fromOwner: RingConsumer;
  readonly ownerRinger: Ringer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: FanoutSettings;
}

type SubscriberSocket = Socket<SubscriberSession>;
/** Shards sent to before the thread looks up again: about five milliseconds, and one where vips wait. */
const SHARDS_PER_STEP = 4;
const SHARDS_PER_STEP_WITH_VIPS = 1;
const NO_DEVICES: readonly string[] = [];
const GAP_REASON = 'overload';

export class Fanout implements ListenerHandlers<SubscriberSession> {
  readonly liveness: Liveness;
  readonly #deps: FanoutDeps;
  readonly #sessions = new Map<number, SubscriberSession>();
  /** By device slot: the devices that this thread's subscribers get events of. */
  readonly #topics = new Map<number, Topic>();
  readonly #rounds: Rounds;
  /** Met their queue limit and are to be closed. */
  readonly #slow: SubscriberSession[] = [];
  #endpoint: Endpoint | undefined;
  #vipCount = 0;
  #nextSession = 1;
  #draining = false;

  constructor(deps: FanoutDeps) {
    this.#deps = deps;
    this.liveness = new Liveness(deps.clock, deps.settings.pingIntervalMs);
    const { fromOwner, counters } = deps;
    const encoder = new EventEncoder(fromOwner.views);
    this.#rounds = new Rounds(fromOwner, { views: fromOwner.views, encoder, counters }, this.#publishTo);
  }

  listenerOptions(): ListenerOptions<SubscriberSession> {
    const { maxMessageBytes, sendQueueMaxBytes } = this.#deps.settings;
    return {
      path: '/v1/subscribe',
      frameBytesMax: maxMessageBytes * TRANSPORT_FRAME_FACTOR,
      queueBytesMax: sendQueueMaxBytes,
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

  upgrade(request: UpgradeRequest): UpgradeAnswer<SubscriberSession> {
    if (this.#draining) return { status: 503, message: 'the hub is draining' };
    if (
      !originAllowed(request.header('origin'), request.header('host'), this.#deps.settings.allowedOrigins)
    ) {
      return { status: 403, message: 'this origin is not allowed' };
    }
    const query = new URLSearchParams(request.query);
    const id = query.get('id') ?? `s-${randomUUID()}`;
    if (!isId(id)) return { status: 400, message: 'id: 1 to 128 of A-Z a-z 0-9 . _ : ~ - are accepted' };
    const devices = query.get('devices') ?? '';
    const wanted = devices === '' ? { ok: true as const, devices: NO_DEVICES } : parseDevicesQuery(devices);
    if (!wanted.ok) return { status: 400, message: wanted.message };
    const offered = request
      .header('sec-websocket-protocol')
      .split(',')
      .map((name) => name.trim());
    const protocol = offered.find((name) => name === Subprotocol.binary || name === Subprotocol.json);
    const binary = protocol === Subprotocol.binary;
    const session = new SubscriberSession({
      id,
      number: this.#nextSession++,
      binary,
      wanted: wanted.devices,
    });
    return protocol === undefined ? { session } : { session, protocol };
  }

  open(socket: SubscriberSocket): void {
    const { session } = socket;
    session.attach(socket);
    this.#sessions.set(session.number, session);
    this.liveness.add(session);
    this.#deps.counters.add(Counter.subscriberConnections);
    this.#control(FromSubscribers.Join, [session.number], Buffer.from(session.id));
  }

  message({ session }: SubscriberSocket, frame: Uint8Array, binary: boolean): void {
    if (session.closing) return;
    this.#heard(session, true);
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

  controlPong({ session }: SubscriberSocket): void {
    if (!session.closing) this.#heard(session, this.#deps.settings.subscriberActivity === 'pong');
  }

  writable(): void {}

  /** Over its queue limit: it would have a hole, so it goes, and comes back when it can keep up. */
  dropped({ session }: SubscriberSocket): void {
    this.#deps.counters.add(Counter.droppedSlow);
    if (session.closing) return;
    session.closing = true;
    // Not from within the send that met the limit, but before anything else is sent to it.
    this.#slow.push(session);
    setImmediate(() => this.#closeSlow());
  }

  close({ session }: SubscriberSocket, code: number): void {
    session.closing = true;
    this.liveness.remove(session);
    this.#sessions.delete(session.number);
    for (const device of session.devices) this.#leaveTopic(session, device, false);
    if (session.vip) this.#vipCount -= 1;
    this.#deps.counters.add(Counter.subscriberConnections, -1);
    this.#deps.counters.disconnect('subscriber', code);
    this.#control(FromSubscribers.Leave, [session.number]);
  }

  /** Works off what the owner says and sends the events. @returns the records done */
  poll(): number {
    const { fromOwner } = this.#deps;
    const { views } = fromOwner;
    let done = 0;
    for (; done < POLL_RECORDS_MAX; done++) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      if (fromOwner.kind === ToSubscribers.Event) {
        const topic = this.#topics.get(views.u32[(offset + EventField.device) >> 2]!);
        // None: the last subscriber has just closed, and the owner has not heard of it yet.
        if (topic !== undefined) this.#rounds.add(offset, topic);
      } else {
        this.#rounds.finish(this.#deps.clock.now()); // what came before this record goes before it
        this.#obey(fromOwner.kind, views, offset);
      }
    }
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
    return this.#rounds.hasUnsent;
  }

  hasBacklog(): boolean {
    return this.#deps.toOwner.spilledCount > 0;
  }

  /** Lets nobody in any more. @returns the sessions that are to be closed, each told when to come back */
  startDraining(reconnectAfterMs: () => number): SubscriberSession[] {
    this.#draining = true;
    for (const session of this.#sessions.values()) session.send(draining(reconnectAfterMs()));
    return [...this.#sessions.values()];
  }

  #obey(kind: number, views: RecordViews, offset: number): void {
    if (kind === ToSubscribers.Gap) {
      const { device, from, to } = readGap(views, offset);
      this.#publishGap(device, from, to);
      return;
    }
    const session = this.#sessions.get(firstWord(views, offset));
    if (session === undefined || session.closing) return;
    switch (kind) {
      case ToSubscribers.Joined:
        session.slot = secondWord(views, offset);
        this.#setVip(session, thirdWord(views, offset) === 1);
        break;
      case ToSubscribers.Attach:
        this.#joinTopic(session, secondWord(views, offset), readText(views, offset));
        break;
      case ToSubscribers.Detach:
        this.#leaveTopic(session, secondWord(views, offset), true);
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

  #text(session: SubscriberSession, views: RecordViews, offset: number): void {
    const start = textStart(offset);
    const piece = views.u8.subarray(start, start + textLength(views, offset));
    const more = secondWord(views, offset) === 1;
    if (more || session.pieces !== undefined) {
      session.pieces ??= [];
      session.pieces.push(piece.slice());
    }
    if (more) return;
    const first = !session.welcomed;
    session.sendText(session.pieces === undefined ? piece : Buffer.concat(session.pieces));
    session.pieces = undefined;
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

  #joinTopic(session: SubscriberSession, device: number, id: string): void {
    let topic = this.#topics.get(device);
    if (topic === undefined || topic.names.id !== id) {
      topic = new Topic(device, new DeviceNames(id));
      this.#topics.set(device, topic);
    }
    if (session.shardOf(device) < 0) session.addDevice(device, topic.add(session));
  }

  #leaveTopic(session: SubscriberSession, device: number, open: boolean): void {
    const topic = this.#topics.get(device);
    const shard = session.shardOf(device);
    if (topic === undefined || shard < 0) return;
    session.removeDevice(device);
    topic.remove(session, shard, open);
    if (topic.isEmpty) this.#topics.delete(device);
  }

  #setVip(session: SubscriberSession, vip: boolean): void {
    if (session.vip === vip) return;
    this.#vipCount += vip ? 1 : -1;
    const { devices } = session;
    for (const device of devices) {
      this.#topics.get(device)!.remove(session, session.shardOf(device), true);
      session.removeDevice(device);
    }
    session.vip = vip;
    for (const device of devices) session.addDevice(device, this.#topics.get(device)!.add(session));
  }

  /** Publishes to the sockets of a topic; one that falls behind its limit by this gets nothing after it. */
  readonly #publishTo: Publish = (topic, frame, binary) => {
    this.#endpoint!.publish(topic, frame, binary);
    if (this.#slow.length > 0) this.#closeSlow();
  };

  #closeSlow(): void {
    for (const session of this.#slow.splice(0)) {
      for (const device of session.devices) this.#leaveTopic(session, device, true);
      session.close(closes.slow.code, closes.slow.reason);
    }
  }

  #publishGap(device: number, from: number, to: number): void {
    const topic = this.#topics.get(device);
    if (topic === undefined) return;
    const text = gapFrame(topic.names.id, from, to, GAP_REASON);
    const frame = Buffer.from(text);
    for (const shard of [...topic.json.shards, ...topic.binary.shards]) this.#publishTo(shard, frame, false);
    for (const session of topic.vips) session.send(text);
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

  #refuse(session: SubscriberSession, code: number, message: string, id: string): void {
    this.#deps.counters.add(Counter.refusedFrames);
    session.send(errorFrame(code, message, id));
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
