import { describe, expect, it } from 'vitest';
import { WAIT_MS } from '../../../src/cluster/limits.ts';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { EventField } from '../../../src/records/event.ts';
import { EventType } from '../../../src/wire/events.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { followedHere } from './followed-device.ts';
import { entryPart, handedOver } from './hand-overs.ts';
import { times } from './options.ts';

const MIB = 1024 * 1024;

/** A hub on which `ann` follows `dev-1`, which another node numbers: 5 of `abc`. */
function followed(told = {}, options = {}) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1', told);
  hub.hush();
  return { hub, ann };
}

describe('A device that connects', () => {
  it('is claimed, and what it sends waits until this node is its home', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    hub.hush();
    const device = hub.connectDevice('dev-1');
    hub.send(device, { payload: '"a"' }, '7');
    hub.send(device, { payload: '"b"' });
    expect(hub.told()).toEqual(['connected device dev-1']);
    expect(hub.got()).toEqual(['joined dev-1']);
    hub.adopt('device', 'dev-1');
    expect(hub.got()).toEqual([]);
    hub.release('device', 'dev-1');
    const payload = '{"state":"online","reason":"connected"}';
    expect(hub.got()).toEqual([`dev-1 #1 ${payload}`, 'dev-1 #2 "a"', 'ack dev-1 #2', 'dev-1 #3 "b"']);
    hub.send(device, { payload: '"c"' });
    expect(hub.got()).toEqual(['dev-1 #4 "c"']);
  });

  it('needs no claim where this node is its home already', () => {
    const { hub, device } = followedHere();
    hub.disconnect(device);
    expect(hub.told()).toEqual(['disconnected device dev-1']);
    const again = hub.connectDevice('dev-1');
    expect(hub.told()).toEqual(['connected device dev-1']);
    hub.hush();
    hub.send(again);
    expect(hub.got()).toEqual(['dev-1 #2 1']); // the first was that it is online
  });

  it('is offline no more while its claim is settled, though its home was lost', () => {
    const { hub } = followed();
    hub.says(fromLink.lost, { ref: 1 });
    hub.connectDevice('dev-1');
    hub.hush();
    hub.pass(times.leaveGraceMs + 10);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('keeps the row that nobody else holds while its claim is settled', () => {
    const { hub, ann } = followed();
    hub.connectDevice('dev-1');
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.pass(times.deviceRemoveAfterMs + 10);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('may send 1 MiB before the claim is settled; what is beyond is dropped and counted', () => {
    const { hub } = followed({}, { ringBytes: 4 * MIB });
    const device = hub.connectDevice('dev-1');
    const payload = 'x'.repeat(MIB / 4 - EventField.body);
    for (let n = 0; n < 4; n++) hub.send(device, { payload });
    expect(hub.count('droppedIngestFull')).toBe(0);
    hub.send(device, { payload: '' });
    expect(hub.count('droppedIngestFull')).toBe(1);
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.hush();
    hub.release('device', 'dev-1');
    expect(hub.got().map((line) => line.slice(0, 8))).toEqual([6, 7, 8, 9].map((seq) => `dev-1 #${seq}`));
  });

  it('is offline when it said goodbye before its claim was settled, after what it had sent', () => {
    const { hub } = followed();
    const device = hub.connectDevice('dev-1');
    hub.send(device);
    hub.disconnect(device, true);
    hub.adopt('device', 'dev-1', [entryPart()]);
    expect(hub.told()).toEqual(['connected device dev-1']);
    hub.hush();
    hub.release('device', 'dev-1');
    expect(hub.told()).toEqual(['disconnected device dev-1']);
    expect(hub.got()).toEqual(['dev-1 #6 1', 'dev-1 #7 {"state":"offline","reason":"closed"}']);
  });

  it('has the leave grace when its connection was lost before its claim was settled', () => {
    const { hub } = followed();
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.release('device', 'dev-1');
    hub.hush();
    hub.pass(times.leaveGraceMs - 10);
    expect(hub.got()).toEqual([]);
    hub.pass(10);
    expect(hub.got()).toEqual(['dev-1 #6 {"state":"offline","reason":"lost"}']);
  });

  it('is connected when it came back before its claim was settled', () => {
    const { hub } = followed();
    const first = hub.connectDevice('dev-1');
    hub.send(first, { payload: '"a"' });
    hub.disconnect(first);
    const again = hub.connectDevice('dev-1');
    hub.send(again, { payload: '"b"' });
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.hush();
    hub.release('device', 'dev-1');
    expect(hub.told()).toEqual([]);
    hub.send(again, { payload: '"c"' });
    expect(hub.got()).toEqual(['dev-1 #6 "a"', 'dev-1 #7 "b"', 'dev-1 #8 "c"']);
  });
});

describe('A hand-over', () => {
  it('goes on with the numbering and tells no state, for nothing has changed', () => {
    const { hub } = followed();
    const device = hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', [entryPart({ status: 'ok', lastSeen: hub.clock.wallMs - 300 })]);
    hub.release('device', 'dev-1');
    expect(hub.got()).toEqual([]);
    const row = hub.reader.device(hub.reader.findDevice('dev-1'))!;
    expect(row).toMatchObject({ deviceStatus: 'ok', lastSeen: hub.clock.nowMs - 300, state: 'online' });
    hub.send(device);
    expect(hub.got()).toEqual(['dev-1 #6 1']);
  });

  it('tells as a gap what was numbered since subscribers here heard of the device', () => {
    const { hub } = followed();
    hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', [entryPart({ seq: 8 })]);
    expect(hub.got()).toEqual(['gap dev-1 6-8 cluster']);
    expect(hub.device('dev-1')).toBe('online #8 of abc');
  });

  it('tells of another state that comes without a number', () => {
    const { hub } = followed({ state: DeviceState.stale });
    hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', [entryPart()]);
    expect(hub.got()).toEqual(['entry ann : dev-1 online #5 of abc active', 'attach ann dev-1 after 5']);
  });

  it('of another numbering is told with its entry', () => {
    const { hub } = followed();
    hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', [entryPart({ epoch: 'xyz', seq: 2 })]);
    expect(hub.got()).toEqual(['entry ann : dev-1 online #2 of xyz active', 'attach ann dev-1 after 2']);
  });

  it('of a numbering that subscribers here know from before goes on where they were', () => {
    const { hub } = followed();
    hub.joined('dev-1', { epoch: 'xyz', seq: 1 });
    hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', [entryPart({ seq: 9 })]);
    expect(hub.got()).toEqual([
      'entry ann : dev-1 online #5 of abc active',
      'attach ann dev-1 after 5',
      'gap dev-1 6-9 cluster',
    ]);
  });

  it.each([
    ['ahead of what subscribers here were told', 5, false],
    ['just where they are', 6, false],
    ['behind it: then a new one begins', 4, true],
  ])('may be %s', (_, seq, isNew) => {
    const { hub } = followed({ seq: isNew ? 5 : seq });
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq })]);
    expect(hub.epoch('dev-1') === 'abc').toBe(!isNew);
    expect(hub.device('dev-1')).toBe(`online #${isNew ? 0 : seq} of ${hub.epoch('dev-1')}`);
  });

  it('of a device that nobody here knew makes it known to filters', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.release('device', 'dev-1');
    const ann = hub.subscriber('ann');
    hub.got();
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.says(fromLink.listed, { prefix: 'dev-', ids: '', done: true });
    hub.settle();
    expect(hub.got()).toContain('page ann dev-* dev-1 online #5 of abc active');
  });

  it('brings the newest message and status, which are kept here with their numbers', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    const message = hub.eventPart(3, { payload: '"m"' });
    const status = hub.eventPart(2, { type: EventType.status, payload: '"s"', status: 'warm' });
    hub.adopt('device', 'dev-1', [entryPart({ seq: 6 }), message, status]);
    hub.release('device', 'dev-1');
    hub.told();
    hub.surrender('device', 'dev-1');
    expect(handedOver(hub)).toMatchObject({ entry: { epoch: 'abc', seq: 6 }, message: 3, status: 2 });
  });

  it.each([
    ['the status first', [3, 2, 6], ['gap 1-1', '#2', '#3', 'gap 4-6']],
    ['the message first', [2, 3, 3], ['gap 1-1', '#2', '#3']],
    ['a hole between them', [2, 5, 5], ['gap 1-1', '#2', 'gap 3-4', '#5']],
    ['the first of all', [1, 2, 2], ['#1', '#2']],
  ])(
    'has its newest message and status in history where they belong: %s',
    (_, [message, status, seq], kept) => {
      const hub = new ClusterOwner();
      hub.connectDevice('dev-1');
      const parts = [
        hub.eventPart(message!),
        hub.eventPart(status!, { type: EventType.status, status: 'warm' }),
      ];
      hub.adopt('device', 'dev-1', [entryPart({ seq: seq! }), ...parts]);
      expect(hub.kept('dev-1')).toEqual(kept);
    },
  );

  it('has them in history also when newer ones have come', () => {
    const hub = new ClusterOwner();
    const device = hub.connectDevice('dev-1');
    const warm = { type: EventType.status, status: 'warm' };
    hub.adopt('device', 'dev-1', [entryPart(), hub.eventPart(4), hub.eventPart(5, warm)]);
    hub.release('device', 'dev-1');
    hub.send(device);
    hub.send(device, warm);
    expect(hub.kept('dev-1')).toEqual(['gap 1-3', '#4', '#5', '#6', '#7']);
  });

  it('without events says in history that what was is not here', () => {
    const { hub } = followed();
    hub.remoteEvent(1, 6);
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 8 })]);
    expect(hub.kept('dev-1', 4)).toEqual(['gap 5-8']);
  });

  it('counts what it brings as received when it was, by the clock of this node', () => {
    const hub = new ClusterOwner();
    hub.pass(5_000_000);
    hub.connectDevice('dev-1');
    const at = hub.clock.wallMs - 1000;
    hub.adopt('device', 'dev-1', [entryPart(), hub.eventPart(5, { at }), hub.eventPart(0, { at })]);
    hub.release('device', 'dev-1');
    expect(hub.kept('dev-1', 4)).toEqual(['#5', '#6']);
  });

  it('leaves the status that is known when it brings none', () => {
    const { hub } = followed({ status: 'warm' });
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart()]);
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))!.deviceStatus).toBe('warm');
  });

  it('that is behind what this node itself has numbered begins a new numbering', () => {
    const { hub, device } = followedHere();
    hub.send(device);
    const epoch = hub.epoch('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ epoch, seq: 1 })]);
    expect(hub.epoch('dev-1')).not.toBe(epoch);
  });

  it('comes before what the device has sent here, with what another node had from its connection first', () => {
    const { hub } = followed();
    const device = hub.connectDevice('dev-1');
    hub.send(device, { payload: '"here"' }, '1');
    hub.hush();
    const there = hub.eventPart(0, { payload: '"there"' });
    hub.adopt('device', 'dev-1', [entryPart(), there, hub.eventPart(0, { payload: '"too"' })]);
    hub.release('device', 'dev-1');
    expect(hub.got()).toEqual(['dev-1 #6 "there"', 'dev-1 #7 "too"', 'dev-1 #8 "here"', 'ack dev-1 #8']);
    expect(hub.count('droppedReplaced')).toBe(0);
  });

  it('drops and counts what another node had from the connection when the device is not connected here any more', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.adopt('device', 'dev-1', [hub.eventPart(0), hub.eventPart(0)]);
    expect(hub.count('droppedReplaced')).toBe(2);
  });

  it('that comes late changes nothing: what was numbered here stands', () => {
    const { hub, device } = followedHere();
    const before = hub.device('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 90 }), hub.eventPart(0)], true);
    expect(hub.device('dev-1')).toBe(before);
    expect(hub.count('droppedReplaced')).toBe(1);
    hub.send(device);
    expect(hub.got()).toEqual(['dev-1 #2 1']);
  });
});

