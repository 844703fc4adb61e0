/**
 * A node that drained handed over all that it kept at once. Where that was more than may wait for a node, the session
 * between the two ended, and what was on its way was lost. And what it left to a node that had begun to drain itself, and
 * had left its own already, ended with that node. Later, as many large ones as are let go at once were too much as well.
 */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { type SimulatedNode, Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

function cluster(...names: string[]) {
  const simulation = new Simulation(new Random(1), 0);
  const nodes = names.map((name) => simulation.start(name));
  simulation.run(3000);
  return { simulation, nodes };
}

/** The node keeps so much for each of these subscribers. */
function keeps(
  { host }: SimulatedNode,
  simulation: Simulation,
  ids: readonly string[],
  kept: readonly string[],
) {
  const connections = ids.map((id) => ({ id, alive: true, closed: undefined }));
  for (const connection of connections) host.connectSubscriber(connection);
  simulation.run(1000);
  for (const connection of connections) {
    host.subscribers.get(connection.id)!.kept.push(...kept);
    host.disconnectSubscriber(connection);
  }
  simulation.run(100);
}

function drain({ host, node }: SimulatedNode, ids: readonly string[]): void {
  host.draining = true;
  for (const id of ids) node.homes.leave(HomeKind.subscriber, id);
}

const idsOf = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
const countAt = ({ host }: SimulatedNode, ids: readonly string[], kept: number): number =>
  ids.filter((id) => host.subscribers.get(id)?.kept.length === kept).length;

describe('A node that drains', () => {
  it('hands over more than may wait for a node, and loses none of it', () => {
    const { simulation, nodes } = cluster('a', 'b');
    const [a, b] = nodes as [SimulatedNode, SimulatedNode];
    const ids = idsOf('sub', 600);
    const kept = idsOf('x'.repeat(100), 400); // 40 KB
    keeps(a, simulation, ids, kept);
    simulation.network.delayMs = [30, 40]; // so much takes its time
    const { resyncs } = a.node.figures;
    drain(a, ids);
    simulation.run(10_000);
    expect(a.node.figures.resyncs).toBe(resyncs);
    expect(countAt(b, ids, kept.length)).toBe(ids.length);
  });

  it('hands over large ones as there is room, one after the other', () => {
    const { simulation, nodes } = cluster('a', 'b');
    const [a, b] = nodes as [SimulatedNode, SimulatedNode];
    const ids = idsOf('sub', 70);
    const kept = idsOf('x'.repeat(100), 4000); // 400 KB
    keeps(a, simulation, ids, kept);
    simulation.network.delayMs = [30, 40];
    const { resyncs } = a.node.figures;
    drain(a, ids);
    simulation.run(10_000);
    expect(a.node.figures.resyncs).toBe(resyncs);
    expect(countAt(b, ids, kept.length)).toBe(ids.length);
  });

  it('has one whole whose peer comes again while it waits for room', () => {
    const { simulation, nodes } = cluster('a', 'b');
    const [a, b] = nodes as [SimulatedNode, SimulatedNode];
    const ids = idsOf('sub', 10);
    const kept = idsOf('x'.repeat(100), 4000);
    keeps(a, simulation, ids, kept);
    simulation.network.delayMs = [30, 40];
    drain(a, ids);
    simulation.run(5);
    const waits = ids.find(
      (id) => a.node.homes.get(HomeKind.subscriber, id)?.departure?.parts !== undefined,
    )!;
    const again = { id: waits, alive: true, closed: undefined };
    a.host.connectSubscriber(again);
    simulation.run(10_000);
    expect(again.closed).toBeUndefined();
    expect(a.host.subscribers.get(waits)).toMatchObject({ isHere: true, kept });
    expect(countAt(b, ids, kept.length)).toBe(ids.length - 1);
  });

  it('leaves nothing to a node that drains too', () => {
    const { simulation, nodes } = cluster('a', 'b', 'c');
    const [a, b, c] = nodes as [SimulatedNode, SimulatedNode, SimulatedNode];
    const [ofA, ofB] = [idsOf('a', 50), idsOf('b', 50)];
    keeps(a, simulation, ofA, ['dev-1']);
    keeps(b, simulation, ofB, ['dev-1']);
    drain(a, ofA);
    drain(b, ofB);
    simulation.run(1000);
    expect(countAt(c, [...ofA, ...ofB], 1)).toBe(100);
  });
});
