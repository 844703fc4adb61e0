import { afterEach, describe, expect, it, vi } from 'vitest';
import { type CloseEntry, closes } from '../../src/codes.ts';
import { hasExpired, Liveness, type WatchedPeer } from '../../src/edge/liveness.ts';
import { PONG_GRACE_MS } from '../../src/limits.ts';
import { FakeClock } from '../support/fake-clock.ts';

const PING_MS = 10_000;
const SILENCE_MS = PING_MS + PONG_GRACE_MS;

afterEach(() => {
  vi.restoreAllMocks();
});

class FakePeer implements WatchedPeer {
  aliveAt = 0;
  pingAt = 0;
  expiresAt = 0;
  pings = 0;
  readonly closes: CloseEntry[] = [];

  ping(): void {
    this.pings += 1;
  }

  close(close: CloseEntry): void {
    this.closes.push(close);
  }
}

function setUp({ firstFrameTimeoutMs = 0, random = 0 } = {}) {
  vi.spyOn(Math, 'random').mockReturnValue(random);
  const clock = new FakeClock();
  const liveness = new Liveness(clock, { pingIntervalMs: PING_MS, firstFrameTimeoutMs });
  const add = (expiresAt = 0): FakePeer => {
    const peer = new FakePeer();
    peer.expiresAt = expiresAt;
    liveness.add(peer);
    return peer;
  };
  const pass = (ms: number): void => {
    clock.advance(ms);
    liveness.tick();
  };
  const hear = (peer: FakePeer): void => {
    peer.aliveAt = clock.nowMs;
  };
  return { clock, liveness, add, pass, hear };
}

describe('pings', () => {
  it.each([
    [0, PING_MS / 2],
    [0.5, (PING_MS * 3) / 4],
    [0.999_99, PING_MS - 1],
  ])('of peers that came together begin apart: at random %d after %d ms', (random, firstMs) => {
    const { add, pass } = setUp({ random });
    const peer = add();
    pass(firstMs - 1);
    expect(peer.pings).toBe(0);
    pass(1);
    expect(peer.pings).toBe(1);
  });

  it('come once an interval after that', () => {
    const { add, pass, hear } = setUp();
    const peer = add();
    pass(PING_MS / 2);
    hear(peer);
    pass(PING_MS - 1);
    expect(peer.pings).toBe(1);
    pass(1);
    pass(1);
    expect(peer.pings).toBe(2);
  });

  it('begin at once where a first sign of life is waited for', () => {
    const { add, pass } = setUp({ firstFrameTimeoutMs: 500, random: 0.5 });
    const peer = add();
    pass(0);
    expect(peer.pings).toBe(1);
  });

  it('are of whole milliseconds, as the times of peers are', () => {
    const { clock, add, pass } = setUp();
    clock.nowMs += 0.75;
    const peer = add();
    expect([peer.aliveAt, peer.pingAt]).toEqual([-(clock.nowMs - 0.75), clock.nowMs - 0.75 + PING_MS / 2]);
    pass(PING_MS / 2);
    expect(peer.pingAt).toBe(Math.floor(clock.nowMs) + PING_MS);
  });

  it('do not go to peers that have left', () => {
    const { liveness, add, pass } = setUp();
    const peer = add();
    liveness.remove(peer);
    pass(SILENCE_MS + 1);
    expect([peer.pings, peer.closes]).toEqual([0, []]);
  });

  it.each([
    [25_000, 0, 1000],
    [10_000, 0, 400],
    [10_000, 5000, 200],
    [10_000, 60_000, 400],
    [1010, 0, 40],
    [100, 0, 10],
    [60_000, 0, 1000],
  ])('every %d ms, with %d ms for the first frame, are looked at every %d ms', (ping, first, tickMs) => {
    const settings = { pingIntervalMs: ping, firstFrameTimeoutMs: first };
    expect(new Liveness(new FakeClock(), settings).tickMs).toBe(tickMs);
  });
});

describe('a silent peer', () => {
  it('is closed with 4201 once it was silent for longer than the interval and the grace, and only once', () => {
    const { add, pass, hear } = setUp();
    const peer = add();
    hear(peer);
    pass(SILENCE_MS);
    expect(peer.closes).toEqual([]);
    pass(1);
    pass(SILENCE_MS);
    expect(peer.closes).toEqual([closes.noPong]);
  });

  it('is not pinged in the moment of its close', () => {
    const { add, pass } = setUp();
    const peer = add();
    pass(SILENCE_MS + 1);
    expect([peer.pings, peer.closes]).toEqual([0, [closes.noPong]]);
  });

  it('that was never heard counts as heard when it connected', () => {
    const { add, pass } = setUp();
    const peer = add();
    pass(SILENCE_MS);
    expect(peer.closes).toEqual([]);
    pass(1);
    expect(peer.closes).toEqual([closes.noPong]);
  });

  it('keeps the others from nothing', () => {
    const { add, pass, hear } = setUp();
    const [silent, alive] = [add(), add()];
    pass(SILENCE_MS);
    hear(alive);
    pass(1);
    expect([silent.closes, alive.closes]).toEqual([[closes.noPong], []]);
  });

  it('is given the time in which its thread did not run, and is pinged as much later', () => {
    const { liveness, add, pass, hear } = setUp();
    const [fresh, heard] = [add(), add()];
    hear(heard);
    liveness.credit(7000);
    const stalledMs = 7000;
    pass(PING_MS / 2 + stalledMs - 1);
    expect([fresh.pings, heard.pings]).toEqual([0, 0]);
    pass(1);
    expect([fresh.pings, heard.pings]).toEqual([1, 1]);
    pass(SILENCE_MS - PING_MS / 2);
    expect([fresh.closes, heard.closes]).toEqual([[], []]);
    pass(1);
    expect([fresh.closes, heard.closes]).toEqual([[closes.noPong], [closes.noPong]]);
  });
});

describe('a peer that shows no first sign of life', () => {
  it('is closed once the time for it is over', () => {
    const { add, pass } = setUp({ firstFrameTimeoutMs: 500 });
    const peer = add();
    pass(500);
    expect(peer.closes).toEqual([]);
    pass(1);
    expect(peer.closes).toEqual([closes.noPong]);
  });

  it('is not looked for any more once it was heard', () => {
    const { add, pass, hear } = setUp({ firstFrameTimeoutMs: 500 });
    const peer = add();
    hear(peer);
    pass(SILENCE_MS);
    expect(peer.closes).toEqual([]);
  });
});

describe('a token', () => {
  it('counts for nothing from the moment on that it expires', () => {
    expect(hasExpired({ expiresAt: 10 }, 9)).toBe(false);
    expect(hasExpired({ expiresAt: 10 }, 10)).toBe(true);
    expect(hasExpired({ expiresAt: 0 }, 10)).toBe(false);
  });

  it('that has expired closes its peer with 4202, whatever else it lacks', () => {
    const { clock, add, pass } = setUp();
    const peer = add(clock.nowMs + SILENCE_MS + 1);
    pass(SILENCE_MS);
    expect(peer.closes).toEqual([]);
    pass(1);
    pass(1);
    expect(peer.closes).toEqual([closes.tokenExpired]);
  });
});
