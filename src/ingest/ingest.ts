/**
 * Terminates the devices' connections and forwards their events to the owner. Runs on main, on the hot path: adds
 * next to nothing to what receiving a frame costs. Must not write presence but `lastSeen`.
 */
import type { Admission } from '../access/admission.ts';
import { TokenBucket } from '../access/token-bucket.ts';
import type { AdmittedUpgrade, RefusedUpgrade, Upgrades } from '../access/upgrades.ts';
import type { Clock } from '../clock.ts';
import { closes, errors } from '../codes.ts';
import { POLL_RECORDS_MAX, TRANSPORT_FRAME_FACTOR } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Ringer } from '../memory/doorbell.ts';
import { type RingConsumer, type RingProducer, Share } from '../memory/ring.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState } from '../presence/lifecycle.ts';
import type { PresenceReader } from '../presence/table.ts';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../protocol/device-frames.ts';
import { EventType, Priority } from '../protocol/events.ts';
import { ack, deviceWelcome, draining, errorFrame } from '../protocol/hub-frames.ts';
import {
  EventField,
  EventFlag,
  firstWord,
  Ingest as IngestRecord,
  readAck,
  readText,
  secondWord,
  ToIngest,
  writeDeviceJoin,
  writeSmall,
} from '../threads/records.ts';
import { hasExpired, Liveness } from '../transport/liveness.ts';
import type {
  Connection,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../transport/transport.ts';
import { DeviceSession } from './device-session.ts';
import { Taps } from './taps.ts';

export interface IngestSettings {
  readonly pingIntervalMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly deviceRate: number;
  readonly deviceBurst: number;
  readonly sendQueueMaxBytes: number;
}

export interface IngestDeps {
  readonly admission: Admission;
  readonly upgrades: Upgrades;
  readonly presence: PresenceReader;
  readonly toOwner: RingProducer;
  readonly fromOwner: RingConsumer;
  readonly ownerRinger: Ringer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: IngestSettings;
  /**
   * Where this thread also fans out: called from time to time under a flood, so that the events of one long read do
   * not fill the ring before this thread's own turn to send them comes.
   */
  readonly relieve?: () => void;
}

/** Events forwarded between two calls of `relieve`: a few hundred KiB of a ring of megabytes. */
const RELIEVE_EVENTS = 1024;

const shares = {
  [Priority.low]: Share.low,
  [Priority.normal]: Share.normal,
  [Priority.high]: Share.high,
} as const;
const receivedCells = {
  [EventType.pong]: Counter.receivedPong,
  [EventType.message]: Counter.receivedMessage,
  [EventType.status]: Counter.receivedStatus,
} as const;

type DeviceConnection = Connection<DeviceSession>;

export class Ingest implements ListenerHandlers<DeviceSession> {
  readonly liveness: Liveness;
  readonly taps = new Taps();
  readonly #deps: IngestDeps;
  readonly #sessions = new Map<number, DeviceSession>();
  readonly #frame = createDeviceFrame();
  #nextSession = 1;
  /** While the owner is away the table does not say who listens. */
  ownerIsAway = false;
  /** Since the last relief, or since the last turn's poll. */
  #forwarded = 0;
  /** `lastSeen` is an atomic BigInt cell: the BigInt is made once per millisecond, not once per frame. */
  #nowMs = 0;
  #nowCell = 0n;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    this.liveness = new Liveness(deps.clock, deps.settings);
  }

  route(): Route<DeviceSession> {
    const { maxMessageBytes, sendQueueMaxBytes } = this.#deps.settings;
    return {
      path: '/v1/device',
      frameBytesMax: maxMessageBytes * TRANSPORT_FRAME_FACTOR,
      queueBytesMax: sendQueueMaxBytes,
      handlers: this,
    };
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** When the session connected, wall-clock ms. */
  connectedAt(session: number): number | undefined {
    return this.#sessions.get(session)?.connectedAt;
  }

  upgrade(request: UpgradeRequest): UpgradeAnswer<DeviceSession> | Promise<UpgradeAnswer<DeviceSession>> {
    const admitted = this.#deps.upgrades.admit(request);
    return admitted instanceof Promise
      ? admitted.then((answer) => this.#sessionFor(answer))
      : this.#sessionFor(admitted);
  }

  #sessionFor(admitted: AdmittedUpgrade | RefusedUpgrade): UpgradeAnswer<DeviceSession> {
    if (!admitted.ok) return admitted;
    const { settings, clock } = this.#deps;
    const { deviceRate, deviceBurst } = settings;
    const limited = deviceRate > 0 && deviceBurst > 0;
    const bucket = limited ? new TokenBucket(deviceRate, deviceBurst, clock.now()) : undefined;
    const session = new DeviceSession(admitted, this.#nextSession++, clock.wallNow(), bucket);
    return admitted.protocol === undefined ? { session } : { session, protocol: admitted.protocol };
  }

  open(socket: DeviceConnection): void {
    const { session } = socket;
    session.attach(socket);
    this.#deps.admission.opened(session.address);
    this.#sessions.set(session.number, session);
    this.liveness.add(session);
    this.#deps.counters.add(Counter.deviceConnections);
    writeDeviceJoin(this.#deps.toOwner, session.number, session.id, false);
    this.#publish();
  }

  message(socket: DeviceConnection, bytes: Uint8Array, binary: boolean): void {
    const { session } = socket;
    if (session.closing) return;
    const { clock, counters, settings } = this.#deps;
    const now = clock.now();
    if (hasExpired(session, now)) {
      session.close(closes.tokenExpired.code, closes.tokenExpired.reason);
      return;
    }
    this.#heard(session, now);
    if (bytes.length > settings.maxMessageBytes) {
      const message = `frame of ${bytes.length} bytes, at most ${settings.maxMessageBytes} are accepted`;
      this.#refuse(session, errors.limit.code, message, '');
      session.close(closes.badFrame.code, closes.badFrame.reason);
      return;
    }
    const frame = this.#frame;
    const problem = binary ? parseDeviceBinary(bytes, frame) : parseDeviceText(bytes, frame);
    if (problem !== undefined) {
      this.#refuse(session, errors.badRequest.code, problem, ackIdOf(bytes, frame));
      return;
    }
    if (session.bucket !== undefined && !session.bucket.take(now)) {
      counters.add(Counter.droppedRate);
      const message = `more than ${settings.deviceRate} events per second (burst ${settings.deviceBurst})`;
      this.#refuse(session, errors.rateLimit.code, message, ackIdOf(bytes, frame));
      return;
    }
    counters.cells[receivedCells[frame.type as 1 | 2 | 3]]! += 1;
    if (this.taps.inUse) this.taps.event(session.id, bytes, frame);
    if (frame.type !== EventType.status && this.#nobodyListens(session.slot)) this.#skip(session, bytes);
    else this.#forward(session, bytes, now);
  }

  controlPong({ session }: DeviceConnection): void {
    if (!session.closing) this.#heard(session, this.#deps.clock.now());
  }

  controlPing(): void {}

  writable(): void {}

  /** A device that does not read its acks loses them: it learns from the next one, or from its own silence. */
  dropped(): void {}

  closing(): void {}

  close({ session }: DeviceConnection, code: number): void {
    this.liveness.remove(session);
    this.#sessions.delete(session.number);
    this.#deps.admission.closed(session.address);
    this.#deps.counters.add(Counter.deviceConnections, -1);
    this.#deps.counters.disconnect('device', code);
    // An empty close frame (1005) is an orderly goodbye too: it is what WebSocket.close() without a code sends.
    const clean = code === 1000 || code === 1001 || code === 1005;
    this.#control(IngestRecord.Leave, [session.number, clean ? 1 : 0]);
  }

  /** Works off what the owner says. @returns the records done */
  poll(): number {
    const { fromOwner } = this.#deps;
    const { views } = fromOwner;
    this.#forwarded = 0;
    let done = 0;
    for (; done < POLL_RECORDS_MAX; done++) {
      const offset = fromOwner.next();
      if (offset < 0) break;
      switch (fromOwner.kind) {
        case ToIngest.Joined:
          this.#joined(firstWord(views, offset), secondWord(views, offset));
          break;
        case ToIngest.Close:
          this.#sessions
            .get(firstWord(views, offset))
            ?.close(secondWord(views, offset), readText(views, offset));
          break;
        case ToIngest.Ack: {
          const { session, seq, skipped, id } = readAck(views, offset);
          this.#sessions.get(session)?.send(ack(id, seq, skipped));
          break;
        }
        case ToIngest.Resync:
          this.#resync();
          break;
        default:
          throw new Error(`record of kind ${fromOwner.kind} from the owner`);
      }
    }
    if (done > 0) fromOwner.release();
    if (this.hasBacklog()) this.#publish();
    return done;
  }

  hasRecords(): boolean {
    return this.#deps.fromOwner.hasRecords;
  }

  hasBacklog(): boolean {
    return this.#deps.toOwner.spilledCount > 0;
  }

  /** Lets nobody in any more. @returns the sessions that are to be closed, each told when to come back */
  startDraining(reconnectAfterMs: () => number): DeviceSession[] {
    this.#deps.admission.startDraining();
    for (const session of this.#sessions.values()) session.send(draining(reconnectAfterMs()));
    return [...this.#sessions.values()];
  }

  /** A new owner asks whom this thread holds. */
  #resync(): void {
    for (const { number, id, slot, closing } of this.#sessions.values()) {
      if (!closing) writeDeviceJoin(this.#deps.toOwner, number, id, slot !== NONE);
    }
    this.#control(IngestRecord.Synced, [0]);
  }

  #joined(number: number, slot: number): void {
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    session.welcome(slot, deviceWelcome(session.id, this.#deps.settings.pingIntervalMs));
    this.#storeSeen(session, Math.abs(session.aliveAt));
  }

  #heard(session: DeviceSession, now: number): void {
    const whole = Math.floor(now);
    session.aliveAt = whole;
    this.#storeSeen(session, whole);
  }

  /**
   * Stores last_seen, then looks whether the owner has put the device down as stale; the owner does it the other way
   * round, so that one of the two notices.
   */
  #storeSeen(session: DeviceSession, whole: number): void {
    const { slot } = session;
    if (slot === NONE) return;
    if (whole !== this.#nowMs) {
      this.#nowMs = whole;
      this.#nowCell = BigInt(whole);
    }
    const { rows } = this.#deps.presence.devices;
    Atomics.store(rows.lastSeen, slot, this.#nowCell);
    if (Atomics.load(rows.deviceState, slot) === DeviceState.stale) {
      this.#control(IngestRecord.Active, [session.number]);
    }
  }

  #nobodyListens(slot: number): boolean {
    return (
      !this.ownerIsAway && slot !== NONE && Atomics.load(this.#deps.presence.devices.rows.active, slot) === 0
    );
  }

  #skip(session: DeviceSession, bytes: Uint8Array): void {
    this.#deps.counters.cells[Counter.skipped]! += 1;
    if (this.#frame.ackEnd === this.#frame.ackStart) return;
    const seq = this.#deps.presence.devices.rows.seq[session.slot]!;
    session.send(ack(ackIdOf(bytes, this.#frame), seq, true));
  }

  #forward(session: DeviceSession, bytes: Uint8Array, now: number): void {
    const { toOwner, counters, clock } = this.#deps;
    const frame = this.#frame;
    const status = frame.status === '' ? NO_BYTES : Buffer.from(frame.status);
    const payloadBytes = frame.payloadEnd - frame.payloadStart;
    const ackBytes = frame.ackEnd - frame.ackStart;
    const total = EventField.body + status.length + payloadBytes + ackBytes;
    const offset = toOwner.claim(IngestRecord.Event, total, shares[frame.priority as 1 | 2 | 3]);
    if (offset < 0) {
      counters.add(Counter.droppedIngestFull);
      if (ackBytes > 0) {
        this.#refuse(
          session,
          errors.limit.code,
          'the hub is overloaded, event refused',
          ackIdOf(bytes, frame),
        );
      }
      return;
    }
    const { f64, u32, u16, u8 } = toOwner.views;
    f64[(offset + EventField.at) >> 3] = clock.wallNow();
    f64[(offset + EventField.received) >> 3] = now;
    u32[(offset + EventField.device) >> 2] = session.slot;
    u32[(offset + EventField.session) >> 2] = session.number;
    u8[offset + EventField.type] = frame.type;
    u8[offset + EventField.priority] = frame.priority;
    u8[offset + EventField.flags] = frame.payloadIsJson ? EventFlag.payloadIsJson : 0;
    u8[offset + EventField.ackBytes] = ackBytes;
    u16[(offset + EventField.statusBytes) >> 1] = status.length;
    u32[(offset + EventField.payloadBytes) >> 2] = payloadBytes;
    let at = offset + EventField.body;
    if (status.length > 0) u8.set(status, at);
    at += status.length;
    copyBytes(bytes, frame.payloadStart, frame.payloadEnd, u8, at);
    copyBytes(bytes, frame.ackStart, frame.ackEnd, u8, at + payloadBytes);
    this.#publish();
    if (this.#deps.relieve === undefined || ++this.#forwarded < RELIEVE_EVENTS) return;
    this.#forwarded = 0;
    this.#deps.relieve();
  }

  #refuse(session: DeviceSession, code: number, message: string, ackId: string): void {
    this.#deps.counters.add(Counter.refusedFrames);
    session.send(errorFrame(code, message, ackId));
  }

  #control(kind: number, words: readonly [number, number?]): void {
    writeSmall(this.#deps.toOwner, kind, words);
    this.#publish();
  }

  #publish(): void {
    this.#deps.toOwner.publish();
    this.#deps.ownerRinger.ring();
  }
}

const NO_BYTES = new Uint8Array(0);
/** Up to here a loop beats `set`, which makes a view first. */
const COPY_BY_LOOP_BYTES_MAX = 256;

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > COPY_BY_LOOP_BYTES_MAX) {
    to.set(from.subarray(start, end), at);
    return;
  }
  const shift = at - start;
  for (let i = start; i < end; i++) to[i + shift] = from[i]!;
}

function ackIdOf(bytes: Uint8Array, frame: { readonly ackStart: number; readonly ackEnd: number }): string {
  if (frame.ackEnd === frame.ackStart) return '';
  return Buffer.from(bytes.buffer, bytes.byteOffset + frame.ackStart, frame.ackEnd - frame.ackStart).toString(
    'utf8',
  );
}
