import { describe, expect, it } from 'vitest';
import { ringBytesFor } from '../../../src/memory/ring.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';
import type { ClusterOptions } from './options.ts';

const WAIT_MS = 1000;

function withAnn(options: ClusterOptions = {}, devices?: readonly string[]) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann', 0, devices);
  hub.hush();
  return { hub, ann };
}

const answers = (hub: ClusterOwner) => hub.got().filter((line) => line.startsWith('answer'));
const nowhere = (hub: ClusterOwner, id: string) => hub.says(fromLink.settled, { id, found: false });
const listed = (hub: ClusterOwner, prefix: string, ids: string[] = []) =>
  hub.says(fromLink.listed, { prefix, ids: ids.join('\n'), done: true });

describe('A request that names devices', () => {
  it('waits until all that were named are found, or are nowhere', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2', 'dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active', 'want dev-2 active']);
    hub.joined('dev-1');
    expect(answers(hub)).toEqual([]);
    nowhere(hub, 'dev-2');
    const epoch = hub.epoch('dev-2');
    expect(answers(hub)).toEqual([
      `answer ann 1 : dev-1 online #5 of abc active; dev-2 offline #0 of ${epoch} active`,
    ]);
  });

  it('waits for what the home says: that it was found is not enough', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: true });
    hub.remote('dev-1');
    expect(answers(hub)).toEqual([]);
    hub.says(fromLink.caughtUp, { ref: 9 });
    expect(answers(hub)).toEqual([]);
    hub.says(fromLink.caughtUp, { ref: 1 });
    expect(answers(hub)).toHaveLength(1);
  });

  it('waits a second at most, and what comes later follows', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.owner.untilNextTimerMs()).toBe(WAIT_MS);
    hub.pass(400);
    expect(hub.owner.untilNextTimerMs()).toBe(WAIT_MS - 400);
    hub.pass(WAIT_MS - 401);
    expect(answers(hub)).toEqual([]);
    expect(hub.owner.untilNextTimerMs()).toBe(1);
    hub.pass(1);
    expect(answers(hub)).toEqual([`answer ann 1 : dev-1 offline #0 of ${hub.epoch('dev-1')} active`]);
    expect(hub.owner.untilNextTimerMs()).toBeGreaterThan(WAIT_MS);
    hub.got();
    hub.joined('dev-1');
    expect(hub.got()).toEqual(['entry ann : dev-1 online #5 of abc active', 'attach ann dev-1 after 5']);
  });

  it('is late by as much as the hub was busy, and by no more', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.clock.advance(3 * WAIT_MS);
    expect(hub.owner.untilNextTimerMs()).toBe(0);
  });

  it('is answered at once for devices whose home is here', () => {
    const { hub, ann } = withAnn();
    hub.home('dev-1');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.told()).toEqual([]);
  });

  it('waits for a device that is just connecting here', () => {
    const { hub, ann } = withAnn();
    hub.connectDevice('dev-1');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(answers(hub)).toEqual([]);
    hub.adopt('device', 'dev-1');
    expect(answers(hub)).toEqual([]);
    hub.release('device', 'dev-1');
    expect(answers(hub)).toEqual([expect.stringMatching(/^answer ann 1 : dev-1 online #1 of .* active$/)]);
  });

  it('waits for one whose claim takes the place of an answer that was there', () => {
    const { hub, ann } = withAnn();
    hub.ask(hub.subscriber('bob'), 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.connectDevice('dev-1');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(answers(hub)).toEqual([]);
  });

  it('looks up nothing that its token does not cover', () => {
    const { hub, ann } = withAnn({}, ['mine-*']);
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.told()).toEqual([]);
    expect(answers(hub)).toEqual(['answer ann 1 : !dev-1']);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('makes no rows for ids that no device has used beyond half of the table', () => {
    const { hub, ann } = withAnn({ capacity: { devices: 4, subscribers: 4, subscriptions: 10 } });
    hub.ask(ann, 'subscribe', ['a', 'b', 'c']);
    expect(hub.told()).toEqual(['want a active', 'want b active']);
    nowhere(hub, 'a');
    nowhere(hub, 'b');
    expect(answers(hub)[0]).toContain('!c');
    hub.told();
    hub.ask(ann, 'subscribe', ['a', 'd']);
    expect(answers(hub)[0]).toContain('!d');
  });

  it('of another kind waits for nothing', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'pause', ['dev-1']);
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.ask(ann, 'list');
    expect(answers(hub)).toEqual(['answer ann 1 : !dev-1', 'answer ann 2 : !dev-1', 'answer ann 3']);
    expect(hub.told()).toEqual([]);
  });

  it('resumes what it names once that is found', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.ask(ann, 'pause', ['dev-1']);
    hub.hush();
    hub.ask(ann, 'resume', ['dev-1']);
    expect(hub.told()).toEqual(['want dev-1 active held']);
    expect(answers(hub)).toEqual([]);
    hub.joined('dev-1', { seq: 8 });
    expect(answers(hub)).toEqual(['answer ann 3 : dev-1 online #8 of abc active']);
  });

  it('that resumes all waits for nothing', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    hub.ask(ann, 'pause');
    hub.settle();
    hub.hush();
    hub.ask(ann, 'resume');
    hub.settle();
    expect(answers(hub)).toHaveLength(1);
  });
});

