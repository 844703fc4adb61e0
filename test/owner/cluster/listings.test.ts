import { describe, expect, it } from 'vitest';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';
import type { ClusterOptions } from './options.ts';

const LOOKUP_MS = 2000;

function withAnn(options: ClusterOptions = {}) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann');
  hub.hush();
  return { hub, ann };
}

const listed = (hub: ClusterOwner, prefix: string, ids: string[] = [], done = true) =>
  hub.says(fromLink.listed, { prefix, ids: ids.join('\n'), done });
const appeared = (hub: ClusterOwner, id: string) => hub.says(fromLink.appeared, { id });
const nowhere = (hub: ClusterOwner, id: string) => hub.says(fromLink.settled, { id, found: false });

/** `ann` has the filter, and no node has a device that it matches. */
function filtered(prefix = 'dev-', options: ClusterOptions = {}) {
  const { hub, ann } = withAnn(options);
  hub.ask(ann, 'subscribe', [`${prefix}*`]);
  listed(hub, prefix);
  hub.settle();
  hub.hush();
  return { hub, ann };
}

describe('A filter', () => {
  it('asks the other nodes for matching devices, and follows each that they tell of', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    expect(hub.told()).toEqual(['filter dev-*']);
    listed(hub, 'dev-', ['dev-1', 'dev-2'], false);
    expect(hub.told()).toEqual(['want dev-1 active', 'want dev-2 active']);
    listed(hub, 'dev-', ['dev-1', 'dev-3']);
    expect(hub.told()).toEqual(['want dev-3 active']);
    for (const ref of [1, 2, 3]) hub.joined(`dev-${ref}`, { ref });
    hub.settle();
    expect(hub.got()[0]).toBe('answer ann 1 : dev-*=3');
    hub.hush();
    hub.remoteEvent(3, 6);
    expect(hub.got()).toEqual(['dev-3 #6 1']);
    hub.pass(2 * LOOKUP_MS);
    expect(hub.told()).toEqual([]);
  });

  it('that is asked for already needs no other question, nor does one that it covers', () => {
    const { hub } = filtered();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-*']);
    hub.ask(bob, 'subscribe', ['dev-1*']);
    hub.settle();
    expect(hub.told()).toEqual([]);
    expect(hub.got()).toHaveLength(4); // answered, and a page each
  });

  it('is not covered by one that other nodes have not told all of, nor by a longer one', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'subscribe', ['dev-*']);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1*']);
    hub.ask(hub.subscriber('cid'), 'subscribe', ['de*']);
    expect(hub.told().filter((line) => line.startsWith('filter'))).toEqual(['filter dev-1*', 'filter de*']);
  });

  it('is asked for when the one that covered it has gone', () => {
    const { hub, ann } = filtered();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1*']);
    hub.settle();
    hub.hush();
    hub.ask(ann, 'unsubscribe', ['dev-*']);
    hub.settle();
    expect(hub.told()).toEqual(['unfilter dev-*', 'filter dev-1*']);
    hub.ask(bob, 'unsubscribe', ['dev-1*']);
    hub.settle();
    expect(hub.told()).toEqual(['unfilter dev-1*']);
  });

  it('that was covered and so not asked for is let go of without a word', () => {
    const { hub } = filtered();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1*']);
    hub.settle();
    hub.hush();
    hub.ask(bob, 'unsubscribe', ['dev-1*']);
    hub.settle();
    expect(hub.told()).toEqual([]);
  });

  it('is let go of when it goes, also when it came with requests that waited behind each other', () => {
    const { hub, ann } = filtered();
    const bob = hub.subscriber('bob');
    const filters = ['q*', 'dev-1*', 'dev-2*'];
    for (const filter of filters) hub.ask(bob, 'subscribe', [filter]);
    listed(hub, 'q');
    hub.settle();
    hub.ask(ann, 'unsubscribe', ['dev-*']);
    hub.settle();
    hub.hush();
    hub.ask(bob, 'unsubscribe', filters);
    hub.settle();
    expect(hub.told().sort()).toEqual(['unfilter dev-1*', 'unfilter dev-2*', 'unfilter q*']);
  });

  it('that covered another and stays, goes on covering it', () => {
    const { hub, ann } = filtered();
    hub.ask(ann, 'subscribe', ['dev-1*', 'q*']);
    listed(hub, 'q');
    hub.settle();
    hub.hush();
    hub.ask(ann, 'unsubscribe', ['q*']);
    hub.settle();
    expect(hub.told()).toEqual(['unfilter q*']);
  });

  it('that is refused is let go of', () => {
    const { hub, ann } = withAnn({ maxFiltersPerSubscriber: 0 });
    hub.ask(ann, 'subscribe', ['dev-*']);
    listed(hub, 'dev-');
    hub.settle();
    expect(hub.got()).toEqual(['answer ann 1 : !dev-*']);
    expect(hub.told()).toEqual(['filter dev-*', 'unfilter dev-*']);
  });

  it('that is to go on, and is not there, is not asked for', () => {
    const { hub, ann } = withAnn();
    hub.ask(ann, 'resume', ['dev-*']);
    hub.settle();
    expect(hub.got()).toEqual(['answer ann 1 : !dev-*']);
    expect(hub.told()).toEqual([]);
  });

  it('that has gone before other nodes have told all is complete for nobody', () => {
    const { hub } = filtered();
    listed(hub, 'gone-', []);
    hub.settle();
    expect(hub.told()).toEqual([]);
  });
});

