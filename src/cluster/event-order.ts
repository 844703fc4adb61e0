/**
 * Passes on the events of followed devices. One rule finds every loss: for each device and epoch, only the event after
 * the last one is passed on directly; when a later one comes, a gap is sent first for the numbers between. Cluster
 * thread only.
 */
import type { RecordViews } from '../memory/ring.ts';
import { copyEvent, EventField } from './event-record.ts';
import type { LinkCounts } from './figures.ts';
import type { Follow, Source } from './follow.ts';
import type { ClusterHost, HomeDevice } from './host.ts';
import { MOVING_BYTES_MAX } from './limits.ts';
import { Recent } from './recent.ts';
import { viewsOf } from './wire.ts';

/** What a held number counts as, in bytes. */
const HELD_SEQ_BYTES = 64;

export class EventOrder {
  readonly #host: ClusterHost;
  readonly #figures: LinkCounts;
  /** Last events of epochs that are no longer followed, by id and epoch. */
  readonly #positions = new Recent<number>();
  /** Held by all sources together. */
  #heldBytes = 0;
  /** Devices whose newest event the host refused: its seq and epoch. */
  readonly #refused = new Map<Follow, { readonly epoch: string; readonly seq: number }>();

  constructor(host: ClusterHost, figures: LinkCounts) {
    this.#host = host;
    this.#figures = figures;
  }

  /**
   * Begins another epoch. An epoch that was followed before continues where it was left, so nothing is passed on twice.
   */
  begin(follow: Follow, { epoch, seq }: HomeDevice): void {
    if (follow.epoch !== epoch) this.remember(follow);
    const before = follow.epoch === epoch ? 0 : (this.#positions.get(`${follow.id} ${epoch}`) ?? 0);
    follow.epoch = epoch;
    follow.last = Math.max(seq, before);
  }

  /** The epoch is no longer followed. */
  remember({ id, epoch, last }: Follow): void {
    if (epoch === '') return;
    this.#positions.set(`${id} ${epoch}`, last);
  }

  /** Passes on an event of the home. Its device field becomes the host's name for the device. */
  pass(follow: Follow, views: RecordViews, offset: number, bytes: number): void {
    const seq = views.f64[(offset + EventField.seq) >> 3]!;
    if (seq <= follow.last) {
      this.#figures.eventsRepeated += 1;
      return;
    }
    this.upTo(follow, seq - 1);
    views.u32[(offset + EventField.device) >> 2] = follow.ref;
    if (this.#host.event(follow.ref, views, offset, bytes)) {
      follow.last = seq;
      return;
    }
    this.#figures.eventsRefused += 1; // told as a gap with the next one
    this.#refused.set(follow, { epoch: follow.epoch, seq });
  }

  /** Reports refused events that no other event followed, once the host has room again. */
  tick(): void {
    if (this.#refused.size === 0 || !this.#host.hasRoom()) return;
    for (const [follow, { epoch, seq }] of this.#refused) if (follow.epoch === epoch) this.upTo(follow, seq);
    this.#refused.clear();
  }

  /** The device is no longer followed. */
  drop(follow: Follow): void {
    this.#refused.delete(follow);
  }

  /** Everything up to `seq` has arrived, or is missing. */
  upTo(follow: Follow, seq: number): void {
    if (seq <= follow.last) return;
    this.#figures.gaps += 1;
    this.#host.gap(follow.ref, follow.last + 1, seq);
    follow.last = seq;
  }

  /** Keeps an event until the old home's last event has arrived. @returns false if too much is held */
  hold({ held }: Source, views: RecordViews, offset: number, bytes: number): boolean {
    if (this.#heldBytes + bytes > MOVING_BYTES_MAX) return false;
    const copy = viewsOf(bytes);
    copyEvent(views, offset, copy, 0, bytes);
    held.push({ views: copy, bytes, seq: 0 });
    this.#heldBytes += bytes;
    this.#figures.eventsHeld += 1;
    return true;
  }

  /** The same for a number up to which everything has arrived. */
  holdSeq({ held }: Source, seq: number): boolean {
    if (this.#heldBytes + HELD_SEQ_BYTES > MOVING_BYTES_MAX) return false;
    held.push({ views: undefined, bytes: HELD_SEQ_BYTES, seq });
    this.#heldBytes += HELD_SEQ_BYTES;
    return true;
  }

  /** Passes on what is held of a source that is the home now. */
  release(follow: Follow, source: Source): void {
    for (const { views, bytes, seq } of source.held.splice(0)) {
      this.#heldBytes -= bytes;
      if (views === undefined) {
        this.upTo(follow, seq);
        this.#host.caughtUp(follow.ref);
      } else this.pass(follow, views, 0, bytes);
    }
  }

  /** Drops what is held of a source that is no longer followed. */
  discard({ held }: Source): void {
    for (const { bytes } of held.splice(0)) this.#heldBytes -= bytes;
  }
}