describe('What a subscriber asks while a request of it waits', () => {
  it('is answered behind it, in order', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(ann, 'pause', ['dev-1']);
    hub.ask(ann, 'list');
    expect(answers(hub)).toEqual([]);
    hub.joined('dev-1');
    hub.settle();
    expect(answers(hub)).toEqual([
      'answer ann 1 : dev-1 online #5 of abc active',
      'answer ann 2 : dev-1 online #5 of abc paused',
      'answer ann 3 : dev-1 online #5 of abc paused',
    ]);
  });

  it('may wait in its turn, with what is behind it', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(ann, 'subscribe', ['dev-2']);
    hub.ask(ann, 'pause', ['dev-1']);
    hub.joined('dev-1');
    expect(answers(hub)).toEqual(['answer ann 1 : dev-1 online #5 of abc active']);
    hub.pass(WAIT_MS - 1);
    expect(answers(hub)).toEqual([]);
    hub.pass(1);
    expect(answers(hub)).toHaveLength(2);
  });

  it('does not hold up another subscriber', () => {
    const { hub, ann } = withAnn();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(bob, 'list');
    expect(answers(hub)).toEqual(['answer bob 2']);
  });
});

describe('The edge of one who waits', () => {
  it('is told that the request waits, and so does what its subscriber asks behind it', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(ann, 'pause', ['dev-1']);
    expect(hub.got()).toEqual([]);
    expect(hub.deferred).toEqual(['ann 1', 'ann 2']);
  });

  it('is not told so of what is answered at once', () => {
    const { hub, ann } = withAnn();
    hub.home('dev-1');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(ann, 'pause', ['dev-1']);
    expect(answers(hub)).toHaveLength(2);
    expect(hub.deferred).toEqual([]);
  });

  it('gets no answers while it is behind, and another edge does', () => {
    const { hub, ann } = withAnn({
      ringBytes: ringBytesFor(32 * 1024),
      capacity: { devices: 400, subscribers: 10, subscriptions: 400 },
    });
    const bob = hub.subscriber('bob', 1);
    const names = (from: number) => Array.from({ length: 60 }, (_, n) => `dev-${from + n}`);
    hub.ask(ann, 'subscribe', names(0));
    hub.ask(ann, 'subscribe', names(60));
    for (let n = 0; n < 2; n++) hub.pass(WAIT_MS); // its answers lie in the ring of its edge
    hub.ask(ann, 'subscribe', ['dev-x']);
    hub.ask(bob, 'subscribe', ['dev-x']);
    hub.pass(WAIT_MS);
    expect(hub.got(1)).toContain(`answer bob 4 : dev-x offline #0 of ${hub.epoch('dev-x')} active`);
    expect(answers(hub)).toHaveLength(2);
    hub.poll();
    expect(answers(hub)).toHaveLength(1);
  });
});

describe('Several who wait', () => {
  it('are answered a few in each poll when many have waited long enough at once', () => {
    const { hub } = withAnn({ capacity: { devices: 2000, subscribers: 10, subscriptions: 2000 } });
    const names = Array.from({ length: 300 }, (_, n) => `dev-${n}`);
    const all = ['bob', 'eve', 'joe'].map((id) => hub.subscriber(id));
    hub.hush();
    for (const one of all) hub.ask(one, 'subscribe', names);
    hub.pass(WAIT_MS);
    expect(answers(hub)).toHaveLength(2);
    expect(hub.owner.untilNextTimerMs()).toBe(0);
    hub.poll();
    expect(answers(hub)).toHaveLength(1);
    expect(hub.owner.untilNextTimerMs()).toBeGreaterThan(0);
  });

  it('for the same device are answered together', () => {
    const { hub, ann } = withAnn();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2']);
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.joined('dev-1');
    expect(answers(hub)).toEqual(['answer bob 2 : dev-1 online #5 of abc active']);
    nowhere(hub, 'dev-2');
    expect(answers(hub)).toHaveLength(1);
  });

  it('are each answered when their own second is over', () => {
    const { hub, ann } = withAnn();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.pass(300);
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.pass(WAIT_MS - 300);
    expect(answers(hub)).toEqual([expect.stringContaining('answer ann')]);
    hub.pass(300);
    expect(answers(hub)).toEqual([expect.stringContaining('answer bob')]);
  });

  it('lose nothing when one of them goes', () => {
    const { hub, ann } = withAnn();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.disconnect(ann);
    hub.pass(500);
    hub.joined('dev-1');
    expect(answers(hub)).toEqual(['answer bob 2 : dev-1 online #5 of abc active']);
  });

  it('go on looking for a device that came here and went to another node while one of them waits', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2']);
    hub.home('dev-1');
    hub.hush();
    hub.surrender('device', 'dev-1');
    expect(hub.told()).toContainEqual(expect.stringMatching(/^want dev-1 active/));
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.hush();
    nowhere(hub, 'dev-2');
    hub.pass(WAIT_MS - 10);
    expect(hub.told()).not.toContain('unwant dev-1');
  });

  it('are answered when the device leaves the table before it was found', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2']);
    hub.terminate('dev-1');
    expect(answers(hub)).toEqual([]);
    nowhere(hub, 'dev-1');
    nowhere(hub, 'dev-2');
    expect(answers(hub)).toHaveLength(1);
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });
});

