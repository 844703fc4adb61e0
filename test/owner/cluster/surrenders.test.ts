/** A device's way from here: to another home, out of the table, or left without a connection. See `claims.ts`. */
import { describe, expect, it } from 'vitest';
import { DeviceState } from '../../../src/presence/lifecycle.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { EventType } from '../../../src/wire/events.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { followedHere } from './followed-device.ts';
import { entryPart, handedOver } from './hand-overs.ts';
import { times } from './options.ts';

describe('A device that another node takes over', () => {
  it('is wanted there before it is handed over, from the last event on that subscribers here got', () => {
    const { hub, device } = followedHere();
    hub.send(device);
    hub.hush();
    const epoch = hub.epoch('dev-1');
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toEqual([
      `want dev-1 active held after ${epoch} 2`,
      'surrenderPart device dev-1',
      'surrenderPart device dev-1', // its newest message
      'surrendered device dev-1 2',
    ]);
    expect(hub.got()).toEqual(['closed dev-1 4004']);
    hub.pass(times.deviceRemoveAfterMs);
    expect(hub.device('dev-1')).toBe(`online #2 of ${epoch}`);
  });

  it('is closed with 4200 where a conflict was lost', () => {
    const { hub } = followedHere();
    hub.surrender('device', 'dev-1', true);
    expect(hub.got()).toEqual(['closed dev-1 4200']);
  });

  it('is handed over as it stands, with its newest message and status', () => {
    const { hub, device } = followedHere();
    hub.send(device, { type: EventType.status, status: 'warm', payload: '"s"' });
    hub.send(device, { payload: '"old"' });
    hub.send(device, { payload: '"new"' });
    hub.clock.advance(400);
    hub.hush();
    const epoch = hub.epoch('dev-1');
    hub.surrender('device', 'dev-1');
    expect(handedOver(hub)).toEqual({
      entry: {
        epoch,
        seq: 4,
        state: DeviceState.online,
        status: 'warm',
        lastSeen: hub.clock.wallMs - 400,
      },
      message: 4,
      status: 2,
      unnumbered: [],
    });
  });

  it('is gone from the table when nobody here follows it', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toEqual(['surrenderPart device dev-1', 'surrendered device dev-1 1']);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('keeps its row for what operators have set', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.setRow('dev-1', 'ann', 'deny');
    hub.surrender('device', 'dev-1');
    expect(hub.device('dev-1')).toBeDefined();
    expect(hub.row('dev-1', 'ann')).toBe('deny');
  });

  it('takes with it, without numbers, what its connection sent before its claim was lost', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    const device = hub.connectDevice('dev-1');
    hub.send(device, { payload: '"a"' }, '1');
    hub.send(device, { payload: '"b"' });
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.got()).toEqual(['closed dev-1 4004']);
    const records = hub.records();
    expect(records.map(({ is, seq }) => [is, seq])).toEqual([
      ['surrenderPart', undefined],
      ['surrenderPart', undefined],
      ['surrendered', 0],
    ]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('hands those events over in their order', () => {
    const hub = new ClusterOwner();
    const device = hub.connectDevice('dev-1');
    hub.send(device, { payload: '"a"' });
    hub.send(device, { payload: '"b"' });
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(handedOver(hub)).toEqual({
      entry: undefined,
      message: undefined,
      status: undefined,
      unnumbered: ['"a"', '"b"'],
    });
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('is claimed anew when it connects here again', () => {
    const { hub } = followedHere();
    hub.surrender('device', 'dev-1');
    hub.hush();
    const device = hub.connectDevice('dev-1');
    hub.send(device);
    expect(hub.told()).toEqual(['connected device dev-1']);
    expect(hub.got()).toEqual(['joined dev-1']);
    hub.surrender('device', 'dev-1');
    expect(handedOver(hub).unnumbered).toEqual(['1']);
  });

  it('follows its new home: what that says is told here', () => {
    const { hub } = followedHere();
    const epoch = hub.epoch('dev-1');
    hub.surrender('device', 'dev-1');
    hub.joined('dev-1', { ref: 3, epoch, seq: 1 });
    hub.hush();
    hub.remoteEvent(3, 2);
    expect(hub.got()).toEqual(['dev-1 #2 1']);
  });

  it('is followed by no other node any more', () => {
    const { hub } = followedHere();
    hub.says(fromLink.peerJoined, { peer: 4, node: 'b' });
    hub.follow(4, 'dev-1');
    hub.disconnect(hub.subscriber('bob'));
    hub.surrender('device', 'dev-1');
    hub.hush();
    hub.joined('dev-1', { ref: 3, epoch: hub.epoch('dev-1'), seq: 1 });
    hub.remoteEvent(3, 2);
    expect(hub.told()).toEqual([]);
  });

  it('is looked for there on behalf of one who waits for it here', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toEqual(['want dev-1 active', 'surrendered device dev-1 0']);
    hub.joined('dev-1');
    expect(hub.got()).toContain('answer ann 1 : dev-1 online #5 of abc active');
  });

  it('and that had its home elsewhere already has nothing to hand over', () => {
    const hub = new ClusterOwner();
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toEqual(['surrendered device dev-1 0']);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('that nobody here knows is surrendered all the same', () => {
    const hub = new ClusterOwner();
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toEqual(['surrendered device dev-1 0']);
    expect(hub.device('dev-1')).toBeUndefined();
  });
});

describe('A device that a draining node has left here', () => {
  it('is offline without the will of a connection that it had here before', () => {
    const { hub, device } = followedHere();
    hub.will(device, '"gone"');
    hub.surrender('device', 'dev-1');
    hub.joined('dev-1');
    hub.adopt('device', 'dev-1', [entryPart({ seq: 9 })]);
    hub.release('device', 'dev-1');
    hub.hush();
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([expect.stringMatching(/^dev-1 #10 .*offline/)]);
  });

  const left = (state: number) => {
    const hub = new ClusterOwner();
    hub.adopt('device', 'dev-1', [entryPart({ state })]);
    hub.release('device', 'dev-1');
    return hub;
  };

  it('may connect again within the leave grace, then it is offline, then it is removed', () => {
    const hub = left(DeviceState.online);
    hub.pass(times.leaveGraceMs - 10);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
    hub.pass(10);
    expect(hub.device('dev-1')).toBe('offline #6 of abc');
    hub.pass(times.deviceRemoveAfterMs - 10);
    expect(hub.device('dev-1')).toBe('offline #6 of abc');
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('is removed in time when it was offline', () => {
    const hub = left(DeviceState.offline);
    hub.pass(times.leaveGraceMs);
    expect(hub.device('dev-1')).toBe('offline #5 of abc');
    hub.pass(times.deviceRemoveAfterMs - times.leaveGraceMs - 10);
    expect(hub.device('dev-1')).toBe('offline #5 of abc');
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('goes on when it is connected: then no timer of its absence runs', () => {
    const { hub } = followedHere();
    hub.release('device', 'dev-1');
    hub.pass(times.leaveGraceMs);
    expect(hub.device('dev-1')).toMatch(/^online #1/);
  });

  it('may be one that has left the table meanwhile', () => {
    const hub = new ClusterOwner();
    hub.release('device', 'dev-1');
    expect(hub.told()).toEqual([]);
  });
});

describe('A device that an operator publishes for', () => {
  it('has its home here when it is nowhere else', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    hub.hush();
    const epoch = hub.epoch('dev-1');
    expect(hub.publish('dev-1')).toMatchObject({ ok: true, seq: 1 });
    expect(hub.told()).toEqual(['hold device dev-1']);
    expect(hub.got()).toEqual(['dev-1 #1 1']);
    expect(hub.epoch('dev-1')).toBe(epoch);
    expect(hub.publish('dev-1')).toMatchObject({ ok: true, seq: 2 });
    expect(hub.told()).toEqual([]);
  });

  it('begins a new numbering where its last home may come back with the one it had', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.says(fromLink.lost, { ref: 1 });
    hub.hush();
    expect(hub.publish('dev-1')).toMatchObject({ ok: true, seq: 1 });
    const epoch = hub.epoch('dev-1');
    expect(epoch).not.toBe('abc');
    expect(hub.got()).toEqual([
      `entry ann : dev-1 online #0 of ${epoch} active`,
      'attach ann dev-1 after 0',
      'dev-1 #1 1',
    ]);
    expect(hub.told()).toEqual(['hold device dev-1']);
    hub.remoteEvent(1, 6); // of its last home, late
    expect(hub.got()).toEqual([]);
  });

  it('is refused while it connects, and loses nothing', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    expect(hub.publish('dev-1')).toMatchObject({ ok: false, why: 'unavailable' });
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.publish('dev-1')).toMatchObject({ ok: true });
  });
});

describe('A device that leaves the table', () => {
  it('was removed by an operator: other nodes hear why, and its id is free', () => {
    const { hub } = followedHere();
    hub.terminate('dev-1');
    expect(hub.told()).toEqual(['removed dev-1 terminated', 'forget device dev-1']);
  });

  it('was removed in time: other nodes hear that, and nothing of an operator', () => {
    const hub = new ClusterOwner();
    hub.disconnect(hub.home('dev-1'), true);
    hub.hush();
    hub.pass(times.deviceRemoveAfterMs);
    expect(hub.told()).toEqual(['removed dev-1', 'forget device dev-1']);
  });

  it('was terminated while its claim was open: its row belongs to whoever comes next', () => {
    const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
    hub.send(hub.connectDevice('dev-1'));
    hub.terminate('dev-1');
    expect(hub.told()).toEqual(['connected device dev-1', 'removed dev-1 terminated', 'forget device dev-1']);
    hub.connectDevice('dev-2');
    hub.surrender('device', 'dev-2');
    expect(handedOver(hub).unnumbered).toEqual([]);
  });

  it('that was terminated does not make the next of its row one', () => {
    const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
    hub.home('dev-1');
    hub.terminate('dev-1');
    hub.disconnect(hub.home('dev-2'), true);
    hub.hush();
    hub.pass(times.deviceRemoveAfterMs);
    expect(hub.told()).toEqual(['removed dev-2', 'forget device dev-2']);
  });
});
