/**
 * A device that subscribers here followed on another node connected here, and an operator terminated it before this node
 * had its claim. The owner kept its link's name and level with the freed row: the next device in the row was not asked
 * for, and subscribers got the old one's events as that device's.
 */
import { expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

it('nothing of a device that is terminated while it is claimed falls to the next in its row', () => {
  const hub = new ClusterOwner({ capacity: { devices: 1, subscribers: 4, subscriptions: 4 } });
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1');
  hub.connectDevice('dev-1');
  hub.hush();
  hub.terminate('dev-1');
  expect(hub.told()).toEqual(['removed dev-1 terminated', 'forget device dev-1', 'unwant dev-1']);
  hub.hush();
  hub.ask(ann, 'subscribe', ['dev-2']);
  expect(hub.told()).toEqual(['want dev-2 active']);
  hub.says(fromLink.settled, { id: 'dev-2', found: false });
  hub.hush();
  hub.remoteEvent(1, 6);
  expect([hub.got(), hub.device('dev-2')]).toEqual([[], expect.stringContaining('offline #0')]);
});
