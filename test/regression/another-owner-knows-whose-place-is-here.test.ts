/**
 * In a cluster, an owner that took over did not know which subscribers had their place on its node. Their ids were not
 * claimed any more: a subscriber could be connected to two nodes, and what was kept of one that was away was lost when it
 * came back elsewhere.
 */
import { describe, expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';
import { keptOf } from '../support/kept-subscribers.ts';

function following(hub: ClusterOwner, id: string): number {
  const session = hub.subscriber(id);
  hub.ask(session, 'subscribe', ['dev-1']);
  hub.says(fromLink.settled, { id: 'dev-1', found: false });
  return session;
}

function keptRows(hub: ClusterOwner) {
  const parts = hub.records().filter(({ is }) => is === 'surrenderPart');
  return keptOf(parts.map(({ part }) => part!)).rows;
}

describe('after another owner has taken over', () => {
  it('a connected subscriber is claimed, and gives way to its connection on another node', () => {
    const hub = new ClusterOwner();
    const ann = following(hub, 'ann');
    hub.anotherOwner(ann);
    expect(hub.told()).toContain('connected subscriber ann');
    hub.surrender('subscriber', 'ann');
    expect(hub.got()).toContain('closed ann 4004');
    expect(keptRows(hub)).toMatchObject([{ device: 'dev-1' }]);
  });

  it('what is kept of one that is away has its place here, and moves along', () => {
    const hub = new ClusterOwner();
    hub.disconnect(following(hub, 'ann'));
    hub.anotherOwner();
    expect(hub.told()).toContain('hold subscriber ann');
    hub.surrender('subscriber', 'ann');
    expect(keptRows(hub)).toMatchObject([{ device: 'dev-1' }]);
  });

  it('one whose connection was lost with the owner is kept', () => {
    const hub = new ClusterOwner();
    following(hub, 'ann');
    hub.anotherOwner();
    expect(hub.told()).toContain('hold subscriber ann');
  });

  it('a subscriber that only operators have named has its place nowhere', () => {
    const hub = new ClusterOwner();
    hub.setRow('dev-1', 'ann', 'deny');
    hub.anotherOwner();
    expect(hub.told().filter((line) => line.includes('ann'))).toEqual([]);
  });
});
