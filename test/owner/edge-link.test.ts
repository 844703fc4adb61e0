import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventRecord } from '../../fixtures/event-records.ts';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';
import { createRing, RING_BYTES_MIN, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { EVENT_KIND, EventField, eventBytes } from '../../src/records/event.ts';
import { FromOwnerRecord, GapReason, readAttach, readGap } from '../../src/records/replies.ts';
import { Priority } from '../../src/wire/events.ts';
import { runs } from '../support/runs.ts';

const RING_BYTES = 4 * RING_BYTES_MIN;
const PRIORITIES = [Priority.low, Priority.normal, Priority.high];

/** What the edge gets of devices, in order. */
type Told = readonly [what: 'event' | 'gap' | 'attach', device: number, from: number, to?: number];

/** A link and the edge's end of its ring. Devices are slots, and number their events from 1. */
class LinkBench {
  readonly doorbell = createDoorbell();
  readonly sleeper = new Sleeper(this.doorbell);
  wakes = 0;
  readonly told: Told[] = [];
  readonly link: EdgeLink;
  readonly #edge: RingConsumer;
  readonly #seqs = new Map<number, number>();

  constructor() {
    const ring = createRing(RING_BYTES);
    const wake = (): void => {
      this.wakes += 1;
    };
    this.link = new EdgeLink(new RingProducer(ring), new Ringer(this.doorbell, wake));
    this.#edge = new RingConsumer(ring);
  }

  seqOf(device: number): number {
    return this.#seqs.get(device) ?? 0;
  }

  /** @returns whether the ring took it */
  publish(device: number, priority: number = Priority.normal, payloadBytes = 40): boolean {
    const seq = this.seqOf(device) + 1;
    this.#seqs.set(device, seq);
    const views = eventRecord({ priority, payload: new Uint8Array(payloadBytes) });
    return this.link.event(views, 0, eventBytes(views, 0), device, seq);
  }

  /** As `publish`, of an event that nobody could number. */
  publishUnnumbered(device: number): boolean {
    const views = eventRecord({ priority: Priority.high });
    return this.link.event(views, 0, eventBytes(views, 0), device, 0);
  }

  /** The slot is another device's from now on. */
  renumber(device: number): void {
    this.#seqs.delete(device);
  }

  /** Control records of 16 bytes each. */
  fill(records: number): void {
    for (let n = 0; n < records; n++) this.link.interest(n);
  }

  /** The edge takes up to this many records. @returns how many there were */
  read(limit = Number.POSITIVE_INFINITY): number {
    const { views } = this.#edge;
    let count = 0;
    while (count < limit) {
      const offset = this.#edge.next();
      if (offset < 0) break;
      count += 1;
      if (this.#edge.kind === EVENT_KIND) {
        const device = views.u32[(offset + EventField.device) >> 2]!;
        this.told.push(['event', device, views.f64[(offset + EventField.seq) >> 3]!]);
      } else if (this.#edge.kind === FromOwnerRecord.Gap) {
        const { device, from, to, reason } = readGap(views, offset);
        strictEqual(reason, GapReason.overload);
        this.told.push(['gap', device, from, to]);
      } else if (this.#edge.kind === FromOwnerRecord.Attach) {
        const { device, seq } = readAttach(views, offset);
        this.told.push(['attach', device, seq]);
      }
    }
    this.#edge.release();
    return count;
  }

  /** Until the edge has everything. */
  settle(): void {
    do this.link.flush();
    while (this.read() > 0 || this.link.hasBacklog);
  }

  /** @throws unless each device's events and gaps follow each other without a hole and to the last one */
  expectWhole(): void {
    const next = new Map<number, number>();
    for (const [kind, device, from, to = from] of this.told) {
      strictEqual(from, next.get(device) ?? 1, `${kind} ${from} of device ${device}`);
      ok(to >= from);
      next.set(device, to + 1);
    }
    for (const [device, seq] of this.#seqs) strictEqual(next.get(device), seq + 1, `device ${device}`);
  }
}

describe('an event that finds no room', () => {
  it('is in a gap that no later event of its device passes, at every fill level and of every priority', () => {
    for (let records = 0; records <= RING_BYTES / 16; records += 8) {
      for (const priority of PRIORITIES) {
        const bench = new LinkBench();
        bench.fill(records);
        for (let n = 0; n < 4; n++) bench.publish(1, priority);
        bench.publish(1, Priority.high);
        bench.publish(2, priority);
        bench.link.flush();
        bench.read(records / 2);
        bench.publish(1, priority);
        bench.publish(1, Priority.high);
        bench.settle();
        bench.publish(1, priority);
        bench.publish(2, priority);
        bench.settle();
        bench.expectWhole();
      }
    }
  });

  it('is told to nobody once its device has left the table: another may have its slot', () => {
    const bench = new LinkBench();
    bench.fill(RING_BYTES / 16);
    bench.publish(1, Priority.high);
    bench.publish(2, Priority.high);
    bench.link.forgetDevice(1);
    bench.settle();
    expect(bench.told).toEqual([['gap', 2, 1, 1]]);
  });

  it('makes one range with those that follow, of whatever priority, until the ring has emptied', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    expect(bench.publish(1, Priority.normal)).toBe(false);
    expect(bench.publish(2, Priority.high)).toBe(true);
    expect(bench.publish(1, Priority.high)).toBe(false); // there is room for it: it waits for the gap
    expect(bench.publish(1, Priority.normal)).toBe(false);
    bench.link.flush();
    expect(bench.link.hasBacklog).toBe(true);
    bench.settle();
    expect(bench.publish(1, Priority.low)).toBe(true);
    bench.settle();
    expect(bench.told).toEqual([
      ['event', 2, 1],
      ['gap', 1, 1, 3],
      ['event', 1, 4],
    ]);
    expect(bench.link.hasBacklog).toBe(false);
  });

  it('is told before the next event of its device when the ring has emptied between two polls', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    expect(bench.publish(1)).toBe(false);
    bench.link.flush();
    bench.read();
    expect(bench.publish(1)).toBe(true); // no flush has come between
    bench.settle();
    expect(bench.told).toEqual([
      ['gap', 1, 1, 1],
      ['event', 1, 2],
    ]);
  });

  it('is told when the ring is a quarter full, and not before', () => {
    for (const [records, told] of [
      [RING_BYTES / 4 / 16 + 1, 0],
      [RING_BYTES / 4 / 16, 1],
    ] as const) {
      const bench = new LinkBench();
      const filled = (RING_BYTES * 3) / 4 / 16;
      bench.fill(filled);
      bench.publish(1);
      bench.link.flush();
      bench.read(filled - records);
      bench.link.flush();
      bench.read();
      expect(bench.told).toHaveLength(told);
    }
  });

  it('is told before somebody else follows its device, who has missed nothing', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    for (const device of [1, 2]) bench.publish(device);
    bench.link.attach(9, 1, 'dev-1', bench.seqOf(1));
    bench.settle();
    expect(bench.told).toEqual([
      ['gap', 1, 1, 1],
      ['attach', 1, 1],
      ['gap', 2, 1, 1],
    ]);
  });

  it('is in no gap where it has no number, and leaves that of others as it is', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    bench.publish(1);
    expect(bench.publishUnnumbered(1)).toBe(true);
    bench.settle();
    expect(bench.told).toEqual([
      ['gap', 1, 1, 1],
      ['event', 1, 0],
    ]);
    const full = new LinkBench();
    full.fill(RING_BYTES / 16);
    expect(full.publishUnnumbered(1)).toBe(false);
    full.settle();
    expect(full.told).toEqual([]);
  });

  it('is told without another event, and once', () => {
    const bench = new LinkBench();
    bench.fill(RING_BYTES / 16);
    bench.publish(1, Priority.high);
    bench.publish(1, Priority.high);
    bench.settle();
    bench.settle();
    expect(bench.told).toEqual([['gap', 1, 1, 2]]);
  });

  it('is in a gap, whatever comes in whatever order', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('publish'), fc.nat(3), fc.nat(2), fc.nat(1500)) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('fill'), fc.nat(400)) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('read'), fc.nat(200)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('flush')) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const bench = new LinkBench();
        for (const [what, n = 0, priority = 0, payloadBytes = 0] of steps as [string, ...number[]][]) {
          if (what === 'publish') bench.publish(n, PRIORITIES[priority], payloadBytes);
          else if (what === 'fill') bench.fill(n);
          else if (what === 'read') bench.read(n);
          else bench.link.flush();
        }
        bench.settle();
        bench.expectWhole();
        deepStrictEqual(bench.link.hasBacklog, false);
      }),
      { numRuns: runs(150) },
    );
  });
});

