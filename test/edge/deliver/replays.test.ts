import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sliceFor, wantedOf, wantsPast } from '../../../src/edge/deliver/past.ts';
import { Replays } from '../../../src/edge/deliver/replays.ts';
import type { Attached } from '../../../src/edge/deliver/topics.ts';
import { FOUND_CELLS } from '../../../src/history/replay.ts';
import { DEVICES_PER_SLICE, KEPT_EVENTS_PER_SLICE } from '../../../src/limits.ts';
import { Counter } from '../../../src/memory/counters.ts';
import { ALL_TYPES, type EventType, typeBits } from '../../../src/wire/events.ts';
import { type Past as Asked, NO_PAST } from '../../../src/wire/subscriber-ops.ts';
import type { HistoryOptions } from '../../history/history-harness.ts';
import { EPOCH_NAME, Past, type Peer, QUEUE_BYTES } from './past-harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Bench extends Past {
  readonly replays: Replays;
  /** Called while events that came before a join are sent. */
  finishing = (): void => {};
  /** Joins of topics as `s-1 d0:5`, each behind the `finish` of the rounds. */
  readonly joins: string[] = [];

  constructor(options: HistoryOptions = {}) {
    super(options);
    this.replays = new Replays({
      reader: this.history.reader,
      encoder: this.encoder,
      clock: this.history.clock,
      counters: this.counters,
      queueBytes: QUEUE_BYTES,
      foundMax: Number.POSITIVE_INFINITY,
      finish: () => {
        this.joins.push('finish');
        this.finishing();
      },
      join: (session, { device, seq }) => void this.joins.push(`${session.id} d${device}:${seq}`),
      charges: this.charges,
    });
  }

  /** The answer names the device, and its live events may come. @returns whether all is there */
  ask(peer: Peer, device: number, past: Partial<Asked>, types = ALL_TYPES): boolean | undefined {
    const recovered = this.begin(peer, device, past, types);
    this.attach(peer, device);
    return recovered;
  }

  begin({ session }: Peer, device: number, past: Partial<Asked>, types = ALL_TYPES): boolean | undefined {
    return this.replays.begin(session, this.entry(device), { ...NO_PAST, ...past }, types);
  }

  attach({ session }: Peer, device: number, types = ALL_TYPES): boolean {
    const { seq } = this.entry(device);
    const attached: Attached = { device, id: `d${device}`, seq, types };
    return this.replays.attach(session, attached);
  }

  /** As what its peer asked for is sent after the answer. */
  run({ session }: Peer): void {
    this.replays.run(session);
  }

  /** An event of the device comes to this edge. */
  live(device: number, type: keyof typeof EventType = 'message', isHigh = false): void {
    this.replays.event(device, this.history.send(device, { type, isHigh }));
  }
}

/** A position of the device's numbering. */
const since = (device: number, seq: number, epoch = EPOCH_NAME): Partial<Asked> => ({
  since: new Map([[`d${device}`, { epoch, seq }]]),
});

