/** One subscriber's connection, on the thread that owns its socket. */
import { HELD_FRAMES_MAX } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import type { Peer } from '../transport/liveness.ts';
import type { Socket } from '../transport/transport.ts';

export class SubscriberSession implements Peer {
  readonly id: string;
  /** Number of this connection on its worker, never used again. */
  readonly number: number;
  /** Events go out in the binary encoding. */
  readonly binary: boolean;
  /** Devices of the URL, subscribed to once welcomed. */
  readonly wanted: readonly string[];
  /** Subscriber slot, NONE until the owner has let it in. */
  slot = NONE;
  vip = false;
  closing = false;
  aliveAt = 0;
  pingAt = 0;
  /** Device slots this socket gets events of; made with the first. */
  devices: Set<number> | undefined;
  /** Pieces of a long text frame, as they come from the owner. */
  pieces: Uint8Array[] = [];
  /** Frames of the batch being sent, for a vip: pairs of start and end in the batch's bytes. */
  readonly outbox: number[] = [];
  #socket: Socket<SubscriberSession> | undefined;
  /** Frames that must follow the welcome. */
  #held: string[] | undefined = [];

  constructor(options: { id: string; number: number; binary: boolean; wanted: readonly string[] }) {
    this.id = options.id;
    this.number = options.number;
    this.binary = options.binary;
    this.wanted = options.wanted;
  }

  get welcomed(): boolean {
    return this.#held === undefined;
  }

  attach(socket: Socket<SubscriberSession>): void {
    this.#socket = socket;
  }

  /** Sends a frame made on this thread, after the welcome at the earliest. */
  send(frame: string): void {
    if (this.#held === undefined) this.#socket?.send(frame, false);
    else if (this.#held.length < HELD_FRAMES_MAX) this.#held.push(frame);
  }

  /** Sends a text frame of the owner's; the first is the welcome, and what was held follows it. */
  sendText(frame: Uint8Array): void {
    this.#socket?.send(frame, false);
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (const later of held) this.send(later);
  }

  /** Sends the frames of the outbox in as few writes as possible and empties it. */
  sendOutbox(bytes: Uint8Array): void {
    const socket = this.#socket;
    const { outbox, binary } = this;
    socket?.cork(() => {
      for (let i = 0; i < outbox.length && !this.closing; i += 2)
        socket.send(bytes.subarray(outbox[i], outbox[i + 1]), binary);
    });
    outbox.length = 0;
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
}
