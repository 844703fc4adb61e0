import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closes } from '../../src/codes.ts';
import { closePaced, reconnectSpread } from '../../src/edge/drain.ts';
import { CLOSE_HANDSHAKE_MS, RECONNECT_SPREAD_MS_MIN } from '../../src/limits.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(100_000); // the thread has been there for a while
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Peers that are being closed; `open` says how many have not answered. */
class Drain {
  readonly codes: number[] = [];
  open: number;
  isOver = false;

  constructor(peers: number, closesPerSecond: number, timeoutMs: number, open = peers) {
    this.open = open;
    const all = Array.from({ length: peers }, () => ({
      close: ({ code }: { code: number }) => void this.codes.push(code),
    }));
    void closePaced(all, () => this.open, closesPerSecond, timeoutMs).then(() => {
      this.isOver = true;
    });
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }
}

describe('a drain', () => {
  it('closes each peer with 4200, so many a second', async () => {
    const drain = new Drain(100, 50, 60_000);
    expect(drain.codes).toEqual([closes.drain.code]);
    await drain.pass(1000);
    expect(drain.codes).toHaveLength(51);
    await drain.pass(500);
    expect(drain.codes).toHaveLength(76);
    await drain.pass(500);
    expect(drain.codes).toHaveLength(100);
    expect(new Set(drain.codes)).toEqual(new Set([closes.drain.code]));
  });

  it('closes the rest at once when its time is over', async () => {
    const drain = new Drain(100, 10, 400);
    await drain.pass(399);
    expect(drain.codes.length).toBeLessThan(6);
    await drain.pass(1);
    expect(drain.codes).toHaveLength(100);
  });

  it('is over when the peers have answered and their sockets had a moment to be read', async () => {
    const drain = new Drain(2, 1000, 60_000);
    await drain.pass(700);
    expect(drain.isOver).toBe(false);
    drain.open = 0;
    await drain.pass(20);
    expect(drain.isOver).toBe(true);
  });

  it('gives the sockets that moment however soon the peers answered', async () => {
    const drain = new Drain(2, 1000, 60_000);
    drain.open = 0;
    await drain.pass(499);
    expect(drain.isOver).toBe(false);
    await drain.pass(1);
    expect(drain.isOver).toBe(true);
  });

  it('waits for answers as long as a close handshake may take', async () => {
    const drain = new Drain(1, 1000, 60_000);
    await drain.pass(CLOSE_HANDSHAKE_MS - 1);
    expect(drain.isOver).toBe(false);
    await drain.pass(1);
    expect(drain.isOver).toBe(true);
  });

  it('waits for answers no longer than its time, if that is less', async () => {
    const drain = new Drain(100, 50, 3000); // it takes two seconds to close them
    await drain.pass(2980);
    expect(drain.isOver).toBe(false);
    await drain.pass(40);
    expect(drain.isOver).toBe(true);
  });

  it('waits for answers a moment, though its time is up', async () => {
    const drain = new Drain(1, 1, 0);
    expect(drain.codes).toHaveLength(1);
    await drain.pass(480);
    expect(drain.isOver).toBe(false);
    await drain.pass(40);
    expect(drain.isOver).toBe(true);
  });

  it('without peers waits only for connections that are still open', async () => {
    const nobody = new Drain(0, 10, 1000);
    await nobody.pass(0);
    expect(nobody.isOver).toBe(true);
    const other = new Drain(0, 10, 0, 1); // it is closing already
    await other.pass(240);
    expect(other.isOver).toBe(false);
    await other.pass(20);
    expect(other.isOver).toBe(true);
  });
});

describe('the time after which a peer is told to come back', () => {
  it.each([
    [0, 1, 1],
    [0.5, 20_000, 10_000],
    [1, 20_000, 20_000],
    [0.2999, 20_000, 5998],
  ])('is spread over as long as the closes take: at random %d of %d ms it is %d', (random, spread, told) => {
    vi.spyOn(Math, 'random').mockReturnValue(random === 0 ? 0.000_001 : random);
    expect(reconnectSpread((spread / 1e3) * 50, 50)()).toBe(told);
  });

  it('is spread over some seconds at least', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(reconnectSpread(10, 50)()).toBe(RECONNECT_SPREAD_MS_MIN / 2);
    expect(reconnectSpread(RECONNECT_SPREAD_MS_MIN * 2, 1000)()).toBe(RECONNECT_SPREAD_MS_MIN);
  });
});