describe('a detach', () => {
  it('comes after the gap of what its subscriber missed', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    bench.publish(1);
    bench.link.detach(7, 1);
    bench.settle();
    expect(bench.told).toEqual([['gap', 1, 1, 1]]);
  });

  it('leaves nothing that the next device of the slot would be told of', () => {
    const bench = new LinkBench();
    bench.fill((RING_BYTES * 3) / 4 / 16);
    for (let n = 0; n < 3; n++) bench.publish(1);
    bench.link.detach(7, 1);
    bench.renumber(1); // the device is removed, and another one has its slot
    bench.publish(1);
    bench.settle();
    expect(bench.told).toEqual([
      ['gap', 1, 1, 3],
      ['gap', 1, 1, 1],
    ]);
  });
});

describe('an edge that sleeps', () => {
  it('is woken once by a flush, when there is something for it', () => {
    const bench = new LinkBench();
    bench.sleeper.announce();
    bench.link.flush();
    expect(bench.wakes).toBe(0);
    bench.publish(1);
    bench.link.seq(1, 1);
    expect(bench.read()).toBe(0); // it sees nothing before the flush
    bench.link.flush();
    expect(bench.wakes).toBe(1);
    expect(bench.read()).toBe(2);
    bench.sleeper.announce();
    bench.link.flush();
    expect(bench.wakes).toBe(1);
  });

  it('is woken for records that waited for room', () => {
    const bench = new LinkBench();
    bench.fill(RING_BYTES / 16 + 1);
    bench.link.flush();
    expect(bench.link.hasBacklog).toBe(true);
    expect(bench.read()).toBe(RING_BYTES / 16);
    bench.sleeper.announce();
    bench.link.flush();
    expect(bench.wakes).toBe(1);
    expect(bench.read()).toBe(1);
  });
});

describe('a link to an edge that is behind', () => {
  it('holds back what is not urgent until the edge has worked some off, but lets a look pass now and then', () => {
    const bench = new LinkBench();
    expect(bench.link.holdsBack()).toBe(false);
    const answer = new Uint8Array(RING_BYTES / 16);
    for (let n = 0; n < 8; n++) bench.link.answer({ session: 1, request: n }, answer, [], false);
    bench.link.flush();
    const looks = Array.from({ length: 128 }, () => bench.link.holdsBack());
    expect(looks.filter((isHeld) => !isHeld)).toHaveLength(2);
    bench.settle();
    expect(bench.link.holdsBack()).toBe(false);
  });
});
