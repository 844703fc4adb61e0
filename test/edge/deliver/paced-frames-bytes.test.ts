/** The frames of sets of subscribers at a pace, byte for byte; `paced-frames.test.ts` has who gets what when. */
import { beforeEach, describe, expect, it } from 'vitest';
import { eventRecord } from '../../../fixtures/event-records.ts';
import { type Cohort, Cohorts } from '../../../src/edge/deliver/cohorts.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import { BATCH_BYTES_MAX } from '../../../src/edge/deliver/outbox-frames.ts';
import { PacedFrames } from '../../../src/edge/deliver/paced-frames.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { privateViews } from '../../../src/records/event.ts';
import {
  batchBytesMax,
  binaryBatchLayout,
  encodeBinaryBatch,
  encodeJsonBatch,
  jsonBatchLayout,
} from '../../../src/wire/batch-frames.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { EventType, Priority } from '../../../src/wire/events.ts';
import { readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { Peer } from './past-harness.ts';

/** What is encoded before what was encoded so far is sent. */
const FLUSH_BYTES = 4 * 1024 * 1024;
const NO_VIEWS = privateViews(0);

interface Member {
  readonly session: SubscriberSession;
  /** What its connection was handed, as it was then. */
  readonly handed: Uint8Array[];
  /** The bytes themselves. */
  readonly frames: Uint8Array[];
  /** How often it was sent to. */
  writes: number;
}

/** Sets of one kind, what is noted for them, and what that is by itself. */
class Bench {
  readonly counters = new Counters(createCounters());
  readonly kind: Cohorts;
  readonly names: DeviceNames;
  readonly #frames = new PacedFrames(new EventEncoder(NO_VIEWS), this.counters);
  readonly #alone = new EventEncoder(NO_VIEWS);
  readonly #encoding: Encoding;
  readonly #isBatched: boolean;
  #members = 0;
  #seq = 0;

  constructor(encoding: Encoding, isBatched = true, layout?: TopicLayout) {
    this.#encoding = encoding;
    this.#isBatched = isBatched;
    this.names = new DeviceNames('dev', layout);
    this.kind = new Cohorts({ pace: undefined as never, encoding, isBatched, isVip: false });
  }

  member(): Member {
    const { session } = new Peer(++this.#members);
    Object.assign(session, {
      batched: this.#isBatched,
      codec: { ...session.codec, encoding: this.#encoding },
    });
    const member: Member = { session, handed: [], frames: [], writes: 0 };
    session.attach({
      send: (frame: Uint8Array) => {
        member.handed.push(frame.slice());
        member.frames.push(frame);
      },
      cork: (body: () => void) => {
        member.writes += 1;
        body();
      },
    } as never);
    return member;
  }

  set(...members: readonly Member[]): Cohort {
    return members.reduce((cohort, { session }) => this.kind.join(cohort, session), this.kind.empty);
  }

  /** Notes an event for the set. @param bytes of its payload @returns it, as it is by itself */
  note(
    set: Cohort,
    bytes = 4,
    priority: number = Priority.normal,
    type: number = EventType.message,
  ): Uint8Array {
    const views = eventRecord({ type, priority, seq: ++this.#seq, payload: '1'.repeat(bytes) });
    const replaced = this.#seq % 3;
    set.noted[Priority.high - priority]!.push(this.names, views, 0, replaced);
    if (!set.isDue) this.kind.due.push(set);
    set.isDue = true;
    const end = this.#alone.paced(views, 0, this.names, this.#encoding, 0, replaced);
    return this.#alone.bytes.slice(0, end);
  }

  /** As `note`, of an event whose frame is so long. */
  noteOf(set: Cohort, frameBytes: number): Uint8Array {
    const probe = new Bench(this.#encoding);
    probe.#seq = this.#seq;
    const overhead = probe.note(probe.set(probe.member()), 100).length - 100;
    const event = this.note(set, frameBytes - overhead);
    expect(event.length).toBe(frameBytes);
    return event;
  }

  send(): void {
    this.#frames.send(this.kind);
  }

  /** The frame that these events make together. */
  batch(...events: readonly Uint8Array[]): Uint8Array {
    const source = Buffer.concat(events);
    const out = new Uint8Array(batchBytesMax(events.length, source.length));
    let at = 0;
    const spans = events.flatMap(({ length }) => {
      at += length;
      return [at - length, at];
    });
    const encode = this.#encoding === Encoding.binary ? encodeBinaryBatch : encodeJsonBatch;
    return out.slice(0, encode(out, source, spans, 0, spans.length));
  }
}

/** Which of the frames are not as expected: comparing megabytes as lists would take long. */
function wrong({ handed }: Member, ...expected: readonly Uint8Array[]): string[] {
  const problems = expected.flatMap((frame, n) =>
    handed[n] !== undefined && Buffer.compare(frame, handed[n]) === 0 ? [] : [`frame ${n}`],
  );
  return handed.length === expected.length ? problems : [...problems, `${handed.length} frames`];
}

describe.each([
  ['JSON', Encoding.json, jsonBatchLayout],
  ['binary', Encoding.binary, binaryBatchLayout],
] as const)('frames of subscribers at a pace, in %s,', (_name, encoding, layout) => {
  const { separatorBytes } = layout;
  /** Bytes of a frame beside its two events. */
  const aroundTwo = layout.headBytes + separatorBytes + layout.tailBytes;
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench(encoding);
  });

  it('hold the events of all sets that a subscriber is in, high before normal before low', () => {
    const [both, first, second] = [bench.member(), bench.member(), bench.member()];
    const [one, other] = [bench.set(both, first), bench.set(both, second)];
    const low = bench.note(one, 4, Priority.low);
    const normal = [bench.note(one, 5), bench.note(one, 6), bench.note(other, 7)];
    const high = bench.note(other, 8, Priority.high);
    bench.send();
    expect(wrong(both, bench.batch(high, ...normal, low))).toEqual([]);
    expect(wrong(first, bench.batch(normal[0]!, normal[1]!, low))).toEqual([]);
    expect(wrong(second, bench.batch(high, normal[2]!))).toEqual([]);
    expect([both, first, second].map(({ writes }) => writes)).toEqual([1, 1, 1]);
    expect(bench.counters.cells[Counter.deliveries]).toBe(10);
  });

  it('of an event alone are the event itself', () => {
    const member = bench.member();
    const event = bench.note(bench.set(member));
    bench.send();
    expect(wrong(member, event)).toEqual([]);
  });

  it('are the same bytes for all that are in the same sets, and for no other', () => {
    const members = Array.from({ length: 5 }, () => bench.member());
    const [m0, m1, m2, m3, m4] = members as [Member, Member, Member, Member, Member];
    const sets = [bench.set(m0, m1, m2), bench.set(m0, m1, m3), bench.set(m2, m3, m4)];
    const events = sets.map((set, n) => bench.note(set, 10 + n));
    bench.send();
    const of = (...numbers: readonly number[]) => bench.batch(...numbers.map((n) => events[n]!));
    for (const [member, expected] of [
      [m0, of(0, 1)],
      [m1, of(0, 1)],
      [m2, of(0, 2)],
      [m3, of(1, 2)],
      [m4, events[2]!],
    ] as const)
      expect(wrong(member, expected)).toEqual([]);
    expect(m1.frames[0]).toBe(m0.frames[0]);
    // What is put together for others goes where that was.
    expect(m2.frames[0]!.buffer).toBe(m0.frames[0]!.buffer);
  });

  it('are made anew of what is noted next, and nothing is sent twice', () => {
    const [both, first] = [bench.member(), bench.member()];
    const sets = [bench.set(both, first), bench.set(both)];
    for (let n = 0; n < 3; n++) {
      const events = sets.map((set) => bench.note(set, 10 + n));
      bench.send();
      expect(wrong(both, bench.batch(...events))).toEqual([]);
      expect(wrong(first, events[0]!)).toEqual([]);
      both.handed.length = first.handed.length = 0;
    }
    bench.send();
    expect([both.handed, first.handed, both.writes, first.writes]).toEqual([[], [], 3, 3]);
  });

  it('hold as many events of a set as their bytes allow, separators included', () => {
    for (const [more, isOne] of [
      [0, true],
      [1, false],
    ] as const) {
      const member = bench.member();
      const set = bench.set(member);
      const bytes = BATCH_BYTES_MAX - 1000 - separatorBytes + more;
      const events = [bench.noteOf(set, 1000), bench.noteOf(set, bytes), bench.note(set), bench.note(set)];
      bench.send();
      const [a, b, c, d] = events as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const expected = isOne ? [bench.batch(a, b), bench.batch(c, d)] : [a, bench.batch(b, c, d)];
      expect(wrong(member, ...expected)).toEqual([]);
    }
  });

  it('hold as many events of several sets as their bytes allow', () => {
    for (const [more, isOne] of [
      [0, true],
      [1, false],
    ] as const) {
      const [both, first] = [bench.member(), bench.member()];
      const sets = [bench.set(both, first), bench.set(both)];
      const [a, b] = [bench.noteOf(sets[0]!, 1000), bench.noteOf(sets[1]!, BATCH_BYTES_MAX - 1000 + more)];
      bench.send();
      expect(wrong(both, ...(isOne ? [bench.batch(a, b)] : [a, b]))).toEqual([]);
      expect(wrong(first, a)).toEqual([]);
    }
  });

  it('hold one event that is larger than a frame should be, whatever stands before and behind it', () => {
    const member = bench.member();
    const set = bench.set(member);
    const events = [2 * BATCH_BYTES_MAX, 100, 3 * BATCH_BYTES_MAX, 100, 2 * BATCH_BYTES_MAX, 50, 60].map(
      (n) => bench.note(set, n),
    );
    bench.send();
    const alone = events.slice(0, -2);
    expect(wrong(member, ...alone, bench.batch(...events.slice(-2)))).toEqual([]);
  });

  it('are all there where more is put together for a subscriber than one buffer holds', () => {
    const member = bench.member();
    const notes = Array.from({ length: 8 }, (_, n) =>
      bench.note(bench.set(member, bench.member()), 30_000 + n),
    );
    bench.send();
    const pairs = [0, 2, 4, 6].map((n) => bench.batch(notes[n]!, notes[n + 1]!));
    expect(wrong(member, ...pairs)).toEqual([]);
  });

  it('are all there where what is put together is one byte longer than a buffer', () => {
    const member = bench.member();
    const [first, second] = [BATCH_BYTES_MAX, BATCH_BYTES_MAX + 1 - 2 * aroundTwo];
    const notes = [first / 2, first / 2, 30_000, second - 30_000].map((bytes) =>
      bench.noteOf(bench.set(member, bench.member()), bytes),
    );
    bench.send();
    expect(wrong(member, bench.batch(...notes.slice(0, 2)), bench.batch(...notes.slice(2)))).toEqual([]);
    expect(member.handed.reduce((sum, { length }) => sum + length, 0)).toBe(2 * BATCH_BYTES_MAX + 1);
  });

  it('hold events of a set that went to another subscriber by themselves before', () => {
    const [before, member] = [bench.member(), bench.member()];
    const [large, small, both] = [bench.set(before), bench.set(member), bench.set(before, member)];
    const [a, b] = [bench.note(large, 60_000), bench.note(small)];
    const shared = [bench.note(both, 4000), bench.note(both, 4000)];
    bench.send();
    expect(wrong(before, a, bench.batch(...shared))).toEqual([]);
    expect(wrong(member, bench.batch(b, ...shared))).toEqual([]);
  });

  it('go out before more is encoded than is to be held', () => {
    const [busy, both] = [bench.member(), bench.member()];
    const sets = [bench.set(busy), bench.set(both), bench.set(busy, both)];
    const events: Uint8Array[] = [];
    const around = layout.headBytes + layout.tailBytes;
    for (let bytes = 0; bytes < FLUSH_BYTES; bytes += BATCH_BYTES_MAX)
      events.push(bench.noteOf(sets[0]!, BATCH_BYTES_MAX - around));
    const [small, last] = [bench.note(sets[1]!), bench.note(sets[2]!)];
    bench.send();
    expect(wrong(busy, ...events, last)).toEqual([]);
    expect(wrong(both, bench.batch(small, last))).toEqual([]);
    expect([busy.writes, both.writes]).toEqual([2, 1]);
  });
});

describe('events of subscribers at a pace that want no batches', () => {
  it('go one by one, in one write', () => {
    const bench = new Bench(Encoding.json, false);
    const [both, first] = [bench.member(), bench.member()];
    const [one, other] = [bench.set(both, first), bench.set(both)];
    const events = [bench.note(one), bench.note(one, 9), bench.note(other, 10)];
    bench.send();
    expect(wrong(both, ...events)).toEqual([]);
    expect(wrong(first, events[0]!, events[1]!)).toEqual([]);
    expect([both.writes, first.writes]).toEqual([1, 1]);
  });
});

describe('events that have no form in an encoding', () => {
  it('are left out, and counted for nobody', () => {
    const templates = readTemplates(['devices/{device}=message']);
    if (!templates.ok) throw new Error(templates.problems.join());
    const bench = new Bench(Encoding.mqtt5, false, new TopicLayout(templates.templates));
    const [member, idle] = [bench.member(), bench.member()];
    const sets = [bench.set(member), bench.set(idle)];
    bench.note(sets[0]!, 4, Priority.normal, EventType.pong);
    const message = bench.note(sets[0]!);
    bench.note(sets[0]!, 4, Priority.normal, EventType.pong);
    bench.note(sets[1]!, 4, Priority.normal, EventType.pong);
    bench.send();
    expect(wrong(member, message)).toEqual([]);
    expect([member.writes, idle.writes]).toEqual([1, 0]);
    expect(bench.counters.cells[Counter.deliveries]).toBe(1);
  });
});
