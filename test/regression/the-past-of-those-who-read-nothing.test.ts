/**
 * What was found of the past for sessions that read nothing was held however many these were: a thousand sessions with a
 * thousand devices of a hundred kept events each held 3.7 GB. Only what is found for one session had a bound.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Replays } from '../../src/edge/deliver/replays.ts';
import { ALL_TYPES, typeBits } from '../../src/wire/events.ts';
import { NO_PAST } from '../../src/wire/subscriber-ops.ts';
import { EPOCH_NAME, Past, type Peer, QUEUE_BYTES } from '../edge/deliver/past-harness.ts';

const FOUND_MAX = 50;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Bench extends Past {
  readonly joins: string[] = [];
  readonly replays = new Replays({
    reader: this.history.reader,
    encoder: this.encoder,
    clock: this.history.clock,
    counters: this.counters,
    queueBytes: QUEUE_BYTES,
    foundMax: FOUND_MAX,
    finish: () => {},
    join: (session, { device, seq }) => void this.joins.push(`${session.id} d${device}:${seq}`),
    charges: this.charges,
  });

  /** Everything after a seq, or so many of the newest events. */
  ask({ session }: Peer, device: number, { history = 0, after = 0, types = ALL_TYPES }): void {
    const since = new Map([[`d${device}`, { epoch: EPOCH_NAME, seq: after }]]);
    const entry = this.entry(device);
    const past = history > 0 ? { ...NO_PAST, history } : { ...NO_PAST, since };
    this.replays.begin(session, entry, past, types);
    this.replays.attach(session, { device, id: `d${device}`, seq: entry.seq, types });
  }

  /** Others read nothing, and take all the room. */
  fill(device: number): Peer[] {
    const others = Array.from({ length: 10 }, () => this.peer());
    for (const other of others) {
      other.queued = QUEUE_BYTES + 1;
      this.ask(other, device, { history: 10 });
      this.replays.run(other.session);
    }
    return others;
  }
}

const seqs = (device: number, from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => `d${device}:${from + n}`).join(' ');

describe('what is found for sessions that read nothing', () => {
  it('has a bound over all of them', () => {
    const bench = new Bench();
    const devices = Array.from({ length: 5 }, () => bench.device(30));
    const peers = Array.from({ length: 20 }, () => bench.peer());
    let most = 0;
    for (const peer of peers) {
      peer.queued = QUEUE_BYTES + 1;
      for (const device of devices) {
        bench.ask(peer, device, { history: 30 });
        most = Math.max(most, bench.replays.found);
      }
      bench.replays.run(peer.session);
    }
    expect(most).toBeLessThanOrEqual(FOUND_MAX);
    expect(most).toBeGreaterThan(0);
    for (const { session } of peers) bench.replays.forget(session);
    expect(bench.replays.found).toBe(0);
    // Each pays for all that was found for it.
    expect(bench.charged.reduce((sum, events) => sum + events)).toBe(20 * 5 * 30);
  });

  it('comes to each whole and in order once it reads, however little it reads at a time', () => {
    const bench = new Bench();
    const devices = [bench.device(30), bench.device(30)];
    const peers = [bench.peer(), bench.peer(), bench.peer()];
    for (const peer of peers) {
      peer.queued = QUEUE_BYTES + 1;
      for (const device of devices) bench.ask(peer, device, { history: 30 });
      bench.replays.run(peer.session);
    }
    const got = peers.map(() => '');
    for (let turns = 0; turns < 40 && bench.replays.inUse; turns++) {
      peers.forEach((peer, n) => {
        peer.queued = 0;
        peer.stalledFrom = peer.frames.length;
        bench.replays.run(peer.session);
        got[n] += `${peer.news()} `;
      });
      expect(bench.replays.found).toBeLessThanOrEqual(FOUND_MAX);
    }
    const whole = devices.map((device) => seqs(device, 1, 30)).join(' ');
    expect(got.map((told) => told.split(/ +/).join(' ').trim())).toEqual([whole, whole, whole]);
    expect([bench.replays.inUse, bench.replays.found, bench.joins.length]).toEqual([false, 0, 6]);
  });
});

describe('who reads beside those who do not', () => {
  it('gets all after its position, and what comes meanwhile', () => {
    const bench = new Bench();
    const [filled, device] = [bench.device(10), bench.device(30)];
    bench.fill(filled);
    const peer = bench.peer();
    bench.ask(peer, device, { after: 12 });
    expect(bench.replays.unsentTo(peer.session)).toBe(10 + 18);
    bench.replays.event(device, bench.history.send(device, {}));
    bench.replays.run(peer.session);
    expect(peer.news()).toBe(seqs(device, 13, 31));
    expect(bench.joins).toEqual([`${peer.session.id} d${device}:31`]);
  });

  it('gets as many of the newest as it asked for, of those up to the answer', () => {
    const bench = new Bench();
    const [filled, device] = [bench.device(10), bench.device(30)];
    bench.fill(filled);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { history: 5 });
    bench.replays.run(peer.session);
    for (let n = 0; n < 3; n++) bench.replays.event(device, bench.history.send(device, {}));
    peer.queued = 0;
    bench.replays.run(peer.session);
    expect(peer.news()).toBe(seqs(device, 26, 33));
  });

  it('gets the types that it asked for', () => {
    const bench = new Bench();
    const [filled, device] = [bench.device(10), bench.device(0)];
    for (let n = 0; n < 12; n++) bench.history.send(device, { type: n % 2 === 0 ? 'message' : 'status' });
    bench.fill(filled);
    const peer = bench.peer();
    bench.ask(peer, device, { history: 5, types: typeBits.status });
    bench.replays.run(peer.session);
    expect(peer.news()).toBe([4, 6, 8, 10, 12].map((seq) => `d${device}:${seq}`).join(' '));
  });

  it('is told what has left the log before its turn came', () => {
    const bench = new Bench();
    const [filled, device] = [bench.device(10), bench.device(60)];
    const others = bench.fill(filled);
    const peers = [bench.peer(), bench.peer()];
    for (const peer of peers) peer.queued = QUEUE_BYTES + 1;
    bench.ask(peers[0]!, device, { history: 60 });
    bench.ask(peers[1]!, device, { after: 0 });
    for (const { session } of others) bench.replays.forget(session);
    // A hundred count as kept: of the sixty the newest forty still do.
    for (let n = 0; n < 60; n++) bench.replays.event(device, bench.history.send(device, {}));
    for (const peer of peers) {
      peer.queued = 0;
      bench.replays.run(peer.session);
      expect(peer.news()).toBe(`gap d${device}:1-20 history ${seqs(device, 21, 120)}`);
    }
  });
});
