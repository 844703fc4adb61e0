import { describe, expect, it } from 'vitest';
import { Level } from '../../../src/cluster/records.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { times } from './options.ts';

const DENIED = [{ device: 'dev-1', subscriber: '*', access: 'deny' }] as const;

/** A hub on which `ann` follows `dev-1`, whose home another node is. */
function followed(options = {}) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1');
  hub.hush();
  return { hub, ann };
}

describe('What the link is told that subscriptions want', () => {
  it('is the device as soon as it is looked up, and that it is held once there is a subscription by id', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.told();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.records()).toEqual([
      { is: 'want', id: 'dev-1', level: Level.active, holds: false, since: false, epoch: '', seq: 0 },
    ]);
    hub.joined('dev-1');
    expect(hub.told()).toEqual(['want dev-1 active held']);
  });

  it('follows the strongest of the subscriptions, and is told only when it changes', () => {
    const { hub, ann } = followed();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.told()).toEqual([]);
    hub.ask(ann, 'pause', ['dev-1']);
    expect(hub.told()).toEqual([]);
    hub.ask(bob, 'pause', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 idle held']);
    hub.ask(ann, 'resume', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active held']);
    hub.joined('dev-1');
    hub.disconnect(ann);
    expect(hub.told()).toContain('want dev-1 waiting held');
  });

  it('is nothing any more once the last subscription has gone', () => {
    const { hub, ann } = followed();
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    expect(hub.told()).toEqual(['unwant dev-1']);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
    expect(hub.told()).toEqual([]);
  });

  it('is not held by a filter, but by a subscription by id beside it', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.says(fromLink.listed, { prefix: 'dev-', ids: 'dev-1', done: true });
    hub.joined('dev-1');
    hub.settle();
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active held']);
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active']);
  });

  it('is not a device whose home is here', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    const ann = hub.subscriber('ann');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(ann, 'pause', ['dev-1']);
    expect(hub.told()).toEqual([]);
  });

  it('is unwanted when the device leaves the table for another reason', () => {
    const { hub } = followed();
    hub.terminate('dev-1');
    expect(hub.told()).toEqual(['removed dev-1 terminated', 'unwant dev-1']);
  });
});

describe('A lookup', () => {
  it('makes a device wanted for as long as somebody waits for it', () => {
    const hub = new ClusterOwner();
    const [ann, bob] = [hub.subscriber('ann'), hub.subscriber('bob')];
    hub.told();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active']);
    hub.disconnect(ann);
    expect(hub.told().filter((line) => line.includes('dev-1'))).toEqual([]);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeDefined();
    hub.disconnect(bob);
    expect(hub.told()).toContain('unwant dev-1');
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('leaves nothing behind when its subscriber may not follow the device', () => {
    const hub = new ClusterOwner({ rules: DENIED });
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.hush();
    hub.joined('dev-1');
    expect(hub.got()).toEqual(['answer ann 1 : !dev-1']);
    expect(hub.told()).toEqual(['unwant dev-1']);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('is over once the device has its home here', () => {
    const hub = new ClusterOwner({ rules: DENIED });
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.home('dev-1');
    expect(hub.got()).toContain('answer ann 1 : !dev-1');
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.told().filter((line) => line.startsWith('want'))).toEqual([]);
    expect(hub.device('dev-1')).toBeUndefined();
  });
});

describe('What the link has answered', () => {
  it('is answered at once to the next who asks', () => {
    const { hub } = followed();
    const bob = hub.subscriber('bob');
    hub.hush();
    const request = hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.got()[0]).toBe(`answer bob ${request} : dev-1 online #5 of abc active`);
  });

  it('counts for the level at which it was asked: one that was raised is answered anew', () => {
    const { hub, ann } = followed();
    hub.ask(ann, 'pause', ['dev-1']);
    const bob = hub.subscriber('bob');
    hub.hush();
    const request = hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active held']);
    expect(hub.got()).toEqual([]);
    hub.joined('dev-1', { seq: 9 });
    expect(hub.got()).toContain(`answer bob ${request} : dev-1 online #9 of abc active`);
  });

  it('does not count when it comes for a device of which no events are wanted', () => {
    const { hub, ann } = followed();
    hub.ask(ann, 'pause', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.got()).toEqual([]);
  });

  it('does not count when it comes for a device of which nothing is wanted', () => {
    const hub = new ClusterOwner();
    hub.setRow('dev-1', 'zoe', 'deny');
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-1']);
    expect(hub.got()).toEqual(['joined ann']);
  });

  it('holds no more once the home is lost', () => {
    const { hub } = followed();
    hub.says(fromLink.lost, { ref: 1 });
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.got()).toEqual([]);
  });

  it('does not count for a device that takes the row of one that has gone', () => {
    const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 10, subscriptions: 10 } });
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.pass(10);
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-2']);
    expect(hub.told()).toEqual(['want dev-2 active']);
    expect(hub.got()).toEqual([]);
  });
});

describe('A link that has started anew', () => {
  const start = (hub: ClusterOwner): string[] => {
    hub.told();
    hub.says(fromLink.hello, {});
    return hub.told().filter((line) => line.startsWith('want'));
  };

  it('goes on after what subscribers here have got', () => {
    const { hub } = followed();
    hub.remoteEvent(1, 6);
    expect(start(hub)).toEqual(['want dev-1 active held after abc 6']);
  });

  it('starts wherever the home is of a device that nobody has told of', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    expect(start(hub)).toEqual(['want dev-1 active held']);
  });

  it('needs no position of a device whose events nobody gets', () => {
    const { hub, ann } = followed();
    hub.disconnect(ann);
    expect(start(hub)).toEqual(['want dev-1 waiting held']);
  });

  it('has answered nothing', () => {
    const { hub } = followed();
    start(hub);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(hub.got()).toEqual([]);
    hub.pass(times.leaveGraceMs);
    expect(hub.got()).toHaveLength(2); // after a second what is known is answered, and the device attached
  });
});
