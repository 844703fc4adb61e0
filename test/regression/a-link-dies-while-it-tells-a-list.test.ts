/**
 * A link that died between two parts of a list of operators' changes left the first with the owner, which put it in front
 * of the next link's list: that was no JSON, and the owner died. And the sweep of the list before was confirmed to a link
 * that had not asked for it.
 */
import { expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

const denial = { kind: 'pair', device: 'dev-1', subscriber: 'ann', access: 'deny' } as const;

function says(hub: ClusterOwner, revision: number, changes: readonly object[], whole = false): void {
  const bytes = Buffer.from(JSON.stringify(changes));
  hub.says(fromLink.apply, { revision, whole, last: true, changes: bytes });
}

it('half of a list is dropped when another link starts', () => {
  const hub = new ClusterOwner();
  const half = Buffer.from(JSON.stringify([denial])).subarray(0, 20);
  hub.says(fromLink.apply, { revision: 3, whole: true, last: false, changes: half });
  hub.says(fromLink.hello, {});
  hub.hush();
  says(hub, 3, [denial], true);
  expect(hub.row('dev-1', 'ann')).toBe('deny');
  expect(hub.told()).toContain('applied 3');
});

it('rules of the link before are put in force to the end, and confirmed to nobody', () => {
  const hub = new ClusterOwner({
    capacity: { devices: 3000, subscribers: 4, subscriptions: 3000 },
    maxSubscriptionsPerSubscriber: 3000,
    ringBytes: 4 * 1024 * 1024,
  });
  hub.subscriber('ann');
  for (let n = 0; n < 2100; n++) hub.setRow(`dev-${n}`, 'ann', 'active');
  says(hub, 7, [{ kind: 'rules', rules: [{ device: 'dev-*', subscriber: '*', access: 'deny' }] }]);
  expect(hub.row('dev-2050', 'ann')).toBe('active');
  hub.hasSaid(fromLink.hello, {});
  hub.settle();
  expect(hub.row('dev-2050', 'ann')).toBeUndefined();
  expect(hub.told().filter((line) => line.startsWith('applied'))).toEqual([]);
});
