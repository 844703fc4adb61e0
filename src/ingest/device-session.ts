/** One device's connection, on the thread that terminates it. */

import type { Admitted } from '../access/admission.ts';
import type { TokenBucket } from '../access/token-bucket.ts';
import { HELD_FRAMES_MAX } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import type { Peer } from '../transport/liveness.ts';
import type { Connection } from '../transport/transport.ts';

export class DeviceSession implements Peer {
  readonly id: string;
  /** Number of this connection, never used again. */
  readonly number: number;
  readonly bucket: TokenBucket | undefined;
  /** Wall-clock ms. */
  readonly connectedAt: number;
  readonly expiresAt: number;
  /** Stands for its address in admission. */
  readonly address: number;
  /** Device slot, NONE until the owner has let it in. */
  slot = NONE;
  aliveAt = 0;
  pingAt = 0;
  #socket: Connection<DeviceSession> | undefined;
  /** Frames that must follow the welcome. */
  #held: string[] | undefined = [];

  constructor(
    { actor, expiresAt, address }: Admitted,
    number: number,
    connectedAt: number,
    bucket: TokenBucket | undefined,
  ) {
    this.id = actor.id;
    this.expiresAt = expiresAt;
    this.address = address;
    this.number = number;
    this.connectedAt = connectedAt;
    this.bucket = bucket;
  }

  attach(socket: Connection<DeviceSession>): void {
    this.#socket = socket;
  }

  /** Sends a text frame, after the welcome at the earliest. */
  send(frame: string): void {
    if (this.#held === undefined) this.#socket?.send(frame, false);
    else if (this.#held.length < HELD_FRAMES_MAX) this.#held.push(frame);
  }

  /** The owner has let the device in: the welcome goes first, then what was held. */
  welcome(slot: number, frame: string): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.slot = slot;
    this.send(frame);
    for (const later of held) this.send(later);
  }

  ping(): void {
    this.#socket?.ping();
  }

  /** From here on the connection counts for nothing; its frames are not looked at. */
  close(code: number, reason: string): void {
    this.slot = NONE;
    this.closing = true;
    this.#socket?.close(code, reason);
  }

  closing = false;
}
