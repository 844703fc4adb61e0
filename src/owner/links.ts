/**
 * The owner's lines to the other threads: what it tells a fan-out worker about its subscribers' sockets, and what it
 * tells ingest about devices' sockets. Writes ring records; wakes the other side at most once per poll.
 */
import type { Ringer } from '../memory/doorbell.ts';
import { type RecordViews, type RingProducer, Share } from '../memory/ring.ts';
import { Priority } from '../protocol/events.ts';
import {
  copyEvent,
  EventField,
  ToIngest,
  ToSubscribers,
  writeAck,
  writeGap,
  writeSeq,
  writeSmall,
} from '../threads/records.ts';

/** Longer texts (the answer to a large subscribe) travel in pieces. */
const TEXT_PIECE_BYTES = 16 * 1024;

const shares = {
  [Priority.low]: Share.low,
  [Priority.normal]: Share.normal,
  [Priority.high]: Share.high,
} as const;

/** A worker's ring is at most this full when events of a device that was refused go out again. */
const RESUME_RATIO = 1 / 4;

/** What a close frame says. */
export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** To one fan-out worker. */
export class FanoutLink {
  readonly #ring: RingProducer;
  readonly #ringer: Ringer;
  /** By device slot: the seqs that this worker did not get because its ring was full. */
  readonly #missed = new Map<number, { from: number; to: number }>();
  #written = false;

  constructor(ring: RingProducer, ringer: Ringer) {
    this.#ring = ring;
    this.#ringer = ringer;
  }

  /** Whether records or gap notices wait for room. */
  get hasBacklog(): boolean {
    return this.#ring.spilledCount > 0 || this.#missed.size > 0;
  }

  joined(session: number, subscriber: number, vip: boolean): void {
    this.#control(ToSubscribers.Joined, [session, subscriber, vip ? 1 : 0]);
  }

  /** From here on the session's socket gets the device's events. */
  attach(session: number, device: number, id: string): void {
    this.#control(ToSubscribers.Attach, [session, device], id);
  }

  detach(session: number, device: number): void {
    this.#control(ToSubscribers.Detach, [session, device]);
  }

  /** One text frame to the session's socket. */
  text(session: number, frame: string): void {
    const bytes = Buffer.from(frame);
    for (let at = 0; at < bytes.length; at += TEXT_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + TEXT_PIECE_BYTES);
      const more = at + TEXT_PIECE_BYTES < bytes.length;
      writeSmall(this.#ring, ToSubscribers.Text, [session, more ? 1 : 0], piece);
    }
    this.#written = true;
  }

  close(session: number, close: Close): void {
    this.#control(ToSubscribers.Close, [session, close.code], close.reason);
  }

  /** A new owner has taken over. */
  resync(): void {
    this.#control(ToSubscribers.Resync, [0]);
  }

  /** After a resync: the device's last seq. */
  seq(device: number, seq: number): void {
    writeSeq(this.#ring, device, seq);
    this.#written = true;
  }

  /** All was told of who gets what. */
  resynced(): void {
    this.#control(ToSubscribers.Resynced, [0]);
  }

  vip(session: number, vip: boolean): void {
    this.#control(ToSubscribers.Vip, [session, vip ? 1 : 0]);
  }

  /**
   * Copies an event record to the worker.
   * @returns false when the ring has no room for its priority: then the worker's subscribers get a gap for it
   */
  event(views: RecordViews, offset: number, bytes: number, device: number, seq: number): boolean {
    const priority = views.u8[offset + EventField.priority]! as 1 | 2 | 3;
    const missed = this.#missed.size > 0 ? this.#missed.get(device) : undefined;
    // One who has missed events goes on missing until the ring has emptied, and then gets one gap for all of them.
    if (missed !== undefined && this.#ring.usedRatio() > RESUME_RATIO) {
      missed.to = seq;
      return false;
    }
    if (missed !== undefined) this.#tellMissed(device);
    const to = this.#ring.claim(ToSubscribers.Event, bytes, shares[priority]);
    if (to < 0) {
      this.#missed.set(device, { from: seq, to: seq });
      return false;
    }
    const target = this.#ring.views;
    copyEvent(views, offset, target, to, bytes);
    target.f64[(to + EventField.seq) >> 3] = seq;
    target.u32[(to + EventField.device) >> 2] = device;
    this.#written = true;
    return true;
  }

  /** Makes everything written visible and wakes the worker if it sleeps. Once per poll. */
  flush(): void {
    if (this.#missed.size > 0 && this.#ring.usedRatio() <= RESUME_RATIO) {
      for (const device of [...this.#missed.keys()]) this.#tellMissed(device);
    }
    if (!this.#written && this.#ring.spilledCount === 0) return;
    this.#written = false;
    this.#ring.publish();
    this.#ringer.ring();
  }

  /** The gap comes before the device's next event, so that no subscriber sees a hole without its notice. */
  #tellMissed(device: number): void {
    const missed = this.#missed.get(device);
    if (missed === undefined) return;
    this.#missed.delete(device);
    writeGap(this.#ring, device, missed.from, missed.to);
    this.#written = true;
  }

  #control(kind: number, words: readonly [number, number?, number?], text = ''): void {
    writeSmall(this.#ring, kind, words, text === '' ? undefined : Buffer.from(text));
    this.#written = true;
  }
}

/** To ingest on main. */
export class IngestLink {
  readonly #ring: RingProducer;
  readonly #ringer: Ringer;
  #written = false;

  constructor(ring: RingProducer, ringer: Ringer) {
    this.#ring = ring;
    this.#ringer = ringer;
  }

  get hasBacklog(): boolean {
    return this.#ring.spilledCount > 0;
  }

  joined(session: number, device: number): void {
    writeSmall(this.#ring, ToIngest.Joined, [session, device]);
    this.#written = true;
  }

  /** A new owner has taken over. */
  resync(): void {
    writeSmall(this.#ring, ToIngest.Resync, [0]);
    this.#written = true;
  }

  close(session: number, close: Close): void {
    writeSmall(this.#ring, ToIngest.Close, [session, close.code], Buffer.from(close.reason));
    this.#written = true;
  }

  ack(
    session: number,
    seq: number,
    skipped: boolean,
    id: { readonly source: Uint8Array; readonly start: number; readonly length: number },
  ): void {
    writeAck(this.#ring, session, seq, skipped, id);
    this.#written = true;
  }

  /** As `FanoutLink.flush`. */
  flush(): void {
    if (!this.#written && this.#ring.spilledCount === 0) return;
    this.#written = false;
    this.#ring.publish();
    this.#ringer.ring();
  }
}