describe('what of the past a subscribe asks for', () => {
  it('is the newest message and the newest status, oldest first', () => {
    const bench = new Bench();
    const device = bench.device(2);
    bench.history.send(device, { type: 'status' });
    bench.history.send(device);
    const peer = bench.peer();
    expect(bench.ask(peer, device, { last: true })).toBeUndefined();
    bench.run(peer);
    expect(peer.frames.every(({ replay }) => replay === true)).toBe(true);
    expect(peer.news()).toBe('d0:3 d0:4');
    expect(bench.joins).toEqual(['finish', 's-1 d0:4']);
    expect(bench.counters.cells[Counter.replayed]).toBe(2);
    expect(bench.charged).toEqual([2]);
  });

  it('is so many of the newest events, also where the newest of each kind is asked for', () => {
    const bench = new Bench();
    const device = bench.device(5);
    for (const past of [{ history: 3 }, { history: 3, last: true }]) {
      const peer = bench.peer();
      expect(bench.ask(peer, device, past)).toBeUndefined();
      bench.run(peer);
      expect(peer.news()).toBe('d0:3 d0:4 d0:5');
    }
  });

  it('is all after a position, whatever else is asked for', () => {
    const bench = new Bench();
    const device = bench.device(5);
    const peer = bench.peer();
    expect(bench.ask(peer, device, { ...since(device, 2), history: 1, last: true })).toBe(true);
    bench.run(peer);
    expect(peer.news()).toBe('d0:3 d0:4 d0:5');
  });

  it('is nothing where the position is that of the last event, and it is recovered', () => {
    const bench = new Bench();
    const device = bench.device(2);
    const peer = bench.peer();
    expect(bench.ask(peer, device, since(device, 2))).toBe(true);
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['', ['finish', 's-1 d0:2']]);
  });

  it('has a gap where it is not kept any more, and is not recovered', () => {
    const bench = new Bench({ eventsMax: 2 });
    const device = bench.device(5);
    const peer = bench.peer();
    expect(bench.ask(peer, device, since(device, 1))).toBe(false);
    bench.run(peer);
    expect(peer.news()).toBe('gap d0:2-3 history d0:4 d0:5');
  });

  it.each([
    ['of another numbering', 1, 'other'],
    ['behind the last event', 4, EPOCH_NAME],
  ])('is all that is kept after a position %s, and it is not recovered', (_what, seq, epoch) => {
    const bench = new Bench();
    const device = bench.device(3);
    const peer = bench.peer();
    expect(bench.ask(peer, device, since(device, seq, epoch))).toBe(false);
    bench.run(peer);
    expect(peer.news()).toBe('d0:1 d0:2 d0:3');
  });

  it.each([
    ['last', { last: true }],
    ['history', { history: 10 }],
    ['since', since(0, 0)],
  ])('is of the types that are wanted (%s)', (_what, past) => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.history.send(device, { type: 'status' });
    const peer = bench.peer();
    bench.ask(peer, device, past, typeBits.status);
    bench.run(peer);
    expect(peer.news()).toBe('d0:2');
  });

  it('may be nothing: then live events are not held back', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    expect(bench.begin(peer, device, {})).toBeUndefined();
    expect(bench.replays.isHolding(peer.session, device)).toBe(false);
    expect([bench.attach(peer, device), bench.replays.inUse]).toEqual([false, false]);
    expect([
      wantsPast(NO_PAST),
      wantsPast({ ...NO_PAST, last: true }),
      wantsPast({ ...NO_PAST, history: 1 }),
      wantsPast({ ...NO_PAST, ...since(0, 0) }),
    ]).toEqual([false, true, true, true]);
  });

  it.each<[string, Partial<Asked>, boolean | undefined]>([
    ['history', { history: 10 }, undefined],
    ['since', since(0, 0), true],
    ['since another numbering', since(0, 0, 'other'), false],
    ['since a later event', since(0, 9), false],
  ])('goes on from what was looked up before the answer: %s', (_what, past, recovered) => {
    const bench = new Bench();
    const device = bench.device(3);
    const asked = { ...NO_PAST, ...past };
    const { slot, generation } = bench.history.asOf(device);
    const wanted = wantedOf(asked, bench.entry(device), ALL_TYPES)!;
    const walked = bench.history.reader.walk({ slot, generation }, wanted)!;
    bench.history.send(device);
    const peer = bench.peer();
    // Nothing is looked at twice: what is left out here is not found again.
    walked.events.splice(FOUND_CELLS, FOUND_CELLS);
    const less = { ...walked, looked: 2 };
    const { session } = peer;
    expect(bench.replays.begin(session, bench.entry(device), asked, ALL_TYPES, less)).toBe(
      recovered === true ? false : recovered,
    );
    bench.attach(peer, device);
    bench.run(peer);
    expect(peer.news()).toBe(recovered === true ? 'd0:1 gap d0:2-2 history d0:3 d0:4' : 'd0:1 d0:3 d0:4');
  });

  it('comes device by device in the order of the answer, in one write', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(2), bench.device(2)];
    const peer = bench.peer();
    for (const device of [b, a]) bench.ask(peer, device, { history: 2 });
    bench.run(peer);
    expect(peer.news()).toBe('d1:1 d1:2 d0:1 d0:2');
    expect(bench.joins).toEqual(['finish', 's-1 d1:2', 'finish', 's-1 d0:2']);
    expect(peer.loose).toBe(0);
  });
});

