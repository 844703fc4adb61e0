/** Homes that are lost, or that have removed a device: see `remotes.ts`. */
import { describe, expect, it, vi } from 'vitest';
import { EdgeLink } from '../../../src/owner/edge-link.ts';
import { DeviceState, StateReason } from '../../../src/presence/lifecycle.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { followedElsewhere } from './followed-device.ts';
import { times } from './options.ts';

describe('A device whose home is lost', () => {
  const NODE_LOST = 'dev-1 #0 {"state":"offline","reason":"node lost"}';
  const lose = (hub: ClusterOwner, ref = 1) => hub.says(fromLink.lost, { ref });

  it('is offline after the leave grace, which nobody can number', () => {
    const { hub } = followedElsewhere();
    lose(hub);
    hub.pass(times.leaveGraceMs - 10);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
    hub.pass(10);
    expect(hub.got(0)).toEqual([NODE_LOST]);
    expect(hub.got(1)).toEqual([]);
    expect(hub.device('dev-1')).toBe('offline #5 of abc');
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
  });

  it('is told of by its entry where there is no room for the event: no gap names it', () => {
    const { hub } = followedElsewhere();
    lose(hub);
    hub.pass(times.leaveGraceMs - 10);
    const full = vi.spyOn(EdgeLink.prototype, 'event').mockReturnValue(false);
    hub.pass(10);
    full.mockRestore();
    expect(hub.got().filter((line) => !line.startsWith('attach'))).toEqual([
      'entry ann : dev-1 offline #5 of abc active',
    ]);
  });

  it('was offline before: nothing is told', () => {
    const { hub } = followedElsewhere({ state: DeviceState.offline });
    lose(hub);
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
  });

  it('is not offline when its home is found in time', () => {
    const { hub } = followedElsewhere();
    lose(hub);
    hub.pass(times.leaveGraceMs - 10);
    hub.joined('dev-1', { ref: 2 });
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });

  it('is offline in time though subscriptions come and go meanwhile', () => {
    const { hub } = followedElsewhere();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1']);
    lose(hub);
    hub.ask(bob, 'unsubscribe', ['dev-1']);
    hub.hush();
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([NODE_LOST]);
  });

  it('goes from the table after the leave grace when nobody follows it any more', () => {
    const { hub, ann } = followedElsewhere();
    lose(hub);
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.hush();
    hub.pass(times.leaveGraceMs - 10);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
    hub.pass(10);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('is known by its name to be lost: another name says nothing', () => {
    const { hub } = followedElsewhere();
    const nextMs = hub.owner.untilNextTimerMs();
    lose(hub, 9);
    expect(hub.owner.untilNextTimerMs()).toBe(nextMs);
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
  });

  it('and that an operator ends is told to have ended before it is wanted no more: its home may come back', () => {
    const { hub } = followedElsewhere();
    lose(hub);
    hub.hush();
    hub.terminate('dev-1');
    expect(hub.told()).toEqual(['removed dev-1 terminated', 'unwant dev-1']);
  });

  it('and that connects here meanwhile is not offline', () => {
    const { hub } = followedElsewhere();
    hub.connectDevice('dev-1');
    hub.hush();
    lose(hub);
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });
});

describe('A device that its home has removed', () => {
  const remove = (hub: ClusterOwner, terminated = false, ref = 1) =>
    hub.says(fromLink.gone, { ref, terminated });

  it('by an operator goes here too, and its subscribers are told', () => {
    const { hub } = followedElsewhere();
    remove(hub, true);
    expect(hub.got()).toEqual(['terminated ann : dev-1 online #5 of abc none', 'detach ann slot 2']);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('stays for a subscription by id, offline', () => {
    const { hub } = followedElsewhere();
    remove(hub);
    expect(hub.got()).toEqual([]);
    expect(hub.device('dev-1')).toBe('offline #5 of abc');
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('is offline for the reason that it was, where it was that already', () => {
    const { hub } = followedElsewhere();
    hub.says(fromLink.lost, { ref: 1 });
    hub.pass(times.leaveGraceMs);
    remove(hub);
    const { stateReason } = hub.reader.devices.rows;
    expect(stateReason[hub.reader.findDevice('dev-1')]).toBe(StateReason.nodeLost);
  });

  it('goes here when only filters follow it', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.says(fromLink.listed, { prefix: 'dev-', ids: 'dev-1', done: true });
    hub.joined('dev-1');
    hub.settle();
    expect(hub.row('dev-1', 'ann')).toBe('active');
    hub.hush();
    remove(hub);
    expect(hub.device('dev-1')).toBeUndefined();
    hub.settle();
    expect(hub.got()).toEqual(['detach ann slot 0', expect.stringContaining('gone ann')]);
  });

  it('stays while it connects here', () => {
    const { hub } = followedElsewhere();
    const device = hub.connectDevice('dev-1');
    remove(hub, true);
    expect(hub.device('dev-1')).toBe('offline #5 of abc');
    hub.adopt('device', 'dev-1');
    hub.hush();
    hub.release('device', 'dev-1');
    hub.send(device);
    expect(hub.device('dev-1')).toMatch(/^online #2/);
  });

  it('is known by its name: another name removes nothing', () => {
    const { hub } = followedElsewhere();
    remove(hub, true, 9);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });
});