describe('Without a hand-over', () => {
  it.each([
    ['no node had anything', undefined],
    ['no node had an entry', []],
  ])('a device that was followed begins a new numbering: %s', (_, parts) => {
    const { hub } = followed();
    const device = hub.connectDevice('dev-1');
    hub.hush();
    hub.adopt('device', 'dev-1', parts);
    const epoch = hub.epoch('dev-1');
    expect(epoch).not.toBe('abc');
    expect(hub.got()).toEqual([`entry ann : dev-1 online #0 of ${epoch} active`, 'attach ann dev-1 after 0']);
    hub.release('device', 'dev-1');
    hub.send(device);
    expect(hub.got()).toEqual(['dev-1 #1 1']);
  });

  it('a device of this node goes on in its own numbering', () => {
    const { hub, device } = followedHere();
    hub.send(device);
    const before = hub.device('dev-1');
    hub.adopt('device', 'dev-1');
    expect(hub.device('dev-1')).toBe(before);
  });

  it('a device that is not connected and was followed begins a new numbering too', () => {
    const { hub } = followed();
    hub.adopt('device', 'dev-1', []);
    expect(hub.device('dev-1')).toBe(`online #0 of ${hub.epoch('dev-1')}`);
    expect(hub.epoch('dev-1')).not.toBe('abc');
  });

  it('an id that is not here needs no row, and the link may forget it', () => {
    const hub = new ClusterOwner();
    hub.adopt('device', 'dev-1');
    expect(hub.device('dev-1')).toBeUndefined();
    expect(hub.told()).toEqual(['forget device dev-1']);
  });

  it('an id that is handed over has a row, where there is room for one', () => {
    const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
    hub.adopt('device', 'dev-1', [entryPart()]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
    hub.adopt('device', 'dev-2', [entryPart()]);
    expect(hub.told()).toEqual(['forget device dev-2']);
  });
});

describe('Another owner', () => {
  it('goes on with the numbering of a device that is at home here', () => {
    const { hub, device, ann } = followedHere();
    hub.anotherOwnerAlone(device, ann);
    hub.send(device);
    expect(hub.got()).toEqual(['dev-1 #2 1']); // the first was that it is online
  });

  it('claims no device that another node numbers: its numbering stays', () => {
    const { hub, ann } = followed();
    hub.anotherOwnerAlone(ann);
    hub.pass(WAIT_MS);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('goes on with a claim: what the device sends waits, as long as for a link', () => {
    const { hub, ann } = followed();
    const device = hub.connectDevice('dev-1');
    hub.anotherOwnerAlone(device, ann);
    hub.send(device);
    hub.pass(WAIT_MS - 10);
    expect(hub.got()).toEqual([]);
    hub.pass(10);
    expect(hub.got().at(-1)).toBe('dev-1 #1 1');
    hub.pass(times.leaveGraceMs + 10);
    expect(hub.device('dev-1')).toMatch(/^online/);
  });

  it('takes a claimed device that is still connected for nothing else once a link has started', () => {
    const { hub } = followed();
    hub.anotherOwner(hub.connectDevice('dev-1'));
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.told()).not.toContain('disconnected device dev-1');
  });

  it('goes on with the numbering of a device that was claimed and that nobody knew before', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    const device = hub.connectDevice('dev-1');
    const epoch = hub.epoch('dev-1');
    hub.anotherOwnerAlone(device, ann);
    hub.pass(WAIT_MS);
    expect(hub.epoch('dev-1')).toBe(epoch);
  });

  it('gives a claimed connection that is over the leave grace once it is let in', () => {
    const hub = new ClusterOwner();
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.anotherOwnerAlone();
    hub.pass(WAIT_MS);
    hub.pass(times.leaveGraceMs - 10);
    expect(hub.device('dev-1')).toMatch(/^online/);
    hub.pass(20);
    expect(hub.device('dev-1')).toMatch(/^offline/);
  });

  it('claims nothing for a row that is free, though the device in it was claimed', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    hub.terminate('dev-1');
    hub.anotherOwnerAlone();
    hub.pass(WAIT_MS - 10);
    hub.connectDevice('dev-2'); // in that row
    hub.hush();
    hub.pass(10);
    expect(hub.got(), 'it waits for its own claim').toEqual([]);
    expect(hub.device('dev-2')).not.toMatch(/^online/);
    hub.pass(WAIT_MS);
    expect(hub.device('dev-2')).toMatch(/^online/);
  });
});

it('A claim that waits while the link starts anew goes on, with what the device has sent', () => {
  const { hub } = followed();
  const device = hub.connectDevice('dev-1');
  hub.send(device);
  hub.says(fromLink.hello, {});
  hub.adopt('device', 'dev-1', [entryPart()]);
  hub.hush();
  hub.release('device', 'dev-1');
  expect(hub.got()).toEqual(['dev-1 #6 1']);
});