it('a slice of a filter has fewer devices the more of their past is to be looked up, one at least', () => {
  const slices = (past: Partial<Asked>, eventsMax = 100): number =>
    sliceFor({ ...NO_PAST, ...past }, eventsMax);
  for (const past of [{}, { last: true }, { history: 1 }]) expect(slices(past)).toBe(DEVICES_PER_SLICE);
  expect(slices({ history: 50 })).toBe(KEPT_EVENTS_PER_SLICE / 50);
  expect(slices({ history: 1000 })).toBe(KEPT_EVENTS_PER_SLICE / 100);
  expect(slices({ ...since(0, 0), history: 1 })).toBe(KEPT_EVENTS_PER_SLICE / 100);
  expect(slices(since(0, 0), 10_000)).toBe(1);
});

describe('live events of a device whose past is being sent', () => {
  it('are held back until the peer has read, then come from the log', () => {
    const bench = new Bench();
    const device = bench.device(2);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { history: 10 });
    bench.run(peer);
    expect([peer.news(), bench.replays.isHolding(peer.session, device)]).toEqual(['', true]);
    expect(bench.replays.inUse).toBe(true);
    bench.live(device);
    bench.live(device);
    peer.queued = QUEUE_BYTES;
    bench.run(peer);
    expect(peer.news()).toBe('d0:1 d0:2 d0:3 d0:4');
    expect(bench.joins).toEqual(['finish', 's-1 d0:4']);
    expect([bench.replays.isHolding(peer.session, device), bench.replays.inUse]).toEqual([false, false]);
  });

  it('come in the end, though more came while those before were sent', () => {
    const bench = new Bench({ eventsMax: 1000 });
    const device = bench.device(60);
    const peer = bench.peer();
    peer.stalledFrom = 0;
    bench.ask(peer, device, { history: 60 });
    bench.run(peer);
    const first = peer.frames.length;
    expect(first).toBe(50); // then the queue is looked at
    bench.live(device);
    peer.queued = 0;
    peer.stalledFrom = Number.POSITIVE_INFINITY;
    bench.run(peer);
    expect(peer.frames.map(({ seq }) => seq)).toEqual(Array.from({ length: 61 }, (_, n) => n + 1));
    expect(bench.joins).toEqual(['finish', 's-1 d0:61']);
  });

  it('that were lost on their way to this edge come from the log too', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.replays.missed(device, 1); // when nobody's past of it is being sent
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { last: true });
    bench.history.send(device);
    bench.history.send(device);
    bench.replays.missed(device, 3);
    bench.replays.missed(device, 2);
    peer.queued = 0;
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d0:1 d0:2 d0:3', ['finish', 's-1 d0:3']]);
  });

  it('are as many as there were when the owner let them come', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.begin(peer, device, { last: true });
    bench.history.send(device);
    expect(bench.attach(peer, device)).toBe(true);
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d0:1 d0:2', ['finish', 's-1 d0:2']]);
  });

  it('do not come before the owner lets them: then the past is all, and the device is not held any more', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.begin(peer, device, { last: true });
    bench.live(device);
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d0:1', []]);
    expect([bench.replays.inUse, bench.attach(peer, device)]).toEqual([false, false]);
  });

  it('come to everybody whose past of the device is being sent', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peers = [bench.peer(), bench.peer()];
    for (const peer of peers) {
      peer.queued = QUEUE_BYTES + 1;
      bench.ask(peer, device, { last: true });
    }
    bench.live(device);
    for (const peer of peers) {
      peer.queued = 0;
      bench.run(peer);
    }
    expect(peers.map((peer) => peer.news())).toEqual(['d0:1 d0:2', 'd0:1 d0:2']);
  });

  it('concern only those who follow the device', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(1), bench.device(1)];
    const [one, other] = [bench.peer(), bench.peer()];
    for (const peer of [one, other]) peer.queued = QUEUE_BYTES + 1;
    bench.ask(one, a, { last: true });
    bench.ask(other, b, { last: true });
    expect([one, other].map(({ session }) => bench.replays.isHolding(session, a))).toEqual([true, false]);
    expect(bench.attach(other, a)).toBe(false);
    bench.live(a);
    bench.live(bench.device()); // which nobody follows
    for (const peer of [one, other]) {
      peer.queued = 0;
      bench.run(peer);
    }
    expect([one.news(), other.news()]).toEqual(['d0:1 d0:2', 'd1:1']);
  });
});

