/**
 * A cluster link that started anew left things behind. A device whose connection had ended before its claim was settled was
 * claimed for good: nothing that it sent later was numbered. A device that was looked up for a filter just then was
 * followed for good, with no subscription. Without a link, which NATS being away makes long, no new device and no new
 * subscriber was let in, nor a device that an owner before had not let in. What moved to another node just then went from
 * here and arrived nowhere; of a subscriber that came back meanwhile, a connection that was over was let in.
 */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner, LINK } from '../owner/cluster/cluster-owner.ts';
import { times } from '../owner/cluster/options.ts';
import { keptParts } from '../support/kept-subscribers.ts';

/** `ann` follows the device, which another node has. */
function followed(): { hub: ClusterOwner; ann: number } {
  const hub = new ClusterOwner();
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1');
  hub.hush();
  return { hub, ann };
}

/** The link's thread is gone. */
function cut(hub: ClusterOwner): void {
  hub.owner.edgeGone(LINK);
  hub.hush();
}

const startAnew = (hub: ClusterOwner): void => hub.says(fromLink.hello, {});

describe('A device whose connection has ended before its claim was settled', () => {
  it.each([
    ['that is new', () => new ClusterOwner()],
    ['that was followed at another node', () => followed().hub],
  ])('%s is claimed by the next link all the same', (_, start) => {
    const hub = start();
    hub.disconnect(hub.connectDevice('dev-1'));
    cut(hub);
    startAnew(hub);
    expect(hub.told()).toContain('connected device dev-1');
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.told()).toContain('disconnected device dev-1');
    hub.pass(times.leaveGraceMs + 10);
    expect(hub.device('dev-1')).toMatch(/^offline/);
  });

  it('is claimed by the link of another owner', () => {
    const { hub } = followed();
    hub.connectDevice('dev-1');
    hub.anotherOwner();
    expect(hub.told()).toContain('connected device dev-1');
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.told()).toContain('disconnected device dev-1');
    hub.pass(times.leaveGraceMs + 10);
    expect(hub.device('dev-1')).toMatch(/^offline/);
  });
});

describe('A device that is looked up for a filter', () => {
  it('is not wanted any more when the link starts anew and nobody follows it', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['q-*']);
    hub.says(fromLink.listed, { prefix: 'q-', ids: 'q-1', done: true });
    expect(hub.told()).toContain('want q-1 active');
    startAnew(hub);
    for (let seconds = 0; seconds < 5; seconds++) hub.pass(1000);
    expect(hub.device('q-1')).toBeUndefined();
  });
});

describe('Without a link', () => {
  it('a device is let in after a second, and numbered here', () => {
    const { hub } = followed();
    cut(hub);
    const device = hub.connectDevice('dev-1');
    hub.send(device);
    hub.hush();
    expect(hub.owner.untilNextTimerMs()).toBeLessThanOrEqual(1000);
    hub.pass(990);
    expect(hub.got()).toEqual([]);
    hub.pass(10);
    const epoch = hub.epoch('dev-1');
    expect(epoch).not.toBe('abc');
    expect(hub.got()).toEqual([
      `entry ann : dev-1 online #0 of ${epoch} active`,
      'attach ann dev-1 after 0',
      'dev-1 #1 1',
    ]);
    startAnew(hub);
    expect(hub.told()).toContain('connected device dev-1');
  });

  it('a subscriber is let in after a second, and claimed by the next link', () => {
    const hub = new ClusterOwner();
    cut(hub);
    hub.connectSubscriber('ann');
    hub.pass(600);
    hub.connectSubscriber('bob');
    hub.pass(400);
    expect(hub.got()).toEqual(['joined ann']);
    hub.pass(600);
    expect(hub.got()).toEqual(['joined bob']);
    hub.hush();
    startAnew(hub);
    expect(hub.told()).toEqual(['resynced', 'connected subscriber ann', 'connected subscriber bob']);
  });

  it.each(['that is connected', 'that has gone'])(
    'a device %s as the owner dies is let in after a second',
    (how) => {
      const hub = new ClusterOwner();
      const device = hub.connectDevice('dev-1');
      if (how === 'that has gone') hub.disconnect(device);
      hub.anotherOwnerAlone(...(how === 'that has gone' ? [] : [device]));
      if (how === 'that is connected') hub.send(device);
      hub.pass(990);
      expect(hub.device('dev-1')).not.toMatch(/^online/);
      hub.pass(10);
      expect(hub.device('dev-1')).toMatch(/^online/);
      hub.pass(times.leaveGraceMs + 10);
      expect(hub.device('dev-1')).toMatch(how === 'that has gone' ? /^offline/ : /^online/);
    },
  );

  it('one connection of a subscriber is let in, though another waited as the link died', () => {
    const hub = new ClusterOwner({ capacity: { devices: 4000, subscribers: 20, subscriptions: 8000 } });
    const rows = Array.from({ length: 1700 }, (_, n) => ({
      device: `dev-${n}`,
      paused: n % 2 === 1,
      types: 0,
    }));
    hub.adopt('subscriber', 'ann', keptParts({ rows }));
    hub.settle();
    hub.surrender('subscriber', 'ann');
    hub.connectSubscriber('ann', 0, { ticket: 1 });
    cut(hub);
    hub.settle();
    hub.disconnect(hub.connectSubscriber('ann', 0, { ticket: 2 }));
    startAnew(hub);
    expect(hub.told()).toContain('hold subscriber ann');
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    hub.settle();
    expect(hub.got().filter((line) => line.startsWith('joined'))).toHaveLength(1);
    expect(hub.row('dev-2', 'ann')).toBe('inactive/disconnected');
  });

  it('a subscriber is let in after a second, though the last that the link said was its hello', () => {
    const hub = new ClusterOwner();
    hub.hasSaid(fromLink.hello, {});
    cut(hub);
    hub.connectSubscriber('ann');
    hub.pass(1000);
    expect(hub.got()).toEqual(['joined ann']);
  });

  it('nobody is let in alone who has a link to wait for', () => {
    const hub = new ClusterOwner();
    hub.connectSubscriber('ann');
    hub.connectDevice('dev-1');
    hub.pass(5000);
    expect(hub.got().filter((line) => line.includes('ann'))).toEqual([]);
    expect(hub.device('dev-1')).toMatch(/^offline/);
  });

  it('what was to move to another node stays', () => {
    const { hub, ann } = followed();
    hub.home('dev-2');
    hub.hasSaid(fromLink.surrender, { kind: HomeKind.subscriber, id: 'ann', conflict: false });
    hub.hasSaid(fromLink.surrender, { kind: HomeKind.device, id: 'dev-2', conflict: false });
    hub.owner.edgeGone(LINK);
    expect(hub.got()).not.toContain('closed ann 4004');
    hub.disconnect(ann);
    startAnew(hub);
    expect(hub.told()).toEqual(expect.arrayContaining(['hold subscriber ann', 'connected device dev-2']));
    expect(hub.row('dev-1', 'ann')).toBe('inactive/disconnected');
  });
});