describe('A device that connects on another node', () => {
  it('is looked up, and followed by the filters that match it', () => {
    const { hub } = filtered();
    appeared(hub, 'dev-1');
    expect(hub.told()).toEqual(['want dev-1 active']);
    hub.joined('dev-1');
    expect(hub.got()).toEqual(['page ann dev-* dev-1 online #5 of abc active', 'attach ann dev-1 after 5']);
    hub.pass(2 * LOOKUP_MS);
    expect(hub.told()).toEqual([]);
    hub.remoteEvent(1, 6);
    expect(hub.got()).toEqual(['dev-1 #6 1']);
  });

  it('is followed by filters though another subscriber had it by id before', () => {
    const { hub } = filtered();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1']);
    nowhere(hub, 'dev-1');
    hub.hush();
    appeared(hub, 'dev-1');
    hub.joined('dev-1');
    hub.settle();
    expect(hub.got()).toContain('page ann dev-* dev-1 online #5 of abc active');
  });

  it('that nobody tells more of is let go of after two seconds', () => {
    const { hub } = filtered();
    appeared(hub, 'dev-1');
    hub.hush();
    hub.pass(LOOKUP_MS - 1);
    expect(hub.told()).toEqual([]);
    hub.pass(1);
    expect(hub.told()).toEqual(['unwant dev-1']);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('is looked up once, and for two seconds from when it was first heard of', () => {
    const { hub } = filtered();
    appeared(hub, 'dev-1');
    hub.pass(LOOKUP_MS / 2);
    appeared(hub, 'dev-1');
    appeared(hub, 'dev-2');
    hub.told();
    hub.pass(LOOKUP_MS / 2);
    expect(hub.told()).toEqual(['unwant dev-1']);
    hub.pass(LOOKUP_MS / 2);
    expect(hub.told()).toEqual(['unwant dev-2']);
  });

  it('needs no lookup when its home is here, or it is just connecting here', () => {
    const { hub } = filtered();
    hub.home('dev-1');
    hub.connectDevice('dev-2');
    hub.hush();
    appeared(hub, 'dev-1');
    appeared(hub, 'dev-2');
    expect(hub.told()).toEqual([]);
  });

  it('finds no row: nothing happens', () => {
    const { hub } = filtered('dev-', { capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
    hub.home('dev-0');
    hub.hush();
    appeared(hub, 'dev-1');
    expect(hub.told()).toEqual([]);
  });

  it('that leaves the table while it is looked up is looked up again when it appears again', () => {
    const { hub } = filtered();
    appeared(hub, 'dev-1');
    hub.terminate('dev-1');
    hub.hush();
    hub.pass(LOOKUP_MS / 2);
    appeared(hub, 'dev-1');
    expect(hub.told()).toEqual(['want dev-1 active']);
    hub.pass(LOOKUP_MS / 2);
    expect(hub.told()).toEqual([]);
  });
});

describe('A device that filters match and nobody may follow', () => {
  const rules = [{ device: 'dev-1', subscriber: '*', access: 'deny' }] as const;
  const denied = () => {
    const { hub, ann } = filtered('dev-', { rules });
    appeared(hub, 'dev-1');
    hub.joined('dev-1');
    hub.settle();
    return { hub, ann };
  };

  it('is let go of', () => {
    const { hub } = denied();
    expect(hub.told()).toEqual(['want dev-1 active', 'unwant dev-1']);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
    expect(hub.got()).toEqual([]);
  });

  it('is remembered for the next who filters', () => {
    const { hub } = denied();
    hub.pass(10);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['q*']);
    expect(hub.told()).toEqual(['filter q*']);
    const cid = hub.subscriber('cid');
    hub.hush();
    hub.ask(cid, 'subscribe', ['dev-*']);
    expect(hub.told()).toEqual(['want dev-1 active']);
    expect(hub.got()).toEqual([]);
  });

  it('is looked up again when the rules may let somebody follow it', () => {
    const { hub } = denied();
    hub.pass(10);
    hub.told();
    const change = [{ kind: 'rules', rules: [] }];
    const changes = Buffer.from(JSON.stringify(change));
    hub.says(fromLink.apply, { revision: 3, whole: false, last: true, changes });
    expect(hub.told()).toEqual(['applied 3', 'want dev-1 active']);
    hub.joined('dev-1');
    hub.settle();
    expect(hub.got()).toContain('page ann dev-* dev-1 online #5 of abc active');
  });

  it('is looked up again when an operator allows one pair, and no other is', () => {
    const { hub } = denied();
    hub.pass(10);
    hub.told();
    hub.setRow('dev-1', 'ann', 'allow');
    expect(hub.told()[0]).toMatch(/^want dev-1 active/);
    hub.joined('dev-1');
    hub.settle();
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('is remembered as long as there is a filter, whichever goes', () => {
    const { hub } = denied();
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['q*']);
    listed(hub, 'q');
    hub.settle();
    hub.ask(bob, 'unsubscribe', ['q*']);
    hub.settle();
    hub.pass(10);
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-*']);
    expect(hub.told()).toEqual(['want dev-1 active']);
  });

  it('is forgotten when there is no filter any more', () => {
    const { hub, ann } = denied();
    hub.ask(ann, 'unsubscribe', ['dev-*']);
    hub.settle();
    hub.pass(10);
    hub.told();
    hub.ask(ann, 'subscribe', ['dev-*']);
    expect(hub.told()).toEqual(['filter dev-*']);
  });
});

describe('Without a filter', () => {
  it('nothing that becomes allowed is looked up', () => {
    const { hub } = withAnn({ defaultAccess: 'deny' });
    hub.setRow('dev-1', 'ann', 'deny');
    hub.told();
    hub.setRow('dev-1', 'ann', 'allow');
    expect(hub.told().filter((line) => line.startsWith('want'))).toEqual([]);
  });
});

describe('When the link starts anew', () => {
  it('it is asked for the filters again, and what it had told counts for nothing', () => {
    const { hub } = filtered();
    appeared(hub, 'dev-1');
    hub.told();
    hub.says(fromLink.hello, {});
    expect(hub.told().filter((line) => line.includes('filter'))).toEqual(['filter dev-*']);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-*']);
    hub.settle();
    expect(hub.got()).toEqual([]);
    listed(hub, 'dev-', ['dev-1']);
    hub.joined('dev-1');
    hub.settle();
    expect(hub.got()[0]).toBe('page ann dev-* dev-1 online #5 of abc active');
  });

  it('filters that were let go of are not asked for', () => {
    const { hub, ann } = filtered();
    hub.ask(ann, 'unsubscribe', ['dev-*']);
    hub.settle();
    hub.told();
    hub.says(fromLink.hello, {});
    expect(hub.told().filter((line) => line.includes('filter'))).toEqual([]);
  });
});
