import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FollowedDevices, Retained } from '../../../src/edge/deliver/retained.ts';
import { Counter } from '../../../src/memory/counters.ts';
import { DeviceState, StateReason } from '../../../src/presence/lifecycle.ts';
import type { PresenceReader } from '../../../src/presence/reader.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { Kind } from '../../../src/wire/mqtt/templates.ts';
import type { HistoryOptions } from '../../history/history-harness.ts';
import { Past, type Peer, QUEUE_BYTES } from './past-harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const KEPT = Kind.message | Kind.status;

class Bench extends Past {
  readonly retained: Retained;

  constructor(options: HistoryOptions = {}) {
    super(options);
    this.retained = new Retained({
      reader: this.history.reader,
      encoder: this.encoder,
      clock: this.history.clock,
      counters: this.counters,
      queueBytes: QUEUE_BYTES,
      presence: { devices: this.history.devices } as PresenceReader,
      namesOf: (_session, device) => new DeviceNames(`d${device}`),
      namesById: (device) => new DeviceNames(device),
      charges: this.charges,
    });
  }

  /** Devices that the peer has just come to follow, of whom it wants these kinds. */
  followed(kinds: number, ...devices: readonly number[]): FollowedDevices {
    const followed = new FollowedDevices();
    for (const device of devices) followed.add(this.entry(device), kinds);
    return followed;
  }

  send({ session }: Peer, kinds: number, ...devices: readonly number[]): void {
    this.retained.send(session, this.followed(kinds, ...devices));
  }

  /** The presence table says of the device. */
  state(device: number, state: number, reason: number = StateReason.none): void {
    const { rows } = this.history.devices;
    rows.known[device] = 1;
    rows.deviceState[device] = state;
    rows.stateReason[device] = reason;
  }
}

describe('what a device has retained', () => {
  it('is its newest message and its newest status, oldest first and told as kept', () => {
    const bench = new Bench();
    const device = bench.device(2);
    bench.history.send(device, { type: 'status' });
    bench.history.send(device);
    const peer = bench.peer();
    bench.send(peer, KEPT, device);
    expect(peer.frames.map(({ replay, type, source }) => [replay, type, source])).toEqual([
      [true, 'status', 'device'],
      [true, 'message', 'device'],
    ]);
    expect(peer.news()).toBe('d0:3 d0:4');
    expect([bench.charged, bench.counters.cells[Counter.replayed]]).toEqual([[2], 2]);
    expect(peer.loose).toBe(0);
  });

  it.each([
    [Kind.message, 'd0:1'],
    [Kind.status, 'd0:2'],
    [Kind.pong, ''],
  ])('is of the kinds that are wanted (%d)', (kinds, told) => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.history.send(device, { type: 'status' });
    bench.state(device, DeviceState.online);
    const peer = bench.peer();
    bench.send(peer, kinds, device);
    expect(peer.news()).toBe(told);
  });

  it('is not sent where a newer event of the kind has gone out already', () => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.history.send(device, { type: 'status' });
    const followed = bench.followed(KEPT, device);
    bench.history.send(device);
    const peer = bench.peer();
    bench.retained.send(peer.session, followed);
    expect(peer.news()).toBe('d0:2');
  });

  it('is not sent where it was replaced and has left the memory while others were sent', () => {
    const bench = new Bench();
    const [device, other] = [bench.device(1), bench.device()];
    bench.history.send(device, { type: 'status' });
    const peer = bench.peer();
    peer.sending = () => {
      bench.history.send(device, { type: 'status' });
      bench.history.repeat(other, 100, { pad: 20_000 });
    };
    bench.send(peer, KEPT, device);
    expect([peer.news(), bench.charged]).toEqual(['d0:1', [1]]);
  });

  it('is nothing once the device has given up its row', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const followed = bench.followed(KEPT | Kind.presence, device);
    bench.history.free(device);
    const next = bench.history.connect();
    bench.history.send(next);
    bench.state(next, DeviceState.online);
    expect(next).toBe(device);
    const peer = bench.peer();
    bench.retained.send(peer.session, followed);
    expect([peer.news(), bench.charged]).toEqual(['', []]);
  });

  it.each([
    ['online', DeviceState.online, StateReason.none, { state: 'online', reason: 'connected' }],
    ['stale', DeviceState.stale, StateReason.none, { state: 'stale', reason: 'silent' }],
    ['offline', DeviceState.offline, StateReason.none, { state: 'offline' }],
    ['lost', DeviceState.offline, StateReason.lost, { state: 'offline', reason: 'lost' }],
    ['heard again', DeviceState.online, StateReason.heard, { state: 'online', reason: 'heard' }],
  ])('is its state, as the hub would tell it: %s', (_what, state, reason, data) => {
    const bench = new Bench();
    const device = bench.device();
    bench.state(device, state, reason);
    const peer = bench.peer();
    bench.send(peer, Kind.presence, device);
    expect(peer.frames).toEqual([
      {
        op: 'event',
        device: 'd0',
        type: 'status',
        source: 'hub',
        seq: 0,
        at: 0,
        priority: 'high',
        replay: true,
        data,
      },
    ]);
    expect(bench.charged).toEqual([1]);
  });

  it('is no state of a device that nobody knows', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    bench.send(peer, KEPT | Kind.presence, device);
    expect([peer.news(), bench.charged]).toEqual(['d0:1', [1]]);
  });

  it('comes with its state last', () => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.state(device, DeviceState.online);
    const peer = bench.peer();
    bench.send(peer, KEPT | Kind.presence, device);
    expect(peer.frames.map(({ type }) => type)).toEqual(['message', 'status']);
    expect(bench.charged).toEqual([2]);
  });
});

