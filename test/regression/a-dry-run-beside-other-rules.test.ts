/**
 * Access rules that came through the cluster's bucket were put in force part by part with the same sweep that main's dry
 * runs use. A dry run that began meanwhile, as every change of the rules on any node begins one, made the rest of the
 * sweep a dry run too: subscriptions that the rules deny stayed, and the revision was confirmed.
 */
import { expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

const deny = (device: string) => ({ device, subscriber: '*', access: 'deny' }) as const;
/** More than one part of a sweep. */
const ROWS = 2100;

function following(): ClusterOwner {
  const hub = new ClusterOwner({
    capacity: { devices: 3000, subscribers: 4, subscriptions: 3000 },
    maxSubscriptionsPerSubscriber: 3000,
    ringBytes: 4 * 1024 * 1024,
  });
  hub.subscriber('ann');
  for (let n = 0; n < ROWS; n++) hub.setRow(`dev-${n}`, 'ann', 'active');
  hub.hush();
  return hub;
}

function obey(hub: ClusterOwner, revision: number, device: string): void {
  const changes = Buffer.from(JSON.stringify([{ kind: 'rules', rules: [deny(device)] }]));
  hub.says(fromLink.apply, { revision, whole: false, last: true, changes });
}

it('rules of the bucket are put in force while an operator tries out others', () => {
  const hub = following();
  obey(hub, 7, 'dev-*');
  expect(hub.row('dev-2050', 'ann')).toBe('active');
  hub.owner.operate({ kind: ToOwner.SetRules, rules: [], dryRun: true });
  hub.settle();
  expect(hub.row('dev-2050', 'ann')).toBeUndefined();
  expect(hub.told()).toContain('applied 7');
});

it('rules that an operator tries out are counted while the bucket brings others', () => {
  const hub = following();
  const first = hub.owner.operate({ kind: ToOwner.SetRules, rules: [deny('dev-*')], dryRun: true });
  expect(first).toMatchObject({ ok: true, removed: 1000, next: 1000 });
  obey(hub, 8, 'dev-1');
  hub.settle();
  expect(hub.owner.operate({ kind: ToOwner.SweepRules, from: 1000 })).toMatchObject({ removed: 1000 });
  expect(hub.row('dev-1500', 'ann')).toBe('active');
});