describe('events that come while the past of their device is being sent', () => {
  /** An event is kept; the peer, which asks for it, takes nothing until others have come. @returns what it gets */
  function told(terms: { readonly binary?: boolean; readonly every?: number }): string {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer(terms);
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { history: 1 });
    bench.live(device);
    bench.live(device, 'status');
    bench.live(device, 'message', true);
    peer.queued = 0;
    bench.run(peer);
    return peer.newsWithReplays();
  }

  it.each([
    ['JSON', false],
    ['binary', true],
  ])('are no replays, in %s', (_encoding, binary) => {
    expect(told({ binary })).toBe('d0:1r d0:2 d0:3 d0:4');
  });

  it('are replays for a subscriber at a pace, who would get them too soon otherwise, unless they are urgent', () => {
    expect(told({ every: 1000 })).toBe('d0:1r d0:2r d0:3 d0:4');
  });
});

describe('the types of live events of a device whose past is being sent', () => {
  /** The peer cannot take anything while events come. @returns what it gets once it can */
  const heldBack = (bench: Bench, peer: Peer, meanwhile: () => void): string => {
    peer.queued = QUEUE_BYTES + 1;
    bench.run(peer);
    meanwhile();
    peer.queued = 0;
    bench.run(peer);
    return peer.news();
  };

  it('are those that are followed, though the past of others was asked for', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.begin(peer, device, { history: 5 }, typeBits.status);
    bench.attach(peer, device); // a filter follows it too
    const told = heldBack(bench, peer, () => {
      bench.live(device);
      bench.live(device, 'status');
    });
    expect([told, bench.joins.at(-1)]).toEqual(['d0:2 d0:3', 's-1 d0:3']);
  });

  it('are those that are followed first, also for what came before the owner let them come', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.begin(peer, device, { last: true });
    for (const type of ['message', 'status'] as const) bench.history.send(device, { type });
    bench.attach(peer, device, typeBits.status);
    bench.run(peer);
    expect(peer.news()).toBe('d0:3');
  });

  it('are at each time those that are followed then, and still wanted', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.begin(peer, device, { history: 5 });
    bench.attach(peer, device, typeBits.message);
    const told = heldBack(bench, peer, () => {
      for (const followed of [typeBits.status, typeBits.status, typeBits.message]) {
        for (const type of ['message', 'status'] as const) bench.live(device, type);
        bench.attach(peer, device, followed);
      }
      bench.live(device);
      bench.attach(peer, device, typeBits.message | typeBits.pong);
    });
    // The message of the first two, no status any more, then the message.
    expect(told).toBe('d0:1 d0:2 d0:8');
  });

  it('are those of the rest of the past, too, from where others were asked for', () => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.history.send(device, { type: 'status' });
    bench.history.send(device);
    const peer = bench.peer();
    bench.ask(peer, device, { history: 5 });
    const told = heldBack(bench, peer, () => {
      bench.live(device, 'pong');
      bench.attach(peer, device, typeBits.status);
      bench.live(device, 'pong');
    });
    expect(told).toBe('d0:2');
  });
});

