import { describe, expect, it } from 'vitest';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { EventFlag } from '../../../src/records/event.ts';
import { EventType } from '../../../src/wire/events.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { followedElsewhere } from './followed-device.ts';
import { entryPart } from './hand-overs.ts';
import { times } from './options.ts';

const rowOf = (hub: ClusterOwner, id = 'dev-1') => hub.reader.device(hub.reader.findDevice(id));
const gap = (hub: ClusterOwner, from: number, to: number, ref = 1) =>
  hub.says(fromLink.remoteGap, { ref, from, to });
const stateOf = (state: string) => ({
  type: EventType.status,
  flags: EventFlag.payloadIsJson | EventFlag.fromHub,
  payload: JSON.stringify({ state, reason: 'closed' }),
});

describe('What a home says of a device', () => {
  it('is what the row says', () => {
    const { hub } = followedElsewhere({
      status: 'warm',
      state: DeviceState.stale,
      lastSeen: 1_764_000_000_000 - 250,
    });
    expect(rowOf(hub)).toMatchObject({
      state: 'stale',
      deviceStatus: 'warm',
      seq: 5,
      lastSeen: hub.clock.nowMs - 250,
    });
    expect(hub.epoch('dev-1')).toBe('abc');
  });

  it('keeps the status when the home tells none', () => {
    const { hub } = followedElsewhere({ status: 'warm' });
    hub.remote('dev-1', { seq: 6 });
    expect(rowOf(hub)).toMatchObject({ deviceStatus: 'warm', seq: 6 });
  });

  it('is told to those who get its events, once for each change', () => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1');
    expect(hub.got()).toEqual([]);
    hub.joined('dev-1', { state: DeviceState.offline });
    expect(hub.got()).toEqual(['entry ann : dev-1 offline #5 of abc active', 'attach ann dev-1 after 5']);
    hub.remote('dev-1', { state: DeviceState.offline, seq: 9 });
    expect(hub.got()).toEqual([
      'gap dev-1 6-9 cluster',
      'entry ann : dev-1 offline #9 of abc active',
      'attach ann dev-1 after 9',
    ]);
  });

  it('is told once the events have come that led there', () => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1', { state: DeviceState.offline });
    expect([hub.got(), rowOf(hub)]).toMatchObject([[], { state: 'online' }]);
    hub.remoteEvent(1, 6, stateOf('offline'));
    expect(rowOf(hub)).toMatchObject({ state: 'offline', seq: 6 });
    expect(hub.got()).toHaveLength(1);
    hub.says(fromLink.caughtUp, { ref: 1 });
    expect(hub.got()).toEqual([]);
  });

  it('is told once, though the home says again that all has come', () => {
    const { hub } = followedElsewhere();
    hub.joined('dev-1', { state: DeviceState.offline });
    hub.hush();
    hub.says(fromLink.caughtUp, { ref: 1 });
    expect(hub.got()).toEqual([]);
  });

  it('is told of a new numbering as it was where that starts, and again if no event led from there', () => {
    const { hub } = followedElsewhere();
    const told = { epoch: 'xyz', seq: 0, startState: DeviceState.offline };
    hub.remote('dev-1', told);
    expect(hub.got()).toEqual(['entry ann : dev-1 offline #0 of xyz active', 'attach ann dev-1 after 0']);
    gap(hub, 1, 3);
    hub.says(fromLink.caughtUp, { ref: 1 });
    expect(hub.got()).toEqual([
      'gap dev-1 1-3 cluster',
      'entry ann : dev-1 online #3 of xyz active',
      'attach ann dev-1 after 3',
    ]);
  });

  it('is forgotten when the device comes here before the events do', () => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1', { state: DeviceState.offline });
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 5 })]);
    hub.release('device', 'dev-1');
    hub.got();
    hub.says(fromLink.caughtUp, { ref: 1 });
    expect([hub.got(), rowOf(hub)]).toMatchObject([[], { state: 'online' }]);
  });

  it('is not told to one who has paused or is away', () => {
    const { hub, ann } = followedElsewhere();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.ask(ann, 'pause', ['dev-1']);
    hub.disconnect(bob);
    hub.got();
    hub.remote('dev-1', { seq: 9 });
    expect(hub.got()).toEqual([]);
  });

  it('is told once on each connection, by the edge that has it', () => {
    const hub = new ClusterOwner();
    hub.ask(hub.subscriber('ann', 1), 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.hush();
    hub.remote('dev-1', { seq: 6 });
    expect(hub.got(0)).toEqual([]);
    expect(hub.got(1)).toEqual([
      'gap dev-1 6-6 cluster',
      'entry ann : dev-1 online #6 of abc active',
      'attach ann dev-1 after 6',
    ]);
  });

  it('never leads back in a numbering: what was passed on stays passed on', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 6);
    hub.hush();
    hub.remote('dev-1', { seq: 5 });
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #6 of abc');
    expect(hub.kept('dev-1', 5)).toEqual(['#6']);
  });

  it('ahead of what history keeps of the numbering makes a hole that history names', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 6);
    hub.remote('dev-1', { seq: 8 });
    hub.remoteEvent(1, 9);
    expect(hub.kept('dev-1', 5)).toEqual(['gap 6-8', '#9']);
  });

  it('in another numbering leaves nothing of the old in history', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 6);
    hub.remote('dev-1', { epoch: 'xyz', seq: 3 });
    hub.remoteEvent(1, 4);
    expect(hub.kept('dev-1', 3)).toEqual(['#4']);
    expect(hub.kept('dev-1')).toEqual(['gap 1-3', '#4']);
  });

  it('in a numbering from before goes on where subscribers were: what they missed is a gap', () => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1', { epoch: 'xyz', seq: 2 });
    hub.hush();
    hub.remote('dev-1', { seq: 8 });
    expect(hub.got()).toEqual([
      'entry ann : dev-1 online #5 of abc active',
      'attach ann dev-1 after 5',
      'gap dev-1 6-8 cluster',
    ]);
    expect(hub.device('dev-1')).toBe('online #8 of abc');
  });

  it.each([
    ['just there', 5],
    ['behind', 3],
  ])('in a numbering from before that is %s tells no gap and repeats nothing', (_, seq) => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1', { epoch: 'xyz', seq: 2 });
    hub.hush();
    hub.remote('dev-1', { seq });
    expect(hub.got()).toEqual(['entry ann : dev-1 online #5 of abc active', 'attach ann dev-1 after 5']);
    hub.remoteEvent(1, 5);
    expect(hub.got()).toEqual([]);
  });

  it('in a numbering that no node would give counts as one of its own', () => {
    const { hub } = followedElsewhere();
    hub.remote('dev-1', { epoch: 'NOT', seq: 2 });
    expect(hub.device('dev-1')).toBe('online #2 of 0');
  });

  it('makes a device appear to filters once', () => {
    const hub = new ClusterOwner();
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-*']);
    hub.says(fromLink.listed, { prefix: 'dev-', ids: 'dev-1', done: true });
    hub.joined('dev-1');
    hub.settle();
    hub.hush();
    hub.remote('dev-1', { seq: 6 });
    hub.settle();
    expect(hub.got()).toEqual([
      'gap dev-1 6-6 cluster',
      'entry ann : dev-1 online #6 of abc active',
      'attach ann dev-1 after 6',
    ]);
  });

  it('keeps the row of a device that somebody waits for', () => {
    const hub = new ClusterOwner();
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-1']);
    hub.remote('dev-1');
    hub.pass(20);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
    hub.joined('dev-1');
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('counts for nothing when nobody here has named the device', () => {
    const hub = new ClusterOwner();
    hub.remote('dev-1');
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('counts for nothing when this node is the home', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-1']);
    const before = hub.device('dev-1');
    hub.hush();
    hub.remote('dev-1', { seq: 90 });
    hub.remoteEvent(1, 91);
    gap(hub, 92, 93);
    hub.says(fromLink.lost, { ref: 1 });
    hub.says(fromLink.gone, { ref: 1, terminated: true });
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe(before);
  });
});

describe('An event of a device with another home', () => {
  it('goes to the edges where somebody gets it, with its number', () => {
    const { hub } = followedElsewhere();
    hub.ask(hub.subscriber('bob', 1), 'subscribe', ['dev-2']);
    hub.joined('dev-2', { ref: 2 });
    hub.hush();
    hub.remoteEvent(1, 6, { payload: '"one"' });
    hub.remoteEvent(2, 6, { payload: '"two"' });
    expect(hub.got(0)).toEqual(['dev-1 #6 "one"']);
    expect(hub.got(1)).toEqual(['dev-2 #6 "two"']);
  });

  it('that was passed on already is dropped', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 5);
    hub.remoteEvent(1, 6);
    hub.hush();
    hub.remoteEvent(1, 6);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #6 of abc');
  });

  it('is kept, and is a sign of life', () => {
    const { hub } = followedElsewhere();
    hub.clock.advance(70.5);
    hub.remoteEvent(1, 6);
    expect(hub.kept('dev-1', 5)).toEqual(['#6']);
    expect(rowOf(hub)!.lastSeen).toBe(Math.floor(hub.clock.nowMs));
  });

  it('brings what the device says of itself', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 6, { type: EventType.status, status: 'cold' });
    expect(rowOf(hub)!.deviceStatus).toBe('cold');
    hub.remoteEvent(1, 7);
    expect(rowOf(hub)!.deviceStatus).toBe('cold');
  });

  it.each(['online', 'stale', 'offline'])(
    'of the home that says %s is what the row says, and no sign of life',
    (state) => {
      const { hub } = followedElsewhere({
        state: state === 'online' ? DeviceState.offline : DeviceState.online,
      });
      const { lastSeen } = rowOf(hub)!;
      hub.clock.advance(70);
      hub.remoteEvent(1, 6, stateOf(state));
      expect(rowOf(hub)).toMatchObject({ state, lastSeen });
    },
  );

  it('of the home is read by itself, whatever it said before', () => {
    const { hub } = followedElsewhere();
    for (const [at, state] of ['stale', 'offline', 'online'].entries()) {
      hub.remoteEvent(1, 6 + at, stateOf(state));
      expect(rowOf(hub)!.state).toBe(state);
    }
  });

  it.each(['free', 'gone'])('of the home that says %s leaves the state', (state) => {
    const { hub } = followedElsewhere({ state: DeviceState.stale });
    hub.remoteEvent(1, 6, stateOf(state));
    expect(rowOf(hub)!.state).toBe('stale');
  });

  it('of a device that speaks of states itself leaves the state', () => {
    const { hub } = followedElsewhere();
    hub.remoteEvent(1, 6, { ...stateOf('offline'), flags: EventFlag.payloadIsJson });
    expect(rowOf(hub)!.state).toBe('online');
  });

  it('by a name that means nothing any more is dropped', () => {
    const { hub } = followedElsewhere();
    hub.joined('dev-1', { ref: 2 });
    hub.remoteEvent(1, 6);
    hub.remoteEvent(7, 6);
    expect(hub.got()).toEqual([]);
    hub.remoteEvent(2, 6);
    expect(hub.got()).toEqual(['dev-1 #6 1']);
  });

  it('by a name of before the link started anew is dropped', () => {
    const { hub } = followedElsewhere();
    hub.says(fromLink.hello, {});
    hub.remoteEvent(1, 6);
    expect(hub.got()).toEqual([]);
  });

  it('of a device that left the table is dropped, and does not fall to the next in its row', () => {
    const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.pass(10);
    hub.ask(ann, 'subscribe', ['dev-2']);
    hub.joined('dev-2', { ref: 2 });
    hub.hush();
    hub.remoteEvent(1, 6);
    expect(hub.got()).toEqual([]);
    hub.remoteEvent(2, 6);
    expect(hub.got()).toEqual(['dev-2 #6 1']);
  });
});

