import { describe, expect, it } from 'vitest';
import { STALL_MS } from '../../src/limits.ts';
import { beatOf, createHeartbeat, Heart, Pulse } from '../../src/memory/heartbeat.ts';
import { FakeClock } from '../support/fake-clock.ts';

const BEAT_MS = 100;

function setUp() {
  const clock = new FakeClock();
  const memory = createHeartbeat();
  const heart = new Heart(memory, clock);
  const pulse = new Pulse(memory);
  const run = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += BEAT_MS) {
      clock.advance(BEAT_MS);
      heart.beat();
    }
  };
  heart.beat();
  return { clock, heart, pulse, run, silentSince: (ms: number) => pulse.silentMs(ms, clock.now()) };
}

describe("a peer's silence", () => {
  it('is the time since it was heard, while its thread runs', () => {
    const { clock, run, silentSince } = setUp();
    const heard = clock.now();
    run(5000);
    expect(silentSince(heard)).toBe(5000);
  });

  it('stands still while the thread does not run, and goes on from there', () => {
    const { clock, heart, run, silentSince } = setUp();
    const heard = clock.now();
    run(1000);
    clock.advance(60_000);
    expect(silentSince(heard)).toBeLessThanOrEqual(1500);
    expect(heart.beat()).toBe(60_000);
    expect(silentSince(heard)).toBe(1000);
    run(2000);
    expect(silentSince(heard)).toBe(3000);
  });

  it('is without every stall since it was heard, and with none before', () => {
    const { clock, heart, pulse, run, silentSince } = setUp();
    const first = clock.now();
    for (let stalls = 0; stalls < 3; stalls++) {
      clock.advance(10_000);
      heart.beat();
      pulse.silentMs(first, clock.now());
      run(1000);
    }
    expect(silentSince(first)).toBe(3000);
    const second = clock.now();
    run(500);
    expect(silentSince(second)).toBe(500);
  });

  it('counts a peer that was heard in the middle of a stall from its end', () => {
    const { clock, heart, silentSince } = setUp();
    clock.advance(4000);
    const heard = clock.now();
    clock.advance(4000);
    heart.beat();
    expect(silentSince(heard)).toBe(0);
  });

  it('is taken as it is where the thread never ran', () => {
    expect(new Pulse(createHeartbeat()).silentMs(1000, 8000)).toBe(7000);
  });

  it('tells when the last stall ended, and that one goes on', () => {
    const { clock, heart, pulse } = setUp();
    expect(pulse.lastPauseEndMs(clock.now())).toBe(0);
    clock.advance(3000);
    expect(pulse.lastPauseEndMs(clock.now())).toBe(clock.now());
    heart.beat();
    const end = clock.now();
    clock.advance(100);
    heart.beat();
    expect(pulse.lastPauseEndMs(clock.now())).toBe(end);
  });
});

describe('a stall', () => {
  it('is a time without a beat that is longer than a busy thread takes', () => {
    const { clock, heart, pulse } = setUp();
    const heard = clock.now();
    clock.advance(STALL_MS);
    expect(heart.beat()).toBe(0);
    expect(pulse.lastPauseEndMs(clock.now())).toBe(0);
    expect(pulse.silentMs(heard, clock.now())).toBe(STALL_MS);
    clock.advance(STALL_MS);
    expect(pulse.lastPauseEndMs(clock.now())).toBe(0);
    clock.advance(1);
    expect(pulse.lastPauseEndMs(clock.now())).toBe(clock.now());
    expect(heart.beat()).toBe(STALL_MS + 1);
    expect(pulse.lastPauseEndMs(clock.now())).toBe(clock.now());
  });

  it('is none before the first beat, however late that is', () => {
    const clock = new FakeClock();
    const memory = createHeartbeat();
    expect(new Heart(memory, clock).beat()).toBe(0);
    const pulse = new Pulse(memory);
    expect([beatOf(memory), pulse.lastPauseEndMs(clock.now())]).toEqual([clock.now(), 0]);
    expect(new Pulse(createHeartbeat()).lastPauseEndMs(clock.now())).toBe(0);
    expect(beatOf(createHeartbeat())).toBe(0);
  });

  it('is told in whole ms', () => {
    const clock = new FakeClock();
    const memory = createHeartbeat();
    const heart = new Heart(memory, clock);
    clock.advance(0.75);
    heart.beat();
    clock.advance(1000.5); // now at .25 of a ms
    expect(heart.beat()).toBe(1001);
    expect(beatOf(memory)).toBe(1_001_001);
  });

  it('does not count for a peer that was heard after it, nor twice', () => {
    const { clock, heart, pulse, silentSince } = setUp();
    clock.advance(10_000);
    heart.beat();
    const heard = clock.now();
    clock.advance(100);
    heart.beat();
    for (let look = 0; look < 3; look++) expect(silentSince(heard)).toBe(100);
    expect(pulse.silentMs(heard + 1000, clock.now())).toBe(0); // heard by another thread's clock, ahead of this
  });

  it('is remembered with the fifteen before it: what lies further back counts as silence', () => {
    const { clock, heart, pulse, run, silentSince } = setUp();
    const first = clock.now();
    const stall = (): void => {
      clock.advance(10_000);
      heart.beat();
      pulse.silentMs(first, clock.now());
      run(100);
    };
    for (let stalls = 0; stalls < 16; stalls++) stall();
    expect(silentSince(first)).toBe(1600);
    stall();
    expect(silentSince(first)).toBe(1700 + 10_000);
  });
});