describe('a peer that does not read', () => {
  it('gets the rest by itself once it has', () => {
    const bench = new Bench();
    const devices = [bench.device(1), bench.device(1)];
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, KEPT, devices[0]!);
    bench.send(peer, KEPT, devices[1]!);
    vi.advanceTimersToNextTimer(); // the turn in which it began is over
    expect([peer.news(), vi.getTimerCount()]).toEqual(['', 1]);
    vi.advanceTimersByTime(20);
    expect([peer.news(), vi.getTimerCount()]).toEqual(['', 1]);
    peer.queued = QUEUE_BYTES;
    vi.advanceTimersByTime(19);
    expect(peer.news()).toBe('');
    vi.advanceTimersByTime(1);
    expect([peer.news(), vi.getTimerCount()]).toEqual(['d0:1 d1:1', 0]);
    bench.retained.run(peer.session); // nothing is left
    expect(peer.news()).toBe('');
  });

  it('keeps the others from nothing', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const [stalled, other] = [bench.peer(), bench.peer()];
    stalled.queued = QUEUE_BYTES + 1;
    for (const peer of [stalled, other]) bench.send(peer, KEPT, device);
    expect([stalled.news(), other.news()]).toEqual(['', 'd0:1']);
  });

  it('is looked at after fifty devices, or fewer with much', () => {
    const bench = new Bench({ devices: 200, bytes: 4 * 1024 * 1024 });
    const small = Array.from({ length: 60 }, () => bench.device(1));
    const peer = bench.peer();
    peer.stalledFrom = 0;
    bench.send(peer, KEPT, ...small);
    expect([peer.frames.splice(0).length, bench.charged.splice(0)]).toEqual([50, [50]]);
    peer.queued = 0;
    bench.retained.run(peer.session);
    expect([peer.frames.splice(0).length, bench.charged.splice(0)]).toEqual([10, [10]]);
    const large = Array.from({ length: 3 }, () => bench.device(1, 20_000));
    const other = bench.peer();
    other.stalledFrom = 0;
    bench.send(other, KEPT, ...large);
    expect([other.frames.splice(0).length, bench.charged.splice(0)]).toEqual([2, [2]]);
    other.queued = 0;
    bench.retained.tick();
    expect(other.news()).toBe(`d${large[2]}:1`);
  });

  it('of many devices gets them in slices, between which the thread sees to its sockets', () => {
    const bench = new Bench({ devices: 300, bytes: 4 * 1024 * 1024 });
    const devices = Array.from({ length: 250 }, () => bench.device(1));
    const peer = bench.peer();
    peer.sending = () => bench.history.clock.advance(0.02);
    bench.send(peer, KEPT, ...devices);
    const first = peer.frames.length;
    vi.advanceTimersToNextTimer();
    const second = peer.frames.length;
    vi.advanceTimersToNextTimer();
    expect([first, second, peer.frames.length, vi.getTimerCount()]).toEqual([100, 200, 250, 0]);
  });

  it('has no more waiting than there are devices, however often it follows them', () => {
    const bench = new Bench();
    const devices = [bench.device(1), bench.device(1)];
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    for (let n = 0; n < 100; n++) {
      bench.send(peer, KEPT, ...devices);
      bench.retained.detach(peer.session, devices[1]!);
    }
    expect(bench.retained.waitingFor(peer.session)).toBe(1);
    bench.send(peer, KEPT, devices[1]!);
    peer.queued = 0;
    bench.retained.tick();
    expect([peer.news(), bench.retained.waitingFor(peer.session)]).toEqual(['d0:1 d1:1', 0]);
  });

  it('has one waiting for a device, in however many ways it follows that, and gets each kind once', () => {
    const bench = new Bench();
    const device = bench.device(1);
    bench.history.send(device, { type: 'status' });
    bench.state(device, DeviceState.online, StateReason.connected);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    for (let kinds = 1; kinds < 32; kinds++) bench.send(peer, kinds, device);
    expect(bench.retained.waitingFor(peer.session)).toBe(1);
    peer.queued = 0;
    bench.retained.tick();
    expect(peer.frames).toHaveLength(3);
  });

  it('gets nothing while what is to go out first is held, and then all that waits', () => {
    const bench = new Bench();
    const [before, held] = [bench.device(1), bench.device(1)];
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, KEPT, before);
    bench.retained.hold(peer.session, bench.followed(KEPT, held));
    peer.queued = 0;
    bench.retained.tick();
    bench.retained.run(peer.session);
    bench.send(peer, KEPT, before);
    expect([peer.news(), bench.retained.waitingFor(peer.session)]).toEqual(['', 2]);
    bench.retained.release(peer.session);
    expect([peer.news(), bench.retained.waitingFor(peer.session)]).toEqual(['d0:1 d1:1', 0]);
    bench.retained.release(peer.session);
    expect(peer.news()).toBe('');
  });

  it('gets each kind as of when it has come to follow the device for that', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, Kind.message, device);
    bench.history.send(device); // goes out live
    bench.history.send(device, { type: 'status' });
    bench.send(peer, Kind.status, device);
    peer.queued = 0;
    bench.retained.tick();
    expect(peer.news()).toBe('d0:3');
  });

  it('gets nothing while it owes for what it got', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const peer = bench.peer();
    peer.owesMs = 1;
    bench.send(peer, KEPT, device);
    expect(peer.news()).toBe('');
    peer.owesMs = 0;
    bench.retained.tick();
    expect(peer.news()).toBe('d0:1');
  });

  it('gets nothing once it is closing, or gone', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const [closing, gone] = [bench.peer(), bench.peer()];
    for (const peer of [closing, gone]) {
      peer.queued = QUEUE_BYTES + 1;
      bench.send(peer, KEPT, device);
      peer.queued = 0;
    }
    closing.session.closing = true;
    bench.retained.forget(gone.session);
    bench.retained.tick();
    expect([closing.news(), gone.news()]).toEqual(['', '']);
  });
});

