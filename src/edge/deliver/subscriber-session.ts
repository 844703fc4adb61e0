/**
 * A subscriber's session. Most are idle, so parts that few need are created on demand.
 */
import type { Actor } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import type { CloseEntry } from '../../codes.ts';
import { SessionKind } from '../../records/requests.ts';
import type { Frame, SubscriberCodec } from '../../wire/codec.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import { ALL_TYPES, type StreamPosition } from '../../wire/events.ts';
import type { Gap } from '../../wire/gap.ts';
import { Session } from '../session.ts';
import { NO_SHARD } from './audience.ts';
import type { Outgoing } from './outbox-frames.ts';
import type { Ask, RequestQueue } from './request-queue.ts';

/** Up to this many, searching a list is as fast as a Map, which takes several times the memory. */
const LISTED_DEVICES_MAX = 16;

/** Frames that leave in one write, of about 150 B each: as many as uWebSockets.js puts into one. */
const CORKED_FRAMES_MAX = 64;

const EVERYTHING = { devices: undefined, vip: false } as const;

export interface SubscriberTerms {
  readonly codec: SubscriberCodec;
  /** Events that leave together go out in one frame. */
  readonly batched: boolean;
  /** Interval of its updates, ms; 0: every event at once. */
  readonly every: number;
  /** Kept subscriptions wait until they are subscribed to again. */
  readonly hold: boolean;
  /** Asked for once welcomed. */
  readonly wanted: Ask | undefined;
}

export class SubscriberSession extends Session {
  readonly kind = SessionKind.subscriber;
  readonly codec: SubscriberCodec;
  /** It is in no transport topic: its events are sent to it directly, one by one or several in a frame. */
  batched: boolean;
  /** Interval of its updates, ms; 0: every event at once. */
  readonly every: number;
  override readonly hold: boolean;
  /** From the URL, requested after the welcome, then forgotten. */
  wanted: Ask | undefined;
  /** Its unanswered requests; created with the first one. */
  requests: RequestQueue | undefined;
  /** The number of its last request; no number is reused while an answer to it may come. */
  lastRequest = 0;
  vip = false;
  /** What its token says besides the id; most have none. */
  readonly #token: Pick<Actor, 'devices' | 'vip'> | undefined;
  /**
   * Device slots this session gets events of, each with its shard of the topic, or SLOW: a list of pairs while they
   * are few.
   */
  #devices: number[] | Map<number, number> | undefined;
  /** By device slot: bits of the event types, if not all are wanted. */
  #limited: Map<number, number> | undefined;
  /**
   * Events being sent to it directly, not through a topic: pairs of start and end in the bytes given to `sendOutbox`.
   */
  #outbox: number[] | undefined;
  /** Positions from `since` frames, for the next subscribe. */
  #since: Map<string, StreamPosition> | undefined;
  /** Frames that leave in one write, before anything else. */
  #corked: Frame[] | undefined;

  constructor(admitted: Admitted, number: number, connectedAt: number, terms: SubscriberTerms) {
    super(admitted, number, connectedAt);
    const { actor } = admitted;
    this.#token = actor.devices !== undefined || actor.vip ? actor : undefined;
    this.codec = terms.codec;
    this.batched = terms.batched;
    this.every = terms.every;
    this.hold = terms.hold;
    this.wanted = terms.wanted;
  }

  get actor(): Actor {
    const { devices, vip } = this.#token ?? EVERYTHING;
    return { role: 'subscriber', id: this.id, devices, vip };
  }

