/**
 * A subscriber that was given an id returns under it, as the client does. When it came to another node, it had two
 * connections, or nothing of what was kept for it: no node told the others whose generated ids it had, and none answered
 * who asked for one.
 */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { wholeCluster } from '../cluster/support/whole-cluster.ts';

const kind = HomeKind.subscriber;
const id = 's-1';

/** Hub `a` has given a subscriber its id, and a subscription to `dev-1`. */
function given() {
  const simulation = wholeCluster(['a', 'b'], 1);
  const [a, b] = [simulation.nodes.get('a')!, simulation.nodes.get('b')!];
  const first = a.host.connectSubscriber(id, true);
  simulation.run(20);
  a.host.ask(first, 'subscribe', ['dev-1']);
  simulation.run(1500);
  return { simulation, a, b, first };
}

describe('A subscriber that returns to another node under the id that it was given', () => {
  it('takes over there, and has its subscriptions', () => {
    const { simulation, a, b, first } = given();
    const again = b.host.connectSubscriber(id);
    simulation.run(1500);
    expect(first.frames.isOver).toBe(true);
    expect(again.frames.all).toMatchObject([{ op: 'welcome', resumed: ['dev-1'] }]);
    expect(a.node.homes.get(kind, id)).toBeUndefined();
    expect(a.host.reader.findSubscriber(id)).toBe(-1);
  });

  it('has what was kept since its connection was lost', () => {
    const { simulation, a, b, first } = given();
    a.host.leaveSubscriber(first);
    simulation.run(500);
    const again = b.host.connectSubscriber(id);
    simulation.run(1500);
    expect(again.frames.all).toMatchObject([{ op: 'welcome', resumed: ['dev-1'] }]);
  });
});

describe('A generated id', () => {
  it('is welcomed without asking other nodes', () => {
    const { simulation, a } = given();
    const { claims } = a.node.figures;
    const other = a.host.connectSubscriber('s-2', true);
    simulation.run(1500);
    expect(other.frames.all).toMatchObject([{ op: 'welcome', resumed: [] }]);
    expect(a.node.figures.claims).toBe(claims);
  });

  it('is forgotten with its last subscription', () => {
    const { simulation, a, first } = given();
    a.host.leaveSubscriber(first, 0);
    simulation.run(1500);
    expect(a.node.homes.get(kind, id)).toBeUndefined();
    expect(a.host.reader.findSubscriber(id)).toBe(-1);
  });
});