describe('pongs that came meanwhile, which are kept nowhere', () => {
  function heldBack(types: readonly (keyof typeof EventType)[]): string {
    const bench = new Bench({ eventsMax: 1000 });
    const device = bench.device(1);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { last: true });
    for (const type of types) bench.live(device, type);
    peer.queued = 0;
    bench.run(peer);
    return peer.news();
  }

  it('are told of as gaps in their places, those in a row as one', () => {
    expect(heldBack(['pong', 'pong', 'message', 'pong'])).toBe(
      'd0:1 gap d0:2-3 history d0:4 gap d0:5-5 history',
    );
  });

  it('are never told of together with what is sent, however many they are', () => {
    const pairs = Array.from({ length: 258 }, () => ['pong', 'message'] as const).flat();
    const gaps = heldBack(pairs).match(/gap \S+/g)!;
    expect(gaps).toHaveLength(258);
    expect(gaps.slice(-2)).toEqual(['gap d0:514-514', 'gap d0:516-516']);
  });

  it('are told of once, where what came with them is not kept any more', () => {
    const bench = new Bench({ eventsMax: 1 });
    const device = bench.device(1);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { last: true });
    for (const type of ['pong', 'message', 'pong', 'message', 'pong'] as const) bench.live(device, type);
    peer.queued = 0;
    bench.run(peer);
    expect(peer.news()).toBe('d0:1 gap d0:2-3 history gap d0:4-4 history d0:5 gap d0:6-6 history');
  });

  it('are told of without events of types that nobody asked for', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    const types = typeBits.message | typeBits.pong;
    bench.begin(peer, device, { last: true }, types);
    bench.attach(peer, device, types);
    for (const type of ['status', 'message', 'pong', 'status', 'pong', 'status'] as const)
      bench.live(device, type);
    bench.run(peer);
    expect(peer.news()).toBe('d0:1 d0:3 gap d0:4-4 history gap d0:6-6 history');
    expect(bench.counters.cells[Counter.replayed]).toBe(2);
  });

  it('are not missed by who wants none', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    const types = ALL_TYPES & ~typeBits.pong;
    bench.begin(peer, device, { last: true }, types);
    bench.attach(peer, device, types);
    bench.live(device, 'pong');
    bench.run(peer);
    expect(peer.news()).toBe('d0:1');
  });
});

