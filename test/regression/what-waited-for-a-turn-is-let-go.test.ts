/**
 * The newest event of a device was kept for its followers at a pace after it had been sent, until a larger one came: two
 * events of up to 64 KiB for each device, 1.3 GB for ten thousand devices.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventRecord } from '../../fixtures/event-records.ts';
import { PacedAudience } from '../../src/edge/deliver/paced-audience.ts';
import { EventType } from '../../src/wire/events.ts';
import { EVERY_MS, NAMES, PacesBench } from '../edge/deliver/paces-harness.ts';

const LARGE = Buffer.from(JSON.stringify('x'.repeat(60_000)));
const SMALL = Buffer.from('{}');

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Bench extends PacesBench {
  readonly audience = new PacedAudience(NAMES, 0, this.paces);
  #seq = 0;

  event(payload: Buffer, type: number = EventType.message): void {
    this.#seq += 1;
    this.audience.event(eventRecord({ seq: this.#seq, payload, type }), 0);
    this.paces.flush();
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    this.paces.tick();
  }

  /** Bytes of events that are kept. */
  get kept(): number {
    return this.audience.newest.reduce((sum, views) => sum + (views?.u8.length ?? 0), 0);
  }
}

describe('an event that waits for the turn of a device', () => {
  it('is let go of when it was sent, if it is large', () => {
    const bench = new Bench();
    bench.audience.add(bench.session(), { waiting: [], turns: [] });
    for (const type of [EventType.message, EventType.pong])
      for (let n = 0; n < 3; n++) bench.event(LARGE, type);
    expect(bench.kept).toBeGreaterThan(2 * LARGE.length);
    bench.pass(2 * EVERY_MS);
    expect(bench.kept).toBe(0);
    expect(bench.news()).toBe('1:1 1:4 1:3(1) 1:6(1)');
    for (let n = 0; n < 2; n++) bench.event(SMALL);
    bench.pass(2 * EVERY_MS);
    expect(bench.news()).toBe('1:8(1)');
  });

  it('stays while others wait for it', () => {
    const bench = new Bench();
    bench.audience.add(bench.session(), { waiting: [], turns: [] });
    bench.audience.add(bench.session({ every: 10 * EVERY_MS }), { waiting: [], turns: [] });
    for (let n = 0; n < 3; n++) bench.event(LARGE);
    bench.pass(2 * EVERY_MS);
    expect(bench.kept).toBeGreaterThan(LARGE.length);
    bench.pass(20 * EVERY_MS);
    expect(bench.kept).toBe(0);
    expect(bench.news()).toBe('1:1 2:1 1:3(1) 2:3(1)');
  });

  it('is let go of when nobody follows the device any more', () => {
    const bench = new Bench();
    const session = bench.session();
    bench.audience.add(session, { waiting: [], turns: [] });
    for (let n = 0; n < 2; n++) bench.event(LARGE);
    bench.audience.remove(session, false);
    expect(bench.kept).toBe(0);
  });

  it('stays with a subscriber that takes it along', () => {
    const bench = new Bench();
    const session = bench.session();
    bench.audience.add(session, { waiting: [], turns: [] });
    for (let n = 0; n < 2; n++) bench.event(LARGE);
    const taken = bench.audience.takeOut(session, ~0);
    expect([bench.kept, taken.waiting.length]).toEqual([0, 1]);
    bench.pass(2 * EVERY_MS);
    bench.audience.add(session, taken);
    expect(bench.news()).toBe('1:1 1:2');
  });
});