describe('Events that nobody will get', () => {
  it('are told as a gap to the edges where somebody follows, and named by history', () => {
    const { hub } = followedElsewhere();
    gap(hub, 6, 7);
    expect(hub.got(0)).toEqual(['gap dev-1 6-7 cluster']);
    expect(hub.got(1)).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #7 of abc');
    hub.remoteEvent(1, 8);
    expect(hub.kept('dev-1', 5)).toEqual(['gap 6-7', '#8']);
  });

  it('are told to each edge on which somebody follows, whatever the other devices’ followers', () => {
    const { hub, ann } = followedElsewhere();
    hub.ask(hub.subscriber('bob', 1), 'subscribe', ['dev-1']);
    hub.ask(ann, 'subscribe', ['dev-2']); // the next in the table
    for (const edge of [0, 1]) hub.got(edge);
    gap(hub, 6, 7);
    expect([0, 1].map((edge) => hub.got(edge))).toEqual([
      ['gap dev-1 6-7 cluster'],
      ['gap dev-1 6-7 cluster'],
    ]);
  });

  it('are told once: what was passed on, or told before, is not told again', () => {
    const { hub } = followedElsewhere();
    gap(hub, 4, 5);
    expect(hub.got()).toEqual([]);
    gap(hub, 4, 7);
    expect(hub.got()).toEqual(['gap dev-1 6-7 cluster']);
    gap(hub, 6, 7);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #7 of abc');
  });

  it('of a device that nobody knows are dropped', () => {
    const { hub } = followedElsewhere();
    gap(hub, 6, 7, 9);
    expect(hub.got()).toEqual([]);
  });
});
