import { describe, expect, it } from 'vitest';
import { Level, Unfollow } from '../../../src/cluster/records.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { EventType } from '../../../src/wire/events.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { entryPart } from './hand-overs.ts';
import { type ClusterOptions, times } from './options.ts';

/** `dev-1` is connected here; node b has joined by the session 1. */
function joined(options: ClusterOptions = {}) {
  const hub = new ClusterOwner(options);
  const device = hub.home('dev-1');
  hub.says(fromLink.peerJoined, { peer: 1, node: 'b' });
  hub.hush();
  return { hub, device };
}

const events = (hub: ClusterOwner) => hub.told().filter((line) => line.startsWith('event'));
const seqOf = (hub: ClusterOwner) => Number(/#(\d+)/.exec(hub.device('dev-1')!)![1]);

describe('A node that follows a device of this one', () => {
  it('is told where the device stands, and where its stream starts', () => {
    const { hub, device } = joined();
    hub.send(device, { type: EventType.status, status: 'warm' });
    hub.clock.advance(250);
    hub.follow(1, 'dev-1', { request: 7 });
    const slot = hub.reader.findDevice('dev-1');
    expect(hub.records()).toEqual([
      {
        is: 'followed',
        peer: 1,
        request: 7,
        id: 'dev-1',
        slot,
        generation: hub.reader.devices.rows.generation[slot],
        level: Level.active,
        start: 2,
        seq: 2,
        epoch: hub.epoch('dev-1'),
        state: DeviceState.online,
        startState: DeviceState.online,
        status: 'warm',
        lastSeen: hub.clock.wallMs - 250,
      },
    ]);
  });

  it('gets the events from there on, numbered once for all who listen', () => {
    const { hub, device } = joined();
    hub.follow(1, 'dev-1');
    hub.hush();
    hub.send(device);
    hub.send(device);
    expect(events(hub)).toEqual(['event 2', 'event 3']);
  });

  it('goes on after what it has', () => {
    const { hub, device } = joined();
    hub.send(device);
    hub.send(device);
    const epoch = hub.epoch('dev-1');
    hub.follow(1, 'dev-1', { epoch, seq: 1 });
    hub.follow(1, 'dev-1', { request: 2, epoch, seq: 3 });
    expect(hub.told()).toEqual([
      `followed dev-1 by 1 request 1 active 1-3 of ${epoch} online`,
      `followed dev-1 by 1 request 2 active 3-3 of ${epoch} online`,
    ]);
  });

  it.each([
    ['has another numbering', 'xyz', 1],
    ['is ahead of the device: then its numbers are not of this numbering', undefined, 4],
  ])('starts at the end when it %s', (_, given, seq) => {
    const { hub, device } = joined();
    hub.send(device);
    hub.send(device);
    const epoch = hub.epoch('dev-1');
    hub.follow(1, 'dev-1', { epoch: given ?? epoch, seq });
    expect(hub.told()).toEqual([`followed dev-1 by 1 request 1 active 3-3 of ${epoch} online`]);
  });

  it('gets all that came since the claim that made this node the home, when it asks for that', () => {
    const hub = new ClusterOwner();
    const device = hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 40 })]);
    hub.release('device', 'dev-1');
    hub.send(device);
    hub.send(device);
    hub.says(fromLink.peerJoined, { peer: 1, node: 'b' });
    hub.told();
    hub.follow(1, 'dev-1', { fromClaim: true });
    hub.follow(1, 'dev-1', { request: 2, fromClaim: true, epoch: 'abc', seq: 41 });
    expect(hub.told()).toEqual([
      'followed dev-1 by 1 request 1 active 40-42 of abc online',
      'followed dev-1 by 1 request 2 active 41-42 of abc online',
    ]);
  });

  it('is told how the device was where its stream starts, and how it is now', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 40, state: DeviceState.offline })]);
    hub.release('device', 'dev-1');
    hub.says(fromLink.peerJoined, { peer: 1, node: 'b' });
    hub.told();
    hub.follow(1, 'dev-1', { fromClaim: true });
    hub.follow(1, 'dev-1', { request: 2 });
    const { online, offline } = DeviceState;
    expect(hub.records()).toMatchObject([
      { is: 'followed', start: 40, seq: 41, startState: offline, state: online },
      { is: 'followed', start: 41, seq: 41, startState: online, state: online },
    ]);
  });

  it('gets all that there was since a device had its home here from the first', () => {
    const { hub, device } = joined();
    hub.send(device);
    hub.follow(1, 'dev-1', { fromClaim: true });
    expect(hub.told()).toEqual([`followed dev-1 by 1 request 1 active 0-2 of ${hub.epoch('dev-1')} online`]);
  });

  it.each([
    ['nobody has named', () => {}],
    ['has another home', (hub: ClusterOwner) => hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-2'])],
    ['is just connecting', (hub: ClusterOwner) => hub.connectDevice('dev-2')],
  ])('is told that a device is not here that %s', (_, happens) => {
    const { hub } = joined();
    happens(hub);
    hub.hush();
    hub.follow(1, 'dev-2', { request: 3 });
    expect(hub.told()).toEqual([`unfollowed dev-2 by 1 request 3 why ${Unfollow.notHere}`]);
  });

  it('that never joined, or has gone, is not answered', () => {
    const { hub, device } = joined();
    hub.follow(9, 'dev-1');
    hub.says(fromLink.unfollow, { peer: 9, id: 'dev-1' });
    hub.says(fromLink.peerLeft, { peer: 9 });
    hub.send(device);
    expect(hub.told()).toEqual([]);
  });
});

