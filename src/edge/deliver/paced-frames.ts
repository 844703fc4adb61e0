/**
 * Sends the noted events to sets of subscribers at a pace. The events of a set are encoded once, one after the other as
 * in a batch, in segments of the length of a frame. A subscriber in one set gets the segments as they are. For a
 * subscriber in several sets they are combined, and the next ones in the same sets get the same result.
 */
import { Counter, type Counters } from '../../memory/counters.ts';
import { type BatchLayout, binaryBatchLayout, jsonBatchLayout } from '../../wire/batch-frames.ts';
import { type Encoding, encodings } from '../../wire/encodings.ts';
import type { Cohort, Cohorts, NotedEvents } from './cohorts.ts';
import type { EventEncoder } from './event-encoder.ts';
import { BATCH_BYTES_MAX, isSameOutbox, type Outgoing } from './outbox-frames.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** The most encoded bytes that are held, beyond those of one set. */
const FLUSH_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes that are combined for one subscriber, unless a frame is larger. */
const OUT_BYTES = 2 * BATCH_BYTES_MAX;
const PRIORITIES = 3;

type Send = (frame: Uint8Array) => void;

/** Consecutive events of one set. */
interface Segment {
  readonly start: number;
  readonly end: number;
  /** Where its events' spans are in `#spans`. */
  readonly firstSpan: number;
  readonly endSpan: number;
}

export class PacedFrames implements Outgoing {
  readonly #encoder: EventEncoder;
  readonly #counters: Counters;
  /** Of the sets that are being sent to. */
  #layout: BatchLayout = jsonBatchLayout;
  // Stryker disable ArrayDeclaration: emptied before anything is sent
  readonly #segments: Segment[] = [];
  /** Of each event: start and end in the encoder's bytes. */
  readonly #spans: number[] = [];
  /** Where the last segment ends, its tail included. */
  #end = 0;
  /** How many others the events replaced that were encoded last. */
  #replaced = 0;
  /** The outbox that `#frames` were made of. */
  #made: readonly number[] = [];
  readonly #frames: Uint8Array[] = [];
  // Stryker restore ArrayDeclaration
  #out = new Uint8Array(0);
  #outEnd = 0;
  readonly #touched: SubscriberSession[] = [];

  constructor(encoder: EventEncoder, counters: Counters) {
    this.#encoder = encoder;
    this.#counters = counters;
  }