describe('A device that leaves the table while it is looked up', () => {
  it('keeps nobody waiting who waits for it alone', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.terminate('dev-1');
    hub.poll();
    expect(answers(hub)).toHaveLength(1);
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('does not end the search for the next one in its row', () => {
    const { hub, ann } = withAnn({ capacity: { devices: 4, subscribers: 4, subscriptions: 10 } });
    const bob = hub.subscriber('bob');
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2']);
    hub.terminate('dev-1');
    hub.ask(bob, 'subscribe', ['dev-3']);
    hub.hush();
    nowhere(hub, 'dev-2');
    expect(answers(hub)).toHaveLength(1);
    expect(hub.told().filter((line) => line.includes('dev-3'))).toEqual([]);
    hub.joined('dev-3');
    expect(answers(hub)).toEqual([`answer bob 2 : dev-3 online #5 of abc active`]);
  });
});

it('A request of a connection that is over is not answered, and nothing is kept of it', () => {
  const { hub, ann } = withAnn();
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.ask(ann, 'list');
  hub.disconnect(ann);
  expect(hub.told()).toContain('unwant dev-1');
  hub.pass(WAIT_MS);
  expect(answers(hub)).toEqual([]);
  expect(hub.device('dev-1')).toBeUndefined();
});

describe('A request that names filters', () => {
  it('waits until every node has told its devices, and those are found', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*', 'dev-*']);
    expect(hub.told()).toEqual(['filter dev-*']);
    listed(hub, 'other-');
    listed(hub, 'dev-', ['dev-1']);
    hub.settle();
    expect(answers(hub)).toEqual([]);
    hub.joined('dev-1');
    hub.settle();
    expect(hub.got()).toEqual([
      'answer ann 1 : dev-*=1',
      'page ann dev-* dev-1 online #5 of abc active',
      'attach ann dev-1 after 5',
    ]);
  });

  it('waits for every filter that it names', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['a*', 'b*']);
    listed(hub, 'a');
    hub.settle();
    expect(answers(hub)).toEqual([]);
    listed(hub, 'b');
    hub.settle();
    expect(answers(hub)).toEqual(['answer ann 1 : a*=0; b*=0']);
  });

  it('waits a second at most', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.pass(WAIT_MS - 1);
    hub.settle();
    expect(answers(hub)).toEqual([]);
    hub.pass(1);
    hub.settle();
    expect(answers(hub)).toEqual(['answer ann 1 : dev-*=0']);
  });

  it('and that pauses or resumes them, waits for no node', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    listed(hub, 'dev-');
    hub.settle();
    hub.hush();
    hub.ask(ann, 'pause', ['dev-*']);
    hub.settle();
    hub.ask(ann, 'resume', ['dev-*']);
    hub.settle();
    expect(answers(hub)).toHaveLength(2);
    expect(hub.told()).toEqual([]);
  });

  it('wants its devices until their rows are there, and not longer', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    listed(hub, 'dev-', ['dev-1']);
    hub.joined('dev-1');
    hub.settle();
    hub.told();
    hub.ask(ann, 'unsubscribe', ['dev-*']);
    hub.settle();
    expect(hub.told()).toEqual(expect.arrayContaining(['unwant dev-1', 'unfilter dev-*']));
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('leaves nothing wanted when its connection is over before its devices came', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    listed(hub, 'dev-', ['dev-1']);
    hub.disconnect(ann);
    hub.pass(3000);
    hub.pass(10);
    expect(hub.told()).toEqual(expect.arrayContaining(['unwant dev-1', 'unfilter dev-*']));
    expect(hub.device('dev-1')).toBeUndefined();
  });
});