describe('What a node wants of a device counts as one subscriber', () => {
  it('that is active: events go to the link as long as it is', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1');
    hub.hush();
    hub.send(device);
    hub.follow(1, 'dev-1', { level: Level.idle });
    hub.hush();
    const before = seqOf(hub);
    hub.send(device);
    expect(events(hub)).toEqual([]);
    expect(seqOf(hub)).toBe(before);
  });

  it('that may be back: events take numbers, and go nowhere', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1', { level: Level.waiting });
    hub.hush();
    const before = seqOf(hub);
    hub.send(device);
    expect(events(hub)).toEqual([]);
    expect(seqOf(hub)).toBe(before + 1);
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-1' });
    hub.send(device);
    expect(seqOf(hub)).toBe(before + 1);
  });

  it('however often it says so, and is gone when it says so once', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1');
    hub.follow(1, 'dev-1', { request: 2 });
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-1' });
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-1' });
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-9' });
    hub.hush();
    hub.send(device);
    expect(events(hub)).toEqual([]);
    const slot = hub.reader.findDevice('dev-1');
    const { active, peers, waiting, holders } = hub.reader.devices.rows;
    expect([active[slot], peers[slot], waiting[slot], holders[slot]]).toEqual([0, 0, 0, 0]);
  });

  it('of which the device hears that it is there', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1', 0, true);
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    hub.says(fromLink.peerJoined, { peer: 1, node: 'b' });
    hub.hush();
    hub.follow(1, 'dev-1');
    expect(hub.got()).toEqual(['interest dev-1']);
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-1' });
    expect(hub.got()).toEqual(['interest dev-1']);
  });

  it('that holds the device in the table, if it has a subscription by id', () => {
    const { hub, device } = joined();
    hub.follow(1, 'dev-1', { level: Level.idle });
    hub.disconnect(device, true);
    hub.pass(times.deviceRemoveAfterMs);
    expect(hub.device('dev-1')).toBeDefined();
    hub.follow(1, 'dev-1', { level: Level.idle, holds: false });
    hub.pass(times.deviceRemoveAfterMs - 10);
    expect(hub.device('dev-1')).toBeDefined();
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('beside that of another node', () => {
    const { hub, device } = joined();
    hub.says(fromLink.peerJoined, { peer: 2, node: 'c' });
    hub.follow(1, 'dev-1');
    hub.follow(2, 'dev-1');
    hub.says(fromLink.unfollow, { peer: 1, id: 'dev-1' });
    hub.hush();
    hub.send(device);
    expect(events(hub)).toEqual(['event 2']);
  });
});

describe('A node that has left', () => {
  it('gets nothing, but for as long as a subscriber may be back events take numbers for it', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1');
    hub.says(fromLink.peerLeft, { peer: 1 });
    hub.hush();
    const before = seqOf(hub);
    hub.send(device);
    expect(events(hub)).toEqual([]);
    expect(seqOf(hub)).toBe(before + 1);
    hub.pass(times.subscriberRemoveAfterMs - 1);
    hub.send(device);
    expect(seqOf(hub)).toBe(before + 3); // that it is silent took one, too
    hub.pass(1);
    hub.send(device);
    expect(seqOf(hub)).toBe(before + 3);
    expect(hub.reader.devices.rows.holders[hub.reader.findDevice('dev-1')]).toBe(0);
  });

  it('and only paused: events take no number for it', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1', { level: Level.idle });
    hub.says(fromLink.peerLeft, { peer: 1 });
    const before = seqOf(hub);
    hub.send(device);
    expect(seqOf(hub)).toBe(before);
  });

  it('is back under another number, and what it had before counts once it says what it wants', () => {
    const { hub, device } = joined({ historyBytes: 0 });
    hub.follow(1, 'dev-1');
    hub.says(fromLink.peerLeft, { peer: 1 });
    hub.says(fromLink.peerJoined, { peer: 2, node: 'b' });
    hub.says(fromLink.peerJoined, { peer: 3, node: 'c' });
    hub.follow(3, 'dev-1', { level: Level.idle });
    const before = seqOf(hub);
    hub.send(device);
    expect(seqOf(hub)).toBe(before + 1);
    hub.follow(2, 'dev-1', { level: Level.idle });
    hub.send(device);
    expect(seqOf(hub)).toBe(before + 1);
  });

  it('does not take along what others follow', () => {
    const { hub, device } = joined();
    hub.says(fromLink.peerJoined, { peer: 2, node: 'c' });
    hub.follow(1, 'dev-1');
    hub.follow(2, 'dev-1');
    hub.says(fromLink.peerLeft, { peer: 1 });
    hub.pass(times.subscriberRemoveAfterMs);
    hub.hush();
    hub.send(device);
    expect(events(hub)).toHaveLength(1);
  });
});

it('When the link starts anew no node follows anything, until it says so again', () => {
  const { hub, device } = joined({ historyBytes: 0 });
  hub.follow(1, 'dev-1');
  hub.says(fromLink.peerJoined, { peer: 2, node: 'c' });
  hub.follow(2, 'dev-1', { level: Level.waiting });
  hub.says(fromLink.peerLeft, { peer: 2 });
  hub.says(fromLink.hello, {});
  hub.hush();
  const before = seqOf(hub);
  hub.send(device);
  expect(events(hub)).toEqual([]);
  expect(seqOf(hub)).toBe(before);
  hub.pass(times.subscriberRemoveAfterMs);
  hub.follow(1, 'dev-1', { request: 3 });
  expect(hub.told()).toEqual([]); // it has to join first
});

it('A device that moves to another home is followed here by nobody', () => {
  const { hub } = joined();
  hub.setRow('dev-1', 'ann', 'deny');
  hub.follow(1, 'dev-1');
  hub.surrender('device', 'dev-1');
  const slot = hub.reader.findDevice('dev-1');
  const { active, peers } = hub.reader.devices.rows;
  expect([active[slot], peers[slot]]).toEqual([0, 0]);
});