it('a peer that goes while others are sent to gets nothing', () => {
  const bench = new Bench();
  const device = bench.device(1);
  const [first, second] = [bench.peer(), bench.peer()];
  for (const peer of [first, second]) {
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, KEPT, device);
    peer.queued = 0;
  }
  first.sending = () => bench.retained.forget(second.session);
  bench.retained.tick();
  expect([first.news(), second.news()]).toEqual(['d0:1', '']);
});

describe('a device that is not followed any more', () => {
  it('is not sent, but is where it was followed again', () => {
    const bench = new Bench();
    const [a, b] = [bench.device(1), bench.device(1)];
    const peer = bench.peer();
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, KEPT, a, b);
    bench.retained.detach(peer.session, a);
    peer.queued = 0;
    bench.retained.tick();
    expect(peer.news()).toBe('d1:1');
    peer.queued = QUEUE_BYTES + 1;
    bench.send(peer, KEPT, b);
    bench.retained.detach(peer.session, b);
    bench.send(peer, KEPT, b);
    peer.queued = 0;
    bench.retained.tick();
    expect(peer.news()).toBe('d1:1');
  });

  it('is nothing to those to whom nothing is sent', () => {
    const bench = new Bench();
    const device = bench.device(1);
    const [peer, other] = [bench.peer(), bench.peer()];
    bench.retained.detach(peer.session, device);
    other.queued = QUEUE_BYTES + 1;
    bench.send(other, KEPT, device);
    bench.retained.detach(peer.session, device);
    bench.send(peer, KEPT, device);
    expect(peer.news()).toBe('d0:1');
  });

  it('is offline, where it was terminated', () => {
    const bench = new Bench();
    const peer = bench.peer();
    bench.retained.sendTerminated(peer.session, 'dev');
    expect(peer.frames).toMatchObject([
      { device: 'dev', type: 'status', source: 'hub', data: { state: 'offline', reason: 'closed' } },
    ]);
  });
});
