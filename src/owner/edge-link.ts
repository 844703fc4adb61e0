/**
 * The owner's link to one edge: writes events and the records of `records/replies.ts`, and wakes the edge at most once
 * per poll. Owner thread only.
 */
import type { CloseEntry } from '../codes.ts';
import type { Ringer } from '../memory/doorbell.ts';
import type { RecordViews, RingProducer } from '../memory/ring.ts';
import { claimEvent, copyEvent, EventField } from '../records/event.ts';
import type { Fields, RecordLayout, Values } from '../records/layout.ts';
import {
  encodeFilters,
  encodeRefusals,
  type FilterEntry,
  GapReason,
  NO_BYTES,
  type Notice,
  type RefusedDevice,
  writeAck,
  writeAnswer,
  writeAttach,
  writeClosed,
  writeDeferred,
  writeDetach,
  writeFilterPage,
  writeGap,
  writeInterest,
  writeJoined,
  writeLeft,
  writeNotice,
  writeProbe,
  writeRegistered,
  writeRelease,
  writeResync,
  writeResynced,
  writeSeq,
  writeVip,
} from '../records/replies.ts';
import { ALL_TYPES } from '../wire/events.ts';

/** An edge with this backlog gets no more pages until it has processed some of it: about five milliseconds. */
const BEHIND_BYTES = 128 * 1024;
const BEHIND_SHARE = 1 / 4;
/** At a look per millisecond a page comes 16 times a second at least. */
const LOOKS_HELD_BACK = 64;
/** Events of a device that was refused go out again once the ring is at most this full. */
const RESUME_RATIO = 1 / 4;

export class EdgeLink {
  /**
   * Names this owner to the edge: where in the ring its records begin. No two owners that the edge has heard have the
   * same.
   */
  readonly term: number;
  readonly #ring: RingProducer;
  readonly #ringer: Ringer;
  /** By device slot: the seqs that this edge did not get because its ring was full. */
  readonly #missed = new Map<number, { from: number; to: number }>();
  #written = false;
  /** How often the ring was checked while it was too full for records that are not urgent. */
  #looks = 0;
  /** Something was made visible, but the edge has not been woken for it yet. */
  #isUnrung = false;

  constructor(ring: RingProducer, ringer: Ringer) {
    this.term = ring.written;
    this.#ring = ring;
    this.#ringer = ringer;
  }

  /** Whether records or gap notices wait for room. */
  get hasBacklog(): boolean {
    return this.#ring.spilledCount > 0 || this.#missed.size > 0;
  }

