/**
 * A subscriber waited until the other nodes had told which devices its filter matches, and meanwhile a filter of another
 * subscriber went: the nodes were told that nobody wanted the devices. The answer came after the longest wait, and
 * without them.
 */
import { expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

it('a request for a filter waits for its devices, whatever filter of another goes', () => {
  const hub = new ClusterOwner();
  const [ann, bob] = [hub.subscriber('ann'), hub.subscriber('bob')];
  hub.ask(bob, 'subscribe', ['q*']);
  hub.says(fromLink.listed, { prefix: 'q', ids: '', done: true });
  hub.settle();
  hub.hush();
  const request = hub.ask(ann, 'subscribe', ['dev-*']);
  hub.ask(bob, 'unsubscribe', ['q*']);
  hub.settle();
  expect(hub.told()).toEqual(['filter dev-*', 'unfilter q*']);
  hub.says(fromLink.listed, { prefix: 'dev-', ids: 'dev-1', done: true });
  hub.joined('dev-1');
  hub.settle();
  expect(hub.got()).toContain(`answer ann ${request} : dev-*=1`);
});