describe('a replay', () => {
  it('ends with the subscription', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(1), bench.device(1)];
    const peer = bench.peer();
    for (const device of [a, b]) bench.ask(peer, device, { last: true });
    bench.replays.detach(peer.session, a);
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d1:1', ['finish', 's-1 d1:1']]);
    bench.replays.detach(peer.session, a);
  });

  it('ends with the session, and those of others go on', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(1), bench.device(1)];
    const [gone, other] = [bench.peer(), bench.peer()];
    for (const peer of [gone, other]) for (const device of [a, b]) bench.ask(peer, device, { last: true });
    bench.replays.forget(gone.session);
    bench.replays.detach(gone.session, a);
    for (const peer of [gone, other]) bench.run(peer);
    expect([gone.news(), other.news()]).toEqual(['', 'd0:1 d1:1']);
    expect(bench.replays.inUse).toBe(false);
  });

  it('is not sent to a session that is closing', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.ask(peer, device, { last: true });
    peer.session.closing = true;
    bench.run(peer);
    expect(peer.news()).toBe('');
  });

  it('of one who goes while others are sent to ends', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const [first, second] = [bench.peer(), bench.peer()];
    for (const peer of [first, second]) {
      peer.queued = QUEUE_BYTES + 1;
      bench.ask(peer, device, { last: true });
      bench.run(peer);
      peer.queued = 0;
    }
    first.sending = () => bench.replays.forget(second.session);
    bench.replays.tick();
    expect([first.news(), second.news(), bench.replays.inUse]).toEqual(['d0:1', '', false]);
  });

  it('ends where its session is closed by what was sent before: that is in no topic', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.ask(peer, device, { last: true });
    bench.finishing = () => {
      peer.session.closing = true;
      bench.replays.forget(peer.session);
    };
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d0:1', ['finish']]);
  });

  it('that another owner does not name ends; until it has named all, nobody enters a topic', () => {
    const bench = new Bench();
    const devices = [bench.device(1), bench.device(1), bench.device(1)];
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    for (const device of devices) bench.ask(peer, device, { last: true });
    bench.replays.beginResync();
    peer.queued = 0;
    bench.run(peer);
    expect([peer.news(), bench.joins]).toEqual(['d0:1', []]);
    for (const device of devices.slice(1)) bench.attach(peer, device);
    bench.replays.endResync();
    bench.replays.tick();
    expect([peer.news(), bench.joins.filter((join) => join !== 'finish')]).toEqual([
      'd1:1 d2:1',
      ['s-1 d1:1', 's-1 d2:1'],
    ]);
    expect(bench.replays.inUse).toBe(false);
  });

  it('takes the thread for a moment, and goes on when that has seen to its sockets; others get their turns', () => {
    const bench = new Bench({ eventsMax: 1000 });
    const device = bench.device(500);
    const [long, short] = [bench.peer(), bench.peer()];
    long.sending = () => bench.history.clock.advance(0.01); // a hundred take a millisecond
    bench.ask(long, device, { history: 500 });
    bench.run(long);
    expect(long.frames.length).toBe(200);
    vi.advanceTimersToNextTimer();
    expect(long.frames.length).toBe(400);
    bench.ask(short, device, { history: 1 });
    bench.run(short);
    expect(short.frames.length).toBe(1);
    vi.advanceTimersToNextTimer();
    expect(long.frames.length).toBe(500);
    expect([bench.joins.at(-1), vi.getTimerCount()]).toEqual(['s-1 d0:500', 0]);
  });

  it('of many is taken up where the last turn ended', () => {
    const bench = new Bench({ eventsMax: 1000 });
    const device = bench.device(300);
    const peers = [bench.peer(), bench.peer(), bench.peer()];
    for (const peer of peers) {
      peer.sending = () => bench.history.clock.advance(0.01);
      bench.ask(peer, device, { history: 300 });
      bench.run(peer);
    }
    const turn = (): number[] => {
      vi.advanceTimersToNextTimer();
      return peers.map(({ frames }) => frames.length);
    };
    expect([turn(), turn()]).toEqual([
      [300, 300, 0],
      [300, 300, 300],
    ]);
  });

  it('counts what it has found and not sent, and ten for each device', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(3), bench.device(2)];
    const peer = bench.peer();
    peer.stalledFrom = 0;
    for (const device of [a, b]) bench.ask(peer, device, { history: 10 });
    expect([bench.replays.unsentTo(peer.session), bench.replays.unsentTo(bench.peer().session)]).toEqual([
      25, 0,
    ]);
    bench.run(peer);
    expect([peer.frames.length, bench.replays.unsentTo(peer.session)]).toEqual([5, 0]);
    peer.queued = QUEUE_BYTES + 1;
    for (const device of [a, b]) bench.ask(peer, device, { history: 10 });
    expect(bench.replays.unsentTo(peer.session)).toBe(25);
    bench.replays.detach(peer.session, b);
    bench.replays.forget(peer.session);
    expect(bench.replays.unsentTo(peer.session)).toBe(0);
  });

  it('goes on by itself once its peer has read', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peers = [bench.peer(), bench.peer()];
    for (const peer of peers) {
      peer.queued = QUEUE_BYTES + 1;
      bench.ask(peer, device, { last: true });
      bench.run(peer);
    }
    vi.advanceTimersToNextTimer(); // the turn in which they began is over
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(20);
    expect(vi.getTimerCount()).toBe(1); // they are looked at again
    for (const peer of peers) peer.queued = 0;
    vi.advanceTimersByTime(19);
    expect(peers.map((peer) => peer.news())).toEqual(['', '']);
    vi.advanceTimersByTime(1);
    expect(peers.map((peer) => peer.news())).toEqual(['d0:1', 'd0:1']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('needs no timer where the peer reads all', () => {
    const bench = new Bench();
    const peer = bench.peer();
    bench.ask(peer, bench.device(1), { last: true });
    bench.run(peer);
    vi.advanceTimersToNextTimer(); // the turn in which it began is over
    expect(vi.getTimerCount()).toBe(0);
  });

  it('looks at the queue after fifty events, or fewer that are large', () => {
    const bench = new Bench({ bytes: 4 * 1024 * 1024, eventsMax: 1000 });
    const device = bench.device(120);
    const small = bench.peer();
    bench.ask(small, device, { history: 120 });
    bench.run(small);
    expect(bench.charged.splice(0)).toEqual([50, 50, 20]);
    const large = bench.device(5, 20_000);
    const peer = bench.peer();
    bench.ask(peer, large, { history: 5 });
    bench.run(peer);
    expect(bench.charged.splice(0)).toEqual([2, 2, 1]);
    const stalled = bench.peer();
    stalled.stalledFrom = 0;
    bench.ask(stalled, large, { history: 5 });
    bench.run(stalled);
    expect(stalled.news()).toBe('d1:1 d1:2');
    stalled.queued = 0;
    bench.run(stalled);
    expect(stalled.news()).toBe('d1:3 d1:4');
  });

  it('pays for what came meanwhile apart, and for no event twice', () => {
    const bench = new Bench();
    const device = bench.device(3);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.ask(peer, device, { history: 3 });
    bench.live(device);
    peer.queued = 0;
    bench.run(peer);
    expect(bench.charged).toEqual([3, 1]);
  });

  it('is paid for, too, where its peer has given up the device before it was sent', () => {
    const bench = new Bench();
    const device = bench.device(5);
    const peer = bench.peer();
    peer.stalledFrom = 0;
    peer.queued = QUEUE_BYTES + 1;
    for (let n = 0; n < 2; n++) {
      bench.ask(peer, device, { history: 5 });
      bench.run(peer);
      bench.replays.detach(peer.session, device);
    }
    expect([peer.news(), bench.charged]).toEqual(['', [5, 5]]);
    bench.replays.detach(peer.session, device);
    bench.ask(peer, device, { history: 5 });
    peer.queued = 0;
    bench.run(peer);
    expect(bench.charged.splice(2)).toEqual([5]);
  });

  it('is paid for, too, where its peer has gone before it was sent', () => {
    const bench = new Bench();
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    for (const events of [5, 3]) bench.ask(peer, bench.device(events), { history: 5 });
    bench.run(peer);
    for (let n = 0; n < 2; n++) bench.replays.forget(peer.session);
    expect([peer.news(), bench.charged]).toEqual(['', [5, 3]]);
  });

  it('is paid for, too, where it was looked up and is not what the answer brings', () => {
    const bench = new Bench();
    const { reader } = bench.history;
    const device = bench.device(5);
    const peer = bench.peer();
    const past = { ...NO_PAST, since: new Map([['d0', { epoch: EPOCH_NAME, seq: 6 }]]) };
    const walk = () => {
      const entry = bench.entry(device);
      return reader.walk({ slot: device, generation: entry.generation }, wantedOf(past, entry, ALL_TYPES)!);
    };
    const begin = (walked: ReturnType<typeof walk>): void => {
      bench.replays.begin(peer.session, bench.entry(device), past, ALL_TYPES, walked);
      bench.run(peer);
    };
    const early = walk(); // the position is above the device's own: everything is looked up
    for (let n = 0; n < 2; n++) bench.history.send(device);
    begin(early);
    expect([peer.news(), bench.charged.splice(0)]).toEqual(['d0:7', [4, 1]]);
    begin(walk());
    expect([peer.news(), bench.charged]).toEqual(['d0:7', [1]]);
  });

  it('waits while its peer owes for what it got', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    peer.owesMs = 1;
    bench.ask(peer, device, { last: true });
    bench.run(peer);
    expect(peer.news()).toBe('');
    peer.owesMs = 0;
    bench.run(peer);
    expect(peer.news()).toBe('d0:1');
  });
});