  /** Sends the noted events to the due sets of a kind. */
  send({ due, terms }: Cohorts): void {
    this.#begin(terms.encoding);
    for (let priority = 0; priority < PRIORITIES; priority++) {
      for (const cohort of due) {
        this.#note(cohort, cohort.noted[priority]!);
        if (this.#end < FLUSH_BYTES_MAX) continue;
        this.#flush();
        this.#begin(terms.encoding);
      }
    }
    for (const cohort of due) cohort.isDue = false;
    due.length = 0;
    this.#flush();
  }

  /** Sends each event of an outbox as a frame. Bytes are valid until `send` returns. */
  sendEach(outbox: readonly number[], send: Send): void {
    const spans = this.#spans;
    // Stryker disable next-line EqualityOperator: behind the last pair there is no segment
    for (let at = 0; at < outbox.length; at += 2) {
      for (let number = outbox[at]!; number < outbox[at + 1]!; number++) {
        const { firstSpan, endSpan } = this.#segments[number]!;
        for (let span = firstSpan; span < endSpan; span += 2)
          send(this.#encoder.bytes.subarray(spans[span], spans[span + 1]));
      }
    }
  }

  /** Sends the events of an outbox, which holds pairs of a first segment and the one behind the last, in few frames. */
  sendBatched(outbox: readonly number[], _binary: boolean, send: Send): void {
    if (!isSameOutbox(this.#made, outbox)) this.#make(outbox);
    for (const frame of this.#frames) send(frame);
  }

  #begin(encoding: Encoding): void {
    this.#layout = encodings[encoding]!.isBinary ? binaryBatchLayout : jsonBatchLayout;
    this.#segments.length = this.#spans.length = 0;
    this.#end = 0;
    // Stryker disable next-line ArrayDeclaration: no outbox that is sent is as this, or empty
    this.#made = [];
  }

  #flush(): void {
    for (const session of this.#touched) session.sendOutbox(this);
    this.#touched.length = 0;
  }

  /** Encodes the noted events of a set, and puts them into the outbox of each member. */
  #note({ kind, sessions }: Cohort, noted: NotedEvents): void {
    // Stryker disable next-line ConditionalExpression: of nothing come no segments, which costs less to see here
    if (noted.size === 0) return;
    const first = this.#segments.length;
    const events = this.#encode(kind.terms.encoding, noted);
    noted.clear();
    this.#counters.cells[Counter.deliveries]! += events * sessions.length;
    this.#counters.cells[Counter.conflated]! += this.#replaced * sessions.length;
    const end = this.#segments.length;
    if (end === first) return;
    for (const session of sessions) if (session.addToOutbox(first, end)) this.#touched.push(session);
  }

  /** @returns the events that have a form in this encoding; `#replaced` is of these */
  #encode(encoding: Encoding, { names, views, offsets, replaced }: NotedEvents): number {
    const encoder = this.#encoder;
    const { separatorBytes, tailBytes, headBytes } = this.#layout;
    const spans = this.#spans;
    const before = spans.length;
    let firstSpan = before;
    let start = this.#end + headBytes;
    let end = start - separatorBytes;
    this.#replaced = 0;
    for (let n = 0; n < offsets.length; n++) {
      let from = end + separatorBytes;
      let to = encoder.paced(views[n]!, offsets[n]!, names[n]!, encoding, from, replaced[n]!);
      if (to === from) continue;
      this.#replaced += replaced[n]!;
      if (to - start > BATCH_BYTES_MAX && spans.length > firstSpan) {
        // It is the first of the next segment.
        this.#close(start, end, firstSpan);
        firstSpan = spans.length;
        start = end + tailBytes + headBytes;
        encoder.reserve(start + to - from);
        encoder.bytes.copyWithin(start, from, to);
        to += start - from;
        from = start;
      }
      this.#layout.separate(encoder.bytes, from, to);
      spans.push(from, to);
      end = to;
    }
    if (spans.length > firstSpan) this.#close(start, end, firstSpan);
    return (spans.length - before) / 2;
  }

  #close(start: number, end: number, firstSpan: number): void {
    this.#segments.push({ start, end, firstSpan, endSpan: this.#spans.length });
    this.#end = end + this.#layout.tailBytes;
    this.#encoder.reserve(this.#end);
  }

  /** Makes the frames of an outbox, each with as many segments as fit. */
  #make(outbox: readonly number[]): void {
    this.#made = [...outbox];
    this.#frames.length = this.#outEnd = 0;
    const numbers: number[] = [];
    // Stryker disable next-line EqualityOperator: behind the last pair there is no segment
    for (let at = 0; at < outbox.length; at += 2)
      for (let number = outbox[at]!; number < outbox[at + 1]!; number++) numbers.push(number);
    const segments = numbers.map((number) => this.#segments[number]!);
    for (let from = 0; from < segments.length; ) {
      let to = from;
      let bytes = 0;
      do bytes += sizeOf(segments[to++]!);
      while (to < segments.length && bytes + sizeOf(segments[to]!) <= BATCH_BYTES_MAX);
      this.#frames.push(
        to - from === 1 ? this.#inPlace(segments[from]!) : this.#together(segments.slice(from, to), bytes),
      );
      from = to;
    }
  }

  /** A segment as a frame; one event goes as it is. */
  #inPlace({ start, end, firstSpan, endSpan }: Segment): Uint8Array {
    const { bytes } = this.#encoder;
    const events = (endSpan - firstSpan) / 2;
    if (events === 1) return bytes.subarray(start, end);
    return bytes.subarray(this.#layout.open(bytes, start, events), this.#layout.close(bytes, end));
  }

  /** @param bytes of all segments */
  #together(segments: readonly Segment[], bytes: number): Uint8Array {
    const { headBytes, separatorBytes, tailBytes } = this.#layout;
    const most = headBytes + bytes + segments.length * separatorBytes + tailBytes;
    if (this.#outEnd + most > this.#out.length) {
      this.#out = new Uint8Array(Math.max(most, OUT_BYTES)); // frames made before go on using the one of before
      this.#outEnd = 0;
    }
    const out = this.#out;
    const start = this.#outEnd + headBytes;
    let end = start - separatorBytes;
    let events = 0;
    for (const segment of segments) {
      out.set(this.#encoder.bytes.subarray(segment.start - separatorBytes, segment.end), end);
      this.#layout.join(out, end + separatorBytes); // in front of the first the head will be
      end += separatorBytes + sizeOf(segment);
      events += (segment.endSpan - segment.firstSpan) / 2;
    }
    const from = this.#layout.open(out, start, events);
    this.#outEnd = this.#layout.close(out, end);
    return out.subarray(from, this.#outEnd);
  }
}

function sizeOf({ start, end }: Segment): number {
  return end - start;
}
