/**
 * One subscriber's connection, on the thread that owns its socket. A hub holds these by the ten thousand and most are
 * idle: what only few need is made when they do.
 */
import type { Actor } from '../access/actor.ts';
import type { Admitted } from '../access/admission.ts';
import type { TokenBucket } from '../access/token-bucket.ts';
import { HELD_FRAMES_MAX } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import type { Peer } from '../transport/liveness.ts';
import type { Connection } from '../transport/transport.ts';
import { NO_SHARD } from './audience.ts';
import type { OutboxFrames } from './outbox-frames.ts';

/** Up to here looking through a list is as fast as a Map, which takes several times the memory. */
const LISTED_DEVICES_MAX = 16;

const EVERYTHING = { devices: undefined, vip: false } as const;

export class SubscriberSession implements Peer {
  readonly id: string;
  /** Number of this connection on its worker, never used again. */
  readonly number: number;
  /** Events go out in the binary encoding. */
  readonly binary: boolean;
  /** Events that leave together go out in one frame. */
  readonly batched: boolean;
  readonly expiresAt: number;
  /** Stands for its address in admission. */
  readonly address: number;
  /** What more than its id its token says; most have none. */
  readonly #token: Pick<Actor, 'devices' | 'vip'> | undefined;
  /** Devices of the URL, subscribed to once welcomed; then forgotten. */
  wanted: readonly string[];
  /** Frames it may send; made when it sends its first. */
  bucket: TokenBucket | undefined;
  /** Subscriber slot, NONE until the owner has let it in. */
  slot = NONE;
  vip = false;
  closing = false;
  aliveAt = 0;
  pingAt = 0;
  /**
   * Device slots this socket gets events of, each with its shard of the topic, or LAGGING: a list of pairs while they
   * are few.
   */
  #devices: number[] | Map<number, number> | undefined;
  /** Events of the batch being sent, where they do not go by a topic: pairs of start and end in the batch's bytes. */
  #outbox: number[] | undefined;
  #socket: Connection<SubscriberSession> | undefined;
  /** Of a long text frame, as they come from the owner. */
  #pieces: Uint8Array[] | undefined;
  /** Frames that must follow the welcome. */
  #held: string[] | undefined = [];

  constructor(options: {
    admitted: Admitted;
    number: number;
    binary: boolean;
    batched: boolean;
    wanted: readonly string[];
  }) {
    const { actor, expiresAt, address } = options.admitted;
    this.id = actor.id;
    this.#token = actor.devices !== undefined || actor.vip ? actor : undefined;
    this.expiresAt = expiresAt;
    this.address = address;
    this.number = options.number;
    this.binary = options.binary;
    this.batched = options.batched;
    this.wanted = options.wanted;
  }

  /** Whom the owner is to let in. */
  get actor(): Actor {
    const { devices, vip } = this.#token ?? EVERYTHING;
    return { role: 'subscriber', id: this.id, devices, vip };
  }

  get welcomed(): boolean {
    return this.#held === undefined;
  }

  attach(socket: Connection<SubscriberSession>): void {
    this.#socket = socket;
  }

  /** Sends a frame made on this thread, after the welcome at the earliest. */
  send(frame: string): void {
    if (this.#held === undefined) this.#socket?.send(frame, false);
    else if (this.#held.length < HELD_FRAMES_MAX) this.#held.push(frame);
  }

  /** Puts a long text frame together. @returns the frame, once this was its last piece */
  assemble(piece: Uint8Array, more: boolean): Uint8Array | undefined {
    if (!more && this.#pieces === undefined) return piece;
    this.#pieces ??= [];
    this.#pieces.push(piece.slice());
    if (more) return undefined;
    const frame = Buffer.concat(this.#pieces);
    this.#pieces = undefined;
    return frame;
  }

  /** Of a long text whose end will not come. */
  dropPieces(): void {
    this.#pieces = undefined;
  }

  /** Sends a text frame of the owner's; the first is the welcome, and what was held follows it. */
  sendText(frame: Uint8Array): void {
    this.#socket?.send(frame, false);
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (const later of held) this.send(later);
  }

  /** Sends an event by itself, in the encoding of this socket. */
  sendEvent(frame: Uint8Array): void {
    this.#socket?.send(frame, this.binary);
  }

  /** Bytes that wait for the kernel to take them. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes() ?? 0;
  }

  /** Device slots this socket gets events of. */
  get devices(): number[] {
    const devices = this.#devices;
    if (devices === undefined) return [];
    return devices instanceof Map ? [...devices.keys()] : devices.filter((_, at) => at % 2 === 0);
  }

  /** @returns the shard of the device's topic that this socket is in, LAGGING, or NO_SHARD */
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
    else if (devices instanceof Map) devices.set(device, shard);
    else if (devices.length < LISTED_DEVICES_MAX * 2) devices.push(device, shard);
    else
      this.#devices = new Map(this.devices.map((known) => [known, this.shardOf(known)])).set(device, shard);
  }

  /** Removes a device that is there. */
  removeDevice(device: number): void {
    const devices = this.#devices;
    if (devices instanceof Map) devices.delete(device);
    else if (devices !== undefined) {
      const at = devices.findIndex((known, index) => index % 2 === 0 && known === device);
      devices.splice(at, 2);
    }
  }

  /** Notes an event of the batch being sent. @returns whether it is the first */
  addToOutbox(start: number, end: number): boolean {
    this.#outbox ??= [];
    return this.#outbox.push(start, end) === 2;
  }

  /** Sends the events of the outbox in as few writes as possible and empties it. */
  sendOutbox(frames: OutboxFrames): void {
    const socket = this.#socket;
    const { binary, batched } = this;
    const outbox = this.#outbox ?? [];
    const send = (frame: Uint8Array): void => {
      if (!this.closing) socket?.send(frame, binary);
    };
    socket?.cork(() => {
      if (batched) frames.sendBatched(outbox, binary, send);
      else frames.sendEach(outbox, send);
    });
    outbox.length = 0;
  }

  /** Runs `body` so that what it sends leaves in as few writes as possible. */
  cork(body: () => void): void {
    this.#socket?.cork(body);
  }

  join(topic: string): void {
    this.#socket?.join(topic);
  }

  leave(topic: string): void {
    this.#socket?.leave(topic);
  }

  ping(): void {
    this.#socket?.ping();
  }

  close(code: number, reason: string): void {
    this.closing = true;
    this.#socket?.close(code, reason);
  }

  /** Drops the connection, and what waits for it. */
  terminate(): void {
    this.#socket?.terminate();
  }
}