  /** Notes positions. @returns false when there are more than `most`: then none is noted */
  noteSince(since: ReadonlyMap<string, StreamPosition>, most: number): boolean {
    this.#since ??= new Map();
    for (const [device, position] of since) this.#since.set(device, position);
    if (this.#since.size <= most) return true;
    this.#since = undefined;
    return false;
  }

  /** Positions that wait for a subscribe. */
  get positionsNoted(): number {
    return this.#since?.size ?? 0;
  }

  forgetSince(): void {
    this.#since = undefined;
  }

  /** A subscribe with the positions that were given before it, which it takes. Only of one that is not refused. */
  takeSince(ask: Ask): Ask {
    const since = this.#since;
    if (since === undefined || ask.op !== 'subscribe') return ask;
    this.#since = undefined; // not copied: there may be a hundred thousand
    for (const [device, position] of ask.past.since) since.set(device, position);
    return { ...ask, past: { ...ask.past, since } };
  }

  get encoding(): Encoding {
    return this.codec.encoding;
  }

  /** Holds a frame until `uncork`, or until something else is sent. @returns whether it is the first that is held */
  sendSoon(frame: Frame | undefined): boolean {
    if (frame === undefined) return false;
    if (!this.welcomed) {
      this.send(frame);
      return false;
    }
    if (this.#corked === undefined) {
      this.#corked = [frame];
      return true;
    }
    if (this.#corked.push(frame) >= CORKED_FRAMES_MAX) this.uncork();
    return false;
  }

  /** Sends what is held, in as few writes as possible. */
  uncork(): void {
    const corked = this.#corked;
    if (corked === undefined) return;
    this.#corked = undefined;
    this.cork(() => {
      for (const frame of corked) super.put(frame, typeof frame !== 'string');
    });
  }

  protected override put(frame: Frame, isBinary: boolean): void {
    if (this.#corked !== undefined) this.uncork();
    super.put(frame, isBinary);
  }

  override close(close: CloseEntry): void {
    this.uncork();
    super.close(close);
  }

  /** Sends an event by itself, in the session's encoding. */
  sendEvent(frame: Uint8Array): void {
    this.put(frame, encodings[this.encoding]!.isBinary);
  }

  /** @returns the bytes sent */
  sendGap(gap: Gap): number {
    const frame = this.codec.gap(gap);
    this.send(frame);
    return frame?.length ?? 0;
  }

  /** Device slots this session gets events of. */
  get devices(): number[] {
    const devices = this.#devices;
    if (devices === undefined) return [];
    return devices instanceof Map ? [...devices.keys()] : devices.filter((_, at) => at % 2 === 0);
  }

  get deviceCount(): number {
    const devices = this.#devices;
    if (devices === undefined) return 0;
    return devices instanceof Map ? devices.size : devices.length / 2;
  }

  /** At most this many of `devices`. @param passes decides by shard which of them */
  someDevices(most: number, passes: (shard: number) => boolean = () => true): number[] {
    const devices = this.#devices;
    const some: number[] = [];
    if (devices instanceof Map) {
      for (const [device, shard] of devices) {
        if (some.length === most) break;
        if (passes(shard)) some.push(device);
      }
      return some;
    }
    for (const device of this.devices) {
      if (some.length === most) break;
      if (passes(this.shardOf(device))) some.push(device);
    }
    return some;
  }

  /** @returns the shard of the device's topic that this session is in, SLOW, or NO_SHARD */
  shardOf(device: number): number {
    const devices = this.#devices;
    if (devices === undefined) return NO_SHARD;
    if (devices instanceof Map) return devices.get(device) ?? NO_SHARD;
    for (let at = 0; at < devices.length; at += 2) if (devices[at] === device) return devices[at + 1]!;
    return NO_SHARD;
  }

  /** Adds a device that is not there. */
  addDevice(device: number, shard: number): void {
    const devices = this.#devices;
    if (devices === undefined) this.#devices = [device, shard];
    // Stryker disable next-line all: a Map of a Map, or of a short list, says the same
    else if (devices instanceof Map) devices.set(device, shard);
    // Stryker disable next-line all: a list says the same as a Map, however long it is
    else if (devices.length < LISTED_DEVICES_MAX * 2) devices.push(device, shard);
    else
      this.#devices = new Map(this.devices.map((known) => [known, this.shardOf(known)])).set(device, shard);
  }

  /** Bits of the event types that this session gets of the device. */
  typesOf(device: number): number {
    return this.#limited?.get(device) ?? ALL_TYPES;
  }

  /** From here on it gets these types of the device. */
  limit(device: number, types: number): void {
    if (types !== ALL_TYPES) {
      this.#limited ??= new Map();
      this.#limited.set(device, types);
    } else this.#limited?.delete(device);
  }

  /** Removes a device that is there. @param comesBack it is added again at once, with the same types */
  removeDevice(device: number, comesBack = false): void {
    if (!comesBack) this.#limited?.delete(device);
    const devices = this.#devices;
    if (devices instanceof Map) devices.delete(device);
    else if (devices !== undefined) {
      const at = devices.findIndex((known, index) => index % 2 === 0 && known === device);
      devices.splice(at, 2);
    }
  }

  /** Returns the noted pairs of start and end, and clears them. */
  protected takeOutbox(): readonly number[] {
    const outbox = this.#outbox ?? [];
    this.#outbox = undefined;
    return outbox;
  }

  /** Notes a part of what is being sent. @returns whether it is the first */
  addToOutbox(start: number, end: number): boolean {
    this.#outbox ??= [];
    return this.#outbox.push(start, end) === 2;
  }

  /** Sends the events of the outbox in as few writes as possible and empties it. */
  sendOutbox(frames: Outgoing): void {
    const { connection, batched } = this;
    const outbox = this.#outbox ?? [];
    const { isBinary } = encodings[this.encoding]!;
    const send = (frame: Uint8Array): void => {
      if (!this.closing) this.put(frame, isBinary);
    };
    connection?.cork(() => {
      if (batched) frames.sendBatched(outbox, isBinary, send);
      else frames.sendEach(outbox, send);
    });
    outbox.length = 0;
  }

  join(topic: string): void {
    this.connection?.join(topic);
  }

  leave(topic: string): void {
    this.connection?.leave(topic);
  }
}