  /**
   * Whether the edge's backlog is so large that records that are not urgent should wait, because events queue behind
   * them. Lets one check in some through, so that an edge that is always behind gets everything in the end.
   */
  holdsBack(): boolean {
    const most = Math.min(BEHIND_SHARE, BEHIND_BYTES / this.#ring.capacity);
    if (this.#ring.usedRatio() <= most) return false;
    this.#looks = (this.#looks + 1) % LOOKS_HELD_BACK;
    return this.#looks !== 0;
  }

  joined(
    session: number,
    slot: number,
    vip = false,
    resumed: Uint8Array = NO_BYTES,
    more = false,
    filters: readonly FilterEntry[] = [],
  ): void {
    writeJoined(this.#ring, { session, slot, vip, more, resumed, filters: encodeFilters(filters) });
    this.#written = true;
  }

  close(session: number, { code }: CloseEntry): void {
    writeClosed(this.#ring, { session, code });
    this.#written = true;
  }

  /** The MQTT client has its id. @param kept what its session kept; undefined: there was none */
  registered(session: number, id: string, kept: string | undefined): void {
    writeRegistered(this.#ring, { session, present: kept !== undefined, id, kept: kept ?? '' });
    this.#written = true;
  }

  /** Tells the edge that the session has left. */
  left(session: number): void {
    writeLeft(this.#ring, { session });
    this.#written = true;
  }

  /** Another edge takes over the session's device: asks this one to release it. */
  release(session: number): void {
    writeRelease(this.#ring, { session });
    this.#written = true;
  }

  /** The device's first listener came, or its last one went. */
  interest(session: number): void {
    writeInterest(this.#ring, { session });
    this.#written = true;
  }

  /** Has the peer pinged. */
  probe(session: number): void {
    writeProbe(this.#ring, { session });
    this.#written = true;
  }

  /** @param id raw JSON of the frame's id */
  ack(session: number, seq: number, skipped: boolean, id: Uint8Array): void {
    writeAck(this.#ring, { session, seq, skipped, id });
    this.#written = true;
  }

  answer(
    { session, request }: { readonly session: number; readonly request: number },
    entries: Uint8Array,
    refused: readonly RefusedDevice[],
    more: boolean,
    filters: readonly FilterEntry[] = [],
  ): void {
    const refusals = encodeRefusals(refused);
    writeAnswer(this.#ring, { session, request, more, entries, refusals, filters: encodeFilters(filters) });
    this.#written = true;
  }

  /** The request is answered later; until then the owner does nothing for it. */
  deferred(session: number, request: number): void {
    writeDeferred(this.#ring, { session, request });
    this.#written = true;
  }

  notice(
    session: number,
    notice: Notice,
    entries: Uint8Array,
    more: boolean,
    filters: readonly FilterEntry[] = [],
  ): void {
    writeNotice(this.#ring, { session, notice, entries, more, filters: encodeFilters(filters) });
    this.#written = true;
  }

  /**
   * @param filter with its star @param page names the page for `More`
   * @param more another page follows @param waits that one comes after `More`
   */
  filterPage(
    session: number,
    filter: string,
    entries: Uint8Array,
    page: number,
    more: boolean,
    waits = false,
  ): void {
    writeFilterPage(this.#ring, { session, filter, entries, page, more, waits });
    this.#written = true;
  }

  /**
   * From now on the session gets the device's events; `seq` was the last one. Gaps of other subscribers are sent first,
   * because this one has missed nothing.
   * @param types bits of theirs
   */
  attach(session: number, device: number, id: string, seq: number, types = ALL_TYPES): void {
    if (this.#missed.size > 0) this.#tellMissed(device);
    writeAttach(this.#ring, { session, device, id, seq, types });
    this.#written = true;
  }

  /** Gaps of the device's subscribers are sent first, while somebody may still get them. */
  detach(session: number, device: number): void {
    if (this.#missed.size > 0) this.#tellMissed(device);
    writeDetach(this.#ring, { session, device });
    this.#written = true;
  }

  /** The device leaves the table: forgets the gaps of its subscribers on this edge. */
  forgetDevice(device: number): void {
    this.#missed.delete(device);
  }

  vip(session: number, vip: boolean): void {
    writeVip(this.#ring, { session, vip });
    this.#written = true;
  }

  /** A new owner has taken over. */
  resync(): void {
    writeResync(this.#ring, { term: this.term });
    this.#written = true;
  }

  /** After a resync: the device's last seq. */
  seq(device: number, seq: number): void {
    writeSeq(this.#ring, { device, seq });
    this.#written = true;
  }

  /** The edge knows again which sessions get which devices. */
  resynced(): void {
    writeResynced(this.#ring, {});
    this.#written = true;
  }

  /**
   * Copies an event record to the edge.
   * @param seq 0: nobody could number it
   * @returns false if the ring has no room for its priority: the edge's subscribers then get a gap for it, if it has a
   * number
   */
  event(views: RecordViews, offset: number, bytes: number, device: number, seq: number): boolean {
    const missed = this.#missed.size > 0 ? this.#missed.get(device) : undefined;
    // One who has missed events goes on missing until the ring has emptied, and then gets one gap for all of them.
    if (missed !== undefined && seq > 0 && this.#ring.usedRatio() > RESUME_RATIO) {
      missed.to = seq;
      return false;
    }
    if (missed !== undefined) this.#tellMissed(device);
    const to = claimEvent(this.#ring, bytes, views.u8[offset + EventField.priority]!);
    if (to < 0) {
      if (seq > 0) this.#missed.set(device, { from: seq, to: seq });
      return false;
    }
    const target = this.#ring.views;
    copyEvent(views, offset, target, to, bytes);
    target.f64[(to + EventField.seq) >> 3] = seq;
    target.u32[(to + EventField.device) >> 2] = device;
    this.#written = true;
    return true;
  }

  /** Events that the device's subscribers of this edge will not get. */
  gap(device: number, from: number, to: number): void {
    this.#tellMissed(device);
    writeGap(this.#ring, { device, from, to, reason: GapReason.cluster });
    this.#written = true;
  }

  /** Writes a record of the cluster. */
  tell<F extends Fields>(layout: RecordLayout<F>, values: Values<F>): void {
    layout.write(this.#ring, values);
    this.#written = true;
  }

  /** As `commit` and `ring`, one after the other. */
  flush(): void {
    this.commit();
    this.ring();
  }

  /** Makes everything written visible. Once per poll; `ring` follows. */
  commit(): void {
    if (this.#missed.size > 0 && this.#ring.usedRatio() <= RESUME_RATIO) {
      for (const device of [...this.#missed.keys()]) this.#tellMissed(device);
    }
    if (!this.#written && this.#ring.spilledCount === 0) return;
    this.#written = false;
    this.#ring.commit();
    this.#isUnrung = true;
  }

  /** Wakes the edge if it sleeps and there is something new for it. */
  ring(): void {
    if (!this.#isUnrung) return;
    this.#isUnrung = false;
    this.#ringer.ring();
  }

  /** The gap comes before the device's next event, so that no subscriber sees a hole without its notice. */
  #tellMissed(device: number): void {
    const missed = this.#missed.get(device);
    if (missed === undefined) return;
    this.#missed.delete(device);
    writeGap(this.#ring, { device, ...missed, reason: GapReason.overload });
    this.#written = true;
  }
}
